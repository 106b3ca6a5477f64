"""Audio files from what the user named: files, and folders searched for audio."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from earmark.errors import AudioError

__all__ = ["find_recordings"]


def find_recordings(named: Sequence[Path]) -> list[Path]:
    """List audio files: those named, and all below the folders named, each once.

    Raises
    ------
    AudioError
        If a folder holds no audio files or cannot be read, or a name is not UTF-8.
    """
    from earmark.audio import AUDIO_SUFFIXES, check_name, find_audio

    found: list[Path] = []
    for path in named:
        check_name(path)
        if not os.path.isdir(path):  # Path.is_dir raises where it may not look
            found.append(path)  # whatever is wrong with it is said when it is opened
            continue
        inside, _ = find_audio(path)
        if not inside:
            raise AudioError(f"{path}: holds no audio files ({', '.join(sorted(AUDIO_SUFFIXES))}).")
        found += inside
    return list(dict.fromkeys(found))
