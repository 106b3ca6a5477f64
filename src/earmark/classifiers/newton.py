"""A truncated Newton method for many support vector machines that share one matrix of rows.

Every machine minimises liblinear's objective (Fan et al., *LIBLINEAR*, JMLR 9, 2008, with the intercept as one more
coefficient)::

    1/2 (|w|^2 + b^2) + sum_i cost_i max(0, 1 - y_i (w . s_i + b))^2

over its own rows scaled by its own affine map, ``s = (x - minimum) * scale``. The map is folded into the weights, so
each step for all machines is one product of the common rows with a (dimension x machines) matrix. The Newton equations
are solved by conjugate gradients as in Lin, Weng and Keerthi, *Trust region Newton method for large-scale logistic
regression*, JMLR 9, 2008, here with a line search instead of a trust region.

Rows are walked in blocks of fixed size. Products are in the precision of the rows; sums over blocks, gradients, norms
and steps are in float64. Blocks may run in several threads, each with linear algebra on one: their sums are added in
the order of the rows, so the result has the same bits whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blocks", "Machines", "Newton", "Preconditioner", "single_threaded_pool"]

Float = NDArray[np.float64]
Result = TypeVar("Result")
#: A symmetric approximation of the inverse Hessians: takes vectors (k, dimension + 1) and the machines they belong to.
Preconditioner = Callable[[Float, NDArray[np.intp]], Float]

# Small enough for the second pass over a block to find it in the cache.
_BLOCK = 2048
_MAX_CG = 200
# A full step is kept if the slope along it fell to this share; else the best step is searched for.
_SLOPE_LEFT = 0.3
# A machine whose gradient has not shrunk for so many steps has met the precision of its rows.
_PATIENCE = 6


@dataclass(frozen=True)
class Blocks:
    """Rows in blocks, and the threads that walk them.

    Attributes
    ----------
    rows : ndarray, shape (n, d), float32 or float64
    pool : executor
        Its threads do linear algebra on one core each.
    """

    rows: NDArray[Any]
    pool: Executor

    def map(self, function: Callable[[slice], Result]) -> list[Result]:
        """Call a function with each block's slice of rows; return the results in the order of the rows."""
        return list(self.pool.map(function, self._slices()))

    def sum(self, function: Callable[[slice], tuple[NDArray[Any], ...]]) -> tuple[Float, ...]:
        """Add up what the function gives for each block, in float64 and in the order of the rows."""
        totals: list[Float] = []
        for parts in self.pool.map(function, self._slices()):
            if not totals:
                totals = [np.zeros(part.shape) for part in parts]
            for total, part in zip(totals, parts, strict=True):
                total += part
        return tuple(totals)

    def _slices(self) -> list[slice]:
        return [slice(start, min(start + _BLOCK, len(self.rows))) for start in range(0, len(self.rows), _BLOCK)]


@contextmanager
def single_threaded_pool(workers: int) -> Iterator[Executor]:
    """Give so many threads, each of which does its linear algebra alone."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers, "earmark") as pool:
        yield pool


@dataclass(frozen=True)
class Machines:
    """Machines to be trained, several a training set.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        The class of each row.
    member : ndarray of bool, shape (n, sets)
        Whether a row belongs to a training set.
    minimum, scale : ndarray, shape (sets, d), float64
        The affine map of each set; a scale of zero leaves a column out.
    set_of : ndarray of int, shape (machines,)
        The training set of each machine.
    positive : ndarray of int, shape (machines,)
        The class that stands against the rest.
    costs : ndarray, shape (machines, 2), float64
        Cost of an error on a row of the rest, and of the class.
    """

    codes: NDArray[np.intp]
    member: NDArray[np.bool_]
    minimum: Float
    scale: Float
    set_of: NDArray[np.intp]
    positive: NDArray[np.intp]
    costs: Float

    def __len__(self) -> int:
        return len(self.set_of)

    def signs_and_costs(self, block: slice, which: NDArray[np.intp], dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Signs of the rows of a block, and their costs (0 outside of the set), each of shape (rows, machines)."""
        positive = self.codes[block, np.newaxis] == self.positive[which]
        rest, of_class = self.costs[which].T.astype(dtype)
        costs = np.where(positive, of_class, rest)
        costs *= self.member[block][:, self.set_of[which]]
        return np.where(positive, dtype.type(1), dtype.type(-1)), costs

    def folded(self, vectors: Float, which: NDArray[np.intp]) -> tuple[Float, Float]:
        """Weights for rows as they are, (d, machines), and intercepts, (machines,), of vectors for scaled rows."""
        weights = vectors[:, :-1] * self.scale[self.set_of[which]]
        return weights.T, vectors[:, -1] - np.einsum("pd,pd->p", weights, self.minimum[self.set_of[which]])

    def unfolded(self, products: Float, sums: Float, which: NDArray[np.intp]) -> Float:
        """Inner products of scaled rows and the intercept's 1, from those of rows as they are, (machines, d)."""
        sets = self.set_of[which]
        centred = products - self.minimum[sets] * sums[:, np.newaxis]
        return np.hstack([centred * self.scale[sets], sums[:, np.newaxis]])


