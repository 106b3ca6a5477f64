"""Rows on a device of PyTorch, such as a GPU: what `Blocks` is for the processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.blocks import Blocks, Float
from earmark.errors import SettingsError

__all__ = ["TorchBlocks", "enough_device_memory"]


class TorchBlocks(Blocks):
    """Rows that lie on a device, in their own type.

    Parameters
    ----------
    host : Blocks
        The rows, what products are computed in, and the threads for what is done on the processor.
    device : str
        Name of a device of PyTorch.
    """

    #: Rows of a block: many, since a device is slow to start and quick to go.
    size = 16384

    def __init__(self, host: Blocks, device: str) -> None:
        import torch

        self.xp, self._host, self._device = torch, host, device
        self.pool, self.dtype, self.shape = host.pool, host.dtype, host.shape
        rows = host.converted(host.stored_dtype)
        self._type, kept = (_type(dtype) for dtype in (host.dtype, rows.dtype))
        self._values = torch.empty(host.shape, dtype=kept, device=device)
        for start in range(0, self.shape[0], self.size):
            block = slice(start, start + self.size)
            self._values[block] = torch.from_numpy(np.array(rows.read(block)))

    def read(self, which: slice | NDArray[np.intp]) -> Any:
        """Return some of the rows, (k, d), as a tensor of the type of the products. Not to be written to."""
        return self._values[which].to(self._type)

    def stored(self, which: NDArray[np.intp]) -> NDArray[Any]:
        """Return a copy of some of the rows, (k, d), as a NumPy array in their own type."""
        return self._host.stored(which)

    def of(self, which: NDArray[np.intp]) -> TorchBlocks:
        """Return blocks of a copy of some of the rows."""
        return TorchBlocks(self._host.of(which), self._device)

    def converted(self, dtype: Any) -> TorchBlocks:
        """Return the same rows for products in another type."""
        other = copy(self)
        other._host = self._host.converted(dtype)
        other.dtype, other._type = other._host.dtype, _type(dtype)
        return other

    def put(self, values: NDArray[Any]) -> Any:
        """Return small values as a tensor: floats in the type of the products, others as they are."""
        kept = values.astype(self.dtype) if values.dtype.kind == "f" else values
        return self.xp.from_numpy(np.array(kept)).to(self._device)

    def zeros(self, columns: int, kind: type = float) -> Any:
        """Return zeros, (n, columns), in the type of the products, or of bool."""
        kinds = self._type if kind is float else self.xp.bool
        return self.xp.zeros((self.shape[0], columns), dtype=kinds, device=self._device)

    def to_host(self, values: Any) -> NDArray[Any]:
        """Return a tensor as an array of NumPy."""
        return np.asarray(values.cpu().numpy())

    def map(self, function: Callable[[slice], Any]) -> Iterator[Any]:
        """Call a function with each block's slice of rows, one after another: a device has threads of its own."""
        return (function(slice(start, start + self.size)) for start in range(0, self.shape[0], self.size))

    def sum(self, function: Callable[[slice], tuple[Any, ...]]) -> tuple[Float, ...]:
        """Add up what the function gives for each block, in float64 and in the order of the rows."""
        totals: list[Any] = []
        for parts in self.map(function):
            wide = [part.double() for part in parts]
            totals = [total + part for total, part in zip(totals, wide, strict=True)] if totals else wide
        return tuple(self.to_host(total) for total in totals)


def _type(dtype: Any) -> Any:
    """Return what PyTorch calls a type."""
    import torch

    return torch.float32 if dtype == np.float32 else torch.float64


@contextmanager
def enough_device_memory(device: str) -> Iterator[None]:
    """Say what to do where a device runs out of memory.

    Raises
    ------
    SettingsError
        It did.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SettingsError(
            f"the rows and their decision values do not fit into the memory of the device {device!r}: {error}. Use the "
            "device 'cpu', or fewer training sets at once."
        ) from error
