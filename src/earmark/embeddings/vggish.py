"""VGGish (Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017), three conventions.

Front end: 16 kHz, 25 ms periodic Hann windows every 10 ms, 512-point FFT magnitudes, 64 HTK mel bands from 125 to
7500 Hz, log(x + 0.01), all in float64 as in the reference implementation; examples of 96 steps (0.96 s), side by side.
Network: six 3x3 convolutions, four max-pools, two layers of 4096 and one of 128 values.

- ``vggish``: the 128 values as they come, as the current reference (tensorflow/models) gives them.
- ``vggish-relu``: after a ReLU, as older versions of it and torchvggish give them.
- ``vggish-pca``: the values of ``vggish`` as AudioSet was published: rotated by the published PCA, clipped to [-2, 2],
  on 8 bits, which TensorFlow reaches by cutting off, not by rounding.

As in the reference an example that the clip does not fill is dropped, but a clip too short for one is padded with
zeros. An example covers 95 * 160 + 400 = 15600 samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, audioset_mel_bank, log_mel, stft_magnitude
from earmark.embeddings import options
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.layers import stages_of
from earmark.embeddings.modules import channels_last, convolution, loaded
from earmark.embeddings.network_model import FramedModel
from earmark.weights import card_facts

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from earmark.runtime import Network

__all__ = ["REGISTRATIONS", "Vggish", "quantise", "vggish_network"]

RATE = 16000
STFT_WINDOW, STFT_HOP, FFT_SIZE = 400, 160, 512  # samples: 25 ms, 10 ms
EXAMPLE_STEPS, BANDS = 96, 64
LOG_OFFSET = 0.01
HOP_SECONDS = EXAMPLE_STEPS * STFT_HOP / RATE
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
        window_seconds=((EXAMPLE_STEPS - 1) * STFT_HOP + STFT_WINDOW) / RATE,
        hop_seconds=HOP_SECONDS,
        dimension=DIMENSION,
        padding="an example that the clip does not fill is dropped; shorter clips are padded with zeros to one",
        weights_ids=weights_ids,
        code_licence="Apache-2.0",
        weights_licence=facts.licence,
        paper="S. Hershey et al., CNN Architectures for Large-Scale Audio Classification, ICASSP 2017",
        origin=facts.origin,
        note=facts.note,
    )


CARD = _card("vggish", "VGGish, 128 values before any activation", "vggish")
RELU_CARD = _card("vggish-relu", "VGGish, 128 values after a ReLU (older implementations)", "vggish")
PCA_CARD = _card("vggish-pca", "VGGish with AudioSet's PCA and 8 bits", "vggish", "vggish-pca-params")


class Vggish(FramedModel):
    """VGGish's 128-value embeddings, one every 0.96 s.

    Parameters
    ----------
    card : EmbeddingCard
        Which of the three conventions.
    tensors : mapping of str to ndarray, optional
        Weights to use instead, by the names of `vggish_network`; for ``vggish-pca`` also ``pca_eigen_vectors`` and
        ``pca_means``.
    hop : float
        Step from one example to the next in seconds, a multiple of 0.01.
    layers : tuple of str
        Layers whose averaged activations are the embedding, such as ``"conv4_2"`` or ``"fc1_2"``; none for the
        network's own.
    resampler, runtime : str
        See `NetworkModel`.

    Raises
    ------
    SettingsError
        If the hop is not a multiple of the spectrogram's.
    """

    def __init__(
        self,
        card: EmbeddingCard = CARD,
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        hop: float = HOP_SECONDS,
        layers: tuple[str, ...] = (),
        resampler: str = "soxr",
        runtime: str = "torch",
    ) -> None:
        spelled = options.spelled(card, OPTIONS, hop=hop, layers=layers, resampler=resampler, runtime=runtime)
        dimension = sum(LAYER_SIZES[name] for name in layers)
        step = STFT_HOP * options.steps(hop, STFT_HOP, RATE)
        super().__init__(
            replace(spelled, hop_seconds=hop, dimension=dimension or DIMENSION),
            FrameGrid(RATE, (EXAMPLE_STEPS - 1) * STFT_HOP + STFT_WINDOW, step, tail="drop"),
            {
                "fft_size": FFT_SIZE,
                "layers": "+".join(layers),
                "log_offset": LOG_OFFSET,
                "mel": "audioset 64 bands 125-7500 Hz, float64",
                "stft_hop": STFT_HOP,
                "stft_window": STFT_WINDOW,
            },
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )
        self._convention, self._layers = card.name, layers

    def front_end(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Log-mel examples of consecutive frames.

        Parameters
        ----------
        samples : ndarray of shape (n,), float32
            Samples at 16 kHz under the frames.
        frames : int
            Number of examples.

        Returns
        -------
        ndarray of shape (frames, 1, 96, 64), float32
        """
        spectrogram = stft_magnitude(samples.astype(np.float64), STFT_WINDOW, STFT_HOP, FFT_SIZE)
        mel = log_mel(spectrogram, audioset_mel_bank(dtype=np.float64), LOG_OFFSET).astype(np.float32)
        examples = np.lib.stride_tricks.sliding_window_view(mel, EXAMPLE_STEPS, axis=0)
        return examples[:: self.grid.hop // STFT_HOP][:frames].transpose(0, 2, 1)[:, np.newaxis]

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `vggish_network` and `quantise`."""
        from earmark.runtime import make_network

        module = vggish_network(tensors, self._layers, relu=self._convention == RELU_CARD.name)
        network = make_network(module, self.runtime, (1, EXAMPLE_STEPS, BANDS))
        if self._convention != PCA_CARD.name:
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
