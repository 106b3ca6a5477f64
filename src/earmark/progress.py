"""How long steps tell of their progress, without knowing who listens.

Rooms announce steps to a `Progress`; the command line shows them as bars. By default nobody listens.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

__all__ = ["SILENT", "Advance", "Progress"]


class Advance(Protocol):
    """Tells that a step has moved on."""

    def __call__(self, done: int = 1, audio_seconds: float = 0.0) -> None:
        """Report `done` more items, in which `audio_seconds` seconds of sound were worked through."""


class Progress(Protocol):
    """Listens to steps."""

    def step(self, title: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        """Open a step of `total` items, each a `unit` ("clips", "fits"), to be advanced while it is open."""

    def say(self, message: str) -> None:
        """Pass on one remark that the user should see."""


class _Silent:
    def step(self, title: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        return nullcontext(_ignore)

    def say(self, message: str) -> None:
        return None


def _ignore(done: int = 1, audio_seconds: float = 0.0) -> None:
    return None


#: Nobody listens.
SILENT: Progress = _Silent()
