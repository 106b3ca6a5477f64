"""One row of the summary as an object, and the few questions that every part of a report asks of it.

A *system* is an embedding with a classifier and a fusion; it is scored in a *setting*: a data set, a
train fraction and a way of splitting. Tables, figures and sentences all read the summary through
:func:`read_scores`, so they agree on the order of the systems and on which is best.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

SYSTEM_COLUMNS = ("dataset", "embedding", "classifier", "fusion", "train_fraction", "split")
SETTING_COLUMNS = ("dataset", "train_fraction", "split")
_SCORE_COLUMNS = ("accuracy_mean", "accuracy_low", "accuracy_high", "clips")

# From the kindest to the strictest question that can be asked of a classifier.
_STRICTNESS = {"clips": 0, "official": 1, "fixed": 1, "groups": 2}
_RANDOM_NAME = re.compile(r"(^|[-_. (])(random|untrained)($|[-_. ])", re.IGNORECASE)
_RANDOM_NOTE = re.compile(r"random(ised|ized)?[-_ ]weights|randomly initiali[sz]ed|untrained", re.IGNORECASE)


@dataclass(frozen=True)
class Score:
    """One system in one setting. Shares are in 0..1; an unknown one is NaN."""

    dataset: str
    embedding: str
    classifier: str
    fusion: str
    train_fraction: float
    split: str
    accuracy: float
    spread: float
    low: float
    high: float
    balanced_accuracy: float
    macro_f1: float
    interval: str
    clips: int
    folds: int
    repeats: int

    @property
    def task(self) -> tuple[str, float]:
        """Data set and train fraction: what may be compared over several splits."""
        return self.dataset, self.train_fraction

    @property
    def setting(self) -> tuple[str, float, str]:
        """Data set, train fraction and split: within one setting, systems may be ranked."""
        return self.dataset, self.train_fraction, self.split

    @property
    def system(self) -> tuple[str, str, str]:
        """Embedding, classifier and fusion."""
        return self.embedding, self.classifier, self.fusion

    @property
    def name(self) -> str:
        """The system in words: ``"yamnet with D128, late fusion"``."""
        fusion = f", {self.fusion} fusion" if self.fusion else ""
        return f"{self.embedding} with {self.classifier}{fusion}"


def read_scores(summary: pd.DataFrame) -> list[Score]:
    """Read the rows of a summary as scores.

    Settings keep the order in which they first appear; inside one, systems are sorted by accuracy,
    balanced accuracy and macro F1, highest first, and otherwise keep their order.

    Parameters
    ----------
    summary : pandas.DataFrame
        One row per system and setting, see :mod:`earmark.report`.

    Returns
    -------
    list of Score

    Raises
    ------
    SettingsError
        If the summary is empty or lacks a column.
    """
    require_columns(summary, (*SYSTEM_COLUMNS, *_SCORE_COLUMNS), "summary")
    if summary.empty:
        raise SettingsError(
            "The summary has no rows, so there is nothing to report. Run a comparison first, "
            "or check the filter that was put on its results."
        )
    scores = [_score(row) for row in summary.to_dict("records")]
    order = {setting: place for place, setting in enumerate(dict.fromkeys(s.setting for s in scores))}
    return sorted(
        scores,
        key=lambda score: (
            order[score.setting],
            *(_descending(value) for value in (score.accuracy, score.balanced_accuracy, score.macro_f1)),
        ),
    )


def require_columns(frame: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Raise :class:`SettingsError` naming the columns that `frame` lacks."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise SettingsError(
            f"The {name} table lacks the columns {', '.join(missing)}, which a report needs. "
            f"Pass the {name} of an evaluation as it was written."
        )


def best_scores(scores: Sequence[Score]) -> list[Score]:
    """Give the scores that reach the highest accuracy of their setting (several where they tie)."""
    tops: dict[tuple[str, float, str], float] = {}
    for score in scores:
        tops[score.setting] = max(tops.get(score.setting, -math.inf), score.accuracy)
    return [score for score in scores if score.accuracy == tops[score.setting]]


def by_strictness(splits: Sequence[str]) -> list[str]:
    """Sort split names from the kindest (clip by clip) to the strictest (whole groups held out)."""
    return sorted(dict.fromkeys(splits), key=lambda split: _STRICTNESS.get(split, -1))


def rows_of(frame: pd.DataFrame, score: Score, name: str, columns: Sequence[str] = SYSTEM_COLUMNS) -> pd.DataFrame:
    """Select the rows of `frame`, the `name` table, that agree with a score in `columns`."""
    require_columns(frame, columns, name)
    chosen = (frame["train_fraction"].astype(float) - score.train_fraction).abs() < 1e-9
    for column in columns:
        if column != "train_fraction":
            chosen &= frame[column].astype(str) == getattr(score, column)
    return frame[chosen]


def synthetic_datasets(scores: Sequence[Score], protocol: Mapping[str, Any]) -> frozenset[str]:
    """Name the data sets that were made by a program, by their names or by the protocol.

    ``protocol["dataset"]`` describes one data set or a list of them; where the scores are of one only,
    its description counts whatever name it goes by.
    """
    names = {score.dataset for score in scores}
    described = protocol.get("dataset") or ()
    descriptions = [described] if isinstance(described, Mapping) else described
    marked = {str(d.get("name", "")) for d in descriptions if isinstance(d, Mapping) and d.get("synthetic")}
    if len(names) == 1 and marked:
        return frozenset(names)
    return frozenset(name for name in names if name in marked or "synthetic" in name.lower())


def dataset_text(dataset: str, synthetic: Collection[str] = ()) -> str:
    """Write the name of a data set so that one made by a program always says so."""
    said = "synthetic" in dataset.lower()
    return f"{dataset} (synthetic)" if dataset in synthetic and not said else dataset


def random_embeddings(scores: Sequence[Score], protocol: Mapping[str, Any]) -> list[str]:
    """Name the embeddings whose weights were never trained, by their names or their notes."""
    found = [score.embedding for score in scores if _RANDOM_NAME.search(score.embedding)]
    for embedding in protocol.get("embeddings") or ():
        name, note = str(embedding.get("name", "")), str(embedding.get("note", ""))
        if _RANDOM_NAME.search(name) or _RANDOM_NOTE.search(note):
            found.append(name)
    return list(dict.fromkeys(found))


def _score(row: Mapping[Any, Any]) -> Score:
    return Score(
        dataset=str(row["dataset"]),
        embedding=str(row["embedding"]),
        classifier=str(row["classifier"]),
        fusion=str(row["fusion"]),
        train_fraction=float(row["train_fraction"]),
        split=str(row["split"]),
        accuracy=float(row["accuracy_mean"]),
        spread=float(row.get("accuracy_std", math.nan)),
        low=float(row["accuracy_low"]),
        high=float(row["accuracy_high"]),
        balanced_accuracy=float(row.get("balanced_accuracy_mean", math.nan)),
        macro_f1=float(row.get("macro_f1_mean", math.nan)),
        interval=str(row.get("interval", "")),
        clips=int(row["clips"]),
        folds=int(row.get("folds", 0)),
        repeats=int(row.get("repeats", 1)),
    )


def _descending(value: float) -> float:
    return math.inf if math.isnan(value) else -value
