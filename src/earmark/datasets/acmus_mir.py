"""ACMUS-MIR v1.1, task T1: how many play in recordings of Andean Colombian music.

The layout of the record could not be looked at, so the plain layout is read. The classes are those of the authors'
released model (github.com/ACMUS-MIR/ACMus-Models), in which the largest is also called just ``large``.
"""

from __future__ import annotations

from pathlib import Path

from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.layout import TABLE_I, layout_of, read_layout
from earmark.datasets.named import NamedDataset

__all__ = ["CARD", "ENTRY", "read"]

CARD = DatasetCard(
    name="acmus-mir",
    title="Ensemble sizes in Andean Colombian music",
    citation="Mora-Ángel, López Gil, Cano, Grollmisch: ACMUS-MIR, an annotated data set of Andean Colombian music, "
    "DLfM 2019.",
    origin="https://zenodo.org/record/3268961",
    task="T1",
    expected=Expected(
        clips=185,
        classes=5,
        minutes=70.0,
        source=TABLE_I,
        class_names=("solo", "duo", "trio", "quartet", "large ensemble"),
    ),
)
SPELLINGS = {"large": "large ensemble", "ensemble": "large ensemble"}


def read(folder: Path) -> Dataset:
    """Read it from its folder; see `earmark.datasets.layout.read_layout`."""
    return read_layout(folder, CARD, spellings=SPELLINGS)


ENTRY = NamedDataset(CARD, layout_of(CARD), read)
