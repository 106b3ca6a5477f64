"""Weights by name: made once from their recipe, kept as safetensors in the cache, offline from then on.

The cached file is `<cache>/weights/<id>.safetensors` (github.com/huggingface/safetensors: a JSON header and raw
tensors, nothing executable). Every load proves the tensors against the digest in the recipe, because that digest
is part of the fingerprint of each embedding computed from them.

A damaged cached file is reported, not silently replaced: earmark renames complete files into place, so damage
means a failing disk or a foreign hand, and the user should know. Deleting the file makes it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.cache import cache_directory, into_cache
from earmark.weights.recipes import RECIPES, Recipe, Tensors
from earmark.weights.sources import read_source

__all__ = [
    "CardFacts",
    "Weights",
    "card_facts",
    "is_cached",
    "load_weights",
    "tensors_digest",
    "weights_sha256",
]


@dataclass(frozen=True, eq=False)
class Weights:
    """Pre-trained weights, proven to be the ones of their recipe.

    Attributes
    ----------
    tensors : dict of str to ndarray of float32
        By name, in torch layout.
    sha256 : str
        Their `tensors_digest`.
    """

    tensors: Tensors
    sha256: str


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


def load_weights(weights_id: str) -> Weights:
    """Load weights by name; the first time they are fetched and converted, later no network is needed.

    A cached file that is damaged raises; it is not replaced behind the user's back. Delete it, and the next call
    makes it anew, from the download if that is still in the cache.

    Parameters
    ----------
    weights_id : str
        Such as `yamnet-w8a8`.

    Returns
    -------
    Weights
        The tensors and their digest.

    Raises
    ------
    WeightsError
        If the name is unknown, the source cannot be fetched or is not what its digest says, the cache cannot be
        written, or the cached file is damaged.
    """
    recipe = _recipe(weights_id)
    path = _cached_path(recipe)
    if not is_cached(weights_id):
        _make(recipe, path)
    tensors = _read(path)
    if (found := tensors_digest(tensors)) != recipe.tensors_sha256:
        raise _damaged(path, f"its tensors have SHA-256 {found}, expected {recipe.tensors_sha256}")
    return Weights(tensors, recipe.tensors_sha256)


def weights_sha256(weights_id: str) -> str:
    """Digest of the tensors by name, from the recipe alone: no file is touched, nothing is fetched."""
    return _recipe(weights_id).tensors_sha256


def is_cached(weights_id: str) -> bool:
    """Whether the converted weights lie in the cache (their content is proven when they are loaded)."""
    path = _cached_path(_recipe(weights_id))
    try:
        return path.is_file()
    except OSError as error:
        raise WeightsError(
            f"Cannot look at {path}: {error.strerror or error}. Allow it, or set EARMARK_CACHE to another folder."
        ) from error


def card_facts(weights_id: str) -> CardFacts:
    """Licence, origin and note of weights by name."""
    recipe = _recipe(weights_id)
    return CardFacts(recipe.licence, recipe.origin, recipe.note)


def tensors_digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over named tensors, the same on every machine and in whatever order they come.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Any numeric dtype, any memory layout.

    Returns
    -------
    str
        64 hexadecimal digits over, for each tensor by name: a line of JSON `[name, shape, dtype]`, then its
        values, little-endian, in C order.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, list(tensor.shape), tensor.dtype.name]).encode() + b"\n")
        digest.update(tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def _recipe(weights_id: str) -> Recipe:
    if weights_id not in RECIPES:
        raise WeightsError(f"There are no weights {weights_id!r}. Known: {', '.join(sorted(RECIPES))}.")
    return RECIPES[weights_id]


def _cached_path(recipe: Recipe) -> Path:
    return cache_directory() / "weights" / f"{recipe.id}.safetensors"


def _make(recipe: Recipe, path: Path) -> None:
    """Fetch, convert, check and store."""
    from safetensors.numpy import save

    try:
        tensors = recipe.convert(read_source(recipe.source))
    except WeightsError as error:
        raise WeightsError(f"The weights {recipe.id} cannot be had: {error}") from error
    if (found := tensors_digest(tensors)) != recipe.tensors_sha256:
        raise WeightsError(
            f"The conversion of {recipe.id} gave tensors with SHA-256 {found}, expected {recipe.tensors_sha256}; "
            "not stored. This is a fault of earmark or of its onnx package: please report it."
        )
    facts = {
        "licence": recipe.licence,
        "origin": recipe.origin,
        "source_sha256": recipe.source.sha256,
        "tensors_sha256": recipe.tensors_sha256,
    }
    # safetensors writes memory as it lies, so it must lie in C order.
    content = save({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}, metadata=facts)
    with into_cache(path) as partial:
        partial.write_bytes(content)


def _read(path: Path) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}. Allow reading it or delete it.") from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(path, f"not a sound safetensors file ({error})") from error


def _damaged(path: Path, why: str) -> WeightsError:
    return WeightsError(f"The cached weights {path} are damaged: {why}. Delete that file; it will be made anew.")
