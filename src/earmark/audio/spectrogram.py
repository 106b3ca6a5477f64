"""Spectrogram conventions, one small pure function each, vectorised over frames.

The AudioSet convention (VGGish and YAMNet; Hershey et al., "CNN architectures for large-scale audio classification",
ICASSP 2017, and the reference code in tensorflow/models) is: periodic Hann window of 25 ms every 10 ms, FFT of the
next power of two, magnitudes, triangular filters that are linear on the HTK mel scale, natural logarithm with an
offset.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["audioset_mel_bank", "log_mel", "stft_magnitude"]


def stft_magnitude(samples: NDArray[np.float32], window: int, hop: int, fft_size: int) -> NDArray[np.float32]:
    """Magnitude of the short-time Fourier transform, without any padding of the signal.

    Parameters
    ----------
    samples : ndarray of shape (n,), float32
        Mono samples, ``n >= window``.
    window : int
        Length of the periodic Hann window in samples.
    hop : int
        Step in samples.
    fft_size : int
        Length of the transform; each windowed piece is zero-padded to it at the end.

    Returns
    -------
    ndarray of shape (1 + (n - window) // hop, fft_size // 2 + 1), float32
    """
    from scipy import fft

    pieces = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    spectrum: NDArray[np.complex64] = fft.rfft(pieces * _periodic_hann(window), fft_size, axis=1)
    return np.abs(spectrum)


def log_mel(magnitudes: NDArray[np.float32], bank: NDArray[np.float32], offset: float) -> NDArray[np.float32]:
    """Natural logarithm of mel-filtered magnitudes, with an offset that keeps silence finite.

    Parameters
    ----------
    magnitudes : ndarray of shape (frames, bins), float32
        Magnitude spectrogram.
    bank : ndarray of shape (bins, bands), float32
        Mel filter bank.
    offset : float
        Added before the logarithm (0.01 in VGGish, 0.001 in YAMNet).

    Returns
    -------
    ndarray of shape (frames, bands), float32
    """
    mel: NDArray[np.float32] = np.log(magnitudes @ bank + np.float32(offset))
    return mel


@lru_cache(maxsize=8)
def audioset_mel_bank(
    sample_rate: int = 16000,
    fft_size: int = 512,
    bands: int = 64,
    low_hz: float = 125.0,
    high_hz: float = 7500.0,
) -> NDArray[np.float32]:
    """Mel filter bank of VGGish and YAMNet: triangles linear in HTK mel, peak 1, nothing at 0 Hz.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    fft_size : int
        Length of the Fourier transform.
    bands : int
        Number of mel bands.
    low_hz, high_hz : float
        Lower edge of the first and upper edge of the last band.

    Returns
    -------
    ndarray of shape (fft_size // 2 + 1, bands), float32, read-only

    Notes
    -----
    ``mel(f) = 1127 ln(1 + f / 700)``, as in ``mel_features.py`` of the VGGish reference implementation.
    """
    bins = _htk_mel(np.linspace(0.0, sample_rate / 2, fft_size // 2 + 1))[:, np.newaxis]
    edges = np.linspace(_htk_mel(low_hz), _htk_mel(high_hz), bands + 2)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    bank[0] = 0.0
    bank.flags.writeable = False
    return bank


def _htk_mel(frequency_hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(frequency_hz, np.float64) / 700.0)


@lru_cache(maxsize=8)
def _periodic_hann(window: int) -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(window) / window)).astype(np.float32)
