"""The support vector machines of many training sets as one problem: their classes, costs, tolerances, and a pilot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.blocks import Float
from earmark.classifiers.row_work import Machines
from earmark.classifiers.svm import LinearSVM
from earmark.classifiers.weighting import class_weights, encode_labels

__all__ = ["Problem", "carried"]


class Problem:
    """What is to be solved: the machines of all sets, and a pilot for them.

    Parameters
    ----------
    labels : ndarray, shape (n,)
    member : ndarray of bool, shape (n, sets)
    offset, scale : ndarray, shape (sets, d), float64
        The affine map of each set.
    template : LinearSVM
        Its settings.

    Attributes
    ----------
    classes : ndarray
        All labels, sorted.
    present : list of ndarray of int
        For each set, which classes it has.
    machines : Machines
    tolerances : ndarray, shape (machines,)
        Largest norm of the gradient, as a share of that at zero: liblinear's rule.

    Raises
    ------
    SettingsError
        A set has rows of one class only, or the class weights cannot be used.
    """

    def __init__(
        self, labels: NDArray[Any], member: NDArray[np.bool_], offset: Float, scale: Float, template: LinearSVM
    ) -> None:
        self.template, self.member = template, member
        used = member.any(axis=1)
        self.classes = np.unique(labels[used])
        codes = np.zeros(len(labels), np.intp)  # those of other rows do not matter
        codes[used] = np.searchsorted(self.classes, labels[used])
        self.present = [self._classes_of(labels, codes, members) for members in member.T]
        listed = [self._machines_of(number, codes, members) for number, members in enumerate(member.T)]
        sets, positive, costs, tolerances = (np.concatenate(part) for part in zip(*listed, strict=True))
        self.machines = Machines(codes, member, offset, scale, sets, positive, costs)
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

    def pilot(self, most: int) -> tuple[NDArray[np.intp], Machines]:
        """Return a sample of the rows of all sets, and machines for it: one a class, with the costs of a usual set."""
        machines = self.machines
        used = np.flatnonzero(self.member.any(axis=1))
        size = min(len(used), most)
        drawn = np.sort(np.random.default_rng(0).choice(used, size, replace=False)) if size < len(used) else used
        share = self.member.sum() / self.member.shape[1] / size
        positive = np.unique(machines.positive)
        costs = np.stack([machines.costs[machines.positive == code].mean(axis=0) for code in positive])
        low, varies = machines.offset.min(axis=0), machines.scale > 0
        spans = np.divide(1, machines.scale, out=np.zeros_like(machines.scale), where=varies)
        span = (machines.offset + spans).max(axis=0) - low
        scale = np.divide(1, span, out=np.zeros_like(span), where=varies.any(axis=0))
        everything, nought = np.ones((size, 1), np.bool_), np.zeros(len(positive), np.intp)
        pilot = Machines(machines.codes[drawn], everything, low[None], scale[None], nought, positive, share * costs)
        return drawn, pilot


def carried(vectors: Float, pilot: Machines, machines: Machines) -> Float:
    """Coefficients of the pilot's machines for rows scaled as in the sets: the same decision values."""
    own = vectors[np.searchsorted(pilot.positive, machines.positive)]
    weights = own[:, :-1] * pilot.scale[0]
    scale, low = machines.scale[machines.set_of], machines.offset[machines.set_of]
    carried = np.divide(weights, scale, out=np.zeros_like(weights), where=scale > 0)
    offset = own[:, -1] + np.einsum("pd,pd->p", weights, low - pilot.offset[0])
    return np.column_stack([carried, offset])
