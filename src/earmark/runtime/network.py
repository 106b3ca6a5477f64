"""PyTorch networks run as plain functions of NumPy arrays.

A network runs on one thread. Clips are embedded side by side by several workers instead, which keeps all cores busy
without their threads fighting, and makes the numbers of a clip independent of how many cores there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from earmark.runtime.threads import one_thread

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["Network", "TorchNetwork"]


class Network(Protocol):
    """A function of a batch, row by row."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one row of output for each row of `batch`."""


class TorchNetwork:
    """A PyTorch module on the CPU, in float32.

    Parameters
    ----------
    module : torch.nn.Module
        Takes a tensor of shape (rows, ...) and gives one of shape (rows, ...).
    batch_rows : int
        Rows that are run at once at most; bounds the memory of the activations.
    """

    def __init__(self, module: torch.nn.Module, batch_rows: int = 16) -> None:
        self._module = module.eval()
        self._batch_rows = batch_rows

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the rows of `batch` through the module.

        Parameters
        ----------
        batch : ndarray of shape (rows, ...), float32
            At least one row.

        Returns
        -------
        ndarray of shape (rows, ...), float32
        """
        import torch

        rows, step = np.require(batch, np.float32, ["C", "W"]), self._batch_rows
        with one_thread(), torch.inference_mode():
            parts = (torch.from_numpy(rows[start : start + step]) for start in range(0, len(rows), step))
            return np.concatenate([self._module(part).numpy() for part in parts])