class Newton:
    """The state of all machines, and the steps that improve it.

    It keeps three arrays of shape (n, machines) in the precision of the rows: decision values, their change along the
    newest step, and curvatures.

    Parameters
    ----------
    blocks : Blocks
    machines : Machines
    start : ndarray, shape (machines, d + 1), float64
        Coefficients for scaled rows, and intercepts.

    Attributes
    ----------
    vectors : ndarray, shape (machines, d + 1), float64
        Coefficients and intercepts now.
    gradient : ndarray, shape (machines, d + 1), float64
        The gradient there.
    curvature : ndarray, shape (n, machines)
        Twice the cost of each row that is inside the margin, else zero.
    curvature_sum : ndarray, shape (machines,), float64
    steps : ndarray of int, shape (machines,)
        Newton steps taken.
    """

    def __init__(self, blocks: Blocks, machines: Machines, start: Float) -> None:
        self.blocks, self.machines = blocks, machines
        shape = (len(blocks.rows), len(machines))
        self._decisions, self._change, self.curvature = (np.zeros(shape, blocks.rows.dtype) for _ in range(3))
        self.vectors, self.gradient = np.zeros_like(start), np.zeros_like(start)
        self._objective, self.curvature_sum = np.zeros(len(machines)), np.zeros(len(machines))
        self.steps = np.zeros(len(machines), np.intp)
        everyone = np.arange(len(machines))
        self._evaluate(everyone)
        #: Norms of the gradients at zero, against which liblinear measures convergence.
        self.first_norms = np.linalg.norm(self.gradient, axis=1)
        if start.any():
            self._move(everyone, start)

    def solve(
        self, tolerances: Float, relative: float, max_iter: int, precondition: Preconditioner
    ) -> NDArray[np.bool_]:
        """Step until each machine has converged.

        Parameters
        ----------
        tolerances : ndarray, shape (machines,)
            Largest norm of the gradient, as a share of that at zero.
        relative : float
            Largest preconditioned gradient, about the distance to the solution, as a share of the solution.
        max_iter : int
            Largest number of steps.
        precondition : callable

        Returns
        -------
        ndarray of bool, shape (machines,)
            Which machines have converged. The others took `max_iter` steps, or got as far as the precision of the
            rows lets them.
        """
        everyone = np.arange(len(self.machines))
        least, since = np.full(len(everyone), np.inf), np.zeros(len(everyone), np.intp)
        while True:
            norms = np.linalg.norm(self.gradient, axis=1)
            away = np.linalg.norm(precondition(self.gradient, everyone), axis=1)
            near = away <= relative * np.linalg.norm(self.vectors, axis=1)
            left = ~(near & (norms <= tolerances * self.first_norms))
            since = np.where(norms < least, 0, since + 1)
            least = np.fmin(least, norms)
            which = everyone[left & (self.steps < max_iter) & (since < _PATIENCE)]
            if not len(which):
                return np.asarray(~left)
            self._move(which, self._direction(which, precondition))
            self.steps[which] += 1

    def _direction(self, which: NDArray[np.intp], precondition: Preconditioner) -> Float:
        """Solve the Newton equations by conjugate gradients; a machine leaves when its residual is small."""
        residual = -self.gradient[which]
        norms = np.linalg.norm(residual, axis=1)
        share = np.sqrt(norms / np.maximum(self.first_norms[which], np.finfo(float).tiny))
        goals = norms * np.clip(share, 0.01, 0.1)
        directions = np.zeros_like(residual)
        scaled = precondition(residual, which)
        along, energy = scaled.copy(), np.einsum("pd,pd->p", residual, scaled)
        live = np.arange(len(which))
        for _ in range(_MAX_CG):
            product = self._hessian(along, which[live])
            step = (energy / np.einsum("pd,pd->p", along, product))[:, np.newaxis]
            directions[live] += step * along
            residual = residual - step * product
            going = np.linalg.norm(residual, axis=1) > goals[live]
            if not going.any():
                break
            live, residual, along, energy = live[going], residual[going], along[going], energy[going]
            scaled = precondition(residual, which[live])
            fresh = np.einsum("pd,pd->p", residual, scaled)
            along, energy = scaled + (fresh / energy)[:, np.newaxis] * along, fresh
        return directions

    def _hessian(self, vectors: Float, which: NDArray[np.intp]) -> Float:
        rows, dtype = self.blocks.rows, self.blocks.rows.dtype
        weights, offsets = (part.astype(dtype) for part in self.machines.folded(vectors, which))

        def product(block: slice) -> tuple[NDArray[Any], ...]:
            values = rows[block] @ weights
            values += offsets
            values *= _columns(self.curvature[block], which)
            return values.T @ rows[block], values.sum(axis=0)

        products, sums = self.blocks.sum(product)
        return np.asarray(vectors + self.machines.unfolded(products, sums, which))

    def _move(self, which: NDArray[np.intp], directions: Float) -> None:
        """Take a whole step if it does what it should, else the best one along the line."""
        slopes = np.einsum("pd,pd->p", self.gradient[which], directions)
        before = self._objective[which]
        self._shift(which, directions)
        self._evaluate(which)
        after = np.einsum("pd,pd->p", self.gradient[which], directions)
        # Near the solution the objective moves by less than its rounding: there the slope alone decides.
        good = np.abs(after) <= _SLOPE_LEFT * np.abs(slopes)
        good &= self._objective[which] <= before + 1e-6 * np.abs(before)
        if good.all():
            return
        poor = ~good
        self._search(which[poor], directions[poor], slopes[poor], after[poor])
        self._evaluate(which[poor])

    def _shift(self, which: NDArray[np.intp], directions: Float) -> None:
        rows, dtype = self.blocks.rows, self.blocks.rows.dtype
        weights, offsets = (part.astype(dtype) for part in self.machines.folded(directions, which))

        def shift(block: slice) -> None:
            change = rows[block] @ weights
            change += offsets
            _put(self._change[block], which, change)
            _put(self._decisions[block], which, _columns(self._decisions[block], which) + change)

        self.blocks.map(shift)
        self.vectors[which] += directions

    def _evaluate(self, which: NDArray[np.intp]) -> None:
        """Work out objective, gradient and curvatures from the decision values."""
        rows = self.blocks.rows

        def evaluate(block: slice) -> tuple[NDArray[Any], ...]:
            short, curvature, signs = self._shortfall(block, which, _columns(self._decisions[block], which))
            _put(self.curvature[block], which, curvature)
            pull = curvature * short
            loss = np.einsum("np,np->p", pull, short)
            pull *= signs
            return pull.T @ rows[block], pull.sum(axis=0), loss, curvature.sum(axis=0)

        products, sums, losses, self.curvature_sum[which] = self.blocks.sum(evaluate)
        vectors = self.vectors[which]
        self.gradient[which] = vectors - self.machines.unfolded(products, sums, which)
        self._objective[which] = 0.5 * (np.einsum("pd,pd->p", vectors, vectors) + losses)

    def _shortfall(
        self, block: slice, which: NDArray[np.intp], decisions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """By how much rows fall short of the margin (0 if not at all), their curvatures and their signs."""
        signs, costs = self.machines.signs_and_costs(block, which, self.blocks.rows.dtype)
        short = 1 - signs * decisions
        np.maximum(short, 0, out=short)
        costs *= 2
        costs *= short > 0
        return short, costs, signs

    def _search(self, which: NDArray[np.intp], directions: Float, before: Float, after: Float) -> None:
        """Find where the slope along the direction is about zero; it grows with the step, one way from -1 before.

        The decision values are linear in the step, so this needs no further product with the rows.
        """
        vectors, square = self.vectors[which], np.einsum("pd,pd->p", directions, directions)
        base = np.einsum("pd,pd->p", vectors, directions)
        lower, upper = np.where(after < 0, 0.0, -1.0), np.where(after < 0, np.inf, 0.0)
        step, slope, goal = np.zeros(len(which)), after, 0.1 * np.abs(before)
        for _ in range(40):
            sums = self._line(which, step)
            slope, rise = base + step * square - sums[0], square + sums[1]
            lower, upper = np.where(slope < 0, step, lower), np.where(slope < 0, upper, step)
            if (np.abs(slope) <= goal).all():
                break
            trial = step - slope / rise
            inside = (trial > lower) & (trial < upper)
            middle = np.where(np.isfinite(upper), 0.5 * (lower + np.where(np.isfinite(upper), upper, 0)), lower + 1)
            step = np.where(np.abs(slope) <= goal, step, np.where(inside, trial, middle))
        self._take(which, directions, step)

    def _line(self, which: NDArray[np.intp], step: Float) -> tuple[Float, ...]:
        """Pull and curvature along the newest change, at a further step."""
        factor = step.astype(self.blocks.rows.dtype)

        def along(block: slice) -> tuple[NDArray[Any], ...]:
            change = _columns(self._change[block], which)
            decisions = _columns(self._decisions[block], which) + factor * change
            short, curvature, signs = self._shortfall(block, which, decisions)
            curvature *= change
            short *= signs
            return np.einsum("np,np->p", short, curvature), np.einsum("np,np->p", change, curvature)

        return self.blocks.sum(along)

    def _take(self, which: NDArray[np.intp], directions: Float, step: Float) -> None:
        factor = step.astype(self.blocks.rows.dtype)

        def take(block: slice) -> None:
            further = _columns(self._decisions[block], which) + factor * _columns(self._change[block], which)
            _put(self._decisions[block], which, further)

        self.blocks.map(take)
        self.vectors[which] += step[:, np.newaxis] * directions


def _columns(values: NDArray[Any], which: NDArray[np.intp]) -> NDArray[Any]:
    """Columns of a block: a view if all are meant."""
    return values if len(which) == values.shape[1] else values[:, which]


def _put(values: NDArray[Any], which: NDArray[np.intp], columns: NDArray[Any]) -> None:
    values[:, which if len(which) < values.shape[1] else slice(None)] = columns
