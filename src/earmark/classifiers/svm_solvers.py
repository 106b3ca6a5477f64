"""Two ways to solve the support vector machines of many training sets, and which of them suits."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.blocks import Blocks, Float
from earmark.classifiers.newton import ConjugateGradients, Directions, Newton
from earmark.classifiers.preconditioner import Eigen, identity
from earmark.classifiers.row_work import Machines
from earmark.classifiers.span import Inside, Kernel
from earmark.classifiers.svm_problem import Problem, carried

__all__ = ["Solution", "are_few", "solve_few", "solve_many"]

# Rows are few up to so many times the columns, and so many values: a thread copies the rows of a set.
_FEW = 25
_FEW_VALUES = 2**25
# Up to so many rows, if no more than columns, their inner products are worked out.
_KERNEL_ROWS = 4096
# The pilot has so many rows, times the dimension, so many values at most, and is solved so far as a good start needs.
_PILOT_ROWS = 32
_PILOT_VALUES = 2**25
_PILOT_TOLERANCE = 1e-2
_PILOT_TOLERANCE_OF_FEW = 1e-3
# With fewer sets a pilot costs more than it saves where rows are few.
_PILOT_SETS = 3
# About how far from the solution a machine may be, relative to its norm and in units of the tolerance.
_CLOSE = 1.0


@dataclass(frozen=True)
class Solution:
    """Machines as far as they were solved.

    Attributes
    ----------
    vectors : ndarray, shape (machines, d + 1), float64
        Coefficients for scaled rows, and intercepts.
    steps : ndarray of int, shape (machines,)
        Newton steps taken.
    converged : ndarray of bool, shape (machines,)
    """

    vectors: Float
    steps: NDArray[np.intp]
    converged: NDArray[np.bool_]


def are_few(rows: NDArray[Any], member: NDArray[np.bool_]) -> bool:
    """Tell whether the training sets have few rows: few for the columns, and few enough to be copied."""
    most, columns = member.sum(axis=0).max(), rows.shape[1]
    return bool(most <= _FEW * columns and most * columns <= _FEW_VALUES)


def solve_many(problem: Problem, blocks: Blocks) -> Solution:
    """Solve the pilot, then from there all machines side by side; those that meet the precision go on in float64."""
    machines, template, columns = problem.machines, problem.template, blocks.shape[1]
    drawn, few = problem.pilot(min(_PILOT_ROWS * columns, max(1, _PILOT_VALUES // columns)))
    pilot = Newton(blocks.of(drawn), few, np.zeros((len(few), columns + 1)))
    # At its loose tolerance a preconditioner does not pay.
    pilot.solve(np.full(len(few), _PILOT_TOLERANCE), 1e9, template.max_iter, ConjugateGradients(identity))
    eigen = Eigen(pilot, machines)
    newton = Newton(blocks, machines, carried(pilot.vectors, few, machines))
    close = _CLOSE * template.tol
    converged = newton.solve(problem.tolerances, close, template.max_iter, ConjugateGradients(eigen))
    vectors, steps = newton.vectors, newton.steps
    left = np.flatnonzero(~converged & (steps < template.max_iter))
    del newton, pilot
    if len(left) and blocks.dtype != np.float64:
        finer = Newton(blocks.converted(np.float64), machines.some(left), vectors[left])
        further = int(template.max_iter - steps[left].min())
        way = ConjugateGradients(eigen.some(left))
        converged[left] = finer.solve(problem.tolerances[left], close, further, way)
        vectors[left] = finer.vectors
        steps[left] += finer.steps
    return Solution(vectors, steps, converged)


def solve_few(problem: Problem, rows: NDArray[Any], pool: Executor) -> Solution:
    """Solve a pilot, then from there one set after another, each in one thread."""
    machines, template, sets = problem.machines, problem.template, problem.member.T
    start = np.zeros((len(machines), rows.shape[1] + 1))
    if len(sets) >= _PILOT_SETS:
        drawn, few = problem.pilot(int(problem.member.sum(axis=0).max()))
        pilot, way = _alone(rows[drawn], few, start[: len(few)])
        pilot.solve(np.full(len(few), _PILOT_TOLERANCE_OF_FEW), 1e9, template.max_iter, way)
        start = carried(pilot.vectors, few, machines)

    def solve(number: int) -> tuple[Newton, NDArray[np.bool_]]:
        mine, members = machines.set_of == number, np.flatnonzero(sets[number])
        newton, way = _alone(rows[members], _of_set(machines, number, members), start[mine])
        return newton, newton.solve(problem.tolerances[mine], template.tol, template.max_iter, way)

    solved = list(pool.map(solve, range(len(sets))))
    vectors, steps = (np.concatenate([getattr(one, name) for one, _ in solved]) for name in ("vectors", "steps"))
    return Solution(vectors, steps, np.concatenate([converged for _, converged in solved]))


def _of_set(machines: Machines, number: int, members: NDArray[np.intp]) -> Machines:
    """Return the machines of one set, for its rows alone."""
    mine = np.flatnonzero(machines.set_of == number)
    affine = machines.offset[[number]], machines.scale[[number]]
    everything, nought = np.ones((len(members), 1), np.bool_), np.zeros(len(mine), np.intp)
    return Machines(machines.codes[members], everything, *affine, nought, machines.positive[mine], machines.costs[mine])


def _alone(rows: NDArray[Any], machines: Machines, start: Float) -> tuple[Newton, Directions]:
    """Return the machines of one set, on its rows alone, which are scaled in place, and the way to solve them."""
    offset, scale = machines.offset[0].astype(rows.dtype), machines.scale[0].astype(rows.dtype)
    for first in range(0, len(rows), Blocks.size):
        block = rows[first : first + Blocks.size]
        block[:] = (block - offset) * scale  # in their own type, as `LinearSVM` gets them
    way: Directions = Inside()
    if len(rows) <= min(rows.shape[1], _KERNEL_ROWS):
        rows = rows.astype(np.float64)
        way = Kernel(rows)
    unscaled = replace(machines, offset=np.zeros_like(machines.offset), scale=np.ones_like(machines.scale))
    return Newton(Blocks(rows, dtype=np.float64), unscaled, start), way
