"""What a module of a named data set gives: its card, its layout in words, its reader, and its archive if it has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earmark.datasets.archives import Archive
from earmark.datasets.dataset import Dataset, DatasetCard
from earmark.errors import MissingDatasetError

__all__ = ["NamedDataset"]


@dataclass(frozen=True)
class NamedDataset:
    """A data set of real recordings that is known by name.

    Attributes
    ----------
    card : DatasetCard
        Facts about it.
    layout : str
        What its folder must hold, in words.
    reader : callable
        Makes a data set of its folder, which exists.
    archive : Archive, optional
        What it can be fetched from; None where address, licence or digest are not known.
    """

    card: DatasetCard
    layout: str
    reader: Callable[[Path], Dataset]
    archive: Archive | None = None

    def read(self, folder: Path) -> Dataset:
        """Read it from its folder.

        Raises
        ------
        MissingDatasetError
            If there is no such folder.
        DatasetError
            If what lies there is not this data set.
        """
        if not folder.is_dir():
            raise MissingDatasetError(f"{folder}: the data set {self.card.name} is not here. {self.way}")
        return self.reader(folder)

    @property
    def way(self) -> str:
        """How to come by it, in words."""
        card = self.card
        licence = card.licence or "not known, ask there before you use it"
        fetch = f" `earmark data get {card.name}` fetches it." if self.archive else ""
        return f"Where to get it: {card.origin} (licence: {licence}).{fetch} How to lay it out: {self.layout}."
