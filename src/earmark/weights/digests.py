"""What proves that a file is the one that was meant.

Publishers of weights state what they like: a SHA-256, the first digits of one in the file's name (torch hub's
habit), the id that git gives the file's content. Some state nothing, and a digest is known from a third party only;
such a digest is marked as `said`. The last two kinds guard against mix-ups, not against an attacker: eight digits are
soon found again by trying, and git's id is a SHA-1.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Literal

from earmark.errors import SettingsError

__all__ = ["NAMES", "Digest", "sha256"]

Algorithm = Literal["sha256", "sha256-start", "git-blob"]

NAMES = {"sha256": "SHA-256", "sha256-start": "start of SHA-256", "git-blob": "git blob id"}
"""What people call the kinds of digests."""

# How many hexadecimal digits each has; torch hub's file names carry at least eight.
_DIGITS = {"sha256": "{64}", "sha256-start": "{8,64}", "git-blob": "{40}"}


@dataclass(frozen=True)
class Digest:
    r"""A digest that a file must have.

    Attributes
    ----------
    algorithm : {"sha256", "sha256-start", "git-blob"}
        ``"sha256-start"`` holds the first digits of a SHA-256; ``"git-blob"`` the SHA-1 of git's header
        ``blob <size>\0`` and the content.
    value : str
        Hexadecimal digits in lower case.
    said : bool
        Whether a third party states it, and nobody here could compare it with the file.

    Raises
    ------
    SettingsError
        If the value cannot be a digest of that kind.
    """

    algorithm: Algorithm
    value: str
    said: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]" + _DIGITS[self.algorithm], self.value):
            count = _DIGITS[self.algorithm].strip("{}").replace(",", " to ")
            raise SettingsError(
                f"{self.value!r} cannot be {self.algorithm}: that has {count} hexadecimal digits. "
                "Copy it whole, without spaces."
            )

    def of(self, content: bytes) -> str:
        """Digest of a file's content by the same algorithm, as many digits as this one has."""
        is_git = self.algorithm == "git-blob"
        running = hashlib.new("sha1" if is_git else "sha256", usedforsecurity=False)
        if is_git:
            running.update(b"blob %d\0" % len(content))
        running.update(content)
        return running.hexdigest()[: len(self.value)]

    def fits(self, content: bytes) -> bool:
        """Whether a file's content has this digest."""
        return self.of(content) == self.value

    def found_in(self, content: bytes) -> str:
        """Say in words which digest of this kind a file's content has, and always its whole SHA-256."""
        whole = f"SHA-256 {hashlib.sha256(content).hexdigest()}"
        return f"{replace(self, value=self.of(content))} and {whole}" if self.algorithm == "git-blob" else whole

    def __str__(self) -> str:
        return f"{NAMES[self.algorithm]} {self.value}"


def sha256(value: str, *, said: bool = False) -> Digest:
    """Return a SHA-256 of 64 hexadecimal digits, in either case, as a `Digest`.

    Raises
    ------
    SettingsError
        If it is none.
    """
    return Digest("sha256", value.strip().lower(), said)
