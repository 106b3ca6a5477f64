"""Measure how fast the machines of a whole cross-validation are trained in one solve, and how exact they come out.

Prints one line for each target (``name measured target ok|short``) and writes them, with machine, versions and commit,
to ``benchmarks/results/cross_validation.csv``. With ``--check`` it exits 1 when one is short. It needs no data: its
rows are made to be like embeddings (not negative, correlated, in clips of alike frames). Each ratio is within one run,
on an otherwise idle machine; ``--quick`` leaves out the largest size. Every part runs in a process of its own, so that
its peak memory is its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measuring import ROOT, Measured, write

CLASSES, DIMENSION, FOLDS = 4, 512, 10


def embeddings(frames: int, repeats: int = 1) -> tuple[NDArray[np.float32], NDArray[Any], list[NDArray[np.bool_]]]:
    """Make rows (frames, 512), labels, and the training rows of ten folds over clips, some times repeated."""
    generator, hop, causes = np.random.default_rng(0), 40, 24
    clips = frames // hop
    kinds = np.arange(clips) % CLASSES
    clip = 0.55 * generator.normal(size=(CLASSES, causes))[kinds] + generator.normal(size=(clips, causes))
    mixing = (generator.normal(size=(causes, DIMENSION)) / np.sqrt(causes)).astype(np.float32)
    ranges = np.exp(generator.normal(size=DIMENSION)).astype(np.float32)
    rows = np.empty((clips * hop, DIMENSION), np.float32)
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
        inside = (rows[sets[number]] - fitted[number].minimum) * fitted[number].scale
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
        test = (rows[~sets[number]] - fitted[number].minimum) * fitted[number].scale
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


def growth(sizes: Sequence[int]) -> list[Measured]:
    """How the time grows with the frames and with the folds."""
    from earmark.classifiers import fit_svms

    measured = []
    for frames in sizes:
        rows, labels, sets = embeddings(frames)
        for count in (2, 5, 10) if frames == sizes[-1] else (10,):
            started = time.perf_counter()
            fit_svms(rows, labels, sets[:count])
            seconds = time.perf_counter() - started
            measured.append(Measured(f"SVM {frames} x {DIMENSION} x {count} folds, s", seconds, "none"))
    return measured


def speech_and_music(frames: int) -> list[Measured]:
    """Time and peak memory at the size of the paper's task T3: ten folds, two repeats."""
    from earmark.classifiers import fit_svms

    rows, labels, sets = embeddings(frames, repeats=2)
    started = time.perf_counter()
    fit_svms(rows, labels, sets)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = f"SVM {frames} x {DIMENSION} x {len(sets)} sets"
    return [Measured(f"{size}, s", seconds, "<= 120"), Measured(f"{size}, peak memory, MB", peak, "<= 4000")]


def in_own_process(function: Callable[..., list[Measured]], *arguments: object) -> list[Measured]:
    """Call a function in a fresh process, print what it measured and return it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        measured = pool.apply(function, arguments)
    print(*measured, sep="\n", flush=True)
    return measured


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "cross_validation.csv")
    parser.add_argument("--quick", action="store_true", help="leave out the largest size")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is short")
    options = parser.parse_args()
    measured = in_own_process(against_liblinear, 60_000, 2)
    measured += in_own_process(growth, (10_000, 30_000, 100_000))
    if not options.quick:
        measured += in_own_process(speech_and_music, 346_000)
    write(measured, options.output)
    sys.exit(options.check and not all(one.ok for one in measured))


if __name__ == "__main__":
    main()
