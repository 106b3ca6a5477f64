"""Baselines trained from scratch, on the same folds and into the same tables as the systems they are compared with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from earmark.classifiers.baselines import find_baseline, fit_baseline
from earmark.evaluation.comparison import FoldSet, Outcome, Trial, collect
from earmark.parallel import cores, side_by_side
from earmark.progress import SILENT, Progress
from earmark.store import ClipFrames

if TYPE_CHECKING:
    import pandas as pd

    from earmark.datasets import Dataset

__all__ = ["FROM_SCRATCH", "compare_baselines"]

#: What stands in the column of the embedding.
FROM_SCRATCH = "from scratch"


def compare_baselines(
    dataset: Dataset,
    name: str,
    features: ClipFrames,
    fold_sets: Sequence[FoldSet],
    *,
    seed: int = 0,
    epochs: int | None = None,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Outcome:
    """Train a baseline on every fold, and test it.

    The validation clips of a fold decide after which epoch its network is kept. Where a fold has none, whole training
    clips are set aside for that, by class; see `earmark.classifiers.baselines.fit_baseline`. The column ``n_train``
    counts them in, for they were given for training.

    Parameters
    ----------
    dataset : Dataset
        The clips.
    name : str
        Name of the baseline.
    features : ClipFrames
        Frames of its `baseline_features` of all clips, in the order of the data set.
    fold_sets : sequence of FoldSet
        Folds to run on.
    seed : int
        Every training draws its random numbers from this seed, its repeat and its fold.
    epochs : int, optional
        Most passes over the training patches; by default those of the baseline's card.
    workers : int, optional
        Trainings side by side, each on one thread; by default one a core.
    progress : Progress
        Hears of the steps.

    Returns
    -------
    Outcome
        The tables of `compare_systems`: the embedding is ``"from scratch"``, the classifier the baseline, the fusion
        ``"late"``; ``seconds`` are those of training and testing on this fold. Neither their order nor their numbers
        depend on the workers.

    Raises
    ------
    SettingsError
        No baseline has this name, the features are not its own, or a training diverged.
    """
    find_baseline(name)
    trial, labels = Trial(dataset, FROM_SCRATCH, "late", features, fold_sets, platt=False, seed=seed), dataset.labels

    def run(number: int) -> tuple[dict[str, Any], pd.DataFrame]:
        started, (fold_set, fold) = time.perf_counter(), trial.folds[number]
        held = (features.take(fold.validation), labels[fold.validation]) if len(fold.validation) else (None, None)
        train = features.take(fold.train)
        fitted = fit_baseline(name, train, labels[fold.train], *held, seed=trial.seeds[number], epochs=epochs)
        return trial.test(name, fitted, fold_set, fold, time.perf_counter() - started)

    done = {}
    with progress.step(f"Training {name} from scratch", len(trial.folds), "fits") as advance:
        for number, tables in side_by_side(run, range(len(trial.folds)), workers or cores()):
            done[number] = tables
            advance()
    return collect(dataset.card.name, [done[number] for number in range(len(trial.folds))])
