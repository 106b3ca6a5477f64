"""The cached file of one set of weights: tensors, and in its header what they are and what proves them.

The format is safetensors (github.com/huggingface/safetensors): a JSON header with names, types, shapes and free
text, then the raw values. Nothing in it can be executed, and the header is read without the tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.cache import into_cache
from earmark.weights.digests import NAMES
from earmark.weights.recipes import Shapes, Tensors

__all__ = [
    "ACCEPTED",
    "TENSORS",
    "FileFacts",
    "damaged",
    "read_facts",
    "read_tensors",
    "tensors_digest",
    "unlike_shapes",
    "write_tensors",
]

ACCEPTED, TENSORS = "accepted", "tensors"
"""What `FileFacts.proof_algorithm` may be beside the kinds of `Digest`."""

_SHOWN = 5  # differences that an error lists


@dataclass(frozen=True)
class FileFacts:
    """What the header of a cached file says about its tensors.

    Attributes
    ----------
    tensors_sha256 : str
        Their `tensors_digest`.
    source_sha256 : str
        SHA-256 of the file that they were made from.
    source_file : str
        Name of that file.
    source : str
        Where it came from.
    proof_algorithm : str
        What showed that file to be the right one: one of the kinds of `Digest`; `TENSORS`, if it was the digest of the
        tensors that came out; `ACCEPTED`, if it was the word of the user. Empty where nobody noted it.
    proof_value : str
        The digest of that kind; where the user accepted the file, its SHA-256.
    licence, origin : str
        Of the weights, from their recipe.
    """

    tensors_sha256: str
    source_sha256: str
    source_file: str = ""
    source: str = ""
    proof_algorithm: str = ""
    proof_value: str = ""
    licence: str = ""
    origin: str = ""

    @property
    def accepted(self) -> bool:
        """Whether nothing but the word of the user says that these are the right weights."""
        return self.proof_algorithm == ACCEPTED

    @property
    def known_by(self) -> str:
        """What showed that the file was the right one, in words; empty if nobody noted it."""
        names = {**NAMES, TENSORS: "SHA-256 of the tensors", ACCEPTED: "own file: accepted by its SHA-256"}
        return f"{names[self.proof_algorithm]} {self.proof_value}" if self.proof_algorithm in names else ""


def read_facts(path: Path) -> FileFacts:
    """Read the header of a cached file, and no tensor.

    Raises
    ------
    WeightsError
        If it cannot be read, is no safetensors file, or does not say what proves its tensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as opened:
            said = opened.metadata() or {}
    except OSError as error:
        raise _unreadable(path, error) from error
    except (SafetensorError, ValueError) as error:
        raise damaged(path, f"not a sound safetensors file ({error})") from error
    facts = {field.name: said[field.name] for field in fields(FileFacts) if field.name in said}
    try:
        return FileFacts(**facts)
    except TypeError as error:  # one of the two digests is not there
        raise damaged(
            path, "its header does not say which SHA-256 its tensors have and what they were made of"
        ) from error


def read_tensors(path: Path) -> Tensors:
    """Read the tensors of a cached file; nothing is proven yet.

    Raises
    ------
    WeightsError
        If it cannot be read or is no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise damaged(path, f"not a sound safetensors file ({error})") from error


def write_tensors(path: Path, tensors: Tensors, facts: FileFacts) -> None:
    """Write a cached file, which appears whole or not at all.

    Raises
    ------
    WeightsError
        If the file system refuses.
    """
    from safetensors.numpy import save

    # safetensors writes memory as it lies, so it must lie in C order.
    content = save({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}, metadata=asdict(facts))
    with into_cache(path) as partial:
        partial.write_bytes(content)


def tensors_digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over named tensors, the same on every machine and in whatever order they come.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Any numeric dtype, any memory layout.

    Returns
    -------
    str
        64 hexadecimal digits over, for each tensor by name: a line of JSON `[name, shape, dtype]`, then its
        values, little-endian, in C order.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, list(tensor.shape), tensor.dtype.name]).encode() + b"\n")
        digest.update(tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def unlike_shapes(tensors: Mapping[str, NDArray[Any]], shapes: Shapes) -> str | None:
    """Compare tensors with what a network needs.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        What was found.
    shapes : mapping of str to tuple of int
        Every tensor that is expected; all are float32.

    Returns
    -------
    str, optional
        The differences in words, found and expected; None if there are none.
    """
    wrong = []
    for name in [*shapes, *sorted(tensors.keys() - shapes.keys())]:
        found = _kind(tensors[name].dtype, tensors[name].shape) if name in tensors else "nothing"
        expected = _kind(np.dtype(np.float32), shapes[name]) if name in shapes else "no such tensor"
        if found != expected:
            wrong.append(f"{name}: found {found}, expected {expected}")
    more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return "; ".join(wrong[:_SHOWN]) + more if wrong else None


def damaged(path: Path, why: str) -> WeightsError:
    """Error that says why a cached file cannot be trusted, and how to get a good one."""
    return WeightsError(
        f"The cached weights {path} are damaged: {why}. Make them anew (earmark weights get {path.stem} --force), or "
        "import them again."
    )


def _kind(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    return f"{dtype.name} ({', '.join(map(str, shape))})"


def _unreadable(path: Path, error: OSError) -> WeightsError:
    return WeightsError(f"Cannot read {path}: {error.strerror or error}. Allow reading it or delete it.")
