"""DB-MTC, task T2: families of musical instruments.

The paper's recordings are in-house and were never published. What is read is a folder of the user's own.
"""

from __future__ import annotations

from pathlib import Path

from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.layout import TABLE_I, layout_of, read_layout
from earmark.datasets.named import NamedDataset

__all__ = ["CARD", "ENTRY", "read"]

CARD = DatasetCard(
    name="db-mtc",
    title="Families of musical instruments",
    citation="Grollmisch, Cano, Kehling, Taenzer: Analyzing the Potential of Pre-Trained Embeddings for Audio "
    "Classification Tasks, EUSIPCO 2020.",
    origin="in-house at Fraunhofer IDMT and never published; use recordings of your own",
    task="T2",
    expected=Expected(
        clips=50,
        classes=5,
        minutes=310.0,
        source=TABLE_I,
        class_names=("woodwinds", "brass", "piano", "vocal", "strings"),
    ),
)
SPELLINGS = {"woodwind": "woodwinds", "voice": "vocal", "vocals": "vocal", "string": "strings"}


def read(folder: Path) -> Dataset:
    """Read it from its folder; see `earmark.datasets.layout.read_layout`."""
    return read_layout(folder, CARD, spellings=SPELLINGS)


ENTRY = NamedDataset(CARD, layout_of(CARD), read)
