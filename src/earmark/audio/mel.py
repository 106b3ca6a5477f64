"""Mel scales and mel filter banks: which frequencies a band hears, and how they are weighed.

Two scales are in use. HTK: ``mel(f) = 2595 log10(1 + f / 700)`` (the HTK Book; the same curve as
``1127 ln(1 + f / 700)``). Slaney: 3 mel per 200 Hz up to 1000 Hz, 27 mel per factor of 6.4 above (Slaney, "Auditory
Toolbox", Interval Research report 1998-010).

Two kinds of triangles are in use. `mel_bank`: straight lines over hertz, each of area one (librosa's
``filters.mel(norm="slaney")``; OpenL3, EdgeL3, Kumar's network, PANNs). `audioset_mel_bank`: straight lines over mel,
each of height one (``mel_features.py`` of the VGGish reference implementation; VGGish and YAMNet).

A band hears few bins, so nearly all of a bank is zero: `BandedBank` multiplies by the rest of it only.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BandedBank", "audioset_mel_bank", "banded_mel_bank", "mel_bank"]

_SLANEY_CORNER_HZ = 1000.0
_SLANEY_CORNER_MEL = 15.0
_SLANEY_HZ_PER_MEL = 200.0 / 3.0
_SLANEY_MEL_PER_E_FOLD = 27.0 / math.log(6.4)

#: Bands of a block: more of them have too few bins in common, fewer make many small products.
_BLOCK_BANDS = 16


class BandedBank:
    """A mel bank to multiply with: ``spectra @ BandedBank(bank)`` is ``spectra @ bank``, several times as fast.

    The bank is kept in blocks of neighbouring bands, each over those bins alone that one of its bands hears.

    Parameters
    ----------
    bank : ndarray of shape (bins, bands)
        Of `mel_bank` or `audioset_mel_bank`.

    Examples
    --------
    >>> import numpy as np
    >>> (np.ones((2, 3, 257), np.float32) @ BandedBank(audioset_mel_bank())).shape
    (2, 3, 64)
    """

    __array_ufunc__ = None  # so that NumPy leaves the product to this class

    def __init__(self, bank: NDArray[Any]) -> None:
        bins, self._bands = bank.shape
        self._bins, self._dtype = bins, bank.dtype
        self._blocks: list[tuple[slice, slice, NDArray[Any]]] = []
        for first in range(0, self._bands, _BLOCK_BANDS):
            bands = slice(first, first + _BLOCK_BANDS)
            heard = np.flatnonzero(bank[:, bands].any(axis=1))
            span = slice(heard[0], heard[-1] + 1) if len(heard) else slice(0, 0)
            self._blocks.append((span, bands, np.ascontiguousarray(bank[span, bands])))

    def __rmatmul__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        """Multiply spectra of shape (..., bins) by the bank, to (..., bands)."""
        rows = spectra.reshape(-1, self._bins)
        filtered = np.empty((len(rows), self._bands), np.result_type(rows, self._dtype))
        for bins, bands, weights in self._blocks:
            np.matmul(rows[:, bins], weights, out=filtered[:, bands])
        return filtered.reshape(*spectra.shape[:-1], self._bands)


@lru_cache(maxsize=16)
def mel_bank(
    sample_rate: int,
    fft_size: int,
    bands: int,
    low_hz: float,
    high_hz: float,
    scale: Literal["slaney", "htk"] = "slaney",
) -> NDArray[np.float32]:
    """Mel filter bank of triangles that are linear in hertz and have the area one.

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
    scale : {"slaney", "htk"}
        The mel scale on which the edges lie equally spaced.

    Returns
    -------
    ndarray of shape (fft_size // 2 + 1, bands), float32, read-only
        The same array for the same arguments. A band too narrow to reach a bin is zero throughout (two of OpenL3's
        256 HTK bands are).

    Raises
    ------
    SettingsError
        If there is no such scale.

    Notes
    -----
    Equal to the transpose of ``librosa.filters.mel(norm="slaney")``.
    """
    if scale == "htk":
        edges = _htk_hz(np.linspace(_htk_mel(low_hz), _htk_mel(high_hz), bands + 2))
    elif scale == "slaney":
        edges = _slaney_hz(np.linspace(_slaney_mel(low_hz), _slaney_mel(high_hz), bands + 2))
    else:
        raise SettingsError(f"there is no mel scale {scale!r}. Use one of: slaney, htk.")
    bins = np.linspace(0.0, sample_rate / 2, fft_size // 2 + 1)
    return _frozen(_triangles(bins, edges) * (2.0 / (edges[2:] - edges[:-2])), np.float32)


@lru_cache(maxsize=16)
def banded_mel_bank(
    sample_rate: int,
    fft_size: int,
    bands: int,
    low_hz: float,
    high_hz: float,
    scale: Literal["slaney", "htk"] = "slaney",
) -> BandedBank:
    """Mel filter bank as `mel_bank` makes it, to multiply with.

    Parameters
    ----------
    sample_rate, fft_size, bands, low_hz, high_hz, scale
        As `mel_bank` takes them.

    Returns
    -------
    BandedBank
        The same object for the same arguments.

    Raises
    ------
    SettingsError
        If there is no such scale.
    """
    return BandedBank(mel_bank(sample_rate, fft_size, bands, low_hz, high_hz, scale))


@lru_cache(maxsize=16)
def audioset_mel_bank(
    sample_rate: int = 16000,
    fft_size: int = 512,
    bands: int = 64,
    low_hz: float = 125.0,
    high_hz: float = 7500.0,
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> NDArray[Any]:
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
    dtype : type
        ``numpy.float32``, or ``numpy.float64`` as VGGish computes.

    Returns
    -------
    ndarray of shape (fft_size // 2 + 1, bands), `dtype`, read-only
    """
    bins = _htk_mel(np.linspace(0.0, sample_rate / 2, fft_size // 2 + 1))
    bank = _triangles(bins, np.linspace(_htk_mel(low_hz), _htk_mel(high_hz), bands + 2))
    bank[0] = 0.0
    return _frozen(bank, dtype)


def _triangles(bins: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Triangles of height one: band b rises from edge b to edge b + 1 and falls to edge b + 2."""
    at = bins[:, np.newaxis]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


def _frozen(bank: NDArray[np.float64], dtype: type[np.float32] | type[np.float64]) -> NDArray[Any]:
    """Cast a bank; it is cached and shared, so nobody may write to it."""
    cast = bank.astype(dtype)
    cast.flags.writeable = False
    return cast


def _htk_mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)


def _htk_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700.0 * np.expm1(mel / 1127.0)


def _slaney_mel(hz: float) -> float:
    if hz < _SLANEY_CORNER_HZ:
        return hz / _SLANEY_HZ_PER_MEL
    return _SLANEY_CORNER_MEL + _SLANEY_MEL_PER_E_FOLD * math.log(hz / _SLANEY_CORNER_HZ)


def _slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = np.maximum(mel - _SLANEY_CORNER_MEL, 0.0)
    curved = _SLANEY_CORNER_HZ * np.exp(above / _SLANEY_MEL_PER_E_FOLD)
    return np.where(above > 0.0, curved, mel * _SLANEY_HZ_PER_MEL)
