"""Sample rate conversion by soxr, in one call or block by block with the same result.

Both paths go through soxr's streaming interface, so a long file read in blocks gives the very samples that the
whole array gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RESAMPLER", "resample", "resample_blocks"]

#: Name and quality of the resampler, as it enters fingerprints.
RESAMPLER = "soxr-HQ"

_BLOCK_SAMPLES = 1 << 18


def resample_blocks(
    blocks: Iterable[NDArray[np.float32]], rate_from: int, rate_to: int
) -> Iterator[NDArray[np.float32]]:
    """Convert the sample rate of a stream.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n,), float32
        Consecutive mono samples; block borders have no influence on the result.
    rate_from, rate_to : int
        Sample rates in Hz, at least 1.

    Yields
    ------
    ndarray of shape (m,), float32
        Consecutive samples at `rate_to`; blocks may be empty.

    Raises
    ------
    AudioError
        If a rate is not positive.
    """
    if rate_from < 1 or rate_to < 1:
        raise AudioError(f"sample rates must be positive, got {rate_from} Hz to {rate_to} Hz.")
    if rate_from == rate_to:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(rate_from, rate_to, num_channels=1, dtype="float32", quality="HQ")
    for block in blocks:
        for start in range(0, len(block), _BLOCK_SAMPLES):
            yield stream.resample_chunk(np.ascontiguousarray(block[start : start + _BLOCK_SAMPLES]))
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def resample(samples: NDArray[np.float32], rate_from: int, rate_to: int) -> NDArray[np.float32]:
    """Convert the sample rate of a whole array.

    Parameters
    ----------
    samples : ndarray of shape (n,), float32
        Mono samples.
    rate_from, rate_to : int
        Sample rates in Hz, at least 1.

    Returns
    -------
    ndarray of shape (m,), float32
        About ``n * rate_to / rate_from`` samples.

    Examples
    --------
    >>> import numpy as np
    >>> resample(np.zeros(48000, np.float32), 48000, 16000).shape
    (16000,)
    """
    return np.concatenate(list(resample_blocks([samples], rate_from, rate_to)))
