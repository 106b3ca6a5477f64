"""Weights of VGGish, and the parameters of AudioSet's post-processing.

VGGish: S. Hershey and others, "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017; released in
github.com/tensorflow/models, research/audioset/vggish, as a TensorFlow V1 checkpoint. The port torchvggish
(github.com/harritaylor/torchvggish) carries the same weights as a PyTorch state dict, whose names are used here.
"""

from __future__ import annotations

from itertools import pairwise

from earmark.weights.checkpoint_reader import read_checkpoint
from earmark.weights.digests import Digest, sha256
from earmark.weights.npz_reader import read_npz
from earmark.weights.recipes.checking import torch_layout
from earmark.weights.recipes.recipe import Arrays, Recipe, Shapes, WeightsFile
from earmark.weights.sources import UrlSource
from earmark.weights.torch_reader import read_state_dict

__all__ = ["PCA", "VARIABLES", "VGGISH"]

VARIABLES = {
    "vggish/conv1": "features.0",
    "vggish/conv2": "features.3",
    "vggish/conv3/conv3_1": "features.6",
    "vggish/conv3/conv3_2": "features.8",
    "vggish/conv4/conv4_1": "features.11",
    "vggish/conv4/conv4_2": "features.13",
    "vggish/fc1/fc1_1": "embeddings.0",
    "vggish/fc1/fc1_2": "embeddings.2",
    "vggish/fc2": "embeddings.4",
}
"""Layers of the checkpoint, each with `/weights` and `/biases`, and their names in torch."""


def _shapes() -> Shapes:
    layers = list(VARIABLES.values())
    filters, widths = (1, 64, 128, 256, 256, 512, 512), (12288, 4096, 4096, 128)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (inputs, outputs) in zip(layers[:6], pairwise(filters), strict=True):
        shapes |= {f"{name}.weight": (outputs, inputs, 3, 3), f"{name}.bias": (outputs,)}
    for name, (inputs, outputs) in zip(layers[6:], pairwise(widths), strict=True):
        shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    return shapes


_SHAPES = _shapes()
_PCA_SHAPES: Shapes = {"pca_eigen_vectors": (128, 128), "pca_means": (128,)}


def _from_checkpoint(contents: tuple[bytes, ...]) -> Arrays:
    """Rename the variables; others that the file may hold keep their names."""
    (content,) = contents
    variables = read_checkpoint(content)
    found = {}
    for layer, name in VARIABLES.items():
        for variable, part in (("weights", "weight"), ("biases", "bias")):
            # taken out one by one, so that the large ones are not held twice
            if (array := variables.pop(f"{layer}/{variable}", None)) is not None:
                found[f"{name}.{part}"] = torch_layout(array)
    return found | variables


def _from_state_dict(contents: tuple[bytes, ...]) -> Arrays:
    (content,) = contents
    return read_state_dict(content)


def _from_npz(contents: tuple[bytes, ...]) -> Arrays:
    (content,) = contents
    found = read_npz(content, tuple(_PCA_SHAPES), limit_bytes=2**20)
    # VGGish's own code brings the means into the shape it needs, so a column counts as right too
    found["pca_means"] = found["pca_means"].ravel()
    return found


VGGISH = Recipe(
    id="vggish",
    files=(
        WeightsFile(
            UrlSource(
                urls=("https://storage.googleapis.com/audioset/vggish_model.ckpt",),
                digest=sha256("0962b1914e3e053922d957c45bc84a78c985765641dc6bceeeb3a7d8dfecfdf6", said=True),
                filename="vggish_model.ckpt",
            ),
            _from_checkpoint,
        ),
        WeightsFile(
            UrlSource(
                urls=("https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",),
                digest=Digest("sha256-start", "10086976", said=True),  # torch hub's habit: it is in the file's name
                filename="vggish-10086976.pth",
            ),
            _from_state_dict,
        ),
    ),
    shapes=_SHAPES,
    licence="Apache-2.0 (TensorFlow models, by Google)",
    origin=(
        "VGGish by Google, trained on a preliminary version of YouTube-8M; the checkpoint of the TensorFlow models, "
        "or the same weights as torchvggish carries them."
    ),
    note="A large file of 277 MB. The parameters of the post-processing are weights of their own, vggish-pca-params.",
)
"""Recipe of VGGish's network."""

PCA = Recipe(
    id="vggish-pca-params",
    files=(
        WeightsFile(
            UrlSource(
                urls=("https://storage.googleapis.com/audioset/vggish_pca_params.npz",),
                digest=sha256("4d878af3e306defbfb37095365aa7e5a6cecb86bad13e859e626151c4e6a8b9d", said=True),
                filename="vggish_pca_params.npz",
            ),
            _from_npz,
        ),
    ),
    shapes=_PCA_SHAPES,
    licence="Apache-2.0 (TensorFlow models, by Google)",
    origin="AudioSet's post-processing of VGGish embeddings, by Google: principal components and means.",
    note="Applied as pca_eigen_vectors @ (embedding - pca_means), then clipped and quantised to 8 bits.",
)
"""Recipe of VGGish's post-processing."""
