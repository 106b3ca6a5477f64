"""Which of two systems is better, and whether that is more than chance: tests on the same folds and the same clips.

Two tests, because they answer two questions. Over folds: would training and testing anew, on other recordings of the
same kind, again favour the same system? Over clips: are these trained systems right on different clips more often than
a coin would have it? docs/uncertainty.md says what each assumes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.errors import SettingsError
from earmark.evaluation.metrics import clusters_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PairedTest", "compare_pairs", "holm", "mcnemar", "nadeau_bengio"]

_SETTING = ["dataset", "train_fraction", "split"]
_NAMES = ["embedding", "classifier", "fusion"]
_PAIR = [*_SETTING, *(f"{name}_a" for name in _NAMES), *(f"{name}_b" for name in _NAMES)]
# Below, exact; from here on mid-p, which is closer to its level (Fagerland and others, 2013).
_EXACT_BELOW = 25
# Accuracies are ratios of small integers: differences closer than this are equal but for rounding.
_EQUAL = 1e-12


@dataclass(frozen=True)
class PairedTest:
    """What the corrected resampled t-test says of paired differences.

    Attributes
    ----------
    mean : float
        Mean difference.
    low, high : float
        Its 95 % interval; NaN where there is none.
    t, p : float
        Statistic, and two-sided p-value; NaN where there is none.
    """

    mean: float
    low: float
    high: float
    t: float
    p: float


def nadeau_bengio(differences: ArrayLike, test_to_train_ratio: float) -> PairedTest:
    """Corrected resampled t-test.

    Folds share training clips, so their differences are alike and vary less than independent ones would. Nadeau and
    Bengio ("Inference for the generalization error", Machine Learning 52, 2003) add the ratio of test to training
    clips to the variance of the mean: (1 / J + ratio) s², on J - 1 degrees of freedom.

    Parameters
    ----------
    differences : array_like of shape (J,)
        Difference in accuracy of two systems on each fold of each repeat.
    test_to_train_ratio : float
        Number of test clips divided by the number of training clips, at least 0.

    Returns
    -------
    PairedTest
        Fewer than two differences have no test: NaN. Differences that are all zero give p = 1. Differences that are
        all the same but not zero have no spread to test against: NaN, not certainty.

    Raises
    ------
    SettingsError
        If there are no differences, if one is not finite, or the ratio is negative.

    Examples
    --------
    >>> test = nadeau_bengio([0.05, 0.1, 0.0, 0.05, 0.05], 0.25)
    >>> round(test.t, 3), round(test.p, 3)
    (2.108, 0.103)
    """
    from scipy.special import stdtr, stdtrit

    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise SettingsError(f"a paired test needs a list of finite differences, got {np.asarray(differences)!r}.")
    if not 0 <= test_to_train_ratio < math.inf:
        raise SettingsError(f"the ratio of test to training clips must be at least 0, got {test_to_train_ratio}.")
    mean, nan = float(values.mean()), math.nan
    if len(values) < 2:
        return PairedTest(mean, nan, nan, nan, nan)
    if np.ptp(values) < _EQUAL:
        zero = abs(mean) < _EQUAL
        return PairedTest(0.0 if zero else mean, nan, nan, 0.0 if zero else nan, 1.0 if zero else nan)
    error = math.sqrt((1 / len(values) + test_to_train_ratio) * float(values.var(ddof=1)))
    t, freedom = mean / error, len(values) - 1
    half = float(stdtrit(freedom, 0.975)) * error
    return PairedTest(mean, mean - half, mean + half, t, float(2 * stdtr(freedom, -abs(t))))


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike, clusters: ArrayLike | None = None) -> float:
    """McNemar's test of whether two systems are right on different clips more often than a coin would have it.

    If they are equally good, each clip that only one of them gets right could as well have been the other's (McNemar,
    1947). So the signs are flipped: the p-value is the share of all flips that put the systems at least as far apart,
    counted exactly. Decisions of a cluster (several repeats of a clip, clips of a group) are flipped together, each
    cluster with the sum of its differences. With clusters of one decision this is the exact test of McNemar. From 25
    discordant clusters on it is the mid-p test (Fagerland, Lydersen and Laake, 2013): what is exactly as far apart
    counts half.

    Parameters
    ----------
    correct_a, correct_b : array_like of bool, shape (decisions,)
        Whether each system was right, on the same clips.
    clusters : array_like, shape (decisions,), optional
        What belongs together; by default each decision stands for itself.

    Returns
    -------
    float
        Two-sided p-value; 1 if the systems are right equally often.

    Raises
    ------
    SettingsError
        If there are no decisions, or not equally many.

    Examples
    --------
    >>> round(mcnemar([True] * 8 + [False] * 2, [False] * 7 + [True] * 3), 3)
    0.18
    """
    a, b = np.asarray(correct_a, np.int64), np.asarray(correct_b, np.int64)
    names = np.arange(len(a)) if clusters is None else np.asarray(clusters)
    if not len(a) or not len(a) == len(b) == len(names):
        raise SettingsError(
            f"McNemar's test needs decisions of two systems on the same clips; got {len(a)} and {len(b)} "
            f"in {len(names)} clusters."
        )
    _, index = np.unique(names, return_inverse=True)
    return _flip(np.rint(np.bincount(index, weights=a - b)).astype(np.int64))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values for how many there are, after Holm (1979).

    The chance that any of the hypotheses is rejected wrongly stays below the level, whatever their dependence.

    Parameters
    ----------
    p_values : array_like of shape (hypotheses,)
        In [0, 1]; NaN for a test that could not be made, which then does not count.

    Returns
    -------
    ndarray of shape (hypotheses,)
        Adjusted values, in the same order; NaN stays.

    Raises
    ------
    SettingsError
        If a value lies outside [0, 1].

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(values))
    if ((values[known] < 0) | (values[known] > 1)).any():
        raise SettingsError(f"p-values lie in [0, 1], got {values[known].min():g} to {values[known].max():g}.")
    order = known[np.argsort(values[known], kind="stable")]
    adjusted = values.copy()
    adjusted[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)))
    return adjusted


def compare_pairs(results: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Test every pair of systems of each data set, train fraction and split on the same folds and clips.

    Parameters
    ----------
    results, predictions : DataFrame
        The tables of an `Outcome`. Without predictions there is no test over clips.

    Returns
    -------
    DataFrame
        One row for each pair: ``dataset``, ``train_fraction``, ``split``; ``embedding_a``, ``classifier_a``,
        ``fusion_a`` and the same of b; ``difference_points``, mean accuracy of a minus that of b in points, with
        ``low_points`` and ``high_points``, its 95 % interval; ``p_ttest``, of the corrected resampled t-test over
        folds; ``p_mcnemar``, of McNemar's test over clips (over groups where known); ``p_ttest_holm`` and
        ``p_mcnemar_holm``, adjusted for all pairs of the data set, train fraction and split; ``only_a_right`` and
        ``only_b_right``, tests that one system alone got right; ``folds``, how many differences the t-test is of: one
        for each fold of each repeat, but of official folds, which are the same in every repeat, one for each fold.
        With a single test set (whatever the repeats) the t-test and the interval are NaN: they need folds.

    Raises
    ------
    SettingsError
        If systems that are to be compared were not tested on the same folds or clips.
    """
    import pandas as pd

    tested = {_keyed(key): part for key, part in predictions.groupby(_SETTING, sort=False)}
    rows: list[dict[str, Any]] = []
    for key, part in results.groupby(_SETTING, sort=False):
        rows += _pairs(key, part, tested.get(_keyed(key)))
    columns = [*_PAIR, "difference_points", "low_points", "high_points", "p_ttest", "p_ttest_holm", "p_mcnemar",
               "p_mcnemar_holm", "only_a_right", "only_b_right", "folds"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _pairs(key: tuple[Any, ...], results: pd.DataFrame, predictions: pd.DataFrame | None) -> list[dict[str, Any]]:
    accuracies = _of_folds(_wide(results, ["repeat", "fold"], results["accuracy"], key), key)
    ratio = _test_to_train(results) if results["fold"].nunique() > 1 else None
    rows, columns = [], dict(zip(accuracies.columns, accuracies.to_numpy().T, strict=True))
    for (a, b), clips in zip(_every_two(accuracies), _clip_tests(predictions, accuracies, key), strict=True):
        differences = columns[a] - columns[b]
        # Repeats on one test set vary by the training alone: nothing to say about other clips.
        test = nadeau_bengio(differences[:1] if ratio is None else differences, ratio or 0.0)
        mean = float(differences.mean()) if np.abs(differences.mean()) >= _EQUAL else 0.0
        rows.append(
            dict(zip(_PAIR, (*key, *a, *b), strict=True))
            | {"difference_points": 100 * mean, "low_points": 100 * test.low, "high_points": 100 * test.high}
            | {"p_ttest": test.p, "folds": len(differences) if ratio is not None else 1}
            | clips
        )
    for name in ("p_ttest", "p_mcnemar"):
        for row, adjusted in zip(rows, holm([row[name] for row in rows]), strict=True):
            row[f"{name}_holm"] = float(adjusted)
    return rows


def _of_folds(accuracies: pd.DataFrame, key: tuple[Any, ...]) -> pd.DataFrame:
    """Return one row for each time that clips were split anew.

    Repeats of official folds test the same clips again: they say more of a fold, but are no further folds.
    """
    return accuracies.groupby(level="fold", sort=False).mean() if key[2] == "official" else accuracies


def _clip_tests(
    predictions: pd.DataFrame | None, accuracies: pd.DataFrame, key: tuple[Any, ...]
) -> Iterator[dict[str, Any]]:
    """McNemar's test of each pair, and how often one alone was right."""
    if predictions is None or predictions.empty:
        for _ in _every_two(accuracies):
            yield {"p_mcnemar": math.nan, "only_a_right": 0, "only_b_right": 0}
        return
    right = (predictions["label"] == predictions["predicted"]).astype(int)
    clustered = predictions.assign(cluster=clusters_of(predictions))
    decisions = _wide(clustered, ["repeat", "fold", "path", "cluster"], right, key)
    _, clusters = np.unique(decisions.index.get_level_values("cluster").to_numpy(str), return_inverse=True)
    columns = dict(zip(decisions.columns, decisions.to_numpy().T, strict=True))
    for a, b in _every_two(accuracies):
        ours, theirs = columns[a], columns[b]
        yield {
            "p_mcnemar": mcnemar(ours, theirs, clusters),
            "only_a_right": int((ours > theirs).sum()),
            "only_b_right": int((theirs > ours).sum()),
        }


def _every_two(wide: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    return combinations(wide.columns, 2)


def _wide(table: pd.DataFrame, index: list[str], values: pd.Series, key: tuple[Any, ...]) -> pd.DataFrame:
    """Make a column for each system, in the order in which they come, and a row for each fold or each tested clip."""
    systems = list(dict.fromkeys(table[_NAMES].itertuples(index=False, name=None)))
    keyed = values.set_axis(table.set_index([*index, *_NAMES]).index)
    if keyed.index.has_duplicates or len(keyed) != len(systems) * len(table[index].drop_duplicates()):
        raise SettingsError(
            f"{key[0]}, train fraction {key[1]:g}, split {key[2]}: the systems were not all tested once on the same "
            f"{'clips' if 'path' in index else 'folds'}, so they cannot be compared pair by pair. Pass the tables of "
            "one comparison."
        )
    return keyed.unstack(_NAMES)[systems]


def _test_to_train(results: pd.DataFrame) -> float:
    """Ratio of test clips to those that training clips come from.

    At the full train fraction that is the ratio of test to training clips. Where fewer are drawn, folds share fewer,
    not more: dividing by those drawn would make the test blind.
    """
    tests = results.drop_duplicates(["repeat", "fold"])
    size = float(tests["n_test"].mean())
    rest = float(tests["n_test"].sum()) / tests["repeat"].nunique() - size
    return size / max(rest, float(results["n_train"].mean()))


def _flip(differences: NDArray[np.int64]) -> float:
    """P-value of a sum whose terms are as likely positive as negative."""
    from scipy.stats import binom

    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    total, most, discordant = abs(int(differences.sum())), int((sizes * counts).sum()), int(counts.sum())
    if total == 0:
        return 1.0
    chances = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        # The positive terms of this size: binomial.
        steps = np.zeros(size * count + 1)
        steps[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, steps)
    sums = 2 * np.arange(most + 1) - most
    p = float(chances[np.abs(sums) >= total].sum())
    if discordant >= _EXACT_BELOW:
        p -= float(chances[np.abs(sums) == total].sum()) / 2
    return min(1.0, p)


def _keyed(key: tuple[Any, ...]) -> tuple[str, float, str]:
    return str(key[0]), round(float(key[1]), 9), str(key[2])
