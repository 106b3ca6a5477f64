"""From decision values to class likelihoods."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["normalised_sigmoids"]


def normalised_sigmoids(decisions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn one-against-rest decision values into class likelihoods: logistic functions, normalised.

    Parameters
    ----------
    decisions : ndarray, shape (rows, k), or (rows,) for two classes
        Positive speaks for the class; with two classes, for the second. Any size is safe.

    Returns
    -------
    ndarray, shape (rows, k), or (rows, 2), float64
        In [0, 1], each row sums to 1.

    Examples
    --------
    >>> import numpy as np
    >>> normalised_sigmoids(np.array([0.0, 800.0])).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    if decisions.ndim == 1:
        decisions = np.stack([-decisions, decisions], axis=1)
    # Normalising exp(log sigmoid) relative to its largest stays finite where all sigmoids underflow.
    logarithms = -np.logaddexp(0.0, -decisions)
    likelihoods = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return np.asarray(likelihoods / likelihoods.sum(axis=1, keepdims=True))
