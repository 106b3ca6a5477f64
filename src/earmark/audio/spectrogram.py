"""Spectrogram conventions, one small pure function each, vectorised over frames and over leading axes.

All models here cut the signal under a periodic Hann window and take magnitudes. They differ in what follows:

- AudioSet (VGGish and YAMNet; Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017,
  and the reference code in tensorflow/models): mel bands of the magnitudes, natural logarithm with an offset.
- Decibels ``10 log10(max(S, 1e-10))``: of the power spectrum in Kumar's network and PANNs (librosa's
  ``power_to_db``), of magnitudes in OpenL3 and EdgeL3 (kapre), which makes them half of true decibels.
- OpenL3 and EdgeL3 set the loudest value of each window to 0 dB and cut off at -80 dB.

Precision follows the samples: float32 in, float32 out; float64 in, float64 out.

A spectrogram before its mel bands is many times larger than its samples. So front ends work on chunks that fit into the
processor's cache: on few windows at a time by `in_chunks`, or on short runs of a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.audio.mel import BandedBank

__all__ = ["decibels", "in_chunks", "log_mel", "reflected", "stft_magnitude", "stft_power", "window_decibels"]

Real = TypeVar("Real", bound=np.floating[Any])

#: Samples of the windows that are worked on at a time: their transforms are up to 2 MB.
CHUNK_SAMPLES = 1 << 16


def in_chunks(transform: Callable[[NDArray[Real]], NDArray[Real]], windows: NDArray[Real]) -> NDArray[Real]:
    """Apply a front end to few windows at a time, so that what it makes on the way stays in the cache.

    Parameters
    ----------
    transform : callable
        From windows (m, n) to (m, ...), each window for itself.
    windows : ndarray of shape (frames, n), float32 or float64
        At least one window.

    Returns
    -------
    ndarray of shape (frames, ...), contiguous
        What `transform` gives for all windows at once, up to rounding.
    """
    at_once = max(1, CHUNK_SAMPLES // windows.shape[1])
    first = transform(windows[:at_once])
    rows = np.empty((len(windows), *first.shape[1:]), first.dtype)
    rows[:at_once] = first
    for start in range(at_once, len(windows), at_once):
        rows[start : start + at_once] = transform(windows[start : start + at_once])
    return rows


def stft_magnitude(samples: NDArray[Real], window: int, hop: int, fft_size: int) -> NDArray[Real]:
    """Magnitude of the short-time Fourier transform, without any padding of the signal.

    Parameters
    ----------
    samples : ndarray of shape (..., n), float32 or float64
        Mono samples, ``n >= window``.
    window : int
        Length of the periodic Hann window in samples.
    hop : int
        Step in samples.
    fft_size : int
        Length of the transform; each windowed piece is zero-padded to it at the end.

    Returns
    -------
    ndarray of shape (..., 1 + (n - window) // hop, fft_size // 2 + 1), dtype of `samples`
    """
    from scipy import fft

    pieces = np.lib.stride_tricks.sliding_window_view(samples, window, axis=-1)[..., ::hop, :]
    magnitudes: NDArray[Real] = np.abs(fft.rfft(pieces * _periodic_hann(window, samples.dtype), fft_size, axis=-1))
    return magnitudes


def stft_power(samples: NDArray[Real], window: int, hop: int, fft_size: int) -> NDArray[Real]:
    """Power of the short-time Fourier transform: the square of `stft_magnitude`.

    Parameters
    ----------
    samples, window, hop, fft_size
        As `stft_magnitude` takes them.

    Returns
    -------
    ndarray of shape (..., 1 + (n - window) // hop, fft_size // 2 + 1), dtype of `samples`
    """
    # No slower than re^2 + im^2, whose parts do not lie side by side in memory.
    magnitudes = stft_magnitude(samples, window, hop, fft_size)
    magnitudes *= magnitudes
    return magnitudes


def log_mel(magnitudes: NDArray[Real], bank: NDArray[Any] | BandedBank, offset: float) -> NDArray[Real]:
    """Natural logarithm of mel-filtered magnitudes, with an offset that keeps silence finite.

    Parameters
    ----------
    magnitudes : ndarray of shape (..., frames, bins), float32 or float64
        Magnitude spectrogram.
    bank : ndarray of shape (bins, bands), or BandedBank, dtype of `magnitudes`
        Mel filter bank.
    offset : float
        Added before the logarithm (0.01 in VGGish, 0.001 in YAMNet).

    Returns
    -------
    ndarray of shape (..., frames, bands), dtype of `magnitudes`
    """
    mel: NDArray[Real] = magnitudes @ bank
    mel += magnitudes.dtype.type(offset)
    np.log(mel, out=mel)
    return mel


def decibels(values: NDArray[Real], least: float = 1e-10) -> NDArray[Real]:
    """Ten times the decimal logarithm, of no less than `least`.

    Parameters
    ----------
    values : ndarray of any shape, float32 or float64
        Powers give true decibels, magnitudes half of them.
    least : float
        Smaller values count as this one: silence is -100 dB by default.

    Returns
    -------
    ndarray of the shape and dtype of `values`
    """
    levels: NDArray[Real] = np.maximum(values, values.dtype.type(least))
    np.log10(levels, out=levels)
    levels *= values.dtype.type(10.0)
    return levels


def window_decibels(values: NDArray[Real], range_db: float = 80.0) -> NDArray[Real]:
    """Decibels below the loudest value of each window, as kapre computes them for OpenL3 and EdgeL3.

    Parameters
    ----------
    values : ndarray of shape (..., a, b), float32 or float64
        Spectrograms; the last two axes are one window, in either order.
    range_db : float
        Levels further than this below the loudest are raised to it.

    Returns
    -------
    ndarray of the shape and dtype of `values`
        From ``-range_db`` to 0. A silent window is 0 throughout, as if it were loud everywhere.
    """
    levels = decibels(values)
    levels -= levels.max(axis=(-2, -1), keepdims=True)
    np.maximum(levels, levels.dtype.type(-range_db), out=levels)
    return levels


def reflected(blocks: Iterable[NDArray[Real]], margin: int) -> Iterator[NDArray[Real]]:
    """Mirror the two ends of a stream outwards: ``numpy.pad(x, margin, mode="reflect")`` of the whole.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n,)
        Consecutive samples; no more than `margin` of them and a block are held.
    margin : int
        Samples to add at either end, not negative. A clip of `margin` samples or fewer is mirrored again and again.

    Yields
    ------
    ndarray of shape (m,), dtype of the blocks
        Consecutive samples, ``2 * margin`` more than came in; nothing if nothing came in.
    """
    stream = iter(blocks)
    start: list[NDArray[Real]] = []
    samples = 0
    for block in stream:
        start.append(block)
        samples += len(block)
        if samples > margin:
            break
    if samples == 0:
        return
    head = np.concatenate(start)
    if samples <= margin:
        yield np.pad(head, margin, mode="reflect")
        return
    tail = head[-margin - 1 :].copy()
    yield head[1 : margin + 1][::-1].copy()
    yield head
    for block in stream:
        tail = np.concatenate([tail, block[-margin - 1 :]])[-margin - 1 :]
        yield block
    yield tail[:-1][::-1].copy()


@lru_cache(maxsize=16)
def _periodic_hann(window: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(window) / window)).astype(dtype)
