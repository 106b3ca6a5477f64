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
from earmark.evaluation.solvers import fit_systems
from earmark.evaluation.splits import Fold
from earmark.parallel import cores, side_by_side
from earmark.progress import SILENT, Advance, Progress
from earmark.store import ClipFrames

if TYPE_CHECKING:
    import pandas as pd

    from earmark.datasets import Dataset
    from earmark.evaluation.system import System

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
        ``accuracy``, ``balanced_accuracy``, ``macro_f1`` (0 to 1) and ``seconds``: of testing, and an equal share of
        the training of all folds.
    predictions : DataFrame
        One row for each test clip: the same names, ``path``, ``group`` where known, ``label``, ``predicted``, and
        ``likelihood:CLASS`` for each class.
    """

    results: pd.DataFrame
    predictions: pd.DataFrame


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
    solver: str = "batched",
    device: str = "cpu",
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
    solver, device : str
        How and where classifiers are trained; see `fit_systems`.
    workers : int, optional
        Threads; by default one a core.
    progress : Progress
        Hears of the steps.

    Returns
    -------
    Outcome
        In an order, and with numbers, that do not depend on the workers.
    """
    # Pooling does not look at labels, so it is done once for all folds.
    trials = [
        _Trial(dataset, embedding, fusion, pool(frames, fusion), fold_sets, platt=platt, seed=seed)
        for fusion in fusions
    ]
    tables, fits = [], len(classifiers) * sum(len(trial.folds) for trial in trials)
    with progress.step(f"Training and testing on {embedding}", fits, "fits") as advance:
        for classifier in classifiers:
            for trial in trials:
                tables += trial.run(classifier, solver, device, workers or cores(), advance)
    return _collect(dataset.card.name, tables)


class _Trial:
    """All folds of one embedding and one fusion."""

    def __init__(
        self,
        dataset: Dataset,
        embedding: str,
        fusion: str,
        rows: ClipFrames,
        fold_sets: Sequence[FoldSet],
        *,
        platt: bool,
        seed: int,
    ) -> None:
        self.dataset, self.embedding, self.fusion, self.rows, self.platt = dataset, embedding, fusion, rows, platt
        self.folds = [(fold_set, fold) for fold_set in fold_sets for fold in fold_set.folds]
        self.seeds = [_seed(seed, fold, index) for fold_set in fold_sets for index, fold in enumerate(fold_set.folds)]

    def run(
        self, classifier: str, solver: str, device: str, workers: int, advance: Advance
    ) -> list[tuple[dict[str, Any], pd.DataFrame]]:
        """Train all folds, then test each: a row of results and a table of predictions for each fold."""
        started = time.perf_counter()
        systems = fit_systems(
            classifier,
            self.fusion,
            self.rows,
            self.dataset.labels,
            [fold.train for _, fold in self.folds],
            self.seeds,
            solver=solver,
            device=device,
            workers=workers,
            advance=advance,
        )
        share = (time.perf_counter() - started) / len(systems)

        def test(number: int) -> tuple[dict[str, Any], pd.DataFrame]:
            return self._test(classifier, systems[number], *self.folds[number], share)

        done = dict(side_by_side(test, range(len(systems)), workers))
        return [done[number] for number in range(len(systems))]

    def _test(
        self, classifier: str, system: System, fold_set: FoldSet, fold: Fold, training_seconds: float
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        import pandas as pd

        started, labels = time.perf_counter(), self.dataset.labels
        if self.platt:
            system.calibrate(self.rows.take(fold.validation), labels[fold.validation])
        likelihoods = system.likelihoods(self.rows.take(fold.test))
        predicted = system.classes[likelihoods.argmax(axis=1)]
        seconds = training_seconds + time.perf_counter() - started
        names = {
            "embedding": self.embedding,
            "classifier": classifier,
            "fusion": self.fusion,
            "train_fraction": fold_set.train_fraction,
            "split": fold_set.split,
            "repeat": fold.repeat,
            "fold": fold.name,
        }
        result = names | {"n_train": len(fold.train), "n_test": len(fold.test)}
        result |= vars(score(labels[fold.test], predicted)) | {"seconds": seconds}
        known = [column for column in ("path", "group", "label") if self.dataset.has(column)]
        table = self.dataset.clips.iloc[fold.test][known].reset_index(drop=True)
        table["predicted"] = predicted
        for name, column in zip(system.classes, likelihoods.T, strict=True):
            table[f"likelihood:{name}"] = column
        return result, pd.concat([pd.DataFrame([names] * len(table)), table], axis=1)


def _collect(dataset: str, tables: Sequence[tuple[dict[str, Any], pd.DataFrame]]) -> Outcome:
    import pandas as pd

    results = pd.DataFrame([result for result, _ in tables])
    predictions = pd.concat([table for _, table in tables], ignore_index=True)
    for table in (results, predictions):
        table.insert(0, "dataset", dataset)
    return Outcome(results, predictions)


def _seed(seed: int, fold: Fold, index: int) -> int:
    return int(np.random.SeedSequence([seed, fold.repeat, index]).generate_state(1)[0] % 2**31)
