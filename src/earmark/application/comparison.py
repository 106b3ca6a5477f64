"""From a folder of labelled sounds to an honest comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from earmark.application.result import Comparison
from earmark.classifiers import make_classifier
from earmark.datasets import Dataset, load_dataset
from earmark.embeddings import load_embedding, on_runtime
from earmark.errors import ClipsLeftOut, DatasetError, SettingsError
from earmark.evaluation import (
    FUSIONS,
    LIKELIHOODS,
    SOLVERS,
    SPLITS,
    Clips,
    Fold,
    FoldSet,
    LeakCheck,
    Outcome,
    SplitSettings,
    check_leaks,
    compare_systems,
    default_split,
    describe_dataset,
    describe_protocol,
    make_folds,
)
from earmark.progress import SILENT, Progress
from earmark.runtime import runtime_for
from earmark.store import ClipFrames, EmbeddingStore, Extraction, default_store_folder, embed_clips

__all__ = ["compare"]

#: Platt scaling on fewer validation clips of a class than this is remarked upon.
FEW_VALIDATION_CLIPS = 20
#: Frames that take more than this are read from a file while classifiers are trained.
IN_MEMORY_BYTES = 2 << 30


def compare(
    data: str | Path | Dataset,
    embeddings: Sequence[str] = ("yamnet",),
    classifiers: Sequence[str] = ("svm",),
    fusions: Sequence[str] = ("late",),
    *,
    splits: Sequence[str] | None = None,
    folds: int = 5,
    repeats: int = 1,
    train_fractions: Sequence[float] | None = None,
    validation_fraction: float = 0.0,
    balanced_test: bool = False,
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
    embeddings, classifiers, fusions : sequence of str
        Names; every combination is tried.
    splits : sequence of str, optional
        ``"official"``, ``"fixed"``, ``"groups"`` or ``"clips"``; several are set side by side. By default the most
        honest one that the data set allows.
    folds, repeats : int
        Folds of cross-validation (unless they are official), and how often it is done.
    train_fractions : sequence of float, optional
        Shares of all clips to train on, each tried; by default all that is not tested or validated on.
    validation_fraction : float
        Share of all clips that is set aside from training, for Platt scaling.
    balanced_test : bool
        Whether test sets are balanced at random.
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
    _check_names(embeddings, classifiers, fusions, splits or (), likelihoods, on_error)
    _check_choice("solver", solver, SOLVERS)
    runtime = runtime_for(device, precision)
    embeddings, classifiers, fusions = (list(dict.fromkeys(each)) for each in (embeddings, classifiers, fusions))
    dataset = load_dataset(data)
    for note in dataset.notes:
        progress.say(note)
    loaded = [load_embedding(on_runtime(name, runtime)) for name in embeddings]
    models = list({model.card.name: model for model in loaded}.values())
    settings = SplitSettings(folds, repeats, None, validation_fraction, balanced_test, seed)
    fractions: list[float | None] = list(dict.fromkeys(train_fractions or (None,)))
    paths = np.asarray(dataset.clips["path"], dtype=str)
    _fold_sets(dataset, paths, splits, fractions, settings)  # whatever cannot be split is said before hours of work
    folder = Path(store or default_store_folder())
    stores = {model.card.name: EmbeddingStore(folder, model.identify(progress)) for model in models}
    extractions = {
        model.card.name: embed_clips(dataset.paths, model, stores[model.card.name], workers=workers, progress=progress)
        for model in models
    }
    dataset, left_out = _leave_out(dataset, list(extractions.values()), on_error)
    sha256 = [extractions[models[0].card.name].sha256[path] for path in dataset.paths]
    fold_sets, leak_checks = _fold_sets(dataset, np.array(sha256), splits, fractions, settings)
    chosen = _choose_likelihoods(likelihoods, dataset, fold_sets, progress)
    outcomes = [
        compare_systems(
            dataset,
            model.card.name,
            _frames(stores[model.card.name], sha256, model.card.dimension),
            classifiers,
            fusions,
            fold_sets,
            platt=chosen == "platt",
            seed=seed,
            solver=solver,
            device=device,
            workers=workers,
            progress=progress,
        )
        for model in models
    ]
    seconds = sum(stores[models[0].card.name].duration_seconds(digest) for digest in sha256)
    protocol = describe_protocol(
        models=models,
        classifiers=classifiers,
        fusions=fusions,
        fold_sets=fold_sets,
        train_fractions=fractions,
        settings=settings,
        likelihoods=chosen,
        solver=solver,
        leak_checks=leak_checks,
    )
    protocol |= {"dataset": describe_dataset(dataset, sha256, seconds), "left_out": left_out, "command": command}
    return _together(outcomes, protocol, extractions)


def _check_names(
    embeddings: Sequence[str],
    classifiers: Sequence[str],
    fusions: Sequence[str],
    splits: Sequence[str],
    likelihoods: str,
    on_error: str,
) -> None:
    """Refuse unknown names before any work is done; those of embeddings are looked at when they are loaded."""
    for what, names in (("embedding", embeddings), ("classifier", classifiers), ("fusion", fusions)):
        if isinstance(names, str) or not names:
            raise SettingsError(f"needs a list of at least one {what}, got {names!r}.")
    for what, names, known in (("fusion", fusions, FUSIONS), ("split", splits, SPLITS)):
        for name in names:
            _check_choice(what, name, known)
    for name in classifiers:
        make_classifier(name, seed=0)
    if likelihoods not in ("auto", *LIKELIHOODS):
        raise SettingsError(f"likelihoods must be 'auto', 'sigmoid' or 'platt', got {likelihoods!r}.")
    if on_error not in ("raise", "skip"):
        raise SettingsError(f"on_error must be 'raise' or 'skip', got {on_error!r}.")


def _check_choice(what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise SettingsError(f"there is no {what} {name!r}. There are: {', '.join(known)}.")


def _fold_sets(
    dataset: Dataset,
    contents: np.ndarray,
    splits: Sequence[str] | None,
    fractions: Sequence[float | None],
    settings: SplitSettings,
) -> tuple[list[FoldSet], list[LeakCheck]]:
    """Split in every way and for every train fraction; `settings` are those of training on all that is left."""
    known = {
        name: dataset.column(name[:-1]) if dataset.has(name[:-1]) else None for name in ("groups", "folds", "splits")
    }
    clips = Clips(dataset.labels, contents, **known)
    fold_sets, checks = [], []
    for split in dict.fromkeys(splits or (default_split(clips),)):
        full = _folds(dataset, clips, split, settings)
        for fraction in fractions:
            part = replace(settings, train_fraction=fraction)
            folds = full if fraction is None else _folds(dataset, clips, split, part)
            share = fraction or round(float(np.mean([len(fold.train) for fold in folds])) / len(dataset), 3)
            fold_sets.append(FoldSet(split, share, tuple(folds)))
        # More training clips can only leak more: the largest fraction speaks for all.
        checks.append(check_leaks(clips, full, split))
    return fold_sets, checks


def _folds(dataset: Dataset, clips: Clips, split: str, settings: SplitSettings) -> list[Fold]:
    """Split, and say of which data set it was if that cannot be."""
    try:
        return make_folds(clips, split, settings)
    except DatasetError as error:
        raise DatasetError(f"{dataset.where}: {error}") from error


def _choose_likelihoods(
    wanted: str, dataset: Dataset, fold_sets: Sequence[FoldSet], progress: Progress
) -> Literal["sigmoid", "platt"]:
    """Take Platt scaling where there are clips for it, and say so when they are few."""
    aside = [dataset.labels[fold.validation].tolist() for fold_set in fold_sets for fold in fold_set.folds]
    if wanted == "platt" and not all(aside):
        raise SettingsError("Platt scaling needs validation clips: give a validation fraction, such as 0.1.")
    if wanted == "sigmoid" or not all(aside):
        return "sigmoid"
    fewest = min(min(Counter(labels).values()) for labels in aside)
    if fewest < FEW_VALIDATION_CLIPS:
        progress.say(
            f"Platt scaling is fitted on as few as {fewest} validation clips of a class, which can do harm: "
            "compare with --likelihoods sigmoid."
        )
    return "platt"


def _frames(store: EmbeddingStore, sha256: Sequence[str], dimension: int) -> ClipFrames:
    """Read all frames: into memory, or into a file that is mapped if they are very many."""
    values = dimension * sum(store.n_frames(each) for each in sha256)
    return store.read(sha256, in_memory=values * np.dtype(np.float32).itemsize <= IN_MEMORY_BYTES)


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
