"""A trained classifier of recordings: paths in, classes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from earmark.application.model_file import check_fingerprint, read_model_file, write_model_file
from earmark.embeddings import EmbeddingModel, load_embedding
from earmark.errors import ClipFailure, ClipsLeftOut, DatasetError, ModelFileError, SettingsError
from earmark.evaluation import System, pool, versions
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
        ``"svm"``, ``"d128"`` or ``"d512"``.
    fusion : str
        ``"late"``, ``"early"``, ``"early-mean"`` or ``"early-mean-std"``.
    random_state : int
        Seeds the dense nets.
    store : str or Path, optional
        Folder of the embedding store; nothing is embedded twice, also in cross-validation.
    workers : int, optional
        Clips embedded at once; by default one a core.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
        Classes in the order of the likelihoods.
    failures_ : tuple of ClipFailure
        Training recordings that were left out.

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
        y: Sequence[Any] | NDArray[np.str_],
        *,
        on_error: Literal["raise", "skip"] = "raise",
        progress: Progress = SILENT,
    ) -> Self:
        """Train on recordings.

        Parameters
        ----------
        X : sequence of str or Path
            Audio files.
        y : sequence of str
            Their classes.
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
            If there is an unknown name, or not one class for each file.
        """
        labels = np.asarray(y, dtype=str)
        if len(labels) != len(X):
            raise SettingsError(f"needs one class for each recording, got {len(labels)} for {len(X)}.")
        self.system_ = System(self.classifier, self.fusion, self.random_state)
        self.model_: EmbeddingModel = load_embedding(self.embedding)
        paths = [Path(path) for path in X]
        sha256, failures = self._embed(paths, progress)
        if failures and on_error == "raise":
            raise ClipsLeftOut(failures, len(paths))
        heard = np.array([path in sha256 for path in paths])
        labels = labels[heard]
        if len(set(labels.tolist())) < 2:
            raise DatasetError(f"needs recordings of at least two classes, got {sorted(set(labels.tolist()))}.")
        frames = self._store().read([sha256[path] for path in paths if path in sha256])
        self.system_.fit(pool(frames, self.fusion), labels)
        self.failures_ = tuple(failures)
        self.trained_on_ = dict(Counter(labels.tolist()))
        return self

    @property
    def classes_(self) -> NDArray[np.str_]:
        """Classes in the order of the likelihoods."""
        return self.system_.classes

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
        """
        table = self.classify(X).table
        return table[[f"likelihood:{name}" for name in self.classes_]].to_numpy(np.float64)

    def predict(self, X: Sequence[str | Path]) -> NDArray[np.str_]:
        """Return the class of each recording, shape (clips,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

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
            If frames are asked for and fusion is early.
        """
        import pandas as pd

        check_is_fitted(self, "system_")
        paths = [Path(path) for path in X]
        sha256, failures = self._embed(paths, progress)
        if failures and on_error == "raise":
            raise ClipsLeftOut(failures, len(paths))
        heard = [path for path in paths if path in sha256]
        parts = [self._table(part, [sha256[path] for path in part], frames) for part in _parts(heard)]
        empty = pd.DataFrame(columns=["path", "predicted"])
        return Predictions(pd.concat(parts, ignore_index=True) if parts else empty, tuple(failures))

    def save(self, path: str | Path) -> Path:
        """Write the trained classifier into one file; see `earmark.application.model_file`.

        Raises
        ------
        ModelFileError
            If the file cannot be written.
        """
        check_is_fitted(self, "system_")
        file = Path(path)
        own = {name: getattr(self, name) for name in ("embedding", "classifier", "fusion", "random_state")}
        card = self.model_.card
        facts = {
            "estimator": own,
            "trained_on": self.trained_on_,
            "versions": versions(),
            "licences": {"embedding code": card.code_licence, "embedding weights": card.weights_licence},
        }
        write_model_file(file, self.system_, self.model_, facts)
        return file

    @classmethod
    def load(cls, path: str | Path, *, store: str | Path | None = None, workers: int | None = None) -> AudioClassifier:
        """Read a classifier that `save` has written; no code of the file is run.

        Parameters
        ----------
        path : str or Path
            The file.
        store, workers
            As for the constructor.

        Raises
        ------
        ModelFileError
            If it cannot be read, or was trained on embeddings that this version does not make.
        """
        file = Path(path)
        system, header = read_model_file(file)
        try:
            own = {name: header["estimator"][name] for name in ("embedding", "classifier", "fusion", "random_state")}
            trained_on = dict(header["trained_on"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{file}: is damaged: its header lacks {error}. Train it again.") from error
        classifier = cls(**own, store=store, workers=workers)
        classifier.system_, classifier.trained_on_ = system, trained_on
        classifier.model_ = load_embedding(classifier.embedding)
        check_fingerprint(file, header, classifier.model_)
        return classifier

    def _store(self) -> EmbeddingStore:
        return EmbeddingStore(self.store or default_store_folder(), self.model_.fingerprint)

    def _embed(self, paths: Sequence[Path], progress: Progress) -> tuple[dict[Path, str], list[ClipFailure]]:
        done = embed_clips(paths, self.model_, self._store(), workers=self.workers, progress=progress)
        return done.sha256, list(done.failures)

    def _table(self, paths: Sequence[Path], sha256: Sequence[str], frames: bool) -> pd.DataFrame:
        import pandas as pd

        store = self._store()
        rows = pool(store.read(sha256), self.fusion)
        names = np.array([str(path) for path in paths])
        if frames:
            likelihoods = self.system_.frame_likelihoods(rows)
            table = pd.DataFrame({"path": np.repeat(names, rows.counts), "time": store.times(sha256)})
        else:
            likelihoods = self.system_.likelihoods(rows)
            table = pd.DataFrame({"path": names})
        table["predicted"] = self.classes_[likelihoods.argmax(axis=1)]
        for name, column in zip(self.classes_, likelihoods.T, strict=True):
            table[f"likelihood:{name}"] = column
        return table


def _parts(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), CLIPS_AT_A_TIME):
        yield paths[start : start + CLIPS_AT_A_TIME]
