"""How the classifiers of a comparison are trained: all folds in one solve, or one after another.

Both give the same systems, to within the tolerance of the support vector machine. Classifiers that have no solve of
their own for many folds (softmax regression, machines with a kernel) are always trained one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.errors import SettingsError
from earmark.evaluation.system import System
from earmark.parallel import cores, side_by_side
from earmark.store import ClipFrames

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SOLVERS", "fit_systems"]

#: Ways of training, the default first, with a line for the protocol.
SOLVERS = {
    "batched": "all folds, repeats and train fractions in one solve over their common rows (logistic, svc: each fold "
    "by itself)",
    "sklearn": "each fold by itself: liblinear through scikit-learn, dense nets one by one",
}


def fit_systems(
    classifier: str,
    fusion: str,
    rows: ClipFrames,
    labels: NDArray[Any],
    training: Sequence[NDArray[np.intp]],
    seeds: Sequence[int],
    *,
    scaling: str = "minmax",
    solver: str = "batched",
    device: str = "cpu",
    workers: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[System]:
    """Train a system on each of many sets of clips.

    Parameters
    ----------
    classifier, fusion : str
        Names; see `System`.
    rows : ClipFrames
        Rows of all clips: frames with late fusion, pooled vectors with early fusion.
    labels : ndarray of shape (clips,)
        Their classes.
    training : sequence of ndarray of int
        For each system, the clips that it is trained on.
    seeds : sequence of int
        One for each system; of dense nets.
    scaling : str
        How rows are scaled by those trained on; see `SCALINGS`.
    solver : {"batched", "sklearn"}
        How; see `SOLVERS`.
    device : {"cpu", "cuda"}
        Where the batched solver works.
    workers : int, optional
        Threads; by default one a core.
    advance : callable
        Hears how many more systems are trained.

    Returns
    -------
    list of System
        In the order of the sets.

    Raises
    ------
    SettingsError
        If a name or a setting cannot be used.
    """
    from earmark.classifiers import DenseNet, LinearSVM, fit_nets, fit_svms

    if solver not in SOLVERS:
        raise SettingsError(f"there is no solver {solver!r}. There are: {', '.join(SOLVERS)}.")
    template = System(classifier, fusion, scaling=scaling).model  # refuses what cannot be
    if solver == "sklearn" or not isinstance(template, (LinearSVM, DenseNet)):
        untrained = [System(classifier, fusion, seed, scaling) for seed in seeds]
        return _one_by_one(untrained, rows, labels, training, workers or cores(), advance)
    of_rows = np.repeat(labels, rows.counts)
    sets = [np.repeat(np.isin(np.arange(len(rows)), clips), rows.counts) for clips in training]
    where: dict[str, Any] = {"scaling": scaling, "device": device, "workers": workers}
    if isinstance(template, LinearSVM):
        fitted: list[Any] = list(fit_svms(rows.values, of_rows, sets, **template.get_params(), **where))
        advance(len(fitted))
    else:
        fitted = list(fit_nets(rows.values, of_rows, sets, template, seeds, **where, advance=advance))
    return [System.restore(each.model, fusion, each.offset, each.scale) for each in fitted]


def _one_by_one(
    systems: Sequence[System],
    rows: ClipFrames,
    labels: NDArray[Any],
    training: Sequence[NDArray[np.intp]],
    workers: int,
    advance: Callable[[int], None],
) -> list[System]:
    def fit(number: int) -> System:
        clips = training[number]
        return systems[number].fit(rows.take(clips), labels[clips])

    fitted = {}
    for number, system in side_by_side(fit, range(len(systems)), workers):
        fitted[number] = system
        advance(1)
    return [fitted[number] for number in range(len(systems))]
