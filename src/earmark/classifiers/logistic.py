"""Softmax regression: the linear classifier of HEAR-like and EVAR-like evaluations, solved to its only optimum.

It minimises the weighted cross-entropy plus ``|w|^2 / (2 C)`` by L-BFGS, through `sklearn.linear_model`. Where others
stop a gradient descent early, here C says how far the coefficients may grow; there is no learning rate to choose.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from earmark.classifiers.likelihoods import normalised_sigmoids
from earmark.classifiers.linear import LinearClassifier
from earmark.classifiers.weighting import ClassWeight, class_weights, training_rows

__all__ = ["SoftmaxRegression"]


class SoftmaxRegression(LinearClassifier):
    """Linear softmax classifier with an L2 penalty.

    Parameters
    ----------
    C : float, default 1.0
        Weight of the cross-entropy, summed over the rows, against the size of the coefficients; above 0.
    class_weight : "balanced", mapping of label to weight, or None, default None
        Multiplies the loss of the rows of a class.
    tol : float, default 1e-5
        Largest entry of the gradient, a row's share, at which the solver stops.
    max_iter : int, default 2000
        Largest number of its steps. Reaching it raises scikit-learn's `ConvergenceWarning`.

    Attributes
    ----------
    classes_, coef_, intercept_, n_features_in_
        As of `LinearClassifier`.
    n_iter_ : int
        Steps of the solver.

    Examples
    --------
    >>> machine = SoftmaxRegression().fit([[0.0], [0.1], [0.9], [1.0]], ["hum", "hum", "knock", "knock"])
    >>> machine.predict([[0.2], [0.8]]).tolist()
    ['hum', 'knock']
    """

    def __init__(
        self, C: float = 1.0, class_weight: ClassWeight = None, tol: float = 1e-5, max_iter: int = 2000
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Solve.

        Parameters
        ----------
        X : array_like, shape (rows, n_features), float32 or float64
            Scaled rows; used as float64.
        y : array_like, shape (rows,)
            Labels.
        sample_weight : array_like, shape (rows,), optional
            Non-negative weights; a row of weight 0 counts as absent.

        Returns
        -------
        SoftmaxRegression
            The estimator itself.

        Raises
        ------
        SettingsError
            A setting or the weights cannot be used, or there is only one class.
        """
        from sklearn.linear_model import LogisticRegression

        self._check_settings()
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        rows, self.classes_, codes, weights = training_rows(rows, labels, sample_weight, type(self).__name__)
        weights = weights * class_weights(self.class_weight, self.classes_, codes, weights)[codes]
        solver = LogisticRegression(C=self.C, tol=self.tol, max_iter=self.max_iter)
        solver.fit(rows, codes, sample_weight=weights)
        self.coef_, self.intercept_ = np.ascontiguousarray(solver.coef_), solver.intercept_
        self.n_iter_ = int(solver.n_iter_.max())
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the class likelihoods (softmax).

        Parameters
        ----------
        X : array_like, shape (rows, n_features)

        Returns
        -------
        ndarray, shape (rows, k), float64
            In [0, 1], each row sums to 1; columns follow `classes_`.
        """
        values = self.decision_function(X)
        if values.ndim == 1:
            return normalised_sigmoids(values)  # of two classes, the softmax is the logistic function
        exponentials = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
