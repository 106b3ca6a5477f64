"""The baselines as scikit-learn estimators over clips: waveforms in, classes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from earmark.classifiers.baselines.features import baseline_features
from earmark.classifiers.baselines.fitted import FittedBaseline, fit_baseline
from earmark.errors import AudioError, SettingsError
from earmark.store import ClipFrames

if TYPE_CHECKING:
    from numpy.random import RandomState

__all__ = ["BaselineClassifier"]

Waveforms = Sequence[NDArray[np.floating[Any]]]


class BaselineClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A network trained from scratch on clips.

    Clips may differ in length, so `X` is a sequence of arrays, not a matrix.

    Parameters
    ----------
    name : str, default "cnn-speech-music"
        Which baseline; see `list_baselines`.
    sample_rate : int, default 22050
        Of the waveforms, in Hz; they are resampled to the rate of the baseline.
    epochs : int, optional
        Most passes over the patches; by default those of the baseline's card.
    random_state : int, RandomState or None, default None
        Seeds everything that is drawn. The same number gives the same network, bit for bit on the same kind of
        processor, however many threads there are.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
    fitted_ : FittedBaseline
        Weights, normalisation, and how long it was trained.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> clips = [level * generator.standard_normal(8000).cumsum() for level in [0.01] * 4]
    >>> clips += [0.1 * generator.standard_normal(8000) for _ in range(4)]
    >>> net = BaselineClassifier("net-engine", sample_rate=8000, epochs=20, random_state=0)
    >>> net.fit(clips, ["rumble"] * 4 + ["hiss"] * 4).predict(clips[2:6]).tolist()
    ['rumble', 'rumble', 'hiss', 'hiss']
    """

    def __init__(
        self,
        name: str = "cnn-speech-music",
        sample_rate: int = 22050,
        epochs: int | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.name = name
        self.sample_rate = sample_rate
        self.epochs = epochs
        self.random_state = random_state

    def fit(self, X: Waveforms, y: ArrayLike, validation: tuple[Waveforms, ArrayLike] | None = None) -> Self:
        """Train the network from fresh weights.

        Parameters
        ----------
        X : sequence of ndarray of shape (n,), floating point
            Mono clips.
        y : array_like, shape (clips,)
            Labels.
        validation : tuple of (waveforms, labels), optional
            Clips that decide after which epoch the network is kept; by default a fifth of the clips of each class is
            set aside for that.

        Returns
        -------
        BaselineClassifier
            The estimator itself.

        Raises
        ------
        SettingsError
            There is no such baseline, the labels cannot be used, or the training diverged.
        AudioError
            A clip is none.
        """
        from sklearn.utils.multiclass import check_classification_targets

        labels = np.asarray(y)
        check_classification_targets(labels)
        held, held_labels = (None, None) if validation is None else validation
        self.fitted_: FittedBaseline = fit_baseline(
            self.name,
            self._frames(X),
            labels,
            None if held is None else self._frames(held),
            held_labels,
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            epochs=self.epochs,
        )
        self.classes_ = self.fitted_.classes
        return self

    def predict_proba(self, X: Waveforms) -> NDArray[np.float64]:
        """Return the class likelihoods of each clip: the mean softmax of its patches.

        Parameters
        ----------
        X : sequence of ndarray of shape (n,), floating point

        Returns
        -------
        ndarray, shape (clips, k), float64
            In [0, 1], each row sums to 1; columns follow `classes_`.
        """
        check_is_fitted(self)
        return self.fitted_.likelihoods(self._frames(X))

    def predict(self, X: Waveforms) -> NDArray[Any]:
        """Return the likeliest class of each clip, shape (clips,)."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def _frames(self, clips: Waveforms) -> ClipFrames:
        model = baseline_features(self.name)
        if not len(clips):
            raise SettingsError("X holds no clips. Give a sequence of waveforms.")
        frames = []
        for number, clip in enumerate(clips):
            try:
                frames.append(model(clip, self.sample_rate).values)
            except AudioError as error:
                raise AudioError(f"clip {number}: {error}") from error
        return ClipFrames.from_list(frames)
