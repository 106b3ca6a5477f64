"""Training of small dense nets side by side: each on rows of its own out of one matrix that all share.

The mathematics is that of Keras, in which the paper's nets were trained: Glorot-uniform weights (Glorot
and Bengio, AISTATS 2010), zero biases, inverted dropout, weighted cross-entropy averaged over the rows
of a batch (not over their weights), Adam, the last and smaller batch of an epoch included. A step is in
`earmark.classifiers.stacked`; here is which rows it sees.

Each net has a generator of its own, which initialises, shuffles and drops out, and sees exactly its own
batches. Where one is shorter than that of a net beside it, it is filled up with a row of its own that weighs
nothing; a net that has made all its steps leaves the stack.

On a processor a fit runs on one thread, and a stack has one net: the products of one net already run at
the processor's limit, and what belongs to several does not fit into its cache. (Sums split over threads
would also depend on how many there are.) Stacks of many nets are for GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from earmark.errors import SettingsError
from earmark.runtime import one_thread

if TYPE_CHECKING:
    import torch

__all__ = ["Precision", "Schedule", "TrainingSet", "train"]

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Schedule:
    """How a net is trained: see `earmark.classifiers.DenseNet` for the meaning and the units."""

    dropout: float
    learning_rate: float
    batch_size: int
    epochs: int

    def steps(self, rows: int) -> int:
        """Return the number of steps of a net with so many rows."""
        return self.epochs * -(-rows // self.batch_size)


@dataclass(frozen=True)
class TrainingSet:
    """What one net is trained on.

    Attributes
    ----------
    members : ndarray of int, shape (m,)
        Its rows, as positions in the common matrix.
    classes : ndarray, shape (k,)
        Sorted labels.
    codes : ndarray of int, shape (m,)
        The class of each of its rows, as a position in `classes`.
    weights : ndarray, shape (m,)
        The weight of each of its rows in the loss: sample weight times class weight.
    seed : int
        Seeds the generator that initialises, shuffles and drops out.
    scaling : tuple of (offset, scale), optional
        float32 arrays of shape (n_features,): the net sees (value - offset) * scale. None if rows are
        scaled already; of sets that are trained together, all or none have one.
    """

    members: NDArray[np.intp]
    classes: NDArray[Any]
    codes: NDArray[np.intp]
    weights: NDArray[np.float64]
    seed: int
    scaling: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None


def train(
    rows: NDArray[np.float32],
    sets: Sequence[TrainingSet],
    sizes: Sequence[int],
    schedule: Schedule,
    device: str = "cpu",
    precision: Precision = "float32",
) -> list[list[tuple[NDArray[np.float32], NDArray[np.float32]]]]:
    """Train one dense net a set from fresh weights, all in one stack.

    Parameters
    ----------
    rows : ndarray, shape (n, sizes[0]), float32
        The common matrix, contiguous and writable.
    sets : sequence of TrainingSet
    sizes : sequence of int
        Width of the input, of each hidden layer, and number of classes: the same for all nets.
    schedule : Schedule
    device : str, default "cpu"
        Where PyTorch works.
    precision : {"float32", "bfloat16"}, default "float32"
        Of the factors in the products of the hidden layers; everything else is float32.

    Returns
    -------
    list of list of (weight, bias)
        For each net its layers: float32 arrays of the shapes (inputs, outputs) and (outputs,).

    Raises
    ------
    SettingsError
        The training of a net diverged.
    """
    import torch

    with torch.no_grad(), one_thread() if torch.device(device).type == "cpu" else nullcontext():
        layers = _train(torch.from_numpy(rows).to(device), sets, sizes, schedule, precision)
    for net, task in zip(layers, sets, strict=True):
        if not all(np.isfinite(weight).all() and np.isfinite(bias).all() for weight, bias in net):
            low, high = (0.0, 1.0) if task.scaling else (rows.min(), rows.max())
            raise SettingsError(
                f"Training diverged: weights are not finite after {schedule.epochs} epochs. Features lie between "
                f"{low:g} and {high:g}: scale them to [0, 1], or lower the learning_rate."
            )
    return layers


def _train(
    rows: torch.Tensor, sets: Sequence[TrainingSet], sizes: Sequence[int], schedule: Schedule, precision: Precision
) -> list[list[tuple[NDArray[np.float32], NDArray[np.float32]]]]:
    import torch

    from earmark.classifiers.stacked import Stack, fresh_parameters

    # The nets that take most steps come first, so that those still in training are the first ones.
    order = sorted(range(len(sets)), key=lambda number: -len(sets[number].members))
    ordered = [sets[number] for number in order]
    generators = [torch.Generator(rows.device).manual_seed(task.seed) for task in ordered]
    parameters = torch.stack([fresh_parameters(sizes, generator) for generator in generators])
    stack = Stack(parameters, sizes, schedule.learning_rate, schedule.dropout, getattr(torch, precision))
    gathered = _Gathered(rows, ordered)
    for members, codes, weights in _shuffled(ordered, schedule, generators):
        if len(members) < len(stack.layers[0][0]):
            stack.keep_first(len(members))
        counts = [len(own) for own in members]
        x = gathered.at(_padded(members))
        stack.step(x, _padded(codes), _padded(weights, weighs_nothing=True), counts, generators[: len(members)])
    stacked = [(weight.mT.cpu().numpy(), bias.cpu().numpy()) for weight, bias in stack.all_layers()]
    nets = [
        [(weights[place].copy(), biases[place].copy()) for weights, biases in stacked] for place in range(len(sets))
    ]
    return [nets[order.index(number)] for number in range(len(sets))]


def _shuffled(
    sets: Sequence[TrainingSet], schedule: Schedule, generators: Sequence[torch.Generator]
) -> Iterator[tuple[tuple[torch.Tensor, ...], ...]]:
    """Give for each step the batches of the nets that are not done: their members, codes and weights.

    Weights are divided by the number of rows of their batch.
    """
    streams = [_batches(*pair, schedule) for pair in zip(sets, generators, strict=True)]
    steps = [schedule.steps(len(task.members)) for task in sets]
    for step in range(max(steps)):
        batches = [next(stream) for stream, last in zip(streams, steps, strict=True) if step < last]
        yield tuple(zip(*batches, strict=True))


def _batches(task: TrainingSet, generator: torch.Generator, schedule: Schedule) -> Iterator[tuple[torch.Tensor, ...]]:
    """Give members, codes and weights of one net's batches, epoch after epoch."""
    import torch

    device, size, count = generator.device, schedule.batch_size, len(task.members)
    members, codes = (torch.from_numpy(array.astype(np.int64)).to(device) for array in (task.members, task.codes))
    weights = torch.from_numpy(task.weights.astype(np.float32)).to(device)
    lengths = torch.full_like(weights, size)
    lengths[count - count % size :] = count % size
    for _ in range(schedule.epochs):
        order = torch.randperm(count, generator=generator, device=device)
        epoch = members[order], codes[order], weights[order].div_(lengths)
        yield from zip(*(torch.split(part, size) for part in epoch), strict=True)


