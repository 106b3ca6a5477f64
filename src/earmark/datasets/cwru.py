"""CWRU: faults of ball bearings, heard by accelerometers.

The Bearing Data Center of Case Western Reserve University publishes recordings as MATLAB files, one a fault, size, load
and sensor. Here a clip is one of them as sound, 10 s at 12 kHz, and a group is the physical bearing: clips of one
bearing differ in load and sensor only, so a split over clips tells little of a bearing that was never heard.
"""

from __future__ import annotations

from pathlib import Path

from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.layout import layout_of, read_layout
from earmark.datasets.named import NamedDataset

__all__ = ["CARD", "ENTRY", "read"]

CARD = DatasetCard(
    name="cwru",
    title="Faults of ball bearings",
    citation="Case Western Reserve University Bearing Data Center, Seeded Fault Test Data.",
    origin="https://engineering.case.edu/bearingdatacenter",
    expected=Expected(
        clips=105,
        classes=3,
        minutes=105 * 10 / 60,
        source="the selection of earmark's own results (docs/results.md)",
        class_names=("ball", "inner_race", "outer_race"),
    ),
)


def read(folder: Path) -> Dataset:
    """Read it from its folder; see `earmark.datasets.layout.read_layout`."""
    return read_layout(folder, CARD)


ENTRY = NamedDataset(CARD, layout_of(CARD), read)
