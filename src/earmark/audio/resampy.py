"""Sample rate conversion as resampy 0.2.2 does it with its default filter, ``kaiser_best``, as a stream.

The reference implementations of OpenL3, VGGish, EdgeL3 and Kumar's network resample so, and other resamplers move
their embeddings more than any other detail does. The method is Smith's (J. O. Smith, "Digital audio resampling",
https://ccrma.stanford.edu/~jos/resample/): a windowed sinc, tabulated, read with linear interpolation. For output t
at the input time ``t * rate_from / rate_to = n + f``,

    y[t] = g * (sum_k x[n - k] h(f * g + k * step) + sum_k x[n + 1 + k] h((1 - f) * g + k * step))

with ``g = min(1, rate_to / rate_from)``, h in units of zero crossings, and zeros for what lies outside of the clip.

Two quirks are kept. The step through the table is a whole number of its entries (``int(g * 512)``), so the filter for
downsampling comes out a little too long and too loud (1.6 % from 192 to 16 kHz). And the output has
``int(n * rate_to / rate_from)`` samples.

One is not: resampy adds up the time of an output sample in floating point. Where the sum falls short of an integer,
it takes the sample before it and ``f = 1``, which a truncated step makes a different filter. So some of the outputs
that fall on an input sample deviate: up to 0.8 % of all outputs, by up to 4e-5 (48 to 44.1 kHz), 6e-4 (44.1 to
16 kHz) or 1e-3 (44.1 to 8 kHz) in signals within [-1, 1]. All others agree to 5e-7 (``tests/audio/test_resampy.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["resampy_blocks"]

# The filter "kaiser_best" of resampy 0.2.
ZERO_CROSSINGS = 64
TABLE_STEPS = 512  # table entries from one zero crossing to the next
ROLLOFF = 0.9475937167399596
KAISER_BETA = 14.769656459379492

#: Output samples that one matrix product makes: more waste work, fewer waste calls.
_GROUP = 32
#: Samples taken, or made if these are more, at a time; four cycles if that is more.
_CHUNK_SAMPLES = 1 << 16
#: Filter matrices are kept for the next chunk up to this many values (16 MB).
_KEPT_VALUES = 1 << 21


def resampy_blocks(
    blocks: Iterable[NDArray[np.float32]], rate_from: int, rate_to: int
) -> Iterator[NDArray[np.float32]]:
    """Convert the sample rate of a stream as resampy 0.2.2 does, in bounded memory.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n,), float32
        Consecutive mono samples; block borders have no influence on the result.
    rate_from, rate_to : int
        Sample rates in Hz, at least 1.

    Yields
    ------
    ndarray of shape (m,), float32
        Consecutive samples at `rate_to`, computed in float64; blocks may be empty. Together they are
        ``int(n * rate_to / rate_from)`` samples.

    Raises
    ------
    AudioError
        If a rate is not positive, or `rate_from` is more than 512 times `rate_to`: resampy's filter ends there.
    """
    if rate_from < 1 or rate_to < 1:
        raise AudioError(f"sample rates must be positive, got {rate_from} Hz to {rate_to} Hz.")
    if rate_from > TABLE_STEPS * rate_to:
        raise AudioError(
            f"resampy 0.2 cannot convert {rate_from} Hz to {rate_to} Hz: that is more than {TABLE_STEPS}-fold. "
            'Use the resampler "soxr".'
        )
    if rate_from == rate_to:
        yield from blocks
        return
    filters = _filters(rate_from, rate_to)
    pending = [np.zeros(filters.wing - 1, np.float32)]  # silence before the clip
    held, taken, made = filters.wing - 1, 0, 0
    for block in blocks:
        pending.append(block)
        held += len(block)
        taken += len(block)
        if held < filters.chunk_needs:
            continue
        samples = np.concatenate(pending)
        while len(samples) >= filters.chunk_needs:
            yield filters.convert(samples, filters.chunk_out)
            made += filters.chunk_out
            samples = samples[filters.chunk_in :]
        pending, held = [samples], len(samples)
    silence = np.zeros(filters.chunk_needs, np.float32)  # and after it
    yield filters.convert(np.concatenate([*pending, silence]), taken * rate_to // rate_from - made)


@lru_cache(maxsize=4)
def _filters(rate_from: int, rate_to: int) -> _Filters:
    """Return the filters of a pair of rates, which many clips of a data set share."""
    return _Filters(rate_from, rate_to)


class _Filters:
    """The filters of one pair of rates, and their application to whole cycles.

    With the rates in lowest terms as ``down / up``, the filters of the outputs recur after `up` outputs and `down`
    inputs: outputs a cycle apart are one filter matrix times rows of input a cycle apart. A cycle is cut into groups
    of outputs, whose inputs mostly overlap, and the matrix of a group is made when it is needed: coprime rates have
    too many filters to keep.
    """

    def __init__(self, rate_from: int, rate_to: int) -> None:
        divisor = gcd(rate_from, rate_to)
        self._up, self._down = rate_to // divisor, rate_from // divisor
        self._gain = min(1.0, rate_to / rate_from)
        self._step = int(self._gain * TABLE_STEPS)
        self.wing = (ZERO_CROSSINGS * TABLE_STEPS + 1) // self._step  # taps on either side
        repeats = -(-_GROUP // self._up)  # short cycles are joined until they fill a group
        self.cycle_in, self.cycle_out = repeats * self._down, repeats * self._up
        rows = max(4, _CHUNK_SAMPLES // max(self.cycle_in, self.cycle_out))
        self.chunk_in, self.chunk_out = rows * self.cycle_in, rows * self.cycle_out
        self.chunk_needs = self.wing - 1 + self.chunk_in + self.wing  # with what its two ends hear
        group_values = _GROUP * (2 * self.wing + _GROUP * self._down // self._up)
        self._matrix = lru_cache(maxsize=max(1, _KEPT_VALUES // group_values))(self._make_matrix)

    def convert(self, samples: NDArray[np.float32], outputs: int) -> NDArray[np.float32]:
        """Make the first `outputs` samples of a cycle and those after it; `samples` begin ``wing - 1`` before it."""
        rows = -(-outputs // self.cycle_out)
        out = np.empty((rows, self.cycle_out), np.float32)
        for first in range(0, min(outputs, self.cycle_out), _GROUP):
            matrix = self._matrix(first)
            heard = np.lib.stride_tricks.sliding_window_view(samples[first * self._down // self._up :], matrix.shape[1])
            out[:, first : first + _GROUP] = heard[:: self.cycle_in][:rows].astype(np.float64) @ matrix.T
        return out.reshape(-1)[:outputs]

    def _make_matrix(self, first: int) -> NDArray[np.float64]:
        """Return the weights (outputs, inputs) of the group that begins with output `first` of a cycle."""
        time = np.arange(first, min(first + _GROUP, self.cycle_out)) * self._down  # in units of 1 / up input samples
        starts = time // self._up - time[0] // self._up
        fraction = self._gain * (time % self._up) / self._up
        before, after = self._wing_weights(fraction), self._wing_weights(self._gain - fraction)
        matrix = np.zeros((len(time), starts[-1] + 2 * self.wing))
        columns = starts[:, np.newaxis] + np.arange(2 * self.wing)
        np.put_along_axis(matrix, columns, np.hstack([before[:, ::-1], after]), axis=1)
        return matrix

    def _wing_weights(self, offset: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weights (outputs, wing) of samples on one side, the nearest of them `offset` from the centre."""
        table, slope = _table()
        entry = np.floor(offset * TABLE_STEPS).astype(np.int64)
        taps = np.arange(self.wing)
        heard = taps < ((len(table) - 1 - entry) // self._step)[:, np.newaxis]
        index = np.where(heard, entry[:, np.newaxis] + taps * self._step, len(table) - 1)  # the last entry is zero
        between = (offset * TABLE_STEPS - entry)[:, np.newaxis]
        return self._gain * (table[index] + between * slope[index])


@lru_cache(maxsize=1)
def _table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right half of the filter and the slope to each next entry; a zero is appended for taps that are not heard."""
    from scipy.special import i0

    time = np.linspace(0.0, ZERO_CROSSINGS, ZERO_CROSSINGS * TABLE_STEPS + 1)
    kaiser = i0(KAISER_BETA * np.sqrt(1.0 - (time / ZERO_CROSSINGS) ** 2)) / i0(KAISER_BETA)
    table = ROLLOFF * np.sinc(ROLLOFF * time) * kaiser
    slope = np.append(np.diff(table), 0.0)
    return np.append(table, 0.0), np.append(slope, 0.0)
