"""Audio files from what the user named: files, and folders searched for audio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from earmark.errors import AudioError

__all__ = ["find_recordings"]


def find_recordings(named: Sequence[Path]) -> list[Path]:
    """List audio files: those named, and all below the folders named, each once.

    Raises
    ------
    AudioError
        If a folder holds no audio files.
    """
    from earmark.audio import AUDIO_SUFFIXES

    found: list[Path] = []
    for path in named:
        if not path.is_dir():
            found.append(path)  # whatever is wrong with it is said when it is opened
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file())
        if not inside:
            raise AudioError(f"{path}: holds no audio files ({', '.join(sorted(AUDIO_SUFFIXES))}).")
        found += inside
    return list(dict.fromkeys(found))
