"""The comparison itself: every embedding, classifier and fusion on the same folds, file by file.

Tables come out: one row for each trained system, and one for each clip that it was tested on. Everything that is said
of a comparison later (means, intervals, figures) is computed from these two tables alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from earmark.evaluation.fusion import pool
from earmark.evaluation.metrics import score
from earmark.evaluation.solvers import fit_systems
from earmark.evaluation.splits import Fold
from earmark.evaluation.system import System
from earmark.parallel import cores, side_by_side
from earmark.progress import SILENT, Progress
from earmark.store import ClipFrames

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from earmark.datasets import Dataset

__all__ = ["SYSTEM", "FoldSet", "Outcome", "Trial", "collect", "compare_systems"]

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
        the training of all folds. Where validation clips chose among several classifiers, ``chosen`` names the one.
    predictions : DataFrame
        One row for each test clip: the same names, ``path``, ``group`` where known, ``label``, ``predicted``, and
        ``likelihood:CLASS`` for each class.
    """

    results: pd.DataFrame
    predictions: pd.DataFrame


def compare_systems(
    dataset: Dataset,
    embedding: str,
    frames: ClipFrames | Sequence[ClipFrames],
    classifiers: Sequence[str],
    fusions: Sequence[str],
    fold_sets: Sequence[FoldSet],
    *,
    candidates: Mapping[str, Sequence[str]] | None = None,
    scaling: str = "minmax",
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
    frames : ClipFrames, or sequence of them
        Its frames of all clips, in the order of the data set; or those of several embeddings, which are concatenated
        (see `pool`).
    classifiers, fusions : sequence of str
        Names.
    fold_sets : sequence of FoldSet
        Folds to run on.
    candidates : mapping of str to sequence of str, optional
        For a name in `classifiers`, the classifiers that it stands for: of several, the one with the largest accuracy
        on the validation clips of a fold is tested there, of equals the first. By default each stands for itself.
    scaling : str
        How rows are scaled; see `SCALINGS`.
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
    ways = {name: (candidates or {}).get(name, (name,)) for name in classifiers}
    # Pooling does not look at labels, so it is done once for all folds.
    trials = [
        Trial(dataset, embedding, fusion, pool(frames, fusion), fold_sets, platt=platt, seed=seed) for fusion in fusions
    ]
    tables, fits = [], sum(map(len, ways.values())) * sum(len(trial.folds) for trial in trials)
    with progress.step(f"Training and testing on {embedding}", fits, "fits") as advance:
        training = {"scaling": scaling, "solver": solver, "device": device, "workers": workers, "advance": advance}
        for name in classifiers:
            for trial in trials:
                tables += trial.run(name, ways[name], training)
    return collect(dataset.card.name, tables)


class Trial:
    """All folds of one embedding and one fusion, for whatever is trained and tested on them."""

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
        self, classifier: str, candidates: Sequence[str], training: Mapping[str, Any]
    ) -> list[tuple[dict[str, Any], pd.DataFrame]]:
        """Train all folds, then test each: a row of results and a table of predictions for each fold."""
        started = time.perf_counter()
        chosen = self._choose(candidates, training) if len(candidates) > 1 else self._fit(candidates[0], training)
        share = (time.perf_counter() - started) / len(chosen)

        def test(number: int) -> tuple[dict[str, Any], pd.DataFrame]:
            name, system = chosen[number]
            result, table = self.test(classifier, system, *self.folds[number], share)
            return (result | {"chosen": name} if len(candidates) > 1 else result), table

        done = dict(side_by_side(test, range(len(chosen)), training["workers"] or cores()))
        return [done[number] for number in range(len(chosen))]

    def _fit(self, classifier: str, training: Mapping[str, Any]) -> list[tuple[str, System]]:
        """Train a classifier on every fold."""
        sets, labels = [fold.train for _, fold in self.folds], self.dataset.labels
        systems = fit_systems(classifier, self.fusion, self.rows, labels, sets, self.seeds, **training)
        return [(classifier, system) for system in systems]

    def _choose(self, candidates: Sequence[str], training: Mapping[str, Any]) -> list[tuple[str, System]]:
        """Train every candidate on every fold; keep for each fold the best one on its validation clips."""
        best: dict[int, tuple[float, str, System]] = {}
        for candidate in candidates:
            for number, (name, system) in enumerate(self._fit(candidate, training)):
                held = self.folds[number][1].validation
                likelihoods = system.likelihoods(self.rows.take(held))
                right = score(self.dataset.labels[held], system.classes[likelihoods.argmax(axis=1)]).accuracy
                if number not in best or right > best[number][0]:
                    best[number] = right, name, system
        return [best[number][1:] for number in range(len(self.folds))]

    def test(
        self, classifier: str, system: Fitted, fold_set: FoldSet, fold: Fold, training_seconds: float
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        """Test what was trained on a fold: a row of results and a table of predictions."""
        import pandas as pd

        started, labels = time.perf_counter(), self.dataset.labels
        if self.platt and isinstance(system, System):
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


class Fitted(Protocol):
    """What testing asks of a trained system."""

    @property
    def classes(self) -> NDArray[Any]:
        """Classes in the order of the likelihoods."""

    def likelihoods(self, rows: ClipFrames, /) -> NDArray[np.float64]:
        """Return the class likelihoods of every clip, shape (clips, classes)."""


def collect(dataset: str, tables: Sequence[tuple[dict[str, Any], pd.DataFrame]]) -> Outcome:
    """Put rows of results and tables of predictions together."""
    import pandas as pd

    results = pd.DataFrame([result for result, _ in tables])
    predictions = pd.concat([table for _, table in tables], ignore_index=True)
    for table in (results, predictions):
        table.insert(0, "dataset", dataset)
    return Outcome(results, predictions)


def _seed(seed: int, fold: Fold, index: int) -> int:
    return int(np.random.SeedSequence([seed, fold.repeat, index]).generate_state(1)[0] % 2**31)
