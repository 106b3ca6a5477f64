"""How accuracy grows with the number of labelled clips, and what twice as many would bring.

Errors of learning systems fall as a power of the amount of data (Hestness and others, "Deep learning scaling is
predictable, empirically", 2017): error(n) = a n^-b + c. The curve is fitted to what was measured at several train
fractions, and carried on to twice the labels: an extrapolation, told as one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.errors import SettingsError
from earmark.evaluation.intervals import RESAMPLES, expanded_percentiles, resampled_shares
from earmark.evaluation.metrics import accuracy_interval, clusters_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FEWEST_POINTS", "Gain", "LearningCurve", "LearningPoint", "PowerLaw", "fit_power_law", "learning_curves"]

#: Points that a curve needs: two numbers are fitted, and something must be left that could contradict them.
FEWEST_POINTS = 3
_FLOOR_POINTS = 4
_CURVE = ["dataset", "embedding", "classifier", "fusion", "split"]
# Exponents that are tried; those of Hestness and others lie between 0.07 and 0.35, of classical theory at 0.5 and 1.
_EXPONENTS = np.linspace(0, 2, 401)


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = scale n^-exponent + floor, for n labelled clips per class.

    Attributes
    ----------
    scale, exponent, floor : float
        At least 0; so the error never grows with n. The floor is the error that no number of labels would undo.
    chance : float
        Accuracy of always answering with the largest class, below which no accuracy is predicted.
    """

    scale: float
    exponent: float
    floor: float
    chance: float

    def accuracy(self, labels: ArrayLike) -> NDArray[np.float64]:
        """Accuracy predicted for numbers of labelled clips per class, from `chance` to 1."""
        law = np.array([[self.scale, self.exponent, self.floor]])
        (accuracies,) = _accuracy(np.asarray(labels, np.float64), law, self.chance)
        return np.asarray(accuracies)


@dataclass(frozen=True)
class LearningPoint:
    """What was measured at one train fraction: labelled clips per class, accuracy and its 95 % interval."""

    train_fraction: float
    labels: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """What twice the labels would bring, by the fitted curve.

    Attributes
    ----------
    labels : float
        Labelled clips per class now: the most that were measured.
    now, doubled : float
        Accuracy that the curve gives for them, and for twice as many.
    low, high : float
        95 % interval of ``doubled - now``, by resampling; NaN where nothing varies.
    """

    labels: float
    now: float
    doubled: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        """Difference in accuracy, at least 0."""
        return self.doubled - self.now


