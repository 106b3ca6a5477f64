"""From a folder of labelled sounds to an honest comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from earmark.application.folds import choose_likelihoods, fold_sets_of
from earmark.application.result import Comparison
from earmark.classifiers.baselines import baseline_features, check_epochs, find_baseline
from earmark.datasets import Dataset, load_dataset
from earmark.embeddings import EmbeddingModel, load_embedding, on_runtime
from earmark.errors import ClipsLeftOut, SettingsError
from earmark.evaluation import (
    COMBINATIONS,
    SOLVERS,
    FoldSet,
    Outcome,
    Plan,
    combined_name,
    compare_baselines,
    compare_systems,
    describe_dataset,
    describe_protocol,
    is_late,
    make_plan,
    sum_likelihoods,
)
from earmark.progress import SILENT, Progress
from earmark.runtime import runtime_for
from earmark.store import ClipFrames, EmbeddingStore, Extraction, default_store_folder, embed_clips

__all__ = ["compare"]

#: Frames that take more than this are read from a file while classifiers are trained.
IN_MEMORY_BYTES = 2 << 30


def compare(
    data: str | Path | Dataset,
    embeddings: Sequence[str | EmbeddingModel] = ("yamnet",),
    classifiers: Sequence[str] | None = None,
    fusions: Sequence[str] | None = None,
    *,
    baselines: Sequence[str] = (),
    epochs: int | None = None,
    protocol: str = "earmark",
    combine: Sequence[str] = (),
    splits: Sequence[str] | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    train_fractions: Sequence[float] | None = None,
    validation_fraction: float | None = None,
    balanced_test: bool | None = None,
    likelihoods: Literal["auto", "sigmoid", "platt"] = "auto",
    seed: int = 0,
    solver: str = "batched",
    device: str = "cpu",
    precision: str = "float32",
    store: str | Path | None = None,
    workers: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    progress: Progress = SILENT,
    command: str = "",
) -> Comparison:
    """Compare embeddings, classifiers and fusions on labelled clips.

    Parameters
    ----------
    data : str, Path or Dataset
        A folder with one subfolder for each class, a table, or the name of a data set; see `load_dataset`.
    embeddings : sequence of str or EmbeddingModel
        Names, or models; may be empty if there are baselines.
    classifiers, fusions : sequence of str, optional
        Names; every combination is tried. By default those of the protocol: ``"svm"`` and ``"late"``, if it is
        ``"earmark"``.
    baselines : sequence of str
        Networks that are trained from scratch beside them; `earmark.classifiers.list_baselines` names them.
    epochs : int, optional
        Most epochs that these are trained for; by default those of their cards.
    protocol : str
        Name of what decides a score; see `earmark.evaluation.PROTOCOLS`. ``"earmark"`` leaves everything below to the
        user; another one refuses what would change it.
    combine : sequence of str
        ``"concatenated"``, ``"summed"``: how all embeddings are compared as one, beside each alone.
    splits : sequence of str, optional
        ``"official"``, ``"fixed"``, ``"groups"`` or ``"clips"``; several are set side by side. By default the most
        honest one that the data set and the protocol allow.
    folds, repeats : int, optional
        Folds of cross-validation (unless they are official), and how often it is done; by default 5 and 1.
    train_fractions : sequence of float, optional
        Shares of all clips to train on, each tried; by default all that is not tested or validated on.
    validation_fraction : float, optional
        Share of all clips that is set aside from training, for Platt scaling; by default none.
    balanced_test : bool, optional
        Whether test sets are balanced at random; by default not.
    likelihoods : {"auto", "sigmoid", "platt"}
        How decision values of an SVM become likelihoods: by a fixed logistic function, or by one fitted on validation
        clips (Platt scaling); by default the latter where there are validation clips.
    seed : int
        Seed of everything random: same seed, same result.
    solver : {"batched", "sklearn"}
        Whether classifiers of all folds are trained in one solve, or one after another.
    device : {"cpu", "cuda"}
        Where networks run and classifiers are trained.
    precision : {"float32", "bfloat16"}
        Number format of the embeddings' networks: bfloat16 is faster where the device has it, and less exact.
    store : str or Path, optional
        Folder of the embedding store.
    workers : int, optional
        Clips or trainings worked on at once; by default one a core.
    on_error : {"raise", "skip"}
        Whether clips that cannot be read end the comparison (the others are embedded and kept), or are left out and
        listed.
    progress : Progress
        Hears of the steps.
    command : str
        How the comparison was asked for; kept in the protocol.

    Returns
    -------
    Comparison

    Raises
    ------
    SettingsError
        If a name or number cannot be used.
    DatasetError
        If the data set cannot be read or split.
    ClipsLeftOut
        If clips cannot be read and `on_error` is ``"raise"``.
    WeightsError, StoreError
        If weights cannot be had, or embeddings cannot be kept.
    """
    plan = make_plan(
        protocol,
        classifiers=classifiers,
        fusions=fusions,
        splits=splits,
        folds=folds,
        repeats=repeats,
        train_fractions=train_fractions,
        validation_fraction=validation_fraction,
        balanced_test=balanced_test,
        likelihoods=likelihoods,
        seed=seed,
    )
    _check_choices(embeddings, baselines, epochs, combine, plan, solver, on_error)
    runtime = runtime_for(device, precision)
    dataset = load_dataset(data)
    for note in dataset.notes:
        progress.say(note)
    models = _models(embeddings, runtime)
    baselines = list(dict.fromkeys(baselines))
    if combine and len(models) < 2:
        alone = f"{models[0].card.name} alone" if models else "none"
        raise SettingsError(f"at least two embeddings can be combined, got {alone}.")
    paths = np.asarray(dataset.clips["path"], dtype=str)
    fold_sets_of(dataset, paths, plan)  # whatever cannot be split is said before hours of work
    heard_by = [*models, *map(baseline_features, baselines)]
    embedded = _embed(dataset, heard_by, store, workers, on_error, progress)
    fold_sets, leak_checks = fold_sets_of(embedded.dataset, np.array(embedded.sha256), plan)
    chosen = choose_likelihoods(plan.likelihoods, embedded.dataset, fold_sets, progress)
    training = {"platt": chosen == "platt", "seed": seed, "solver": solver, "device": device, "workers": workers}
    outcomes = _outcomes(embedded, len(models), plan, combine, fold_sets, training, progress)
    for number, name in enumerate(baselines, start=len(models)):
        outcomes.append(
            compare_baselines(
                embedded.dataset,
                name,
                embedded.frames(number),
                fold_sets,
                seed=seed,
                epochs=epochs,
                workers=workers,
                progress=progress,
            )
        )
    described = describe_protocol(
        plan,
        models=models,
        baselines=baselines,
        epochs=epochs,
        combinations=combine,
        fold_sets=fold_sets,
        likelihoods=chosen,
        solver=solver,
        leak_checks=leak_checks,
    )
    described |= {
        "dataset": describe_dataset(embedded.dataset, embedded.sha256, embedded.seconds),
        "left_out": embedded.left_out,
        "command": command,
    }
    return _together(outcomes, described, embedded.extractions)


@dataclass(frozen=True)
class _Embedded:
    """Clips of which every embedding is in its store.

    Attributes
    ----------
    dataset : Dataset
        Without the clips that were left out.
    sha256 : list of str
        Digest of each clip's bytes.
    models : list of EmbeddingModel
    stores : list of EmbeddingStore
        One for each model.
    extractions : dict of str to Extraction
        By name of the model.
    left_out : list of dict
        Path and reason of each clip that was left out.
    """

    dataset: Dataset
    sha256: list[str]
    models: list[EmbeddingModel]
    stores: list[EmbeddingStore]
    extractions: dict[str, Extraction]
    left_out: list[dict[str, str]]

    @property
    def seconds(self) -> float:
        """Length of all clips."""
        return float(sum(self.stores[0].duration_seconds(digest) for digest in self.sha256))

    def frames(self, number: int) -> ClipFrames:
        """Read all frames of a model: into memory, or into a file that is mapped if they are very many."""
        store, dimension = self.stores[number], self.models[number].card.dimension
        values = dimension * sum(store.n_frames(each) for each in self.sha256)
        return store.read(self.sha256, in_memory=values * np.dtype(np.float32).itemsize <= IN_MEMORY_BYTES)


def _models(embeddings: Sequence[str | EmbeddingModel], runtime: str) -> list[EmbeddingModel]:
    """Load embeddings by their names; each once, however it was spelled."""
    loaded = [load_embedding(on_runtime(each, runtime)) if isinstance(each, str) else each for each in embeddings]
    models: dict[str, EmbeddingModel] = {}
    for model in loaded:
        name = model.card.name
        first = models.setdefault(name, model)
        if first is not model and first.fingerprint != model.fingerprint:
            raise SettingsError(
                f"two different embeddings are called {name!r}, and tables could not tell them apart. Compare them one "
                "after the other."
            )
    return list(models.values())


def _check_choices(
    embeddings: Sequence[str | EmbeddingModel],
    baselines: Sequence[str],
    epochs: int | None,
    combine: Sequence[str],
    plan: Plan,
    solver: str,
    on_error: str,
) -> None:
    """Refuse what cannot be before any work is done; names of embeddings are looked at when they are loaded."""
    if isinstance(embeddings, str) or not (embeddings or baselines):
        raise SettingsError(f"needs a list of at least one embedding, got {embeddings!r}.")
    if isinstance(baselines, str):
        raise SettingsError(f"needs a list of baselines, got {baselines!r}.")
    if epochs is not None:
        check_epochs(epochs)
        if not baselines:
            raise SettingsError(f"epochs={epochs} is for baselines, and there are none. Name some, or leave it out.")
    for name in baselines:
        find_baseline(name)
    if solver not in SOLVERS:
        raise SettingsError(f"there is no solver {solver!r}. There are: {', '.join(SOLVERS)}.")
    for name in [combine] if isinstance(combine, str) else combine:
        if name not in COMBINATIONS:
            raise SettingsError(f"there is no combination {name!r}. There are: {', '.join(COMBINATIONS)}.")
    if "concatenated" in combine and all(is_late(fusion) for fusion in plan.fusions):
        raise SettingsError(
            f"embeddings are concatenated for early fusions only, got {', '.join(plan.fusions)}: frames of different "
            "models have different times. Add an early fusion, or combine them summed."
        )
    if on_error not in ("raise", "skip"):
        raise SettingsError(f"on_error must be 'raise' or 'skip', got {on_error!r}.")


def _embed(
    dataset: Dataset,
    models: list[EmbeddingModel],
    store: str | Path | None,
    workers: int | None,
    on_error: str,
    progress: Progress,
) -> _Embedded:
    """Bring every clip through every model, and leave out or refuse those that cannot be."""
    folder = Path(store or default_store_folder())
    stores = [EmbeddingStore(folder, model.identify(progress)) for model in models]
    extractions = {
        model.card.name: embed_clips(dataset.paths, model, kept, workers=workers, progress=progress)
        for model, kept in zip(models, stores, strict=True)
    }
    dataset, left_out = _leave_out(dataset, list(extractions.values()), on_error)
    known = extractions[models[0].card.name].sha256
    return _Embedded(dataset, [known[path] for path in dataset.paths], models, stores, extractions, left_out)


def _outcomes(
    embedded: _Embedded,
    count: int,
    plan: Plan,
    combine: Sequence[str],
    fold_sets: Sequence[FoldSet],
    training: dict[str, Any],
    progress: Progress,
) -> list[Outcome]:
    """Train and test the systems of each of the first `count` models, then those of their combinations."""
    names = [model.card.name for model in embedded.models[:count]]

    def tested(name: str, frames: ClipFrames | list[ClipFrames], fusions: Sequence[str]) -> Outcome:
        return compare_systems(
            embedded.dataset,
            name,
            frames,
            list(plan.classifiers),
            fusions,
            fold_sets,
            candidates=plan.classifiers,
            scaling=plan.protocol.scaling,
            progress=progress,
            **training,
        )

    alone = [tested(name, embedded.frames(number), plan.fusions) for number, name in enumerate(names)]
    outcomes = list(alone)
    if "concatenated" in combine:
        early = [fusion for fusion in plan.fusions if not is_late(fusion)]
        if len(early) < len(plan.fusions):
            progress.say("Embeddings are concatenated for early fusions only: frames of models have different times.")
        frames = [embedded.frames(number) for number in range(len(names))]
        outcomes.append(tested(combined_name(names, "concatenated"), frames, early))
    if "summed" in combine:
        outcomes.append(sum_likelihoods(alone, combined_name(names, "summed")))
    return outcomes


def _leave_out(
    dataset: Dataset, extractions: Sequence[Extraction], on_error: str
) -> tuple[Dataset, list[dict[str, str]]]:
    """Drop the clips that one of the embeddings could not take, or raise."""
    failures = {failure.path: failure for extraction in extractions for failure in extraction.failures}
    if not failures:
        return dataset, []
    if on_error == "raise":
        raise ClipsLeftOut(list(failures.values()), len(dataset))
    kept = dataset.keep([path not in failures for path in dataset.paths])
    return kept, [{"path": str(failure.path), "reason": failure.reason} for failure in failures.values()]


def _together(outcomes: Sequence[Outcome], protocol: dict[str, Any], extractions: dict[str, Extraction]) -> Comparison:
    import pandas as pd

    results = pd.concat([outcome.results for outcome in outcomes], ignore_index=True)
    predictions = pd.concat([outcome.predictions for outcome in outcomes], ignore_index=True)
    return Comparison(results, predictions, protocol, extractions)
