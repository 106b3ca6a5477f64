"""Which systems are better over several tasks: average ranks, and whether they differ by more than chance.

After Demšar ("Statistical comparisons of classifiers over multiple data sets", Journal of Machine Learning Research 7,
2006): accuracies of different tasks cannot be averaged, the ranks within each can.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ranks", "average_ranks"]


@dataclass(frozen=True)
class Ranks:
    """Average ranks of systems, and the tests of them.

    Attributes
    ----------
    systems : tuple of str
        Names, the best first.
    ranks : tuple of float
        Their average ranks, from 1 (always best) to the number of systems.
    tasks : int
        Over how many tasks.
    friedman, friedman_p : float
        Friedman's chi-squared statistic and its p-value: are all systems equally good?
    iman_davenport, p : float
        The F statistic of Iman and Davenport (1980), less conservative, and its p-value. Where every task ranks the
        systems alike the statistic is infinite, and the p-value is the exact chance of that.
    critical_difference : float
        Average ranks further apart than this differ at the level 0.05 (Nemenyi, 1963).
    cliques : tuple of tuple of str
        Sets of neighbours that do not differ, as large as they can be; systems that differ from all others are in none.
    """

    systems: tuple[str, ...]
    ranks: tuple[float, ...]
    tasks: int
    friedman: float
    friedman_p: float
    iman_davenport: float
    p: float
    critical_difference: float
    cliques: tuple[tuple[str, ...], ...]


def average_ranks(table: pd.DataFrame) -> Ranks:
    """Rank systems on each task, and test the average ranks.

    Parameters
    ----------
    table : DataFrame of shape (tasks, systems)
        Accuracies; equal ones share their ranks. The tasks should have nothing to do with each other: train fractions
        of one data set are one task, not several.

    Returns
    -------
    Ranks
        By the formulas of Demšar, which do not correct the statistics for ties, and so err on the careful side.

    Raises
    ------
    SettingsError
        If there are fewer than two tasks or two systems, names that are not unique, or an accuracy that is unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"yamnet": [0.9, 0.8, 0.7], "vggish": [0.8, 0.7, 0.7]})
    >>> ranks = average_ranks(table)
    >>> ranks.systems, [round(rank, 2) for rank in ranks.ranks]
    (('yamnet', 'vggish'), [1.17, 1.83])
    """
    from scipy.stats import chi2, f, rankdata, studentized_range

    values = table.to_numpy(np.float64)
    tasks, number = values.shape
    if tasks < 2 or number < 2:
        raise SettingsError(f"ranks need at least two tasks and two systems, got {tasks} and {number}.")
    if not table.columns.is_unique or not np.isfinite(values).all():
        raise SettingsError(
            "ranks need the accuracy of every system on every task, each system named once. Leave out systems or "
            "tasks that lack one."
        )
    means = rankdata(-values, axis=1).mean(axis=0)
    order = np.argsort(means, kind="stable")
    statistic = 12 * tasks / (number * (number + 1)) * float(np.sum(means**2) - number * (number + 1) ** 2 / 4)
    statistic, left = max(0.0, statistic), tasks * (number - 1) - statistic
    corrected = (tasks - 1) * statistic / left if left > 1e-9 else math.inf
    p = float(f.sf(corrected, number - 1, (number - 1) * (tasks - 1)))
    if math.isinf(corrected):  # two tasks agree by chance, too: one order in k! is that of the first task
        p = math.exp((1 - tasks) * math.lgamma(number + 1))
    quantile = float(studentized_range.ppf(0.95, number, np.inf)) / math.sqrt(2)
    critical = quantile * math.sqrt(number * (number + 1) / (6 * tasks))
    names, sorted_means = [str(table.columns[place]) for place in order], means[order]
    return Ranks(
        systems=tuple(names),
        ranks=tuple(sorted_means.tolist()),
        tasks=tasks,
        friedman=statistic,
        friedman_p=float(chi2.sf(statistic, number - 1)),
        iman_davenport=corrected,
        p=p,
        critical_difference=critical,
        cliques=tuple(tuple(names[first:last]) for first, last in _cliques(sorted_means.tolist(), critical)),
    )


def _cliques(ranks: list[float], critical: float) -> list[tuple[int, int]]:
    """First and one past the last of each set of neighbours within the critical difference, none inside another."""
    cliques: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = sum(other <= rank + critical + 1e-12 for other in ranks)
        if last - first > 1 and (not cliques or last > cliques[-1][1]):
            cliques.append((first, last))
    return cliques
