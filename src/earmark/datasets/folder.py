"""A folder with one subfolder for each class."""

from __future__ import annotations

from pathlib import Path

from earmark.audio import AUDIO_SUFFIXES
from earmark.datasets.dataset import Dataset, DatasetCard
from earmark.errors import DatasetError

__all__ = ["read_folder"]


def read_folder(folder: str | Path) -> Dataset:
    """Read a data set from a folder: the name of a subfolder is the label of all audio files below it.

    Hidden files are passed over. Other files that are not audio by their name, and subfolders without audio, are passed
    over too and mentioned in the data set's notes.

    Parameters
    ----------
    folder : str or Path
        The folder.

    Returns
    -------
    Dataset
        Clips sorted by path, paths relative to the folder.

    Raises
    ------
    DatasetError
        If there are no subfolders with audio files.
    """
    import pandas as pd

    folder = Path(folder)
    rows, others = [], []
    classes = [part for part in sorted(folder.iterdir()) if part.is_dir() and not part.name.startswith(".")]
    for part in classes:
        for file in sorted(part.rglob("*")):
            inside = file.relative_to(folder)
            if file.is_dir() or any(name.startswith(".") for name in inside.parts):
                continue
            if file.suffix.lower() in AUDIO_SUFFIXES:
                rows.append((inside.as_posix(), part.name))
            else:
                others.append(inside.as_posix())
    if not rows:
        raise DatasetError(
            f"{folder}: found no audio files in {len(classes)} subfolders. Expected one subfolder for each class, "
            f"with files ending in {', '.join(sorted(AUDIO_SUFFIXES))}; or give a CSV file with path and label."
        )
    loose = [file.name for file in sorted(folder.iterdir()) if file.suffix.lower() in AUDIO_SUFFIXES]
    empty = sorted({part.name for part in classes} - {label for _, label in rows})
    notes = (
        _note("files that are not audio by their name were passed over", others),
        _note("audio files directly in the folder have no class and were passed over", loose),
        _note("subfolders hold no audio and make no class", empty),
    )
    clips = pd.DataFrame(rows, columns=["path", "label"])
    return Dataset(DatasetCard(name=folder.resolve().name), folder, clips, tuple(note for note in notes if note))


def _note(what: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} {what}: {shown}"
