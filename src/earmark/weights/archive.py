"""Read one member of an archive in memory, trusting nothing that the file says about itself.

Wheels are zip files (PEP 427), source archives of packages are gzipped tar files (PEP 625), and single weight
files travel gzipped. Nothing is ever unpacked to disk, so a member whose name climbs out of its folder has nowhere
to climb to; size and digest are checked against what the caller states. Of the zip methods only the two that
wheels use are admitted: the standard library decompresses the others without a bound on memory. A tar file is read
as a stream up to the member; what lies in front of it is bounded too, so a bomb there does not run on for ever.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, Protocol

from earmark.errors import WeightsError

__all__ = ["LIMIT_BYTES", "gunzip", "read_member"]

LIMIT_BYTES = 256 * 2**20
"""Largest member read unless the caller states another limit, in bytes."""

STREAM_LIMIT_BYTES = 512 * 2**20
"""Most that is decompressed of a tar file on the way to a member, in bytes, on top of the member's own limit."""

MEMBERS_LIMIT = 10_000
"""Most members that are passed on the way through a tar file."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_GZIP_MAGIC = b"\x1f\x8b"
# What the standard library raises for files that are damaged or made to harm, beside OSError.
_DAMAGE = (
    gzip.BadGzipFile,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
)


def read_member(archive: Path | bytes, member: str, sha256: str | None = None, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """Read one member of a zip file or of a gzipped tar file.

    Parameters
    ----------
    archive : Path or bytes
        The archive, or its content; which of the two kinds it is, is told from its first bytes.
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
        If the archive cannot be read or is damaged, has no such member, or the member is no regular file,
        encrypted, compressed by another method than deflate, larger than the limit, or has another digest.
    """
    name = str(archive) if isinstance(archive, Path) else "an archive in memory"
    kind = "zip"
    try:
        with archive.open("rb") if isinstance(archive, Path) else io.BytesIO(archive) as handle:
            if handle.read(2) == _GZIP_MAGIC:
                kind = "tar.gz"
            handle.seek(0)
            read = _from_zip if kind == "zip" else _from_tar
            content = read(handle, member, limit_bytes, name)
    except _DAMAGE as error:
        raise WeightsError(
            f"{name} is not a sound {kind} file ({error}): cut short or altered. Delete it and fetch it anew."
        ) from error
    except OSError as error:
        raise WeightsError(f"Cannot read {name}: {error.strerror or error}.") from error
    if len(content) > limit_bytes:
        raise WeightsError(f"{member} in {name} holds more than the {limit_bytes} bytes admitted; not used.")
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256.lower():
        raise WeightsError(
            f"{member} in {name} has SHA-256 {found}, expected {sha256}: it is another version or was altered. "
            "Delete the file and fetch it anew."
        )
    return content


def gunzip(content: bytes, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """Decompress one gzipped file (RFC 1952).

    Parameters
    ----------
    content : bytes
        The compressed file.
    limit_bytes : int
        Largest result admitted, in bytes; no more than that is ever decompressed.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    WeightsError
        If the content is not gzipped, is damaged or cut short, or gives more than the limit.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as opened:
            plain = opened.read(limit_bytes + 1)
    except _DAMAGE as error:
        raise WeightsError(
            f"Expected a gzip file, found {content[:8]!r}... of {len(content)} bytes ({error}): cut short, altered or "
            "another file. Fetch it anew."
        ) from error
    if len(plain) > limit_bytes:
        raise WeightsError(
            f"A gzip file of {len(content)} bytes decompresses to more than the {limit_bytes} bytes admitted; not "
            "used. It may be made to fill the memory: fetch it anew from its origin."
        )
    return plain


def _from_zip(handle: IO[bytes], member: str, limit_bytes: int, name: str) -> bytes:
    with zipfile.ZipFile(handle) as opened:
        for info in opened.infolist():
            if info.filename == member:
                _check_promise(info, limit_bytes, name)
                with opened.open(info) as stream:
                    return stream.read(limit_bytes + 1)
        raise _missing(member, opened.namelist(), name)


def _check_promise(info: zipfile.ZipInfo, limit_bytes: int, name: str) -> None:
    """Refuse a member by what its directory entry declares, before a byte of it is decompressed."""
    if info.file_size > limit_bytes:
        raise _too_large(info.filename, info.file_size, limit_bytes, name)
    if info.compress_type not in _METHODS:
        raise WeightsError(
            f"{info.filename} in {name} is compressed by zip method {info.compress_type}; only stored and "
            "deflated members are read. Fetch the file anew from its origin."
        )


def _from_tar(handle: IO[bytes], member: str, limit_bytes: int, name: str) -> bytes:
    names: list[str] = []
    stream = _Bounded(gzip.GzipFile(fileobj=handle), STREAM_LIMIT_BYTES + limit_bytes, name)
    with tarfile.open(fileobj=stream, mode="r|") as opened:  # type: ignore[call-overload]
        for info in opened:
            if info.name == member:
                return _tar_member(opened, info, limit_bytes, name)
            names.append(info.name)
            if len(names) >= MEMBERS_LIMIT:
                raise WeightsError(f"{name} holds more than {MEMBERS_LIMIT} members in front of {member}; not read.")
    raise _missing(member, names, name)


def _tar_member(opened: tarfile.TarFile, info: tarfile.TarInfo, limit_bytes: int, name: str) -> bytes:
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse():
        raise WeightsError(f"{info.name} in {name} is no regular file (tar type {info.type!r}); not read.")
    if info.size > limit_bytes:
        raise _too_large(info.name, info.size, limit_bytes, name)
    stream = opened.extractfile(info)
    content = stream.read() if stream else b""
    if len(content) != info.size:
        raise tarfile.ReadError(f"{info.name} has {len(content)} bytes of {info.size}")
    return content


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Bounded:
    """A stream that may give so much and no more."""

    def __init__(self, stream: _Readable, limit_bytes: int, name: str) -> None:
        self._stream = stream
        self._left = limit_bytes
        self._name = name

    def read(self, size: int) -> bytes:
        content = self._stream.read(min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise WeightsError(
                f"{self._name} decompresses to more than is admitted in front of the member sought; not read on. The "
                "file may be made to keep the machine busy: fetch it anew from its origin."
            )
        return content


def _missing(member: str, names: list[str], name: str) -> WeightsError:
    names = sorted(names)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return WeightsError(
        f"{name} has no member {member!r}; it holds {', '.join(map(repr, names[:20])) or 'nothing'}{more}. "
        "Fetch the version that has it."
    )


def _too_large(member: str, size: int, limit_bytes: int, name: str) -> WeightsError:
    return WeightsError(
        f"{member} in {name} declares {size} bytes, more than the {limit_bytes} admitted; "
        "not read. The file may be made to fill the memory: fetch it anew from its origin."
    )
