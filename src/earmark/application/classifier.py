"""A trained classifier of recordings: paths in, classes out."""

from __future__ import annotations

import numbers
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from earmark.application.model_file import TrainedModel, read_model_file, write_model_file
from earmark.embeddings import EmbeddingModel, Fingerprint, load_embedding
from earmark.errors import ClipFailure, ClipsLeftOut, DatasetError, SettingsError
from earmark.evaluation import System, pool
from earmark.progress import SILENT, Progress
from earmark.store import EmbeddingStore, default_store_folder, embed_clips

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["AudioClassifier", "Predictions"]

#: Clips that are classified at a time: bounds memory for any number of clips.
CLIPS_AT_A_TIME = 256


@dataclass(frozen=True)
class Predictions:
    """Classes of recordings.

    Attributes
    ----------
    table : DataFrame
        One row a clip (``path``, ``predicted``, ``likelihood:CLASS``), or one a frame, then with ``time`` in seconds.
    failures : tuple of ClipFailure
        Clips that could not be classified, and why.
    """

    table: pd.DataFrame
    failures: tuple[ClipFailure, ...]


class AudioClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Classify recordings: an embedding, a classifier and a fusion as one scikit-learn estimator over paths.

    Parameters
    ----------
    embedding : str
        Name of an embedding; see `earmark.list_embeddings`.
    classifier : str
        ``"svm"``, ``"d128"``, ``"d512"``, ``"logistic"`` or ``"mlp"``, with settings behind colons:
        ``"svm:C=0.1"``. ``"svc"`` can be trained but not saved.
    fusion : str
        ``"late"``, ``"early"``, or another one of `earmark.evaluation.FUSIONS`.
    random_state : int
        Seeds the dense nets; 0 to 2**32 - 1.
    store : str or Path, optional
        Folder of the embedding store; nothing is embedded twice, also in cross-validation.
    workers : int, optional
        Clips embedded at once, at least 1; by default one a core.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
        Classes in the order of the likelihoods, of the type of the labels.
    failures_ : tuple of ClipFailure
        Training recordings that were left out; none after `load`.
    model_ : TrainedModel
        All that `save` writes; later changes of the parameters wait for the next `fit`.
    trained_on_ : dict of class to int
        Number of training recordings of each class.

    Examples
    --------
    >>> classifier = AudioClassifier(classifier="svm", fusion="early")
    >>> classifier.get_params()["fusion"]
    'early'
    """

    def __init__(
        self,
        embedding: str = "yamnet",
        classifier: str = "svm",
        fusion: str = "late",
        random_state: int = 0,
        store: str | Path | None = None,
        workers: int | None = None,
    ) -> None:
        self.embedding = embedding
        self.classifier = classifier
        self.fusion = fusion
        self.random_state = random_state
        self.store = store
        self.workers = workers

    def fit(
        self,
        X: Sequence[str | Path],
        y: Sequence[Any] | NDArray[Any],
        *,
        on_error: Literal["raise", "skip"] = "raise",
        progress: Progress = SILENT,
    ) -> Self:
        """Train on recordings.

        Parameters
        ----------
        X : sequence of str or Path
            Audio files.
        y : sequence of str, int or bool
            Their classes, all text or all numbers.
        on_error : {"raise", "skip"}
            Whether files that cannot be read are an error, or are left out and listed in ``failures_``.
        progress : Progress
            Hears of the steps.

        Returns
        -------
        AudioClassifier
            Itself.

        Raises
        ------
        ClipsLeftOut
            If files cannot be read and `on_error` is ``"raise"``.
        SettingsError
            If a parameter or an argument cannot be used, or there is not one class for each file.
        DatasetError
            If there are fewer than two classes.
        """
        paths, labels = _paths(X), _labels(y)
        if len(labels) != len(paths):
            raise SettingsError(f"needs one class for each recording, got {len(labels)} for {len(paths)}.")
        if not _is_whole(self.random_state) or not 0 <= self.random_state < 2**32:
            raise SettingsError(
                f"random_state is {self.random_state!r}. It must be a whole number from 0 to 2**32 - 1."
            )
        system = System(self.classifier, self.fusion, self.random_state)
        fingerprint = _model(self.embedding).identify(progress)
        sha256, failures = self._embed(paths, fingerprint, on_error, progress)
        labels = labels[[path in sha256 for path in paths]]
        if len(np.unique(labels)) < 2:
            raise DatasetError(f"needs recordings of at least two classes, got {np.unique(labels).tolist()}.")
        frames = self._store(fingerprint).read([sha256[path] for path in paths if path in sha256])
        system.fit(pool(frames, self.fusion), labels)
        counts = dict(Counter(labels.tolist()))
        self._set(TrainedModel(system, fingerprint, self.classifier, int(self.random_state), counts), failures)
        return self

    def predict_proba(self, X: Sequence[str | Path]) -> NDArray[np.float64]:
        """Class likelihoods of recordings.

        Parameters
        ----------
        X : sequence of str or Path
            Audio files.

        Returns
        -------
        ndarray of shape (clips, classes), float64
            Each row sums to 1.

        Raises
        ------
        ClipsLeftOut
            If files cannot be read.
        NotFittedError
            If it is neither trained nor loaded.
        """
        table = self.classify(X).table
        return table[[f"likelihood:{name}" for name in self.classes_]].to_numpy(np.float64)

    def predict(self, X: Sequence[str | Path]) -> NDArray[Any]:
        """Return the class of each recording, shape (clips,); raises as `predict_proba` does."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def classify(
        self,
        X: Sequence[str | Path],
        *,
        frames: bool = False,
        on_error: Literal["raise", "skip"] = "raise",
        progress: Progress = SILENT,
    ) -> Predictions:
        """Classify recordings, or each of their frames, into a table.

        Parameters
        ----------
        X : sequence of str or Path
            Audio files.
        frames : bool
            Whether to give one row for each frame instead of one for each clip; needs late fusion.
        on_error : {"raise", "skip"}
            Whether files that cannot be read are an error (after all others were embedded), or listed in the result.
        progress : Progress
            Hears of the steps.

        Returns
        -------
        Predictions

        Raises
        ------
        ClipsLeftOut
            If files cannot be read and `on_error` is ``"raise"``.
        SettingsError
            If frames are asked for and fusion is early, or an argument cannot be used.
        NotFittedError
            If it is neither trained nor loaded.
        """
        import pandas as pd

        check_is_fitted(self)
        paths = _paths(X)
        sha256, failures = self._embed(paths, self.model_.fingerprint, on_error, progress)
        heard = [path for path in paths if path in sha256]
        parts = [self._table(part, [sha256[path] for path in part], frames) for part in _parts(heard)]
        empty = pd.DataFrame(columns=["path", "predicted"])
        return Predictions(pd.concat(parts, ignore_index=True) if parts else empty, failures)

    def save(self, path: str | Path) -> Path:
        """Write the trained classifier into one file; see `earmark.application.model_file`.

        Raises
        ------
        ModelFileError
            If the file cannot be written.
        """
        check_is_fitted(self)
        write_model_file(Path(path), self.model_)
        return Path(path)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        store: str | Path | None = None,
        workers: int | None = None,
        trust_module: bool = False,
    ) -> AudioClassifier:
        """Read a classifier that `save` has written; no code of the file is run.

        Parameters
        ----------
        path : str or Path
            The file.
        store, workers
            As for the constructor.
        trust_module : bool
            Whether the code of a module that its embedding names (``hear:module``) may be run.

        Raises
        ------
        ModelFileError
            If it cannot be read, was trained on embeddings that this version does not make, or on those of a module
            that is not trusted.
        """
        trained = read_model_file(Path(path), trust_module=trust_module)
        system, fingerprint = trained.system, trained.fingerprint
        classifier = cls(fingerprint.card, trained.classifier, system.fusion, trained.random_state, store, workers)
        classifier._set(trained, failures=())
        return classifier

    def _set(self, trained: TrainedModel, failures: tuple[ClipFailure, ...]) -> None:
        self.model_, self.failures_ = trained, failures
        self.classes_, self.trained_on_ = trained.system.classes, trained.trained_on

    def _store(self, fingerprint: Fingerprint) -> EmbeddingStore:
        return EmbeddingStore(self.store or default_store_folder(), fingerprint)

    def _embed(
        self, paths: Sequence[Path], fingerprint: Fingerprint, on_error: str, progress: Progress
    ) -> tuple[dict[Path, str], tuple[ClipFailure, ...]]:
        if on_error not in ("raise", "skip"):
            raise SettingsError(f"on_error is {on_error!r}. It must be 'raise' or 'skip'.")
        if self.workers is not None and (not _is_whole(self.workers) or self.workers < 1):
            raise SettingsError(f"workers is {self.workers!r}. It must be a whole number of at least 1, or None.")
        store = self._store(fingerprint)
        done = embed_clips(paths, _model(fingerprint.card), store, workers=self.workers, progress=progress)
        if done.failures and on_error == "raise":
            raise ClipsLeftOut(done.failures, len(paths))
        return done.sha256, done.failures

    def _table(self, paths: Sequence[Path], sha256: Sequence[str], frames: bool) -> pd.DataFrame:
        import pandas as pd

        system, store = self.model_.system, self._store(self.model_.fingerprint)
        rows = pool(store.read(sha256), system.fusion)
        names = np.array([str(path) for path in paths])
        if frames:
            likelihoods = system.frame_likelihoods(rows)
            table = pd.DataFrame({"path": np.repeat(names, rows.counts), "time": store.times(sha256)})
        else:
            likelihoods = system.likelihoods(rows)
            table = pd.DataFrame({"path": names})
        table["predicted"] = self.classes_[likelihoods.argmax(axis=1)]
        for name, column in zip(self.classes_, likelihoods.T, strict=True):
            table[f"likelihood:{name}"] = column
        return table


