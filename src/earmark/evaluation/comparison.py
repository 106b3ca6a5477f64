"""The comparison itself: every embedding, classifier and fusion on the same folds, file by file.

Tables come out: one row for each trained system, and one for each clip that it was tested on. Everything that is said
of a comparison later (means, intervals, figures) is computed from these two tables alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.evaluation.fusion import pool
from earmark.evaluation.metrics import score
from earmark.evaluation.splits import Fold
from earmark.evaluation.system import System
from earmark.parallel import cores, side_by_side
from earmark.progress import SILENT, Progress
from earmark.store import ClipFrames

if TYPE_CHECKING:
    import pandas as pd

    from earmark.datasets import Dataset

__all__ = ["SYSTEM", "FoldSet", "Outcome", "compare_systems"]

#: Columns that name a system; results of one system differ only in repeat and fold.
SYSTEM = ["dataset", "embedding", "classifier", "fusion", "train_fraction", "split"]


@dataclass(frozen=True)
class FoldSet:
    """Folds of one kind.

    Attributes
    ----------
    split : str
        Name of the split.
    train_fraction : float
        Share of all clips that is trained on.
    folds : tuple of Fold
        The folds of all repeats.
    """

    split: str
    train_fraction: float
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class Outcome:
    """Tables of a comparison.

    Attributes
    ----------
    results : DataFrame
        One row for each trained system: the columns of `SYSTEM`, ``repeat``, ``fold``, ``n_train``, ``n_test``,
        ``accuracy``, ``balanced_accuracy``, ``macro_f1`` (0 to 1) and ``seconds`` (training and testing).
    predictions : DataFrame
        One row for each test clip: the same names, ``path``, ``group`` where known, ``label``, ``predicted``, and
        ``likelihood:CLASS`` for each class.
    """

    results: pd.DataFrame
    predictions: pd.DataFrame


@dataclass(frozen=True)
class _Job:
    embedding: str
    classifier: str
    fusion: str
    fold_set: FoldSet
    fold: Fold
    seed: int

    @property
    def names(self) -> dict[str, Any]:
        return {
            "embedding": self.embedding,
            "classifier": self.classifier,
            "fusion": self.fusion,
            "train_fraction": self.fold_set.train_fraction,
            "split": self.fold_set.split,
            "repeat": self.fold.repeat,
            "fold": self.fold.name,
        }


def compare_systems(
    dataset: Dataset,
    embedding: str,
    frames: ClipFrames,
    classifiers: Sequence[str],
    fusions: Sequence[str],
    fold_sets: Sequence[FoldSet],
    *,
    platt: bool = False,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Outcome:
    """Train and test every system of one embedding on every fold.

    Parameters
    ----------
    dataset : Dataset
        The clips.
    embedding : str
        Name of the embedding.
    frames : ClipFrames
        Its frames of all clips, in the order of the data set.
    classifiers, fusions : sequence of str
        Names.
    fold_sets : sequence of FoldSet
        Folds to run on.
    platt : bool
        Whether SVM likelihoods are Platt-scaled on the validation clips of each fold, which must then have some.
    seed : int
        Every training draws its random numbers from this seed, its repeat and its fold.
    workers : int, optional
        Systems trained at once; by default one a core.
    progress : Progress
        Hears of the steps.

    Returns
    -------
    Outcome
        In an order, and with numbers, that do not depend on the workers.
    """
    jobs = [
        _Job(embedding, classifier, fusion, fold_set, fold, _seed(seed, fold, index))
        for classifier in classifiers
        for fusion in fusions
        for fold_set in fold_sets
        for index, fold in enumerate(fold_set.folds)
    ]
    # Pooling does not look at labels, so it is done once for all folds.
    rows = {fusion: pool(frames, fusion) for fusion in fusions}

    def run(job: int) -> tuple[dict[str, Any], pd.DataFrame]:
        return _run(dataset, rows[jobs[job].fusion], jobs[job], platt=platt)

    done: dict[int, tuple[dict[str, Any], pd.DataFrame]] = {}
    with progress.step(f"Training and testing on {embedding}", len(jobs), "fits") as advance:
        for job, tables in side_by_side(run, range(len(jobs)), workers or cores()):
            done[job] = tables
            advance()
    return _collect(dataset.card.name, [done[job] for job in range(len(jobs))])


def _run(dataset: Dataset, rows: ClipFrames, job: _Job, *, platt: bool) -> tuple[dict[str, Any], pd.DataFrame]:
    import pandas as pd

    started, fold, labels = time.perf_counter(), job.fold, dataset.labels
    system = System(job.classifier, job.fusion, job.seed)
    held = (rows.take(fold.validation), labels[fold.validation]) if platt else None
    system.fit(rows.take(fold.train), labels[fold.train], held)
    likelihoods = system.likelihoods(rows.take(fold.test))
    predicted = system.classes[likelihoods.argmax(axis=1)]
    seconds = time.perf_counter() - started
    result = job.names | {"n_train": len(fold.train), "n_test": len(fold.test)}
    result |= vars(score(labels[fold.test], predicted)) | {"seconds": seconds}
    known = [column for column in ("path", "group", "label") if dataset.has(column)]
    table = dataset.clips.iloc[fold.test][known].reset_index(drop=True)
    table["predicted"] = predicted
    for name, column in zip(system.classes, likelihoods.T, strict=True):
        table[f"likelihood:{name}"] = column
    return result, pd.concat([pd.DataFrame([job.names] * len(table)), table], axis=1)


def _collect(dataset: str, tables: Sequence[tuple[dict[str, Any], pd.DataFrame]]) -> Outcome:
    import pandas as pd

    results = pd.DataFrame([result for result, _ in tables])
    predictions = pd.concat([table for _, table in tables], ignore_index=True)
    for table in (results, predictions):
        table.insert(0, "dataset", dataset)
    return Outcome(results, predictions)


def _seed(seed: int, fold: Fold, index: int) -> int:
    return int(np.random.SeedSequence([seed, fold.repeat, index]).generate_state(1)[0] % 2**31)
