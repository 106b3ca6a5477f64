"""What OpenL3 and EdgeL3 share: windows of one second, decibels below each window's maximum, eight convolutions.

Look, Listen and Learn (Arandjelovic and Zisserman, ICCV 2017) is the network; the conventions are those of openl3
(Cramer, Wu, Salamon and Bello, "Look, Listen and Learn More", ICASSP 2019; github.com/marl/openl3) and edgel3.

A window is one second long and the step is any time, truncated to samples. With `center` half a second of zeros goes in
front of the clip, so that frame i is centred on i times the hop; without, frame i starts there, and is centred half a
second later: times are always those of the centres, where openl3 gives the start of the window. The end is padded with
zeros until every sample is covered.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, banded_mel_bank, in_chunks, stft_power, window_decibels
from earmark.embeddings import options
from earmark.embeddings.layers import layered, stages_of
from earmark.embeddings.modules import channels_last, convolution, loaded
from earmark.embeddings.network_model import FramedModel
from earmark.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from earmark.embeddings.card import EmbeddingCard
    from earmark.runtime import Network

__all__ = ["LAYERS", "OPTIONS", "L3Model", "l3_network", "trained_mel_decibels"]

#: The convolutions by name; after the second, fourth and sixth the map is halved.
LAYERS = tuple(f"conv{number}" for number in range(1, 9))
HALVED_AFTER = ("conv2", "conv4", "conv6")
BN_EPSILON = 1e-3  # of Keras


HOP_SECONDS = 0.1
#: What happens at the ends of a clip, by `center`.
PADDING = {
    True: "half a second of zeros in front; zeros at the end until every sample is covered",
    False: "zeros at the end until every sample is covered",
}
OPTIONS = {
    "center": options.flag(True, "whether frame i is centred on i times the hop, or starts there"),
    "hop": options.hop(HOP_SECONDS),
    "layers": options.layers(LAYERS),
    "resampler": options.RESAMPLER,
    "runtime": options.RUNTIME,
}


class L3Model(FramedModel):
    """Template of the family: windows of one second, and the network. A subclass gives `decibels`.

    Parameters
    ----------
    card : EmbeddingCard
        Of the model, its own options spelled already.
    channels : sequence of int
        Of the eight convolutions.
    map_shape, pool : tuple of int
        Height and width of the spectrogram, and of the last max-pool.
    front_end_facts : mapping
        See `NetworkModel`.
    hop : float
        Step from one frame to the next in seconds, truncated to samples.
    center : bool
        Whether frame i is centred on i times the hop, or starts there.
    layers : tuple of str
        Convolutions whose averaged activations are the embedding, ``"conv1"`` to ``"conv8"``; none for the network's
        own.
    tensors, resampler, runtime
        See `NetworkModel`; tensors by the names of `l3_network`.

    Raises
    ------
    SettingsError
        If the hop is shorter than a sample.
    """

    frames_per_run = 16  # 3 MB of spectrograms, with OpenL3
    batch_rows = 4  # 100 MB for the activations of the first layers, with OpenL3

    def __init__(
        self,
        card: EmbeddingCard,
        channels: Sequence[int],
        map_shape: tuple[int, int],
        pool: tuple[int, int],
        front_end_facts: Mapping[str, float | int | str],
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        hop: float = HOP_SECONDS,
        center: bool = True,
        layers: tuple[str, ...] = (),
        resampler: str = "soxr",
        runtime: str = "openvino",
    ) -> None:
        rate = card.sample_rate
        if (step := int(hop * rate)) < 1:
            raise SettingsError(f"the hop of {hop:g} s is shorter than a sample at {rate} Hz. Lengthen it.")
        card = options.spelled(
            card, OPTIONS, hop=hop, center=center, layers=layers, resampler=resampler, runtime=runtime
        )
        super().__init__(
            replace(
                layered(card, dict(zip(LAYERS, channels, strict=True)), layers),
                hop_seconds=step / rate,
                padding=PADDING[center],
            ),
            FrameGrid(rate, window=rate, hop=step, lead=rate // 2 if center else 0),
            {**front_end_facts, "layers": "+".join(layers)},
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )
        self._map_shape, self._pool, self._layers = map_shape, pool, layers

    @abstractmethod
    def decibels(self, cut: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spectrograms of windows (frames, rate), each for itself: (frames, bands, steps), from -80 to 0."""

    def front_end(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Spectrograms of consecutive frames.

        Parameters
        ----------
        samples : ndarray of shape (n,), float32
            Samples under the frames.
        frames : int
            Number of windows.

        Returns
        -------
        ndarray of shape (frames, 1, bands, steps), float32
            Decibels from -80 to 0.
        """
        return in_chunks(self.decibels, self.grid.cut(samples, frames))[:, np.newaxis]

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `l3_network`."""
        return self.make(lambda: l3_network(tensors, self._pool, self._layers), (1, *self._map_shape))


def trained_mel_decibels(
    cut: NDArray[np.float32], sample_rate: int, fft_size: int, hop: int, bands: int
) -> NDArray[np.float32]:
    """Front end that the mel models of the family were trained with (kapre 0.1.4 on TensorFlow 1).

    Each window is padded on both sides as TensorFlow's SAME does, its power spectra pass an HTK mel bank of unit
    areas, and the decibels are those of the square root.

    Parameters
    ----------
    cut : ndarray of shape (frames, n), float32
        Windows.
    sample_rate, fft_size, hop, bands : int
        Of the samples in Hz, of the transform and its step in samples, and number of mel bands from 0 Hz to half the
        rate.

    Returns
    -------
    ndarray of shape (frames, bands, ceil(n / hop)), float32
        From -80 to 0.
    """
    steps = -(-cut.shape[1] // hop)
    missing = (steps - 1) * hop + fft_size - cut.shape[1]
    padded = np.pad(cut, ((0, 0), (missing // 2, missing - missing // 2)))
    bank = banded_mel_bank(sample_rate, fft_size, bands, 0.0, sample_rate / 2, scale="htk")
    mel = np.sqrt(stft_power(padded, fft_size, hop, fft_size) @ bank)
    return window_decibels(mel).transpose(0, 2, 1)


def l3_network(
    tensors: Mapping[str, NDArray[np.float32]], pool: tuple[int, int], layers: Sequence[str] = ()
) -> torch.nn.Module:
    """Batch normalisation of the input, then eight 3x3 convolutions and a final max-pool.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``bn0.*`` of the input, ``conv1.*`` to ``conv8.*`` as (out, in, 3, 3), and ``bn1.*`` up to that of the last
        convolution that has one; each batch normalisation as weight, bias, running_mean and running_var.
    pool : tuple of int
        Height and width of the last pool, and its stride.
    layers : sequence of str
        Stages whose averaged activations are wanted instead; see `stages_of`.

    Returns
    -------
    torch.nn.Module
        (rows, 1, bands, steps) to (rows, values), the values of a position side by side: height, width, channel.
    """
    from torch import nn

    stages: dict[str, nn.Module] = {"input": loaded(nn.BatchNorm2d(1, eps=BN_EPSILON), tensors, "bn0")}
    for number, name in enumerate(LAYERS, start=1):
        normalised = f"bn{number}.weight" in tensors  # OpenL3's last convolution is neither normalised nor rectified
        stages[name] = convolution(
            tensors, name, f"bn{number}" if normalised else "", epsilon=BN_EPSILON, padding=1, relu=normalised
        )
        if name in HALVED_AFTER:
            stages[f"half after {name}"] = nn.MaxPool2d(2)
    # Keras keeps channels last, and flattens in that order.
    return stages_of(stages | {"pool": nn.MaxPool2d(pool), "flat": channels_last()}, layers)
