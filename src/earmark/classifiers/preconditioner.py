"""Inverse Hessians of the machines of all training sets from the eigenvectors of a pilot's."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.blocks import Float
from earmark.classifiers.newton import Newton
from earmark.classifiers.row_work import Machines

__all__ = ["Eigen", "identity"]

# It is made from so many rows, times the dimension. With fewer than _LEAST inside the margin each row matters, they
# differ from set to set, and one for all sets does harm; beyond _WIDEST eigenvectors cost too much.
_SAMPLE = 8
_LEAST = 4
_WIDEST = 2049
# Sets whose ranges are less than this share of the pilot's go without.
_LEAST_RATIO = 0.5


def identity(newton: Newton, vectors: Float, which: NDArray[np.intp]) -> Float:
    """Return the vectors as they are: no eigenvalue of a Hessian is below 1."""
    return vectors


class Eigen:
    """Inverse Hessians from the eigenvectors of the pilot's, one basis for each class.

    The Hessian of a machine is ``I + S' D S``, with its scaled rows S and curvatures D. Say ``S' D S = share T' U T``,
    where U is that of the pilot and T the affine map between both scalings. Taking ``T' T`` for I, the inverse is
    ``T^-1 (I + share U)^-1 T^-T``. The curvatures of a machine at the time say how much data it has.

    Parameters
    ----------
    pilot : Newton
        Solved, one machine a class.
    machines : Machines
    """

    def __init__(self, pilot: Newton, machines: Machines) -> None:
        few = pilot.machines
        self._bases = list(pilot.work.blocks.side_by_side(lambda number: self._base(pilot, number), range(len(few))))
        self._totals = pilot.curvature_sum
        self._own = np.searchsorted(few.positive, machines.positive)
        scale, low = machines.scale, machines.offset
        # A column that takes no part in a set keeps its coefficient of zero.
        ratio = np.divide(few.scale, scale, out=np.zeros_like(scale), where=scale > 0)
        self._ratio, self._offset = ratio[machines.set_of], (scale * (low - few.offset))[machines.set_of]
        # Where a set's range is much narrower than the pilot's (an outlier is held out), T' T is far from I.
        self._alike = (np.where(scale > 0, ratio, 1.0).min(axis=1) >= _LEAST_RATIO)[machines.set_of]

    @staticmethod
    def _base(pilot: Newton, number: int) -> tuple[Float, Float]:
        """Eigenvalues and eigenvectors of S' D S, from a sample of the rows inside the margin; none if few."""
        curvature, width, dtype = pilot.work.curvature(number), pilot.vectors.shape[1], pilot.work.blocks.dtype
        inside = np.flatnonzero(curvature)
        if len(inside) < _LEAST * width or width > _WIDEST:
            return np.zeros(0), np.zeros((width, 0), dtype)
        sample = inside[:: max(1, len(inside) // (_SAMPLE * width))]
        scaled = (pilot.work.blocks.stored(sample) - pilot.machines.offset[0]) * pilot.machines.scale[0]
        scaled = np.column_stack([scaled, np.ones(len(sample))]).astype(dtype)
        scaled *= np.sqrt(curvature[sample, np.newaxis] * (len(inside) / len(sample)))
        values, vectors = np.linalg.eigh(scaled.T @ scaled)
        return np.maximum(values, 0).astype(np.float64), vectors

    def some(self, which: NDArray[np.intp]) -> Eigen:
        """Return those of some of the machines."""
        few = copy(self)
        few._own, few._ratio, few._offset = self._own[which], self._ratio[which], self._offset[which]
        few._alike = self._alike[which]
        return few

    def __call__(self, newton: Newton, vectors: Float, which: NDArray[np.intp]) -> Float:
        """Multiply vectors, (k, d + 1), with about the inverse Hessians of the machines `which`."""
        preconditioned = vectors.copy()
        for own, (values, basis) in enumerate(self._bases):
            mine = (self._own[which] == own) & self._alike[which]
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
