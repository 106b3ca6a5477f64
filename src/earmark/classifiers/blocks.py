"""The rows that many machines share, read in blocks, so that they may lie on disk and be larger than memory.

`Blocks` works in NumPy. `earmark.classifiers.torch_blocks` has the same for PyTorch. Blocks may run in several threads,
each with linear algebra on one: their sums are added in float64 and in the order of the rows, so the result has the
same bits whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blocks", "Float", "Moved", "single_threaded_pool"]

Float = NDArray[np.float64]
Item = TypeVar("Item")
Result = TypeVar("Result")

# So many blocks are under way at most: what they give is kept until it has been added up.
_UNDER_WAY = 32


@dataclass(frozen=True)
class Moved:
    """How rows are worked on where columns lie far from zero: as (value - shift) * factor.

    Attributes
    ----------
    shift, factor : ndarray, shape (d,), of the type of the rows
    """

    shift: NDArray[Any]
    factor: NDArray[Any]


class Blocks:
    """Rows in blocks, and the threads that walk them.

    Parameters
    ----------
    rows : ndarray, shape (n, d), float32 or float64
        May be a `numpy.memmap`; no more than some blocks of it are in memory.
    pool : executor, optional
        Its threads do linear algebra on one core each. Without one the calling thread does all.
    dtype : dtype, optional
        What products are computed in; by default that of the rows.
    moved : Moved, optional

    Attributes
    ----------
    shape : tuple of int
    dtype, stored_dtype : dtype
        What products are computed in, and that of the rows.
    xp : module
        Where the functions for its arrays are.
    """

    xp: Any = np
    #: Rows of a block: small enough for the second pass over one to find it in the cache.
    size = 2048

    def __init__(
        self, rows: NDArray[Any], pool: Executor | None = None, dtype: Any = None, moved: Moved | None = None
    ) -> None:
        self._rows = np.asarray(rows)  # a memmap stays on disk
        self.pool, self._moved = pool, moved
        self.dtype = np.dtype(dtype or rows.dtype)
        self.shape: tuple[int, int] = self._rows.shape
        self.stored_dtype = self._rows.dtype

    def read(self, which: slice | NDArray[np.intp]) -> Any:
        """Return some of the rows, (k, d), in the type of the products. Not to be written to."""
        rows = self._rows[which]
        if self._moved is not None:
            rows = rows - self._moved.shift
            rows *= self._moved.factor
        return rows.astype(self.dtype, copy=False)

    def stored(self, which: NDArray[np.intp]) -> NDArray[Any]:
        """Return a copy of some of the rows, (k, d), as a NumPy array in their own type."""
        same, stored = self.converted(self.stored_dtype), np.empty((len(which), self.shape[1]), self.stored_dtype)
        for start in range(0, len(which), self.size):
            block = slice(start, start + self.size)
            stored[block] = same.read(which[block])
        return stored

    def of(self, which: NDArray[np.intp]) -> Blocks:
        """Return blocks of a copy of some of the rows."""
        return Blocks(self.stored(which), self.pool, self.dtype)

    def converted(self, dtype: Any) -> Blocks:
        """Return the same rows for products in another type."""
        return Blocks(self._rows, self.pool, dtype, self._moved)

    def put(self, values: NDArray[Any]) -> Any:
        """Return small values where the rows are: floats in the type of the products, others as they are."""
        return values.astype(self.dtype) if values.dtype.kind == "f" else values

    def zeros(self, columns: int, kind: type = float) -> Any:
        """Return zeros, (n, columns), in the type of the products, or of bool."""
        return np.zeros((self.shape[0], columns), self.dtype if kind is float else kind)

    def to_host(self, values: Any) -> NDArray[Any]:
        """Return an array as one of NumPy."""
        return np.asarray(values)

    def map(self, function: Callable[[slice], Result]) -> Iterator[Result]:
        """Call a function with each block's slice of rows; give the results in the order of the rows."""
        starts = range(0, self.shape[0], self.size)
        slices = [slice(start, min(start + self.size, self.shape[0])) for start in starts]
        for first in range(0, len(slices), _UNDER_WAY):
            some = slices[first : first + _UNDER_WAY]
            yield from self.side_by_side(function, some)

    def side_by_side(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Call a function with each item in the threads; give the results in the order of the items."""
        return map(function, items) if self.pool is None else self.pool.map(function, items)

    def each(self, function: Callable[[slice], None]) -> None:
        """Call a function with each block's slice of rows."""
        for _ in self.map(function):
            pass

    def sum(self, function: Callable[[slice], tuple[Any, ...]]) -> tuple[Float, ...]:
        """Add up what the function gives for each block, in float64 and in the order of the rows."""
        totals: list[Float] = []
        for parts in self.map(function):
            if not totals:
                totals = [np.zeros(part.shape) for part in parts]
            for total, part in zip(totals, parts, strict=True):
                total += part
        return tuple(totals)


@contextmanager
def single_threaded_pool(workers: int) -> Iterator[Executor]:
    """Give so many threads, each of which does its linear algebra alone."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers, "earmark") as pool:
        yield pool
