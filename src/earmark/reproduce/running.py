"""Carrying a study out: whatever is not kept yet is measured, whatever cannot be is noted with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from earmark.application import compare
from earmark.datasets import Dataset, load_dataset
from earmark.datasets.standin import write_standin
from earmark.embeddings import EmbeddingModel, load_embedding, load_untrained
from earmark.errors import DatasetError, MissingDatasetError, WeightsError
from earmark.progress import SILENT, Progress
from earmark.reproduce.gathering import StudyResults, gather
from earmark.reproduce.keeping import Missing, StudyFolder
from earmark.reproduce.study import FROM_SCRATCH, Study, Task, Unit, chosen

__all__ = ["run_study"]

#: Classifiers that are trained for a number of epochs.
NETS = ("d128", "d512")


def run_study(
    study: Study,
    folder: str | Path,
    *,
    experiments: Sequence[int] = (),
    tasks: Sequence[str] = (),
    data_root: str | Path | None = None,
    store: str | Path | None = None,
    workers: int | None = None,
    other_counts: bool = False,
    on_error: Literal["raise", "skip"] = "raise",
    progress: Progress = SILENT,
    command: str = "",
) -> StudyResults:
    """Measure what is not kept yet, and give all results.

    Parameters
    ----------
    study : Study
        See `make_study`.
    folder : str or Path
        Where its results are kept; the next run goes on from there.
    experiments : sequence of int
        Measure only these; none for all. What is kept already is in the results too.
    tasks : sequence of str
        Measure only these; none for all.
    data_root : str or Path, optional
        Folder with a subfolder for each data set; by default that of the cache.
    store : str or Path, optional
        Folder of the embedding store.
    workers : int, optional
        Clips or trainings worked on at once; by default one a core.
    other_counts : bool
        Whether data sets may have other numbers of clips than published; tables then say so.
    on_error : {"raise", "skip"}
        Whether clips that cannot be read end the run.
    progress : Progress
        Hears of the steps.
    command : str
        How it was asked for; kept with the results.

    Returns
    -------
    StudyResults

    Raises
    ------
    SettingsError
        If there is no such experiment or task, or the folder holds another study.
    DatasetError
        If a data set is there but cannot be used. One that is not there is noted.
    EarmarkError
        If results cannot be kept or read.
    """
    units = chosen(study, experiments, tasks)
    kept = StudyFolder(Path(folder), study)
    waiting = [unit for unit in units if unit not in kept]
    missing = {key: each for key, each in kept.missing.items() if key not in {unit.key for unit in units}}
    if waiting:
        runner = _Runner(study, kept, data_root, store, workers, other_counts, on_error, progress, command)
        missing |= runner.run(waiting)
        kept.note_missing(missing)
    return gather(study, kept, [unit for unit in study.units if unit in units or unit in kept])


@dataclass(frozen=True)
class _Runner:
    """What the measuring of all units has in common; data sets are read and weights are missed once."""

    study: Study
    kept: StudyFolder
    data_root: str | Path | None
    store: str | Path | None
    workers: int | None
    other_counts: bool
    on_error: Literal["raise", "skip"]
    progress: Progress
    command: str
    models: dict[tuple[str, bool], EmbeddingModel] = field(default_factory=dict)

    def run(self, units: Sequence[Unit]) -> dict[str, Missing]:
        """Measure units; give those that could not be."""
        wanted = dict.fromkeys(unit.task for unit in units)
        data = {name: self._read(self.study.task(name)) for name in wanted}
        missing: dict[str, Missing] = {}
        without: dict[tuple[str, bool], Missing] = {}
        for number, unit in enumerate(units, start=1):
            dataset = data[unit.task]
            if isinstance(dataset, Missing):
                missing[unit.key] = dataset
                continue
            heard_by = unit.embedding, unit.untrained
            if heard_by not in without:
                self.progress.say(f"[{number}/{len(units)}] {unit.task}: {unit.embedding}, {unit.classifier}")
                try:
                    self._measure(unit, dataset)
                except WeightsError as error:
                    without[heard_by] = Missing("weights", str(error))
                    self.progress.say(f"{unit.embedding}: {error}")
            if heard_by in without:
                missing[unit.key] = without[heard_by]
        return missing

    def _read(self, task: Task) -> Dataset | Missing:
        """Read a task's data set, or say why it is not there."""
        if self.study.synthetic:
            folder = self.kept.folder / "sounds" / task.dataset
            table = folder / f"{task.dataset}.csv"
            if not table.exists():
                write_standin(task.dataset, folder, self.study.scale, self.study.settings.seed)
            return load_dataset(table)
        try:
            dataset = load_dataset(task.dataset, data_root=self.data_root)
        except MissingDatasetError as error:
            self.progress.say(f"{task.name}: {error}")
            return Missing("data", str(error))
        expected = dataset.card.expected
        if expected and len(dataset) != expected.clips and not self.other_counts:
            raise DatasetError(
                f"{dataset.where}: holds {len(dataset)} clips, and {task.name} has {expected.clips} "
                f"({expected.source}). Complete it; or, if these are the clips that you mean, say --other-counts, and "
                "every table will tell."
            )
        return dataset

    def _measure(self, unit: Unit, dataset: Dataset) -> None:
        settings, task = self.study.settings, self.study.task(unit.task)
        share, validation = 1.0, settings.validation_fraction
        if task.split == "fixed":  # fractions are of what is not the test set's
            share, validation = _outside_test(dataset, task), settings.fixed_validation_fraction
        system: dict[str, Any]
        if unit.embedding == FROM_SCRATCH:
            system = {"embeddings": (), "baselines": (unit.classifier,), "epochs": settings.baseline_epochs}
        else:
            epochs = settings.net_epochs if unit.classifier in NETS else None
            name = unit.classifier if epochs is None else f"{unit.classifier}:epochs={epochs}"
            system = {"embeddings": (self._model(unit),), "classifiers": (name,)}
        comparison = compare(
            dataset,
            **system,
            fusions=unit.fusions,
            protocol=settings.protocol,
            splits=(task.split,),
            folds=settings.folds,
            repeats=settings.repeats,
            train_fractions=[share * each for each in unit.train_fractions],
            validation_fraction=None if validation is None else share * validation,
            balanced_test=settings.balanced_test,
            likelihoods="sigmoid",
            seed=settings.seed,
            store=self.store,
            workers=self.workers,
            on_error=self.on_error,
            progress=self.progress,
            command=self.command,
        )
        self.kept.keep(unit, comparison)

    def _model(self, unit: Unit) -> EmbeddingModel:
        heard_by = unit.embedding, unit.untrained
        if heard_by not in self.models:
            self.models[heard_by] = (load_untrained if unit.untrained else load_embedding)(unit.embedding)
        return self.models[heard_by]


def _outside_test(dataset: Dataset, task: Task) -> float:
    """Return the share of the clips that are not in the fixed test set."""
    if not dataset.has("split"):
        raise DatasetError(
            f"{dataset.where}: {task.name} has a fixed test set, and the column split is not there. Name the part of "
            "each clip in it: train or test."
        )
    return float(np.mean(dataset.column("split") != "test"))
