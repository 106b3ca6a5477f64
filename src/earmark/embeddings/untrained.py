"""Embeddings with random weights: what a network hears before it has learnt anything.

They need no download, and are the measure of what pre-training adds. Their name says what they are, and so does every
table.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.embeddings.options import read_options, split_name
from earmark.embeddings.registry import embedding_registration
from earmark.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.embeddings.model import EmbeddingModel

__all__ = ["load_untrained", "random_tensors"]

#: Stands behind the name of an embedding that has them.
MARK = "(random weights)"


def load_untrained(name: str, seed: int = 0) -> EmbeddingModel:
    """Load an embedding model with random weights in the place of trained ones.

    Parameters
    ----------
    name : str
        As for `load_embedding`: one of ours, options included.
    seed : int
        Of the weights.

    Returns
    -------
    EmbeddingModel
        Its card's name ends in ``"(random weights)"``.

    Raises
    ------
    SettingsError
        If there is no model of that name, or it brings its own weights, as HEAR modules do.

    Examples
    --------
    >>> load_untrained("openl3-music-mel256-512:hop=1").card.name
    'openl3-music-mel256-512:hop=1.0 (random weights)'
    """
    base, said = split_name(name)
    registration = embedding_registration(base)
    if not registration.card.weights_ids:
        raise SettingsError(f"{base} brings its own weights, so it cannot have random ones. Name one of earmark's own.")
    tensors: dict[str, NDArray[np.float32]] = {}
    for weights_id in registration.card.weights_ids:
        tensors |= random_tensors(weights_id, seed)
    model = registration.load(tensors=tensors, **read_options(base, registration.options, said))
    note = "Random weights, never trained: for comparison only."
    model.card = replace(model.card, name=f"{model.card.name} {MARK}", note=note, origin="", weights_licence="none")
    return model


def random_tensors(weights_id: str, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Draw weights of the shapes that a network needs, such that activations neither fade nor grow.

    Weights are uniform over their fan-in (He, Zhang, Ren and Sun, ICCV 2015), variances and factors of normalisations
    in [0.5, 1.5], all else in [-0.1, 0.1].

    Parameters
    ----------
    weights_id : str
        Such as ``"openl3-mel256-music"``.
    seed : int
        Same seed, same numbers.

    Returns
    -------
    dict of str to ndarray of float32
        By the names of the recipe.

    Raises
    ------
    WeightsError
        If there are no weights of that name.
    """
    from earmark.weights import find_recipe

    generator = np.random.default_rng([seed, zlib.crc32(weights_id.encode())])  # each network has its own

    def drawn(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        low, high = (0.5, 1.5) if name.endswith(("running_var", ".weight")) else (-0.1, 0.1)
        if len(shape) > 1:
            high = float(np.sqrt(6 / np.prod(shape[1:])))
            low = -high
        return generator.uniform(low, high, shape).astype(np.float32)

    return {name: drawn(name, shape) for name, shape in find_recipe(weights_id).shapes.items()}
