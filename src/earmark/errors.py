"""Every error that earmark raises on purpose.

::

    EarmarkError
    ├── SettingsError      an option or an argument that cannot be used as given
    ├── AudioError         a file or an array that cannot be heard
    ├── WeightsError       pre-trained weights that cannot be had or trusted
    ├── StoreError         embeddings on disk that cannot be read or written
    ├── DatasetError       labelled clips that do not make a data set
    │   ├── ClipsLeftOut   some clips could not be used, all of them are listed
    │   └── MissingDatasetError   a data set known by name does not lie where it should
    └── ModelFileError     a trained classifier that cannot be loaded or saved

Each message says what is wrong, where (the path), why, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "AudioError",
    "ClipFailure",
    "ClipsLeftOut",
    "DatasetError",
    "EarmarkError",
    "MissingDatasetError",
    "ModelFileError",
    "SettingsError",
    "StoreError",
    "WeightsError",
]


class EarmarkError(Exception):
    """Base of all errors that earmark raises on purpose."""


class SettingsError(EarmarkError, ValueError):
    """An option or an argument that cannot be used as given."""


class AudioError(EarmarkError, ValueError):
    """A file or an array that cannot be heard: unreadable, empty, not finite."""


class WeightsError(EarmarkError):
    """Pre-trained weights that cannot be had or cannot be trusted."""


class StoreError(EarmarkError):
    """Embeddings on disk that cannot be read or written."""


class DatasetError(EarmarkError, ValueError):
    """Labelled clips that do not make a usable data set."""


class MissingDatasetError(DatasetError):
    """A data set known by name does not lie where it should: nothing is broken, it has yet to be fetched."""


class ModelFileError(EarmarkError):
    """A trained classifier that cannot be loaded or saved."""


@dataclass(frozen=True)
class ClipFailure:
    """One clip that could not be used, and why.

    Attributes
    ----------
    path : Path
        The audio file.
    reason : str
        What is wrong with it and what to do, in one sentence or two.
    """

    path: Path
    reason: str


class ClipsLeftOut(DatasetError):  # noqa: N818 - it names what happened to the clips
    """Some clips could not be used; `failures` lists each of them with its reason."""

    def __init__(self, failures: Sequence[ClipFailure], total: int) -> None:
        self.failures = tuple(failures)
        self.total = total
        listed = "\n".join(f"  {failure.path}: {failure.reason}" for failure in self.failures[:20])
        more = f"\n  ... and {len(failures) - 20} more" if len(failures) > 20 else ""
        super().__init__(
            f"{len(self.failures)} of {total} clips could not be used:\n{listed}{more}\n"
            "Mend or remove these files, or leave them out with --on-error skip (on_error='skip' in Python)."
        )
