"""Measure what the paper leaves open: changes over time, combinations of embeddings, intermediate activations.

Compares, with the linear SVM, on ESC-10 (official folds) and on the CWRU bearings (groups: by bearing), the same as::

    earmark compare DATA -e yamnet,soundnet-conv5 --combine concatenated,summed --fusion late,early,...
    earmark compare DATA -e 'yamnet:layers=layer10,...' --fusion late,early-mean

and writes accuracies with their 95 % intervals to ``benchmarks/results/open_questions.csv``. The figures do not depend
on the machine. It needs both data sets (``--data``: a folder with ``esc10/esc10.csv`` and ``cwru/cwru.csv``) and the
weights of both models. ``--tiny`` runs one fusion, without intermediate activations, and keeps nothing.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from earmark import compare
from earmark.evaluation import FUSIONS
from measuring import arguments

if TYPE_CHECKING:
    import pandas as pd

DATA = {"esc10": "official", "cwru": "groups"}
MODELS = ["yamnet", "soundnet-conv5"]
LAYERS = [
    "yamnet:layers=layer8",
    "yamnet:layers=layer11",
    "yamnet:layers=layer13",
    "yamnet:layers=layer14",
    "yamnet:layers=layer11+layer14",
    "yamnet:layers=layer8+layer11+layer14",
    "soundnet-conv5:layers=conv3",
    "soundnet-conv5:layers=conv4",
    "soundnet-conv5:layers=conv5",
    "soundnet-conv5:layers=conv3+conv4+conv5",
]
COLUMNS = ["dataset", "split", "embedding", "classifier", "fusion", "clips", "accuracy", "low", "high"]


def measure(table: Path, split: str, *, tiny: bool) -> list[pd.DataFrame]:
    """Compare on one data set; a summary for each question."""
    fusions = ["early-mean"] if tiny else list(FUSIONS)
    over_time = compare(table, MODELS, ["svm"], fusions, splits=[split], combine=["concatenated", "summed"])
    if tiny:
        return [over_time.table()]
    layers = compare(table, LAYERS, ["svm"], ["late", "early-mean"], splits=[split])
    return [over_time.table(), layers.table()]


def main() -> None:
    """Measure, print and write."""
    options = arguments(__doc__, "open_questions")
    rows: list[list[object]] = []
    for name, split in DATA.items():
        for summary in measure(options.data / name / f"{name}.csv", split, tiny=options.tiny):
            for system in summary.to_dict("records"):
                shares = (f"{system[key]:.4f}" for key in ("accuracy_mean", "accuracy_low", "accuracy_high"))
                rows.append([*(system[column] for column in COLUMNS[:6]), *shares])
                print(*rows[-1], flush=True)
    if options.output:
        with options.output.open("w", newline="") as out:
            csv.writer(out).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
