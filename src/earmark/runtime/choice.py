"""Which framework runs a network, chosen by name.

``torch`` is the reference, ``openvino`` is faster on most processors; they agree to 1e-4.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from earmark.errors import SettingsError
from earmark.runtime.network import Network, TorchNetwork
from earmark.runtime.openvino import OpenVinoNetwork

if TYPE_CHECKING:
    import torch

__all__ = ["RUNTIMES", "make_network"]

RUNTIMES = ("torch", "openvino")


def make_network(
    module: torch.nn.Module,
    runtime: str,
    example_shape: tuple[int, ...],
    batch_rows: int = 16,
    free_axes: Collection[int] = (),
) -> Network:
    """Make a function of arrays from a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module
        Takes a tensor of shape (rows, ...) and gives one of shape (rows, ...).
    runtime : {"torch", "openvino"}
        What runs it.
    example_shape : tuple of int
        Shape of one row of its input, without the axis of rows.
    batch_rows : int
        Rows that are run at once at most; bounds the memory of the activations.
    free_axes : collection of int
        Axes of `example_shape` whose size may differ from call to call; see `OpenVinoNetwork`.

    Raises
    ------
    SettingsError
        If there is no such runtime, or OpenVINO is not installed.
    """
    if runtime == "torch":
        return TorchNetwork(module, batch_rows)
    if runtime == "openvino":
        return OpenVinoNetwork(module, example_shape, batch_rows, free_axes)
    raise SettingsError(f"there is no runtime {runtime!r}. Choose one of {', '.join(RUNTIMES)}.")
