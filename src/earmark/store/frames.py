"""The frames of many clips as one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipFrames"]


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
