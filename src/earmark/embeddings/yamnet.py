"""YAMNet: MobileNet v1 trained on AudioSet (Plakal and Ellis, tensorflow/models, 2019).

Front end: 16 kHz, 25 ms periodic Hann windows every 10 ms, 512-point FFT magnitudes, 64 HTK mel bands from 125 to
7500 Hz, log(x + 0.001); patches of 96 steps (0.96 s) every 48. Network: 3x3 convolution and 13 depthwise-separable
ones, batch normalisation folded in, ReLU, global average: 1024 values.

The clip is zero-padded at its end to a whole number of patches, as the reference implementation does, so a patch
covers 95 * 160 + 400 = 15600 samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, audioset_mel_bank, log_mel, stft_magnitude
from earmark.embeddings import options
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.layers import stages_of
from earmark.embeddings.modules import convolution
from earmark.embeddings.network_model import FramedModel
from earmark.weights import card_facts

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from earmark.runtime import Network

__all__ = ["REGISTRATIONS", "Yamnet"]

STFT_WINDOW, STFT_HOP, FFT_SIZE = 400, 160, 512  # samples: 25 ms, 10 ms
PATCH_STEPS, PATCH_HOP_STEPS = 96, 48
LOG_OFFSET = 0.001

#: Output channels and stride of each layer; the first is a full convolution, the others are depthwise-separable.
LAYERS = (
    *((32, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)

RATE = 16000
PAPER = "M. Plakal and D. Ellis, YAMNet, github.com/tensorflow/models, research/audioset/yamnet, 2019"


def _card(name: str, title: str, weights_id: str) -> EmbeddingCard:
    facts = card_facts(weights_id)
    return EmbeddingCard(
        name=name,
        version=1,
        title=title,
        sample_rate=RATE,
        window_seconds=((PATCH_STEPS - 1) * STFT_HOP + STFT_WINDOW) / RATE,
        hop_seconds=PATCH_HOP_STEPS * STFT_HOP / RATE,
        dimension=LAYERS[-1][0],
        padding="zeros at the end up to a whole number of patches; shorter clips up to one patch",
        weights_ids=(weights_id,),
        code_licence="Apache-2.0",
        weights_licence=facts.licence,
        paper=PAPER,
        origin=facts.origin,
        note=facts.note,
    )


CARD = _card("yamnet", "YAMNet, AudioSet-trained MobileNet (weights on an 8-bit grid)", "yamnet-w8a8")
FLOAT_CARD = _card("yamnet-float", "YAMNet, AudioSet-trained MobileNet (original float weights)", "yamnet-float")
OPTIONS = {
    "hop": options.hop(CARD.hop_seconds),
    "layers": options.layers(f"layer{number}" for number in range(1, len(LAYERS) + 1)),
    "resampler": options.RESAMPLER,
    "runtime": options.RUNTIME,
}


class Yamnet(FramedModel):
    """YAMNet's 1024-value embeddings, one every 0.48 s.

    Parameters
    ----------
    card : EmbeddingCard
        Which weights.
    tensors : mapping of str to ndarray, optional
        Weights to use instead, by the names of `yamnet_network`.
    hop : float
        Step from one patch to the next in seconds, a multiple of 0.01.
    layers : tuple of str
        Stages whose averaged activations are the embedding, ``"layer1"`` to ``"layer14"``; none for the network's own.
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
        hop: float = CARD.hop_seconds,
        layers: tuple[str, ...] = (),
        resampler: str = "soxr",
        runtime: str = "torch",
    ) -> None:
        spelled = options.spelled(card, OPTIONS, hop=hop, layers=layers, resampler=resampler, runtime=runtime)
        dimension = sum(channels for number, (channels, _) in enumerate(LAYERS, 1) if f"layer{number}" in layers)
        facts: dict[str, float | int | str] = {
            "fft_size": FFT_SIZE,
            "layers": "+".join(layers),
            "log_offset": LOG_OFFSET,
            "mel": "audioset 64 bands 125-7500 Hz",
            "patch_steps": PATCH_STEPS,
            "stft_hop": STFT_HOP,
            "stft_window": STFT_WINDOW,
        }
        super().__init__(
            replace(spelled, hop_seconds=hop, dimension=dimension or card.dimension),
            FrameGrid(
                RATE, (PATCH_STEPS - 1) * STFT_HOP + STFT_WINDOW, hop=STFT_HOP * options.steps(hop, STFT_HOP, RATE)
            ),
            facts,
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )
        self._layers = layers

    def front_end(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Log-mel patches of consecutive frames.

        Parameters
        ----------
        samples : ndarray of shape (n,), float32
            Samples at 16 kHz under the frames.
        frames : int
            Number of patches.

        Returns
        -------
        ndarray of shape (frames, 1, 96, 64), float32
        """
        spectrogram = stft_magnitude(samples, STFT_WINDOW, STFT_HOP, FFT_SIZE)
        mel = log_mel(spectrogram, audioset_mel_bank(), LOG_OFFSET)
        patches = np.lib.stride_tricks.sliding_window_view(mel, PATCH_STEPS, axis=0)[:: self.grid.hop // STFT_HOP][
            :frames
        ]
        return patches.transpose(0, 2, 1)[:, np.newaxis]

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `yamnet_network`."""
        from earmark.runtime import make_network

        return make_network(yamnet_network(tensors, self._layers), self.runtime, (1, PATCH_STEPS, 64))


def yamnet_network(tensors: Mapping[str, NDArray[np.float32]], layers: Sequence[str] = ()) -> torch.nn.Module:
    """MobileNet v1 as YAMNet has it, up to the global average.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``layer1.weight``, ``layer1.bias``, and for layers 2 to 14 ``layerN.depthwise.*`` and ``layerN.pointwise.*``,
        batch normalisation folded in; convolutions as (out, in / groups, height, width).
    layers : sequence of str
        Stages whose averaged activations are wanted instead; see `stages_of`.

    Returns
    -------
    torch.nn.Module
        (rows, 1, 96, 64) to (rows, 1024).
    """
    from torch import nn

    def three_by_three(name: str, stride: int, groups: int = 1) -> nn.Module:
        if stride == 1:
            return convolution(tensors, name, padding=1, groups=groups)
        # TensorFlow's SAME padding of an even size puts everything behind it.
        return nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), convolution(tensors, name, stride=stride, groups=groups))

    stages: dict[str, nn.Module] = {"layer1": three_by_three("layer1", LAYERS[0][1])}
    for number, ((channels, _), (_, stride)) in enumerate(pairwise(LAYERS), start=2):
        name = f"layer{number}"
        depthwise = three_by_three(f"{name}.depthwise", stride, groups=channels)
        stages[name] = nn.Sequential(depthwise, convolution(tensors, f"{name}.pointwise"))
    return stages_of(stages | {"average": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())}, layers)


REGISTRATIONS = tuple(Registration(card, partial(Yamnet, card), OPTIONS) for card in (CARD, FLOAT_CARD))
