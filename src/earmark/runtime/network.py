"""PyTorch networks run as plain functions of NumPy arrays.

On the CPU a network runs on one thread. Several workers call it at once instead, which keeps all cores busy without
their threads fighting, and makes the numbers of a clip independent of how many cores there are. On a GPU one call runs
at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
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
    """A PyTorch module.

    On a GPU maps are laid out with their channels last, which its matrix units want, and float32 is float32:
    convolutions in TF32, with its 10 bits, are switched off, and products in it PyTorch leaves off by itself.

    Parameters
    ----------
    module : torch.nn.Module
        Takes a tensor of shape (rows, ...) and gives one of shape (rows, ...).
    batch_rows : int
        Rows that are run at once at most; bounds the memory of the activations.
    device : {"cpu", "cuda"}
        Where it runs.
    precision : {"float32", "bfloat16"}
        Number format of convolutions and products (PyTorch's autocast); all else is in float32.
    """

    def __init__(
        self, module: torch.nn.Module, batch_rows: int = 16, device: str = "cpu", precision: str = "float32"
    ) -> None:
        import torch

        self._batch_rows, self._device, self._precision = batch_rows, device, precision
        self._layout = torch.channels_last if device == "cuda" else torch.contiguous_format
        self._module = module.eval().to(device).to(memory_format=self._layout)  # type: ignore[call-overload]
        self._alone = Lock() if device == "cuda" else nullcontext()

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
        with self._alone, one_thread(), torch.inference_mode(), self._number_format():
            parts = (torch.from_numpy(rows[start : start + step]) for start in range(0, len(rows), step))
            return np.concatenate([self._module(self._there(part)).float().cpu().numpy() for part in parts])

    def _there(self, part: torch.Tensor) -> torch.Tensor:
        """Move rows to the device, in the layout that it wants; only maps have one."""
        return part.to(self._device, memory_format=self._layout) if part.ndim == 4 else part.to(self._device)

    @contextmanager
    def _number_format(self) -> Iterator[None]:
        import torch

        bfloat16 = self._precision == "bfloat16"
        with (
            torch.autocast(self._device, torch.bfloat16, enabled=bfloat16),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False) if self._device == "cuda" else nullcontext(),
        ):
            yield
