"""Results of a study made up in memory, for what is computed from results alone."""

from dataclasses import replace

import numpy as np
import pandas as pd

from earmark.application import Comparison
from earmark.reproduce import Settings, Study, Task, Unit
from earmark.reproduce.study import FROM_SCRATCH, Bar, Chart, Panel

TASKS = (Task("T1", "One", "acmus-mir", "clips"), Task("T2", "Two", "db-mtc", "clips"))
CHARTS = (Chart("figure1", "Figure 1", (Panel("Fusions", (Bar("early", "kumar", "early"), Bar("late", "kumar"))),)),)
UNITS = tuple(
    unit
    for task in TASKS
    for unit in (
        Unit(task.name, "kumar", "svm", ("late", "early"), (0.8, 0.1), experiments=(1, 2)),
        Unit(task.name, "vggish", "svm"),
        Unit(task.name, FROM_SCRATCH, "cnn-ensemble", ("late",), (0.8, 0.1), experiments=(1, 3)),
    )
)
STUDY = Study("eusipco2020", 1, "A study", TASKS, UNITS, Settings(), CHARTS, published=True)


def standin():
    """The same on sounds made by code."""
    return replace(STUDY, published=False, synthetic=True)


def comparison(unit, accuracy=0.8, folds=4, clips=40, digest="d", seed=0):
    """A comparison of one unit, right on a share of the clips."""
    generator = np.random.default_rng([seed, len(unit.classifier), len(unit.embedding)])
    results, predictions = [], []
    for fusion in unit.fusions:
        for fraction in unit.train_fractions:
            system = {
                "dataset": "set",
                "embedding": unit.embedding,
                "classifier": unit.classifier,
                "fusion": fusion,
                "train_fraction": fraction,
                "split": "clips",
            }
            right = generator.permutation(clips) < round(accuracy * clips)
            for fold in range(folds):
                mine = [clip for clip in range(clips) if clip % folds == fold]
                share = float(right[mine].mean())
                scores = {"accuracy": share, "balanced_accuracy": share, "macro_f1": share, "seconds": 1.0}
                counts = {"repeat": 0, "fold": str(fold + 1), "n_train": 3 * len(mine), "n_test": len(mine)}
                results.append(system | counts | scores)
                for clip in mine:
                    label = "ab"[clip // folds % 2]
                    said = label if right[clip] else "ba"[clip // folds % 2]
                    chances = {f"likelihood:{each}": float(each == said) for each in "ab"}
                    names = {"repeat": 0, "fold": str(fold + 1), "path": f"{clip}.wav"}
                    predictions.append(system | names | {"label": label, "predicted": said} | chances)
    embeddings = [] if unit.embedding == FROM_SCRATCH else [{"name": unit.embedding, "fingerprint": {"key": "k"}}]
    protocol = {
        "train_fractions": list(unit.train_fractions),
        "dataset": {"digest": digest, "clips": clips, "synthetic": False, "name": "set", "root": ".", "notes": []},
        "embeddings": embeddings,
        "left_out": [],
        "created": "2026-01-01",
        "versions": {"earmark": "0"},
    }
    return Comparison(pd.DataFrame(results), pd.DataFrame(predictions), protocol)
