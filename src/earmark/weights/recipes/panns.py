"""Weights of PANNs' Cnn14.

Q. Kong and others, "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition", IEEE/ACM TASLP
28, 2020; github.com/qiuqiangkong/audioset_tagging_cnn, weights at Zenodo, record 3987831. Names are kept; the buffers
of the spectrogram that the file also holds are left out, because the front end is earmark's.
"""

from __future__ import annotations

from itertools import pairwise

from earmark.weights.digests import sha256
from earmark.weights.recipes.checking import norm_shapes
from earmark.weights.recipes.recipe import Arrays, Recipe, Shapes, WeightsFile
from earmark.weights.sources import UrlSource
from earmark.weights.torch_reader import read_state_dict

__all__ = ["CNN14"]

_FILTERS = (1, 64, 128, 256, 512, 1024, 2048)
_MELS = 64
_CLASSES = 527


def _shapes() -> Shapes:
    shapes: dict[str, tuple[int, ...]] = norm_shapes("bn0", _MELS)
    for block, (inputs, outputs) in enumerate(pairwise(_FILTERS), start=1):
        for place, channels in ((1, inputs), (2, outputs)):
            shapes[f"conv_block{block}.conv{place}.weight"] = (outputs, channels, 3, 3)
            shapes |= norm_shapes(f"conv_block{block}.bn{place}", outputs)
    shapes |= {"fc1.weight": (2048, 2048), "fc1.bias": (2048,)}
    return shapes | {"fc_audioset.weight": (_CLASSES, 2048), "fc_audioset.bias": (_CLASSES,)}


_SHAPES = _shapes()


def _convert(contents: tuple[bytes, ...]) -> Arrays:
    (content,) = contents
    return read_state_dict(content, key="model")


CNN14 = Recipe(
    id="panns-cnn14",
    files=(
        WeightsFile(
            UrlSource(
                urls=("https://zenodo.org/record/3987831/files/Cnn14_mAP%3D0.431.pth",),
                # its MD5 is said to be 541141fa2ee191a88f24a3219fff024e
                digest=sha256("0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31", said=True),
                filename="Cnn14_mAP=0.431.pth",
            ),
            _convert,
        ),
    ),
    shapes=_SHAPES,
    licence="CC BY 4.0, as its Zenodo record states; not verified here",
    origin="Cnn14 of PANNs by Q. Kong and others, trained on AudioSet; fetched from Zenodo, record 3987831.",
    note="A large file of 327 MB.",
)
"""Recipe of Cnn14."""
