"""The row-sized work of solving many support vector machines that share one matrix of rows.

Each machine has its own rows, scaled by its own affine map, ``s = (x - offset) * scale``. The map is folded into the
weights, so each step for all machines is one product of the common rows with a (dimension x machines) matrix.

The same lines do it in NumPy on the processor and in PyTorch on a device: `Blocks` says which. What comes in and what
goes out is small, in NumPy and in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.blocks import Blocks, Float

__all__ = ["Machines", "RowWork"]


@dataclass(frozen=True)
class Machines:
    """Machines to be trained, several a training set.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        The class of each row.
    member : ndarray of bool, shape (n, sets)
        Whether a row belongs to a training set.
    offset, scale : ndarray, shape (sets, d), float64
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
    offset: Float
    scale: Float
    set_of: NDArray[np.intp]
    positive: NDArray[np.intp]
    costs: Float

    def __len__(self) -> int:
        return len(self.set_of)

    def some(self, which: NDArray[np.intp]) -> Machines:
        """Return some of the machines, with the sets of all."""
        few = self.set_of[which], self.positive[which], self.costs[which]
        return Machines(self.codes, self.member, self.offset, self.scale, *few)

    def folded(self, vectors: Float, which: NDArray[np.intp]) -> tuple[Float, Float]:
        """Weights for rows as they are, (d, machines), and intercepts, (machines,), of vectors for scaled rows."""
        weights = vectors[:, :-1] * self.scale[self.set_of[which]]
        return weights.T, vectors[:, -1] - np.einsum("pd,pd->p", weights, self.offset[self.set_of[which]])

    def unfolded(self, products: Float, sums: Float, which: NDArray[np.intp]) -> Float:
        """Inner products of scaled rows and the intercept's 1, from those of rows as they are, (machines, d)."""
        sets = self.set_of[which]
        centred = products - self.offset[sets] * sums[:, np.newaxis]
        return np.hstack([centred * self.scale[sets], sums[:, np.newaxis]])


