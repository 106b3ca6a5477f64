"""SoundNet: a network over samples that learned from the images of two million videos.

Aytar, Vondrick and Torralba, "SoundNet: Learning sound representations from unlabeled video", NIPS 2016, with eight
layers. Samples at 22.05 kHz times 256; seven convolutions along time with batch normalisation and ReLU, each halving
the rate, max-pools after the first, second and fifth. The network pads with zeros within, at the clip's two ends.

- ``soundnet-conv5``: the fifth convolution after its pool, 256 values every 8192 samples.
- ``soundnet-conv7``: the seventh, 1024 values every 32768 samples.

A frame is a receptive field, and its time that field's exact centre: with conv5, frame j is centred on sample
``8192 j + 2287``, with conv7 on ``32768 j - 10001``: its first frame hears the beginning of the clip and as many zeros
before it. On ESC-10 the clips are told apart better with that frame (89.8 %) than without it (87.8 %).

With ``layers=`` frames are cells as long as the hop, side by side, and of each layer those activations are averaged
that are centred in the cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid
from earmark.embeddings import options
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.convolutional import (
    Cell,
    ConvolutionalModel,
    ReceptiveField,
    Sliding,
    least_rows,
    reach_of,
    receptive_field,
    zero_ended,
)
from earmark.embeddings.layers import steps_of
from earmark.embeddings.modules import convolution, paired
from earmark.weights import card_facts

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from earmark.runtime import Network

__all__ = ["CONVOLUTIONS", "REGISTRATIONS", "SoundNet", "slidings", "soundnet_network"]

RATE = 22050
SCALE = np.float32(256.0)
BN_EPSILON = 1e-5
STRIDE = 2  # of every convolution


@dataclass(frozen=True)
class Convolution:
    """A layer of the network.

    Attributes
    ----------
    channels, width : int
        Its filters, and their length.
    pool : int
        Width of the max-pool that follows, and its stride; 1 for none.
    """

    channels: int
    width: int
    pool: int = 1


CONVOLUTIONS = {
    "conv1": Convolution(16, 64, pool=8),
    "conv2": Convolution(32, 32, pool=8),
    "conv3": Convolution(64, 16),
    "conv4": Convolution(128, 8),
    "conv5": Convolution(256, 4, pool=4),
    "conv6": Convolution(512, 4),
    "conv7": Convolution(1024, 4),
}


def slidings(last: str) -> dict[str, Sliding]:
    """Return the stages up to one of them, by name, each with its way along the samples.

    Parameters
    ----------
    last : str
        A convolution, such as ``"conv5"``, or the pool behind it, ``"pool5"``.
    """
    stages: dict[str, Sliding] = {}
    for name, layer in CONVOLUTIONS.items():
        stages[name] = Sliding(layer.width, STRIDE, padding=layer.width // 2)
        if layer.pool > 1:
            stages[name.replace("conv", "pool")] = Sliding(layer.pool, layer.pool)
    names = list(stages)
    return {name: stages[name] for name in names[: names.index(last) + 1]}


def _field(stage: str) -> ReceptiveField:
    return receptive_field(slidings(stage).values())


#: The stage whose activations are the embedding, by the card's name.
OUTPUTS = {"soundnet-conv5": "pool5", "soundnet-conv7": "conv7"}
LAYERS = {name: tuple(layer for layer in slidings(output) if layer in CONVOLUTIONS) for name, output in OUTPUTS.items()}


def _card(name: str) -> EmbeddingCard:
    facts, field, layer = card_facts("soundnet"), _field(OUTPUTS[name]), LAYERS[name][-1]
    channels = CONVOLUTIONS[layer].channels
    return EmbeddingCard(
        name=name,
        version=1,
        title=f"SoundNet, {layer}",
        sample_rate=RATE,
        window_seconds=field.width / RATE,
        hop_seconds=field.stride / RATE,
        dimension=channels,
        padding="zeros within the network at both ends of the clip; shorter clips up to one frame",
        weights_ids=("soundnet",),
        code_licence="MIT",
        weights_licence=facts.licence,
        paper="Y. Aytar, C. Vondrick and A. Torralba, SoundNet: Learning Sound Representations from Unlabeled Video, "
        "NIPS 2016",
        origin=facts.origin,
        note=facts.note,
    )


CARDS = tuple(_card(name) for name in OUTPUTS)
OPTIONS = {
    name: {"layers": options.layers(LAYERS[name]), "resampler": options.RESAMPLER, "runtime": options.RUNTIME}
    for name in OUTPUTS
}


class SoundNet(ConvolutionalModel):
    """SoundNet's fifth or seventh convolution over the whole clip.

    Parameters
    ----------
    card : EmbeddingCard
        Which of the two.
    tensors : mapping of str to ndarray, optional
        Weights to use instead, by the names of `soundnet_network`.
    layers : tuple of str
        Convolutions up to the card's whose averaged activations are the embedding, such as ``"conv3"``; none for the
        card's own.
    resampler, runtime : str
        See `NetworkModel`.
    """

    def __init__(
        self,
        card: EmbeddingCard,
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        layers: tuple[str, ...] = (),
        resampler: str = "soxr",
        runtime: str = "openvino",
    ) -> None:
        spelled = options.spelled(card, OPTIONS[card.name], layers=layers, resampler=resampler, runtime=runtime)
        output = OUTPUTS[card.name]
        field = _field(output)
        hop = field.stride
        if layers:
            self.cells = {name: _cell(_field(name), hop) for name in layers}
            grid = FrameGrid(RATE, window=hop, hop=hop)
            spelled = replace(
                spelled,
                window_seconds=hop / RATE,
                dimension=sum(CONVOLUTIONS[name].channels for name in layers),
                padding="zeros at the end up to a whole number of frames, and within the network at both ends",
            )
        else:
            self.cells = {output: Cell()}
            grid = FrameGrid(RATE, field.width, hop, lead=field.lead)
        self.least_samples = least_rows(slidings(output).values(), 1)
        self.reach = reach_of((_field(name), cell) for name, cell in self.cells.items())
        self.steps_per_block = max(1, (1 << 19) // hop)  # 17 MB for the activations of the first layer
        self.layers = layers
        super().__init__(
            spelled,
            grid,
            {"layers": "+".join(layers), "scale": float(SCALE)},
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )

    def rows(self, stream: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Scale samples as in training, and complete the clip.

        Parameters
        ----------
        stream : iterable of ndarray of shape (n,), float32
            Consecutive samples at 22.05 kHz.

        Yields
        ------
        ndarray of shape (n,), float32
            As many samples and those that the last frame lacks.
        """
        for block in zero_ended(stream, self._length):
            yield block * SCALE

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `soundnet_network`."""
        example_samples = self.reach.before + self.reach.after
        return self.make(lambda: soundnet_network(tensors, self.cells), (example_samples,), free_axes=(0,))

    def _length(self, samples: int) -> int:
        """How many samples a clip is padded to."""
        return self.grid.span(self.grid.count(samples)) if self.layers else max(samples, self.least_samples)


def _cell(field: ReceptiveField, hop: int) -> Cell:
    """Which activations are centred in a cell of `hop` samples; cell 0 begins with the clip."""
    activations = hop // field.stride
    return Cell(field.first_inside, activations, activations)


def soundnet_network(tensors: Mapping[str, NDArray[np.float32]], cells: Mapping[str, Cell]) -> torch.nn.Module:
    """Build the convolutional network up to the last stage that is wanted.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``convN.weight`` (out, in, width), ``convN.bias``, and ``bnN.weight``, ``.bias``, ``.running_mean`` and
        ``.running_var``, for the layers 1 to 7.
    cells : mapping of str to Cell
        For each wanted stage, ``"conv1"`` to ``"conv7"`` or ``"pool5"``, which activations make a step.

    Returns
    -------
    torch.nn.Module
        (rows, samples) to (rows, steps, values).
    """
    from torch import nn

    last = max(cells, key=lambda name: len(slidings(name)))
    stages: dict[str, nn.Module] = {}
    for name, sliding in slidings(last).items():
        if name == "conv1":
            stages[name] = _first_convolution(tensors)
        elif name in CONVOLUTIONS:
            normalisation = name.replace("conv", "bn")
            stages[name] = convolution(
                tensors, name, normalisation, epsilon=BN_EPSILON, stride=sliding.stride, padding=sliding.padding
            )
        else:
            stages[name] = nn.MaxPool1d(sliding.width)
    return steps_of(stages, cells)


def _first_convolution(tensors: Mapping[str, NDArray[np.float32]]) -> nn.Module:
    """Build the first convolution over pairs of samples, of half the width and without a stride: the same sums.

    As it stands OpenVINO takes 66 ms to prepare it for each new length of a clip, so 8.
    """
    weight = tensors["conv1.weight"]
    pairs = weight.reshape(len(weight), -1, STRIDE).transpose(0, 2, 1)
    padding = CONVOLUTIONS["conv1"].width // 2 // STRIDE
    stage = convolution({**tensors, "conv1.weight": pairs}, "conv1", "bn1", epsilon=BN_EPSILON, padding=padding)
    return paired(stage)


REGISTRATIONS = tuple(Registration(card, partial(SoundNet, card), OPTIONS[card.name]) for card in CARDS)
