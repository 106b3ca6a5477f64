"""How much each training row counts: sample weights and class weights.

The paper leaves its training sets unbalanced and weights the classes instead. "Balanced" is
scikit-learn's formula ``n / (k * count_c)``, with `n` and `count_c` counted in sample weight, so that
a row of weight 2 is the same as the row given twice. A row of weight 0 is the same as no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import SettingsError

__all__ = ["ClassWeight", "class_weights", "encode_labels", "row_weights", "training_rows"]


class TrainingRows(NamedTuple):
    """What an estimator trains on: rows of weight zero dropped, labels encoded.

    Attributes
    ----------
    rows : ndarray, shape (rows, n_features)
    classes : ndarray, shape (k,)
        Sorted labels.
    codes : ndarray of int, shape (rows,)
        The class of each row, as a position in `classes`.
    weights : ndarray, shape (rows,), float64
        Sample weights, above zero.
    """

    rows: NDArray[Any]
    classes: NDArray[Any]
    codes: NDArray[np.intp]
    weights: NDArray[np.float64]


ClassWeight = Literal["balanced"] | Mapping[Any, float] | None
"""What an estimator takes as `class_weight`: "balanced", a weight for each label, or None for all alike."""


def training_rows(
    rows: NDArray[Any], labels: NDArray[Any], sample_weight: ArrayLike | None, estimator: str
) -> TrainingRows:
    """Weigh rows and encode their labels.

    Parameters
    ----------
    rows : ndarray, shape (rows, n_features)
    labels : ndarray, shape (rows,)
    sample_weight : array_like, shape (rows,), or None
        None weighs all rows with 1.
    estimator : str
        Name for messages.

    Raises
    ------
    SettingsError
        As `row_weights` and `encode_labels`.
    """
    from sklearn.utils.multiclass import check_classification_targets

    check_classification_targets(labels)
    weights = row_weights(sample_weight, len(rows))
    kept = weights > 0
    if not kept.all():
        rows, labels, weights = rows[kept], labels[kept], weights[kept]
    return TrainingRows(rows, *encode_labels(labels, estimator), weights)


def row_weights(sample_weight: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    """Return one finite, non-negative weight for each training row.

    Parameters
    ----------
    sample_weight : array_like, shape (rows,), or None
        None weighs all rows with 1.
    rows : int
        Number of training rows.

    Returns
    -------
    ndarray, shape (rows,), float64

    Raises
    ------
    SettingsError
        The weights have another shape, are negative or not finite, or are all zero.
    """
    if sample_weight is None:
        return np.ones(rows)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (rows,):
        raise SettingsError(
            f"sample_weight has the shape {weights.shape}, but X has {rows} rows. Give one weight a row: ({rows},)."
        )
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise SettingsError("sample_weight has negative or non-finite values. Give weights of 0 and above.")
    if not weights.any():
        raise SettingsError("sample_weight is zero for every row, so nothing is left to train on.")
    return weights


def encode_labels(labels: NDArray[Any], estimator: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the sorted classes and, for each label, the position of its class.

    Parameters
    ----------
    labels : ndarray, shape (rows,)
        Labels of the rows that have a weight above zero.
    estimator : str
        Name for the message.

    Returns
    -------
    classes : ndarray, shape (k,)
    codes : ndarray of int, shape (rows,)

    Raises
    ------
    SettingsError
        There is only one class.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise SettingsError(
            f"{estimator} needs training rows of at least 2 classes, but got one class only: {classes.tolist()[0]!r}. "
            "Check the labels, or the split that chose these rows."
        )
    return classes, codes


def class_weights(
    class_weight: ClassWeight, classes: NDArray[Any], codes: NDArray[np.intp], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weight of each class.

    Parameters
    ----------
    class_weight : "balanced", mapping of label to weight, or None
        A label that the mapping leaves out weighs 1.
    classes : ndarray, shape (k,)
    codes : ndarray of int, shape (rows,)
        The class of each row, as a position in `classes`.
    weights : ndarray, shape (rows,)
        Sample weights.

    Returns
    -------
    ndarray, shape (k,), float64

    Raises
    ------
    SettingsError
        `class_weight` is none of the three, names an unknown class or holds an unusable weight.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(codes, weights=weights, minlength=len(classes))
        return np.asarray(weights.sum() / (len(classes) * counts))
    if not isinstance(class_weight, Mapping):
        raise SettingsError(f"class_weight is {class_weight!r}. Use 'balanced', None or a weight for each label.")
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown:
        raise SettingsError(f"class_weight names {unknown}, but the classes of the training rows are {known}.")
    values = np.array([class_weight.get(label, 1.0) for label in known], dtype=np.float64)
    if not np.isfinite(values).all() or (values <= 0).any():
        raise SettingsError(f"class_weight is {dict(class_weight)!r}. Every weight must be finite and above 0.")
    return values
