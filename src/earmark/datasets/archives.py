"""Fetch the archive of a data set, prove it, and unpack it into a folder that appears whole or not at all.

The archive lands in the download folder of the cache, as weights do, and a file put there by hand is used if it has
the right digest. It is unpacked into a hidden folder beside the final one, read once as the data set that it should
be, and renamed. Only plain files with plain names below the folder are unpacked: nothing that climbs out, no links.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import uuid
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from earmark.datasets.dataset import Dataset
from earmark.errors import DatasetError, MissingDatasetError
from earmark.files import TEMPORARY_PREFIX, advice
from earmark.progress import SILENT, Progress
from earmark.weights import SourceUnreachable, download_directory, offline
from earmark.weights.cache import writing_to_cache
from earmark.weights.downloads import PATIENCE, Patience, alone, discard, download, part_of

__all__ = ["Archive", "fetch_archive"]

# What the standard library raises for archives that are damaged or made to harm, beside OSError.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
# How members may be packed: as everybody packs them. Readers of others raise errors of their own.
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Archive:
    """A zip file that a data set can be fetched from.

    Attributes
    ----------
    url : str
        Its address.
    filename : str
        Its name in the download folder.
    algorithm : {"sha256", "md5"}
        Of the digest. MD5, which Zenodo states, guards against mix-ups and not against an attacker.
    digest : str
        Hexadecimal digits in lower case.
    stated_by : str
        Who states the digest.
    size_bytes : int
        Size above which it is refused.
    top : str
        Beginning of names in it that is left away where it is there, with ``/`` at its end.
    wanted : tuple of str
        Beginnings of the names, behind `top`, that are unpacked.
    """

    url: str
    filename: str
    algorithm: Literal["sha256", "md5"]
    digest: str
    stated_by: str
    size_bytes: int
    top: str = ""
    wanted: tuple[str, ...] = ("",)


def fetch_archive(
    archive: Archive,
    folder: Path,
    read: Callable[[Path], Dataset],
    *,
    progress: Progress = SILENT,
    patience: Patience = PATIENCE,
) -> None:
    """Fetch an archive and unpack it.

    Parameters
    ----------
    archive : Archive
        What to fetch, unless it lies in the download folder.
    folder : Path
        Where its files shall lie; it appears whole or not at all. If another process was quicker, it is only read.
    read : callable
        Reads the data set of a folder, or raises `DatasetError` if it is none.
    progress : Progress
        Hears of the steps.
    patience : Patience
        How long to wait for a server.

    Raises
    ------
    MissingDatasetError
        If the archive cannot be had at present. The beginning of a download that was cut short is kept, for the next
        call to go on from.
    DatasetError
        If it is another file, holds what must not be unpacked, is no such data set, or the file system refuses.
    WeightsError
        If the download folder of the cache cannot be written.
    """
    file = _bring(archive, progress, patience)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with alone(folder, progress):
            if folder.is_dir() and any(folder.iterdir()):  # by somebody who was waited for
                read(folder)
                return
            # What a process that was killed left; nobody else works here now.
            for stale in folder.parent.glob(f"{TEMPORARY_PREFIX}*-{folder.name}"):
                shutil.rmtree(stale, ignore_errors=True)
            temporary = folder.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}-{folder.name}")
            try:
                _unpack(archive, file, temporary, progress)
                _read(read, temporary, file)
                temporary.replace(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot be written ({error.strerror or error}). {advice(error)}, or name another folder with "
            "--data-root."
        ) from error
    progress.say(f"The archive stays in {file}; it is needed no longer.")


def _bring(archive: Archive, progress: Progress, patience: Patience) -> Path:
    """Return the proven archive in the download folder, downloading it if need be."""
    import requests

    target = download_directory() / archive.filename
    with writing_to_cache(target), alone(target, progress):
        if target.exists():
            _prove(archive, target)
            return target
        by_hand = f"or get {archive.url} by other means, put it into {target.parent} as {target.name}, and try again"
        if offline():
            raise MissingDatasetError(
                f"{target}: is not there, and EARMARK_OFFLINE forbids fetching it. Unset EARMARK_OFFLINE, {by_hand}."
            )
        part = part_of(target)
        try:
            with requests.Session() as session:
                joined = download(session, archive.url, part, archive.size_bytes, progress, patience)
                if joined and _digest_of(part, archive) != archive.digest:  # maybe parts of two versions
                    discard(part)
                    download(session, archive.url, part, archive.size_bytes, progress, patience)
        except SourceUnreachable as error:
            raise MissingDatasetError(
                f"{archive.filename} could not be downloaded from {archive.url}: {error}. Check the network and try "
                f"again, {by_hand}."
            ) from error
        try:
            _prove(archive, part)
        except DatasetError:
            discard(part)
            raise
        part.replace(target)
        discard(part)
    return target


def _prove(archive: Archive, file: Path) -> None:
    found = _digest_of(file, archive)
    if found != archive.digest:
        raise DatasetError(
            f"{file}: has {archive.algorithm} {found}, expected {archive.digest} (stated by {archive.stated_by}): cut "
            "short, altered or another version. It is not used. Remove it if it is still there, and try again; or "
            f"unpack an archive that you trust by hand (it comes from {archive.url})."
        )


def _digest_of(file: Path, archive: Archive) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.new(archive.algorithm, usedforsecurity=False)).hexdigest()


def _read(read: Callable[[Path], Dataset], temporary: Path, file: Path) -> None:
    """Read what was unpacked; an error names the archive, for the folder will be gone."""
    try:
        read(temporary)
    except DatasetError as error:
        reason = str(error).removeprefix(f"{temporary}: ").replace(str(temporary), file.name)
        raise DatasetError(f"{file}: what was unpacked is not the data set: {reason}") from error


def _unpack(archive: Archive, file: Path, folder: Path, progress: Progress) -> None:
    try:
        with zipfile.ZipFile(file) as content:
            members = [
                (info, name)
                for info in content.infolist()
                if (name := _name_of(info, archive, file)) and name.startswith(archive.wanted)
            ]
            _check_members(members, archive, content, file)
            with progress.step(f"Unpacking {file.name}", len(members), "files") as advance:
                for info, name in members:
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with content.open(info) as source, target.open("xb") as sink:
                        shutil.copyfileobj(source, sink)
                    advance()
    except DatasetError:
        raise
    except _DAMAGE as error:
        raise DatasetError(f"{file}: cannot be unpacked ({error}). Remove it and try again.") from error


def _check_members(
    members: list[tuple[zipfile.ZipInfo, str]], archive: Archive, content: zipfile.ZipFile, file: Path
) -> None:
    """Refuse an archive without the data set, or with files that cannot lie side by side."""
    if not members:
        wanted = ", ".join(archive.wanted)
        found = ", ".join(sorted({name.partition("/")[0] for name in content.namelist()})[:5]) or "nothing"
        raise DatasetError(
            f"{file}: has none of {wanted}; at its top it holds {found}. Unpack it by hand and lay its files out as "
            "`earmark data info` says."
        )
    names = {PurePosixPath(name) for _, name in members}
    folders = {parent for name in names for parent in name.parents}
    if len(names) < len(members) or names & folders or any(info.compress_type not in _PACKED for info, _ in members):
        raise DatasetError(
            f"{file}: holds a name twice, or one that is a file and a folder, or is packed in a rare way. Nothing was "
            "unpacked. Do not use this archive."
        )


def _name_of(info: zipfile.ZipInfo, archive: Archive, file: Path) -> str:
    """Return the name of a member below the folder, empty if it is no file of the data set."""
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    path = PurePosixPath(info.filename)
    odd = path.is_absolute() or ".." in path.parts or any(sign in info.filename for sign in "\\:\0")
    if odd or (kind and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))):
        raise DatasetError(
            f"{file}: holds {os.fsencode(info.filename).decode('utf-8', 'backslashreplace')!r}, which leads out of the "
            "folder or is a link or a device. Nothing was unpacked. Do not use this archive."
        )
    if info.is_dir():
        return ""
    return info.filename.removeprefix(archive.top)
