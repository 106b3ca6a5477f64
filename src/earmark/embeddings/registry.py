"""Which embedding models there are: ours, and those that installed packages add.

A package adds its models through the entry-point group ``earmark.embeddings``; each entry point names a
`Registration` or a sequence of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.metadata import entry_points

from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.model import EmbeddingModel
from earmark.errors import SettingsError

__all__ = ["list_embeddings", "load_embedding"]


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
    >>> [card.name for card in list_embeddings("yam*")]
    ['yamnet']
    """
    return [registration.card for name, registration in sorted(_all().items()) if fnmatchcase(name, pattern)]


def load_embedding(name: str) -> EmbeddingModel:
    """Make an embedding model by its name.

    Its weights are loaded at the first use (and fetched, should they not be cached).

    Parameters
    ----------
    name : str
        One of the names in `list_embeddings`.

    Returns
    -------
    EmbeddingModel
        Call it with samples and their rate.

    Raises
    ------
    SettingsError
        If there is no model of that name.

    Examples
    --------
    >>> load_embedding("yamnet").card.dimension
    1024
    """
    known = _all()
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SettingsError(f"there is no embedding {name!r}.{hint} There are: {', '.join(sorted(known))}.")
    return known[name].load()


@lru_cache(maxsize=1)
def _all() -> dict[str, Registration]:
    from earmark.embeddings import yamnet

    found = {registration.card.name: registration for registration in yamnet.REGISTRATIONS}
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
