"""Measure how fast the machines of a whole cross-validation are trained in one solve, and how exact they come out.

Prints one line for each target (``name measured target ok|short``) and writes them, with machine, versions and commit,
to ``benchmarks/results/cross_validation.csv``. With ``--check`` it exits 1 when one is short. It needs no data: its
rows are made to be like embeddings (not negative, correlated, in clips of alike frames). Each ratio is within one run,
on an otherwise idle machine. Every part runs in a process of its own, so that its peak memory is its own. ``--tiny``
runs everything with next to nothing to do, to see that it runs: its figures mean nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measuring import Measured, anonymous_peak, arguments, finish, in_own_process, peak_memory

CLASSES, DIMENSION, FOLDS = 4, 512, 10
#: Frames whose solve is timed: ten folds of each.
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
#: With so many frames the sets are timed, and rows of more lie in a file.
MANY = 100_000
#: Training sets that are timed with so many frames: of ten folds and two repeats.
SETS = (2, 5, 10, 20)


def embeddings(
    frames: int, repeats: int = 1, *, in_file: bool = False
) -> tuple[NDArray[np.float32], NDArray[Any], list[NDArray[np.bool_]]]:
    """Make rows (frames, 512), labels, and the training rows of ten folds over clips, some times repeated."""
    generator, hop, causes = np.random.default_rng(0), 40, 24
    clips = frames // hop
    kinds = np.arange(clips) % CLASSES
    clip = 0.55 * generator.normal(size=(CLASSES, causes))[kinds] + generator.normal(size=(clips, causes))
    mixing = (generator.normal(size=(causes, DIMENSION)) / np.sqrt(causes)).astype(np.float32)
    ranges = np.exp(generator.normal(size=DIMENSION)).astype(np.float32)
    shape = clips * hop, DIMENSION
    if in_file:
        with tempfile.TemporaryFile() as file:  # which lives on as long as it is mapped
            rows: NDArray[np.float32] = np.memmap(file, np.float32, "w+", shape=shape)
    else:
        rows = np.empty(shape, np.float32)
    for start in range(0, len(rows), 100 * hop):  # in parts: memory is measured
        part = rows[start : start + 100 * hop]
        latent = np.repeat(clip[start // hop : start // hop + len(part) // hop], hop, axis=0)
        latent += 0.5 * generator.normal(size=latent.shape)
        part[:] = latent.astype(np.float32) @ mixing
        part += 0.35 * generator.standard_normal(part.shape, dtype=np.float32)
        np.maximum(part - 0.1, 0, out=part)
        part *= ranges
    sets = []
    for _ in range(repeats):
        fold = np.repeat(generator.permutation(clips) % FOLDS, hop)
        sets += [fold != number for number in range(FOLDS)]
    return rows, np.repeat(kinds, hop), sets


def against_liblinear(frames: int, timed_folds: int) -> list[Measured]:
    """Speed and exactness beside scikit-learn's LinearSVC, which is timed on the first folds and extrapolated."""
    from sklearn.svm import LinearSVC

    from earmark.classifiers import fit_svms

    rows, labels, sets = embeddings(frames)

    def liblinear(number: int, tol: float) -> tuple[Any, float]:
        inside = (rows[sets[number]] - fitted[number].offset) * fitted[number].scale
        started = time.perf_counter()
        machine = LinearSVC(dual=False, tol=tol, class_weight="balanced").fit(inside, labels[sets[number]])
        return machine, time.perf_counter() - started

    seconds, errors, equal, loop = [], [], [], []
    for number in range(timed_folds):  # by turns, so that both see the same machine
        started = time.perf_counter()
        fitted = fit_svms(rows, labels, sets)
        seconds.append(time.perf_counter() - started)
        loop.append(liblinear(number, 1e-4)[1])
        reference, _ = liblinear(number, 1e-8)
        test = (rows[~sets[number]] - fitted[number].offset) * fitted[number].scale
        equal.append(np.mean(fitted[number].model.predict(test) == reference.predict(test)))
        errors.append(_distance(fitted[number].model, reference))
    size = f"SVM {frames} x {DIMENSION} x {FOLDS} folds"
    ratio = float(np.mean(loop)) * FOLDS / float(np.mean(seconds))
    return [
        Measured(f"{size}, one solve, s", float(np.mean(seconds)), "none"),
        Measured(f"{size}, LinearSVC loop, s", float(np.mean(loop)) * FOLDS, "none"),
        Measured(f"{size}, x faster than the loop", ratio, ">= 15"),
        Measured(f"{size}, coefficients off, relative", max(errors), "<= 1e-3"),
        Measured(f"{size}, equal decisions", float(np.min(equal)), ">= 0.999"),
    ]


def _distance(model: Any, reference: Any) -> float:
    """Largest distance of a machine from its reference, relative to its norm."""
    ours, theirs = (np.column_stack([one.coef_, one.intercept_]) for one in (model, reference))
    return float(np.max(np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)))


def growth(frames: int, counts: Sequence[int] = (FOLDS,)) -> list[Measured]:
    """Time of so many frames and training sets; and memory beside the rows, where those lie in a file."""
    from earmark.classifiers import fit_svms

    rows, labels, sets = embeddings(frames, repeats=2, in_file=frames > MANY)
    fit_svms(rows[:4000], labels[:4000], [each[:4000] for each in sets[:2]])  # what is only done once
    measured = []
    for count in counts:
        with anonymous_peak() as peak:
            seconds = []
            for _ in range(1 if frames > MANY else 2):
                started = time.perf_counter()
                fit_svms(rows, labels, sets[:count])
                seconds.append(time.perf_counter() - started)
            name = f"SVM {frames} x {DIMENSION} x {count} folds"
            measured.append(Measured(f"{name}, s", min(seconds), "none"))
        if frames > MANY:
            measured.append(Measured(f"{name}, anonymous memory, MB", peak(), "none"))
    return measured


def linear(solves: Sequence[Measured]) -> list[Measured]:
    """How the time of a frame grows from a hundred thousand frames to the most; 1 is linear."""
    seconds = {one.name: one.value for one in solves}
    many, most = (seconds[f"SVM {frames} x {DIMENSION} x {FOLDS} folds, s"] / frames for frames in (MANY, SIZES[-1]))
    measured = [Measured(f"SVM time of a frame, {SIZES[-1]} against {MANY} frames", most / many, "<= 1.5")]
    print(*measured, flush=True)
    return measured


def speech_and_music(frames: int) -> list[Measured]:
    """Time and peak memory at the size of the paper's task T3: ten folds, two repeats."""
    from earmark.classifiers import fit_svms

    rows, labels, sets = embeddings(frames, repeats=2)
    started = time.perf_counter()
    fit_svms(rows, labels, sets)
    seconds = time.perf_counter() - started
    size = f"SVM {frames} x {DIMENSION} x {len(sets)} sets"
    return [Measured(f"{size}, s", seconds, "<= 120"), Measured(f"{size}, peak memory, MB", peak_memory(), "<= 4000")]


def main() -> None:
    """Measure, print, write."""
    options = arguments(__doc__, "cross_validation")
    tiny = options.tiny
    measured = in_own_process(against_liblinear, 4000 if tiny else 60_000, 1 if tiny else 2)
    solves: list[Measured] = []
    for frames in [4000] if tiny else SIZES:
        solves += in_own_process(growth, frames, SETS if frames == MANY or tiny else (FOLDS,))
    measured += solves + ([] if tiny else linear(solves))
    measured += in_own_process(speech_and_music, 4000 if tiny else 346_000)
    finish(measured, options)


if __name__ == "__main__":
    main()
