"""Read one member of a zip file in memory, trusting nothing that the file says about itself.

Wheels are zip files (PEP 427) and so are many model exports. Nothing is ever unpacked to disk, so a member
whose name climbs out of its folder has nowhere to climb to; size and digest are checked against what the caller
states. Only the two compression methods that wheels use are admitted: the standard library decompresses the
others without a bound on memory.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from pathlib import Path

from earmark.errors import WeightsError

__all__ = ["LIMIT_BYTES", "read_member"]

LIMIT_BYTES = 256 * 2**20
"""Largest member read unless the caller states another limit, in bytes."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile raises for files that are damaged or made to harm, beside OSError.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError, struct.error)


def read_member(archive: Path | bytes, member: str, sha256: str | None = None, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """Read one member of a zip file.

    Parameters
    ----------
    archive : Path or bytes
        The zip file, or its content.
    member : str
        Name of the member, with forward slashes, exactly as the archive has it.
    sha256 : str, optional
        Digest that the member's content must have, 64 hexadecimal digits.
    limit_bytes : int
        Largest size admitted, in bytes, both as declared and as read.

    Returns
    -------
    bytes
        The member's content.

    Raises
    ------
    WeightsError
        If the archive cannot be read or is damaged, has no such member, or the member is encrypted, compressed
        by another method than deflate, larger than the limit, or has another digest.
    """
    name = str(archive) if isinstance(archive, Path) else "a zip file in memory"
    try:
        with zipfile.ZipFile(archive if isinstance(archive, Path) else io.BytesIO(archive)) as opened:
            info = _find(opened, member, name)
            _check_promise(info, limit_bytes, name)
            with opened.open(info) as handle:
                content = handle.read(limit_bytes + 1)
    except OSError as error:
        raise WeightsError(f"Cannot read {name}: {error.strerror or error}.") from error
    except _DAMAGE as error:
        raise WeightsError(
            f"{name} is not a sound zip file ({error}): cut short or altered. Delete it and fetch it anew."
        ) from error
    if len(content) > limit_bytes:
        raise WeightsError(f"{member} in {name} holds more than the {limit_bytes} bytes admitted; not used.")
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256.lower():
        raise WeightsError(
            f"{member} in {name} has SHA-256 {found}, expected {sha256}: it is another version or was altered. "
            "Delete the file and fetch it anew."
        )
    return content


def _find(opened: zipfile.ZipFile, member: str, name: str) -> zipfile.ZipInfo:
    for info in opened.infolist():
        if info.filename == member:
            return info
    names = sorted(opened.namelist())
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    raise WeightsError(
        f"{name} has no member {member!r}; it holds {', '.join(map(repr, names[:20])) or 'nothing'}{more}. "
        "Fetch the version that has it."
    )


def _check_promise(info: zipfile.ZipInfo, limit_bytes: int, name: str) -> None:
    """Refuse a member by what its directory entry declares, before a byte of it is decompressed."""
    if info.file_size > limit_bytes:
        raise WeightsError(
            f"{info.filename} in {name} declares {info.file_size} bytes, more than the {limit_bytes} admitted; "
            "not read. The file may be made to fill the memory: fetch it anew from its origin."
        )
    if info.compress_type not in _METHODS:
        raise WeightsError(
            f"{info.filename} in {name} is compressed by zip method {info.compress_type}; only stored and "
            "deflated members are read. Fetch the file anew from its origin."
        )
