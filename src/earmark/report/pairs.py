"""Which differences are real: the best system of each setting against all others, by paired tests.

The tests are those of :func:`earmark.evaluation.compare_pairs`. A difference counts as real when it is significant, at
5 % and adjusted for all pairs, both over folds and over clips; where there is a single test set, over clips.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.evaluation import compare_pairs
from earmark.report import wording
from earmark.report.systems import Score, dataset_text, read_scores, require_columns
from earmark.report.tables import NAMES, TableText, latex_of, markdown_of, rich_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

LEVEL = 0.05
_MOST_ROWS = 12
_SYSTEM = ("embedding", "classifier", "fusion")
_VERDICTS = ({"yes"}, {"in one test"}, {"not shown", "–"})


@dataclass(frozen=True)
class Rival:
    """A system beside the best one of its setting.

    Attributes
    ----------
    score : Score
    behind, low, high : float
        How many points of accuracy it is behind the best system, and the 95 % interval.
    p_folds, p_clips : float
        Of the tests over folds and over clips, adjusted for all pairs; NaN where there was no test.
    best_alone, rival_alone : int
        Tests that only the best system, or only this one, got right.
    folds, pairs : int
        How many folds the test is over, and for how many pairs it is adjusted.
    """

    score: Score
    behind: float
    low: float
    high: float
    p_folds: float
    p_clips: float
    best_alone: int
    rival_alone: int
    folds: int
    pairs: int

    @property
    def verdict(self) -> str:
        """``"yes"``, ``"in one test"``, ``"not shown"``; ``"–"`` without any test."""
        tests = (self.folds > 1) + (not math.isnan(self.p_clips))
        significant = (self.p_folds < LEVEL) + (self.p_clips < LEVEL)
        if not tests:
            return "–"
        return "yes" if significant == tests else "in one test" if significant else "not shown"


@dataclass(frozen=True)
class Standing:
    """The best system of one setting and the others, nearest first."""

    best: Score
    rivals: tuple[Rival, ...]

    @property
    def sentence(self) -> str:
        """Whom the best system is ahead of by more than chance."""
        real, half, others = (
            [rival.score for rival in self.rivals if rival.verdict in verdicts] for verdicts in _VERDICTS
        )
        return wording.ahead(self.best, real, half, others)


def standings(pairs: pd.DataFrame, scores: Sequence[Score]) -> list[Standing]:
    """Set the best system of each setting beside the others of its setting.

    Parameters
    ----------
    pairs : pandas.DataFrame
        What :func:`earmark.evaluation.compare_pairs` gave.
    scores : sequence of Score
        Of the same comparison.

    Returns
    -------
    list of Standing
        One for each setting with several systems.
    """
    rows = pairs.to_dict("records")
    found = []
    for setting in dict.fromkeys(score.setting for score in scores):
        best, *others = [score for score in scores if score.setting == setting]
        tests = {_systems(row): row for row in rows if _setting(row) == setting}
        rivals = [_rival(best, other, tests) for other in others]
        if rivals:
            found.append(Standing(best, tuple(rivals)))
    return found


def find_standings(results: pd.DataFrame, predictions: pd.DataFrame, summary: pd.DataFrame) -> list[Standing]:
    """Test all pairs and set the best systems beside the others.

    Raises
    ------
    SettingsError
        If a table lacks a column, or systems were not tested on the same folds and clips.
    """
    require_columns(results, ("repeat", "fold", "n_train", "n_test", "accuracy"), "results")
    return standings(compare_pairs(results, predictions), read_scores(summary))


def pair_text(standing: Standing, *, synthetic: Collection[str] = (), most: int | None = _MOST_ROWS) -> TableText:
    """Turn a standing into the texts of a table.

    Parameters
    ----------
    standing : Standing
    synthetic : collection of str, optional
        Data sets made by a program.
    most : int or None
        Rows at most, the nearest rivals first; the caption counts the others.

    Returns
    -------
    TableText
    """
    best, shown = standing.best, standing.rivals[:most]
    columns = [NAMES, "Classifier", "Fusion"]
    values = [{rival.score.system[place] for rival in shown} for place in range(3)]
    kept = [place for place in range(3) if place == 0 or values[place] != {best.system[place]}]
    dataset, fraction, split = best.setting
    return TableText(
        title=f"Behind {best.name}: {dataset_text(dataset, synthetic)}, train fraction {fraction:g}, split: {split}",
        caption=_caption(standing, len(shown)),
        headers=(*(columns[place] for place in kept), "Behind", "95 % interval", "p, folds", "p, clips",
                 "Right alone", "Real"),
        numeric=(*(False for _ in kept), True, True, True, True, True, False),
        rows=tuple((*(rival.score.system[place] for place in kept), *_cells(rival)) for rival in shown),
        best=tuple(False for _ in shown),
    )  # fmt: skip


def pairs_to_markdown(pairs: pd.DataFrame, summary: pd.DataFrame, *, synthetic: Collection[str] = ()) -> str:
    """Write the best system of each setting against the others, in Markdown: a sentence and a table each.

    Parameters
    ----------
    pairs : pandas.DataFrame
        What :func:`earmark.evaluation.compare_pairs` gave.
    summary : pandas.DataFrame
        One row per system and setting.
    synthetic : collection of str, optional
        Data sets made by a program.

    Returns
    -------
    str
    """
    found = standings(pairs, read_scores(summary))
    if not found:
        return "There is one system only, so there is no difference to test.\n"
    parts = [f"{markdown_of(pair_text(each, synthetic=synthetic, most=None))}\n{each.sentence}\n" for each in found]
    return "\n".join(parts)


def pairs_to_latex(pairs: pd.DataFrame, summary: pd.DataFrame, *, synthetic: Collection[str] = ()) -> str:
    """Write the same as LaTeX tables; parameters are those of :func:`pairs_to_markdown`."""
    found = standings(pairs, read_scores(summary))
    return "\n".join(latex_of(pair_text(each, synthetic=synthetic, most=None)) for each in found)


def pairs_to_rich(
    pairs: pd.DataFrame, summary: pd.DataFrame, *, synthetic: Collection[str] = (), width: int | None = None
) -> list[Table]:
    """Lay the same out for a terminal of `width` characters, a table for each setting."""
    found = standings(pairs, read_scores(summary))
    return [rich_of(pair_text(each, synthetic=synthetic), width) for each in found]


def p_text(p: float) -> str:
    """Write a p-value with three decimals, ``–`` where there was no test.

    Examples
    --------
    >>> p_text(0.0351), p_text(0.00002), p_text(0.9999)
    ('0.035', '<0.001', '1.000')
    """
    return "–" if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def _rival(best: Score, other: Score, tests: dict[Any, dict[Any, Any]]) -> Rival:
    ahead = tests.get((best.system, other.system))
    row, sign = (ahead, 1) if ahead is not None else (tests[other.system, best.system], -1)
    a, b = ("a", "b") if sign == 1 else ("b", "a")
    ends = sorted((sign * float(row["low_points"]), sign * float(row["high_points"])))
    return Rival(
        score=other,
        behind=sign * float(row["difference_points"]),
        low=ends[0],
        high=ends[1],
        p_folds=float(row["p_ttest_holm"]),
        p_clips=float(row["p_mcnemar_holm"]),
        best_alone=int(row[f"only_{a}_right"]),
        rival_alone=int(row[f"only_{b}_right"]),
        folds=int(row["folds"]),
        pairs=len(tests),
    )


def _setting(row: dict[Any, Any]) -> tuple[str, float, str]:
    return str(row["dataset"]), float(row["train_fraction"]), str(row["split"])


def _systems(row: dict[Any, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    a, b = (tuple(str(row[f"{name}_{side}"]) for name in _SYSTEM) for side in "ab")
    return a, b


def _cells(rival: Rival) -> tuple[str, ...]:
    interval = "–" if math.isnan(rival.low) else f"[{_points(rival.low)}, {_points(rival.high)}]"
    alone = "–" if math.isnan(rival.p_clips) else f"{rival.best_alone} : {rival.rival_alone}"
    return _points(rival.behind), interval, p_text(rival.p_folds), p_text(rival.p_clips), alone, rival.verdict


def _points(value: float) -> str:
    return wording.points(value / 100).removeprefix("+")


def _caption(standing: Standing, shown: int) -> str:
    """Say how the numbers are to be read."""
    first, left = standing.rivals[0], len(standing.rivals) - shown
    adjusted = f"adjusted for all {first.pairs} pairs (Holm)" if first.pairs > 1 else "of the one pair"
    if first.folds > 1:
        tests = [
            "Behind: points of accuracy, with the 95 % interval of the corrected resampled t-test (Nadeau and Bengio) "
            f"over {first.folds} folds, which p, folds, is of too. p, clips: McNemar's test. Both p are {adjusted}, "
            "the interval is not.",
            f"Real: both below {LEVEL:g}.",
        ]
    else:
        tests = [
            "There is one test set, hence no spread over folds: no interval, and no test of whether training anew "
            f"would give the same. p, clips: McNemar's test, {adjusted}.",
            f"Real: below {LEVEL:g}, for these trained systems.",
        ]
    alone = "Right alone: tests that only the best, and only this system, got right."
    more = f"{left} more systems are further behind; comparisons.csv has all pairs." if left else ""
    return " ".join(filter(None, [*tests, alone, more]))
