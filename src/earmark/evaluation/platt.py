"""Platt scaling: decision values to probabilities on clips that were not trained on (Platt, 1999)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from earmark.classifiers import normalised_sigmoids

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PlattScaling"]


@dataclass(frozen=True)
class PlattScaling:
    """A logistic function for each one-against-rest decision value.

    Attributes
    ----------
    slopes, offsets : ndarray of shape (machines,), float64
        Likelihood = 1 / (1 + exp(-(slope * decision + offset))), then normalised over the classes. Two classes have
        one machine.
    """

    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]

    @classmethod
    def fit(cls, decisions: NDArray[np.float64], labels: NDArray[np.str_], classes: NDArray[np.str_]) -> Self:
        """Fit the logistic functions with Platt's smoothed targets, which keep small validation sets from certainty.

        Parameters
        ----------
        decisions : ndarray of shape (rows, machines) or (rows,), float64
            Decision values of validation rows.
        labels : ndarray of shape (rows,)
            Their classes.
        classes : ndarray of shape (classes,)
            All classes; the machine of a class is the one at its place, or for two classes that of the second.

        Returns
        -------
        PlattScaling
        """
        columns = decisions.reshape(len(decisions), -1)
        of_interest = classes if columns.shape[1] > 1 else classes[1:]
        fitted = [_fit_one(column, labels == name) for column, name in zip(columns.T, of_interest, strict=True)]
        slopes, offsets = np.array(fitted).T
        return cls(slopes, offsets)

    def likelihoods(self, decisions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return class likelihoods, shape (rows, classes), each row summing to 1."""
        scaled = decisions.reshape(len(decisions), -1) * self.slopes + self.offsets
        return normalised_sigmoids(scaled if scaled.shape[1] > 1 else scaled.ravel())


def _fit_one(decisions: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset that minimise the cross-entropy to the smoothed targets."""
    from sklearn.linear_model import LogisticRegression

    yes, no = int(positive.sum()), int((~positive).sum())
    target = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))
    # Each row counts twice, once for each side, with the weight that its target gives that side.
    model = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(
        np.tile(decisions, 2)[:, np.newaxis], np.repeat([1, 0], len(decisions)), np.concatenate([target, 1 - target])
    )
    return float(model.coef_[0, 0]), float(model.intercept_[0])
