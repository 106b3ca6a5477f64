"""The paper's numbers: file-wise accuracies in percent, from its Table II and, where the source is "text", its text.

They are facts, kept in ``data/published.csv``. Networks trained from scratch are called "baseline" there, whatever each
task's is.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from earmark.reproduce.study import FROM_SCRATCH

__all__ = ["AVERAGE", "Published", "published"]

#: In the place of a task: the mean over all tasks.
AVERAGE = "average"


@dataclass(frozen=True)
class Published:
    """A system of the paper.

    Attributes
    ----------
    embedding, classifier, fusion : str
        Names as in a study; of networks trained from scratch the classifier is ``"baseline"``.
    train_fraction : float
        As in a study.
    """

    embedding: str
    classifier: str
    fusion: str
    train_fraction: float


def published(
    task: str, embedding: str, classifier: str, fusion: str = "late", train_fraction: float = 0.8
) -> float | None:
    """Return the published file-wise accuracy, or None if there is none.

    Parameters
    ----------
    task : str
        ``"T1"`` to ``"T6"``, or `AVERAGE`.
    embedding, classifier, fusion : str
        Names as in a study.
    train_fraction : float
        As in a study.

    Returns
    -------
    float or None
        In [0, 1].

    Examples
    --------
    >>> published("T1", "openl3-music-mel256-512", "svm")
    0.845
    """
    classifier = "baseline" if embedding == FROM_SCRATCH else classifier
    found = _numbers().get(Published(embedding, classifier, fusion, train_fraction), {}).get(task)
    return None if found is None else round(found / 100, 4)


@lru_cache(maxsize=1)
def _numbers() -> dict[Published, dict[str, float]]:
    numbers = {}
    with files(__package__).joinpath("data", "published.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            _ = row.pop("source")
            system = Published(
                row.pop("embedding"), row.pop("classifier"), row.pop("fusion"), float(row.pop("train_fraction"))
            )
            numbers[system] = {task: float(value) for task, value in row.items() if value}
    return numbers
