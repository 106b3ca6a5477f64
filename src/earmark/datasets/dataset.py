"""A data set: clips with one label each, and what else is known of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Dataset", "DatasetCard", "Expected"]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a data set holds by what was published of it.

    Attributes
    ----------
    clips : int
        Number of clips.
    classes : int
        Number of classes.
    minutes : float
        Length of all clips.
    source : str
        What says so.
    class_names : tuple of str
        The classes; empty where only their number is known.
    fixed_test_set : bool
        Whether it brings a test set that is never trained on.
    """

    clips: int
    classes: int
    minutes: float
    source: str
    class_names: tuple[str, ...] = ()
    fixed_test_set: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """Facts about a data set.

    Attributes
    ----------
    name : str
        Its name in results.
    title : str
        What it is, in a line; may be empty.
    licence : str
        Licence of the recordings; empty when it is not known.
    citation : str
        How to cite it; may be empty.
    origin : str
        Where it comes from, an address where there is one; may be empty.
    task : str
        Task of the paper (Grollmisch et al., EUSIPCO 2020) that it is for, ``"T1"`` to ``"T6"``; else empty.
    expected : Expected, optional
        What it holds by what was published of it.
    synthetic : bool
        Whether it was made by code; every table then says so.
    """

    name: str
    title: str = ""
    licence: str = ""
    citation: str = ""
    origin: str = ""
    task: str = ""
    expected: Expected | None = None
    synthetic: bool = False

    @property
    def licence_known(self) -> bool:
        """Whether it is known what the recordings may be used for."""
        return bool(self.licence)


@dataclass(frozen=True)
class Dataset:
    """Labelled clips.

    Attributes
    ----------
    card : DatasetCard
        Facts about the whole.
    root : Path
        Folder that relative paths start from.
    clips : DataFrame
        One row a clip: ``path`` and ``label`` (str), where they are known ``group``, ``fold`` and ``split`` (str), and
        further columns as metadata.
    notes : tuple of str
        Remarks on how it was read, such as files that were passed over.
    source : Path, optional
        Folder or table that it was read from; messages name it, or the root if there is none.

    Raises
    ------
    DatasetError
        If there are no clips, a path stands there twice, or there is only one class.
    """

    card: DatasetCard
    root: Path
    clips: pd.DataFrame
    notes: tuple[str, ...] = field(default=())
    source: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be classified."""
        where = self.where
        if not len(self.clips):
            raise DatasetError(f"{where}: holds no clips. List clips of at least two classes, with path and label.")
        # a.wav, ./a.wav and /where/it/lies/a.wav are one file.
        files = self.clips["path"].map(lambda path: os.path.normpath(self.root / path))
        twice = self.clips["path"][files.duplicated()].unique()
        if len(twice):
            raise DatasetError(
                f"{where}: {len(twice)} clips are listed twice, the first is {twice[0]}. "
                "Keep one row for each file: listed twice, a clip could be trained and tested on at once."
            )
        if len(self.classes) < 2:
            raise DatasetError(
                f"{where}: all {len(self.clips)} clips have the one label {self.classes[0]!r}. "
                "Classification needs clips of at least two classes."
            )

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def where(self) -> Path:
        """What messages name: the folder or table that it was read from, else the root."""
        return self.source or self.root

    @property
    def classes(self) -> list[str]:
        """Labels that occur, sorted."""
        return sorted(self.clips["label"].unique())

    @property
    def labels(self) -> NDArray[np.str_]:
        """Label of each clip, shape (clips,)."""
        return self.column("label")

    @property
    def paths(self) -> list[Path]:
        """Where each clip's file lies."""
        return [self.root / path for path in self.clips["path"]]

    def has(self, column: str) -> bool:
        """Tell whether a column is there."""
        return column in self.clips

    def column(self, name: str) -> NDArray[np.str_]:
        """Return a column of text, shape (clips,)."""
        return np.asarray(self.clips[name], dtype=str)

    def keep(self, rows: Sequence[bool] | NDArray[np.bool_]) -> Dataset:
        """Return the data set with only the clips for which `rows` is true."""
        return replace(self, clips=self.clips[np.asarray(rows)].reset_index(drop=True))
