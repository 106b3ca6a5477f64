"""Linear support vector machines of a whole cross-validation in one solve.

Folds, repeats, training fractions and one-against-rest classes share one matrix of rows; only the rows trained on and
the scaling differ. Each machine comes out as the `LinearSVM` that would have been trained on the scaled rows
of its set alone, to within the tolerance.

Where there are many more rows than columns all machines are solved side by side (see `earmark.classifiers.newton`). Two
things save most of the work there. A pilot, one machine a class, is solved on a sample of the rows first, and the
machines of all sets start from there. And the Hessians of a class differ little from set to set, so the eigenvectors of
the pilot's precondition all: a Newton step then takes some five products with the rows. What meets the precision of
float32 goes on in float64. Where rows are few, the sets are solved one by one, in float64 and with directions of
another kind (see `earmark.classifiers.span`), from a pilot as well.

Rows may be a `numpy.memmap` larger than memory: they are read in blocks. Memory beside them, in bytes:

- many rows: for each row 5 a machine (9 more for those that go on in float64), 1 a set, and some 100; for d columns
  128 d^2, but no more than 134 MB, for the pilot's sample, and 4 d^2 a class, but none beyond 2048 columns, for the
  eigenvectors; and some blocks of 2048 rows a thread. Twice the last two for rows in float64.
- few rows: each thread copies those of its set, of which there are at most 2^25 values, and those inside the margin of
  a machine; with no more rows than columns also the square of their inner products, up to 134 MB.

Measured in processor time of one thread against a loop over scikit-learn's LinearSVC (tol 1e-4) on 5 sets of 10
classes: 2.4 to 5.7 times faster at 400 x 1024, 27 at 400 x 6144, 1.2 to 2 at 4006 x 1024, 1.6 at 5213 x 256, no faster
for one set of few rows; there the coefficients are within 2e-5 of the solution, the loop's within 6e-3.
benchmarks/results/cross_validation.csv has the large sizes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.blocks import Blocks, Moved, single_threaded_pool
from earmark.classifiers.sets import Fitted, check_scaling, members_of, scale_of, scaling_of
from earmark.classifiers.svm import LinearSVM
from earmark.classifiers.svm_problem import Problem
from earmark.classifiers.svm_solvers import Solution, are_few, solve_few, solve_many
from earmark.classifiers.torch_blocks import TorchBlocks, enough_device_memory
from earmark.classifiers.weighting import ClassWeight
from earmark.errors import SettingsError
from earmark.parallel import cores
from earmark.runtime import check_device

__all__ = ["FittedSVM", "fit_svms"]

# A column whose minimum is further from zero than so many times its range loses too many digits when scaling is folded
# into the weights, and one outside of these magnitudes leaves float32: such columns are moved and scaled beforehand.
_FAR = 4.0
_MAGNITUDES = (1e-12, 1e12)


#: A machine and the scaling of the rows that it was trained on.
FittedSVM: TypeAlias = Fitted[LinearSVM]


def fit_svms(
    rows: NDArray[Any],
    labels: NDArray[Any],
    training_sets: Sequence[NDArray[np.bool_]],
    *,
    C: float = 1.0,
    class_weight: ClassWeight = "balanced",
    tol: float = 1e-4,
    max_iter: int = 1000,
    scaling: str = "minmax",
    workers: int | None = None,
    device: str = "cpu",
) -> list[FittedSVM]:
    """Train a linear support vector machine on each of many sets of the same rows.

    Parameters
    ----------
    rows : ndarray, shape (n, d), float32 or float64
        Rows as they are, all of them finite: each set scales them by its own rows.
    labels : ndarray, shape (n,)
        Labels of the rows; those outside of all sets are not looked at.
    training_sets : sequence of ndarray of bool, shape (n,)
        For each set, which rows it trains on.
    C, class_weight, max_iter
        As of `LinearSVM`.
    tol : float, default 1e-4
        liblinear's stopping tolerance on the gradient; the coefficients come as close to the solution, relative to
        their norm.
    scaling : str, default "minmax"
        One of `earmark.classifiers.sets.SCALINGS`.
    workers : int, optional
        Threads; by default one a core. The result has the same bits whatever their number (but
        not however the rows lie in memory).
    device : str, default "cpu"
        Where products with many rows are computed: "cpu", or "cuda" for a GPU (whose memory has to hold the rows).
        Where rows are few the processor does all.

    Returns
    -------
    list of FittedSVM
        One for each set, in their order.

    Raises
    ------
    SettingsError
        A setting, the rows or a set cannot be used; a set has rows of one class only; PyTorch sees no GPU, or its
        memory is too small.

    Warns
    -----
    ConvergenceWarning
        A machine did not converge within `max_iter` steps, or to a tolerance beyond float64.

    Examples
    --------
    >>> import numpy as np
    >>> rows, labels = np.float32([[0], [1], [9], [10]]), np.array(["hum", "hum", "knock", "knock"])
    >>> [fitted] = fit_svms(rows, labels, [np.full(4, True)])
    >>> fitted.model.predict((rows - fitted.offset) * fitted.scale).tolist()
    ['hum', 'hum', 'knock', 'knock']
    """
    template = LinearSVM(C=C, class_weight=class_weight, tol=tol, max_iter=max_iter)
    template._check_settings()
    check_scaling(scaling)
    check_device(device)
    member = members_of(rows, labels, training_sets)
    if not member.shape[1]:
        return []
    return _fit(rows, labels, member, template, scaling, workers or cores(), None if device == "cpu" else device)


def _fit(
    rows: NDArray[Any],
    labels: NDArray[Any],
    member: NDArray[np.bool_],
    template: LinearSVM,
    scaling: str,
    workers: int,
    torch_device: str | None,
) -> list[FittedSVM]:
    """Train, with many rows in NumPy or on a device of PyTorch."""
    with single_threaded_pool(workers) as pool:
        minimum, maximum = _ranges(Blocks(rows, pool), member)
        scale, varies = scale_of(minimum, maximum)
        offset = minimum
        if scaling != "minmax":
            sets = [np.flatnonzero(members) for members in member.T]
            pairs = pool.map(lambda members: scaling_of(rows, members, scaling), sets)
            offset, scale = (np.stack(part) for part in zip(*pairs, strict=True))
        # A column that does not vary within a set takes no part there, unless it is left as it is.
        taken = varies | (scaling == "none")
        low, folded = offset.astype(np.float64), np.where(taken, scale.astype(np.float64), 0.0)
        if are_few(rows, member):
            problem = Problem(labels, member, low, folded, template)
            solution = solve_few(problem, rows, pool)
        else:
            moved = _moved(minimum, maximum)
            if moved is not None:
                low, folded = (low - moved.shift) * moved.factor, folded / moved.factor
            problem = Problem(labels, member, low, folded, template)
            blocks = Blocks(rows, pool, moved=moved)
            solution = solve_many(problem, blocks) if torch_device is None else _on(torch_device, problem, blocks)
    if not solution.converged.all():
        _warn(template, int((~solution.converged).sum()), len(solution.converged))
    models = [_model(problem, solution, number) for number in range(len(offset))]
    return [FittedSVM(*one) for one in zip(models, offset, scale, strict=True)]


def _on(device: str, problem: Problem, blocks: Blocks) -> Solution:
    with enough_device_memory(device):
        return solve_many(problem, TorchBlocks(blocks, device))


def _warn(template: LinearSVM, failed: int, total: int) -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.warn(
        f"{failed} of {total} support vector machines did not reach the tolerance {template.tol:g}, within "
        f"{template.max_iter} steps or at all. Raise tol or max_iter, lower C, or scale the rows otherwise.",
        ConvergenceWarning,
        stacklevel=4,
    )


def _ranges(blocks: Blocks, member: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Minimum and maximum of each set, each of shape (sets, d)."""

    def extremes(block: slice) -> tuple[NDArray[Any], NDArray[Any], bool]:
        rows, inside = blocks.read(block), member[block]
        # The frames of a clip go to the same sets: look at each run of such rows once.
        starts = np.flatnonzero(np.r_[True, (inside[1:] != inside[:-1]).any(axis=1)])
        least, most = (extreme.reduceat(rows, starts, axis=0) for extreme in (np.minimum, np.maximum))
        chosen = inside[starts].T
        lows = [least[runs].min(axis=0, initial=np.inf) for runs in chosen]
        highs = [most[runs].max(axis=0, initial=-np.inf) for runs in chosen]
        return np.stack(lows), np.stack(highs), bool(np.isfinite(least).all() and np.isfinite(most).all())

    minimum = np.full((member.shape[1], blocks.shape[1]), np.inf, blocks.dtype)
    maximum = np.full_like(minimum, -np.inf)
    for low, high, finite in blocks.map(extremes):
        if not finite:
            raise SettingsError("some rows have values that are not finite. Leave them out.")
        np.minimum(minimum, low, out=minimum)
        np.maximum(maximum, high, out=maximum)
    return minimum, maximum


