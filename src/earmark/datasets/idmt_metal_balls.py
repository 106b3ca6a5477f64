"""IDMT-ISA-METAL-BALLS, task T5: the surfaces of metal balls.

Layout of the archive and names of its three classes could not be looked at, so the plain layout is read, with whatever
classes it has.
"""

from __future__ import annotations

from pathlib import Path

from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.layout import TABLE_I, layout_of, read_layout
from earmark.datasets.named import NamedDataset

__all__ = ["CARD", "ENTRY", "read"]

CARD = DatasetCard(
    name="idmt-metal-balls",
    title="Surfaces of metal balls",
    citation="Grollmisch, Abeßer, Liebetrau, Lukashevich: Sounding Industry: Challenges and Datasets for Industrial "
    "Sound Analysis, EUSIPCO 2019.",
    origin="Fraunhofer IDMT, https://www.idmt.fraunhofer.de/en/publications/datasets.html",
    task="T5",
    expected=Expected(clips=1521, classes=3, minutes=10.0, source=TABLE_I, fixed_test_set=True),
)


def read(folder: Path) -> Dataset:
    """Read it from its folder; see `earmark.datasets.layout.read_layout`."""
    return read_layout(folder, CARD)


ENTRY = NamedDataset(CARD, layout_of(CARD), read)
