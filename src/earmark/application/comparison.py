"""From a folder of labelled sounds to an honest comparison: `compare`, and what it gives back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.classifiers import make_classifier
from earmark.datasets import Dataset, load_dataset
from earmark.embeddings import load_embedding
from earmark.errors import ClipFailure, ClipsLeftOut, DatasetError, EarmarkError, SettingsError
from earmark.evaluation import (
    FUSIONS,
    LIKELIHOODS,
    SPLITS,
    Clips,
    Fold,
    FoldSet,
    LeakCheck,
    SplitSettings,
    check_leaks,
    compare_systems,
    default_split,
    describe_dataset,
    describe_protocol,
    make_folds,
    summarise,
)
from earmark.files import advice, replacing
from earmark.progress import SILENT, Progress
from earmark.store import EmbeddingStore, Extraction, default_store_folder, embed_clips

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare"]

#: Platt scaling on fewer validation clips of a class than this is remarked upon.
FEW_VALIDATION_CLIPS = 20

_TABLES = {"results": "results.parquet", "predictions": "predictions.parquet"}


@dataclass(frozen=True)
class Comparison:
    """Result of `compare`.

    Attributes
    ----------
    results : DataFrame
        One row for each data set, embedding, classifier, fusion, train fraction, split, repeat and fold, with
        ``n_train``, ``n_test``, ``accuracy``, ``balanced_accuracy``, ``macro_f1`` (0 to 1) and ``seconds``.
    predictions : DataFrame
        One row for each clip of each test fold: ``path``, ``label``, ``predicted``, ``likelihood:CLASS``.
    protocol : dict
        Everything that decided the scores.
    extractions : dict of str to Extraction
        What embedding the clips took, by name of the embedding; empty when loaded from a folder.
    """

    results: pd.DataFrame
    predictions: pd.DataFrame
    protocol: dict[str, Any]
    extractions: dict[str, Extraction] = field(default_factory=dict)

    @property
    def failures(self) -> list[ClipFailure]:
        """Clips that were left out, with reasons."""
        return [ClipFailure(Path(clip["path"]), clip["reason"]) for clip in self.protocol["left_out"]]

    def table(self) -> pd.DataFrame:
        """Bring folds and repeats together: one row for each system, with mean, deviation and 95 % interval."""
        return summarise(self.results, self.predictions)

    def to_html(self, path: str | Path | None = None) -> str:
        """Make the report: one page that stands alone, with tables, figures and players.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it as well.

        Returns
        -------
        str
            The page.
        """
        from earmark.report import render_page, write_page

        page = render_page(self.results, self.table(), self.predictions, self.protocol, audio=self._audio)
        if path is not None:
            write_page(path, page)
        return page

    def save(self, folder: str | Path) -> Path:
        """Write results, predictions, protocol, report and tables into a folder.

        Parameters
        ----------
        folder : str or Path
            Made if need be; files of an earlier comparison are replaced.

        Returns
        -------
        Path
            The report.

        Raises
        ------
        EarmarkError
            If the folder cannot be written.
        """
        from earmark.report import to_latex, to_markdown

        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, file in _TABLES.items():
                _write_table(getattr(self, name), folder / file, self.protocol)
            summary = self.table()
            facts = self.protocol["dataset"]
            synthetic = [facts["name"]] if facts["synthetic"] else []
            texts = {
                "protocol.json": json.dumps(self.protocol, indent=2, ensure_ascii=False) + "\n",
                "table.md": to_markdown(summary, synthetic=synthetic),
                "table.tex": to_latex(summary, synthetic=synthetic),
            }
            for file, text in texts.items():
                _write_text(text, folder / file)
            self.to_html(folder / "report.html")
        except OSError as error:
            raise EarmarkError(
                f"{folder}: the results could not be written ({error.strerror}). {advice(error)}, or name another "
                "folder; the embeddings are kept, so a second run is quicker."
            ) from error
        return folder / "report.html"

    @classmethod
    def load(cls, folder: str | Path) -> Comparison:
        """Read a comparison that `save` has written.

        Raises
        ------
        EarmarkError
            If the folder holds none.
        """
        import pandas as pd
        import pyarrow as pa

        folder = Path(folder)
        try:
            results, predictions = (pd.read_parquet(folder / file) for file in _TABLES.values())
            protocol = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise EarmarkError(
                f"{folder}: holds no comparison that can be read ({error}). Make one with earmark compare -o {folder}."
            ) from error
        return cls(results, predictions, protocol)

    def _audio(self, path: str) -> Path | None:
        file = Path(self.protocol["dataset"]["root"]) / path
        return file if file.is_file() else None


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
    embeddings, classifiers, fusions = (list(dict.fromkeys(each)) for each in (embeddings, classifiers, fusions))
    dataset = load_dataset(data)
    for note in dataset.notes:
        progress.say(note)
    models = list({model.card.name: model for model in map(load_embedding, embeddings)}.values())
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
            name,
            stores[name].read(sha256),
            classifiers,
            fusions,
            fold_sets,
            platt=chosen == "platt",
            seed=seed,
            workers=workers,
            progress=progress,
        )
        for name in stores
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
            if name not in known:
                raise SettingsError(f"there is no {what} {name!r}. There are: {', '.join(known)}.")
    for name in classifiers:
        make_classifier(name, seed=0)
    if likelihoods not in ("auto", *LIKELIHOODS):
        raise SettingsError(f"likelihoods must be 'auto', 'sigmoid' or 'platt', got {likelihoods!r}.")
    if on_error not in ("raise", "skip"):
        raise SettingsError(f"on_error must be 'raise' or 'skip', got {on_error!r}.")


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


def _together(outcomes: Sequence[Any], protocol: dict[str, Any], extractions: dict[str, Extraction]) -> Comparison:
    import pandas as pd

    results, predictions = (
        pd.concat([getattr(outcome, name) for outcome in outcomes], ignore_index=True) for name in _TABLES
    )
    return Comparison(results, predictions, protocol, extractions)


def _write_table(table: pd.DataFrame, file: Path, protocol: dict[str, Any]) -> None:
    """Write a table with the protocol in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    metadata = (arrow.schema.metadata or {}) | {b"earmark_protocol": json.dumps(protocol).encode()}
    with replacing(file) as temporary:
        pq.write_table(arrow.replace_schema_metadata(metadata), temporary)


def _write_text(text: str, file: Path) -> None:
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
