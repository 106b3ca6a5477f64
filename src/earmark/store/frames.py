"""The frames of many clips as one matrix, in memory or in a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import StoreError
from earmark.files import TEMPORARY_PREFIX, advice

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipFrames", "in_one_file", "in_one_matrix"]


@dataclass(frozen=True)
class ClipFrames:
    """Frame embeddings of several clips, one below the other.

    Attributes
    ----------
    values : ndarray of shape (frames, dimension), float32
        The frames of clip 0, then those of clip 1, and so on.
    offsets : ndarray of shape (clips + 1,), int64
        Clip i has the rows ``offsets[i]`` to ``offsets[i + 1]``; each clip has at least one.

    Examples
    --------
    >>> frames = ClipFrames.from_list([np.zeros((3, 2), np.float32), np.ones((1, 2), np.float32)])
    >>> len(frames), frames.counts
    (2, array([3, 1]))
    >>> frames[1]
    array([[1., 1.]], dtype=float32)
    >>> frames.take([1]).values.shape
    (1, 2)
    """

    values: NDArray[np.float32]
    offsets: NDArray[np.int64]

    @classmethod
    def from_list(cls, clips: Sequence[NDArray[np.float32]]) -> ClipFrames:
        """Put the frames of clips below each other."""
        offsets = np.concatenate([[0], np.cumsum([len(clip) for clip in clips], dtype=np.int64)])
        return cls(np.concatenate(clips), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, clip: int) -> NDArray[np.float32]:
        """Return the frames of one clip, shape (frames, dimension); a negative index counts from the end."""
        clip = range(len(self))[clip]
        return self.values[self.offsets[clip] : self.offsets[clip + 1]]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of frames of each clip, shape (clips,)."""
        return np.diff(self.offsets)

    def take(self, clips: Sequence[int] | NDArray[np.intp]) -> ClipFrames:
        """Return the clips of these indices, in their order."""
        return ClipFrames.from_list([self[int(clip)] for clip in clips])


def in_one_matrix(parts: Iterable[tuple[int, NDArray[np.float32]]], rows: int) -> NDArray[np.float32]:
    """Put parts, each with the row where it begins, into a matrix of so many rows; without parts it is empty."""
    matrix = np.empty((0, 0), np.float32)
    for row, part in parts:
        if not len(matrix):
            matrix = np.empty((rows, part.shape[1]), np.float32)
        matrix[row : row + len(part)] = part
    return matrix


def in_one_file(
    parts: Iterable[tuple[int, NDArray[np.float32]]], rows: int, folder: Path
) -> np.memmap[tuple[int, int], np.dtype[np.float32]] | NDArray[np.float32]:
    """Put parts into a matrix as `in_one_matrix` does, that lies in a file without a name on the disk of a folder.

    Raises
    ------
    StoreError
        If there is no room for it.
    """
    columns = 0
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=TEMPORARY_PREFIX) as file:
            # Written before it is mapped: where a disk is full, writing fails, whereas a map would end the process.
            for row, part in parts:
                columns = part.shape[1]
                file.seek(row * columns * part.itemsize)
                file.write(part.data)
            file.flush()
            if not columns:
                return np.empty((0, 0), np.float32)
            return np.memmap(file, np.float32, "r+", shape=(rows, columns))
    except OSError as error:
        raise StoreError(
            f"{folder}: a matrix of {rows} frames does not fit on its disk as a temporary file "
            f"({os.strerror(error.errno) if error.errno else error}). {advice(error)}."
        ) from error
