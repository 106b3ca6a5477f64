"""The dense nets of the paper: D128 and D512.

D128 is one hidden layer of 128 ReLU units, dropout 0.5 and a softmax; D512 is 512 ReLU, dropout 0.5,
128 ReLU, dropout 0.5 and a softmax. Both are trained for 500 epochs with Adam at 0.001 and batches of
256, with class weights (Grollmisch et al., EUSIPCO 2020; what the paper leaves open follows Keras, see
`earmark.classifiers.training`).

Only `fit` needs PyTorch. A fitted net is a list of NumPy arrays and predicts with NumPy alone.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from earmark.classifiers.training import Precision, Schedule, TrainingSet, train
from earmark.classifiers.weighting import ClassWeight, class_weights, training_rows
from earmark.errors import SettingsError

if TYPE_CHECKING:
    from numpy.random import RandomState

__all__ = ["DenseNet"]

BLOCK_ROWS = 4096  # rows predicted at once: bounds the float64 copy of the input


class DenseNet(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Dense net with ReLU layers, dropout and a softmax, trained as in the paper.

    Parameters
    ----------
    hidden : sequence of int, default (128,)
        Units of each hidden layer, first layer first; D512 is (512, 128).
    dropout : float, default 0.5
        Share of the units dropped after each hidden layer while training, in [0, 1).
    learning_rate : float, default 1e-3
        Step size of Adam.
    batch_size : int, default 256
        Rows a step.
    epochs : int, default 500
        Passes over the rows.
    class_weight : "balanced", mapping of label to weight, or None, default "balanced"
        Multiplies the loss of the rows of a class; "balanced" is n / (k * count of the class).
    random_state : int, RandomState or None, default None
        Seeds initialisation, shuffling and dropout. No global generator of PyTorch is read or
        changed. The same number gives the same net bit for bit on the same kind of processor,
        however many threads there are.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
    n_features_in_ : int
    weights_ : list of (ndarray (inputs, outputs), ndarray (outputs,)), float32
        Weight and bias of each layer.

    Examples
    --------
    >>> from earmark.classifiers import DenseNet
    >>> net = DenseNet(hidden=(8,), epochs=100, learning_rate=0.05, random_state=0)
    >>> net.fit([[0.0], [0.1], [0.9], [1.0]], ["hum", "hum", "knock", "knock"])
    DenseNet(epochs=100, hidden=(8,), learning_rate=0.05, random_state=0)
    >>> net.predict([[0.0], [1.0]]).tolist()
    ['hum', 'knock']
    """

    def __init__(
        self,
        hidden: Sequence[int] = (128,),
        dropout: float = 0.5,
        learning_rate: float = 1e-3,
        batch_size: int = 256,
        epochs: int = 500,
        class_weight: ClassWeight = "balanced",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the net from fresh weights.

        Parameters
        ----------
        X : array_like, shape (rows, n_features)
            Scaled frames; used as float32.
        y : array_like, shape (rows,)
            Labels.
        sample_weight : array_like, shape (rows,), optional
            Non-negative factors of the loss of each row; a row of weight 0 counts as absent.

        Returns
        -------
        DenseNet
            The estimator itself.

        Raises
        ------
        SettingsError
            A setting or the weights cannot be used, there is only one class, or the training
            diverged.
        """
        self._check_settings()
        rows, labels = validate_data(self, X, y, dtype=np.float32)
        task = training_set(self, np.arange(len(rows)), labels, sample_weight)
        train_together([self], np.require(rows, requirements=["C", "W"]), [task])
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the class likelihoods (softmax), computed in float64 with NumPy.

        Parameters
        ----------
        X : array_like, shape (rows, n_features)

        Returns
        -------
        ndarray, shape (rows, k), float64
            In [0, 1], each row sums to 1; columns follow `classes_`.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        likelihoods = np.empty((len(rows), len(self.classes_)))
        layers = [(weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in self.weights_]
        for start in range(0, len(rows), BLOCK_ROWS):
            values = rows[start : start + BLOCK_ROWS].astype(np.float64)
            for weight, bias in layers[:-1]:
                values = np.maximum(values @ weight + bias, 0.0)
            logits = values @ layers[-1][0] + layers[-1][1]
            exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
            likelihoods[start : start + BLOCK_ROWS] = exponentials / exponentials.sum(axis=1, keepdims=True)
        return likelihoods

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
        for name in ("batch_size", "epochs"):
            _check_count(name, getattr(self, name))
        if isinstance(self.hidden, str) or not isinstance(self.hidden, Sequence):
            raise SettingsError(f"hidden is {self.hidden!r}. It must list the units of each layer, such as (512, 128).")
        for units in self.hidden:
            _check_count("a number of units in hidden", units)
        if not isinstance(self.dropout, numbers.Real) or not 0 <= float(self.dropout) < 1:
            raise SettingsError(f"dropout is {self.dropout!r}. It must be a number in [0, 1).")
        if not isinstance(self.learning_rate, numbers.Real) or not 0 < float(self.learning_rate) < np.inf:
            raise SettingsError(f"learning_rate is {self.learning_rate!r}. It must be a finite number above 0.")


def training_set(
    net: DenseNet,
    members: NDArray[np.intp],
    labels: NDArray[Any],
    sample_weight: ArrayLike | None = None,
    scaling: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> TrainingSet:
    """Return what a net is trained on, its class weights and its seed included.

    Parameters
    ----------
    net : DenseNet
        Not changed, but its `random_state` is drawn from.
    members : ndarray of int, shape (m,)
        Rows, as positions in the matrix that the net will be trained on.
    labels : ndarray, shape (m,)
    sample_weight : array_like, shape (m,), optional
    scaling : tuple of (offset, scale), optional
        As of `TrainingSet`.

    Raises
    ------
    SettingsError
        The weights cannot be used, or there is only one class.
    """
    members, classes, codes, weights = training_rows(members, labels, sample_weight, type(net).__name__)
    weights = weights * class_weights(net.class_weight, classes, codes, weights)[codes]
    seed = int(check_random_state(net.random_state).randint(2**31 - 1))
    return TrainingSet(members, classes, codes, weights, seed, scaling)


def train_together(
    nets: Sequence[DenseNet],
    rows: NDArray[np.float32],
    sets: Sequence[TrainingSet],
    device: str = "cpu",
    precision: Precision = "float32",
) -> None:
    """Train nets of the same settings, with as many classes each, in one stack.

    Parameters
    ----------
    nets : sequence of DenseNet
        Fitted afterwards.
    rows, sets, device, precision
        As of `earmark.classifiers.training.train`.

    Raises
    ------
    SettingsError
        The training of a net diverged.
    """
    settings = nets[0]
    schedule = Schedule(settings.dropout, settings.learning_rate, settings.batch_size, settings.epochs)
    sizes = [rows.shape[1], *settings.hidden, len(sets[0].classes)]
    layers = train(rows, sets, sizes, schedule, device, precision)
    for net, task, own in zip(nets, sets, layers, strict=True):
        net.n_features_in_, net.classes_, net.weights_ = rows.shape[1], task.classes, own


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or int(value) < 1:
        raise SettingsError(f"{name} is {value!r}. It must be a whole number of at least 1.")
