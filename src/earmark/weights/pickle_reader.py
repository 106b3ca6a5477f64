"""Read a pickle of NumPy arrays by layer, as SoundNet's weights come, without running anything in it.

A pickle is a program: it may call whatever it names. earmark loads none, with this one exception, because SoundNet's
weights exist in no other form: a `.npy` file whose one value is an object, pickled by Python 2 with protocol 2,
`{layer: {"weights": array, ...}}`. Three fences stand around it:

1. Every instruction is looked at beforehand (`pickletools`, which runs nothing): only those that make numbers, text,
   containers and arrays are admitted, and no more of them than such a file needs. Names by number, persistent ids and
   names put together at run time are refused here, and so is using anything twice but names, texts and what calls
   gave: of tuples within tuples used twice, a few bytes make a key that takes 2**60 steps to hash.
2. The only names that can be called are those of NumPy's array reconstruction, under their old and new modules.
3. Behind these names stand no NumPy functions but the inert recorders of this module. NumPy's own state setters
   believe a file about types of objects and memory; they are never reached. Arrays are then made from recorded
   bytes with `numpy.frombuffer`, of four plain types.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError

__all__ = ["read_layer_pickle"]

_NPY_MAGIC = b"\x93NUMPY\x01\x00"
_TYPES = ("f4", "f8", "i4", "i8")
_OBJECT_TYPES = ("O8", "O4")
_INSTRUCTIONS_LIMIT = 10_000  # SoundNet has 985; also keeps tuples too shallow to exhaust the stack when hashed
_NEEDED = """
    PROTO STOP MARK GLOBAL REDUCE BUILD PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET NONE NEWTRUE NEWFALSE
    BININT BININT1 BININT2 STRING BINSTRING SHORT_BINSTRING BINUNICODE BINBYTES SHORT_BINBYTES EMPTY_DICT DICT
    SETITEM SETITEMS EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
"""
_INSTRUCTIONS = frozenset(_NEEDED.split())
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "BINBYTES", "SHORT_BINBYTES")
_USED_AGAIN = ("GLOBAL", "REDUCE", *_TEXTS)
# What unpickling raises of a damaged pickle (library reference, `pickle.UnpicklingError`, and where values do not fit).
_DAMAGE = (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, LookupError, OverflowError)


def read_layer_pickle(content: bytes) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Read a pickled dictionary of dictionaries of arrays.

    Parameters
    ----------
    content : bytes
        Content of the pickle, or of a `.npy` file whose one value is such an object.

    Returns
    -------
    dict of str to dict of str to ndarray of float32
        Arrays by layer and by name, in C order.

    Raises
    ------
    WeightsError
        If the file is damaged, or is or names anything but such a dictionary. Nothing in it has run then either.
    """
    body = _body(content)
    _check_instructions(body)
    try:
        loaded = _Unpickler(io.BytesIO(body), encoding="latin1").load()
    except _DAMAGE as error:
        raise _refused(f"it cannot be read ({error})") from error
    left = len(content)  # a pickle may use the same bytes many times over
    layers: dict[str, dict[str, NDArray[np.float32]]] = {}
    for layer, arrays in _entries(_unwrapped(loaded), "the file").items():
        layers[layer] = {}
        for name, recorded in _entries(arrays, f"layer {layer!r}").items():
            array = _array(recorded, f"{layer}.{name}", left)
            left -= array.nbytes
            with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite, which recipes refuse
                layers[layer][name] = array.astype(np.float32, order="C")
    return layers


def _body(content: bytes) -> bytes:
    """Pickle within a `.npy` file; its header, which says that an object follows, is passed over."""
    if not content.startswith(_NPY_MAGIC):
        return content
    start = len(_NPY_MAGIC) + 2
    return content[start + int.from_bytes(content[start - 2 : start], "little") :]


