"""From whatever the user named to a data set: a folder, a table, or a name.

Two kinds of data sets are known by name. Real recordings each have a module here, with a card, a layout and a reader;
they lie in `<data root>/NAME`, put there by the user or by `get_dataset`. Others are made by code at their first use,
and lie in the same place. The data root is the folder `datasets` of the cache unless another one is named.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from earmark.audio import check_name, printable
from earmark.datasets import (
    acmus_mir,
    cwru,
    db_mtc,
    esc10,
    esc50,
    field_recordings,
    idmt_engine,
    idmt_metal_balls,
    idmt_pucks,
)
from earmark.datasets.archives import fetch_archive
from earmark.datasets.dataset import Dataset, DatasetCard
from earmark.datasets.folder import read_folder
from earmark.datasets.named import NamedDataset
from earmark.datasets.pucks import PUCKS_CARD, write_pucks
from earmark.datasets.standin import STANDIN_TASKS, write_standin
from earmark.datasets.table import TABLE_SUFFIXES, read_table
from earmark.errors import AudioError, DatasetError, MissingDatasetError
from earmark.progress import SILENT, Progress
from earmark.weights import cache_directory

__all__ = [
    "can_get",
    "dataset_card",
    "dataset_folder",
    "dataset_layout",
    "get_dataset",
    "list_datasets",
    "load_dataset",
    "read_dataset",
]

_RECORDED: dict[str, NamedDataset] = {
    module.ENTRY.card.name: module.ENTRY
    for module in (
        acmus_mir,
        cwru,
        db_mtc,
        field_recordings,
        idmt_engine,
        idmt_metal_balls,
        idmt_pucks,
        esc10,
        esc50,
    )
}

#: Data sets made by code: card, and what writes the clips and then the table NAME.csv into a folder.
_MADE: dict[str, tuple[DatasetCard, Callable[[Path], Path]]] = {
    PUCKS_CARD.name: (PUCKS_CARD, write_pucks),
    **{name: (card, partial(write_standin, name)) for name, card in STANDIN_TASKS.items()},
}


def list_datasets() -> list[str]:
    """List the names of data sets that `load_dataset` knows.

    Examples
    --------
    >>> [name for name in list_datasets() if name.startswith("esc")]
    ['esc10', 'esc50']
    """
    return sorted([*_RECORDED, *_MADE])


def dataset_card(name: str) -> DatasetCard:
    """Return the facts about a data set that is known by name.

    Raises
    ------
    DatasetError
        If the name is not known.

    Examples
    --------
    >>> dataset_card("idmt-electric-engine").expected.clips
    2378
    """
    _require(name)
    return _RECORDED[name].card if name in _RECORDED else _MADE[name][0]


def dataset_folder(name: str, data_root: str | Path | None = None) -> Path:
    """Return where a data set lies that is known by name, whether it is there or not.

    Parameters
    ----------
    name : str
        One of `list_datasets`.
    data_root : str or Path, optional
        Folder of data sets; by default ``datasets`` in the cache.

    Raises
    ------
    DatasetError
        If the name is not known.
    """
    _require(name)
    return (cache_directory() / "datasets" if data_root is None else Path(data_root)) / name


def dataset_layout(name: str) -> str:
    """Say in words how the folder of a data set must be laid out that is known by name.

    Raises
    ------
    DatasetError
        If the name is not known.
    """
    _require(name)
    return _RECORDED[name].layout if name in _RECORDED else f"{name}.csv, and the clips that it lists"


def can_get(name: str) -> bool:
    """Tell whether `get_dataset` can fetch or make a data set that is known by name.

    Raises
    ------
    DatasetError
        If the name is not known.
    """
    _require(name)
    return name in _MADE or _RECORDED[name].archive is not None


def read_dataset(name: str, folder: str | Path) -> Dataset:
    """Read a data set that is known by name from a folder, wherever that lies.

    Parameters
    ----------
    name : str
        One of `list_datasets`.
    folder : str or Path
        Its folder.

    Returns
    -------
    Dataset
        With a note for each number that differs from what was published.

    Raises
    ------
    MissingDatasetError
        If there is no such folder, or one that was made by code has not been made.
    DatasetError
        If the name is not known, or what lies there is not that data set.
    """
    _require(name)
    folder = Path(folder)
    if name in _RECORDED:
        return _RECORDED[name].read(folder)
    table = folder / f"{name}.csv"
    if not table.exists():
        root = "" if folder == dataset_folder(name) else f" --data-root {folder.parent}"
        raise MissingDatasetError(f"{table}: is not there. Make it: earmark data get {name}{root}.")
    return read_table(table, _MADE[name][0])


def get_dataset(name: str, data_root: str | Path | None = None, *, progress: Progress = SILENT) -> Path:
    """Fetch a data set that is known by name, or make it; one that lies there is only read.

    Parameters
    ----------
    name : str
        One of `list_datasets`.
    data_root : str or Path, optional
        Folder of data sets; by default ``datasets`` in the cache.
    progress : Progress
        Hears of the steps.

    Returns
    -------
    Path
        Its folder.

    Raises
    ------
    MissingDatasetError
        If it must be got by hand, the message says how; or cannot be fetched at present.
    DatasetError
        If the name is not known, something else lies there, or what came is not it.
    """
    folder = dataset_folder(name, data_root)
    if name in _MADE:
        if not (folder / f"{name}.csv").exists():
            _require_room(name, folder)
            _MADE[name][1](folder)
        return folder
    entry = _RECORDED[name]
    if folder.is_dir() and any(folder.iterdir()):
        entry.read(folder)
    elif entry.archive is None:
        raise MissingDatasetError(f"{name} cannot be fetched by earmark. Put it into {folder} yourself. {entry.way}")
    else:
        fetch_archive(entry.archive, folder, entry.read, progress=progress)
    return folder


def load_dataset(data: str | Path | Dataset, data_root: str | Path | None = None) -> Dataset:
    """Find a data set.

    Parameters
    ----------
    data : str, Path or Dataset
        A folder with one subfolder for each class, a CSV, TSV or Parquet file (see `read_table`), the name of a data
        set, or a data set, which is returned as it is. Where a name and a file or folder here are the same, write
        ``./NAME`` for what lies here.
    data_root : str or Path, optional
        Folder in which data sets known by name lie, each in a folder of its name; by default ``datasets`` in the
        cache. Where it is given, names come first.

    Returns
    -------
    Dataset

    Raises
    ------
    MissingDatasetError
        If it is the name of a data set that is not there.
    DatasetError
        If it is none of these, or cannot be read.
    """
    if isinstance(data, Dataset):
        return data
    path = Path(data)
    named = isinstance(data, str) and (data in _RECORDED or data in _MADE)
    if named and data_root is not None:
        return _load_named(str(data), data_root)
    is_folder, is_file = _look_at(path)
    if named and (is_folder or is_file):
        raise DatasetError(
            f"{data}: is the name of a data set, and also lies here ({path.absolute()}). Write ./{data} for what lies "
            "here; for the data set of that name call from another folder, or name its data root."
        )
    if named:
        return _load_named(str(data), None)
    if is_folder:
        return read_folder(path)
    if not is_file:
        raise _unknown(str(data), "there is no such folder or file, and no data set of that name")
    if path.suffix.lower() in TABLE_SUFFIXES:
        return read_table(path)
    raise DatasetError(
        f"{path}: is neither a folder nor a table. A table ends in {', '.join(TABLE_SUFFIXES)}; "
        "to classify single recordings, train a model first and use earmark predict."
    )


def _load_named(name: str, data_root: str | Path | None) -> Dataset:
    folder = get_dataset(name, data_root) if name in _MADE else dataset_folder(name, data_root)
    return read_dataset(name, folder)


def _require_room(name: str, folder: Path) -> None:
    """Refuse to make a data set among files of the user; `audio` alone is what a making that was cut short leaves."""
    others = [each.name for each in sorted(folder.iterdir())] if folder.is_dir() else []
    others = [each for each in others if each != "audio" and not each.startswith(".")]
    if others:
        raise DatasetError(
            f"{folder}: holds {printable(others[0])}, which is no part of {name}. {name} is made by code, and is not "
            "mixed with files of yours. Move them elsewhere, or name another data root."
        )


def _look_at(path: Path) -> tuple[bool, bool]:
    """Tell whether a path is a folder, and whether it is a file."""
    try:
        check_name(path)
        return path.is_dir(), path.is_file()
    except AudioError as error:
        raise DatasetError(str(error)) from error
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be looked at ({error.strerror}). Check the path, and the permissions of the folders "
            "above it."
        ) from error


def _require(name: str) -> None:
    if name not in _RECORDED and name not in _MADE:
        raise _unknown(name, "there is no data set of that name")


def _unknown(name: str, what: str) -> DatasetError:
    close = get_close_matches(name, list_datasets(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return DatasetError(f"{name}: {what}.{hint} Known by name: {', '.join(list_datasets())}.")
