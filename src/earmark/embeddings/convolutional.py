"""Template of networks that run over a whole clip, and how to run them in pieces that leave no trace.

A convolutional network without a fixed window turns rows (samples, spectrogram frames) into steps, one every `stride`
rows. What lies far enough away has no influence on a step, so a clip of any length is run in blocks: each with so many
rows before and after it (its halo) that the steps in it come out as in one piece. How far is far enough, and which time
a step speaks of, follow from the widths, strides and paddings of the layers, in integers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.embeddings.hearing import Piece
from earmark.embeddings.network_model import NetworkModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Cell",
    "ConvolutionalModel",
    "Reach",
    "ReceptiveField",
    "Sliding",
    "least_rows",
    "reach_of",
    "receptive_field",
    "steps_in_blocks",
    "zero_ended",
]


@dataclass(frozen=True)
class Sliding:
    """A convolution or a pool, along the axis of rows.

    Attributes
    ----------
    width : int
        Rows that it sees at a time.
    stride : int
        Rows from one output to the next.
    padding : int
        Zeros that it adds at either end.
    """

    width: int
    stride: int = 1
    padding: int = 0


@dataclass(frozen=True)
class ReceptiveField:
    """Which rows the activations of a layer hear: activation i those from ``i * stride - lead`` on, `width` in all.

    Attributes
    ----------
    width, stride, lead : int
        In rows of the network's input.
    """

    width: int
    stride: int
    lead: int

    @property
    def first_inside(self) -> int:
        """The first activation whose receptive field is not centred before the clip begins."""
        return max(0, -(-(2 * self.lead - self.width) // (2 * self.stride)))


@dataclass(frozen=True)
class Cell:
    """Which activations of a layer make a step: ``skip + step * hop`` and those after it, `width` in all.

    Attributes
    ----------
    skip : int
        Activations at the beginning that are left out.
    width, hop : int
        Activations that are averaged, and from one step to the next.
    """

    skip: int = 0
    width: int = 1
    hop: int = 1


@dataclass(frozen=True)
class Reach:
    """Which rows have an influence on a step.

    Attributes
    ----------
    stride : int
        Rows from one step to the next.
    before : int
        Rows before row ``step * stride`` that may have an influence on the step; a multiple of the stride, because
        blocks begin where steps do.
    after : int
        Rows from row ``step * stride`` on that may have one; at least the stride.
    """

    stride: int
    before: int
    after: int


def receptive_field(layers: Iterable[Sliding]) -> ReceptiveField:
    """Return what the activations of the last of some layers hear.

    Examples
    --------
    >>> receptive_field([Sliding(3, padding=1), Sliding(2, stride=2)])
    ReceptiveField(width=4, stride=2, lead=1)
    """
    width, stride, lead = 1, 1, 0
    for layer in layers:
        width += (layer.width - 1) * stride
        lead += layer.padding * stride
        stride *= layer.stride
    return ReceptiveField(width, stride, lead)


def least_rows(layers: Iterable[Sliding], outputs: int) -> int:
    """Return how many rows some layers need for so many outputs; none of them can do without any.

    Examples
    --------
    >>> least_rows([Sliding(3, padding=1), Sliding(2, stride=2)], outputs=5)
    10
    """
    rows = outputs
    for layer in reversed(list(layers)):
        rows = max(1, (rows - 1) * layer.stride + layer.width - 2 * layer.padding)
    return rows


def reach_of(heard: Iterable[tuple[ReceptiveField, Cell]]) -> Reach:
    """Return which rows have an influence on steps that are made of activations of one or more layers.

    Parameters
    ----------
    heard : iterable of (ReceptiveField, Cell)
        What the activations of each layer hear, and which of them make a step; the steps of all layers have the same
        stride.

    Returns
    -------
    Reach
        In whole strides, so that blocks hold as many steps of one layer as of the other.
    """
    pairs = list(heard)
    (stride,) = {field.stride * cell.hop for field, cell in pairs}
    before = max(field.lead - cell.skip * field.stride for field, cell in pairs)
    after = max((cell.skip + cell.width - 1) * field.stride - field.lead + field.width for field, cell in pairs)
    return Reach(stride, max(0, -(-before // stride)) * stride, max(1, -(-after // stride)) * stride)


def steps_in_blocks(blocks: Iterable[NDArray[np.float32]], reach: Reach, steps_per_block: int) -> Iterator[Piece]:
    """Cut a stream of rows into pieces that a network can run in bounded memory, as if over all of them at once.

    The network goes from (1, rows, ...) to (1, steps, values), and pads the rows it is given as at a clip's ends.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n, ...), float32
        Consecutive rows, enough for one step.
    reach : Reach
        Which rows have an influence on a step.
    steps_per_block : int
        Steps in each piece but the last.

    Yields
    ------
    Piece
        One row of the network's input, (1, rows, ...), and which of its steps are right; none in the last piece if
        the ones before it have them all.
    """
    need = (steps_per_block - 1) * reach.stride + reach.after
    held: list[NDArray[np.float32]] = []
    size = done = 0  # rows held, and how many steps of those that begin in them were given before
    for block in blocks:
        held.append(block)
        size += len(block)
        while size > done * reach.stride + need:
            rows = _joined(held)
            yield Piece(rows[np.newaxis, : done * reach.stride + need], slice(done, done + steps_per_block))
            drop = max(0, (done + steps_per_block) * reach.stride - reach.before)
            held, size = [rows[drop:]], size - drop
            done += steps_per_block - drop // reach.stride
    yield Piece(_joined(held)[np.newaxis], slice(done, None))


def zero_ended(stream: Iterable[NDArray[np.float32]], length: Callable[[int], int]) -> Iterator[NDArray[np.float32]]:
    """Pass consecutive samples on, and zeros behind them.

    Parameters
    ----------
    stream : iterable of ndarray of shape (n,), float32
        Consecutive samples.
    length : callable
        From the number of samples that came to the number that are wanted, no fewer.

    Yields
    ------
    ndarray of shape (n,), float32
        Consecutive samples.
    """
    samples = 0
    for block in stream:
        samples += len(block)
        yield block
    yield np.zeros(length(samples) - samples, np.float32)


def _joined(blocks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Join blocks, without a copy if it is one: a whole clip in one block is cut many times."""
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


class ConvolutionalModel(NetworkModel):
    """Template of models whose network runs over the whole clip: rows, network.

    A subclass gives `rows`, `build_network`, and sets `reach`. Its network takes (1, rows, ...) and gives
    (1, steps, dimension).
    """

    reach: Reach
    batch_rows = 1  # a block is large enough by itself
    #: Steps that are worked on at a time: bounds memory for clips of any length.
    steps_per_block = 64

    @abstractmethod
    def rows(self, stream: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Turn consecutive samples into consecutive rows of the network's input, enough of them for one step."""

    def pieces(self, stream: Iterable[NDArray[np.float32]]) -> Iterator[Piece]:
        """Cut the rows into blocks; see `NetworkModel.pieces`."""
        return steps_in_blocks(self.rows(stream), self.reach, self.steps_per_block)
