"""Scaling, classifier and fusion as one thing: frames of clips in, class likelihoods out.

As in the paper, each embedding value is scaled to [0, 1] by its minimum and maximum over the training frames; the
same scaling goes to everything that comes later, so test values may leave that range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from earmark.classifiers import make_classifier
from earmark.classifiers.sets import scale_of
from earmark.errors import SettingsError
from earmark.evaluation.fusion import FUSIONS, fuse_late
from earmark.evaluation.platt import PlattScaling
from earmark.store import ClipFrames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.classifiers import DenseNet, LinearSVM

__all__ = ["LIKELIHOODS", "System"]

#: Ways to likelihoods, with a line for the protocol.
LIKELIHOODS = {
    "sigmoid": "SVM: logistic function of each one-against-rest decision value, normalised; dense nets: softmax",
    "platt": "SVM: Platt scaling of each one-against-rest decision value on validation clips, normalised; "
    "dense nets: softmax",
}


class System:
    """A classifier of clips that have been embedded and pooled (see `pool`).

    Parameters
    ----------
    classifier : str
        Name of a classifier: ``"svm"``, ``"d128"`` or ``"d512"``.
    fusion : str
        Name of a fusion, one of `FUSIONS`.
    seed : int
        Seeds the dense nets.

    Attributes
    ----------
    model : LinearSVM or DenseNet
        The classifier of frames (late fusion) or of pooled clips (early fusion).
    minimum, scale : ndarray of shape (values,), float32
        Scaled value = (value - minimum) * scale.
    platt : PlattScaling or None
        Set when validation clips were given to an SVM.

    Raises
    ------
    SettingsError
        If there is no classifier or fusion of that name.
    """

    minimum: NDArray[np.float32]
    scale: NDArray[np.float32]

    def __init__(self, classifier: str, fusion: str, seed: int = 0) -> None:
        if fusion not in FUSIONS:
            raise SettingsError(f"there is no fusion {fusion!r}. There are: {', '.join(FUSIONS)}.")
        self.model: LinearSVM | DenseNet = make_classifier(classifier, seed)
        self.fusion = fusion
        self.platt: PlattScaling | None = None

    @classmethod
    def restore(
        cls, model: LinearSVM | DenseNet, fusion: str, minimum: NDArray[np.float32], scale: NDArray[np.float32]
    ) -> Self:
        """Put a trained system together from its parts."""
        system = cls.__new__(cls)
        system.model, system.fusion, system.platt = model, fusion, None
        system.minimum, system.scale = minimum, scale
        return system

    @property
    def classes(self) -> NDArray[Any]:
        """Classes in the order of the likelihoods, shape (classes,), of the type of the labels."""
        return self.model.classes_

    def fit(self, rows: ClipFrames, labels: NDArray[Any]) -> Self:
        """Train on clips.

        Parameters
        ----------
        rows : ClipFrames
            Rows of the training clips: frames with late fusion, pooled vectors with early fusion.
        labels : ndarray of shape (clips,)
            Their classes: text or whole numbers.

        Returns
        -------
        System
            Itself.
        """
        self.minimum = rows.values.min(axis=0)
        self.scale, _ = scale_of(self.minimum, rows.values.max(axis=0))
        self.model.fit(self._scaled(rows), np.repeat(labels, rows.counts))
        return self

    def calibrate(self, held: ClipFrames, labels: NDArray[Any]) -> Self:
        """Turn an SVM's decision values into likelihoods by Platt scaling; leaves dense nets as they are.

        Parameters
        ----------
        held : ClipFrames
            Rows of clips that it was not trained on.
        labels : ndarray of shape (clips,)
            Their classes.

        Returns
        -------
        System
            Itself.
        """
        if hasattr(self.model, "decision_function"):
            decisions = self.model.decision_function(self._scaled(held))
            self.platt = PlattScaling.fit(decisions, np.repeat(labels, held.counts), self.classes)
        return self

    def frame_likelihoods(self, rows: ClipFrames) -> NDArray[np.float64]:
        """Return the class likelihoods of every frame, shape (frames, classes).

        Raises
        ------
        SettingsError
            With early fusion, which decides on whole clips only.
        """
        if self.fusion != "late":
            raise SettingsError(
                f"this classifier uses {self.fusion} fusion: it decides on whole clips and has no frames to show. "
                "Train one with --fusion late."
            )
        return self._row_likelihoods(rows)

    def likelihoods(self, rows: ClipFrames) -> NDArray[np.float64]:
        """Return the class likelihoods of every clip, shape (clips, classes); each sums to 1."""
        return fuse_late(self._row_likelihoods(rows), rows)

    def _row_likelihoods(self, rows: ClipFrames) -> NDArray[np.float64]:
        """Return the class likelihoods of every row, shape (rows, classes); each sums to 1."""
        scaled = self._scaled(rows)
        if self.platt is not None:
            return self.platt.likelihoods(self.model.decision_function(scaled))
        return np.asarray(self.model.predict_proba(scaled), np.float64)

    def _scaled(self, rows: ClipFrames) -> NDArray[np.float32]:
        return (rows.values - self.minimum) * self.scale
