"""Bring a file over HTTP(S) into a folder, going on after a cut where it was cut.

What has come lies in `<file>.part`, and beside it `<file>.part.json` keeps what is needed to ask for the rest: the
address, the size, and the validator (entity tag or date) that the server gave with the first byte. The rest is asked
for with `Range` and `If-Range` (RFC 9110, sections 13.1.5 and 14), so that a server whose file has changed sends all
of the new one instead. Content is taken as it travels, whatever its encoding is said to be: some servers declare a
file `x.h5.gz` as an encoded `x.h5`, and the digests are those of the former.

Proxies, certificates and passwords come from the environment as `requests` reads it (`HTTPS_PROXY`, `NO_PROXY`,
`REQUESTS_CA_BUNDLE`, `.netrc`). Nothing here decides whether a file is the right one: that is for `sources`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import WeightsError
from earmark.progress import Progress

if TYPE_CHECKING:
    import requests

__all__ = [
    "PATIENCE",
    "OtherFile",
    "Patience",
    "SourceUnreachable",
    "alone",
    "discard",
    "download",
    "part_of",
    "reason_of",
    "without_login",
]

_BLOCK_BYTES = 1 << 16


class _NotHadError(WeightsError):
    """A file was not had.

    Parameters
    ----------
    message : str
        Why.
    refused : str
        SHA-256 of the file that was found instead, by which the user may accept it; empty if there is none.
    """

    def __init__(self, message: str, refused: str = "") -> None:
        super().__init__(message)
        self.refused = refused


class SourceUnreachable(_NotHadError):  # noqa: N818 - it names what happened to the source
    """A file cannot be had from where it lies at present, so that another source of it may be tried."""


class OtherFile(_NotHadError):  # noqa: N818 - it names what was found
    """Where a file should be lies another one."""


class _TooLarge(SourceUnreachable):
    """What comes is larger than admitted."""


@dataclass(frozen=True)
class Patience:
    """How long a download is waited for.

    Attributes
    ----------
    silence_seconds : float
        Of silence, not of the whole download, after which a connection counts as lost.
    resumes : int
        How often a lost connection is taken up again within one call.
    pause_seconds : float
        Before it is.
    """

    silence_seconds: float = 60.0
    resumes: int = 3
    pause_seconds: float = 1.0


#: What suits a slow but honest line.
PATIENCE = Patience()


@dataclass(frozen=True)
class _Begun:
    """What is known of a download that has begun, as its JSON file has it.

    `url` is without login, since the file stays on disk; `total` is in bytes; None is what the server did not say.
    """

    url: str
    validator: str | None
    total: int | None


def part_of(target: Path) -> Path:
    """Where a file lies while it is being downloaded."""
    return target.with_name(f"{target.name}.part")


def discard(part: Path) -> None:
    """Remove what has come so far, and what was known of it."""
    part.unlink(missing_ok=True)
    _notes_of(part).unlink(missing_ok=True)


@contextmanager
def alone(target: Path, progress: Progress) -> Iterator[None]:
    """Keep other processes and threads from downloading the same file, waiting for one that does.

    Parameters
    ----------
    target : Path
        The file, in a folder that exists; an empty `.<name>.lock` stays beside it.
    progress : Progress
        Told if there is somebody to wait for.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.say(f"Another process is downloading {target.name}; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def download(
    session: requests.Session, url: str, part: Path, limit_bytes: int, progress: Progress, patience: Patience
) -> bool:
    """Bring what lies behind an address into `part`, going on from what is there of it.

    Parameters
    ----------
    session : requests.Session
        With the settings of the user.
    url : str
        The address, HTTP or HTTPS, as all that it redirects to.
    part : Path
        The file to fill, by nobody else at the same time (`alone`).
    limit_bytes : int
        Size above which it is refused, in bytes, both as declared and as received.
    progress : Progress
        Told of the bytes.
    patience : Patience
        How long to wait.

    Returns
    -------
    bool
        Whether the file was put together from several answers; if it then has the wrong digest, that may be why.

    Raises
    ------
    SourceUnreachable
        If the address cannot be reached, the connection was lost too often, or the file is too large. The message is
        the reason alone, for the caller to put into a sentence. What has come stays if it can be gone on from.
    OSError
        If the file system refuses. What has come stays likewise.
    """
    joined = False
    try:
        for left in reversed(range(patience.resumes + 1)):
            joined = joined or _begun(part, url) is not None
            lost = _ask_and_receive(session, url, part, limit_bytes, progress, patience)
            if lost is None:
                return joined
            if left:
                progress.say(f"{part.stem}: {lost}; trying to go on.")
                time.sleep(patience.pause_seconds)
        raise SourceUnreachable(f"{lost}, {patience.resumes + 1} times")
    except _TooLarge:
        discard(part)
        raise
    except SourceUnreachable as error:
        raise SourceUnreachable(f"{error}{_standing(part, url)}") from error
    except OSError:
        _standing(part, url)
        raise


def without_login(url: str) -> str:
    """Return an address without user name and password, as it may be shown and stored."""
    return re.sub(r"^([^/?#]*//)[^/?#]*@", r"\1", url)


