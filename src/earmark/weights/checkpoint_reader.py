r"""Read the float32 variables of a TensorFlow V1 checkpoint (one `.ckpt` file) with NumPy alone.

The file is a sorted table as LevelDB keeps them (github.com/google/leveldb, doc/table_format.md): blocks, an index
block that tells where they lie, and a footer of 48 bytes that tells where the index is. Each value is a protocol
buffer `SavedTensorSlices` (tensorflow/core/util/saved_tensor_slice.proto): one says which tensors there are, every
other one brings the values of a tensor or of a part of it.

Every length and offset is checked before it is used; blocks may not overlap, so the work is bounded by the size of
the file. The blocks' own check sums (CRC-32C) are not compared: a recipe states the digest of the whole file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError

__all__ = ["read_checkpoint"]

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # of a block: one byte for the compression, four for the check sum
_DT_FLOAT = 1  # tensorflow/core/framework/types.proto
_AXES_LIMIT = 8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers


@dataclass(frozen=True)
class _Announced:
    """What the file says about a tensor: its shape and its type's number."""

    shape: tuple[int, ...]
    type: int


def read_checkpoint(content: bytes) -> dict[str, NDArray[np.float32]]:
    """Read every float32 variable, in TensorFlow's layout.

    Parameters
    ----------
    content : bytes
        Content of the `.ckpt` file.

    Returns
    -------
    dict of str to ndarray of float32
        By the variable's name. Variables of other types, such as a counter of steps, are left out.

    Raises
    ------
    WeightsError
        If this is no such file, it is cut short or altered, compressed, or keeps a variable in several parts.
    """
    data = memoryview(content)
    if len(data) < _FOOTER_BYTES or data[-len(_MAGIC) :] != _MAGIC:
        raise WeightsError(
            f"Expected a TensorFlow V1 checkpoint, found {content[:8]!r}... of {len(data)} bytes without its closing "
            "mark: cut short or another file (a V2 checkpoint has several files). Fetch it anew."
        )
    announced: dict[str, _Announced] = {}
    values: dict[str, list[memoryview]] = {}
    for entry in _entries(data):
        for meta in _messages(entry, 1):
            for tensor in _messages(meta, 1):
                shapes = [_shape(shape) for shape in _messages(tensor, 2)]
                announced[_text(tensor, 1)] = _Announced(shapes[-1] if shapes else (), _integer(tensor, 3))
        for saved in _messages(entry, 2):
            name = _text(saved, 1)
            if name in values or any(_is_part(each) for each in _messages(saved, 2)):
                raise WeightsError(f"Variable {name!r} of this checkpoint is kept in parts, which are not read.")
            values[name] = [packed for proto in _messages(saved, 3) for packed in _messages(proto, 5)]
    return {
        name: _array(name, said.shape, values.get(name, []))
        for name, said in announced.items()
        if said.type == _DT_FLOAT
    }


def _array(name: str, shape: tuple[int, ...], parts: list[memoryview]) -> NDArray[np.float32]:
    raw = parts[0] if len(parts) == 1 else b"".join(parts)
    if len(shape) > _AXES_LIMIT or min(shape, default=1) < 1 or len(raw) != 4 * math.prod(shape):
        raise _damaged(f"variable {name!r} has shape {shape[:_AXES_LIMIT]} but {len(raw)} bytes of values")
    return np.frombuffer(raw, dtype="<f4").reshape(shape).astype(np.float32)


def _entries(data: memoryview) -> Iterator[memoryview]:
    """Values of the table, in its order."""
    at = len(data) - _FOOTER_BYTES
    for _ in range(2):  # where the unused metaindex lies: two numbers
        _, at = _varint(data, at)
    index, _ = _block(data, at)
    read = 0
    for handle in _block_values(index):
        block, _ = _block(data, 0, handle)
        read += len(block)
        if read > len(data):
            raise _damaged("its blocks overlap")
        yield from _block_values(block)


def _block(data: memoryview, at: int, handle: memoryview | None = None) -> tuple[memoryview, int]:
    """Find the block that a handle (offset and size) at a place tells of; also the place behind the handle."""
    source = data if handle is None else handle
    offset, at = _varint(source, at)
    size, at = _varint(source, at)
    if offset + size + _TRAILER_BYTES > len(data):
        raise _damaged(f"a block claims bytes {offset} to {offset + size} of {len(data)}")
    if data[offset + size] != 0:
        raise WeightsError(
            f"A block of this checkpoint is compressed (method {data[offset + size]}); only plain ones are read, which "
            "is what TensorFlow writes. Fetch the file anew from its origin."
        )
    return data[offset : offset + size], at


def _block_values(block: memoryview) -> Iterator[memoryview]:
    """Values of a block; its keys, which repeat the tensors' names in another coding, are passed over."""
    if len(block) < 4:
        raise _damaged("a block has no end")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise _damaged("a block has no end")
    at = 0
    while at < end:
        _, at = _varint(block, at)  # bytes that the key shares with the one before
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        if at + fresh + length > end:
            raise _damaged("an entry reaches beyond its block")
        yield block[at + fresh : at + fresh + length]
        at += fresh + length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, lowest first; also the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise _damaged("it ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _damaged("a number is too long")


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values of a protocol buffer."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == _VARINT:
            number, at = _varint(message, at)
            yield tag >> 3, number
            continue
        if wire not in (_FIXED64, _BYTES, _FIXED32):
            raise _damaged(f"a field has wire type {wire}")
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire, 0)
        if wire == _BYTES:
            size, at = _varint(message, at)
        if at + size > len(message):
            raise _damaged("a field reaches beyond its message")
        yield tag >> 3, message[at : at + size]
        at += size


def _messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """Every value of a field that is bytes: messages, text, packed numbers."""
    for found, value in _fields(message):
        if found == number:
            if isinstance(value, int):
                raise _damaged(f"field {number} is a number, not a message")
            yield value


def _integer(message: memoryview, number: int) -> int:
    """Last value of a field that is a number, 0 if it is left out."""
    last = 0
    for found, value in _fields(message):
        if found == number:
            if not isinstance(value, int):
                raise _damaged(f"field {number} is no number")
            last = value
    return last


def _text(message: memoryview, number: int) -> str:
    raw = b"".join(_messages(message, number))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _damaged(f"a name is {raw[:40]!r}") from error


def _shape(message: memoryview) -> tuple[int, ...]:
    return tuple(_integer(dim, 1) for dim in _messages(message, 2))


def _is_part(slice_: memoryview) -> bool:
    """Whether a slice states a length on any axis; one that is the whole tensor states none."""
    return any(number == 2 for extent in _messages(slice_, 1) for number, _ in _fields(extent))


def _damaged(why: str) -> WeightsError:
    return WeightsError(f"This TensorFlow checkpoint is damaged ({why}): cut short or altered. Fetch it anew.")
