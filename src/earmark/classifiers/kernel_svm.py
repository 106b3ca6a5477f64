"""A support vector machine with a kernel, one class against another, as the authors of L3-Net use it.

libsvm solves it (Chang and Lin, *LIBSVM*, ACM TIST 2, 2011), through `sklearn.svm.SVC`. Its own likelihoods come from
an inner cross-validation over frames. Here each pair's decision value goes through the logistic function instead, and
the likelihood of a class is the mean over its pairs, as in weighted voting (Hüllermeier and Vanderlooy, *Combining
predictions in pairwise classification*, Pattern Recognition 43, 2010): nothing is held out and nothing is random.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earmark.classifiers.settings import check_positive
from earmark.classifiers.weighting import ClassWeight, class_weights, training_rows
from earmark.errors import SettingsError

__all__ = ["KERNELS", "KernelSVM"]

KERNELS = ("rbf", "linear", "poly", "sigmoid")


class KernelSVM(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Support vector machine with a kernel, one class against another, with likelihoods.

    Parameters
    ----------
    kernel : {"rbf", "linear", "poly", "sigmoid"}, default "rbf"
        With gamma = 1 / (n_features * variance of all values), which for standardised rows is 1 / n_features.
    C : float, default 1.0
        Weight of the training errors; above 0.
    class_weight : "balanced", mapping of label to weight, or None, default None
        Multiplies C for the rows of a class.
    tol : float, default 1e-3
        libsvm's stopping tolerance.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
    machine_ : sklearn.svm.SVC
    n_features_in_ : int

    Examples
    --------
    >>> machine = KernelSVM().fit([[0.0], [0.1], [0.9], [1.0]], ["hum", "hum", "knock", "knock"])
    >>> machine.predict([[0.2], [0.8]]).tolist()
    ['hum', 'knock']
    """

    def __init__(
        self, kernel: str = "rbf", C: float = 1.0, class_weight: ClassWeight = None, tol: float = 1e-3
    ) -> None:
        self.kernel = kernel
        self.C = C
        self.class_weight = class_weight
        self.tol = tol

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train one machine a pair of classes.

        Parameters
        ----------
        X : array_like, shape (rows, n_features)
            Standardised rows; used as float64. Time grows with the square of their number.
        y : array_like, shape (rows,)
            Labels.
        sample_weight : array_like, shape (rows,), optional
            Non-negative weights; a row of weight 0 counts as absent.

        Returns
        -------
        KernelSVM
            The estimator itself.

        Raises
        ------
        SettingsError
            A setting or the weights cannot be used, or there is only one class.
        """
        from sklearn.svm import SVC

        self._check_settings()
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        rows, self.classes_, codes, weights = training_rows(rows, labels, sample_weight, type(self).__name__)
        of_class = class_weights(self.class_weight, self.classes_, codes, weights)
        self.machine_ = SVC(
            C=self.C,
            kernel=self.kernel,
            gamma=_gamma(rows, weights),
            class_weight=dict(enumerate(of_class)),
            decision_function_shape="ovo",
            tol=self.tol,
        ).fit(rows, codes, sample_weight=weights)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the likelihoods: of each class, the mean of the logistic functions of its pairs' decision values.

        Parameters
        ----------
        X : array_like, shape (rows, n_features)

        Returns
        -------
        ndarray, shape (rows, k), float64
            In [0, 1], each row sums to 1; columns follow `classes_`.
        """
        from scipy.special import expit

        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        decisions, number = self.machine_.decision_function(rows), len(self.classes_)
        if number == 2:
            decisions = -decisions[:, np.newaxis]  # scikit-learn turns the sign round where there is one pair
        likelihoods = np.zeros((len(rows), number))
        for column, (one, other) in zip(decisions.T, zip(*np.triu_indices(number, 1), strict=True), strict=True):
            likelihoods[:, one] += expit(column)
            likelihoods[:, other] += expit(-column)
        return np.asarray(likelihoods / (number * (number - 1) / 2))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest class of each row.

        Parameters
        ----------
        X : array_like, shape (rows, n_features)

        Returns
        -------
        ndarray, shape (rows,)
            Labels out of `classes_`.
        """
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def _check_settings(self) -> None:
        if self.kernel not in KERNELS:
            raise SettingsError(f"kernel is {self.kernel!r}. Choose one of {', '.join(KERNELS)}.")
        check_positive("C", self.C)
        check_positive("tol", self.tol)


def _gamma(rows: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return scikit-learn's "scale", but with a row of weight 2 counted as two rows."""
    mean = np.average(rows.mean(axis=1), weights=weights)
    variance = np.average(((rows - mean) ** 2).mean(axis=1), weights=weights)
    return float(1 / (rows.shape[1] * variance)) if variance else 1.0
