"""PANNs Cnn14 (Kong et al., IEEE/ACM TASLP 2020): a deep network trained on AudioSet, 2048 values.

Front end, as in the authors' audioset_tagging_cnn with torchlibrosa 0.1: 32 kHz, both ends mirrored outwards by 512
samples, 1024-point power spectra under a periodic Hann window every 320 samples, 64 Slaney mel bands from 50 to
14000 Hz, decibels of no less than 1e-10, without a floor below the loudest. Network: batch normalisation of each band,
six blocks of two 3x3 convolutions, averages of 2x2 after the first five; mean over frequency, largest plus mean over
time, one dense layer.

The reference makes one embedding of a whole clip: ``window=clip`` is that. The convolutions then run over blocks of the
clip that overlap as far as they reach, and the largest value and the mean are kept from block to block. By default
windows slide over the clip, and each is cut first and then treated as the reference treats a clip. Clips of less than
9920 samples, of which five halvings leave nothing and which the reference refuses, are padded with zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, banded_mel_bank, decibels, in_chunks, reflected, stft_power
from earmark.embeddings import options
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.convolutional import (
    ConvolutionalModel,
    Reach,
    Sliding,
    receptive_field,
    zero_ended,
)
from earmark.embeddings.layers import layered, stages_of
from earmark.embeddings.modules import applied, convolution, loaded
from earmark.embeddings.network_model import FramedModel, NetworkModel, Summary
from earmark.errors import SettingsError
from earmark.weights import card_facts

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from earmark.embeddings.model import Fingerprint
    from earmark.runtime import Network

__all__ = ["REACH", "REGISTRATIONS", "ClipCnn14", "SlidingCnn14", "cnn14_stages", "panns_cnn14"]

RATE = 32000
FFT_SIZE, STFT_HOP, BANDS = 1024, 320, 64
LOW_HZ, HIGH_HZ = 50.0, 14000.0
LEAST_SAMPLES = 31 * STFT_HOP  # of a window or clip: 32 rows of the spectrogram
WINDOW_SECONDS, HOP_SECONDS = 1.0, 0.5
LONGEST_WINDOW_SECONDS = 60.0  # bounds memory
ROWS_PER_RUN = 256  # of a whole clip's spectrogram at a time: 1 MB under the transforms
CLIP = "clip"
BN_EPSILON = 1e-5  # of PyTorch

#: Output channels of the blocks of two convolutions; after each but the last the map is halved.
BLOCKS = {f"conv_block{number}": 32 * 2**number for number in range(1, 7)}
HALVED_AFTER = tuple(BLOCKS)[:-1]
LAYER_SIZES = BLOCKS | {"fc1": 2048}

FACTS = card_facts("panns-cnn14")
CARD = EmbeddingCard(
    name="panns-cnn14",
    version=1,
    title="PANNs Cnn14, AudioSet-trained network of twelve convolutions",
    sample_rate=RATE,
    window_seconds=WINDOW_SECONDS,
    hop_seconds=HOP_SECONDS,
    dimension=LAYER_SIZES["fc1"],
    padding="zeros at the end until every sample is covered; each window is mirrored at its own ends",
    weights_ids=("panns-cnn14",),
    code_licence="MIT",
    weights_licence=FACTS.licence,
    paper="Q. Kong, Y. Cao, T. Iqbal, Y. Wang, W. Wang and M. D. Plumbley, PANNs: Large-Scale Pretrained Audio Neural "
    "Networks for Audio Pattern Recognition, IEEE/ACM Transactions on Audio, Speech, and Language Processing, 2020",
    origin=FACTS.origin,
    note=FACTS.note,
)


def _reach() -> Reach:
    """Which rows of the spectrogram a step hears: those that its receptive field has, blocks beginning at steps."""
    halved = (Sliding(2, stride=2),)
    field = receptive_field(
        sliding
        for block in BLOCKS
        for sliding in (*(Sliding(3, padding=1),) * 2, *(halved if block in HALVED_AFTER else ()))
    )
    return Reach(field.stride, -(-field.lead // field.stride) * field.stride, field.width - field.lead)


REACH = _reach()


def _read_window(value: object) -> options.Value:
    try:
        return CLIP if value == CLIP else options.seconds(WINDOW_SECONDS, "").read(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {CLIP}") from error


OPTIONS = {
    "hop": options.hop(HOP_SECONDS),
    "layers": options.layers(LAYER_SIZES),
    "resampler": options.RESAMPLER,
    "runtime": options.RUNTIME,
    "window": options.Option(WINDOW_SECONDS, f"length of a frame, in seconds, or {CLIP}: all of it", _read_window),
}
FRONT_END_FACTS: dict[str, float | int | str] = {
    "fft_size": FFT_SIZE,
    "mel": f"slaney {BANDS} bands {LOW_HZ:g}-{HIGH_HZ:g} Hz of powers",
    "stft_hop": STFT_HOP,
    "stft_padding": "mirrored",
}


def panns_cnn14(
    *,
    tensors: Mapping[str, NDArray[np.float32]] | None = None,
    window: float | str = WINDOW_SECONDS,
    hop: float | None = None,
    layers: tuple[str, ...] = (),
    resampler: str = "soxr",
    runtime: str = "openvino",
) -> NetworkModel:
    """Make Cnn14 for sliding windows or for whole clips.

    Parameters
    ----------
    tensors : mapping of str to ndarray, optional
        Weights to use instead, by the names of `cnn14_stages`.
    window : float or "clip"
        Length of a frame in seconds, or one embedding for the whole clip.
    hop : float, optional
        Step from one window to the next in seconds, 0.5 by default; whole clips have none.
    layers : tuple of str
        See `SlidingCnn14`; not for whole clips.
    resampler, runtime : str
        See `NetworkModel`.

    Raises
    ------
    SettingsError
        If `hop` or `layers` is given for whole clips, or a window or hop is too short or too long.
    """
    if window != CLIP:
        step = HOP_SECONDS if hop is None else hop
        return SlidingCnn14(
            tensors=tensors, window=float(window), hop=step, layers=layers, resampler=resampler, runtime=runtime
        )
    if hop is not None or layers:
        name, value = ("hop", f"{hop:g}") if hop is not None else ("layers", "+".join(layers))
        raise SettingsError(
            f"{CARD.name}: {name}={value} does not go with window={CLIP}, which gives one embedding of the whole clip. "
            f"Leave {name} out, or choose a window in seconds."
        )
    return ClipCnn14(tensors=tensors, resampler=resampler, runtime=runtime)


class SlidingCnn14(FramedModel):
    """Cnn14's 2048-value embeddings of windows, one second every 0.5 s.

    Parameters
    ----------
    tensors : mapping of str to ndarray, optional
        Weights to use instead, by the names of `cnn14_stages`.
    window : float
        Length of a window in seconds, rounded to samples, from 0.31 to 60.
    hop : float
        Step from one window to the next in seconds, rounded to samples.
    layers : tuple of str
        Blocks whose averaged activations are the embedding, ``"conv_block1"`` to ``"conv_block6"``, and ``"fc1"``; none
        for the network's own, which is that of ``"fc1"``. As in the reference an average of 2x2 is part of a block.
    resampler, runtime : str
        See `NetworkModel`.

    Raises
    ------
    SettingsError
        If the window is too short or too long, or the hop is shorter than a sample.
    """

    def __init__(
        self,
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        window: float = WINDOW_SECONDS,
        hop: float = HOP_SECONDS,
        layers: tuple[str, ...] = (),
        resampler: str = "soxr",
        runtime: str = "openvino",
    ) -> None:
        card = options.spelled(
            CARD, OPTIONS, window=window, hop=hop, layers=layers, resampler=resampler, runtime=runtime
        )
        grid = _sliding_grid(window, hop)
        self.batch_rows = max(1, int(4 * RATE / grid.window))  # four seconds: its weights leave little memory
        super().__init__(
            replace(layered(card, LAYER_SIZES, layers), window_seconds=grid.window / RATE, hop_seconds=grid.hop / RATE),
            grid,
            FRONT_END_FACTS | {"layers": "+".join(layers)},
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )
        self.layers = layers

    def front_end(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Log-mel spectrograms of consecutive windows, each mirrored at its own ends.

        Parameters
        ----------
        samples : ndarray of shape (n,), float32
            Samples at 32 kHz under the windows.
        frames : int
            Number of windows.

        Returns
        -------
        ndarray of shape (frames, 1 + window // 320, 64), float32
            In decibels.
        """
        margins = ((0, 0), (FFT_SIZE // 2, FFT_SIZE // 2))
        return in_chunks(lambda cut: mel_decibels(np.pad(cut, margins, mode="reflect")), self.grid.cut(samples, frames))

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `cnn14_stages`."""
        rows = 1 + self.grid.window // STFT_HOP
        return self.make(lambda: stages_of(cnn14_stages(tensors), self.layers), (rows, BANDS))


class ClipCnn14(ConvolutionalModel):
    """Cnn14's 2048-value embedding of a whole clip of any length, as the reference computes it.

    Parameters
    ----------
    tensors : mapping of str to ndarray, optional
        Weights to use instead, by the names of `cnn14_stages`.
    resampler, runtime : str
        See `NetworkModel`.
    """

    reach = REACH

    def __init__(
        self,
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        resampler: str = "soxr",
        runtime: str = "openvino",
    ) -> None:
        card = options.spelled(CARD, OPTIONS, window=CLIP, resampler=resampler, runtime=runtime)
        padding = f"zeros at the end of clips shorter than {LEAST_SAMPLES / RATE:g} s; the clip is mirrored at its ends"
        super().__init__(
            replace(card, window_seconds=0.0, hop_seconds=0.0, padding=padding),
            FrameGrid(RATE, FFT_SIZE, STFT_HOP, tail="drop"),
            FRONT_END_FACTS | {"layers": ""},
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Everything that decides the model's numbers; the grid is that of the spectrogram here, not of frames."""
        return replace(super().fingerprint, window=0, hop=0, lead=0)

    def times(self, first: int, frames: int, duration_seconds: float) -> NDArray[np.float64]:
        """Return the middle of the clip in seconds, the one frame's time."""
        return np.array([duration_seconds / 2])

    def rows(self, stream: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Log-mel spectrogram of the clip, mirrored at its ends.

        Yields
        ------
        ndarray of shape (n, 64), float32
            Consecutive rows in decibels, at least 32 in all.
        """
        mirrored = reflected(zero_ended(stream, lambda samples: max(samples, LEAST_SAMPLES)), FFT_SIZE // 2)
        for samples, _ in self.grid.runs(mirrored, ROWS_PER_RUN):
            yield mel_decibels(samples)

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the convolutions, and the dense layer beside them; see `cnn14_stages`."""

        def convolutions() -> nn.Module:
            stages = cnn14_stages(tensors)
            return stages_of({name: stage for name, stage in stages.items() if name not in ("over time", "fc1")})

        def dense() -> nn.Module:
            return stages_of({"fc1": cnn14_stages(tensors)["fc1"]})

        self._dense = self.make(dense, (BLOCKS["conv_block6"],), part="dense")
        return self.make(convolutions, (4 * REACH.stride, BANDS), free_axes=(0,))

    def summary(self) -> Summary:
        """Begin with a clip: its steps are made into one frame at its end."""
        return _OverTime(self._dense)


class _OverTime(Summary):
    """Maximum and mean of a clip's steps, added, through the dense layer."""

    def __init__(self, dense: Network) -> None:
        self._dense = dense
        self._largest, self._total = np.full((1, 1), -np.inf, np.float32), np.zeros((1, 1))  # both (1, channels) soon
        self._steps = 0

    def add(self, steps: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        self._largest = np.maximum(self._largest, steps.max(axis=0, initial=-np.inf))
        self._total = self._total + steps.sum(axis=0, dtype=np.float64)
        self._steps += len(steps)
        return []

    def end(self) -> list[NDArray[np.float32]]:
        return [self._dense((self._largest + self._total / self._steps).astype(np.float32))]


def mel_decibels(mirrored: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel spectrogram of samples that are padded already.

    Parameters
    ----------
    mirrored : ndarray of shape (..., n), float32
        Samples at 32 kHz, at least 1024.

    Returns
    -------
    ndarray of shape (..., 1 + (n - 1024) // 320, 64), float32
        In decibels, no less than -100.
    """
    bank = banded_mel_bank(RATE, FFT_SIZE, BANDS, LOW_HZ, HIGH_HZ)
    return decibels(stft_power(mirrored, FFT_SIZE, STFT_HOP, FFT_SIZE) @ bank)


def cnn14_stages(tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, nn.Module]:
    """Make the stages of Cnn14, up to the embedding.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        By the names of the official state dict: ``bn0.*`` of the bands; for N from 1 to 6 and j of 1 and 2
        ``conv_blockN.convj.weight`` as (out, in, 3, 3) and ``conv_blockN.bnj.*``; ``fc1.weight`` as (out, in) and
        ``fc1.bias``. Each batch normalisation as weight, bias, running_mean and running_var.

    Returns
    -------
    dict of str to torch.nn.Module
        ``"bands"`` takes decibels of shape (rows, time, bands); then the six blocks; ``"over bands"`` gives steps
        (rows, time // 32, channels); ``"over time"`` (rows, channels); ``"fc1"`` the embedding (rows, 2048).
    """
    from torch import nn

    stages: dict[str, nn.Module] = {
        "bands": nn.Sequential(
            applied(lambda rows: rows.transpose(1, 2)),
            loaded(nn.BatchNorm1d(BANDS, eps=BN_EPSILON), tensors, "bn0"),
            applied(lambda rows: rows.transpose(1, 2).unsqueeze(1)),
        )
    }
    for block in BLOCKS:
        layers: list[nn.Module] = []
        for number in (1, 2):
            names = f"{block}.conv{number}", f"{block}.bn{number}"
            layers.append(convolution(tensors, *names, epsilon=BN_EPSILON, padding=1))
        stages[block] = nn.Sequential(*layers, *([nn.AvgPool2d(2)] if block in HALVED_AFTER else []))
    stages["over bands"] = applied(lambda maps: maps.mean(3).transpose(1, 2))
    stages["over time"] = applied(lambda steps: steps.amax(1) + steps.mean(1))
    out, into = tensors["fc1.weight"].shape
    dense = loaded(nn.Linear(into, out, device="meta"), tensors, "fc1")
    return stages | {"fc1": nn.Sequential(dense, nn.ReLU(inplace=True))}


def _sliding_grid(window_seconds: float, hop_seconds: float) -> FrameGrid:
    """Windows in samples; refuses what the network or the memory cannot hold."""
    window, hop = round(window_seconds * RATE), round(hop_seconds * RATE)
    if window < LEAST_SAMPLES or window_seconds > LONGEST_WINDOW_SECONDS:
        raise SettingsError(
            f"{CARD.name}: a window is {LEAST_SAMPLES / RATE:g} s ({LEAST_SAMPLES} samples) to "
            f"{LONGEST_WINDOW_SECONDS:g} s, not {window_seconds:g} s. Choose one in between, or window={CLIP}."
        )
    if hop < 1:
        raise SettingsError(f"the hop of {hop_seconds:g} s is shorter than a sample at {RATE} Hz. Lengthen it.")
    return FrameGrid(RATE, window, hop)


REGISTRATIONS = (Registration(CARD, panns_cnn14, OPTIONS),)