class RowWork:
    """Decision values of all rows for all machines, and what is worked out from them.

    It keeps the decision values, (n, machines) in the type of the products, which rows are inside the margin, one byte
    each, and of each row its class and sets.

    Parameters
    ----------
    blocks : Blocks
    machines : Machines
    """

    def __init__(self, blocks: Blocks, machines: Machines) -> None:
        self.blocks, self.machines = blocks, machines
        self._codes, self._member = blocks.put(machines.codes), blocks.put(machines.member)
        self._decisions, self._inside = blocks.zeros(len(machines)), blocks.zeros(len(machines), bool)
        self._one = blocks.put(np.ones(1))

    def advance(self, vectors: Float, which: NDArray[np.intp]) -> None:
        """Add the products of scaled rows and vectors, (k, d + 1), to the decision values of machines, (k,)."""
        multiply, columns = self._multiplier(vectors, which), self._columns(which)

        def advance(block: slice) -> None:
            self._decisions[block][:, columns] += multiply(block)

        self.blocks.each(advance)

    def evaluate(self, which: NDArray[np.intp]) -> tuple[Float, Float, Float]:
        """Find the rows inside the margin.

        Returns
        -------
        pull : ndarray, shape (k, d + 1)
            Minus the gradient of the loss.
        loss : ndarray, shape (k,)
            Twice the loss.
        curvature : ndarray, shape (k,)
            Sum of the curvatures.
        """
        columns, signs_and_costs = self._columns(which), self._signs_and_costs(which)

        def evaluate(block: slice) -> tuple[Any, ...]:
            signs, curvature = signs_and_costs(block)
            short = self._one - signs * self._decisions[block][:, columns]
            inside = (short > 0) & (curvature > 0)
            self._inside[block][:, columns] = inside
            curvature *= inside
            pull = curvature * short
            loss = (pull * short).sum(0)
            pull *= signs
            return pull.T @ self.blocks.read(block), pull.sum(0), loss, curvature.sum(0)

        products, sums, loss, curvature = self.blocks.sum(evaluate)
        return self.machines.unfolded(products, sums, which), loss, curvature

    def curve(self, vectors: Float, which: NDArray[np.intp]) -> Float:
        """Return S' D S v: scaled rows S, curvatures D of those inside the margin, vectors (k, d + 1)."""
        multiply, columns = self._multiplier(vectors, which), self._columns(which)
        positives = self._positives(which)

        def product(block: slice) -> tuple[Any, ...]:
            values = multiply(block)
            values *= positives(block)[1]
            values *= self._inside[block][:, columns]
            return values.T @ self.blocks.read(block), values.sum(0)

        products, sums = self.blocks.sum(product)
        return self.machines.unfolded(products, sums, which)

    def change(self, vectors: Float, which: NDArray[np.intp]) -> Any:
        """Return the products of scaled rows and vectors, (n, k)."""
        multiply, change = self._multiplier(vectors, which), self.blocks.zeros(len(which))

        def fill(block: slice) -> None:
            change[block] = multiply(block)

        self.blocks.each(fill)
        return change

    def combine(self, values: NDArray[Any], which: NDArray[np.intp]) -> Float:
        """Return sums of scaled rows, (k, d + 1), each times a value, (n, k)."""

        def combine(block: slice) -> tuple[Any, ...]:
            return values[block].T @ self.blocks.read(block), values[block].sum(0)

        products, sums = self.blocks.sum(combine)
        return self.machines.unfolded(products, sums, which)

    def slope(self, change: Any, which: NDArray[np.intp], step: Float) -> tuple[Float, ...]:
        """Pull and curvature of the loss along a change of the decision values, at a step, each of shape (k,)."""
        columns, signs_and_costs, step = self._columns(which), self._signs_and_costs(which), self.blocks.put(step)

        def slope(block: slice) -> tuple[Any, ...]:
            signs, curvature = signs_and_costs(block)
            short = self._one - signs * (self._decisions[block][:, columns] + step * change[block])
            curvature *= short > 0
            curvature *= change[block]
            short *= signs
            return (short * curvature).sum(0), (change[block] * curvature).sum(0)

        return self.blocks.sum(slope)

    def take(self, change: Any, which: NDArray[np.intp], step: Float) -> None:
        """Add a change times a step to the decision values."""
        columns, step = self._columns(which), self.blocks.put(step)

        def take(block: slice) -> None:
            self._decisions[block][:, columns] += step * change[block]

        self.blocks.each(take)

    def curvature(self, machine: int) -> NDArray[Any]:
        """Return the curvatures of all rows for one machine, (n,): twice the cost inside the margin, else zero."""
        inside = self.blocks.to_host(self._inside[:, machine])
        rest, of_class = 2 * self.machines.costs[machine]
        positive = self.machines.codes == self.machines.positive[machine]
        return np.asarray((np.where(positive, of_class, rest) * inside).astype(self.blocks.dtype))

    def _multiplier(self, vectors: Float, which: NDArray[np.intp]) -> Any:
        """Return a function that multiplies the scaled rows of a block with vectors: (rows, k)."""
        weights, offsets = (self.blocks.put(part) for part in self.machines.folded(vectors, which))

        def multiply(block: slice) -> Any:
            values = self.blocks.read(block) @ weights
            values += offsets
            return values

        return multiply

    def _signs_and_costs(self, which: NDArray[np.intp]) -> Any:
        """Return a function that gives signs and twice the costs (0 outside of the set) of a block, (rows, k) each."""
        positives, sets = self._positives(which), self.blocks.put(self.machines.set_of[which])

        def signs_and_costs(block: slice) -> tuple[Any, Any]:
            positive, costs = positives(block)
            costs *= self._member[block][:, sets]
            return self.blocks.xp.where(positive, self._one, -self._one), costs

        return signs_and_costs

    def _positives(self, which: NDArray[np.intp]) -> Any:
        """Return a function that gives which rows of a block are of the machine's class, and twice their costs."""
        put, where, costs = self.blocks.put, self.blocks.xp.where, 2 * self.machines.costs[which]
        code, rest, of_class = put(self.machines.positive[which]), put(costs[:, 0]), put(costs[:, 1])

        def positives(block: slice) -> tuple[Any, Any]:
            positive = self._codes[block][:, None] == code
            return positive, where(positive, of_class, rest)

        return positives

    def _columns(self, which: NDArray[np.intp]) -> Any:
        """Index of machines: a slice, which gives views, if all are meant."""
        return slice(None) if len(which) == len(self.machines) else self.blocks.put(which)
