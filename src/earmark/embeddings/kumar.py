"""Kumar's network for weakly labelled sound events, trained on AudioSet.

Kumar, Khadkevich and Fügen, "Knowledge transfer from weakly labeled audio using convolutional neural network for sound
events and scenes", ICASSP 2018; github.com/anuragkr90/weak_feature_extractor.

Front end: 44.1 kHz, the clip mirrored outwards by 512 samples at both ends, 1024-point transforms under a periodic Hann
window every 512 samples, power through 128 Slaney mel bands from 0 Hz to half the rate, decibels, no lower than 80
below the loudest value of the whole clip. So nothing can go to the network before the whole clip was heard: the
spectrogram is kept on disk (in memory while it is small) until its maximum is known, and read back in blocks.

Network: 3x3 convolutions with batch normalisation and ReLU, halved in time and frequency after layers 2, 5, 8, 11, 14
and 16, and layer 18, which joins two steps and the two bands that are left to 1024 values. It runs over the whole clip:
a step speaks of 128 spectrogram frames, 64 after those of the step before (its receptive field is 316). The reference
averages the steps of a clip; here they are the frames.

The reference continues the spectrogram of clips too short for a step with rows of 0 dB, which are loud.
``padding="reference"`` does that too; by default the clip is continued with silence. What resampy makes of another rate
is, as by librosa in 2018, completed to ``ceil(n * 44100 / rate)`` samples by a zero where it is one short.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, banded_mel_bank, decibels, reflected, stft_power
from earmark.embeddings import options
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.convolutional import (
    Cell,
    ConvolutionalModel,
    Sliding,
    reach_of,
    receptive_field,
    zero_ended,
)
from earmark.embeddings.layers import layered, steps_of
from earmark.embeddings.model import Heard
from earmark.embeddings.modules import convolution
from earmark.errors import SettingsError
from earmark.files import advice
from earmark.weights import card_facts

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from earmark.runtime import Network

__all__ = ["REGISTRATIONS", "Kumar", "floored", "kumar_network", "mel_decibels"]

RATE = 44100
FFT_SIZE, STFT_HOP, BANDS = 1024, 512, 128
RANGE_DB = 80.0
BN_EPSILON = 1e-5  # of PyTorch

#: Output channels of the convolutions by the reference's names.
CHANNELS = dict(
    zip(
        (f"layer{number}" for number in (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 18)),
        (16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024),
        strict=True,
    )
)
LAST = "layer18"
#: The layers in between: max-pools.
POOLS = ("layer3", "layer6", "layer9", "layer12", "layer15", "layer17")

#: What a step speaks of, in frames of the spectrogram.
STEP_ROWS, STEP_HOP_ROWS = 128, 64
#: From the centre of a step's first spectrogram frame to that of its last one: with as many samples a clip has a step.
GRID = FrameGrid(RATE, (STEP_ROWS - 1) * STFT_HOP, STEP_HOP_ROWS * STFT_HOP, tail="drop")

#: Spectrogram frames that are made at a time (1 MB under the transforms), and bytes of them that are held in memory.
ROWS_PER_RUN, SPOOL_BYTES = 256, 1 << 23

PADDINGS = {
    "silence": "what the clip's end does not fill of a step is dropped; shorter clips are continued with zeros to one",
    "reference": "what the clip's end does not fill of a step is dropped; the spectrograms of shorter clips are "
    "continued with rows of 0 dB to one",
}

FACTS = card_facts("kumar")
CARD = EmbeddingCard(
    name="kumar",
    version=1,
    title="Kumar's network for weakly labelled sound events, layer 18",
    sample_rate=RATE,
    window_seconds=GRID.window / RATE,
    hop_seconds=GRID.hop / RATE,
    dimension=CHANNELS[LAST],
    padding=PADDINGS["silence"],
    weights_ids=("kumar",),
    code_licence="none stated",
    weights_licence=FACTS.licence,
    paper="A. Kumar, M. Khadkevich and C. Fügen, Knowledge Transfer from Weakly Labeled Audio Using Convolutional "
    "Neural Network for Sound Events and Scenes, ICASSP 2018",
    origin=FACTS.origin,
    note=FACTS.note,
)
OPTIONS = {
    "layers": options.layers(CHANNELS),
    "padding": options.choice("silence", "reference", says="what clips too short for a frame are continued with"),
    "resampler": options.RESAMPLER,
    "runtime": options.RUNTIME,
}


def _sliding(stage: str) -> Sliding:
    if stage in POOLS:
        return Sliding(2, stride=2)
    return Sliding(2) if stage == LAST else Sliding(3, padding=1)


#: All layers, and each one's way along the frames of the spectrogram.
SLIDINGS = {stage: _sliding(stage) for stage in (f"layer{number}" for number in range(1, 19))}
#: Of the last layer; no other one hears more for a step.
REACH = reach_of([(receptive_field(SLIDINGS.values()), Cell())])


class Kumar(ConvolutionalModel):
    """The 1024 values of layer 18, one frame every 0.743 s.

    Parameters
    ----------
    tensors : mapping of str to ndarray, optional
        Weights to use instead, by the names of `kumar_network`.
    layers : tuple of str
        Layers whose averaged activations are the embedding, ``"layer1"`` to ``"layer18"`` without the pools; none for
        the network's own.
    padding : {"silence", "reference"}
        What clips too short for a frame are continued with; see the module.
    resampler, runtime : str
        See `NetworkModel`.
    """

    reach = REACH
    steps_per_block = 32  # 2048 spectrogram frames: 17 MB for the activations of the first layer

    def __init__(
        self,
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        layers: tuple[str, ...] = (),
        padding: str = "silence",
        resampler: str = "soxr",
        runtime: str = "openvino",
    ) -> None:
        card = options.spelled(CARD, OPTIONS, layers=layers, padding=padding, resampler=resampler, runtime=runtime)
        super().__init__(
            replace(layered(card, CHANNELS, layers), padding=PADDINGS[padding]),
            GRID,
            {
                "fft_size": FFT_SIZE,
                "layers": "+".join(layers),
                "mel": f"slaney {BANDS} bands 0-{RATE // 2} Hz, power",
                "range_db": RANGE_DB,
                "stft_hop": STFT_HOP,
            },
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )
        self.layers, self.padding = layers, padding

    def resampled(self, heard: Heard, sample_rate: int) -> Iterable[NDArray[np.float32]]:
        """Bring what is heard to 44.1 kHz; see the module for what resampy makes of it."""
        stream = super().resampled(heard, sample_rate)
        if self.resampler == "soxr" or sample_rate == RATE:
            return stream
        return zero_ended(stream, lambda samples: max(samples, -(-heard.samples * RATE // sample_rate)))

    def rows(self, stream: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Turn samples into the spectrogram.

        Parameters
        ----------
        stream : iterable of ndarray of shape (n,), float32
            Consecutive samples at 44.1 kHz.

        Yields
        ------
        ndarray of shape (m, 128), float32
            Consecutive frames in decibels, at least 128 in all.

        Raises
        ------
        SettingsError
            If the spectrogram of a long clip cannot be kept in the folder for temporary files.
        """
        if self.padding == "silence":
            stream = zero_ended(stream, lambda samples: max(samples, GRID.window))
        frames = 0
        for rows in floored(mel_decibels(stream)):
            frames += len(rows)
            yield rows
        yield np.zeros((max(0, STEP_ROWS - frames), BANDS), np.float32)

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `kumar_network`."""
        return self.make(lambda: kumar_network(tensors, self.layers), (STEP_ROWS, BANDS), free_axes=(0,))


def mel_decibels(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Mel spectrogram of a stream, mirrored at both ends, in decibels.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n,), float32
        Consecutive samples at 44.1 kHz, at least one.

    Yields
    ------
    ndarray of shape (m, 128), float32
        Consecutive frames, frame t centred on sample 512 t: one, and one more for every 512 samples.
    """
    bank = banded_mel_bank(RATE, FFT_SIZE, BANDS, 0.0, RATE / 2)
    cut = FrameGrid(RATE, FFT_SIZE, STFT_HOP, tail="drop")
    for samples, _ in cut.runs(reflected(blocks, FFT_SIZE // 2), ROWS_PER_RUN):
        yield decibels(stft_power(samples, FFT_SIZE, STFT_HOP, FFT_SIZE) @ bank)


def floored(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Raise what is more than 80 dB below the loudest value of a spectrogram to that level.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n, 128), float32
        Consecutive frames in decibels, at least one. All are kept, on disk when they are many, before one is given.

    Yields
    ------
    ndarray of shape (m, 128), float32
        The same frames.

    Raises
    ------
    SettingsError
        If they cannot be kept in the folder for temporary files.
    """
    loudest = np.float32(-np.inf)
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        for block in blocks:
            loudest = np.maximum(loudest, block.max())
            _keep(spool, block)
        spool.seek(0)
        while kept := spool.read(ROWS_PER_RUN * BANDS * loudest.itemsize):
            yield np.maximum(np.frombuffer(kept, np.float32).reshape(-1, BANDS), loudest - np.float32(RANGE_DB))


def _keep(spool: tempfile.SpooledTemporaryFile[bytes], block: NDArray[np.float32]) -> None:
    try:
        spool.write(block.tobytes())
    except OSError as error:
        raise SettingsError(
            f"the spectrogram of a long clip could not be kept in a temporary file ({error.strerror or error}). "
            f"{advice(error)}, or set TMPDIR to another folder."
        ) from error


def kumar_network(tensors: Mapping[str, NDArray[np.float32]], layers: Sequence[str] = ()) -> torch.nn.Module:
    """Build the convolutional network up to layer 18.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``layerN.0.weight`` (out, in, time, frequency) and ``layerN.0.bias`` of the convolutions, ``layerN.1.weight``,
        ``.bias``, ``.running_mean`` and ``.running_var`` of their batch normalisations.
    layers : sequence of str
        Layers whose activations are wanted instead, averaged over all bands and over a step's 128 spectrogram frames.

    Returns
    -------
    torch.nn.Module
        (rows, frames, 128) to (rows, steps, 1024), ``steps = frames // 64 - 1``; at least 128 frames.
    """
    from torch import nn

    stages = {
        name: nn.MaxPool2d(2)
        if name in POOLS
        else convolution(tensors, f"{name}.0", f"{name}.1", epsilon=BN_EPSILON, padding=sliding.padding)
        for name, sliding in SLIDINGS.items()
    }
    return steps_of(stages, {name: _cell(name) for name in layers or (LAST,)})


def _cell(layer: str) -> Cell:
    """Which activations of a layer lie in a step's spectrogram frames."""
    if layer == LAST:  # one activation a step
        return Cell()
    names = list(SLIDINGS)
    stride = receptive_field(SLIDINGS[name] for name in names[: names.index(layer) + 1]).stride
    return Cell(width=STEP_ROWS // stride, hop=STEP_HOP_ROWS // stride)


REGISTRATIONS = (Registration(CARD, Kumar, OPTIONS),)
