"""Dense nets of a whole cross-validation, trained side by side.

Folds, repeats and training fractions share one matrix of rows; only the rows trained on, their scaling and the seed
differ. Each net comes out as the `DenseNet` that would have been trained on the scaled rows of its set alone:
on processors bit for bit, elsewhere in distribution (another device draws other random numbers).

On a processor every worker trains one net at a time; elsewhere all nets with as many classes are one stack (see
`earmark.classifiers.training`).

Memory beside the rows, which are shared and scaled batch by batch: for each net under way its parameters four times,
its batch, and some 80 bytes a row of its set; one byte for each row and set. Under way are as many nets as there are
workers, or all of a stack. A stack on another device holds the rows there once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.dense import DenseNet, train_together, training_set
from earmark.classifiers.sets import Fitted, check_scaling, members_of, scaling_of
from earmark.classifiers.training import Precision, TrainingSet
from earmark.errors import SettingsError
from earmark.parallel import cores, side_by_side
from earmark.runtime import check_device

__all__ = ["FittedNet", "fit_nets"]

#: A dense net and the scaling of the rows that it was trained on.
FittedNet: TypeAlias = Fitted[DenseNet]


def fit_nets(
    rows: NDArray[np.float32],
    labels: NDArray[Any],
    training_sets: Sequence[NDArray[np.bool_]],
    template: DenseNet,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    workers: int | None = None,
    precision: Precision = "float32",
    scaling: str = "minmax",
    advance: Callable[[int], None] = lambda _: None,
) -> list[FittedNet]:
    """Train a dense net on each of many sets of the same rows.

    Parameters
    ----------
    rows : ndarray, shape (n, d), float32
        Rows as they are: each set scales them by its own rows. Copied, once, only if they are not contiguous or cannot
        be written to.
    labels : ndarray, shape (n,)
        Labels of the rows; those outside of all sets are not looked at.
    training_sets : sequence of ndarray of bool, shape (n,)
        For each set, which rows it trains on.
    template : DenseNet
        Settings of all nets; its `random_state` is not looked at.
    seeds : sequence of int
        The `random_state` of each net.
    device : str, default "cpu"
        Where PyTorch works, such as "cuda".
    workers : int, optional
        Nets trained at a time on processors; by default one a core. The result has the same bits whatever their number.
    precision : {"float32", "bfloat16"}, default "float32"
        Of the factors in the products of the hidden layers. The parameters and everything else are float32. bfloat16
        pays where the processor multiplies it natively.
    scaling : str, default "minmax"
        One of `earmark.classifiers.sets.SCALINGS`.
    advance : callable
        Hears how many more nets are trained.

    Returns
    -------
    list of FittedNet
        One for each set, in their order.

    Raises
    ------
    SettingsError
        A setting, the rows, a set or the device cannot be used; a set has rows of one class only; or the training of a
        net diverged.

    Examples
    --------
    >>> import numpy as np
    >>> rows, labels = np.float32([[0], [1], [9], [10]]), np.array(["hum", "hum", "knock", "knock"])
    >>> template = DenseNet(hidden=(8,), epochs=100, learning_rate=0.05)
    >>> [fitted] = fit_nets(rows, labels, [np.full(4, True)], template, seeds=[0])
    >>> fitted.model.predict((rows - fitted.offset) * fitted.scale).tolist()
    ['hum', 'hum', 'knock', 'knock']
    """
    template._check_settings()
    _check_choices(rows, len(training_sets), len(seeds), workers, precision)
    check_scaling(scaling)
    check_device(device)
    on_processor = device == "cpu"
    jobs = Jobs(rows, labels, members_of(rows, labels, training_sets), template, seeds, scaling)
    stacks = jobs.stacks(together=not on_processor)
    fitted: dict[int, FittedNet] = {}
    for _, part in side_by_side(lambda numbers: jobs.train(numbers, device, precision), stacks, workers or cores()):
        fitted |= part
        advance(len(part))
    return [fitted[number] for number in range(len(training_sets))]


class Jobs:
    """One net to train for each set."""

    def __init__(
        self,
        rows: NDArray[np.float32],
        labels: NDArray[Any],
        member: NDArray[np.bool_],
        template: DenseNet,
        seeds: Sequence[int],
        scaling: str = "minmax",
    ) -> None:
        self.rows, self.labels, self.member = np.require(rows, requirements=["C", "W"]), labels, member
        self.template, self.seeds, self.scaling = template, seeds, scaling

    def stacks(self, together: bool) -> list[list[int]]:
        """Return which nets are trained in one stack: each alone, or those of the same sizes together."""
        if not together:
            return [[number] for number in range(len(self.seeds))]
        stacks: dict[int, list[int]] = {}
        for number, members in enumerate(self.member.T):
            stacks.setdefault(len(np.unique(self.labels[members])), []).append(number)
        return list(stacks.values())

    def train(self, numbers: Sequence[int], device: str, precision: Precision) -> dict[int, FittedNet]:
        """Train a stack of nets."""
        nets, sets = zip(*(self._job(number) for number in numbers), strict=True)
        train_together(nets, self.rows, sets, device, precision)
        return {number: FittedNet(net, *task.scaling) for number, net, task in zip(numbers, nets, sets, strict=True)}

    def _job(self, number: int) -> tuple[DenseNet, TrainingSet]:
        from sklearn.base import clone

        members = np.flatnonzero(self.member[:, number])
        net = clone(self.template).set_params(random_state=int(self.seeds[number]))
        scaling = scaling_of(self.rows, members, self.scaling)
        return net, training_set(net, members, self.labels[members], scaling=scaling)


def _check_choices(rows: NDArray[Any], sets: int, seeds: int, workers: int | None, precision: str) -> None:
    if rows.dtype != np.float32:
        raise SettingsError(f"rows of the type {rows.dtype} cannot be trained on. Give rows (n, d) of float32.")
    if sets != seeds:
        raise SettingsError(f"there are {sets} training sets and {seeds} seeds. Give one seed for each set.")
    if workers is not None and workers < 1:
        raise SettingsError(f"workers is {workers}. It must be at least 1, or None for one a core.")
    if precision not in ("float32", "bfloat16"):
        raise SettingsError(f"precision is {precision!r}. Choose float32 or bfloat16.")
