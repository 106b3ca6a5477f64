"""Which files below a folder are audio: one walk for data sets and for the command line."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from earmark.audio.decode import AUDIO_SUFFIXES
from earmark.errors import AudioError

__all__ = ["check_name", "find_audio", "printable"]


def find_audio(folder: Path) -> tuple[list[Path], list[Path]]:
    """Search a folder and all folders below it, links included.

    Hidden files and folders are passed over. A link back to a folder that it lies in is not followed, and is
    listed with the other files.

    Parameters
    ----------
    folder : Path
        Where to begin.

    Returns
    -------
    audio, others : list of Path
        Files that are audio by their names, and all other files; each begins with `folder`, sorted.

    Raises
    ------
    AudioError
        If a folder cannot be read, or the name of an audio file is not UTF-8.
    """
    audio: list[Path] = []
    others: list[Path] = []
    try:
        for path, is_file in _walk(folder, (folder.resolve(),)):
            (audio if is_file and path.suffix.lower() in AUDIO_SUFFIXES else others).append(path)
    except OSError as error:
        raise AudioError(
            f"{printable(error.filename or folder)}: cannot be searched for audio ({error.strerror}). Allow reading "
            "and entering this folder, or move it away: what lies in it would be missed."
        ) from error
    for path in audio:
        check_name(path)
    return sorted(audio), sorted(others)


def check_name(path: Path) -> None:
    """Refuse a name that cannot be written into a table.

    Raises
    ------
    AudioError
        If the path is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise AudioError(
            f"{printable(path)}: the name is not UTF-8, so it cannot be written into a table. Rename this file "
            "(or the folder above it whose name holds the \\x.. shown)."
        ) from error


def printable(path: str | Path) -> str:
    r"""Return a path as text that can always be printed: bytes that are not UTF-8 become ``\x..``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _walk(folder: Path, above: tuple[Path, ...]) -> Iterator[tuple[Path, bool]]:
    """Yield what is no folder and true, or a link back and false; `above` are the real places of the way here."""
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if not _is_folder(entry):
            yield entry, True
            continue
        place = entry.resolve()
        if any(passed.is_relative_to(place) for passed in above):
            yield entry, False
        else:
            yield from _walk(entry, (*above, place))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):  # a link to nowhere: whoever opens it says so
            return False
        raise
