"""Read named arrays out of an `.npz` file, unpickling nothing.

Format: a zip file with one `.npy` member per array (numpy.lib.format). The members are read here one by one, so that
sizes are checked before memory is taken, and arrays of objects, which would be pickles, are refused by their header.
"""

from __future__ import annotations

import io
import math
import tokenize
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.archive import LIMIT_BYTES, read_member

__all__ = ["read_npz"]

# What NumPy raises for headers that are damaged.
_DAMAGE = (ValueError, TypeError, SyntaxError, KeyError, AttributeError, MemoryError, RecursionError, OverflowError)


def read_npz(content: bytes, names: Sequence[str], limit_bytes: int = LIMIT_BYTES) -> dict[str, NDArray[Any]]:
    """Read arrays of numbers by name.

    Parameters
    ----------
    content : bytes
        Content of the `.npz` file.
    names : sequence of str
        The arrays wanted.
    limit_bytes : int
        Largest array admitted, in bytes.

    Returns
    -------
    dict of str to ndarray
        In the order of `names`, with the type that the file has.

    Raises
    ------
    WeightsError
        If this is no `.npz` file, has no such array, or one is damaged, too large or holds anything but numbers.
    """
    return {name: _array(name, read_member(content, f"{name}.npy", limit_bytes=limit_bytes)) for name in names}


def _array(name: str, content: bytes) -> NDArray[Any]:
    stream = io.BytesIO(content)
    try:
        shape, column_major, dtype = _header(stream)
    except (*_DAMAGE, tokenize.TokenError) as error:
        raise WeightsError(
            f"Array {name!r} of this .npz file does not begin as one ({error}): altered or another file. Fetch it anew."
        ) from error
    if dtype.kind not in "fiu":
        raise WeightsError(f"Array {name!r} of this .npz file is of type {dtype}, expected numbers; nothing was run.")
    values = memoryview(content)[stream.tell() :]
    if min(shape, default=1) < 1 or len(values) != math.prod(shape) * dtype.itemsize:
        raise WeightsError(
            f"Array {name!r} of this .npz file has shape {shape} of {dtype} but {len(values)} bytes: cut short or "
            "altered. Fetch it anew."
        )
    return np.frombuffer(values, dtype).reshape(shape, order="F" if column_major else "C").copy()


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"version {version} of the format")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # files written by Python 2 are welcome
        return read(stream)
