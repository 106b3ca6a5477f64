"""A folder with one subfolder for each class."""

from __future__ import annotations

from pathlib import Path

from earmark.audio import AUDIO_SUFFIXES, find_audio, printable
from earmark.datasets.dataset import Dataset, DatasetCard
from earmark.errors import AudioError, DatasetError

__all__ = ["read_folder"]


def read_folder(folder: str | Path) -> Dataset:
    """Read a data set from a folder: the name of a subfolder is the label of all audio files below it.

    Links are followed, except back to a folder that they lie in. Hidden files are passed over. Other files that are not
    audio by their name, and subfolders without audio, are passed over too and mentioned in the data set's notes.

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
        If there are no subfolders with audio files, a folder cannot be read, or a name is not UTF-8.
    """
    import pandas as pd

    folder = Path(folder)
    try:
        audio, others = find_audio(folder)
    except AudioError as error:
        raise DatasetError(str(error)) from error
    found = [path.relative_to(folder) for path in audio]
    rows = [(path.as_posix(), path.parts[0]) for path in found if len(path.parts) > 1]
    inside = [path.relative_to(folder) for path in others]
    classes = [part for part in sorted(folder.iterdir()) if part.is_dir() and not part.name.startswith(".")]
    if not rows:
        raise DatasetError(
            f"{folder}: found no audio files in {len(classes)} subfolders. Expected one subfolder for each class, "
            f"with files ending in {', '.join(sorted(AUDIO_SUFFIXES))}; or give a CSV file with path and label."
        )
    loose = [path.name for path in found if len(path.parts) == 1]
    odd = [path.as_posix() for path in inside if len(path.parts) > 1]
    empty = sorted({part.name for part in classes} - {label for _, label in rows})
    notes = (
        _note("files that are not audio by their name were passed over", odd),
        _note("audio files directly in the folder have no class and were passed over", loose),
        _note("subfolders hold no audio and make no class", empty),
    )
    clips = pd.DataFrame(rows, columns=["path", "label"])
    return Dataset(DatasetCard(name=folder.resolve().name), folder, clips, tuple(filter(None, notes)), folder)


def _note(what: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(map(printable, names[:3])) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} {what}: {shown}"
