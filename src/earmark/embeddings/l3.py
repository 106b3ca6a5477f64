"""What OpenL3 and EdgeL3 share: windows of one second, decibels below each window's maximum, eight convolutions.

Look, Listen and Learn (Arandjelovic and Zisserman, ICCV 2017) is the network; the conventions are those of openl3
(Cramer, Wu, Salamon and Bello, "Look, Listen and Learn More", ICASSP 2019; github.com/marl/openl3) and edgel3.

A window is one second long and the step is any time, truncated to samples. With `center` half a second of zeros goes in
front of the clip, so that frame i is centred on i times the hop; without, frame i starts there, and is centred half a
second later: times are always those of the centres, where openl3 gives the start of the window. The end is padded with
zeros until every sample is covered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, mel_bank, stft_magnitude, window_decibels
from earmark.embeddings.layers import stages_of
from earmark.embeddings.modules import channels_last, convolution, loaded
from earmark.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["BN_EPSILON", "LAYERS", "l3_grid", "l3_network", "trained_mel_decibels", "windows"]

#: The convolutions by name; after the second, fourth and sixth the map is halved.
LAYERS = tuple(f"conv{number}" for number in range(1, 9))
HALVED_AFTER = ("conv2", "conv4", "conv6")
BN_EPSILON = 1e-3  # of Keras


def l3_grid(sample_rate: int, hop_seconds: float, center: bool) -> FrameGrid:
    """Windows of one second.

    Raises
    ------
    SettingsError
        If the hop is shorter than a sample.
    """
    if (step := int(hop_seconds * sample_rate)) < 1:
        raise SettingsError(f"the hop of {hop_seconds:g} s is shorter than a sample at {sample_rate} Hz. Lengthen it.")
    return FrameGrid(sample_rate, window=sample_rate, hop=step, lead=sample_rate // 2 if center else 0)


def windows(samples: NDArray[np.float32], grid: FrameGrid, frames: int) -> NDArray[np.float32]:
    """Cut the samples under consecutive frames into them, without a copy.

    Returns
    -------
    ndarray of shape (frames, window), float32, read-only
    """
    return np.lib.stride_tricks.sliding_window_view(samples, grid.window)[:: grid.hop][:frames]


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
    power = np.square(stft_magnitude(padded, fft_size, hop, fft_size))
    mel = np.sqrt(power @ mel_bank(sample_rate, fft_size, bands, 0.0, sample_rate / 2, scale="htk"))
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
