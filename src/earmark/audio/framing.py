"""Where frames lie in a clip: integer sample positions, padding at both ends, times of the centres.

The first frame starts at sample 0, or `lead` samples before it, and the next one a hop later. At the end the clip is
padded with zeros until every sample is covered, or the incomplete frame is dropped, whichever a model's reference
does. A clip shorter than a window is padded to one window either way, so there is at least one frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

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
    lead : int
        Zeros in front of the clip, in samples: half a window centres the first frame on sample 0.
    tail : {"pad", "drop"}
        What happens to samples after the last complete frame.

    Raises
    ------
    SettingsError
        If sample rate, window or hop is not positive, or the lead is negative.

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
    lead: int = 0
    tail: Literal["pad", "drop"] = "pad"

    def __post_init__(self) -> None:
        """Refuse what cannot be a grid."""
        if min(self.sample_rate, self.window, self.hop) < 1 or self.lead < 0:
            raise SettingsError(f"sample rate, window and hop must be at least 1 and the lead 0, got {self}.")

    def count(self, samples: int) -> int:
        """Return how many frames a clip of `samples` samples has; at least 1.

        Raises
        ------
        AudioError
            If there are no samples.
        """
        if samples < 1:
            raise AudioError("there are no samples to cut into frames: the clip is empty.")
        over = self.lead + samples - self.window
        return 1 + max(0, -(-over // self.hop) if self.tail == "pad" else over // self.hop)

    def span(self, frames: int) -> int:
        """Return the number of samples that `frames` consecutive frames cover."""
        return (frames - 1) * self.hop + self.window

    def cut(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Cut the samples under consecutive frames into them, without a copy.

        Parameters
        ----------
        samples : ndarray of shape (n,), float32
            At least ``span(frames)`` samples.
        frames : int
            Number of frames.

        Returns
        -------
        ndarray of shape (frames, window), float32, read-only
        """
        return np.lib.stride_tricks.sliding_window_view(samples, self.window)[:: self.hop][:frames]

    def times(self, frames: int) -> NDArray[np.float64]:
        """Return the times of the first `frames` frame centres, in seconds, from integer positions.

        Returns
        -------
        ndarray of shape (frames,), float64
        """
        # Twice the centre is an integer even when the window is odd.
        doubled = 2 * (self.hop * np.arange(frames, dtype=np.int64) - self.lead) + self.window
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
            The samples under the run's frames, both ends of the clip padded with zeros where frames reach beyond.
        frames : int
            Number of frames in the run, at least 1.

        Raises
        ------
        AudioError
            If there are no samples.
        """
        need, step = self.span(frames_per_run), frames_per_run * self.hop
        held: NDArray[np.float32] = np.empty(0, np.float32)
        total, emitted = -self.lead, 0
        for block in chain([np.zeros(self.lead, np.float32)], blocks):
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
