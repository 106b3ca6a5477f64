"""Intervals by resampling: whole clips or groups are drawn again, and with them all that was decided about them.

The interval of reports is `accuracy_interval`, because that of the bootstrap is too narrow when there are few groups
or few errors (docs/uncertainty.md has both, measured). The bootstrap needs no formula, so it also serves for figures
that have none, such as the gain that a learning curve promises.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BOOTSTRAP", "RESAMPLES", "bootstrap_interval", "expanded_percentiles", "resampled_shares"]

#: Resamples of an interval.
RESAMPLES = 2000
#: Name of the interval, for protocols and reports.
BOOTSTRAP = f"bootstrap over clips or groups, expanded percentiles, {RESAMPLES} resamples"
# Counts held at once: 32 MB.
_BLOCK = 4_000_000


def bootstrap_interval(
    correct: ArrayLike, clusters: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % interval of an accuracy by the cluster bootstrap.

    Clusters are drawn with replacement, as many as there are, each with all its decisions (Field and Welsh, 2007).
    The ends are percentiles, moved outwards for few clusters; see `expanded_percentiles`.

    Parameters
    ----------
    correct : array_like of bool, shape (decisions,)
        Whether each decision was right.
    clusters : array_like, shape (decisions,)
        What the decision's clip belongs to: its group where groups are known, else the clip itself. A clip that is
        tested in several repeats is one cluster.
    seed : int
        Same seed, same interval.
    resamples : int
        At least 100.

    Returns
    -------
    low, high : float
        In [0, 1]; NaN for a single cluster, and where every resample gives the same (all right, all wrong), since the
        bootstrap then knows nothing of the clips that were not tested.

    Raises
    ------
    SettingsError
        If there are no decisions, not as many clusters, or too few resamples.

    Examples
    --------
    >>> low, high = bootstrap_interval([True] * 90 + [False] * 10, range(100))
    >>> round(low, 2), round(high, 2)
    (0.84, 0.96)
    """
    right = np.asarray(correct, np.float64)
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    if not len(right) or len(right) != len(index):
        raise SettingsError(
            f"a bootstrap needs a cluster for each decision, and at least one; got {len(index)} for {len(right)}."
        )
    if resamples < 100:
        raise SettingsError(f"95 % intervals need at least 100 resamples, got {resamples}.")
    shares = resampled_shares(
        np.asarray(np.bincount(index, weights=right), np.float64)[:, None],
        np.asarray(np.bincount(index), np.float64)[:, None],
        np.random.default_rng(seed),
        resamples,
    )[:, 0]
    low, high = expanded_percentiles(shares, int(index.max()) + 1)
    # Rounding must not push the share itself out.
    return min(low, float(right.mean())), max(high, float(right.mean()))


def resampled_shares(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], generator: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Share of right decisions in each resample of the clusters.

    Parameters
    ----------
    sums, sizes : ndarray of shape (clusters, columns)
        Right decisions and all decisions of each cluster; columns, such as several systems, are drawn together.
    generator : Generator
        Draws.
    resamples : int
        How many.

    Returns
    -------
    ndarray of shape (resamples, columns)
        In [0, 1].
    """
    # Clusters that are alike need not be told apart, and most are: a clip is right or wrong.
    kinds, alike = np.unique(np.hstack([sums, sizes]), axis=0, return_counts=True)
    right, tested = np.hsplit(kinds, 2)
    draws = _draws(alike / len(sums), len(sums), generator, resamples)
    return np.concatenate([(counts @ right) / (counts @ tested) for counts in draws])


def expanded_percentiles(values: NDArray[np.float64], clusters: int) -> tuple[float, float]:
    """95 % interval of resampled values, as wide as few clusters ask for.

    Percentiles of the bootstrap forget that a variance is itself estimated. Hesterberg ("What teachers should know
    about the bootstrap", The American Statistician 69, 2015) moves them outwards, to the level at which a normal
    interval has the width of Student's: Phi(-sqrt(n / (n - 1)) t), 2.5 % for many clusters and 0.1 % for five.

    Parameters
    ----------
    values : ndarray of shape (resamples,)
        What each resample gave.
    clusters : int
        How many were drawn from.

    Returns
    -------
    low, high : float
        NaN for a single cluster, and where all values are the same.
    """
    from scipy.special import ndtr, stdtrit

    if clusters < 2 or np.ptp(values) < 1e-12:
        return math.nan, math.nan
    tail = float(ndtr(-math.sqrt(clusters / (clusters - 1)) * stdtrit(clusters - 1, 0.975)))
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _draws(
    chances: NDArray[np.float64], clusters: int, generator: np.random.Generator, resamples: int
) -> Iterator[NDArray[np.float64]]:
    """How often each kind of cluster is drawn, for blocks of resamples."""
    step = max(1, _BLOCK // len(chances))
    for start in range(0, resamples, step):
        yield generator.multinomial(clusters, chances, min(step, resamples - start)).astype(np.float64)
