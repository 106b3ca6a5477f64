"""Ask the package registry where a file lies, without installing, building or running anything of a package.

The index is the user's own: what pip or uv are told by environment variables, else by pip's configuration files,
else the public one that `pypi-simple` knows. `pip download` itself is not used, because for a source archive it runs
the package's set-up code to learn its metadata. The look-up is the simple repository API: PEP 503 (HTML), PEP 691
(JSON).

Of pip's settings these are honoured: `index-url`, `extra-index-url`, `no-index`, `cert`, `proxy`. Its configuration
files are read by pip (`pip config list`); in an environment without pip the environment variables count alone.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from earmark.weights.digests import Digest
from earmark.weights.downloads import OtherFile, SourceUnreachable, reason_of, without_login

if TYPE_CHECKING:
    import requests
    from pypi_simple import ProjectPage

__all__ = ["Registry", "find_file", "open_session", "user_registry"]

_PIP_SECONDS = 60.0
_YES = frozenset({"1", "true", "yes", "on", "y", "t"})
_PIP_SETTINGS = ("index-url", "extra-index-url", "no-index", "cert", "proxy")
_SHOWN_FILES = 10


@dataclass(frozen=True)
class Registry:
    """Where the user wants packages to come from.

    Attributes
    ----------
    indexes : tuple of str
        Addresses of simple repositories, in the order in which they are asked; they may hold a login.
    certificates : str, optional
        File or folder of certificates to trust; `REQUESTS_CA_BUNDLE` goes before it.
    proxy : str, optional
        Address of a proxy; `HTTPS_PROXY` and `HTTP_PROXY` go before it.
    """

    indexes: tuple[str, ...]
    certificates: str | None = None
    proxy: str | None = None


def user_registry() -> Registry:
    """Read the user's settings of pip and uv.

    Returns
    -------
    Registry
        The index and the extra ones.

    Raises
    ------
    SourceUnreachable
        If pip's settings cannot be read, or forbid asking an index.
    """
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    pip = _pip_settings()
    if pip.get("no-index", "").strip().lower() in _YES:
        raise SourceUnreachable("pip's setting no-index forbids asking any")
    first = (
        os.environ.get("PIP_INDEX_URL")
        # uv lets an index have a name before its address: name=https://...
        or re.sub(r"^[\w.-]+=", "", os.environ.get("UV_DEFAULT_INDEX", ""))
        or os.environ.get("UV_INDEX_URL")
        or pip.get("index-url")
        or PYPI_SIMPLE_ENDPOINT
    )
    indexes = (first, *pip.get("extra-index-url", "").split())
    certificates = pip.get("cert") or os.environ.get("SSL_CERT_FILE")  # the latter is what uv reads
    return Registry(tuple(dict.fromkeys(indexes)), certificates, pip.get("proxy"))


def open_session(registry: Registry) -> requests.Session:
    """Open a session with the user's certificates and proxy; the caller closes it."""
    import requests

    session = requests.Session()
    if registry.certificates:
        session.verify = registry.certificates
    if registry.proxy:
        session.proxies = {"http": registry.proxy, "https": registry.proxy}
    return session


def find_file(
    session: requests.Session,
    registry: Registry,
    requirement: str,
    filename: str,
    expected: Digest,
    silence_seconds: float,
) -> str:
    """Look up the address of one file of one project.

    Parameters
    ----------
    session : requests.Session
        From `open_session`.
    registry : Registry
        Whom to ask.
    requirement : str
        Name and version of the project: `name==1.2`.
    filename : str
        Exact name of the wheel or source archive.
    expected : Digest
        What it must have; an index that states another SHA-256 is an error before anything is downloaded.
    silence_seconds : float
        After which an index counts as out of reach.

    Returns
    -------
    str
        Its address; it may hold a login.

    Raises
    ------
    SourceUnreachable
        If no index has it; each is named with its reason.
    OtherFile
        If an index has another file of that name.
    """
    reasons = []
    for index in registry.indexes:
        try:
            page = _project_page(session, index, requirement.partition("==")[0], silence_seconds)
        except SourceUnreachable as error:
            reasons.append(f"{without_login(index)}: {error}")
            continue
        for file in page.packages:
            if file.filename == filename:
                _check_stated(file.digests.get("sha256"), expected, f"{filename} at {without_login(index)}")
                return _with_login(file.url, index)
        names = sorted(file.filename for file in page.packages)
        more = f" and {len(names) - _SHOWN_FILES} more" if len(names) > _SHOWN_FILES else ""
        listed = ", ".join(names[:_SHOWN_FILES]) or "no files at all"
        reasons.append(f"{without_login(index)}: {page.project} has {listed}{more}, but not this one")
    raise SourceUnreachable("; ".join(reasons))


