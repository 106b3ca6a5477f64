"""Do pre-trained embeddings win when labels are few? Their lead over networks trained from scratch, with intervals.

The difference is over the same folds; its interval is that of the corrected resampled t-test (Nadeau and Bengio, 2003),
see `earmark.evaluation.compare_pairs`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.reproduce.gathering import StudyResults
from earmark.reproduce.grid import Cell, Grid, signed
from earmark.reproduce.study import FROM_SCRATCH

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Advantage", "advantage_grid", "advantage_sentences", "advantages"]


@dataclass(frozen=True)
class Advantage:
    """How far an embedding with the linear SVM and late fusion is ahead of the network trained from scratch.

    Attributes
    ----------
    task, embedding : str
        Where, and which.
    train_fraction : float
        Share of the clips that both were trained on.
    points, low, high : float
        Difference of the accuracies in points, and its 95 % interval; NaN where there is one test set only, or no
        spread over folds.
    folds : int
        How many differences the interval is of.
    """

    task: str
    embedding: str
    train_fraction: float
    points: float
    low: float
    high: float
    folds: int

    @property
    def verdict(self) -> str:
        """``"ahead"`` or ``"behind"`` where the interval is on one side of zero, else ``"not told apart"``."""
        if self.low > 0:
            return "ahead"
        return "behind" if self.high < 0 else "not told apart"


def advantages(pairs: pd.DataFrame) -> list[Advantage]:
    """Collect the differences.

    Parameters
    ----------
    pairs : DataFrame
        What `compare_pairs` gave.
    """
    found = []
    for row in pairs.to_dict("records"):
        for a, b, sign in (("a", "b", 1), ("b", "a", -1)):
            ours = (row[f"classifier_{a}"], row[f"fusion_{a}"]) == ("svm", "late")
            if ours and row[f"embedding_{b}"] == FROM_SCRATCH:
                low, high = sorted((sign * row["low_points"], sign * row["high_points"]))
                found.append(
                    Advantage(
                        row["dataset"],
                        row[f"embedding_{a}"],
                        float(row["train_fraction"]),
                        sign * row["difference_points"],
                        low,
                        high,
                        int(row["folds"]),
                    )
                )
    return found


def advantage_grid(results: StudyResults, found: list[Advantage]) -> Grid:
    """Lay them out: a row for each embedding and train fraction, a column for each task."""
    tasks = [task.name for task in results.study.tasks if any(each.task == task.name for each in found)]
    cells = {(each.embedding, each.train_fraction, each.task): each for each in found}
    rows = [
        (embedding, fraction)
        for embedding in dict.fromkeys(each.embedding for each in found)
        for fraction in sorted({each.train_fraction for each in found if each.embedding == embedding}, reverse=True)
    ]
    laid = [
        (
            (embedding,),
            (f"{fraction:g}",),
            *(_cell(cells.get((embedding, fraction, task))) for task in tasks),
        )
        for embedding, fraction in rows
    ]
    kind = " (synthetic)" if results.study.synthetic else ""
    notes = (
        "Linear SVM, late fusion: difference of the accuracies in points, with the 95 % interval of the corrected "
        "resampled t-test (Nadeau and Bengio) over the same folds. Above zero: pre-training is ahead.",
    )
    return Grid(f"Ahead of the network trained from scratch{kind}", ("", "Train fraction", *tasks), tuple(laid), notes)


def _cell(found: Advantage | None) -> Cell:
    if found is None:
        return ("–",)
    if math.isnan(found.low):
        return (signed(found.points), "one test set" if found.folds < 2 else "the same on all folds")
    return (signed(found.points), f"[{signed(found.low)}, {signed(found.high)}]")


def advantage_sentences(results: StudyResults, found: list[Advantage]) -> list[str]:
    """Say of the fewest labels and of the most whether pre-training wins, as far as intervals tell."""
    untrained = {unit.label for unit in results.units if unit.untrained}
    found = [each for each in found if each.embedding not in untrained]
    if not found:
        return []
    fractions = sorted({each.train_fraction for each in found})
    # What was tried with few labels is set beside the same with many.
    few, many = ({(each.task, each.embedding) for each in found if each.train_fraction == end}
                 for end in (fractions[0], fractions[-1]))  # fmt: skip
    found = [each for each in found if (each.task, each.embedding) in few & many]
    sentences, embeddings = [], " and ".join(dict.fromkeys(each.embedding for each in found))
    for fraction in dict.fromkeys((fractions[0], fractions[-1])):
        told = [each for each in found if each.train_fraction == fraction and each.folds > 1]
        if told:
            counts = {verdict: sum(each.verdict == verdict for each in told) for verdict in ("ahead", "behind")}
            sentences.append(
                f"With {100 * fraction:g} % of the clips to train on, pre-trained embeddings with the linear SVM "
                f"({embeddings}) are ahead of the network trained from scratch in {counts['ahead']} of "
                f"{len(told)} comparisons, behind in {counts['behind']}, and not told apart in the "
                "others (95 % intervals)."
            )
    if results.study.synthetic and sentences:
        sentences.append("The tasks are synthetic: this says nothing about real recordings.")
    return sentences