def _parts(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), CLIPS_AT_A_TIME):
        yield paths[start : start + CLIPS_AT_A_TIME]


@lru_cache(maxsize=1)
def _model(embedding: str) -> EmbeddingModel:
    """Make the embedding model, or give the last one again: clones and copies of a classifier share its weights."""
    return load_embedding(embedding)


def _paths(X: Sequence[str | Path]) -> list[Path]:
    if isinstance(X, (str, bytes, os.PathLike)):
        raise SettingsError(f"X is the single path {str(X)!r}. Pass a list of paths: [{str(X)!r}].")
    paths = list(X)
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            raise SettingsError(f"X holds {path!r}, which is no path. Pass a list of paths of audio files.")
    if not paths:
        raise SettingsError("X is empty. Pass the path of at least one recording.")
    return [Path(path) for path in paths]


def _labels(y: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Return the labels as an array of text, whole numbers or bools."""
    labels = [label.item() if isinstance(label, np.generic) else label for label in y]
    kinds = {type(label) for label in labels}
    if len(kinds) > 1 or not kinds <= {str, int, bool}:
        raise SettingsError(
            f"y holds labels of the types {sorted(kind.__name__ for kind in kinds)}. "
            "They must be all text, all whole numbers or all bools."
        )
    return np.array(labels)


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
