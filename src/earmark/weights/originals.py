"""Files that weights are made of, once they lie on this machine: reading them, looking at them, opening archives.

A file is read once, and the bytes that were proven are the bytes that are passed on: whoever replaces it in between
changes nothing. What is no regular file is not read, since a pipe may never end and a device may give anything.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import WeightsError
from earmark.weights.archive import LIMIT_BYTES, read_member
from earmark.weights.digests import Digest

__all__ = ["LARGEST_FILE_BYTES", "Member", "Original", "contents_of", "look_at", "read_file"]

LARGEST_FILE_BYTES = 2**30
"""Largest file that is downloaded or read unless its source states another limit, in bytes."""


@dataclass(frozen=True)
class Member:
    """One member of an archive.

    Attributes
    ----------
    path : str
        Its name within the archive.
    sha256 : str
        Its digest, 64 hexadecimal digits.
    limit_bytes : int
        Size above which it is refused, in bytes.
    """

    path: str
    sha256: str
    limit_bytes: int = LIMIT_BYTES


@dataclass(frozen=True)
class Original:
    """A file that weights are made of: read once, and proven or accepted.

    Attributes
    ----------
    name : str
        Its name.
    origin : str
        Where it came from, in one line.
    proof : Digest, optional
        The stated digest that it has; None if it has none, and the user accepts it by its SHA-256.
    sha256 : str
        Its SHA-256, 64 hexadecimal digits.
    contents : tuple of bytes
        What the converter of the recipe takes: the members wanted of an archive, else the file.
    """

    name: str
    origin: str
    proof: Digest | None
    sha256: str
    contents: tuple[bytes, ...]


def read_file(path: Path, limit_bytes: int = LARGEST_FILE_BYTES) -> bytes:
    """Read a file once, if it is a regular one and not too large.

    Raises
    ------
    WeightsError
        If it is not there, cannot be read, is larger than the limit, or is a pipe, a device or a folder.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise WeightsError(f"Cannot read {path}: it is no regular file. Name a file that lies on a disk.")
            if found.st_size > limit_bytes:
                raise WeightsError(
                    f"Cannot read {path}: it has {found.st_size} bytes, more than the {limit_bytes} admitted. "
                    "Name or fetch the right file, and remove this one."
                )
            return file.read(found.st_size)
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}. Check the path and its rights.") from error


def contents_of(name: str, content: bytes, members: tuple[Member, ...]) -> tuple[bytes, ...]:
    """Give the members of an archive, or the whole file if none is wanted.

    Raises
    ------
    WeightsError
        If a member is missing, too large or has another digest.
    """
    try:
        return tuple(read_member(content, each.path, each.sha256, each.limit_bytes) for each in members) or (content,)
    except WeightsError as error:
        raise WeightsError(f"{name}: {error}") from error


def look_at(content: bytes, expected: Digest) -> tuple[str, str]:
    """Tell what a file is that is not the expected one.

    Returns
    -------
    tuple of (str, str)
        What is to be said of it, as the rest of a sentence; and its SHA-256, by which the user may accept it, or
        nothing if it is no file that anybody should accept.
    """
    if not content:
        return "is empty", ""
    if content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return f"is a web page or a message of a server, no file of weights (it begins with {content[:24]!r})", ""
    return f"has {expected.found_in(content)}", hashlib.sha256(content).hexdigest()


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # opening a pipe would wait for its writer
