"""Where earmark keeps what it has fetched, and whether it may fetch at all.

Two environment variables decide. `EARMARK_CACHE` names the folder, else it is the user's cache folder by the
XDG base directory specification (on macOS `~/Library/Caches`). `EARMARK_OFFLINE=1` forbids every download.

Files appear in the cache complete or not at all, so that any number of processes may do the same work at once,
and one that is killed breaks nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from earmark.errors import SettingsError, WeightsError
from earmark.files import advice, replacing

__all__ = ["cache_directory", "into_cache", "offline", "writing_to_cache"]

_YES = frozenset({"1", "true", "yes"})
_NO = frozenset({"", "0", "false", "no"})


def cache_directory() -> Path:
    """Folder of everything that earmark has fetched; it need not exist yet.

    Returns
    -------
    Path
        `EARMARK_CACHE` if set, else `earmark` in the user's cache folder; always absolute.

    Raises
    ------
    SettingsError
        If the user has no home folder and `EARMARK_CACHE` is not set.
    """
    try:
        if chosen := os.environ.get("EARMARK_CACHE"):
            return Path(chosen).expanduser().absolute()
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "earmark"
        # XDG: a relative path in the variable is invalid and to be ignored.
        xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
        return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "earmark"
    except RuntimeError as error:  # what pathlib raises where there is no home folder
        raise SettingsError(
            f"No folder for earmark's cache: {error}. Set EARMARK_CACHE to a folder that may be written to."
        ) from error


def offline() -> bool:
    """Whether downloads are forbidden: `EARMARK_OFFLINE` is 1, true or yes.

    Raises
    ------
    SettingsError
        If the variable says neither yes nor no; a misspelt prohibition must not be taken for consent.
    """
    said = os.environ.get("EARMARK_OFFLINE", "").strip().lower()
    if said in _YES | _NO:
        return said in _YES
    raise SettingsError(f"EARMARK_OFFLINE is {said!r}. Set it to 1 (forbid downloads) or 0 (allow them).")


@contextmanager
def into_cache(target: Path) -> Iterator[Path]:
    """Give a path to write to, and rename the file there to `target` if all went well.

    Parameters
    ----------
    target : Path
        The file to make or replace; its folders are made if need be.

    Yields
    ------
    Path
        A path beside the target, with its ending.

    Raises
    ------
    WeightsError
        If the file system refuses (no permission, disk full, read-only). Nothing half-written is left.
    """
    with writing_to_cache(target), replacing(target) as partial:
        yield partial


@contextmanager
def writing_to_cache(target: Path) -> Iterator[None]:
    """Make the folders of `target` and turn what the file system refuses within the block into a `WeightsError`.

    Parameters
    ----------
    target : Path
        The file that the block is about to make.

    Raises
    ------
    WeightsError
        If the file system refuses (no permission, disk full, read-only).
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WeightsError(
            f"Cannot write {target}: {error.strerror or error}. {advice(error)}, "
            "or set EARMARK_CACHE to another folder."
        ) from error
