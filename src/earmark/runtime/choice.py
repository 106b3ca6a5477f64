"""What runs a network, chosen by name: a framework, a device and a number format.

``openvino`` is the fastest on processors, ``torch`` is the reference: they agree to 1e-4. The others are faster and
less exact, or need a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from earmark.errors import SettingsError
from earmark.runtime.device import check_device
from earmark.runtime.network import Network, TorchNetwork
from earmark.runtime.openvino import OpenVinoNetwork
from earmark.runtime.processor import check_bfloat16

if TYPE_CHECKING:
    import torch

__all__ = [
    "DEVICES",
    "PRECISIONS",
    "RUNTIMES",
    "Runtime",
    "check_runtime",
    "make_network",
    "runtime_for",
    "runtime_named",
]

DEVICES = ("cpu", "cuda")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Runtime:
    """What runs a network.

    Attributes
    ----------
    framework : {"openvino", "torch"}
    device : {"cpu", "cuda"}
    precision : {"float32", "bfloat16"}
        Number format of the products; sums, inputs and outputs are float32.
    """

    framework: Literal["openvino", "torch"]
    device: Literal["cpu", "cuda"]
    precision: Literal["float32", "bfloat16"]


#: All runtimes by name, the default first.
RUNTIMES = {
    "openvino": Runtime("openvino", "cpu", "float32"),
    "openvino-bfloat16": Runtime("openvino", "cpu", "bfloat16"),
    "torch": Runtime("torch", "cpu", "float32"),
    "cuda": Runtime("torch", "cuda", "float32"),
    "cuda-bfloat16": Runtime("torch", "cuda", "bfloat16"),
}


def runtime_named(name: str) -> Runtime:
    """Look a runtime up.

    Raises
    ------
    SettingsError
        If there is none of that name.
    """
    if name not in RUNTIMES:
        raise SettingsError(f"there is no runtime {name!r}. Choose one of {', '.join(RUNTIMES)}.")
    return RUNTIMES[name]


def runtime_for(device: str = "cpu", precision: str = "float32") -> str:
    """Name the fastest runtime on a device in a number format.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    precision : {"float32", "bfloat16"}

    Returns
    -------
    str
        One of `RUNTIMES`.

    Raises
    ------
    SettingsError
        If there is no such device or number format, or this machine does not have it.

    Examples
    --------
    >>> runtime_for("cpu", "float32")
    'openvino'
    """
    for what, asked, known in (("device", device, DEVICES), ("precision", precision, PRECISIONS)):
        if asked not in known:
            raise SettingsError(f"there is no {what} {asked!r}. Choose one of {', '.join(known)}.")
    found = next(name for name, each in RUNTIMES.items() if (each.device, each.precision) == (device, precision))
    check_runtime(found)
    return found


def check_runtime(name: str) -> None:
    """Refuse a runtime that there is not, or that this machine cannot offer.

    Raises
    ------
    SettingsError
        If there is no such runtime, no GPU for it, or the processor has not its number format.
    """
    runtime = runtime_named(name)
    check_device(runtime.device)
    if (runtime.device, runtime.precision) == ("cpu", "bfloat16"):
        check_bfloat16()


def make_network(
    module: Callable[[], torch.nn.Module],
    runtime: str,
    example_shape: tuple[int, ...],
    batch_rows: int = 16,
    free_axes: Collection[int] = (),
    kept: Path | None = None,
    elsewhere: Callable[[], None] | None = None,
) -> Network:
    """Make a function of arrays from a PyTorch module.

    Parameters
    ----------
    module : callable
        Builds the module, which takes a tensor of shape (rows, ...) and gives one of shape (rows, ...). Not called
        where the converted network is found.
    runtime : str
        One of `RUNTIMES`: what runs it.
    example_shape : tuple of int
        Shape of one row of its input, without the axis of rows.
    batch_rows : int
        Rows that are run at once at most; bounds the memory of the activations.
    free_axes : collection of int
        Axes of `example_shape` whose size may differ from call to call; see `OpenVinoNetwork`.
    kept : Path, optional
        Where the network is kept as it was converted; see `OpenVinoNetwork`.
    elsewhere : callable, optional
        Converts it in another process; see `OpenVinoNetwork`.

    Raises
    ------
    SettingsError
        As `check_runtime`, or OpenVINO is not installed.
    """
    check_runtime(runtime)
    chosen = runtime_named(runtime)
    if chosen.framework == "torch":
        return TorchNetwork(module(), batch_rows, chosen.device, chosen.precision)
    return OpenVinoNetwork(module, example_shape, batch_rows, free_axes, chosen.precision, kept, elsewhere)
