"""What the tests of this room share: a cache of their own, a real web server with all its moods, a pip of its own."""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def wheel_of(members: dict[str, bytes]) -> bytes:
    """A valid wheel of the made-up package `madeup` 1.0."""
    folder = "madeup-1.0.dist-info"
    record = "".join(f"{name},,\n" for name in [*members, f"{folder}/METADATA", f"{folder}/WHEEL"])
    return zip_of(
        {
            **members,
            f"{folder}/METADATA": b"Metadata-Version: 2.1\nName: madeup\nVersion: 1.0\n",
            f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{folder}/RECORD": (record + f"{folder}/RECORD,,\n").encode(),
        }
    )


@pytest.fixture
def make_zip() -> Callable[..., bytes]:
    return zip_of


@pytest.fixture
def make_wheel() -> Callable[..., bytes]:
    return wheel_of


@pytest.fixture
def digest() -> Callable[[bytes], str]:
    return sha256


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, downloads allowed."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EARMARK_CACHE", str(folder))
    monkeypatch.delenv("EARMARK_OFFLINE", raising=False)
    return folder


@pytest.fixture
def pip_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real pip whose only index is a closed port."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")


@dataclass
class Page:
    """What lies at one address, and how the server serves it.

    `declared` is the length that the server tells, unless it is `undeclared`; `cuts` are the numbers of bytes after
    which the next answers are cut, one an answer; `pause_seconds` lies between blocks of 4096 bytes.
    """

    content: bytes = b""
    declared: int | None = None
    undeclared: bool = False
    status: int = 200
    ranges: bool = True
    honours_if_range: bool = True
    told_range: str | None = None
    longest_range: int | None = None
    validators: dict[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    pause_seconds: float = 0.0

    def proof(self) -> dict[str, str]:
        return {"ETag": f'"{sha256(self.content)[:16]}"'} if self.validators is None else self.validators


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        server.asked.append((self.path, dict(self.headers)))
        if self.path.startswith("/stall"):
            server.released.wait(30)
            return
        # A request through a proxy names the whole address.
        page = server.pages.get(re.sub(r"^http://[^/]+", "", self.path))
        if page is None:
            self.send_error(404)
            return
        start = self.start_of_range(page)
        if start and start >= len(page.content):
            self.send_error(416)
            return
        self.send_response(206 if start else page.status)
        length = end = len(page.content) if page.declared is None else page.declared
        if start and page.longest_range:
            end = min(end, start + page.longest_range)
        if not page.undeclared:
            self.send_header("Content-Length", str(end - start))
        if start:
            self.send_header("Content-Range", page.told_range or f"bytes {start}-{end - 1}/{length}")
        for name, value in {**page.proof(), **page.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.send_body(page, page.content[start:end])

    def start_of_range(self, page: Page) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not asked or not page.ranges:
            return 0
        unchanged = self.headers.get("If-Range") in page.proof().values()
        return int(asked[1]) if unchanged or not page.honours_if_range else 0

    def send_body(self, page: Page, body: bytes) -> None:
        if page.cuts:
            body = body[: page.cuts.pop(0)]
        for at in range(0, len(body), 4096):
            try:
                self.wfile.write(body[at : at + 4096])
            except OSError:  # the client went away
                return
            if page.pause_seconds:
                time.sleep(page.pause_seconds)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Serves `pages` by path and notes what was `asked`: path and headers; `/stall...` gets no answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()

    def put(self, path: str, content: bytes = b"", declared: int | None = None, **manner: object) -> str:
        """Serve content at a path; gives its address."""
        self.pages[path] = Page(content, declared, **manner)
        return self.url(path)

    def put_project(
        self, files: dict[str, bytes], project: str = "madeup", stated: dict[str, str] | None = None
    ) -> str:
        """Serve a package index (PEP 503) with one project; gives the address of the index."""
        links = ""
        for name, content in files.items():
            self.put(f"/files/{name}", content)
            digest = (stated or {}).get(name, sha256(content))
            links += f'<a href="../../files/{name}#sha256={digest}">{name}</a>\n'
        page = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
        self.put(f"/simple/{project}/", page, headers={"Content-Type": "text/html"})
        return self.url("/simple")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    @property
    def ranges(self) -> list[str | None]:
        """The `Range` of each request so far, None where all was asked for."""
        return [headers.get("Range") for _, headers in self.asked]


@contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture
def second_server(server: Server) -> Iterator[Server]:
    with running() as second:
        yield second


class Ear:
    """A `Progress` that remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[list[object]] = []
        self.said: list[str] = []

    @contextmanager
    def step(self, title: str, total: int, unit: str) -> Iterator[Callable[..., None]]:
        step = [title, total, unit, 0]
        self.steps.append(step)

        def advance(done: int = 1, audio_seconds: float = 0.0) -> None:
            step[3] += done

        yield advance

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def ear() -> Ear:
    return Ear()
