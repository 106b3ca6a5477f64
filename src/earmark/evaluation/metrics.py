"""How right a system is, and how sure one can be of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["INTERVAL", "Interval", "Scores", "accuracy_interval", "clusters_of", "score"]

#: Name of the interval, for protocols and reports.
INTERVAL = "Wilson score at the effective number of independent clips or groups"


@dataclass(frozen=True)
class Scores:
    """File-wise scores of one test set, each in [0, 1].

    Attributes
    ----------
    accuracy : float
        Share of clips whose class is right.
    balanced_accuracy : float
        Mean over the classes that occur of the share of their clips that is right.
    macro_f1 : float
        Mean over the classes that occur of the harmonic mean of precision and recall.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float


def score(labels: ArrayLike, predicted: ArrayLike) -> Scores:
    """Score predictions of clips.

    Parameters
    ----------
    labels, predicted : array_like of shape (clips,)
        True and predicted class of each clip; at least one.

    Returns
    -------
    Scores

    Examples
    --------
    >>> score(["a", "a", "b"], ["a", "b", "b"])
    Scores(accuracy=0.6666666666666666, balanced_accuracy=0.75, macro_f1=0.6666666666666666)
    """
    true, said = np.asarray(labels), np.asarray(predicted)
    if not len(true) or len(true) != len(said):
        raise DatasetError(f"needs as many predictions as labels, at least one; got {len(said)} for {len(true)} clips.")
    recalls, f1s = [], []
    for label in np.unique(true):
        hits = int(np.sum((true == label) & (said == label)))
        recalls.append(hits / int(np.sum(true == label)))
        f1s.append(2 * hits / (int(np.sum(true == label)) + int(np.sum(said == label))))
    return Scores(float(np.mean(true == said)), float(np.mean(recalls)), float(np.mean(f1s)))


def clusters_of(predictions: pd.DataFrame) -> pd.Series:
    """Return what each decision's clip belongs to: its group where that is known, else the clip itself.

    Parameters
    ----------
    predictions : DataFrame
        With the column ``path``, and ``group`` where some data set has groups; others then have none in it.
    """
    return predictions["group"].fillna(predictions["path"]) if "group" in predictions else predictions["path"]


@dataclass(frozen=True)
class Interval:
    """A 95 % interval: its ends, and the number of independent clips that it amounts to."""

    low: float
    high: float
    effective_clips: float


def accuracy_interval(correct: ArrayLike, clusters: ArrayLike, clips: ArrayLike | None = None) -> Interval:
    """95 % interval of an accuracy when clips of a cluster are alike.

    The Wilson score interval (Wilson, 1927) at the effective sample size of Korn and Graubard (1998): the number of
    independent clips whose accuracy would vary as much as that of the clusters does. Never more than the number of
    different clips, and just that when no two belong together; less when the clusters are few, by the squared ratio of
    the quantiles of Student's t; with every clip right, or every clip wrong, the number of clusters.

    Parameters
    ----------
    correct : array_like of bool, shape (decisions,)
        Whether each decision was right; a clip that is tested in several repeats has several.
    clusters : array_like, shape (decisions,)
        What the decision's clip belongs to: its group where groups are known, else the clip itself.
    clips : array_like, shape (decisions,), optional
        Which clip each decision is about; by default each is about another one. Several decisions about one clip tell
        no more than one.

    Returns
    -------
    Interval

    Examples
    --------
    >>> interval = accuracy_interval([True] * 90 + [False] * 10, range(100))
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.826, 0.945)
    """
    from scipy.special import stdtrit

    right = np.asarray(correct, np.float64)
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    share, number = float(right.mean()), len(names)
    effective = float(number)
    if 0 < share < 1 and number > 1:
        residuals = np.bincount(index, weights=right - share, minlength=number)
        variance = number / (number - 1) * float(np.sum(residuals**2)) / len(right) ** 2
        different = len(right) if clips is None else len(np.unique(np.asarray(clips)))
        # What it is for clips that are each a cluster of their own; the ratio of the two is the design effect.
        alone = share * (1 - share) / (different - 1)
        effective = different * min(1.0, alone / variance) if variance > 0 else float(different)
        # The spread of few clusters is itself little known.
        effective *= float(stdtrit(different - 1, 0.975) / stdtrit(number - 1, 0.975)) ** 2
    return Interval(*_wilson(share, effective), effective)


def _wilson(share: float, size: float) -> tuple[float, float]:
    z = 1.959963984540054  # 97.5 % point of the normal distribution
    scale = 1 + z**2 / size
    middle = (share + z**2 / (2 * size)) / scale
    half: NDArray[np.float64] | float = z / scale * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    # Rounding must not push the share itself out.
    return max(0.0, min(share, float(middle - half))), min(1.0, max(share, float(middle + half)))
