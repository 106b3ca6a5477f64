"""Where frames lie in a clip: integer sample positions, padding at the end, times of the centres.

One policy serves every windowed embedding model: the first frame starts at sample 0, the next one a hop later, and
the end is padded with zeros until every sample is covered. A clip shorter than a window is padded to one window, so
there is at least one frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import AudioError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FrameGrid"]


@dataclass(frozen=True)
class FrameGrid:
    """Frames of `window` samples, one every `hop` samples.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    window : int
        Length of a frame in samples.
    hop : int
        Step from one frame to the next in samples.

    Raises
    ------
    SettingsError
        If one of the three is not positive.

    Examples
    --------
    >>> grid = FrameGrid(sample_rate=16000, window=15600, hop=7680)
    >>> grid.count(80000)
    10
    >>> grid.times(2)
    array([0.4875, 0.9675])
    """

    sample_rate: int
    window: int
    hop: int

    def __post_init__(self) -> None:
        """Refuse what cannot be a grid."""
        if min(self.sample_rate, self.window, self.hop) < 1:
            raise SettingsError(f"sample rate, window and hop must be at least 1, got {self}.")

    def count(self, samples: int) -> int:
        """Return how many frames a clip of `samples` samples has; at least 1.

        Raises
        ------
        AudioError
            If there are no samples.
        """
        if samples < 1:
            raise AudioError("there are no samples to cut into frames: the clip is empty.")
        return 1 + max(0, -(-(samples - self.window) // self.hop))

    def span(self, frames: int) -> int:
        """Return the number of samples that `frames` consecutive frames cover."""
        return (frames - 1) * self.hop + self.window

    def times(self, frames: int) -> NDArray[np.float64]:
        """Return the times of the first `frames` frame centres, in seconds, from integer positions.

        Returns
        -------
        ndarray of shape (frames,), float64
        """
        # Twice the centre is an integer even when the window is odd.
        doubled = 2 * self.hop * np.arange(frames, dtype=np.int64) + self.window
        return doubled / (2.0 * self.sample_rate)

    def runs(
        self, blocks: Iterable[NDArray[np.float32]], frames_per_run: int
    ) -> Iterator[tuple[NDArray[np.float32], int]]:
        """Cut a stream into runs of consecutive frames, holding no more than one run and one block.

        Parameters
        ----------
        blocks : iterable of ndarray of shape (n,), float32
            Consecutive samples at the grid's sample rate.
        frames_per_run : int
            Frames in each run but the last.

        Yields
        ------
        samples : ndarray of shape (span(frames),), float32
            The samples under the run's frames, the end of the clip padded with zeros.
        frames : int
            Number of frames in the run, at least 1.

        Raises
        ------
        AudioError
            If there are no samples.
        """
        need, step = self.span(frames_per_run), frames_per_run * self.hop
        held: NDArray[np.float32] = np.empty(0, np.float32)
        total = emitted = 0
        for block in blocks:
            total += len(block)
            held = np.concatenate([held, block]) if len(held) else block
            while len(held) >= max(need, step):
                yield held[:need], frames_per_run
                emitted += frames_per_run
                held = held[step:]
        for left in range(self.count(total) - emitted, 0, -frames_per_run):
            frames = min(left, frames_per_run)
            run = held[: self.span(frames)]
            yield np.pad(run, (0, self.span(frames) - len(run))), frames
            held = held[step:]
