"""Which embedding models there are: ours, those that installed packages add, and any module that follows HEAR.

A package adds its models through the entry-point group ``earmark.embeddings``; each entry point names a
`Registration` or a sequence of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.metadata import entry_points

from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.hear_module import PREFIX, hear_registration
from earmark.embeddings.model import EmbeddingModel
from earmark.embeddings.options import Option, read_options, split_name
from earmark.errors import SettingsError

__all__ = ["embedding_options", "list_embeddings", "load_embedding"]


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
        The same options as values, as in ``load_embedding("vggish", hop=0.48)``; see `embedding_options`.

    Returns
    -------
    EmbeddingModel
        Call it with samples and their rate.

    Raises
    ------
    SettingsError
        If there is no model of that name, or it has no such option or value.

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
    registration = _registration(base)
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
    return _registration(split_name(name)[0]).options


def _registration(base: str) -> Registration:
    if base.startswith(PREFIX):
        return hear_registration(base.removeprefix(PREFIX))
    known = _all()
    if base not in known:
        close = get_close_matches(base, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SettingsError(f"there is no embedding {base!r}.{hint} `earmark embeddings` lists all {len(known)}.")
    return known[base]


@lru_cache(maxsize=1)
def _all() -> dict[str, Registration]:
    from earmark.embeddings import edgel3, kumar, openl3, panns, soundnet, vggish, yamnet

    families = (edgel3, kumar, openl3, panns, soundnet, vggish, yamnet)
    found = {registration.card.name: registration for family in families for registration in family.REGISTRATIONS}
    for point in entry_points(group="earmark.embeddings"):
        loaded = point.load()
        added: Iterable[Registration] = [loaded] if isinstance(loaded, Registration) else loaded
        for registration in added:
            if registration.card.name in found:
                raise SettingsError(
                    f"two embeddings are called {registration.card.name!r}: the second comes from the entry point "
                    f"{point.value!r}. Uninstall one of the two packages."
                )
            found[registration.card.name] = registration
    return found