def reason_of(error: OSError | ValueError, silence_seconds: float) -> str:
    """Say in few words why an address could not be reached, from what `requests` raised."""
    import requests

    if isinstance(error, requests.Timeout):
        return f"timed out: no answer within {silence_seconds:g} s"
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "only http and https are spoken here, and this address or one that it redirects to is neither"
    cause: object = error
    while isinstance(cause, BaseException):  # down to what was first
        deeper = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        if not isinstance(deeper, BaseException):
            break
        cause = deeper
    hint = ""
    if isinstance(error, requests.exceptions.SSLError):
        hint = " (where the network has certificates of its own, name their file in REQUESTS_CA_BUNDLE)"
    elif isinstance(error, requests.exceptions.ProxyError):
        hint = " (this is the proxy that HTTPS_PROXY or HTTP_PROXY names)"
    return f"{cause}{hint}".replace("\n", " ")


def _ask_and_receive(
    session: requests.Session, url: str, part: Path, limit_bytes: int, progress: Progress, patience: Patience
) -> str | None:
    """Ask once for what is missing; gives None if the file is whole now, else how the connection was lost."""
    begun, there = _begun(part, url), _size(part)
    if begun is not None and there == begun.total:
        return None  # the last process came as far as this
    with _ask(session, url, begun, there, patience) as answer:
        if answer.status_code == 200:
            discard(part)  # before anything new is noted: notes must never speak of older bytes
            there, begun = 0, _Begun(without_login(url), _validator(answer), _length(answer))
            part.touch()
            _notes_of(part).write_text(json.dumps(asdict(begun)), encoding="utf-8")
        elif begun is None or answer.status_code not in (206, 416):
            raise SourceUnreachable(f"{answer.status_code} {answer.reason}")
        if answer.status_code == 200 or _goes_on(answer, begun, there):
            return _receive(answer, part, there, begun.total, limit_bytes, progress)
    discard(part)  # the server has another file now, or counts otherwise
    return _ask_and_receive(session, url, part, limit_bytes, progress, patience)


def _ask(
    session: requests.Session, url: str, begun: _Begun | None, there: int, patience: Patience
) -> requests.Response:
    headers = {"Accept-Encoding": "identity"}
    if begun is not None and begun.validator is not None:
        headers |= {"Range": f"bytes={there}-", "If-Range": begun.validator}
    try:
        return session.get(url, headers=headers, stream=True, timeout=patience.silence_seconds)
    except (OSError, ValueError) as error:
        # Nearly all that requests raises is an OSError, and so is what it says of certificates that are not there.
        # Addresses that cannot be taken apart, which a redirection may name, are plain ValueErrors.
        raise SourceUnreachable(reason_of(error, patience.silence_seconds)) from error


def _receive(
    answer: requests.Response, part: Path, there: int, total: int | None, limit_bytes: int, progress: Progress
) -> str | None:
    import urllib3

    if total is not None and total > limit_bytes:
        raise _TooLarge(f"the file is said to have {total} bytes, more than the {limit_bytes} admitted")
    came = there
    with part.open("ab") as file, progress.step(part.stem, total or 0, "bytes") as advance:
        advance(there)
        try:
            for block in answer.raw.stream(_BLOCK_BYTES, decode_content=False):
                came += len(block)
                if came > limit_bytes:
                    raise _TooLarge(f"more than the {limit_bytes} bytes admitted came")
                file.write(block)
                advance(len(block))
        except urllib3.exceptions.TimeoutError:
            return "the server fell silent"
        except urllib3.exceptions.HTTPError:
            return "the connection was cut"
    return None if total is None or came >= total else "the connection was cut"


def _goes_on(answer: requests.Response, begun: _Begun, there: int) -> bool:
    """Whether a 206 is the rest of what is there; servers that ignore `If-Range` are seen through."""
    given = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
    if answer.status_code != 206 or given is None or int(given[1]) != there:
        return False
    same_size = begun.total is None or given[2] in ("*", str(begun.total))
    return same_size and _validator(answer) in (None, begun.validator)


def _validator(answer: requests.Response) -> str | None:
    """Entity tag or date that identifies the bytes; a weak tag does not."""
    tag = answer.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")


def _length(answer: requests.Response) -> int | None:
    declared = answer.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() else None


def _begun(part: Path, url: str) -> _Begun | None:
    """Tell what is known of the bytes in `part`, if they came from this address and can be gone on from."""
    begun, there = _read_notes(part), _size(part)
    if begun is None or begun.validator is None or begun.url != without_login(url):
        return None
    return begun if there > 0 and (begun.total is None or there <= begun.total) else None


def _standing(part: Path, url: str) -> str:
    """Say what there is to go on from; what nobody can go on from is removed."""
    if (begun := _begun(part, url)) is not None:
        total = f" of {begun.total}" if begun.total is not None else ""
        return f" ({_size(part)}{total} bytes came, and the same command goes on from there)"
    notes = _read_notes(part)  # of another address, maybe
    if notes is None or notes.validator is None:
        discard(part)
    return ""


def _read_notes(part: Path) -> _Begun | None:
    try:
        return _Begun(**json.loads(_notes_of(part).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):  # notes that were cut short themselves are none
        return None


def _notes_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