def _padded(parts: Sequence[torch.Tensor], weighs_nothing: bool = False) -> torch.Tensor:
    """Stack batches; shorter ones are filled up with their first element, or with weights of zero."""
    import torch

    if len(parts) == 1:
        return parts[0][None]
    width = max(len(part) for part in parts)
    filled = []
    for part in parts:
        filler = part.new_zeros(1) if weighs_nothing else part[:1]
        filled.append(torch.cat([part, filler.expand(width - len(part))]))
    return torch.stack(filled)


class _Gathered:
    """Batches gathered from the common matrix and scaled on the way, in room that is used again and again."""

    def __init__(self, rows: torch.Tensor, sets: Sequence[TrainingSet]) -> None:
        import torch

        self._rows, self._room = rows, rows.new_empty(0)
        scalings = [task.scaling for task in sets if task.scaling]
        self._scaling = [
            torch.from_numpy(np.stack(part)[:, None]).to(rows.device) for part in zip(*scalings, strict=True)
        ]

    def at(self, members: torch.Tensor) -> torch.Tensor:
        """Return the rows of the first nets at `members` (nets, rows), shape (nets, rows, features)."""
        import torch

        size = members.numel() * self._rows.shape[1]
        if len(self._room) < size:
            self._room = self._rows.new_empty(size)
        x = self._room[:size].view(members.numel(), -1)
        x = torch.index_select(self._rows, 0, members.flatten(), out=x).view(*members.shape, -1)
        if self._scaling:
            offset, scale = (part[: len(members)] for part in self._scaling)
            x.sub_(offset).mul_(scale)
        return x
