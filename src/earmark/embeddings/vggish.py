"""VGGish (Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017), three conventions.

Front end: that of `earmark.embeddings.audioset` with log(x + 0.01), in float64 as in the reference implementation; its
patches ("examples") lie side by side. Network: six 3x3 convolutions, four max-pools, two layers of 4096 and one of 128
values.

- ``vggish``: the 128 values as they come, as the current reference (tensorflow/models) gives them.
- ``vggish-relu``: after a ReLU, as older versions of it and torchvggish give them.
- ``vggish-pca``: the values of ``vggish`` as AudioSet was published: rotated by the published PCA, clipped to [-2, 2],
  on 8 bits, which TensorFlow reaches by cutting off, not by rounding.

As in the reference an example that the clip does not fill is dropped, but a clip too short for one is padded with
zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.embeddings import options
from earmark.embeddings.audioset import BANDS, PATCH_SAMPLES, PATCH_STEPS, RATE, STFT_HOP, PatchModel
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.layers import stages_of
from earmark.embeddings.modules import channels_last, convolution, loaded
from earmark.weights import card_facts

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from earmark.runtime import Network

__all__ = ["REGISTRATIONS", "Vggish", "quantise", "vggish_network"]

LOG_OFFSET = 0.01
HOP_SECONDS = PATCH_STEPS * STFT_HOP / RATE
DIMENSION = 128

#: Convolutions by the reference's names: number in the weights, output channels, whether a max-pool follows.
CONVOLUTIONS = {
    "conv1": (0, 64, True),
    "conv2": (3, 128, True),
    "conv3_1": (6, 256, False),
    "conv3_2": (8, 256, True),
    "conv4_1": (11, 512, False),
    "conv4_2": (13, 512, True),
}
#: Fully connected layers before the last one.
DENSE = {"fc1_1": (0, 4096), "fc1_2": (2, 4096)}
LAST_DENSE = 4
LAYER_SIZES = {name: size for name, (_, size, _) in CONVOLUTIONS.items()} | {n: size for n, (_, size) in DENSE.items()}

PCA_OPTIONS = {"hop": options.hop(HOP_SECONDS), "resampler": options.RESAMPLER, "runtime": options.RUNTIME}
OPTIONS = PCA_OPTIONS | {"layers": options.layers(LAYER_SIZES)}


def _card(name: str, title: str, *weights_ids: str) -> EmbeddingCard:
    facts = card_facts(weights_ids[0])
    return EmbeddingCard(
        name=name,
        version=1,
        title=title,
        sample_rate=RATE,
        window_seconds=PATCH_SAMPLES / RATE,
        hop_seconds=HOP_SECONDS,
        dimension=DIMENSION,
        padding="a frame that the clip does not fill is dropped; shorter clips are padded with zeros to one frame",
        weights_ids=weights_ids,
        code_licence="Apache-2.0",
        weights_licence=facts.licence,
        paper="S. Hershey et al., CNN Architectures for Large-Scale Audio Classification, ICASSP 2017",
        origin=facts.origin,
        note=facts.note,
    )


CARD = _card("vggish", "VGGish before any activation", "vggish")
RELU_CARD = _card("vggish-relu", "VGGish after a ReLU (older implementations)", "vggish")
PCA_CARD = _card("vggish-pca", "VGGish with AudioSet's PCA and 8 bits", "vggish", "vggish-pca-params")


class Vggish(PatchModel):
    """VGGish's 128-value embeddings, one every 0.96 s.

    Parameters
    ----------
    card : EmbeddingCard
        Which of the three conventions.
    hop : float
        Step from one frame to the next in seconds, a multiple of 0.01.
    **settings
        ``tensors`` by the names of `vggish_network` (for ``vggish-pca`` also ``pca_eigen_vectors`` and ``pca_means``),
        ``layers``, ``resampler`` and ``runtime``; see `PatchModel`.

    Raises
    ------
    SettingsError
        If the hop is not a multiple of the spectrogram's.
    """

    batch_rows = 8

    def __init__(self, card: EmbeddingCard = CARD, *, hop: float = HOP_SECONDS, **settings: Any) -> None:
        self._relu, self._quantised = card.name == RELU_CARD.name, card.name == PCA_CARD.name
        super().__init__(card, OPTIONS, LAYER_SIZES, LOG_OFFSET, np.float64, "drop", hop=hop, **settings)

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `vggish_network` and `quantise`."""
        network = self.make(lambda: vggish_network(tensors, self.layers, relu=self._relu), (1, PATCH_STEPS, BANDS))
        if not self._quantised:
            return network
        eigen_vectors, means = tensors["pca_eigen_vectors"], tensors["pca_means"]
        return lambda batch: quantise(network(batch), eigen_vectors, means)


def vggish_network(
    tensors: Mapping[str, NDArray[np.float32]], layers: Sequence[str] = (), *, relu: bool = False
) -> torch.nn.Module:
    """VGG with six convolutions.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``features.N.weight`` as (out, in, 3, 3), ``embeddings.N.weight`` as (out, in), and ``.bias`` of each, numbered
        as in torchvggish.
    layers : sequence of str
        Layers whose averaged activations are wanted instead; see `stages_of`.
    relu : bool
        Whether the last layer is followed by a ReLU.

    Returns
    -------
    torch.nn.Module
        (rows, 1, 96, 64) to (rows, 128).
    """
    from torch import nn

    def dense(number: int) -> nn.Module:
        out, into = tensors[f"embeddings.{number}.weight"].shape
        return loaded(nn.Linear(into, out, device="meta"), tensors, f"embeddings.{number}")

    stages: dict[str, nn.Module] = {}
    for name, (number, _, pooled) in CONVOLUTIONS.items():
        stages[name] = convolution(tensors, f"features.{number}", padding=1)
        if pooled:
            stages[f"pool after {name}"] = nn.MaxPool2d(2)
    stages["flat"] = channels_last()
    for name, (number, _) in DENSE.items():
        stages[name] = nn.Sequential(dense(number), nn.ReLU(inplace=True))
    stages["fc2"] = dense(LAST_DENSE)
    return stages_of(stages | ({"relu": nn.ReLU()} if relu else {}), layers)


def quantise(
    embeddings: NDArray[np.float32], eigen_vectors: NDArray[np.float32], means: NDArray[np.float32]
) -> NDArray[np.float32]:
    """AudioSet's post-processing: PCA, clipping to [-2, 2], 8 bits by cutting off.

    Parameters
    ----------
    embeddings : ndarray of shape (frames, 128), float32
        Before any activation.
    eigen_vectors : ndarray of shape (128, 128), float32
        One a row.
    means : ndarray of shape (128,), float32
        Subtracted first.

    Returns
    -------
    ndarray of shape (frames, 128), float32
        Whole numbers from 0 to 255.
    """
    # In float64, so that no value crosses a border because of the batch that its frame rode in.
    rotated = (embeddings.astype(np.float64) - means) @ eigen_vectors.T.astype(np.float64)
    return np.floor((np.clip(rotated, -2.0, 2.0) + 2.0) * (255.0 / 4.0)).astype(np.float32)


REGISTRATIONS = (
    Registration(CARD, partial(Vggish, CARD), OPTIONS),
    Registration(RELU_CARD, partial(Vggish, RELU_CARD), OPTIONS),
    Registration(PCA_CARD, partial(Vggish, PCA_CARD), PCA_OPTIONS),
)
