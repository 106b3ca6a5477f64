"""The linear support vector machine of the paper, with likelihoods for late fusion.

The machine is liblinear's L2-regularised squared hinge, one class against the rest, solved in the
primal (Fan et al., *LIBLINEAR*, JMLR 9, 2008), reached through `sklearn.svm.LinearSVC`. The primal
solver draws no random numbers: the same rows give the same machine. The paper sets C = 1.

A support vector machine has no probabilities of its own. Late fusion sums class likelihoods over the
frames of a clip, so each one-against-rest decision value `d` goes through the logistic function and
the classes of a frame are normalised to sum to one. This keeps the order of the classes and needs no
held-out frames; it is a likelihood for fusion, not a calibrated probability.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from earmark.classifiers.likelihoods import normalised_sigmoids
from earmark.classifiers.linear import LinearClassifier
from earmark.classifiers.weighting import ClassWeight, class_weights, training_rows

__all__ = ["LinearSVM"]


class LinearSVM(LinearClassifier):
    """Linear support vector machine, one class against the rest, with likelihoods.

    Parameters
    ----------
    C : float, default 1.0
        Weight of the training errors against the size of the coefficients; above 0.
    class_weight : "balanced", mapping of label to weight, or None, default "balanced"
        As in liblinear, the weight of a class multiplies C for the rows of that class in its own
        machine only; the rest there weigh 1. (With two classes each has its weight.)
    tol : float, default 1e-4
        liblinear's stopping tolerance on the gradient.
    max_iter : int, default 1000
        Largest number of Newton steps a machine. Reaching it raises scikit-learn's
        `ConvergenceWarning`.

    Attributes
    ----------
    classes_, coef_, intercept_, n_features_in_
        As of `LinearClassifier`; decision values are distances to the boundary in units of the margin.
    n_iter_ : int
        Newton steps of the slowest machine.

    Examples
    --------
    >>> from earmark.classifiers import LinearSVM
    >>> machine = LinearSVM().fit([[0.0], [0.1], [0.9], [1.0]], ["hum", "hum", "knock", "knock"])
    >>> machine.predict([[0.2], [0.8]]).tolist()
    ['hum', 'knock']
    """

    def __init__(
        self,
        C: float = 1.0,
        class_weight: ClassWeight = "balanced",
        tol: float = 1e-4,
        max_iter: int = 1000,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train one machine a class.

        Parameters
        ----------
        X : array_like, shape (rows, n_features), float32 or float64
            Scaled frames; liblinear converges slowly on features far outside [0, 1].
        y : array_like, shape (rows,)
            Labels.
        sample_weight : array_like, shape (rows,), optional
            Non-negative weights; a row of weight 0 counts as absent.

        Returns
        -------
        LinearSVM
            The estimator itself.

        Raises
        ------
        SettingsError
            A setting or the weights cannot be used, or there is only one class.
        """
        from sklearn.svm import LinearSVC

        self._check_settings()
        rows, labels = validate_data(self, X, y, dtype=[np.float64, np.float32])
        rows, self.classes_, codes, weights = training_rows(rows, labels, sample_weight, type(self).__name__)
        # The weights of the classes are computed here, because scikit-learn before 1.7 counts rows only.
        of_class = class_weights(self.class_weight, self.classes_, codes, weights)
        machine = LinearSVC(
            C=self.C,
            class_weight=dict(enumerate(of_class)),
            dual=False,
            tol=self.tol,
            max_iter=self.max_iter,
        ).fit(rows, codes, sample_weight=weights)
        self.coef_ = np.ascontiguousarray(machine.coef_)  # the layout decides the last bits of a product
        self.intercept_, self.n_iter_ = machine.intercept_, int(machine.n_iter_)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the likelihoods: normalised logistic functions of the decision values.

        Parameters
        ----------
        X : array_like, shape (rows, n_features)

        Returns
        -------
        ndarray, shape (rows, k), float64
            In [0, 1], each row sums to 1; columns follow `classes_`.
        """
        return normalised_sigmoids(self.decision_function(X))
