"""Linear support vector machines of a whole cross-validation in one solve.

Folds, repeats, training fractions and one-against-rest classes share one matrix of rows; only the rows trained on and
the scaling to [0, 1] differ. So all machines are solved side by side (see `earmark.classifiers.newton`). Each comes out
as the `LinearSVM` that would have been trained on the scaled rows of its set alone, to within the tolerance.

Two things save most of the work. A pilot, one machine a class, is solved on a sample of the rows first, and the
machines of all sets start from there. And the Hessians of a class differ little from set to set, so the eigenvectors of
the pilot's precondition all: a Newton step then takes some five products with the rows. (Where few rows are inside the
margin they differ from set to set, and plain conjugate gradients are better.)

Memory beside the rows: three arrays of (rows x machines) in the precision of the rows, one byte for each row and set,
and a square of the dimension for each class (none beyond 2048). Rows are copied only if one of their columns
lies so far from zero that folding its scaling into the weights would cost digits.

It pays where there are many more rows than columns: 43 times faster than one after another at 60 000 x 512 and ten
folds, twice at 5 000 x 256, and slower at 4 000 x 1024 (benchmarks/results/cross_validation.csv has the large ones).
`earmark compare` trains one after another so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.newton import Blocks, Machines, Newton, Preconditioner, single_threaded_pool
from earmark.classifiers.svm import LinearSVM
from earmark.classifiers.weighting import ClassWeight, class_weights, encode_labels
from earmark.errors import SettingsError
from earmark.parallel import cores

__all__ = ["FittedSVM", "fit_svms"]

Float = NDArray[np.float64]

# A column whose minimum is further from zero than so many times its range loses too many digits when scaling is folded
# into the weights, and one outside of these magnitudes leaves float32: such columns are moved and scaled beforehand.
_FAR = 4.0
_MAGNITUDES = (1e-12, 1e12)
# The pilot has so many rows, times the dimension, and is solved only so far as a good start needs.
_PILOT_ROWS = 32
_PILOT_TOLERANCE = 1e-2
# About how far from the solution a machine may be, relative to its norm and in units of the tolerance.
_CLOSE = 3.0
# A preconditioner is made from so many rows, times the dimension. With fewer than _LEAST inside the margin each row
# matters, they differ from set to set, and one for all sets does harm; beyond _WIDEST eigenvectors cost too much.
_SAMPLE = 8
_LEAST = 4
_WIDEST = 2049


@dataclass(frozen=True)
class FittedSVM:
    """A machine and the scaling of the rows that it was trained on.

    Attributes
    ----------
    model : LinearSVM
        For scaled rows.
    minimum, scale : ndarray, shape (d,)
        Scaled value = (value - minimum) * scale; in the precision of the rows.
    """

    model: LinearSVM
    minimum: NDArray[Any]
    scale: NDArray[Any]


def fit_svms(
    rows: NDArray[Any],
    labels: NDArray[Any],
    training_sets: Sequence[NDArray[np.bool_]],
    *,
    C: float = 1.0,
    class_weight: ClassWeight = "balanced",
    tol: float = 1e-4,
    max_iter: int = 1000,
    workers: int | None = None,
) -> list[FittedSVM]:
    """Train a linear support vector machine on each of many sets of the same rows.

    Parameters
    ----------
    rows : ndarray, shape (n, d), float32 or float64
        Rows as they are: each set scales them to [0, 1] by its own minimum and maximum.
    labels : ndarray, shape (n,)
        Labels of the rows; those outside of all sets are not looked at.
    training_sets : sequence of ndarray of bool, shape (n,)
        For each set, which rows it trains on.
    C, class_weight, max_iter
        As of `LinearSVM`.
    tol : float, default 1e-4
        liblinear's stopping tolerance on the gradient; the coefficients come as close to the solution, relative to
        their norm.
    workers : int, optional
        Threads; by default one a core. The result has the same bits whatever their number.

    Returns
    -------
    list of FittedSVM
        One for each set, in their order.

    Raises
    ------
    SettingsError
        A setting, the rows or a set cannot be used; a set has rows of one class only.

    Warns
    -----
    ConvergenceWarning
        A machine did not converge within `max_iter` steps.

    Examples
    --------
    >>> import numpy as np
    >>> rows, labels = np.float32([[0], [1], [9], [10]]), np.array(["hum", "hum", "knock", "knock"])
    >>> [fitted] = fit_svms(rows, labels, [np.full(4, True)])
    >>> fitted.model.predict((rows - fitted.minimum) * fitted.scale).tolist()
    ['hum', 'hum', 'knock', 'knock']
    """
    from sklearn.base import clone

    template = LinearSVM(C=C, class_weight=class_weight, tol=tol, max_iter=max_iter)
    template._check_settings()
    member = _members(rows, labels, training_sets)
    if not member.shape[1]:
        return []
    with single_threaded_pool(workers or cores()) as pool:
        minimum, maximum = _ranges(Blocks(rows, pool), member)
        span = maximum - minimum
        varies = span >= np.finfo(np.float32).tiny
        scale = np.divide(1, span, out=np.ones_like(span), where=varies)
        moved, shift, factor = _moved(Blocks(rows, pool), minimum, maximum)
        low = (minimum.astype(np.float64) - shift) * factor
        # A column that does not vary within a set takes no part there.
        folded = np.where(varies, scale / factor, 0.0)
        problem = _Problem(Blocks(moved, pool), labels, member, low, folded, template)
        newton, converged = _solve(problem)
    fitted = []
    for number, members in enumerate(member.T):
        mine = problem.machines.set_of == number
        if converged[mine].all():
            model = _model(problem, newton, number)
        else:  # it met max_iter or the precision of the rows; liblinear works in float64, and warns if it must
            model = clone(template).fit((rows[members] - minimum[number]) * scale[number], labels[members])
        fitted.append(FittedSVM(model, minimum[number], scale[number]))
    return fitted


def _members(rows: NDArray[Any], labels: NDArray[Any], sets: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Which rows belong to which set, shape (n, sets)."""
    if rows.ndim != 2 or rows.dtype not in (np.float32, np.float64) or labels.shape != (len(rows),):
        raise SettingsError(
            f"rows of the shape {rows.shape} and type {rows.dtype} with labels of the shape {labels.shape} cannot be "
            "trained on. Give rows (n, d) of float32 or float64 and labels (n,)."
        )
    for number, members in enumerate(sets):
        if members.shape != (len(rows),) or members.dtype != np.bool_:
            raise SettingsError(
                f"training set {number} has the shape {members.shape} and type {members.dtype}. Give one boolean for "
                f"each of the {len(rows)} rows."
            )
        if not members.any():
            raise SettingsError(f"training set {number} has no rows. Check the split that made it.")
    return np.stack(sets, axis=1) if len(sets) else np.zeros((len(rows), 0), np.bool_)


