"""From whatever the user named to a data set: a folder, a table, or a name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from earmark.audio import check_name
from earmark.datasets.dataset import Dataset
from earmark.datasets.folder import read_folder
from earmark.datasets.table import TABLE_SUFFIXES, read_table
from earmark.errors import AudioError, DatasetError

__all__ = ["list_datasets", "load_dataset"]


def list_datasets() -> list[str]:
    """List the names of data sets that `load_dataset` knows.

    Examples
    --------
    >>> list_datasets()
    ['pucks']
    """
    return sorted(_NAMED)


def load_dataset(data: str | Path | Dataset) -> Dataset:
    """Find a data set.

    Parameters
    ----------
    data : str, Path or Dataset
        A folder with one subfolder for each class, a CSV, TSV or Parquet file (see `read_table`), the name of a data
        set, or a data set, which is returned as it is.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        If it is none of these, or cannot be read.
    """
    if isinstance(data, Dataset):
        return data
    path = Path(data)
    try:
        check_name(path)
        is_folder, is_file = path.is_dir(), path.is_file()
    except AudioError as error:
        raise DatasetError(str(error)) from error
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be looked at ({error.strerror}). Check the path, and the permissions of the folders "
            "above it."
        ) from error
    if is_folder:
        return read_folder(path)
    if is_file:
        if path.suffix.lower() in TABLE_SUFFIXES:
            return read_table(path)
        raise DatasetError(
            f"{path}: is neither a folder nor a table. A table ends in {', '.join(TABLE_SUFFIXES)}; "
            "to classify single recordings, train a model first and use earmark predict."
        )
    if str(data) in _NAMED:
        return _NAMED[str(data)]()
    close = get_close_matches(str(data), _NAMED, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise DatasetError(
        f"{data}: there is no such folder or file, and no data set of that name.{hint} "
        f"Known by name: {', '.join(list_datasets())}."
    )


def _pucks() -> Dataset:
    from earmark.datasets.pucks import PUCKS_CARD, write_pucks
    from earmark.weights import cache_directory

    folder = cache_directory() / "datasets" / "pucks"
    table = folder / "pucks.csv"
    return read_table(table if table.exists() else write_pucks(folder), PUCKS_CARD)


_NAMED: dict[str, Callable[[], Dataset]] = {"pucks": _pucks}
