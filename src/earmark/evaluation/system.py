"""Scaling, classifier and fusion as one thing: frames of clips in, class likelihoods out.

As in the paper, each embedding value is scaled to [0, 1] by its minimum and maximum over the training frames (other
protocols scale otherwise); the same scaling goes to everything that comes later, so test values may leave that range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from earmark.classifiers import make_classifier, normalised_sigmoids
from earmark.classifiers.sets import check_scaling, scaling_of
from earmark.errors import SettingsError
from earmark.evaluation.fusion import fuse_late, is_late
from earmark.evaluation.platt import PlattScaling
from earmark.store import ClipFrames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.classifiers.registry import Classifier

__all__ = ["LIKELIHOODS", "System"]

#: Ways to likelihoods, with a line for the protocol.
LIKELIHOODS = {
    "sigmoid": "SVM: logistic function of each one-against-rest decision value, normalised; svc: mean of the logistic "
    "functions of a class's pairs; others: softmax",
    "platt": "SVM: Platt scaling of each one-against-rest decision value on validation clips, normalised; "
    "others as without it",
}


class System:
    """A classifier of clips that have been embedded and pooled (see `pool`).

    Parameters
    ----------
    classifier : str
        Name of a classifier, with its settings behind colons; see `make_classifier`.
    fusion : str
        Name of a fusion, one of `FUSIONS`.
    seed : int
        Seeds the dense nets.
    scaling : str
        How rows are scaled; see `SCALINGS`.

    Attributes
    ----------
    model : LinearSVM, DenseNet, SoftmaxRegression or KernelSVM
        The classifier of frames (late fusion) or of pooled clips (early fusion).
    offset, scale : ndarray of shape (values,), float32
        Scaled value = (value - offset) * scale.
    platt : PlattScaling or None
        Set when validation clips were given to an SVM.

    Raises
    ------
    SettingsError
        If there is no classifier, fusion or scaling of that name, or the fusion asks for decision values that the
        classifier does not have.
    """

    offset: NDArray[np.float32]
    scale: NDArray[np.float32]

    def __init__(self, classifier: str, fusion: str, seed: int = 0, scaling: str = "minmax") -> None:
        check_scaling(scaling)
        self.model: Classifier = make_classifier(classifier, seed)
        _check_fusion(self.model, fusion)
        self.fusion, self._scaling = fusion, scaling
        self.platt: PlattScaling | None = None

    @classmethod
    def restore(cls, model: Classifier, fusion: str, offset: NDArray[np.float32], scale: NDArray[np.float32]) -> Self:
        """Put a trained system together from its parts; raises as the constructor does."""
        _check_fusion(model, fusion)
        system = cls.__new__(cls)
        system.model, system.fusion, system.platt = model, fusion, None
        system.offset, system.scale = offset, scale
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
        self.offset, self.scale = scaling_of(rows.values, np.arange(len(rows.values)), self._scaling)
        self.model.fit(self._scaled(rows), np.repeat(labels, rows.counts))
        return self

    def calibrate(self, held: ClipFrames, labels: NDArray[Any]) -> Self:
        """Turn a linear SVM's decision values into likelihoods by Platt scaling; leaves others as they are.

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
        from earmark.classifiers import LinearSVM

        if isinstance(self.model, LinearSVM):
            decisions = self.model.decision_function(self._scaled(held))
            if self.fusion == "late-decision":
                decisions = fuse_late(decisions, held)
            else:
                labels = np.repeat(labels, held.counts)
            self.platt = PlattScaling.fit(decisions, labels, self.classes)
        return self

    def frame_likelihoods(self, rows: ClipFrames) -> NDArray[np.float64]:
        """Return the class likelihoods of every frame, shape (frames, classes).

        Raises
        ------
        SettingsError
            With early fusion, which decides on whole clips only.
        """
        if not is_late(self.fusion):
            raise SettingsError(
                f"this classifier uses {self.fusion} fusion: it decides on whole clips and has no frames to show. "
                "Train one with --fusion late."
            )
        return self._row_likelihoods(rows)

    def likelihoods(self, rows: ClipFrames) -> NDArray[np.float64]:
        """Return the class likelihoods of every clip, shape (clips, classes); each sums to 1."""
        if self.fusion == "late-decision":
            return self._of_decisions(fuse_late(self.model.decision_function(self._scaled(rows)), rows))
        return fuse_late(self._row_likelihoods(rows), rows)

    def _row_likelihoods(self, rows: ClipFrames) -> NDArray[np.float64]:
        """Return the class likelihoods of every row, shape (rows, classes); each sums to 1."""
        scaled = self._scaled(rows)
        if self.platt is not None or self.fusion == "late-decision":
            return self._of_decisions(self.model.decision_function(scaled))
        return np.asarray(self.model.predict_proba(scaled), np.float64)

    def _of_decisions(self, decisions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn decision values into likelihoods, in which the order of the classes is that of the values."""
        return normalised_sigmoids(decisions) if self.platt is None else self.platt.likelihoods(decisions)

    def _scaled(self, rows: ClipFrames) -> NDArray[np.float32]:
        return (rows.values - self.offset) * self.scale


def _check_fusion(model: Classifier, fusion: str) -> None:
    """Refuse a fusion of decision values where the classifier has none."""
    if is_late(fusion) and fusion == "late-decision" and not hasattr(model, "decision_function"):
        raise SettingsError(
            f"late-decision fusion needs decision values, which a {type(model).__name__} does not have. Use the "
            "classifier svm or logistic, or late fusion."
        )
