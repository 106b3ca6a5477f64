"""What linear classifiers have in common: decision values out of coefficients, and the class of the largest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earmark.classifiers.settings import check_count, check_positive

__all__ = ["LinearClassifier"]


class LinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A linear classifier; children say how it is fitted and what its likelihoods are.

    Parameters
    ----------
    C, tol : float
        Weight of the errors, and tolerance of the solver; above 0.
    max_iter : int
        Largest number of its steps; at least 1.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
    coef_ : ndarray, shape (k, n_features), or (1, n_features) for two classes, float64
    intercept_ : ndarray, shape (k,), or (1,) for two classes, float64
    n_features_in_ : int
    """

    classes_: NDArray[Any]
    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]
    n_features_in_: int
    C: float
    tol: float
    max_iter: int

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the decision value of each class.

        Parameters
        ----------
        X : array_like, shape (rows, n_features)

        Returns
        -------
        ndarray, shape (rows, k), or (rows,) for two classes, float64
            With two classes, positive means `classes_[1]`.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        values = np.asarray(rows @ self.coef_.T + self.intercept_, dtype=np.float64)
        return values.ravel() if values.shape[1] == 1 else values

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class with the largest decision value for each row.

        Parameters
        ----------
        X : array_like, shape (rows, n_features)

        Returns
        -------
        ndarray, shape (rows,)
            Labels out of `classes_`.
        """
        values = self.decision_function(X)
        chosen = (values > 0).astype(np.intp) if values.ndim == 1 else values.argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def _check_settings(self) -> None:
        check_positive("C", self.C)
        check_positive("tol", self.tol)
        check_count("max_iter", self.max_iter)
