"""How often intervals hold the truth and tests cry wolf, by simulation: the tables of docs/uncertainty.md.

Run with ``python benchmarks/uncertainty.py``; about five minutes on one core.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from earmark.evaluation import accuracy_interval, bootstrap_interval, learning_curves, mcnemar, nadeau_bengio

_DIMENSIONS = 10


def coverage(groups: int, size: int, accuracy: float, rounds: int = 1000) -> tuple[float, float]:
    """Share of rounds whose Wilson and bootstrap interval hold the accuracy of clips in groups."""
    generator, clusters, hits = np.random.default_rng(1), np.repeat(np.arange(groups), size), np.zeros(2)
    for _ in range(rounds):
        of_group = generator.beta(2 * accuracy, 2 - 2 * accuracy, groups) if size > 1 else np.full(groups, accuracy)
        correct = generator.random(groups * size) < np.repeat(of_group, size)
        interval, (low, high) = accuracy_interval(correct, clusters), bootstrap_interval(correct, clusters)
        hits += interval.low <= accuracy <= interval.high, low <= accuracy <= high
    return float(hits[0] / rounds), float(hits[1] / rounds)


def cross_validate(
    generator: np.random.Generator, clips: int, folds: int, repeats: int, fraction: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.intp]]:
    """Two classifiers by nearest class mean, each with features of its own, so that neither is better.

    Gives accuracies (folds of all repeats, 2), decisions (2, tests) and the clip of each test.
    """
    labels = np.repeat([0, 1], clips // 2)
    features = generator.normal(size=(2, clips, _DIMENSIONS)) + 0.5 * labels[:, None]
    accuracies, decisions, tested = [], [], []
    for _ in range(repeats):
        fold = np.concatenate([generator.permutation(clips // 2) % folds for _ in range(2)])
        for number in range(folds):
            test = np.flatnonzero(fold == number)
            distances: list[Any] = []
            for label in (0, 1):
                left = np.flatnonzero((fold != number) & (labels == label))
                chosen = generator.permutation(left)[: round(fraction * clips / 2)]
                middle = features[:, chosen].mean(axis=1, keepdims=True)
                distances.append(((features[:, test] - middle) ** 2).sum(axis=2))
            right = (distances[1] < distances[0]) == labels[test]
            accuracies.append(right.mean(axis=1))
            decisions.append(right)
            tested.append(test)
    return np.array(accuracies), np.concatenate(decisions, axis=1), np.concatenate(tested)


def false_alarms(folds: int, repeats: int, fraction: float, rounds: int = 1000) -> list[float]:
    """Share of rounds in which equally good classifiers are called different at 5 %.

    By the plain t-test, by the corrected one at the ratio of test to training clips and at that of test to other clips,
    and by McNemar's test.
    """
    clips, generator, alarms = 100, np.random.default_rng(2), np.zeros(4)
    for _ in range(rounds):
        accuracies, decisions, tested = cross_validate(generator, clips, folds, repeats, fraction)
        differences, test = accuracies[:, 0] - accuracies[:, 1], clips / folds
        ratios = (0.0, test / (fraction * clips), test / (clips - test))
        alarms += [nadeau_bengio(differences, ratio).p < 0.05 for ratio in ratios] + [
            mcnemar(decisions[0], decisions[1], tested) < 0.05
        ]
    return [float(share) for share in alarms / rounds]


def gains(clips: int, apart: float, rounds: int = 300) -> float:
    """Share of rounds whose interval of the gain of twice the labels holds the true gain.

    The truth is measured by training on that many clips again and again.
    """
    fractions, generator = (0.1, 0.2, 0.4, 0.8), np.random.default_rng(3)
    most = round(0.8 * clips / 2)
    truth = expected_accuracy(2 * most, apart, generator) - expected_accuracy(most, apart, generator)
    hits = 0
    for _ in range(rounds):
        labels = np.repeat([0, 1], clips // 2)
        features = generator.normal(size=(clips, _DIMENSIONS)) + apart * labels[:, None]
        fold = np.concatenate([generator.permutation(clips // 2) % 5 for _ in range(2)])
        tables = [_tested(features, labels, fold, fraction, generator) for fraction in fractions]
        results, predictions = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
        (curve,) = learning_curves(results, predictions, resamples=1000)
        gain = curve.gain_of_doubling()
        hits += gain is not None and gain.low <= truth <= gain.high
    return hits / rounds


def expected_accuracy(labels: int, apart: float, generator: np.random.Generator) -> float:
    """Accuracy of nearest class mean after training on so many clips of each class, over 100 000 trainings."""
    middles = generator.normal(size=(2, 100_000, _DIMENSIONS)) / np.sqrt(labels)
    middles[1] += apart
    direction, between = middles[1] - middles[0], middles.mean(axis=0)
    length = np.linalg.norm(direction, axis=1)
    sides = [(between * direction).sum(axis=1) / length, ((apart - between) * direction).sum(axis=1) / length]
    return float(np.mean([ndtr(side).mean() for side in sides]))


def _tested(
    features: NDArray[np.float64],
    labels: NDArray[np.intp],
    fold: NDArray[np.intp],
    fraction: float,
    generator: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Results and predictions of one train fraction."""
    names = dict.fromkeys(("dataset", "embedding", "classifier", "fusion", "split"), "made up")
    names |= {"train_fraction": fraction, "repeat": 0}  # type: ignore[dict-item]
    predicted, rows = np.empty_like(labels), []
    for number in range(5):
        test, middles = fold == number, []
        for label in (0, 1):
            left = generator.permutation(np.flatnonzero((fold != number) & (labels == label)))
            middles.append(features[left[: round(fraction * len(labels) / 2)]].mean(axis=0))
        predicted[test] = ((features[test, None] - np.array(middles)) ** 2).sum(axis=2).argmin(axis=1)
        sizes = {"n_train": 2 * round(fraction * len(labels) / 2), "n_test": test.sum()}
        rows.append({**names, "fold": number, **sizes, "accuracy": (predicted == labels)[test].mean()})
    clips = pd.DataFrame({"fold": fold, "path": np.arange(len(labels)), "label": labels, "predicted": predicted})
    return pd.DataFrame(rows), clips.assign(**names)


def main() -> None:
    print("clusters  clips each  accuracy  Wilson  bootstrap")
    for groups, size in ((30, 1), (100, 1), (400, 1), (5, 20), (10, 10), (25, 8), (100, 4)):
        for accuracy in (0.7, 0.9, 0.97):
            wilson, bootstrap = coverage(groups, size, accuracy)
            print(f"{groups:8}  {size:10}  {accuracy:8}  {wilson:6.3f}  {bootstrap:9.3f}", flush=True)
    print("folds  repeats  train fraction  plain t  test/train  test/rest  McNemar")
    for folds, repeats, fraction in ((5, 1, 0.8), (10, 2, 0.8), (5, 5, 0.8), (5, 1, 0.4), (5, 1, 0.1), (5, 5, 0.1)):
        plain, train, rest, clips = false_alarms(folds, repeats, fraction)
        print(
            f"{folds:5}  {repeats:7}  {fraction:14}  {plain:7.3f}  {train:10.3f}  {rest:9.3f}  {clips:7.3f}", flush=True
        )
    print("clips  classes apart  gain of twice the labels held")
    for number, apart in ((100, 0.8), (200, 0.5), (400, 0.5)):
        print(f"{number:5}  {apart:13}  {gains(number, apart):29.3f}", flush=True)


if __name__ == "__main__":
    main()
