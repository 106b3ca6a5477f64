"""ESC-10: the ten classes of ESC-50 that are marked in its table, under a freer licence, with official folds.

It was once a data set of its own (github.com/karolpiczak/ESC-10), some classes of which had other names; a table may
use those, too.
"""

from __future__ import annotations

from pathlib import Path

from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.esc50 import ARCHIVE, CITATION, LAYOUT, ORIGIN, README, read_esc
from earmark.datasets.named import NamedDataset

__all__ = ["CARD", "ENTRY", "read"]

CARD = DatasetCard(
    name="esc10",
    title="Environmental sounds, ten classes",
    licence="CC BY 3.0",
    citation=CITATION,
    origin=ORIGIN,
    expected=Expected(
        clips=400,
        classes=10,
        minutes=400 * 5 / 60,
        source=README,
        class_names=(
            *("dog", "rooster", "rain", "sea_waves", "crackling_fire"),
            *("crying_baby", "sneezing", "clock_tick", "helicopter", "chainsaw"),
        ),
    ),
)
SPELLINGS = {
    "dog_bark": "dog",
    "fire_crackling": "crackling_fire",
    "baby_cry": "crying_baby",
    "person_sneeze": "sneezing",
}


def read(folder: Path) -> Dataset:
    """Read it from its folder; see `earmark.datasets.esc50.read_esc`."""
    return read_esc(folder, CARD, SPELLINGS)


ENTRY = NamedDataset(CARD, LAYOUT.format(name=CARD.name), read, ARCHIVE)
