"""What one system got wrong: confusion counts, recall by class, and the misclassified clips.

A clip that is tested several times (several repeats, or overlapping test parts at small train
fractions) counts once per test; tables say so where it happens.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.report.systems import require_columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ClassScore:
    """How one class fared.

    Attributes
    ----------
    label : str
    tests : int
        Tests with clips of this class.
    right : int
        Those given the right class.
    recall : float
        ``right / tests``, NaN when no clip of the class was tested.
    precision : float
        Share of the tests given this class that are of this class, NaN when it was never given.
    taken_for : tuple of (str, int)
        The class most often given instead, and how often; empty name and 0 when never wrong.
    """

    label: str
    tests: int
    right: int
    recall: float
    precision: float
    taken_for: tuple[str, int]


@dataclass(frozen=True)
class Mistake:
    """A clip that was given a wrong class at least once.

    Attributes
    ----------
    path, label : str
    predicted : str
        The wrong class; the most frequent one where there were several.
    likelihood, label_likelihood : float
        Mean likelihood of `predicted` and of `label` over the tests that gave `predicted`.
    wrong, tests : int
        How often the clip was given a wrong class, and how often it was tested.
    """

    path: str
    label: str
    predicted: str
    likelihood: float
    label_likelihood: float
    wrong: int
    tests: int


def confusion_counts(predictions: pd.DataFrame) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int64]]]:
    """Count predictions by true and predicted class.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Columns ``label`` and ``predicted``.

    Returns
    -------
    classes : list of str
        Every class that occurs, sorted; numbers inside names by their value.
    counts : numpy.ndarray of shape (classes, classes)
        Rows are true classes, columns predicted ones.

    Raises
    ------
    SettingsError
        If a column is missing.
    """
    require_columns(predictions, ("label", "predicted"), "predictions")
    labels = [str(label) for label in predictions["label"]]
    predicted = [str(label) for label in predictions["predicted"]]
    classes = sorted({*labels, *predicted}, key=_natural)
    place = {label: index for index, label in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, ([place[label] for label in labels], [place[label] for label in predicted]), 1)
    return classes, counts


def class_scores(predictions: pd.DataFrame) -> list[ClassScore]:
    """Score each class of `predictions` (columns ``label`` and ``predicted``), sorted by name."""
    classes, counts = confusion_counts(predictions)
    scores = []
    for index, label in enumerate(classes):
        tests, given, right = int(counts[index].sum()), int(counts[:, index].sum()), int(counts[index, index])
        others = counts[index].copy()
        others[index] = 0
        worst = int(others.argmax())
        scores.append(
            ClassScore(
                label=label,
                tests=tests,
                right=right,
                recall=right / tests if tests else math.nan,
                precision=right / given if given else math.nan,
                taken_for=(classes[worst], int(others[worst])) if others[worst] else ("", 0),
            )
        )
    return scores


def find_mistakes(predictions: pd.DataFrame) -> list[Mistake]:
    """List the misclassified clips, the most confidently wrong first.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one system: columns ``path``, ``label``, ``predicted`` and ``likelihood:<class>``.

    Returns
    -------
    list of Mistake
        One per clip, by falling likelihood of the wrong class; unknown likelihoods last.

    Raises
    ------
    SettingsError
        If a column is missing.
    """
    require_columns(predictions, ("path", "label", "predicted"), "predictions")
    tests: Counter[str] = Counter()
    wrong: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in predictions.to_dict("records"):
        tests[str(row["path"])] += 1
        if str(row["label"]) != str(row["predicted"]):
            named = {str(column): value for column, value in row.items()}
            wrong.setdefault((str(row["path"]), str(row["label"])), []).append(named)
    mistakes = [_mistake(path, label, rows, tests[path]) for (path, label), rows in wrong.items()]
    return sorted(mistakes, key=lambda m: (-1.0 if math.isnan(m.likelihood) else m.likelihood, m.wrong), reverse=True)


def _natural(label: str) -> list[str | int]:
    """Sort key that has "class 2" before "class 10"; text and numbers alternate, so keys compare."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", label)]


def _mistake(path: str, label: str, rows: list[dict[str, Any]], tests: int) -> Mistake:
    predicted = Counter(str(row["predicted"]) for row in rows).most_common(1)[0][0]
    chosen = [row for row in rows if str(row["predicted"]) == predicted]
    return Mistake(
        path=path,
        label=label,
        predicted=predicted,
        likelihood=_mean_likelihood(chosen, predicted),
        label_likelihood=_mean_likelihood(chosen, label),
        wrong=len(rows),
        tests=tests,
    )


def _mean_likelihood(rows: list[dict[str, Any]], label: str) -> float:
    return sum(float(row.get(f"likelihood:{label}", math.nan)) for row in rows) / len(rows)