def _check_instructions(body: bytes) -> None:
    """Refuse a pickle by any instruction that is not needed for arrays, before the first one is carried out."""
    kept: dict[object, str] = {}  # by number in the memory, which instruction made it
    made = ""
    for count, (instruction, argument, place) in enumerate(_instructions(body)):
        if count >= _INSTRUCTIONS_LIMIT:
            raise _refused(f"it has more than {_INSTRUCTIONS_LIMIT} instructions")
        if instruction.name not in _INSTRUCTIONS:
            raise _refused(f"instruction {instruction.name} at byte {place} is not needed for arrays")
        if instruction.name.endswith("PUT"):
            if int(argument or 0) > _INSTRUCTIONS_LIMIT:
                raise _refused(f"instruction {instruction.name} at byte {place} asks for memory number {argument}")
            kept[argument] = made
        elif instruction.name.endswith("GET"):
            made = kept.get(argument, "nothing")
            if made not in _USED_AGAIN:
                raise _refused(f"instruction {instruction.name} at byte {place} uses again what {made} made")
        else:
            made = instruction.name


def _instructions(body: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    try:
        yield from pickletools.genops(body)
    except ValueError as error:
        raise _refused(f"it cannot be read ({error})") from error


class _Name:
    """Stands for `numpy.ndarray`; can be handed on, not called."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("the state of a function is set")


class _RecordType(_Name):
    """Stands for `numpy.dtype`."""

    __slots__ = ()

    def __call__(self, code: object, *_: object) -> _Type:
        return _Type(code)


class _RecordArray(_Name):
    """Stands for NumPy's `_reconstruct`."""

    __slots__ = ()

    def __call__(self, kind: object, *_: object) -> _Array:
        if kind is not _NDARRAY:
            raise pickle.UnpicklingError("an array of another class than ndarray")
        return _Array()


class _Type:
    """What a pickle says about a type: its code, and the byte order as first of its state."""

    __slots__ = ("code", "state")

    def __init__(self, code: object) -> None:
        self.code = code
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Array:
    """What a pickle says about an array: (version, shape, type, column major, values)."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


_NDARRAY, _DTYPE, _RECONSTRUCT = _Name(), _RecordType(), _RecordArray()
_NAMES: dict[tuple[str, str], _Name] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return _NAMES[module, name]
        except KeyError:
            raise _refused(f"it names {module}.{name}, which is not needed for arrays") from None


def _unwrapped(loaded: object) -> object:
    """Take the value out of the array of one object that `numpy.save` puts around it."""
    match loaded:
        case _Array(state=(_, (), _Type(code=code), _, [value])) if code in _OBJECT_TYPES:
            return value
    return loaded


def _entries(found: object, where: str) -> dict[str, Any]:
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise _refused(f"{where} is no dictionary by name but a {type(found).__name__.strip('_').lower()}")
    return found


def _array(recorded: object, where: str, limit_bytes: int) -> NDArray[Any]:
    """Make an array of what was recorded about it."""
    match recorded:
        case _Array(
            state=(
                int(),
                tuple() as shape,
                _Type(code=str() as code, state=(int(), str() as order, None, None, None, *_)),
                bool() as column_major,
                (str() | bytes()) as values,
            )
        ) if code in _TYPES and order in ("<", ">", "=", "|"):
            dtype = np.dtype(order + code)
        case _:
            raise _refused(f"{where} is no array of plain numbers")
    if len(shape) > 8 or not all(isinstance(size, int) and 0 < size < 2**40 for size in shape):
        raise _refused(f"{where} has no sound shape")
    if math.prod(shape) * dtype.itemsize != len(values) or len(values) > limit_bytes:
        raise _refused(f"{where} has shape {shape} of {dtype} but {len(values)} bytes")
    raw = values.encode("latin1") if isinstance(values, str) else values
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if column_major else "C")


def _refused(why: str) -> WeightsError:
    return WeightsError(
        f"Expected a pickle that holds NumPy arrays by layer and nothing else: {why[:300]}. Nothing in it was run. It "
        "is cut short, altered or another file: fetch it anew from its origin."
    )
