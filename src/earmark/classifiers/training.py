"""Training of a small dense net: plain tensors in, plain arrays out.

The mathematics is that of Keras, in which the paper's nets were trained: Glorot-uniform weights (Glorot
and Bengio, AISTATS 2010), zero biases, inverted dropout, weighted cross-entropy averaged over the rows
of a batch (not over their weights), Adam (Kingma and Ba, ICLR 2015) with epsilon 1e-7, the last and
smaller batch of an epoch included. As in Keras, and other than in `torch.optim.Adam`, epsilon is added
before the bias correction.

Three decisions make it fast and repeatable. All parameters lie in one vector, so that Adam is four
vector operations. The gradients of a stack of ReLU layers are written out, which saves a quarter of
the time of D128 against autograd. Tests hold both against PyTorch's own. (Importing `torch.optim.Adam`
alone would cost every process 1.5 s.) And a fit runs on one thread: the products are small, sums split
over threads would depend on how many there are, and a comparison trains several nets side by side anyway.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.runtime import one_thread

if TYPE_CHECKING:
    import torch

__all__ = ["Schedule", "train"]

Layers = list[tuple["torch.Tensor", "torch.Tensor"]]
"""Weight (inputs, outputs) and bias (outputs,) of each layer, first layer first."""

# Adam as in Keras: the decay of the two averages as everywhere, epsilon 1e-7 where PyTorch has 1e-8.
BETA_MEAN, BETA_SQUARE, ADAM_EPSILON = 0.9, 0.999, 1e-7


@dataclass(frozen=True)
class Schedule:
    """How a net is trained: see `earmark.classifiers.DenseNet` for the meaning and the units."""

    dropout: float
    learning_rate: float
    batch_size: int
    epochs: int


def train(
    X: NDArray[np.float32],
    codes: NDArray[np.intp],
    weights: NDArray[np.float64],
    sizes: Sequence[int],
    schedule: Schedule,
    seed: int,
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Train a dense net from fresh weights.

    Parameters
    ----------
    X : ndarray, shape (rows, sizes[0]), float32
    codes : ndarray of int, shape (rows,)
        Class of each row, in 0 ... sizes[-1] - 1.
    weights : ndarray, shape (rows,)
        Weight of each row in the loss: sample weight times class weight.
    sizes : sequence of int
        Width of the input, of each hidden layer, and number of classes.
    schedule : Schedule
    seed : int
        Seeds the one generator that initialises, shuffles and drops out.

    Returns
    -------
    list of (weight, bias)
        float32 arrays of the shapes (inputs, outputs) and (outputs,).
    """
    import torch

    with torch.no_grad(), one_thread():
        generator = torch.Generator().manual_seed(seed)
        parameters = _fresh_parameters(sizes, generator)
        layers, gradients = _as_layers(parameters, sizes), torch.zeros_like(parameters)
        slopes = _as_layers(gradients, sizes)
        adam = _Adam(parameters, gradients, schedule.learning_rate)
        inputs = torch.from_numpy(np.ascontiguousarray(X))
        weighted_targets = torch.zeros(len(X), sizes[-1])
        row_weights = torch.from_numpy(weights.astype(np.float32))[:, None]
        weighted_targets.scatter_(1, torch.from_numpy(codes.astype(np.int64))[:, None], row_weights)
        batch = torch.empty(min(schedule.batch_size, len(X)), sizes[0])
        for _ in range(schedule.epochs):
            for rows in torch.split(torch.randperm(len(X), generator=generator), schedule.batch_size):
                x = torch.index_select(inputs, 0, rows, out=batch[: len(rows)])
                _gradients(x, row_weights[rows], weighted_targets[rows], layers, slopes, schedule.dropout, generator)
                adam.step()
        return [(weight.numpy().copy(), bias.numpy().copy()) for weight, bias in layers]