def _project_page(session: requests.Session, index: str, project: str, silence_seconds: float) -> ProjectPage:
    import requests
    from pypi_simple import NoSuchProjectError, PyPISimple, UnsupportedRepoVersionError

    if not index.lower().startswith(("http://", "https://")):
        # pip also reads folders (file://); we speak HTTP only. What lies in a folder can be copied into the cache.
        raise SourceUnreachable("not asked, because only http and https are spoken here")
    try:
        return PyPISimple(index, session=session).get_project_page(project, timeout=silence_seconds)
    except NoSuchProjectError as error:
        raise SourceUnreachable(f"there is no project {project}") from error
    except requests.HTTPError as error:  # its own message shows the login
        raise SourceUnreachable(f"{error.response.status_code} {error.response.reason}") from error
    except OSError as error:  # all else that requests raises
        raise SourceUnreachable(reason_of(error, silence_seconds)) from error
    except (ValueError, UnsupportedRepoVersionError) as error:
        raise SourceUnreachable(f"its answer is not that of a package index ({error})") from error


def _check_stated(stated: str | None, expected: Digest, where: str) -> None:
    if stated is None or expected.algorithm != "sha256" or stated.lower() == expected.value:
        return
    raise OtherFile(
        f"the index states SHA-256 {stated.lower()} for {where}, expected {expected}; not downloaded", stated.lower()
    )


def _with_login(url: str, index: str) -> str:
    """Carry the login of an index over to a file on the same server, as pip does."""
    there, here = urlsplit(url), urlsplit(index)
    same = there.scheme == here.scheme and there.netloc == here.netloc.rpartition("@")[2]
    return there._replace(netloc=here.netloc).geturl() if same else url


def _pip_settings() -> dict[str, str]:
    """Read the settings of pip by name: from its files if it is there, from the environment in any case."""
    found = _settings_in(_ask_pip())
    for name in _PIP_SETTINGS:
        if value := os.environ.get("PIP_" + name.upper().replace("-", "_")):
            found[name] = value
    return found


def _ask_pip() -> str:
    # -P keeps a pip.py in the working directory from being run in place of pip.
    command = [sys.executable, "-P", "-m", "pip", "config", "list"]
    try:
        ran = subprocess.run(  # noqa: S603 - no shell, and every word is ours
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SourceUnreachable(
            f"pip did not tell its settings within {_PIP_SECONDS:.0f} s (pip config list)"
        ) from error
    except OSError:  # an interpreter that cannot be run has no pip: the environment counts alone
        return ""
    said = ran.stderr.decode(errors="replace").strip()
    if not ran.returncode:
        return ran.stdout.decode(errors="replace")
    if "No module named pip" in said:
        return ""
    last = said.splitlines()[-1] if said else f"exit status {ran.returncode}"
    raise SourceUnreachable(f"pip's settings cannot be read (pip config list): {last!r}")


def _settings_in(listing: str) -> dict[str, str]:
    """Read lines such as ``global.index-url='https://...'``; the section of `pip download` goes before the global."""
    sections: Mapping[str, dict[str, str]] = {"global": {}, "download": {}}
    for line in listing.splitlines():
        given = re.fullmatch(r"(global|download)\.([\w-]+)=('.*'|\".*\")", line.strip())
        if given and given[2] in _PIP_SETTINGS:
            sections[given[1]][given[2]] = str(ast.literal_eval(given[3]))
    return sections["global"] | sections["download"]
