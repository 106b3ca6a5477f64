"""A truncated Newton method for many support vector machines that share one matrix of rows.

Every machine minimises liblinear's objective (Fan et al., *LIBLINEAR*, JMLR 9, 2008, with the intercept as one more
coefficient)::

    1/2 (|w|^2 + b^2) + sum_i cost_i max(0, 1 - y_i (w . s_i + b))^2

over its own scaled rows. Each step goes along a direction that about solves the Newton equations of each machine, with
a line search instead of a trust region. Here they are solved for all machines at once by conjugate gradients, as in
Lin, Weng and Keerthi, *Trust region Newton method for large-scale logistic regression*, JMLR 9, 2008, which suits many
rows; `earmark.classifiers.span` has two other ways for few.

Products with the rows are `RowWork`'s; gradients, norms and steps are in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.blocks import Blocks, Float
from earmark.classifiers.row_work import Machines, RowWork

__all__ = ["ConjugateGradients", "Directions", "Newton", "forcing"]

_MAX_CG = 200
# A full step is kept if the slope along it fell to this share; else the best step is searched for.
_SLOPE_LEFT = 0.3
# So many machines are searched at once: their decision values along the step are kept meanwhile.
_SEARCHED = 16
# A machine whose gradient has not shrunk for so many steps, nor its objective by this share, has met the precision of
# its rows.
_PATIENCE, _FALLS = 6, 1e-6
# What is below is rounding: of a gradient at zero, relative to the curvatures; of coefficients for values in [0, 1].
_ROUNDING, _SMALL = 1e-9, 1e-6


class Directions(Protocol):
    """A way to solve the Newton equations."""

    def precondition(self, newton: Newton, vectors: Float, which: NDArray[np.intp]) -> Float:
        """Multiply vectors, (k, d + 1), with about the inverse Hessians of the machines `which`."""

    def directions(self, newton: Newton, which: NDArray[np.intp]) -> Float:
        """Multiply minus the gradients of the machines `which` with their inverse Hessians, as far as it pays."""


class Newton:
    """The state of all machines, and the steps that improve it.

    Parameters
    ----------
    blocks : Blocks
    machines : Machines
    start : ndarray, shape (machines, d + 1), float64
        Coefficients for scaled rows, and intercepts.

    Attributes
    ----------
    work : RowWork
    vectors : ndarray, shape (machines, d + 1), float64
        Coefficients and intercepts now.
    gradient : ndarray, shape (machines, d + 1), float64
        The gradient there.
    first_norms : ndarray, shape (machines,), float64
        Norms of the gradients at zero, against which liblinear measures convergence.
    curvature_sum : ndarray, shape (machines,), float64
    steps : ndarray of int, shape (machines,)
        Newton steps taken.
    """

    def __init__(self, blocks: Blocks, machines: Machines, start: Float) -> None:
        self.machines, self.work = machines, RowWork(blocks, machines)
        self.vectors, self.gradient = np.zeros_like(start), np.zeros_like(start)
        self._objective, self.curvature_sum = np.zeros(len(machines)), np.zeros(len(machines))
        self.steps = np.zeros(len(machines), np.intp)
        everyone = np.arange(len(machines))
        self._evaluate(everyone)
        # Where the classes lie alike that is zero but for rounding.
        self.first_norms = np.maximum(np.linalg.norm(self.gradient, axis=1), _ROUNDING * self.curvature_sum)
        if start.any():
            self.work.advance(start, everyone)
            self.vectors += start
            self._evaluate(everyone)

    def solve(self, tolerances: Float, relative: float, max_iter: int, way: Directions) -> NDArray[np.bool_]:
        """Step until each machine has converged.

        Parameters
        ----------
        tolerances : ndarray, shape (machines,)
            Largest norm of the gradient, as a share of that at zero.
        relative : float
            Largest preconditioned gradient, about the distance to the solution, as a share of the solution.
        max_iter : int
            Largest number of steps.
        way : Directions

        Returns
        -------
        ndarray of bool, shape (machines,)
            Which machines have converged. The others took `max_iter` steps, or got as far as the precision of the
            rows lets them.
        """
        everyone = np.arange(len(self.machines))
        least, lowest = (np.full(len(everyone), np.inf) for _ in range(2))
        since = np.zeros(len(everyone), np.intp)
        while True:
            norms = np.linalg.norm(self.gradient, axis=1)
            away = np.linalg.norm(way.precondition(self, self.gradient, everyone), axis=1)
            near = away <= relative * np.maximum(np.linalg.norm(self.vectors, axis=1), _SMALL)
            left = ~(near & (norms <= tolerances * self.first_norms))
            falls = (norms < least) | (self._objective < lowest - _FALLS * np.abs(self._objective))
            since = np.where(falls, 0, since + 1)
            least, lowest = np.fmin(least, norms), np.fmin(lowest, self._objective)
            which = everyone[left & (self.steps < max_iter) & (since < _PATIENCE)]
            if not len(which):
                return np.asarray(~left)
            self._move(which, way.directions(self, which))
            self.steps[which] += 1

    def _evaluate(self, which: NDArray[np.intp]) -> None:
        """Work out objective and gradient from the decision values."""
        pull, loss, self.curvature_sum[which] = self.work.evaluate(which)
        vectors = self.vectors[which]
        self.gradient[which] = vectors - pull
        self._objective[which] = 0.5 * (np.einsum("pd,pd->p", vectors, vectors) + loss)

    def _move(self, which: NDArray[np.intp], directions: Float) -> None:
        """Take a whole step if it does what it should, else the best one along the line."""
        slopes = np.einsum("pd,pd->p", self.gradient[which], directions)
        before = self._objective[which]
        self.work.advance(directions, which)
        self.vectors[which] += directions
        self._evaluate(which)
        after = np.einsum("pd,pd->p", self.gradient[which], directions)
        # Near the solution the objective moves by less than its rounding: there the slope alone decides.
        good = np.abs(after) <= _SLOPE_LEFT * np.abs(slopes)
        good &= self._objective[which] <= before + 1e-6 * np.abs(before)
        poor = np.flatnonzero(~good)
        for first in range(0, len(poor), _SEARCHED):
            some = poor[first : first + _SEARCHED]
            self._search(which[some], directions[some], slopes[some], after[some])
        if len(poor):
            self._evaluate(which[poor])

    def _search(self, which: NDArray[np.intp], directions: Float, before: Float, after: Float) -> None:
        """Find where the slope along the direction is about zero; it grows with the step, one way from -1 before.

        The decision values are linear in the step, so this needs one further product with the rows.
        """
        change = self.work.change(directions, which)
        vectors, square = self.vectors[which], np.einsum("pd,pd->p", directions, directions)
        base = np.einsum("pd,pd->p", vectors, directions)
        lower, upper = np.where(after < 0, 0.0, -1.0), np.where(after < 0, np.inf, 0.0)
        step, goal = np.zeros(len(which)), 0.1 * np.abs(before)
        for _ in range(40):
            pull, curvature = self.work.slope(change, which, step)
            slope, rise = base + step * square - pull, square + curvature
            lower, upper = np.where(slope < 0, step, lower), np.where(slope < 0, upper, step)
            if (np.abs(slope) <= goal).all():
                break
            trial = step - slope / rise
            inside = (trial > lower) & (trial < upper)
            middle = np.where(np.isfinite(upper), 0.5 * (lower + np.where(np.isfinite(upper), upper, 0)), lower + 1)
            step = np.where(np.abs(slope) <= goal, step, np.where(inside, trial, middle))
        self.work.take(change, which, step)
        self.vectors[which] += step[:, np.newaxis] * directions


def forcing(norms: Float, first_norms: Float) -> Float:
    """Return how small the residuals of Newton equations are to become: the more so, the nearer the solution."""
    share = np.sqrt(norms / np.maximum(first_norms, np.finfo(float).tiny))
    return np.asarray(norms * np.clip(share, 0.01, 0.1))


@dataclass(frozen=True)
class ConjugateGradients:
    """Directions for all machines at once by preconditioned conjugate gradients.

    Attributes
    ----------
    preconditioner : callable
        Takes the state, vectors and the machines that they belong to.
    """

    preconditioner: Callable[[Newton, Float, NDArray[np.intp]], Float]

    def precondition(self, newton: Newton, vectors: Float, which: NDArray[np.intp]) -> Float:
        """Multiply with about the inverse Hessians."""
        return self.preconditioner(newton, vectors, which)

    def directions(self, newton: Newton, which: NDArray[np.intp]) -> Float:
        """Solve the Newton equations; a machine leaves when its residual is small."""
        residual = -newton.gradient[which]
        goals = forcing(np.linalg.norm(residual, axis=1), newton.first_norms[which])
        directions = np.zeros_like(residual)
        scaled = self.precondition(newton, residual, which)
        along, energy = scaled.copy(), np.einsum("pd,pd->p", residual, scaled)
        live = np.arange(len(which))
        for _ in range(_MAX_CG):
            product = along + newton.work.curve(along, which[live])
            step = (energy / np.einsum("pd,pd->p", along, product))[:, np.newaxis]
            directions[live] += step * along
            residual = residual - step * product
            going = np.linalg.norm(residual, axis=1) > goals[live]
            if not going.any():
                break
            live, residual, along, energy = live[going], residual[going], along[going], energy[going]
            scaled = self.precondition(newton, residual, which[live])
            fresh = np.einsum("pd,pd->p", residual, scaled)
            along, energy = scaled + (fresh / energy)[:, np.newaxis] * along, fresh
        return directions
