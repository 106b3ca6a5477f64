"""Read named arrays out of an `.npz` file, unpickling nothing.

Format: a zip file with one `.npy` member per array (numpy.lib.format). The members are read here one by one, so that
sizes are checked before memory is taken, and arrays of objects, which would be pickles, are refused by their header.
The header is matched with what NumPy writes, not evaluated as the Python text that it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.archive import LIMIT_BYTES, read_member

__all__ = ["read_npz"]

# As NumPy has written it ever since: its keys sorted, then spaces. More than 8 axes are nothing to be read here.
_DICTIONARY = re.compile(
    r"\{'descr': (?P<type>'[^']*'|\[.*\]), 'fortran_order': (?P<turned>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,15}L?,? ?){0,8})\), \} *\n"
)
_NUMBERS = re.compile(r"'(?:[<>](?:f[248]|[iu][248])|\|[iu]1)'")


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
    start, said = _header(name, content)
    if not _NUMBERS.fullmatch(said["type"]):
        raise WeightsError(
            f"Array {name!r} of this .npz file is of type {said['type'][:60]}, expected numbers; nothing was run."
        )
    dtype = np.dtype(said["type"].strip("'"))
    shape = tuple(int(size.rstrip("L")) for size in re.findall(r"\d+L?", said["shape"]))  # Python 2 wrote the L
    values = memoryview(content)[start:]
    if min(shape, default=1) < 1 or len(values) != math.prod(shape) * dtype.itemsize:
        raise WeightsError(
            f"Array {name!r} of this .npz file has shape {shape} of {dtype} but {len(values)} bytes: cut short or "
            "altered. Fetch it anew."
        )
    return np.frombuffer(values, dtype).reshape(shape, order="F" if said["turned"] == "True" else "C").copy()


def _header(name: str, content: bytes) -> tuple[int, re.Match[str]]:
    """Where the values begin, and what the header says of them: magic, version, size, a dictionary as Python text."""
    wide = {b"\x01\x00": 2, b"\x02\x00": 4}.get(content[6:8], 0)
    start = 8 + wide + int.from_bytes(content[8 : 8 + wide], "little")
    said = _DICTIONARY.fullmatch(content[8 + wide : start].decode("latin1"))
    if not content.startswith(b"\x93NUMPY") or not wide or not said:
        raise WeightsError(
            f"Array {name!r} of this .npz file does not begin as one ({content[:10]!r}...): altered or another file. "
            "Fetch it anew."
        )
    return start, said
