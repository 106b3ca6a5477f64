"""IDMT-ISA-PUCKS, task T6: the plastics that pucks are made of, heard at moments only.

Layout of the archive and names of its five classes could not be looked at, so the plain layout is read, with whatever
classes it has. The synthetic data set `pucks` is shaped after it and holds none of it.
"""

from __future__ import annotations

from pathlib import Path

from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.layout import TABLE_I, layout_of, read_layout
from earmark.datasets.named import NamedDataset

__all__ = ["CARD", "ENTRY", "read"]

CARD = DatasetCard(
    name="idmt-pucks",
    title="Plastics of pucks",
    citation="Grollmisch, Johnson, Krüger, Liebetrau: Plastic Material Classification using Neural Network based Audio "
    "Signal Analysis, SMSI 2020.",
    origin="Fraunhofer IDMT, https://www.idmt.fraunhofer.de/en/publications/datasets.html",
    task="T6",
    expected=Expected(clips=150, classes=5, minutes=150.0, source=TABLE_I, fixed_test_set=True),
)


def read(folder: Path) -> Dataset:
    """Read it from its folder; see `earmark.datasets.layout.read_layout`."""
    return read_layout(folder, CARD)


ENTRY = NamedDataset(CARD, layout_of(CARD), read)
