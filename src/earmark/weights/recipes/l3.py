"""Weights of the L3 family: OpenL3 in its six kinds, and EdgeL3.

OpenL3: J. Cramer, H.-H. Wu, J. Salamon, J. P. Bello, "Look, Listen and Learn More", ICASSP 2019; files on the branch
`models` of github.com/marl/openl3. One network serves both embedding sizes, which differ in the last pooling only.
EdgeL3: S. Kumari, D. Roy, M. Cartwright, J. P. Bello, A. Arora, "EdgeL^3", PAISE 2019; files on the branch `models` of
github.com/ksangeeta2429/edgel3. Both are gzipped HDF5 files of Keras, read by the order of their layers. Older files
begin with the spectrogram as a layer of its own, which is not needed: the front end is earmark's.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from earmark.weights.archive import gunzip
from earmark.weights.digests import Digest, sha256
from earmark.weights.hdf5_reader import read_keras_layers
from earmark.weights.recipes.checking import AFFINE, NORM, from_keras_layers, norm_shapes
from earmark.weights.recipes.recipe import Arrays, Recipe, Shapes, WeightsFile
from earmark.weights.sources import UrlSource

__all__ = ["EDGEL3", "OPENL3"]

_HDF5_LIMIT_BYTES = 2**26  # OpenL3 has 19 MB, EdgeL3 6 MB


def _shapes(filters: tuple[int, ...], normalised: int) -> Shapes:
    """Shapes of an L3 network whose first `normalised` convolutions are followed by a batch normalisation."""
    shapes: dict[str, tuple[int, ...]] = norm_shapes("bn0", 1)
    for place, (inputs, outputs) in enumerate(pairwise((1, *filters)), start=1):
        shapes |= {f"conv{place}.weight": (outputs, inputs, 3, 3), f"conv{place}.bias": (outputs,)}
        if place <= normalised:
            shapes |= norm_shapes(f"bn{place}", outputs)
    return shapes


def _convert(contents: tuple[bytes, ...], shapes: Shapes, whose: str) -> Arrays:
    """Name the layers of the file by their order."""
    (content,) = contents
    layers = read_keras_layers(gunzip(content, _HDF5_LIMIT_BYTES))
    if layers and len(layers[0].arrays) in (2, 3):  # kernels of the spectrogram and, of three, the mel bank
        layers = layers[1:]
    names = list(dict.fromkeys(name.partition(".")[0] for name in shapes))
    plan = [(name, NORM if name.startswith("bn") else AFFINE) for name in names]
    return from_keras_layers(layers, plan, whose)


_OPENL3_SHAPES = _shapes((64, 64, 128, 128, 256, 256, 512, 512), normalised=7)
_EDGEL3_SHAPES = _shapes((32, 32, 64, 64, 128, 128, 64, 64), normalised=8)

# Git's ids of the files, as the branch `models` lists them at its commit c2321e8; no file could be compared here. For
# mel256_music one third party states the SHA-256 e379f41e880b78e157c199ebddac80d3764e6a46282bcccdbe875bcf538f9afd too.
_OPENL3_BLOBS = {
    ("linear", "env"): "7837407f033f3564c7e8d53fc4a4241fe160478b",
    ("linear", "music"): "4e2e61beb17865481c8b8791c72eac8307e2753a",
    ("mel128", "env"): "8c3dfee140f7776373841e5938a3e76c54f28942",
    ("mel128", "music"): "73ff29de441865318c4b3a3f98c40763c4773e7c",
    ("mel256", "env"): "34dbd7a91cdd2de6a3d6d036ac0a24d27d78e3cc",
    ("mel256", "music"): "15e483646fa3d4091a463f0affbb706e6bbbb098",
}
_HEARD = {"music": "videos of people playing music", "env": "videos of everyday scenes"}


def _openl3(representation: str, content_type: str, blob: str) -> Recipe:
    filename = f"openl3_audio_{representation}_{content_type}-v0_4_0.h5.gz"
    whose = f"openl3-{representation}-{content_type}"
    source = UrlSource(
        urls=(f"https://github.com/marl/openl3/raw/models/{filename}",),
        digest=Digest("git-blob", blob, said=True),
        filename=filename,
    )
    return Recipe(
        id=whose,
        files=(WeightsFile(source, partial(_convert, shapes=_OPENL3_SHAPES, whose=whose)),),
        shapes=_OPENL3_SHAPES,
        licence="CC BY 4.0: name the authors (Cramer, Wu, Salamon, Bello)",
        origin=(
            "OpenL3 by the Music and Audio Research Lab of New York University, trained on AudioSet's "
            f"{_HEARD[content_type]}; fetched from the branch models of its repository."
        ),
        note=(
            "The same weights serve 512 and 6144 values. They were trained with the front end of openl3 up to 0.3.1, "
            "which 0.4 changed while it kept the weights."
        ),
    )


OPENL3 = tuple(_openl3(*kind, blob) for kind, blob in _OPENL3_BLOBS.items())
"""Recipes of OpenL3's six kinds."""

_EDGEL3_FILE = "edgel3_sea_ust_audio_emb_64.h5.gz"

EDGEL3 = Recipe(
    id="edgel3-sea-64",
    files=(
        WeightsFile(
            UrlSource(
                urls=(f"https://github.com/ksangeeta2429/edgel3/raw/models/{_EDGEL3_FILE}",),
                # the file was at hand: this digest and git's f3535405c91fe8da71f6456adb8a061213324239 are its own
                digest=sha256("d1cf0ce5640e93f07b3eef950f0694c40f3be33d8d7241deaea7f71e2f929a7f"),
                filename=_EDGEL3_FILE,
            ),
            partial(_convert, shapes=_EDGEL3_SHAPES, whose="edgel3-sea-64"),
        ),
    ),
    shapes=_EDGEL3_SHAPES,
    tensors_sha256="f7cbd70505fe480038f917ddd41efadf332c1886531bd6fcc6da8804fe4ca356",
    licence="none stated for the weights; the repository that carries them is under the MIT licence",
    origin=(
        "EdgeL3 by S. Kumari and others: OpenL3's network made small (specialised embedding approximation, 64 "
        "values) for urban sound; fetched from the branch models of its repository."
    ),
    note="Hears 8 kHz only. Unlike OpenL3's, its last convolution is followed by batch normalisation and ReLU.",
)
"""Recipe of EdgeL3-SEA-64."""
