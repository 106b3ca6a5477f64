"""The layout that all named data sets can be read from, and the checks against what was published of them.

Archives come and go, and the layout of some could never be looked at. So each data set can be given in one plain form:
a folder with one subfolder for each class, below `train/` and `test/` where the test set is fixed, or a table. What is
found is held against the card: wrong classes or a test set that is not there are errors, since results would be those
of another task; another number of clips is told and no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.folder import read_folder
from earmark.datasets.table import read_table
from earmark.errors import DatasetError

__all__ = ["PARTS", "TABLE_I", "find_table", "held_against_card", "layout_of", "read_layout"]

#: What cards of the paper's tasks were taken from.
TABLE_I = "Table I of Grollmisch et al., EUSIPCO 2020"

#: Subfolders of training and test set where the test set is fixed.
PARTS = {"train": "train", "test": "test"}


def layout_of(card: DatasetCard, parts: Mapping[str, str] = PARTS) -> str:
    """Say in words what `read_layout` reads.

    Parameters
    ----------
    card : DatasetCard
        Of the data set.
    parts : mapping of str to str
        As `read_layout` has it.
    """
    expected = _expected(card)
    classes = f" ({', '.join(expected.class_names)})" if expected.class_names else f" ({expected.classes} of them)"
    folders = f"one subfolder a class{classes}"
    if expected.fixed_test_set:
        folders = f"{' and '.join(f'{part}/' for part in parts.values())}, in each {folders}"
    columns = "path,label,split[,group]" if expected.fixed_test_set else "path,label[,group][,fold]"
    return f"{folders}; or {card.name}.csv or clips.csv with {columns}"


def read_layout(
    folder: Path,
    card: DatasetCard,
    *,
    spellings: Mapping[str, str] | None = None,
    parts: Mapping[str, str] = PARTS,
) -> Dataset:
    """Read a named data set from its folder, and hold it against its card.

    Parameters
    ----------
    folder : Path
        It must exist.
    card : DatasetCard
        With what is expected.
    spellings : mapping of str to str, optional
        Other names of the classes; upper case, ``-`` and ``_`` make no difference.
    parts : mapping of str to str
        Subfolder of each part, where the test set is fixed.

    Returns
    -------
    Dataset
        From the table if there is one, else from the subfolders.

    Raises
    ------
    DatasetError
        If there is neither, or what is there is not this data set.
    """
    table = find_table(folder, card)
    if table is not None:
        return held_against_card(read_table(table, card), card, spellings)
    try:
        dataset = _read_parts(folder, card, parts) if _expected(card).fixed_test_set else read_folder(folder)
    except DatasetError as error:
        raise DatasetError(f"{error} {card.name} is laid out so: {layout_of(card, parts)}.") from error
    return held_against_card(replace(dataset, card=card), card, spellings)


def find_table(folder: Path, card: DatasetCard) -> Path | None:
    """Return ``NAME.csv`` or ``clips.csv`` in the folder of a data set, or None if there is neither."""
    tables = (folder / f"{card.name}.csv", folder / "clips.csv")
    return next((table for table in tables if table.is_file()), None)


def held_against_card(dataset: Dataset, card: DatasetCard, spellings: Mapping[str, str] | None = None) -> Dataset:
    """Give the classes their names, and refuse what is not the data set of the card.

    Parameters
    ----------
    dataset : Dataset
        As it was read.
    card : DatasetCard
        With what is expected.
    spellings : mapping of str to str, optional
        As `read_layout` has it.

    Returns
    -------
    Dataset
        With a note for each number that differs from the published one.

    Raises
    ------
    DatasetError
        If classes are known and others are there, or some are not; if there are more or fewer than published; or if a
        fixed test set is needed and not there.
    """
    expected = _expected(card)
    if expected.class_names:
        dataset = _with_known_classes(dataset, expected, spellings or {})
    if expected.fixed_test_set:
        _require_test_set(dataset, card)
    if len(dataset.classes) != expected.classes:
        raise DatasetError(
            f"{dataset.where}: holds {len(dataset.classes)} classes ({', '.join(dataset.classes)}); {card.name} has "
            f"{expected.classes} ({expected.source}). Lay it out so: {layout_of(card)}; to compare on other classes, "
            "give the path of a folder or table in the place of the name."
        )
    if len(dataset) == expected.clips:
        return dataset
    note = f"holds {len(dataset)} clips; {expected.clips} were expected ({expected.source})"
    return replace(dataset, notes=(*dataset.notes, note))


def _expected(card: DatasetCard) -> Expected:
    assert card.expected is not None, f"the card of {card.name} says nothing of what is expected"
    return card.expected


def _read_parts(folder: Path, card: DatasetCard, parts: Mapping[str, str]) -> Dataset:
    """Read training and test set from their subfolders."""
    import pandas as pd

    lacking = [name for name in parts.values() if not (folder / name).is_dir()]
    if lacking:
        raise DatasetError(
            f"{folder}: lacks the folder {' and '.join(lacking)}, and there is no table {card.name}.csv or clips.csv. "
            f"{card.task or card.name} is tested on a fixed test set, which cannot be drawn from the training data."
        )
    clips, notes = [], []
    for part, name in parts.items():
        dataset = read_folder(folder / name)
        clips.append(dataset.clips.assign(path=f"{name}/" + dataset.clips["path"], split=part))
        notes += [f"{name}: {note}" for note in dataset.notes]
    return Dataset(card, folder, pd.concat(clips, ignore_index=True), tuple(notes), folder)


def _with_known_classes(dataset: Dataset, expected: Expected, spellings: Mapping[str, str]) -> Dataset:
    known = {_plain(name): name for name in expected.class_names}
    known |= {_plain(other): name for other, name in spellings.items()}
    labels = [str(label) for label in dataset.clips["label"]]
    wrong = sorted({label for label in labels if _plain(label) not in known})
    if wrong:
        raise DatasetError(
            f"{dataset.where}: found the classes {', '.join(wrong)}, which {dataset.card.name} does not have. "
            f"Expected {', '.join(expected.class_names)} ({expected.source}). Rename them, or move what is no part of "
            "the data set elsewhere."
        )
    names = [known[_plain(label)] for label in labels]
    lacking = [name for name in expected.class_names if name not in names]
    if lacking:
        raise DatasetError(
            f"{dataset.where}: no clips of {', '.join(lacking)}. {dataset.card.name} has {expected.classes} classes: "
            f"{', '.join(expected.class_names)} ({expected.source}). Add their clips; fewer classes are another task."
        )
    return replace(dataset, clips=dataset.clips.assign(label=names))


def _require_test_set(dataset: Dataset, card: DatasetCard) -> None:
    found = set(dataset.clips["split"]) if dataset.has("split") else set()
    lacking = sorted({"train", "test"} - found)
    if lacking:
        raise DatasetError(
            f"{dataset.where}: says of no clip that it is for {' or '.join(lacking)}. {card.task or card.name} is "
            "tested on a fixed test set: give the column split, with train and test."
        )


def _plain(label: str) -> str:
    return re.sub(r"[-_\s]+", " ", label).strip().casefold()
