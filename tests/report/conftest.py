"""Made-up but realistic tables: the classes, systems and scores are drawn, then summed up as an evaluation does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

SOUNDS = [
    "dog_bark",
    "rain",
    "sea_waves",
    "baby_cry",
    "clock_tick",
    "sneeze",
    "helicopter",
    "chainsaw",
    "rooster",
    "fire",
]
SYSTEMS = [
    ("openl3-music-mel256-512", "D128", "late", 0.965),
    ("openl3-music-mel256-512", "svm", "late", 0.955),
    ("openl3-env-mel128-512", "D128", "early", 0.94),
    ("yamnet", "D512", "late", 0.93),
    ("vggish", "svm", "early", 0.82),
    ("acmus", "D128", "late", 0.71),
]
KEYS = ["dataset", "embedding", "classifier", "fusion", "train_fraction", "split"]


class Run(NamedTuple):
    """What an evaluation hands to a report."""

    results: pd.DataFrame
    summary: pd.DataFrame
    predictions: pd.DataFrame
    protocol: dict[str, Any]


def _predict(rng: np.random.Generator, truth: int, classes: int, accuracy: float) -> np.ndarray:
    likelihoods = rng.dirichlet(np.full(classes, 0.25))
    top = truth if rng.random() < accuracy else (truth + int(rng.integers(1, max(classes, 2)))) % classes
    best = int(likelihoods.argmax())
    likelihoods[[top, best]] = likelihoods[[best, top]]
    return likelihoods


def _tests_of_system(rng, system, dataset, classes, clips, split, folds, repeats, kind):
    embedding, classifier, fusion, accuracy = system
    for repeat in range(repeats):
        for clip in range(clips):
            truth = clip % len(classes)
            likelihoods = _predict(rng, truth, len(classes), accuracy * kind)
            yield {
                **dict(zip(KEYS, (dataset, embedding, classifier, fusion, 0.8, split), strict=True)),
                "repeat": repeat,
                "fold": clip // len(classes) % folds,
                "path": f"audio/{classes[truth]}-{clip:04d}.wav",
                "label": classes[truth],
                "predicted": classes[int(likelihoods.argmax())],
                **{f"likelihood:{name}": value for name, value in zip(classes, likelihoods, strict=True)},
            }


def _wilson(right: float, clips: int) -> tuple[float, float]:
    z, share = 1.96, right / clips
    middle = (share + z * z / (2 * clips)) / (1 + z * z / clips)
    half = z * math.sqrt(share * (1 - share) / clips + z * z / (4 * clips * clips)) / (1 + z * z / clips)
    return middle - half, middle + half


def _sum_up(predictions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    right = predictions.assign(accuracy=(predictions["label"] == predictions["predicted"]).astype(float))
    grouped = right.groupby([*KEYS, "repeat", "fold"], sort=False)["accuracy"]
    results = grouped.agg(["mean", "size"]).reset_index().rename(columns={"mean": "accuracy", "size": "n_test"})
    results = results.assign(n_train=300, seconds=1.5)
    results["balanced_accuracy"] = results["macro_f1"] = results["accuracy"]
    rows = []
    for key, part in right.groupby(KEYS, sort=False):
        folds = results[(results[KEYS] == list(key)).all(axis=1)]["accuracy"]
        clips = part["path"].nunique()
        low, high = _wilson(part["accuracy"].mean() * clips, clips)
        rows.append(
            {
                **dict(zip(KEYS, key, strict=True)),
                "accuracy_mean": part["accuracy"].mean(),
                "accuracy_std": folds.std(),
                "accuracy_low": low,
                "accuracy_high": high,
                "interval": "Wilson score interval over clips",
                "balanced_accuracy_mean": part["accuracy"].mean() - 0.004,
                "macro_f1_mean": part["accuracy"].mean() - 0.011,
                "clips": clips,
                "folds": part["fold"].nunique(),
                "repeats": part["repeat"].nunique(),
                "seconds": 12.5,
            }
        )
    return results, pd.DataFrame(rows)


def _protocol(dataset: str, classes: Sequence[str], clips: int, systems: Sequence[tuple]) -> dict[str, Any]:
    return {
        "name": "paper-2020",
        "splits": {"official": {"folds": 5, "made by": "the data set's authors"}},
        "scaling": "each dimension to zero mean and unit variance, fitted on the training frames of each fold",
        "pooling": "global maximum over the frames of a clip (early fusion)",
        "fusion": "late: likelihoods of all frames are summed, the largest sum wins",
        "classifiers": {
            "svm": {"kernel": "linear", "C": 1.0, "class weights": "balanced"},
            "D128": {"layers": [128], "dropout": 0.5, "epochs": 500, "batch": 256, "optimiser": "Adam, 1e-3"},
        },
        "likelihoods": "softmax of the network; Platt scaling for the SVM",
        "seed": 20200824,
        "versions": {"earmark": "0.1.0", "python": "3.12.4", "numpy": "2.1.0", "torch": "2.4.1"},
        "leak_check": {"ok": True, "sentences": ["No file occurs twice.", "No group is in training and test."]},
        "dataset": {
            "name": dataset,
            "clips": clips,
            "classes": {name: clips // len(classes) for name in classes},
            "hours": round(clips * 5 / 3600, 2),
            "root": "data/sounds",
            "synthetic": False,
            "licence": "CC BY 4.0",
        },
        "embeddings": [
            {"name": name, "dimension": 512, "window_seconds": 1.0, "hop_seconds": 0.1, "licence": "CC BY 4.0",
             "note": "", "fingerprint": "3f9a0c77d2b1"}
            for name in dict.fromkeys(system[0] for system in systems)
        ],
        "left_out": [],
        "command": "earmark compare data/sounds --embeddings 'openl3*' yamnet --classifiers svm D128 --seed 20200824",
        "created": "2025-06-02",
    }  # fmt: skip


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """Make the tables of a run; the same arguments give the same tables."""

    def make(
        dataset: str = "ESC-10",
        classes: Sequence[str] = tuple(SOUNDS),
        systems: Sequence[tuple] = tuple(SYSTEMS),
        clips: int = 200,
        splits: dict[str, float] | None = None,
        folds: int = 5,
        repeats: int = 1,
        seed: int = 7,
    ) -> Run:
        rng = np.random.default_rng(seed)
        rows = []
        for split, kind in (splits or {"official": 1.0}).items():
            for system in systems:
                rows += _tests_of_system(rng, system, dataset, list(classes), clips, split, folds, repeats, kind)
        predictions = pd.DataFrame(rows)
        results, summary = _sum_up(predictions)
        return Run(results, summary, predictions, _protocol(dataset, classes, clips, systems))

    return make


@pytest.fixture
def run(make_run) -> Run:
    """Ten classes, six systems, official folds."""
    return make_run()


@pytest.fixture
def small_run(make_run) -> Run:
    """Two classes, one system: a page in a blink."""
    return make_run(classes=["ok", "broken"], systems=[("yamnet", "svm", "late", 0.9)], clips=40)
