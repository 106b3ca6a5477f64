"""Sample rate conversion by one of two resamplers, in one call or block by block with the same result.

``soxr`` (the SoX resampler library, quality HQ) is fast and the default. ``resampy-0.2`` is what the reference
implementations of OpenL3, VGGish and their kin used (see `earmark.audio.resampy`): choose it where numbers must agree
with embeddings published elsewhere. Both read streams, so a long file read in blocks gives the very samples that the
whole array gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.resampy import resampy_blocks
from earmark.errors import AudioError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RESAMPLERS", "resample", "resample_blocks", "resampler_name"]

_NAMES = {"soxr": "soxr-HQ", "resampy-0.2": "resampy-0.2"}

#: What the argument `resampler` may be.
RESAMPLERS = tuple(_NAMES)

_BLOCK_SAMPLES = 1 << 18


def resampler_name(resampler: str) -> str:
    """Return the name and quality of a resampler, as it enters fingerprints.

    Parameters
    ----------
    resampler : str
        One of `RESAMPLERS`.

    Returns
    -------
    str
        ``"soxr-HQ"`` or ``"resampy-0.2"``.

    Raises
    ------
    SettingsError
        If there is no such resampler.
    """
    try:
        return _NAMES[resampler]
    except KeyError as error:
        raise SettingsError(f"there is no resampler {resampler!r}. Use one of: {', '.join(RESAMPLERS)}.") from error


def resample_blocks(
    blocks: Iterable[NDArray[np.float32]], rate_from: int, rate_to: int, resampler: str = "soxr"
) -> Iterator[NDArray[np.float32]]:
    """Convert the sample rate of a stream.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n,), float32
        Consecutive mono samples; block borders have no influence on the result.
    rate_from, rate_to : int
        Sample rates in Hz, at least 1.
    resampler : str
        One of `RESAMPLERS`.

    Yields
    ------
    ndarray of shape (m,), float32
        Consecutive samples at `rate_to`; blocks may be empty.

    Raises
    ------
    AudioError
        If a rate is not positive, or ``resampy-0.2`` cannot convert between them (more than 512-fold downsampling).
    SettingsError
        If there is no such resampler.
    """
    name = resampler_name(resampler)
    if rate_from < 1 or rate_to < 1:
        raise AudioError(f"sample rates must be positive, got {rate_from} Hz to {rate_to} Hz.")
    if rate_from == rate_to:
        yield from blocks
        return
    pieces = (
        block[start : start + _BLOCK_SAMPLES] for block in blocks for start in range(0, len(block), _BLOCK_SAMPLES)
    )
    yield from (resampy_blocks if name == "resampy-0.2" else _soxr_blocks)(pieces, rate_from, rate_to)


def _soxr_blocks(blocks: Iterable[NDArray[np.float32]], rate_from: int, rate_to: int) -> Iterator[NDArray[np.float32]]:
    """Convert by soxr's streaming interface."""
    import soxr

    stream = soxr.ResampleStream(rate_from, rate_to, num_channels=1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def resample(
    samples: NDArray[np.float32], rate_from: int, rate_to: int, resampler: str = "soxr"
) -> NDArray[np.float32]:
    """Convert the sample rate of a whole array.

    Parameters
    ----------
    samples : ndarray of shape (n,), float32
        Mono samples.
    rate_from, rate_to : int
        Sample rates in Hz, at least 1.
    resampler : str
        One of `RESAMPLERS`.

    Returns
    -------
    ndarray of shape (m,), float32
        About ``n * rate_to / rate_from`` samples.

    Raises
    ------
    AudioError, SettingsError
        As `resample_blocks` does.

    Examples
    --------
    >>> import numpy as np
    >>> resample(np.zeros(48000, np.float32), 48000, 16000).shape
    (16000,)
    >>> resample(np.zeros(44100, np.float32), 44100, 48000, resampler="resampy-0.2").shape
    (48000,)
    """
    return np.concatenate(list(resample_blocks([samples], rate_from, rate_to, resampler)))
