"""How tests make every model of the registry without a download: with weights of the right shapes, made on the spot.

The contract holds whatever the weights are; that the real ones give the right numbers is for the tests of each family.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from earmark import load_embedding
from earmark.embeddings import EmbeddingModel, edgel3, kumar, openl3, panns, soundnet, vggish, yamnet
from earmark.weights import RECIPES

FAMILIES = (edgel3, kumar, openl3, panns, soundnet, vggish, yamnet)
REGISTRATIONS = {each.card.name: each for family in FAMILIES for each in family.REGISTRATIONS}


#: Numbers of channels that are made smaller, so that large networks run in no time, by the first word of the weights'
#: name. Those of the output stay, as do bands of a spectrogram.
THINNER = {
    "openl3": {64: 4, 128: 8, 256: 16, 512: 32},
    "panns": {64: 4, 128: 8, 256: 16, 512: 32, 1024: 64},
    "vggish": {4096: 64},
}


def tensors_of(weights_id: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Tensors with the names and shapes of a recipe, some thinner, and with values that keep activations at bay."""
    thinner = THINNER.get(weights_id.partition("-")[0], {})
    generator = np.random.default_rng(seed)

    def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) > 1:  # He: uniform over the fan-in
            bound = np.sqrt(6 / np.prod(shape[1:]))
            return generator.uniform(-bound, bound, shape).astype(np.float32)
        low, high = (0.5, 1.5) if name.endswith(("running_var", ".weight")) else (-0.1, 0.1)
        return generator.uniform(low, high, shape).astype(np.float32)

    def smaller(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if name.startswith("bn0"):
            return shape
        kept = 1 if name.startswith("conv8") else 0
        return shape[:kept] + tuple(thinner.get(size, size) for size in shape[kept:])

    return {name: tensor(name, smaller(name, shape)) for name, shape in RECIPES[weights_id].shapes.items()}


def made(name: str, **options: object) -> EmbeddingModel:
    """A model with weights made on the spot, run by the reference, which needs no conversion."""
    registration = REGISTRATIONS[name]
    found = {}
    for weights_id in registration.card.weights_ids:
        found |= tensors_of(weights_id)
    return registration.load(tensors=found, **({"runtime": "torch"} | options))


#: How each model of the registry is made; YAMNet has its real weights (needs the fixture `yamnet_weights`).
MODELS: dict[str, Callable[[], EmbeddingModel]] = {
    "yamnet": partial(load_embedding, "yamnet"),
    **{name: partial(made, name) for name in sorted(REGISTRATIONS) if name != "yamnet"},
}

#: Models that differ from another one by nothing but their weights: trained on environmental sounds, not on music.
ALIKE = {name: name.replace("-env-", "-music-") for name in MODELS if name.startswith("openl3-env-")}
