"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from earmark.errors import SettingsError

__all__ = ["TEMPORARY_PREFIX", "advice", "check_writable", "replacing"]

#: Names of files that are being written begin so; they are hidden.
TEMPORARY_PREFIX = ".writing-"


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to, and let it become `target` if all goes well.

    The path lies in the folder of `target`, so that the last step is a rename: a reader sees the old file or the new
    one, and any number of processes may write the same file.

    Parameters
    ----------
    target : Path
        The file to make or replace, in a folder that exists.

    Yields
    ------
    Path
        Where to write; gone if the block fails.

    Raises
    ------
    OSError
        Whatever the file system says.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "table.md") as file:
    ...         _ = file.write_text("whole")
    ...     (Path(folder) / "table.md").read_text()
    'whole'
    """
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}-{target.name}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        # Where nothing could be written, nothing can be removed: the error of the block is the one to be seen.
        with suppress(OSError):
            temporary.unlink()


def check_writable(folder: Path) -> None:
    """Find out whether files can be written into a folder before hours of work rely on it; nothing is made.

    Parameters
    ----------
    folder : Path
        It need not exist yet.

    Raises
    ------
    SettingsError
        If it is not a folder, or writing there is not allowed.
    """
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise SettingsError(f"{folder}: cannot be a folder, because {there} is a file. Name another one.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise SettingsError(f"{folder}: writing into {there} is not allowed. Allow it, or name another folder.")


def advice(error: OSError) -> str:
    """Say what to do about an error of writing."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room on that disk"
    return "Allow writing there"