def _ranges(blocks: Blocks, member: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Minimum and maximum of each set, each of shape (sets, d)."""
    rows = blocks.rows

    def extremes(block: slice) -> tuple[NDArray[Any], NDArray[Any], bool]:
        inside = member[block]
        # The frames of a clip go to the same sets: look at each run of such rows once.
        starts = np.flatnonzero(np.r_[True, (inside[1:] != inside[:-1]).any(axis=1)])
        least, most = (extreme.reduceat(rows[block], starts, axis=0) for extreme in (np.minimum, np.maximum))
        chosen = inside[starts].T
        lows = [least[runs].min(axis=0, initial=np.inf) for runs in chosen]
        highs = [most[runs].max(axis=0, initial=-np.inf) for runs in chosen]
        return np.stack(lows), np.stack(highs), bool(np.isfinite(least).all() and np.isfinite(most).all())

    parts = blocks.map(extremes)
    if not all(finite for _, _, finite in parts):
        raise SettingsError("some rows have values that are not finite. Leave them out.")
    return np.minimum.reduce([low for low, _, _ in parts]), np.maximum.reduce([high for _, high, _ in parts])


def _moved(blocks: Blocks, minimum: NDArray[Any], maximum: NDArray[Any]) -> tuple[NDArray[Any], Float, Float]:
    """Return rows whose scaling can be folded into weights, what was taken off, and by what was multiplied then."""
    rows, low, high = blocks.rows, minimum.astype(np.float64), maximum.astype(np.float64)
    span, size = high - low, np.maximum(abs(low), abs(high))
    varies = span >= np.finfo(np.float32).tiny
    far = abs(low) > _FAR * span
    odd = ((varies & (far | (size < _MAGNITUDES[0]))) | (size > _MAGNITUDES[1])).any(axis=0)
    shift, factor = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    if not odd.any():
        return rows, shift, factor
    shift[odd] = low[:, odd].min(axis=0)
    whole = high.max(axis=0) - shift
    factor[odd] = np.divide(1, whole, out=np.ones_like(whole), where=varies.any(axis=0))[odd]
    moved = rows.copy()

    def move(block: slice) -> None:
        moved[block, odd] = (rows[block, odd] - shift[odd]) * factor[odd]

    blocks.map(move)
    return moved, shift, factor


class _Problem:
    """What is to be solved: the machines of all sets, and a pilot for them."""

    def __init__(
        self,
        blocks: Blocks,
        labels: NDArray[Any],
        member: NDArray[np.bool_],
        minimum: Float,
        scale: Float,
        template: LinearSVM,
    ) -> None:
        self.blocks, self.template, self.member = blocks, template, member
        used = member.any(axis=1)
        self.classes = np.unique(labels[used])
        codes = np.minimum(np.searchsorted(self.classes, labels), len(self.classes) - 1)
        self.present = [self._classes_of(labels, codes, members) for members in member.T]
        listed = [self._machines_of(number, codes, members) for number, members in enumerate(member.T)]
        sets, positive, costs, tolerances = (np.concatenate(part) for part in zip(*listed, strict=True))
        self.machines = Machines(codes, member, minimum, scale, sets, positive, costs)
        self.tolerances = tolerances

    def _classes_of(
        self, labels: NDArray[Any], codes: NDArray[np.intp], members: NDArray[np.bool_]
    ) -> NDArray[np.intp]:
        present = np.flatnonzero(np.bincount(codes[members]))
        if len(present) < 2:
            encode_labels(labels[members], type(self.template).__name__)  # says what is wrong
        return present

    def _machines_of(
        self, number: int, codes: NDArray[np.intp], members: NDArray[np.bool_]
    ) -> tuple[NDArray[Any], ...]:
        """Set, class, costs and liblinear's share of the first gradient, of each machine of a set."""
        present = self.present[number]
        own = np.searchsorted(present, codes[members])
        weights = self.template.C * class_weights(
            self.template.class_weight, self.classes[present], own, np.ones(len(own))
        )
        counts = np.bincount(own)
        if len(present) == 2:
            positive, costs, counts = present[1:], weights[np.newaxis], counts[1:]
        else:
            positive, costs = present, np.column_stack([np.full(len(present), self.template.C), weights])
        fewer = np.minimum(counts, len(own) - counts)
        return np.full(len(positive), number), positive, costs, self.template.tol * fewer / len(own)

    def pilot(self) -> tuple[Blocks, Machines]:
        """One machine a class on a sample of the rows of all sets, with the costs of a set of usual size."""
        machines, rows = self.machines, self.blocks.rows
        used = np.flatnonzero(self.member.any(axis=1))
        size = min(len(used), _PILOT_ROWS * rows.shape[1])
        drawn = np.sort(np.random.default_rng(0).choice(used, size, replace=False)) if size < len(used) else used
        share = self.member.sum() / self.member.shape[1] / size
        positive = np.unique(machines.positive)
        costs = np.stack([machines.costs[machines.positive == code].mean(axis=0) for code in positive])
        low, varies = machines.minimum.min(axis=0), machines.scale > 0
        spans = np.divide(1, machines.scale, out=np.zeros_like(machines.scale), where=varies)
        span = (machines.minimum + spans).max(axis=0) - low
        scale = np.divide(1, span, out=np.zeros_like(span), where=varies.any(axis=0))
        everything, nought = np.ones((size, 1), np.bool_), np.zeros(len(positive), np.intp)
        pilot = Machines(machines.codes[drawn], everything, low[None], scale[None], nought, positive, share * costs)
        return Blocks(rows[drawn], self.blocks.pool), pilot


def _solve(problem: _Problem) -> tuple[Newton, NDArray[np.bool_]]:
    """Solve the pilot, then from there all sets."""
    machines, blocks, template = problem.machines, problem.blocks, problem.template
    sample, few = problem.pilot()  # at its loose tolerance a preconditioner does not pay
    pilot = Newton(sample, few, np.zeros((len(few), blocks.rows.shape[1] + 1)))
    pilot.solve(np.full(len(few), _PILOT_TOLERANCE), 1e9, template.max_iter, _identity)
    eigen = _Eigen(pilot, machines)
    newton = Newton(blocks, machines, _carried(pilot.vectors, few, machines))
    return newton, newton.solve(problem.tolerances, _CLOSE * template.tol, template.max_iter, eigen.of(newton))


def _identity(vectors: Float, which: NDArray[np.intp]) -> Float:
    return vectors


def _carried(vectors: Float, pilot: Machines, machines: Machines) -> Float:
    """Coefficients of the pilot's machines for rows scaled as in the sets: the same decision values."""
    own = vectors[np.searchsorted(pilot.positive, machines.positive)]
    weights = own[:, :-1] * pilot.scale[0]
    scale, low = machines.scale[machines.set_of], machines.minimum[machines.set_of]
    carried = np.divide(weights, scale, out=np.zeros_like(weights), where=scale > 0)
    offset = own[:, -1] + np.einsum("pd,pd->p", weights, low - pilot.minimum[0])
    return np.column_stack([carried, offset])


class _Eigen:
    """Inverse Hessians from the eigenvectors of the pilot's, one basis for each class.

    The Hessian of a machine is ``I + S' D S``, with its scaled rows S and curvatures D. Say ``S' D S = share T' U T``,
    where U is that of the pilot and T the affine map between both scalings. Taking ``T' T`` for I, the inverse is
    ``T^-1 (I + share U)^-1 T^-T``.
    """

    def __init__(self, pilot: Newton, machines: Machines) -> None:
        codes = pilot.machines.positive
        self._bases = list(pilot.blocks.pool.map(lambda number: self._base(pilot, number), range(len(codes))))
        self._totals = pilot.curvature_sum
        self._own = np.searchsorted(codes, machines.positive)
        scale, low = machines.scale, machines.minimum
        # A column that takes no part in a set keeps its coefficient of zero.
        ratio = np.divide(pilot.machines.scale, scale, out=np.zeros_like(scale), where=scale > 0)
        self._ratio, self._offset = ratio[machines.set_of], (scale * (low - pilot.machines.minimum))[machines.set_of]

    def _base(self, pilot: Newton, number: int) -> tuple[Float, Float]:
        """Eigenvalues and eigenvectors of S' D S, from a sample of the rows inside the margin; none if few."""
        curvature, width = pilot.curvature[:, number], pilot.vectors.shape[1]
        inside = np.flatnonzero(curvature)
        if len(inside) < _LEAST * width or width > _WIDEST:
            return np.zeros(0), np.zeros((width, 0), pilot.blocks.rows.dtype)
        sample = inside[:: max(1, len(inside) // (_SAMPLE * width))]
        scaled = (pilot.blocks.rows[sample] - pilot.machines.minimum[0]) * pilot.machines.scale[0]
        scaled = np.column_stack([scaled, np.ones(len(sample))]).astype(pilot.blocks.rows.dtype)
        scaled *= np.sqrt(curvature[sample, np.newaxis] * (len(inside) / len(sample)))
        values, vectors = np.linalg.eigh(scaled.T @ scaled)
        return np.maximum(values, 0).astype(np.float64), vectors

    def of(self, newton: Newton) -> Preconditioner:
        """Precondition the machines of this state, whose curvatures at each time say how much data they have."""

        def precondition(vectors: Float, which: NDArray[np.intp]) -> Float:
            preconditioned = vectors.copy()
            for own, (values, basis) in enumerate(self._bases):
                mine = self._own[which] == own
                if not len(values) or not mine.any():
                    continue
                ratio, offset, last = self._ratio[which[mine]], self._offset[which[mine]], vectors[mine, -1:]
                mapped = np.hstack([(vectors[mine, :-1] + offset * last) * ratio, last])
                share = newton.curvature_sum[which[mine]] / max(self._totals[own], np.finfo(np.float64).tiny)
                inner = (mapped.astype(basis.dtype) @ basis) / (1 + np.outer(share, values))
                mapped = (inner.astype(basis.dtype) @ basis.T).astype(np.float64)
                weights = mapped[:, :-1] * ratio
                preconditioned[mine, :-1] = weights
                preconditioned[mine, -1] = mapped[:, -1] + np.einsum("pd,pd->p", offset, weights)
            return preconditioned

        return precondition


def _model(problem: _Problem, newton: Newton, number: int) -> LinearSVM:
    mine = problem.machines.set_of == number
    model = LinearSVM(**problem.template.get_params())
    model.classes_ = problem.classes[problem.present[number]]
    model.coef_ = np.ascontiguousarray(newton.vectors[mine, :-1])
    model.intercept_ = newton.vectors[mine, -1].copy()
    model.n_features_in_ = problem.blocks.rows.shape[1]
    model.n_iter_ = int(newton.steps[mine].max())
    return model
