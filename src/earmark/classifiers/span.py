"""Newton directions where rows are few, machine by machine: only the rows inside the margin matter.

The Hessian of a machine is ``I + S' D S`` with the scaled rows S inside its margin and their curvatures D. With many
machines and few rows most of a product with all rows is wasted, so each machine takes its own:

`Inside` copies them together and solves the Newton equations by conjugate gradients: products of a small matrix that
stays in the cache and one vector, faster than those of a large matrix and several.

`Kernel` is for no more rows than columns. There the solution is a sum of training rows, and the equations are as many
as there are rows inside the margin (Chapelle, *Training a support vector machine in the primal*, Neural Computation 19,
2007). They are solved exactly, from the inner products of all rows, which are worked out once for a training set::

    (I + S' D S)^-1 g = g - S' (D^-1 + S S')^-1 S g
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.blocks import Float
from earmark.classifiers.newton import Newton, forcing

__all__ = ["Inside", "Kernel"]

_MAX_CG = 300
# What keeps a system positive definite where costs are huge, relative to its largest entry; a direction may be inexact.
_ROUNDING = 1e-13


class Inside:
    """Directions from the rows inside the margin of each machine, by conjugate gradients."""

    def precondition(self, newton: Newton, vectors: Float, which: NDArray[np.intp]) -> Float:
        """Return the vectors as they are: no eigenvalue of a Hessian is below 1."""
        return vectors

    def directions(self, newton: Newton, which: NDArray[np.intp]) -> Float:
        """Solve the Newton equations of one machine after another."""
        goals = forcing(np.linalg.norm(newton.gradient[which], axis=1), newton.first_norms[which])
        return np.stack([_solved(newton, int(machine), goal) for machine, goal in zip(which, goals, strict=True)])


def _solved(newton: Newton, machine: int, goal: float) -> Float:
    """Solve the Newton equations of a machine until the residual has the norm of the goal.

    The solution may be inexact, so that float32 does for the products where that is the type of the rows.
    """
    machines, (rows, curvature) = newton.machines, _inside(newton, machine)
    scale, offset = machines.scale[machines.set_of[machine]], machines.offset[machines.set_of[machine]]
    residual: Float = -newton.gradient[machine]
    direction, along, energy = np.zeros_like(residual), residual.copy(), residual @ residual
    for _ in range(_MAX_CG):
        weights = along[:-1] * scale
        values = rows @ weights.astype(rows.dtype)
        values += rows.dtype.type(along[-1] - weights @ offset)
        values *= curvature
        total = values.sum(dtype=np.float64)
        product = along.copy()
        product[:-1] += (values @ rows - offset * total) * scale
        product[-1] += total
        step = energy / (along @ product)
        direction += step * along
        residual -= step * product
        fresh = residual @ residual
        if fresh <= goal * goal:
            break
        along *= fresh / energy
        along += residual
        energy = fresh
    return direction


def _inside(newton: Newton, machine: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the rows inside the margin of a machine, in their own type, and their curvatures."""
    curvature = newton.work.curvature(machine)
    inside = np.flatnonzero(curvature)
    rows = newton.work.blocks.stored(inside)
    return rows, curvature[inside].astype(rows.dtype)


class Kernel:
    """Exact directions from the inner products of the scaled rows.

    Parameters
    ----------
    rows : ndarray, shape (n, d), float64
        Those of one training set, scaled.
    """

    def __init__(self, rows: Float) -> None:
        self._kernel = rows @ rows.T
        self._kernel += 1  # the intercept's
        self._rounding = _ROUNDING * self._kernel.max()

    def precondition(self, newton: Newton, vectors: Float, which: NDArray[np.intp]) -> Float:
        """Return the vectors as they are: no eigenvalue of a Hessian is below 1."""
        return vectors

    def directions(self, newton: Newton, which: NDArray[np.intp]) -> Float:
        """Solve the Newton equations of each machine."""
        from scipy.linalg import cho_factor, cho_solve

        gradients = newton.gradient[which]
        right, left = newton.work.change(gradients, which), np.zeros((len(self._kernel), len(which)))
        for number, machine in enumerate(which):
            curvature = newton.work.curvature(int(machine))
            inside = np.flatnonzero(curvature)
            if len(inside):
                system = self._kernel[np.ix_(inside, inside)]
                system[np.diag_indices_from(system)] += 1 / curvature[inside] + self._rounding
                factor = cho_factor(system, overwrite_a=True, check_finite=False)
                left[inside, number] = cho_solve(factor, right[inside, number], check_finite=False)
        return newton.work.combine(left, which) - gradients
