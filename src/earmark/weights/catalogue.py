"""Which weights there are by name, what is known of each, and where it lies once it is cached.

The cached file is `<cache>/weights/<id>.safetensors`.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from earmark.errors import WeightsError
from earmark.weights.cache import cache_directory
from earmark.weights.recipes import RECIPES, Recipe
from earmark.weights.safetensors_file import FileFacts, read_facts

__all__ = [
    "CacheState",
    "CardFacts",
    "cache_state",
    "cached_facts",
    "cached_file",
    "card_facts",
    "find_recipe",
    "is_cached",
]

CacheState = Literal["yes", "no", "own file", "damaged"]


@dataclass(frozen=True)
class CardFacts:
    """What a model card says about its weights.

    Attributes
    ----------
    licence : str
        Licence of the weights.
    origin : str
        Who made them and how they came here.
    note : str
        What a user should know about them.
    """

    licence: str
    origin: str
    note: str


def find_recipe(weights_id: str) -> Recipe:
    """Recipe of weights by name.

    Raises
    ------
    WeightsError
        If the name is unknown; it says which there are.
    """
    if weights_id not in RECIPES:
        close = get_close_matches(weights_id, RECIPES, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise WeightsError(f"There are no weights {weights_id!r}.{hint} There are: {', '.join(sorted(RECIPES))}.")
    return RECIPES[weights_id]


def card_facts(weights_id: str) -> CardFacts:
    """Licence, origin and note of weights by name."""
    recipe = find_recipe(weights_id)
    return CardFacts(recipe.licence, recipe.origin, recipe.note)


def cached_file(weights_id: str) -> Path:
    """Where the converted weights lie, or will lie once they are cached."""
    return cache_directory() / "weights" / f"{find_recipe(weights_id).id}.safetensors"


def is_cached(weights_id: str) -> bool:
    """Whether the converted weights lie in the cache (their content is proven when they are loaded)."""
    path = cached_file(weights_id)
    try:
        return path.is_file()
    except OSError as error:
        raise WeightsError(
            f"Cannot look at {path}: {error.strerror or error}. Allow it, or set EARMARK_CACHE to another folder."
        ) from error


def cached_facts(weights_id: str) -> FileFacts | None:
    """Read what the header of the cached file says; None if the weights are not cached.

    Raises
    ------
    WeightsError
        If the name is unknown, or the header cannot be read.
    """
    return read_facts(cached_file(weights_id)) if is_cached(weights_id) else None


def cache_state(weights_id: str) -> CacheState:
    """Say whether weights are cached: yes; no; an own file that the user accepted; or not readable.

    Raises
    ------
    WeightsError
        If the name is unknown.
    """
    find_recipe(weights_id)
    try:
        facts = cached_facts(weights_id)
    except WeightsError:
        return "damaged"
    if facts is None:
        return "no"
    return "own file" if facts.accepted else "yes"
