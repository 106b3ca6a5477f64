"""What proves that a file is the one that was meant.

Publishers of weights state what they like: a SHA-256, the first digits of one in the file's name (torch hub's
habit), the id that git gives the file's content, an MD5. Some state nothing, and a digest is known from a third party
only; such a digest is marked as `said`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from earmark.errors import SettingsError

__all__ = ["Digest", "sha256"]

Algorithm = Literal["sha256", "sha256-start", "git-blob", "md5"]

_BLOCK_BYTES = 1 << 20
_NAMES = {
    "sha256": "SHA-256",
    "sha256-start": "a SHA-256 that starts with",
    "git-blob": "git blob id",
    "md5": "MD5",
}
# How many hexadecimal digits each has; torch hub's file names carry at least eight.
_DIGITS = {"sha256": "{64}", "sha256-start": "{8,64}", "git-blob": "{40}", "md5": "{32}"}


@dataclass(frozen=True)
class Digest:
    r"""A digest that a file must have.

    Attributes
    ----------
    algorithm : {"sha256", "sha256-start", "git-blob", "md5"}
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

    def of(self, path: Path) -> str:
        """Digest of a file by the same algorithm, as many digits as this one has.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        name = {"sha256": "sha256", "sha256-start": "sha256", "git-blob": "sha1", "md5": "md5"}[self.algorithm]
        running = hashlib.new(name, usedforsecurity=False)
        with path.open("rb") as handle:
            if self.algorithm == "git-blob":
                running.update(b"blob %d\0" % path.stat().st_size)
            while block := handle.read(_BLOCK_BYTES):
                running.update(block)
        return running.hexdigest()[: len(self.value)]

    def fits(self, path: Path) -> bool:
        """Whether a file has this digest.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        return self.of(path) == self.value

    def found_in(self, path: Path) -> str:
        """Say in words which digest of this kind a file has, and always its whole SHA-256.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        whole = sha256("0" * 64).of(path)
        if self.algorithm in ("sha256", "sha256-start"):
            return f"SHA-256 {whole}"
        return f"{replace(self, value=self.of(path))} and SHA-256 {whole}"

    def __str__(self) -> str:
        return f"{_NAMES[self.algorithm]} {self.value}"


def sha256(value: str, *, said: bool = False) -> Digest:
    """Return a SHA-256 of 64 hexadecimal digits, in either case, as a `Digest`.

    Raises
    ------
    SettingsError
        If it is none.
    """
    return Digest("sha256", value.strip().lower(), said)
