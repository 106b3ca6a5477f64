"""PyTorch networks run by OpenVINO on the CPU.

A network is defined in PyTorch and converted once; what comes of that is kept on disk. Like `TorchNetwork` it
runs each call on one thread, and several workers may call one network at once. The properties that say so are
documented on OpenVINO's pages "Performance Hints and Thread Scheduling" and "Precision Control":

``INFERENCE_PRECISION_HINT``, ``EXECUTION_MODE_HINT``
    float32 and ``ACCURACY`` unless bfloat16 is asked for. By default OpenVINO computes in bfloat16 where the processor
    has it, and in float16 on ARM: YAMNet's values are then off by 0.1.
``NUM_STREAMS``, ``INFERENCE_NUM_THREADS``
    A stream runs one call at a time, and OpenVINO deals its threads out to the streams. As many of either as there
    are processors make streams of one thread, enough for a worker on each processor; calls beyond that wait. Streams
    share the network's weights.
``ENABLE_HYPER_THREADING``
    True, else there would be no more streams than cores, where a core counts as two processors.
``ENABLE_CPU_PINNING``
    False: the streams of two networks would be tied to the same processors.
``CPU_RUNTIME_CACHE_CAPACITY``
    0 for networks with free axes: OpenVINO keeps what it prepared for each size that it ever met, with the memory to
    run it, up to 5000 layers' worth (openvinotoolkit/openvino, issues 20633 and 23316). Preparing costs little.
"""

from __future__ import annotations

import gc
import re
import sys
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.parallel import cores
from earmark.runtime.converted import keep_network, kept_network
from earmark.runtime.telemetry import silent_openvino
from earmark.runtime.threads import one_thread

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["OpenVinoNetwork"]

#: Largest input that surely overflows nowhere within a network. OpenVINO's ReLU turns NaN into 0, so that a row that
#: overflows could come out as plausible numbers.
LARGEST_INPUT = 1e12


class OpenVinoNetwork:
    """A PyTorch module, converted to OpenVINO and run on the CPU.

    Parameters
    ----------
    module : callable
        Builds a torch.nn.Module that takes a tensor of shape (rows, ...) and gives one of shape (rows, ...). It is
        traced: what it does may depend on the shape of a row only through the sizes of tensors, not through Python's
        ``if`` and ``for``. Not called if the converted network is found.
    example_shape : tuple of int
        Shape of one row of its input, without the axis of rows.
    batch_rows : int
        Rows that are run at once at most; bounds the memory of the activations.
    free_axes : collection of int
        Axes of `example_shape` whose size may differ from call to call, for networks that run over clips of any
        length. The size in `example_shape` is one that the network can take.
    precision : {"float32", "bfloat16"}
        Number format of the products.
    kept : Path, optional
        Folder in which the converted network is kept, with everything that decides its numbers in its name. The next
        process then needs neither PyTorch nor the weights.
    elsewhere : callable, optional
        Tried before a network is converted: has another process do it and keep what comes of it, so that this one does
        not take the memory. Should it not succeed, the network is converted here.

    Raises
    ------
    SettingsError
        If OpenVINO is not installed.
    """

    def __init__(
        self,
        module: Callable[[], torch.nn.Module],
        example_shape: tuple[int, ...],
        batch_rows: int = 16,
        free_axes: Collection[int] = (),
        precision: str = "float32",
        kept: Path | None = None,
        elsewhere: Callable[[], None] | None = None,
    ) -> None:
        self._batch_rows = batch_rows
        self._idle: deque[Any] = deque()  # requests that wait for a caller: each serves one at a time
        properties = _properties(cores(), bool(free_axes), precision)
        with silent_openvino() as openvino:
            _meet_numpy(openvino)
            version = re.sub(r"[^\w.-]+", "_", openvino.__version__)
            folder = kept and kept.with_name(f"{kept.name}-openvino-{version}")
            model: Any = kept_network(folder) if folder else None
            if model is None and folder and elsewhere:
                elsewhere()
                model = kept_network(folder)
            if model is None:
                model = _converted(openvino, module(), example_shape, free_axes)
                model = (keep_network(folder, openvino, model) if folder else None) or model
                gc.collect()  # the converter leaves cycles that hold the module: large ones have hundreds of megabytes
            self._compiled = openvino.Core().compile_model(model, "CPU", properties)

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the rows of `batch` through the module.

        Parameters
        ----------
        batch : ndarray of shape (rows, ...), float32
            At least one row.

        Returns
        -------
        ndarray of shape (rows, ...), float32
            NaN in rows whose input is not finite, or beyond 1e12 in magnitude.
        """
        rows, step = np.ascontiguousarray(batch, np.float32), self._batch_rows
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        values = [request.infer([rows[at : at + step]], share_inputs=True)[0] for at in range(0, len(rows), step)]
        self._idle.append(request)
        result: NDArray[np.float32] = np.concatenate(values)
        result[~_runnable(rows)] = np.nan
        return result


def _meet_numpy(openvino: Any) -> None:
    """Let OpenVINO make what it needs for NumPy's arrays here, in one thread.

    It does so once, at the first conversion, and should two threads come to that at once, they wait for each other for
    ever: one holds a lock of C++ and wants Python's, the other has Python's and wants that of C++.
    """
    _ = openvino.Tensor(np.zeros(1, np.float32)).data


def _properties(streams: int, sizes_vary: bool, precision: str) -> dict[str, str | bool]:
    """Return OpenVINO's settings for so many streams of one thread; see the top of this module."""
    bfloat16 = precision == "bfloat16"
    caching: dict[str, str | bool] = {"CPU_RUNTIME_CACHE_CAPACITY": "0"} if sizes_vary else {}
    return caching | {
        "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
        "EXECUTION_MODE_HINT": "PERFORMANCE" if bfloat16 else "ACCURACY",
        "NUM_STREAMS": str(streams),
        "INFERENCE_NUM_THREADS": str(streams),
        "ENABLE_HYPER_THREADING": True,
        "ENABLE_CPU_PINNING": False,
    }


def _converted(
    openvino: Any, module: torch.nn.Module, example_shape: tuple[int, ...], free_axes: Collection[int]
) -> Any:
    """Convert a module to an OpenVINO model with any number of rows."""
    import torch

    sizes = [-1 if axis in free_axes else size for axis, size in enumerate(example_shape)]
    with one_thread(), torch.no_grad(), _no_arguments(), warnings.catch_warnings():
        # OpenVINO traces by torch.jit too, which PyTorch has deprecated; its way by torch.export takes twice as long.
        # It would run the module three times more, to see whether it does the same each time.
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        example = torch.zeros(2, *example_shape)
        traced = torch.jit.trace(module.eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        return openvino.convert_model(traced, input=[openvino.PartialShape([-1, *sizes])])


@contextmanager
def _no_arguments() -> Iterator[None]:
    """Hide the program's arguments: at ``--verbose`` the converter would print and trace every allocation."""
    before = sys.argv
    sys.argv = before[:1]
    try:
        yield
    finally:
        sys.argv = before


def _runnable(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which rows a network can run without overflow."""
    flat = rows.reshape(len(rows), -1)
    with np.errstate(invalid="ignore"):
        runnable: NDArray[np.bool_] = (flat.min(axis=1) >= -LARGEST_INPUT) & (flat.max(axis=1) <= LARGEST_INPUT)
    return runnable
