"""Files that appear whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["TEMPORARY_PREFIX", "replacing"]

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