class _Adam:
    """Adam over one vector of parameters, as in Keras (algorithm 1 of the paper, in the form at its end)."""

    def __init__(self, parameters: torch.Tensor, gradients: torch.Tensor, learning_rate: float) -> None:
        import torch

        self.parameters, self.gradients, self.learning_rate = parameters, gradients, learning_rate
        self.mean, self.square = torch.zeros_like(parameters), torch.zeros_like(parameters)
        self.root = torch.empty_like(parameters)
        self.steps = 0

    def step(self) -> None:
        """Move the parameters by one step along the gradients."""
        import torch

        self.steps += 1
        step_size = self.learning_rate * (1 - BETA_SQUARE**self.steps) ** 0.5 / (1 - BETA_MEAN**self.steps)
        self.mean.lerp_(self.gradients, 1 - BETA_MEAN)
        self.square.mul_(BETA_SQUARE).addcmul_(self.gradients, self.gradients, value=1 - BETA_SQUARE)
        torch.sqrt(self.square, out=self.root).add_(ADAM_EPSILON)
        self.parameters.addcdiv_(self.mean, self.root, value=-step_size)


def _fresh_parameters(sizes: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    """Return Glorot-uniform weights and zero biases in one vector."""
    import torch

    parameters = torch.zeros(sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(sizes)))
    for weight, _ in _as_layers(parameters, sizes):
        limit = (6.0 / sum(weight.shape)) ** 0.5
        weight.uniform_(-limit, limit, generator=generator)
    return parameters


def _as_layers(vector: torch.Tensor, sizes: Sequence[int]) -> Layers:
    """Return views of the vector as the layers' weights and biases."""
    layers, start = [], 0
    for inputs, outputs in itertools.pairwise(sizes):
        middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
        layers.append((vector[start:middle].view(inputs, outputs), vector[middle:end]))
        start = end
    return layers


def _gradients(
    x: torch.Tensor,
    row_weights: torch.Tensor,
    weighted_targets: torch.Tensor,
    layers: Layers,
    slopes: Layers,
    dropout: float,
    generator: torch.Generator,
) -> None:
    """Write the gradient of the mean weighted cross-entropy of a batch into `slopes`.

    Parameters
    ----------
    x : Tensor, shape (rows, inputs)
    row_weights : Tensor, shape (rows, 1)
    weighted_targets : Tensor, shape (rows, k)
        One-hot classes times the row weights.
    layers, slopes : Layers
        Parameters, and where their gradients go.
    dropout : float
        Share of the hidden units that is dropped.
    generator : torch.Generator
        Draws the dropped units.
    """
    import torch

    activations, gates = [x], []
    for weight, bias in layers[:-1]:
        hidden = torch.addmm(bias, activations[-1], weight)
        gate = _gate(hidden, dropout, generator)
        activations.append(hidden.mul_(gate))
        gates.append(gate)
    weight, bias = layers[-1]
    likelihoods = torch.softmax(torch.addmm(bias, activations[-1], weight), dim=1)
    # d loss / d logits of sum(w * cross-entropy) / rows
    delta = likelihoods.mul_(row_weights).sub_(weighted_targets).div_(len(x))
    for index in range(len(layers) - 1, -1, -1):
        torch.mm(activations[index].t(), delta, out=slopes[index][0])
        torch.sum(delta, dim=0, out=slopes[index][1])
        if index > 0:
            delta = torch.mm(delta, layers[index][0].t()).mul_(gates[index - 1])


def _gate(hidden: torch.Tensor, dropout: float, generator: torch.Generator) -> torch.Tensor:
    """Return the factors of ReLU and inverted dropout together: 0, or 1 / (1 - dropout)."""
    import torch

    passed = hidden > 0
    if dropout == 0:
        return passed.float()
    # Four 16-bit draws out of each 64-bit one: dropout to within 1/65536, three times as fast as rand().
    draws = torch.empty(-(-hidden.numel() // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    kept = draws.view(torch.int16)[: hidden.numel()].view(hidden.shape) >= round(dropout * 65536) - 32768
    return passed.logical_and_(kept).float().mul_(1 / (1 - dropout))