@dataclass(frozen=True)
class LearningCurve:
    """One system at several train fractions.

    Attributes
    ----------
    dataset, embedding, classifier, fusion, split : str
        Which system, on what.
    points : tuple of LearningPoint
        By rising number of labels.
    fit : PowerLaw or None
        None with fewer than three points.
    resampled : ndarray of shape (resamples, 3)
        Scale, exponent and floor fitted to resampled clips or groups; empty without a fit.
    clusters : int
        How many clips or groups were resampled.
    """

    dataset: str
    embedding: str
    classifier: str
    fusion: str
    split: str
    points: tuple[LearningPoint, ...]
    fit: PowerLaw | None
    resampled: NDArray[np.float64]
    clusters: int

    def gain_of_doubling(self) -> Gain | None:
        """Say what twice the labels of the last point would bring; None without a fit."""
        if self.fit is None:
            return None
        labels = self.points[-1].labels
        now, doubled = self.fit.accuracy([labels, 2 * labels]).tolist()
        both = _accuracy(np.array([labels, 2 * labels]), self.resampled, self.fit.chance)
        low, high = expanded_percentiles(both[:, 1] - both[:, 0], self.clusters)
        return Gain(labels, now, doubled, min(low, doubled - now), max(high, doubled - now))

    def band(self, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """95 % interval of the curve at each number of labels; NaN without a fit."""
        places = np.asarray(labels, np.float64)
        if self.fit is None:
            return np.full(len(places), math.nan), np.full(len(places), math.nan)
        curves = _accuracy(places, self.resampled, self.fit.chance)
        ends = np.array([expanded_percentiles(column, self.clusters) for column in curves.T])
        return ends[:, 0], ends[:, 1]


def fit_power_law(
    labels: ArrayLike, accuracies: ArrayLike, standard_errors: ArrayLike | None = None, *, chance: float = 0.0
) -> PowerLaw:
    """Fit error(n) = a n^-b + c by weighted least squares.

    For a given exponent the other two numbers follow from linear equations, so only exponents are searched (variable
    projection: Golub and Pereyra, 1973), all from 0 to 2 in steps of 0.005. There is no start to choose and no
    minimum to get caught in. The floor c is 0 with fewer than four points.

    Parameters
    ----------
    labels : array_like of shape (points,)
        Labelled clips per class, above 0, at least three different numbers.
    accuracies : array_like of shape (points,)
        In [0, 1].
    standard_errors : array_like of shape (points,), optional
        How far each is known, above 0; by default equally far.
    chance : float
        Accuracy below which nothing is predicted.

    Returns
    -------
    PowerLaw

    Raises
    ------
    SettingsError
        If there are too few points, or numbers outside their ranges.

    Examples
    --------
    >>> law = fit_power_law([4, 8, 16], [0.6, 0.8, 0.9])
    >>> law.exponent, law.accuracy([32]).round(3).tolist()
    (1.0, [0.95])
    """
    number, share = np.asarray(labels, np.float64), np.asarray(accuracies, np.float64)
    errors = np.ones(len(number)) if standard_errors is None else np.asarray(standard_errors, np.float64)
    if not len(number) == len(share) == len(errors) or len(np.unique(number)) < FEWEST_POINTS:
        raise SettingsError(
            f"a learning curve needs an accuracy for each of at least {FEWEST_POINTS} different numbers of labels; got "
            f"{len(share)} for {len(np.unique(number))}. Add train fractions."
        )
    for what, bad in {
        "numbers of labels must be above 0": ~((number > 0) & (number < math.inf)),
        "accuracies must lie in [0, 1]": ~((share >= 0) & (share <= 1)),
        "standard errors must be above 0": ~((errors > 0) & (errors < math.inf)),
    }.items():
        if bad.any():
            raise SettingsError(f"a learning curve cannot be fitted: {what}.")
    if not 0 <= chance < 1:
        raise SettingsError(f"the accuracy of chance must lie in [0, 1), got {chance}.")
    scale, exponent, floor = _fit(number, 1 - share[None], errors**-2.0)[0].tolist()
    return PowerLaw(scale, exponent, floor, chance)


def learning_curves(
    results: pd.DataFrame, predictions: pd.DataFrame, *, seed: int = 0, resamples: int = RESAMPLES
) -> list[LearningCurve]:
    """Make the learning curve of every system that was trained on several train fractions.

    Parameters
    ----------
    results, predictions : DataFrame
        The tables of an `Outcome`.
    seed, resamples : int
        Of the bootstrap over clips (groups where known) that says how sure the fit is.

    Returns
    -------
    list of LearningCurve
        In the order of the results; systems with a single train fraction have none.

    Raises
    ------
    SettingsError
        If a system was not tested on the same clips at every train fraction.
    """
    tested = dict(iter(predictions.groupby(_CURVE, sort=False)))
    return [
        _curve(_system(system), part, tested[system], np.random.default_rng(seed), resamples)
        for system, part in results.groupby(_CURVE, sort=False)
        if part["train_fraction"].nunique() > 1 and system in tested
    ]


def _curve(
    system: tuple[str, str, str, str, str],
    results: pd.DataFrame,
    predictions: pd.DataFrame,
    generator: np.random.Generator,
    resamples: int,
) -> LearningCurve:
    clips = predictions.drop_duplicates("path")["label"].value_counts()
    points = tuple(
        _point(fraction, folds, predictions[predictions["train_fraction"] == fraction], len(clips))
        for fraction, folds in results.groupby("train_fraction")
    )
    sums, sizes = _by_cluster(predictions)
    fit, resampled = None, np.empty((0, 3))
    if len({point.labels for point in points}) >= FEWEST_POINTS:
        labels, accuracies = [point.labels for point in points], [point.accuracy for point in points]
        errors = [(point.high - point.low) / (2 * 1.96) for point in points]
        fit = fit_power_law(labels, accuracies, errors, chance=float(clips.max() / clips.sum()))
        drawn = resampled_shares(sums, sizes, generator, resamples)
        resampled = _fit(np.array(labels), 1 - drawn, np.array(errors) ** -2.0)
    return LearningCurve(*system, points, fit, resampled, len(sums))


def _system(key: Any) -> tuple[str, str, str, str, str]:
    dataset, embedding, classifier, fusion, split = map(str, key)
    return dataset, embedding, classifier, fusion, split


def _point(fraction: Any, folds: pd.DataFrame, tests: pd.DataFrame, classes: int) -> LearningPoint:
    interval = accuracy_interval(tests["label"] == tests["predicted"], clusters_of(tests), tests["path"])
    return LearningPoint(
        train_fraction=float(fraction),
        labels=float(folds["n_train"].mean()) / classes,
        accuracy=float(folds["accuracy"].mean()),
        low=interval.low,
        high=interval.high,
    )


def _by_cluster(predictions: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right decisions and all decisions of each clip or group (rows) at each train fraction (columns, rising)."""
    right = (predictions["label"] == predictions["predicted"]).astype(float)
    grouped = right.groupby([clusters_of(predictions), predictions["train_fraction"]])
    sums, sizes = grouped.sum().unstack(), grouped.size().unstack()
    if sizes.isna().to_numpy().any():
        raise SettingsError(
            "a learning curve needs the same test clips at every train fraction, but some were not tested at all of "
            "them. Pass the tables of one comparison."
        )
    return sums.to_numpy(np.float64), sizes.to_numpy(np.float64)


def _fit(labels: NDArray[np.float64], errors: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit each row of `errors` (rows, points); give scale, exponent and floor of each (rows, 3)."""
    middle = float(np.exp(np.log(labels).mean()))  # numbers near 1 keep the equations well conditioned
    with_floor = len(labels) >= _FLOOR_POINTS
    total, sum_y, sum_yy = weights.sum(), errors @ weights, errors**2 @ weights
    best, least = np.zeros((len(errors), 3)), np.full(len(errors), math.inf)
    for exponent in _EXPONENTS[1:] if with_floor else _EXPONENTS:
        x = (labels / middle) ** -exponent
        sum_x, sum_xx, sum_xy = weights @ x, weights @ x**2, errors @ (weights * x)
        scale, floor = sum_xy / sum_xx, np.zeros(len(errors))
        if with_floor:
            divisor = total * sum_xx - sum_x**2
            free = (total * sum_xy - sum_x * sum_y) / divisor, (sum_xx * sum_y - sum_x * sum_xy) / divisor
            scale, floor = np.where(free[1] < 0, scale, free[0]), np.maximum(free[1], 0)
            flat = scale < 0  # the errors rise with the labels: the best that does not is a constant
            scale, floor = np.where(flat, 0, scale), np.where(flat, sum_y / total, floor)
        rest = sum_yy - 2 * (scale * sum_xy + floor * sum_y)
        rest += scale**2 * sum_xx + 2 * scale * floor * sum_x + floor**2 * total
        better = rest < least - 1e-12 * sum_yy
        least = np.where(better, rest, least)
        best[better] = np.stack([scale * middle**exponent, np.full_like(scale, exponent), floor], axis=1)[better]
    return best


def _accuracy(labels: NDArray[np.float64], laws: NDArray[np.float64], chance: float) -> NDArray[np.float64]:
    """Accuracy of each law (rows: scale, exponent, floor) at each number of labels (columns)."""
    scale, exponent, floor = laws.T[:, :, None]
    return np.asarray(np.clip(1 - (scale * labels**-exponent + floor), chance, 1.0), np.float64)
