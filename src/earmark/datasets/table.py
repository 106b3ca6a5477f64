"""A CSV, TSV or Parquet table with one row for each clip."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.datasets.dataset import Dataset, DatasetCard
from earmark.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TABLE_SUFFIXES", "dataset_of", "load_table", "read_table", "require_columns"]

#: Endings of files that are read as tables, and what separates their columns.
TABLE_SUFFIXES = {".csv": ",", ".tsv": "\t", ".parquet": ""}

_REQUIRED = ("path", "label")
_KNOWN = (*_REQUIRED, "group", "fold", "split")
_SPLITS = frozenset({"train", "validation", "test"})


def read_table(file: str | Path, card: DatasetCard | None = None) -> Dataset:
    """Read a data set from a table.

    Parameters
    ----------
    file : str or Path
        CSV, TSV or Parquet with the columns ``path`` (relative to the table's folder, or absolute) and ``label``, and
        where they are known ``group`` (clips of one group are never split between training and test), ``fold``
        (official folds) and ``split`` (``train``, ``validation`` or ``test``). Other columns are kept as metadata; if
        one is called ``synthetic`` and holds a ``true``, every table says that the data are synthetic.
    card : DatasetCard, optional
        Facts about the data set; by default its name is the file's.

    Returns
    -------
    Dataset
        Clips in the order of the table.

    Raises
    ------
    DatasetError
        If the table cannot be read, lacks a column or a value, or lists files that do not exist.
    """
    file = Path(file)
    return dataset_of(file, load_table(file), card)


def dataset_of(file: Path, clips: pd.DataFrame, card: DatasetCard | None = None, root: Path | None = None) -> Dataset:
    """Check the rows of a table and make a data set of them.

    Parameters
    ----------
    file : Path
        Where the rows come from, for messages; each row's index tells its line.
    clips : DataFrame
        Columns as `read_table` has them; texts.
    card : DatasetCard, optional
        As `read_table` has it.
    root : Path, optional
        Where relative paths start; by default the folder of the table.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        As `read_table` does.
    """
    root = file.parent if root is None else root
    require_columns(file, clips, _REQUIRED, "The first line must name the columns: path,label[,group][,fold][,split].")
    for column in (column for column in _KNOWN if column in clips):
        empty = clips.index[clips[column].isna() | (clips[column] == "")]
        if len(empty):
            raise DatasetError(
                f"{file}: {len(empty)} rows have no {column}, the first is {_row(file, clips, empty[0])}. "
                "Fill them in, or remove the rows or the whole column."
            )
        clips[column] = clips[column].astype(str)
    if "split" in clips and not set(clips["split"]) <= _SPLITS:
        odd = sorted(set(clips["split"]) - _SPLITS)
        raise DatasetError(f"{file}: the column split holds {', '.join(odd)}; it may hold train, validation and test.")
    absent = clips.index[[not os.path.isfile(root / path) for path in clips["path"]]]
    if len(absent):
        raise DatasetError(
            f"{file}: {len(absent)} of {len(clips)} files do not exist or cannot be reached, the first is "
            f"{_row(file, clips, absent[0])}. Relative paths start from {root}."
        )
    made_up = "synthetic" in clips and clips["synthetic"].astype(str).str.lower().isin(["1", "true", "yes"]).any()
    facts = card or DatasetCard(name=file.stem, synthetic=bool(made_up))
    return Dataset(facts, root, clips.reset_index(drop=True), source=file)


def load_table(file: Path, separator: str | None = None) -> pd.DataFrame:
    """Load a table as it is, text by text.

    Parameters
    ----------
    file : Path
        CSV, TSV or Parquet.
    separator : str, optional
        What separates the columns of a text; by default told from the ending of the file's name.

    Returns
    -------
    DataFrame
        Rows numbered from 0.

    Raises
    ------
    DatasetError
        If it cannot be read.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        if file.suffix.lower() == ".parquet":
            clips = pd.read_parquet(file)
            # An index with a name is a column that was set apart; one without is leftover numbers.
            return clips.reset_index(drop=clips.index.name is None)
        separator = separator or TABLE_SUFFIXES[file.suffix.lower()]
        with warnings.catch_warnings():
            # Without index_col=False surplus fields make the first column an index; with it they are dropped.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                file, sep=separator, index_col=False, dtype=str, keep_default_na=False, encoding="utf-8-sig"
            )
    except pd.errors.ParserWarning as error:
        raise DatasetError(
            f"{file}: lines hold more fields than the first line names columns. Remove surplus separators at the "
            "ends of lines, put fields that hold a separator in double quotes, or name the missing columns."
        ) from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, pa.ArrowException) as error:
        reason = str(error).strip().splitlines()[0]
        raise DatasetError(
            f"{file}: cannot be read as a table ({reason}). Expected UTF-8 CSV or TSV with a line of column names, "
            "or Parquet."
        ) from error


def require_columns(file: Path, clips: pd.DataFrame, needed: Sequence[str], remedy: str) -> None:
    """Refuse a table that lacks columns.

    Parameters
    ----------
    file : Path
        The table, for the message.
    clips : DataFrame
        What was read of it.
    needed : sequence of str
        Names of columns.
    remedy : str
        What to do about it, a sentence.

    Raises
    ------
    DatasetError
        If one is not there.
    """
    lacking = [column for column in needed if column not in clips]
    if lacking:
        raise DatasetError(
            f"{file}: lacks the column {' and '.join(lacking)}; found {', '.join(map(str, clips.columns))}. {remedy}"
        )


def _row(file: Path, clips: pd.DataFrame, index: int) -> str:
    """Name a row as a program would show it: Parquet has rows, of a text file line 1 is the header."""
    place = f"row {index + 1}" if file.suffix.lower() == ".parquet" else f"line {index + 2}"
    return f"{place} ({clips['path'].loc[index]!s})"
