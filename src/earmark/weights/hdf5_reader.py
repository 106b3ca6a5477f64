"""Read the weights of a Keras model out of its HDF5 file, layer by layer, without Keras.

Layout (Keras' `save_weights`, `save`; seen in the file of EdgeL3): attribute `layer_names` on the root or on the group
`model_weights`, per layer a group with attribute `weight_names` that names its datasets. Keras numbers layers as it
goes, so their names mean little from one version to the next; their order is what counts, and Keras itself loads by it.
Attributes over 64 KB are split by Keras into `layer_names0`, `layer_names1`, ...

An HDF5 file may point out of itself, by external and soft links, external storage and virtual datasets. None of
these is followed: each step from the root to a dataset must be a hard link, and its values must lie in the file.
Nothing in such a file is code.

The HDF5 library itself is not hardened against altered bytes: about one altered file in a thousand made it loop or
crash in trials, and the size of what a chunk decompresses to is stated nowhere. So `isolation` reads it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.isolation import read_in_child

__all__ = ["KerasLayer", "keras_layers", "read_keras_layers"]

LIMIT_BYTES = 256 * 2**20
"""Most that the arrays of a file may take in memory, in bytes, unless the caller states another limit."""

NAMES_LIMIT_BYTES = 2**22
"""Largest attribute of names, in bytes."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class KerasLayer:
    """One layer that has weights.

    Attributes
    ----------
    name : str
        As Keras called it.
    arrays : tuple of ndarray of float32
        In the order of the layer's `weight_names`, in Keras' layout.
    """

    name: str
    arrays: tuple[NDArray[np.float32], ...]


def read_keras_layers(content: bytes, limit_bytes: int = LIMIT_BYTES) -> tuple[KerasLayer, ...]:
    """Read all layers that have weights, in the model's order, in a process of its own.

    Parameters
    ----------
    content : bytes
        Content of the `.h5` file.
    limit_bytes : int
        Most that all arrays together may take in memory, in bytes; checked before any of them is read.

    Returns
    -------
    tuple of KerasLayer
        Layers without weights are left out.

    Raises
    ------
    WeightsError
        If this is no HDF5 file, none that Keras wrote, or it is damaged, points out of itself, holds something else
        than numbers, or more than the limit; or if reading it fails in any way that `isolation` knows of.
    """
    if not content.startswith(_SIGNATURE):
        raise WeightsError(
            f"Expected an HDF5 file written by Keras, found {content[:8]!r}... of {len(content)} bytes: another file. "
            "Fetch the right one."
        )
    return tuple(KerasLayer(name, tuple(arrays)) for name, arrays in read_in_child("HDF5", content, limit_bytes))


def keras_layers(content: bytes, limit_bytes: int = LIMIT_BYTES) -> tuple[KerasLayer, ...]:
    """Do what `read_keras_layers` does in this process, which a file may bring down or keep busy.

    Raises
    ------
    WeightsError
        If the file is sound HDF5 but not what is expected. Of a damaged one h5py raises what it likes.
    """
    import h5py

    with h5py.File(io.BytesIO(content), "r") as opened:
        return tuple(_layers(opened, limit_bytes))


def _layers(opened: Any, limit_bytes: int) -> Iterator[KerasLayer]:
    group = opened
    if not _has_names(group, "layer_names") and "model_weights" in opened:
        group = _follow(opened, "model_weights")
    if not _has_names(group, "layer_names"):
        raise WeightsError(
            "This HDF5 file has no attribute layer_names, neither on its root nor on model_weights, so Keras did not "
            f"write it as a model; it holds {_listed(opened)}. Fetch the right file."
        )
    left = limit_bytes
    for name in _names(group, "layer_names"):
        layer = _follow(group, name)
        datasets = [_dataset(layer, f"{name!r}: ", weight) for weight in _names(layer, "weight_names")]
        left -= sum(_memory(dataset) for dataset in datasets)
        if left < 0:
            raise WeightsError(
                f"The layers of this HDF5 file up to {name!r} hold more than the {limit_bytes} bytes admitted; not "
                "read. The file may be made to fill the memory: fetch it anew from its origin."
            )
        if datasets:
            with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite, which recipes refuse
                arrays = tuple(np.asarray(dataset[()], dtype=np.float32) for dataset in datasets)
            yield KerasLayer(name, arrays)


def _has_names(group: Any, attribute: str) -> bool:
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def _names(group: Any, attribute: str) -> Iterator[str]:
    """Names that an attribute lists, or its parts numbered from 0."""
    parts = [attribute] if attribute in group.attrs else []
    while not parts or (parts[0] != attribute and f"{attribute}{len(parts)}" in group.attrs):
        parts.append(f"{attribute}{len(parts)}")
    for part in parts:
        if part not in group.attrs:
            raise WeightsError(f"{group.name!r} in this HDF5 file has no attribute {part!r}, which Keras writes.")
        stored = group.attrs.get_id(part)
        if math.prod(stored.shape) * stored.dtype.itemsize > NAMES_LIMIT_BYTES:
            raise WeightsError(f"Attribute {part!r} of this HDF5 file is too large for a list of names; not read.")
        for name in np.atleast_1d(group.attrs[part]):
            yield name.decode() if isinstance(name, bytes) else str(name)


def _follow(group: Any, path: str) -> Any:
    """Find what lies under a path, every step of which is a hard link."""
    import h5py

    for step in path.split("/"):
        link = group.get(step, getlink=True) if isinstance(group, h5py.Group) and step not in ("", ".", "..") else None
        if link is None:
            raise WeightsError(f"This HDF5 file has no {path!r}: cut short or altered. Fetch it anew.")
        if not isinstance(link, h5py.HardLink):
            raise WeightsError(
                f"{path!r} in this HDF5 file is a {type(link).__name__}; links that may lead out of the file are not "
                "followed. Fetch the file anew from its origin."
            )
        group = group[step]
    return group


def _dataset(layer: Any, where: str, path: str) -> Any:
    """Find a dataset of numbers that lie in the file itself."""
    import h5py

    dataset = _follow(layer, path)
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.dtype.kind not in "fiu":
        found = f"of type {dataset.dtype}" if isinstance(dataset, h5py.Dataset) else f"a {type(dataset).__name__}"
        raise WeightsError(f"{where}{path!r} in this HDF5 file is {found}, expected an array of numbers.")
    if dataset.external or dataset.is_virtual:
        raise WeightsError(
            f"{where}{path!r} in this HDF5 file keeps its values in another file, which is not read. "
            "Fetch the file anew from its origin."
        )
    return dataset


def _memory(dataset: Any) -> int:
    """Bytes that reading a dataset may take: its values, or one chunk where that is more."""
    largest = max(math.prod(dataset.shape), math.prod(dataset.chunks or (0,)))
    return int(largest * max(dataset.dtype.itemsize, 4))


def _listed(opened: Any) -> str:
    names = list(opened)
    return (", ".join(map(repr, names[:10])) or "nothing") + (", ..." if len(names) > 10 else "")
