"""What the tests of this room share: a cache of their own, a local web server, a pip that reaches nothing."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
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
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        if self.path.startswith("/stall"):
            server.released.wait(30)
            return
        if self.path not in server.pages:
            self.send_error(404)
            return
        content, declared = server.pages[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(declared))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Serves `pages`: path -> (content, declared length); what begins with `/stall` gets no answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[bytes, int]] = {}
        self.released = threading.Event()

    def put(self, path: str, content: bytes, declared: int | None = None) -> str:
        self.pages[path] = (content, len(content) if declared is None else declared)
        return self.url(path)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()