def _moved(minimum: NDArray[Any], maximum: NDArray[Any]) -> Moved | None:
    """Say how columns are to be moved so that their scaling can be folded into weights."""
    low, high = minimum.astype(np.float64), maximum.astype(np.float64)
    span, size = high - low, np.maximum(abs(low), abs(high))
    _, varies = scale_of(low, high)
    far = abs(low) > _FAR * span
    odd = ((varies & (far | (size < _MAGNITUDES[0]))) | (size > _MAGNITUDES[1])).any(axis=0)
    if not odd.any():
        return None
    shift = np.where(odd, low.min(axis=0), 0.0)
    whole = high.max(axis=0) - shift
    factor = np.divide(1, whole, out=np.ones_like(whole), where=odd & varies.any(axis=0))
    return Moved(shift.astype(minimum.dtype), factor.astype(minimum.dtype))


def _model(problem: Problem, solution: Solution, number: int) -> LinearSVM:
    mine = problem.machines.set_of == number
    model = LinearSVM(**problem.template.get_params())
    model.classes_ = problem.classes[problem.present[number]]
    model.coef_ = np.ascontiguousarray(solution.vectors[mine, :-1])
    model.intercept_ = solution.vectors[mine, -1].copy()
    model.n_features_in_ = model.coef_.shape[1]
    model.n_iter_ = int(solution.steps[mine].max())
    return model
