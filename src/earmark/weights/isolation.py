"""Read files with libraries that are not hardened against altered ones, in a process that may fail.

libhdf5 can be made to loop, to crash, and to unpack a few kilobytes to gigabytes; PyTorch's unpickler can be kept busy
for ever, deaf to Ctrl-C, by keys that take 2**60 steps to hash. Neither can be stopped from within. So each file is
read by a child of its own, which is given so much time, on Linux so much memory too, and hands back nothing but
arrays. Whatever else becomes of it is one error here.

The child is a fresh interpreter in Python's isolated mode: neither the current folder nor the environment decides what
it imports. It finds earmark and its libraries in the places where this process found them, and beside them only what
Python itself and its installed packages have. The file goes to its standard input. To its standard output it writes a
line of JSON, names with the shapes of their arrays, and then the values of all arrays as float32; or, with exit
status 3, the text of a `WeightsError`.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from types import TracebackType
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError

__all__ = ["Named", "answer", "read_in_child"]

Named = Iterable[tuple[str, Sequence[NDArray[np.float32]]]]
"""Names, each with its arrays."""

TIME_LIMIT_SECONDS = 120.0
"""How long a child may take."""

_MARGIN_BYTES = 2**28  # of memory, for what a library needs beside the arrays
_REFUSED = 3  # exit status of a child that raised a WeightsError
_LIBRARIES = {"HDF5": "h5py", "PyTorch": "torch"}
_START = (
    "import json, site, sys; request = json.loads(sys.argv[1]); sys.path += request.pop('places'); site.main(); "
    "from earmark.weights.isolation import answer; answer(**request)"
)
# Settings of the libraries are not handed on; HDF5 loads no plug-ins, PyTorch no other makers' devices.
_SETTINGS = ("HDF5", "TORCH", "PYTORCH", "PYTHON")
_ENVIRONMENT = {"HDF5_PLUGIN_PRELOAD": "::", "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}


def read_in_child(
    kind: Literal["HDF5", "PyTorch"], content: bytes, limit_bytes: int, key: str | None = None
) -> list[tuple[str, list[NDArray[np.float32]]]]:
    """Read a file in a child process.

    Parameters
    ----------
    kind : {"HDF5", "PyTorch"}
        What the file is; which of `keras_layers` and `state_dict` reads it.
    content : bytes
        Content of the file.
    limit_bytes : int
        Most that all arrays together may take as float32, in bytes. Twice that, and 256 MiB more, is what the child
        may take beyond the file itself.
    key : str, optional
        Where in a PyTorch file the state dict lies.

    Returns
    -------
    list of (str, list of ndarray of float32)
        What the reader gave, in its order.

    Raises
    ------
    WeightsError
        If the reader raised it; if the library failed, crashed, took more memory than admitted or more than
        `TIME_LIMIT_SECONDS`; or if the child cannot be started or its files not
        be kept.
    """
    request = json.dumps({"places": _places(kind), "kind": kind, "limit_bytes": limit_bytes, "key": key})
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    # Files, because subprocess writes to a pipe by 4 KB, which takes seconds for what a network weighs.
    try:
        with TemporaryFile() as given, TemporaryFile() as answered:
            given.write(content)
            given.seek(0)
            ended = subprocess.run(  # noqa: S603 - no shell, and every word is ours
                [sys.executable, "-I", "-S", "-c", _START, request],
                stdin=given,
                stdout=answered,
                stderr=subprocess.PIPE,
                timeout=TIME_LIMIT_SECONDS,
                env=kept | _ENVIRONMENT,
                check=False,
            )
            answered.seek(0)
            if ended.returncode == 0:
                return _arrays(answered)
            if ended.returncode == _REFUSED:
                raise WeightsError(answered.read().decode(errors="replace"))
    except subprocess.TimeoutExpired:
        raise _failed(kind, content, f"had not ended after {TIME_LIMIT_SECONDS:g} s") from None
    except OSError as error:
        raise WeightsError(
            f"Cannot start {sys.executable or 'Python'}, which is to read the {kind} file, or keep what it reads in "
            f"{gettempdir()}: {error.strerror or error}. Allow it, or make room."
        ) from error
    if ended.returncode < 0:
        raise _failed(kind, content, f"ended with signal {-ended.returncode}")
    last = (ended.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
    raise _failed(kind, content, f"failed ({''.join(filter(str.isprintable, last))[:200]})")


def answer(kind: Literal["HDF5", "PyTorch"], limit_bytes: int, key: str | None) -> None:
    """Read the file on standard input and write what it holds to standard output: what a child does.

    Parameters
    ----------
    kind, limit_bytes, key
        As `read_in_child` has them.
    """
    try:
        read = _reader(kind, limit_bytes, key)
        sys.excepthook = _say_in_one_line
        content = sys.stdin.buffer.read()
        _set_bounds(2 * limit_bytes + _MARGIN_BYTES)
        found = [(name, list(arrays)) for name, arrays in read(content)]
    except WeightsError as error:
        sys.stdout.buffer.write(str(error).encode(errors="replace"))
        sys.exit(_REFUSED)
    header = [(name, [array.shape for array in arrays]) for name, arrays in found]
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n")
    for _, arrays in found:
        for array in arrays:
            sys.stdout.buffer.write(np.ascontiguousarray(array, dtype=np.float32).data)


def _reader(kind: Literal["HDF5", "PyTorch"], limit_bytes: int, key: str | None) -> Callable[[bytes], Named]:
    """Import a reader and its library, which takes more memory than a file may."""
    try:
        if kind == "HDF5":
            import h5py  # noqa: F401 - here, before memory is bounded

            from earmark.weights.hdf5_reader import keras_layers

            return lambda content: ((layer.name, layer.arrays) for layer in keras_layers(content, limit_bytes))
        import torch  # noqa: F401

        from earmark.weights.torch_reader import state_dict

        return lambda content: ((name, (array,)) for name, array in state_dict(content, key, limit_bytes).items())
    except ImportError as error:
        raise WeightsError(
            f"{_LIBRARIES[kind]}, which reads {kind} files, cannot be imported ({error}). Install earmark anew."
        ) from error


def _set_bounds(memory_bytes: int) -> None:
    """Bound what this process may take from now on, as far as the system can."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    bounds = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: int(2 * TIME_LIMIT_SECONDS)}  # should the parent be gone
    statm = Path("/proc/self/statm")
    if statm.exists():
        in_use = int(statm.read_text().split()[5]) * resource.getpagesize()
        bounds[resource.RLIMIT_DATA] = in_use + memory_bytes
    for what, most in bounds.items():
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _say_in_one_line(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    lines = str(error).strip().splitlines()
    sys.stderr.write(kind.__name__ + (f": {lines[0]}\n" if lines else "\n"))


def _places(kind: str) -> list[str]:
    """Folders from which this process takes earmark and what the reader needs."""
    specs = [find_spec(name) for name in ("earmark", "numpy", _LIBRARIES[kind])]
    return list(dict.fromkeys(str(Path(spec.origin).resolve().parents[1]) for spec in specs if spec and spec.origin))


def _arrays(answered: IO[bytes]) -> list[tuple[str, list[NDArray[np.float32]]]]:
    return [
        (name, [np.fromfile(answered, np.float32, math.prod(shape)).reshape(shape) for shape in shapes])
        for name, shapes in json.loads(answered.readline())
    ]


def _failed(kind: str, content: bytes, how: str) -> WeightsError:
    return WeightsError(
        f"The library that reads {kind} {how}. The file ({content[:8]!r}... of {len(content)} bytes) is cut short, "
        "altered, another kind of file, or made to harm; nothing of it is used. Fetch it anew from its origin."
    )
