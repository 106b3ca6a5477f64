"""YAMNet: MobileNet v1 trained on AudioSet (Plakal and Ellis, tensorflow/models, 2019).

Front end: that of `earmark.embeddings.audioset` with log(x + 0.001), a patch every 48 steps. Network: 3x3 convolution
and 13 depthwise-separable ones, batch normalisation folded in, ReLU, global average: 1024 values. The clip is
zero-padded at its end to a whole number of patches, as the reference implementation does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.embeddings import options
from earmark.embeddings.audioset import BANDS, PATCH_SAMPLES, PATCH_STEPS, RATE, STFT_HOP, PatchModel
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.layers import stages_of
from earmark.embeddings.modules import convolution
from earmark.weights import card_facts

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from earmark.runtime import Network

__all__ = ["REGISTRATIONS", "Yamnet"]

LOG_OFFSET = 0.001
HOP_SECONDS = PATCH_STEPS // 2 * STFT_HOP / RATE

#: Output channels and stride of each layer; the first is a full convolution, the others are depthwise-separable.
LAYERS = (
    *((32, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
LAYER_SIZES = {f"layer{number}": channels for number, (channels, _) in enumerate(LAYERS, 1)}

PAPER = "M. Plakal and D. Ellis, YAMNet, github.com/tensorflow/models, research/audioset/yamnet, 2019"


def _card(name: str, title: str, weights_id: str) -> EmbeddingCard:
    facts = card_facts(weights_id)
    return EmbeddingCard(
        name=name,
        version=1,
        title=title,
        sample_rate=RATE,
        window_seconds=PATCH_SAMPLES / RATE,
        hop_seconds=HOP_SECONDS,
        dimension=LAYERS[-1][0],
        padding="zeros at the end up to a whole number of frames; shorter clips up to one frame",
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
    "hop": options.hop(HOP_SECONDS),
    "layers": options.layers(LAYER_SIZES),
    "resampler": options.RESAMPLER,
    "runtime": options.RUNTIME,
}


class Yamnet(PatchModel):
    """YAMNet's 1024-value embeddings, one every 0.48 s.

    Parameters
    ----------
    card : EmbeddingCard
        Which weights.
    hop : float
        Step from one frame to the next in seconds, a multiple of 0.01.
    **settings
        ``tensors`` by the names of `yamnet_network`, ``layers``, ``resampler`` and ``runtime``; see `PatchModel`.

    Raises
    ------
    SettingsError
        If the hop is not a multiple of the spectrogram's.
    """

    def __init__(self, card: EmbeddingCard = CARD, *, hop: float = HOP_SECONDS, **settings: Any) -> None:
        super().__init__(card, OPTIONS, LAYER_SIZES, LOG_OFFSET, np.float32, "pad", hop=hop, **settings)

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `yamnet_network`."""
        return self.make(lambda: yamnet_network(tensors, self.layers), (1, PATCH_STEPS, BANDS))


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
