"""YAMNet: MobileNet v1 trained on AudioSet (Plakal and Ellis, tensorflow/models, 2019).

Front end: 16 kHz, 25 ms periodic Hann windows every 10 ms, 512-point FFT magnitudes, 64 HTK mel bands from 125 to
7500 Hz, log(x + 0.001); patches of 96 steps (0.96 s) every 48. Network: 3x3 convolution and 13 depthwise-separable
ones, batch normalisation folded in, ReLU, global average: 1024 values.

The clip is zero-padded at its end to a whole number of patches, as the reference implementation does, so a patch
covers 95 * 160 + 400 = 15600 samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, audioset_mel_bank, log_mel, stft_magnitude
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.model import FramedModel
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

WEIGHTS = "yamnet-w8a8"
FACTS = card_facts(WEIGHTS)
CARD = EmbeddingCard(
    name="yamnet",
    version=1,
    title="YAMNet, AudioSet-trained MobileNet (weights on an 8-bit grid)",
    sample_rate=16000,
    window_seconds=((PATCH_STEPS - 1) * STFT_HOP + STFT_WINDOW) / 16000,
    hop_seconds=PATCH_HOP_STEPS * STFT_HOP / 16000,
    dimension=1024,
    padding="zeros at the end up to a whole number of patches; shorter clips up to one patch",
    weights_id=WEIGHTS,
    code_licence="Apache-2.0",
    weights_licence=FACTS.licence,
    paper="M. Plakal and D. Ellis, YAMNet, github.com/tensorflow/models, research/audioset/yamnet, 2019",
    origin=FACTS.origin,
    note=FACTS.note,
)


class Yamnet(FramedModel):
    """YAMNet's 1024-value embeddings, one every 0.48 s."""

    card = CARD
    grid = FrameGrid(
        sample_rate=CARD.sample_rate,
        window=(PATCH_STEPS - 1) * STFT_HOP + STFT_WINDOW,
        hop=PATCH_HOP_STEPS * STFT_HOP,
    )
    front_end_facts = {  # noqa: RUF012 - a constant of the class
        "fft_size": FFT_SIZE,
        "log_offset": LOG_OFFSET,
        "mel": "audioset 64 bands 125-7500 Hz",
        "patch_steps": PATCH_STEPS,
        "stft_hop": STFT_HOP,
        "stft_window": STFT_WINDOW,
    }

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
        patches = np.lib.stride_tricks.sliding_window_view(mel, PATCH_STEPS, axis=0)[::PATCH_HOP_STEPS][:frames]
        return patches.transpose(0, 2, 1)[:, np.newaxis]

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `yamnet_network`."""
        from earmark.runtime import TorchNetwork

        return TorchNetwork(yamnet_network(tensors))


def yamnet_network(tensors: Mapping[str, NDArray[np.float32]]) -> torch.nn.Module:
    """MobileNet v1 as YAMNet has it, up to the global average.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``layer1.weight``, ``layer1.bias``, and for layers 2 to 14 ``layerN.depthwise.*`` and ``layerN.pointwise.*``,
        batch normalisation folded in; convolutions as (out, in / groups, height, width).

    Returns
    -------
    torch.nn.Module
        (rows, 1, 96, 64) to (rows, 1024).
    """
    import torch
    from torch import nn

    steps: list[nn.Module] = []

    def convolution(name: str, kernel: int, stride: int, groups: int) -> None:
        weight, bias = (torch.tensor(tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
        if kernel == 3 and stride == 2:  # TensorFlow's SAME padding of an even size
            steps.append(nn.ZeroPad2d((0, 1, 0, 1)))
        padding = 1 if kernel == 3 and stride == 1 else 0
        layer = nn.Conv2d(weight.shape[1] * groups, len(weight), kernel, stride, padding, groups=groups)
        layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
        steps.extend([layer, nn.ReLU(inplace=True)])

    convolution("layer1", kernel=3, stride=LAYERS[0][1], groups=1)
    for number, ((channels, _), (_, stride)) in enumerate(pairwise(LAYERS), start=2):
        convolution(f"layer{number}.depthwise", kernel=3, stride=stride, groups=channels)
        convolution(f"layer{number}.pointwise", kernel=1, stride=1, groups=1)
    return nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten()).requires_grad_(False)


REGISTRATIONS = (Registration(CARD, Yamnet),)
