"""Training sets out of common rows: which rows they have, how these are scaled, and what is trained on them.

As in the paper, rows are scaled to [0, 1] by the minimum and maximum of each of their values over the training set.
Other protocols standardise them, or leave them as they are. Either way, scaled value = (value - offset) * scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from earmark.errors import SettingsError

__all__ = ["SCALINGS", "Fitted", "check_scaling", "members_of", "scale_of", "scaling_of"]

#: Ways of scaling, the paper's first, with a line for the protocol.
SCALINGS = {
    "minmax": "each embedding value to [0, 1] by minimum and maximum of the training rows",
    "standard": "each embedding value to mean 0 and standard deviation 1 over the training rows",
    "none": "embedding values as they are",
}

Model = TypeVar("Model")

# Rows looked at in one go: bounds the memory of a copy.
_BLOCK = 4096


@dataclass(frozen=True)
class Fitted(Generic[Model]):
    """A classifier and the scaling of the rows that it was trained on.

    Attributes
    ----------
    model : LinearSVM or DenseNet
        For scaled rows.
    offset, scale : ndarray, shape (d,)
        Scaled value = (value - offset) * scale; in the precision of the rows.
    """

    model: Model
    offset: NDArray[Any]
    scale: NDArray[Any]


def members_of(rows: NDArray[Any], labels: NDArray[Any], sets: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return which rows belong to which set, shape (n, sets).

    Parameters
    ----------
    rows : ndarray, shape (n, d), float32 or float64
    labels : ndarray, shape (n,)
    sets : sequence of ndarray of bool, shape (n,)

    Raises
    ------
    SettingsError
        The rows or a set cannot be used.
    """
    if rows.ndim != 2 or not rows.size or rows.dtype not in (np.float32, np.float64) or labels.shape != (len(rows),):
        raise SettingsError(
            f"rows of the shape {rows.shape} and type {rows.dtype} with labels of the shape {labels.shape} cannot be "
            "trained on. Give rows (n, d) of float32 or float64 and labels (n,)."
        )
    for number, members in enumerate(sets):
        if members.shape != (len(rows),) or members.dtype != np.bool_:
            raise SettingsError(
                f"training set {number} has the shape {members.shape} and type {members.dtype}. Give one boolean for "
                f"each of the {len(rows)} rows."
            )
        if not members.any():
            raise SettingsError(f"training set {number} has no rows. Check the split that made it.")
    return np.stack(sets, axis=1) if len(sets) else np.zeros((len(rows), 0), np.bool_)


def scaling_of(
    rows: NDArray[Any], members: NDArray[np.intp], scaling: str = "minmax"
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return offset and scale of a set: scaled value = (value - offset) * scale.

    Parameters
    ----------
    rows : ndarray, shape (n, d), float32 or float64
    members : ndarray of int, shape (m,)
        Rows of the set, at least one.
    scaling : str
        One of `SCALINGS`.

    Returns
    -------
    offset, scale : ndarray, shape (d,), of the type of the rows
        A column that does not vary has the scale 1.

    Raises
    ------
    SettingsError
        Values are not finite, or there is no scaling of that name.
    """
    check_scaling(scaling)
    minimum, maximum = rows[members[0]].copy(), rows[members[0]].copy()
    for block in _blocks(rows, members):
        np.minimum(minimum, block.min(axis=0), out=minimum)
        np.maximum(maximum, block.max(axis=0), out=maximum)
    if not (np.isfinite(minimum).all() and np.isfinite(maximum).all()):
        raise SettingsError("some rows have values that are not finite. Leave them out.")
    if scaling == "none":
        return np.zeros_like(minimum), np.ones_like(minimum)
    scale, varies = scale_of(minimum, maximum)
    if scaling == "minmax":
        return minimum, scale
    mean = sum(block.sum(axis=0, dtype=np.float64) for block in _blocks(rows, members)) / len(members)
    variance = sum(((block - mean) ** 2).sum(axis=0) for block in _blocks(rows, members)) / len(members)
    scale = np.divide(1, np.sqrt(variance), out=np.ones_like(mean), where=varies)
    return mean.astype(rows.dtype), scale.astype(rows.dtype)


def check_scaling(scaling: str) -> None:
    """Refuse a scaling that there is not.

    Raises
    ------
    SettingsError
        If it is none of `SCALINGS`.
    """
    if scaling not in SCALINGS:
        raise SettingsError(f"there is no scaling {scaling!r}. There are: {', '.join(SCALINGS)}.")


def _blocks(rows: NDArray[Any], members: NDArray[np.intp]) -> Iterator[NDArray[Any]]:
    for start in range(0, len(members), _BLOCK):
        yield rows[members[start : start + _BLOCK]]


def scale_of(minimum: NDArray[Any], maximum: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return by what values are multiplied to lie in [0, 1], and which columns vary; the scale of others is 1.

    Parameters
    ----------
    minimum, maximum : ndarray of any shape, float32 or float64
        Of the values of a training set.
    """
    span = maximum - minimum
    varies = span >= np.finfo(np.float32).tiny
    return np.divide(1, span, out=np.ones_like(span), where=varies), varies
