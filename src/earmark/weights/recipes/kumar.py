"""Weights of the weak-label network of Kumar and others.

A. Kumar, M. Khadkevich, C. Fügen, "Knowledge Transfer from Weakly Labeled Audio using Convolutional Neural Network for
Sound Events and Scenes", ICASSP 2018; file in the repository github.com/anuragkr90/weak_feature_extractor, a state dict
of PyTorch's 0.3 era, whose names are kept.
"""

from __future__ import annotations

from itertools import pairwise

from earmark.weights.digests import Digest
from earmark.weights.recipes.checking import norm_shapes
from earmark.weights.recipes.recipe import Arrays, Recipe, Shapes, WeightsFile
from earmark.weights.sources import UrlSource
from earmark.weights.torch_reader import read_state_dict

__all__ = ["KUMAR"]

_CONVOLUTIONS = (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 18)  # the numbers between them are pools
_FILTERS = (1, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024)
_CLASSES = 527
_FILE = "mx-h64-1024_0d3-1.17.pkl"


def _shapes() -> Shapes:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (inputs, outputs) in zip(_CONVOLUTIONS, pairwise(_FILTERS), strict=True):
        width = 2 if layer == 18 else 3
        shapes |= {f"layer{layer}.0.weight": (outputs, inputs, width, width), f"layer{layer}.0.bias": (outputs,)}
        shapes |= norm_shapes(f"layer{layer}.1", outputs)
    return shapes | {"layer19.0.weight": (_CLASSES, 1024, 1, 1), "layer19.0.bias": (_CLASSES,)}


_SHAPES = _shapes()


def _convert(contents: tuple[bytes, ...]) -> Arrays:
    (content,) = contents
    return read_state_dict(content)


KUMAR = Recipe(
    id="kumar",
    files=(
        WeightsFile(
            UrlSource(
                urls=(
                    f"https://github.com/anuragkr90/weak_feature_extractor/raw/master/{_FILE}",
                    # A fork that has the same blob under another name. Its branch is assumed to be the conventional
                    # one; that could not be tried, and the digest decides in any case.
                    "https://github.com/cadurosar/weak_feature_extractor/raw/master/pretrained_model.pkl",
                ),
                digest=Digest("git-blob", "18f7764281ba48a5f0d5eff8dfd3792f44911839", said=True),
                filename=_FILE,
            ),
            _convert,
        ),
    ),
    shapes=_SHAPES,
    licence="none stated: the repository that carries the weights has no licence file; ask its authors",
    origin=(
        "The weak-label sound event network of A. Kumar and others, trained on AudioSet; fetched from their "
        "repository, or from a fork that has the same file."
    ),
    note="The file is a state dict of an early PyTorch; only tensors are read out of it.",
)
"""Recipe of Kumar's network."""
