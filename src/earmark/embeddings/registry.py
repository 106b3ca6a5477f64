"""Which embedding models there are: ours, those that installed packages add, and any module that follows HEAR.

A package adds its models through the entry-point group ``earmark.embeddings``; each entry point names a
`Registration` or a sequence of them.

Names are taken as they are written in the list. One that is not there is refused with what was probably meant: names
are long, and their parts easily change places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.metadata import entry_points

from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.hear_api import foreign_code
from earmark.embeddings.hear_module import PREFIX, hear_registration
from earmark.embeddings.model import EmbeddingModel
from earmark.embeddings.options import RUNTIME, Option, misread, read_options, split_name
from earmark.errors import SettingsError

__all__ = [
    "PATTERN_SIGNS",
    "embedding_options",
    "embedding_registration",
    "list_embeddings",
    "load_embedding",
    "on_runtime",
]

#: What makes a name a shell pattern.
PATTERN_SIGNS = frozenset("*?[")

#: So many names are given in a hint, and how many more there are.
FEW = 3
#: A name less like what was typed than this is no hint.
LIKE = 0.6


def list_embeddings(pattern: str = "*") -> list[EmbeddingCard]:
    """List the cards of all embedding models whose name matches.

    Parameters
    ----------
    pattern : str
        Shell pattern, such as ``"openl3*"``.

    Returns
    -------
    list of EmbeddingCard
        Sorted by name.

    Examples
    --------
    >>> [card.name for card in list_embeddings("soundnet*")]
    ['soundnet-conv5', 'soundnet-conv7']
    """
    return [registration.card for name, registration in sorted(_all().items()) if fnmatchcase(name, pattern)]


def load_embedding(name: str, **options: object) -> EmbeddingModel:
    """Make an embedding model by its name.

    Its weights are loaded at the first use (and fetched, should they not be cached).

    Parameters
    ----------
    name : str
        One of the names in `list_embeddings`, or ``hear:`` and the name of a module; options may follow, as in
        ``"vggish:hop=0.48"``.
    **options
        The same options as values, as in ``load_embedding("vggish", hop=0.48)``;
        `earmark.embeddings.embedding_options` says which a model has.

    Returns
    -------
    EmbeddingModel
        Call it with samples and their rate.

    Raises
    ------
    SettingsError
        If there is no model of that name, or it has no such option or value.
    WeightsError
        Not here, but by the first use of the model: if its weights are not cached and cannot be fetched, or are
        damaged.

    Examples
    --------
    >>> load_embedding("yamnet").card.dimension
    1024
    >>> load_embedding("yamnet", hop=0.24).card.name
    'yamnet:hop=0.24'
    """
    base, said = split_name(name)
    if twice := sorted(said.keys() & options):
        raise SettingsError(f"the option {twice[0]} of {base} is given in its name and beside it. Give it once.")
    registration = embedding_registration(base)
    return registration.load(**read_options(base, registration.options, said | options))


def embedding_options(name: str) -> Mapping[str, Option]:
    """Which options a model has, with their defaults and what they say.

    Raises
    ------
    SettingsError
        If there is no model of that name.

    Examples
    --------
    >>> embedding_options("yamnet")["hop"].default
    0.48
    """
    return embedding_registration(split_name(name)[0]).options


def on_runtime(name: str, runtime: str) -> str:
    """Name an embedding as it is when another runtime runs its network.

    Parameters
    ----------
    name : str
        As for `load_embedding`.
    runtime : str
        One of `earmark.runtime.RUNTIMES`.

    Raises
    ------
    SettingsError
        If there is no such embedding, it runs in one way only, or its name asks for another runtime.

    Examples
    --------
    >>> on_runtime("yamnet:hop=0.24", "torch")
    'yamnet:hop=0.24:runtime=torch'
    """
    base, said = split_name(name)
    if runtime == RUNTIME.default or said.get("runtime") == runtime:
        return name
    if "runtime" in said:
        raise SettingsError(
            f"{name} names its runtime, and device and precision ask for {runtime}. Leave out the one or the other."
        )
    if "runtime" not in embedding_registration(base).options:
        raise SettingsError(
            f"{base} runs its network in its own way, not by {runtime}. Leave out the device and the precision, or "
            "name the others with :runtime= behind them."
        )
    return f"{name}:runtime={runtime}"


def embedding_registration(base: str) -> Registration:
    """Find a model by its name without options.

    Raises
    ------
    SettingsError
        If there is no model of that name.
    """
    if base.startswith(PREFIX):
        module, colon, rest = base.removeprefix(PREFIX).partition(":")
        registration = hear_registration(module)
        if colon:
            raise SettingsError(misread(PREFIX + module, rest, registration.options))
        return registration
    known = _all()
    if base not in known:
        raise SettingsError(_refusal(base, known))
    return known[base]


def _refusal(base: str, known: Mapping[str, Registration]) -> str:
    """Say why a name is none, and what was probably meant; short, however many there are."""
    if PATTERN_SIGNS & set(base):
        return (
            f"{base!r} is a pattern, and patterns are not taken here: one embedding is. "
            f"`earmark embeddings '{base.partition(':')[0]}'` lists those that match."
        )
    name, colon, rest = base.partition(":")
    if colon and name in known:
        return misread(name, rest, known[name].options)
    if "," in base:
        return f"{base!r} is more than one name, and one embedding is taken here. Name one."
    return f"there is no embedding {base!r}.{_hint(base, known)} `earmark embeddings` lists all {len(known)}."


def _hint(base: str, known: Mapping[str, Registration]) -> str:
    """Guess what was meant: the same in other writing, a beginning, a HEAR module, other parts, weights, a slip."""
    asked, names = base.partition(":")[0].strip().lower(), sorted(known)
    if asked == PREFIX.removesuffix(":"):
        return f" HEAR modules are named so: {PREFIX}{base.partition(':')[2].strip() or 'package.module'}."
    if not (letters := _letters(asked)):
        return ""
    same = [name for name in names if _letters(name) == letters]
    if begun := same or [name for name in names if _letters(name).startswith(letters)]:
        return _meant(begun, "These start so")
    if base.isascii() and all(part.isidentifier() for part in base.split(".")) and ("." in base or "hear" in asked):
        return f" A HEAR module? Write {PREFIX}{base}."
    parts = _parts(asked)
    permuted = [name for name in names if _parts(name) == parts]
    if near := permuted or [name for name in names if set(parts) <= set(_parts(name))]:
        return _meant(near, "These have all of its parts")
    if using := [name for name in names if asked in known[name].card.weights_ids]:
        return _meant(using, "These are made with the weights of that name")

    def likeness(name: str) -> float:
        pairs = ((asked, name), ("-".join(parts), "-".join(_parts(name))))
        return max(SequenceMatcher(None, *pair).ratio() for pair in pairs)

    best = max(names, key=likeness)
    return f" Did you mean {best!r}?" if likeness(best) >= LIKE else ""


def _meant(names: Sequence[str], what: str) -> str:
    if len(names) == 1:
        return f" Did you mean {names[0]!r}?"
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f" {what}: {', '.join(names[:FEW])}{more}."


def _letters(name: str) -> str:
    """Leave out what stands between the parts of a name."""
    return "".join(re.findall(r"[a-z0-9]", name))


def _parts(name: str) -> list[str]:
    """Parts of a name in the order of the alphabet, so that their order in the name does not count."""
    return sorted(re.findall(r"[a-z0-9]+", name))


@lru_cache(maxsize=1)
def _all() -> dict[str, Registration]:
    from earmark.embeddings import edgel3, kumar, openl3, panns, soundnet, vggish, yamnet

    families = (edgel3, kumar, openl3, panns, soundnet, vggish, yamnet)
    found = {registration.card.name: registration for family in families for registration in family.REGISTRATIONS}
    for point in entry_points(group="earmark.embeddings"):
        with foreign_code(f"the entry point {point.value!r} of the group earmark.embeddings", "failed", SettingsError):
            loaded = point.load()
            added: Iterable[Registration] = [loaded] if isinstance(loaded, Registration) else tuple(loaded)
        for registration in added:
            if registration.card.name in found:
                raise SettingsError(
                    f"two embeddings are called {registration.card.name!r}: the second comes from the entry point "
                    f"{point.value!r}. Uninstall one of the two packages."
                )
            found[registration.card.name] = registration
    return found
