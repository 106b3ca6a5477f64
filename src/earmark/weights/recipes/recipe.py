"""How one set of weights is made: where its files come from and how they become named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.weights.sources import Source

__all__ = ["Arrays", "Recipe", "Shapes", "Tensors", "WeightsFile"]

Arrays = Mapping[str, NDArray[Any]]
Tensors = dict[str, NDArray[np.float32]]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class WeightsFile:
    """A file that holds the weights, and how to read it.

    Attributes
    ----------
    source : UrlSource or RegistrySource
        Where it comes from.
    convert : callable
        From the file, or the members of an archive that its source names, to named arrays. What a network needs of
        them, and whether it is all there, is seen to afterwards (`checked`).
    """

    source: Source
    convert: Callable[[tuple[bytes, ...]], Arrays]


@dataclass(frozen=True)
class Recipe:
    """How one set of weights is made.

    Attributes
    ----------
    id : str
        Its name, also that of its cached file.
    files : tuple of WeightsFile
        Where the weights can be had, in order of preference: one that lies in the download folder is used, else the
        next one is tried if one cannot be reached.
    shapes : mapping of str to tuple of int
        Every tensor by name, in the network's order; what a file gives is checked against it.
    licence : str
        Licence of the weights, and who may do what.
    origin : str
        Who made them and how they came here.
    note : str
        What a user should know about them.
    tensors_sha256 : str, optional
        `tensors_digest` of the result, where it is known beforehand.
    """

    id: str
    files: tuple[WeightsFile, ...]
    shapes: Shapes
    licence: str
    origin: str
    note: str
    tensors_sha256: str | None = None
