"""Read a PyTorch state dict as NumPy arrays, admitting nothing but tensors.

PyTorch keeps state dicts as pickles: a bare one up to version 1.5, in a zip file since. Both go through
`torch.load(weights_only=True)`, whose unpickler builds tensors and plain containers and refuses every other name, so
no code in the file runs (from version 2.6; before, that left a way out, CVE-2025-32434). What that leaves open is
bounded here: members of the zip file that unpack to more than is admitted, and tensors that claim more elements than
their storage holds. A pickle can still keep its unpickler busy for ever. So `isolation` reads it.
"""

from __future__ import annotations

import io
import pickle  # only for the name of its error
import re
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.isolation import read_in_child

if TYPE_CHECKING:
    import torch

__all__ = ["read_state_dict", "state_dict"]

LIMIT_BYTES = 2**30
"""Most that the tensors of a file may take as float32, in bytes, unless the caller states another limit."""

_BEGINNINGS = (b"PK\x03\x04", b"\x80")  # of a zip file, of a pickle
_PREFIX = "module."  # put in front of every name by DataParallel
_COUNTER = "num_batches_tracked"  # kept by batch normalisation since PyTorch 0.4.1, without effect on results


def read_state_dict(
    content: bytes, key: str | None = None, limit_bytes: int = LIMIT_BYTES
) -> dict[str, NDArray[np.float32]]:
    """Read the tensors of a `.pth`, `.pt` or `.pkl` file, in a process of its own.

    Parameters
    ----------
    content : bytes
        Content of the file.
    key : str, optional
        Where in the file's dictionary the state dict lies, if it is not all of it.
    limit_bytes : int
        Most that the tensors may take as float32, in bytes.

    Returns
    -------
    dict of str to ndarray of float32
        By name without a leading `module.`, in the file's order; counters of batches are left out.

    Raises
    ------
    WeightsError
        If the file is damaged, holds anything but tensors and plain containers, no dictionary of tensors, no `key`,
        or more than the limit; or if reading it fails in any way that `isolation` knows of.
    """
    if not content.startswith(_BEGINNINGS):
        raise WeightsError(
            f"Expected a PyTorch file of tensors, found {content[:8]!r}... of {len(content)} bytes: another file, or "
            "one from before PyTorch 0.1.10. Fetch the right one."
        )
    return {name: array for name, (array,) in read_in_child("PyTorch", content, limit_bytes, key)}


def state_dict(
    content: bytes, key: str | None = None, limit_bytes: int = LIMIT_BYTES
) -> dict[str, NDArray[np.float32]]:
    """Do what `read_state_dict` does in this process, which a file may keep busy for ever.

    Raises
    ------
    WeightsError
        If the file is refused. Of a damaged one torch and zipfile may raise other errors.
    """
    import torch

    _check_members(content, limit_bytes)
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        # torch's own text advises to load without the fence, and is not passed on.
        named = re.search(r"\bGLOBAL ([\w.]{1,100})", str(error))
        why = f"it holds more than tensors: GLOBAL {named[1]}" if named else "it is damaged or holds more than tensors"
        raise WeightsError(
            f"Expected a PyTorch file of tensors, found {content[:8]!r}... of {len(content)} bytes: {why}. Nothing in "
            "it was run. Fetch it anew from its origin."
        ) from None
    tensors = _tensors(loaded, key)
    if (size := 4 * sum(tensor.numel() for tensor in tensors.values())) > limit_bytes:
        raise WeightsError(
            f"The tensors of this PyTorch file take {size} bytes, more than the {limit_bytes} admitted; not used. "
            "The file may be made to fill the memory: fetch it anew from its origin."
        )
    return {name: tensor.detach().to(torch.float32).contiguous().numpy() for name, tensor in tensors.items()}


def _check_members(content: bytes, limit_bytes: int) -> None:
    """Refuse a zip file whose members unpack to more than is admitted; torch itself sets no bound."""
    if not content.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        size = sum(info.file_size for info in opened.infolist())
    if size > limit_bytes:
        raise WeightsError(
            f"This PyTorch file unpacks to {size} bytes, more than the {limit_bytes} admitted; not read. "
            "The file may be made to fill the memory: fetch it anew from its origin."
        )


def _tensors(loaded: Any, key: str | None) -> dict[str, torch.Tensor]:
    import torch

    if key is not None:
        if not isinstance(loaded, Mapping) or key not in loaded:
            raise WeightsError(f"Expected a PyTorch file with a state dict under {key!r}, found {_kind(loaded)}.")
        loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        raise WeightsError(f"Expected a PyTorch state dict, names with tensors, found {_kind(loaded)}.")
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in loaded.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise WeightsError(f"Expected a PyTorch state dict, found {_kind(tensor)} under {name!r}.")
        if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized or tensor.is_meta:
            raise WeightsError(f"{name} of this PyTorch file is no plain tensor of real numbers, which is expected.")
        if name.rpartition(".")[2] != _COUNTER:
            tensors[name.removeprefix(_PREFIX)] = tensor
    return tensors


def _kind(found: Any) -> str:
    if not isinstance(found, Mapping):
        return f"a {type(found).__name__}"
    names = ", ".join(repr(name)[:60] for name in list(found)[:10])
    return f"a dictionary of {names or 'nothing'}" + (", ..." if len(found) > 10 else "")
