"""A clip on its way through a model, step by step: so that many clips can share a network and the cores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from earmark.embeddings.model import FrameEmbeddings

__all__ = ["Hearing", "Piece", "WholeClip"]


class Piece(NamedTuple):
    """What a network is to run for a stretch of a clip.

    Attributes
    ----------
    rows : ndarray of shape (n, ...), float32
        Rows of its input, at least one.
    kept : slice
        Which of the steps that come of them are frames: of all rows together, in their order.
    """

    rows: NDArray[np.float32]
    kept: slice = slice(None)


class Hearing(ABC):
    """A clip on its way through a model: pieces for the network come out, what it made of them goes in.

    So the pieces of many clips can be run together, by several workers. One worker at a time calls `next`, and one the
    other methods, which may be at the same time.
    """

    @abstractmethod
    def next(self) -> Piece | None:
        """Listen on until there is a piece for the network; None at the clip's end.

        Raises
        ------
        AudioError
            If the clip cannot be heard; see `EmbeddingModel.embed_blocks`.
        """

    @abstractmethod
    def take(self, piece: Piece, outputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take what the network made of a piece, in the order of the pieces; give the frames that this completes.

        Raises
        ------
        AudioError
            If they are not finite.
        """

    @abstractmethod
    def end(self) -> list[NDArray[np.float32]]:
        """Give the frames that only the clip's end completes, when all pieces were taken."""

    @abstractmethod
    def times(self, first: int, frames: int) -> NDArray[np.float64]:
        """Return the times of frames from the first one on, in seconds; after the call that gave them."""

    @property
    @abstractmethod
    def seconds(self) -> float:
        """Length of what was heard so far."""


class WholeClip(Hearing):
    """A clip on its way through a model that embeds it by itself, in one go."""

    def __init__(self, embed: Callable[[], FrameEmbeddings]) -> None:
        self._embed = embed

    def next(self) -> None:
        """Embed the clip; there is nothing to run. See `Hearing.next`."""
        self._found = self._embed()

    def take(self, piece: Piece, outputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Not called, for there are no pieces; see `Hearing.take`."""
        raise NotImplementedError

    def end(self) -> list[NDArray[np.float32]]:
        """Give all frames; see `Hearing.end`."""
        return [self._found.values]

    def times(self, first: int, frames: int) -> NDArray[np.float64]:
        """Return their times; see `Hearing.times`."""
        return self._found.times[first : first + frames]

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self._found.duration_seconds
