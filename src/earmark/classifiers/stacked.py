"""A step of dense nets of the same sizes: gradients written out, dropout and Adam, for all of them at once.

Every tensor has the nets as its first axis, and every product is one batched product. Three things make a
step cost little more than its products. All parameters of a net lie in one vector, so that Adam (Kingma and
Ba, ICLR 2015) is one pass over it. Weights are stored as (outputs, inputs) and the last layer's values as
(classes, rows), which is how the products and the softmax read them fastest. And the factor of inverted
dropout rides on products instead of being multiplied in.

As in Keras, epsilon of Adam is 1e-7, and is added before the bias correction. Tests hold gradients and steps
against PyTorch's own. (Importing `torch.optim.Adam` alone would cost every process 1.5 s.)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["Layers", "Stack", "as_layers", "draw_kept", "fresh_parameters"]

#: Weight (nets, outputs, inputs) and bias (nets, outputs) of each layer, first layer first.
Layers = list[tuple["torch.Tensor", "torch.Tensor"]]

# Adam as in Keras: the decay of the two averages as everywhere, epsilon 1e-7 where PyTorch has 1e-8.
BETA_MEAN, BETA_SQUARE, ADAM_EPSILON = 0.9, 0.999, 1e-7


def fresh_parameters(sizes: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    """Return Glorot-uniform weights and zero biases of one net in one vector, on the generator's device."""
    import torch

    parts = []
    for inputs, outputs in itertools.pairwise(sizes):
        limit = (6.0 / (inputs + outputs)) ** 0.5
        weight = torch.empty(inputs, outputs, device=generator.device).uniform_(-limit, limit, generator=generator)
        parts += [weight.t().flatten(), weight.new_zeros(outputs)]
    return torch.cat(parts)


class Stack:
    """Nets that are trained side by side, step by step.

    Parameters
    ----------
    parameters : Tensor, shape (nets, parameters of one), float32
        As from `fresh_parameters`; changed in place.
    sizes : sequence of int
        Width of the input, of each hidden layer, and number of classes.
    learning_rate, dropout : float
        See `earmark.classifiers.DenseNet`.
    dtype : torch.dtype
        Of the factors in the products of the hidden layers: float32 or bfloat16.

    Attributes
    ----------
    layers, slopes : Layers
        Parameters of the nets in training, and their gradients.
    """

    layers: Layers
    slopes: Layers

    def __init__(
        self,
        parameters: torch.Tensor,
        sizes: Sequence[int],
        learning_rate: float,
        dropout: float,
        dtype: torch.dtype,
    ) -> None:
        import torch

        self._sizes, self._learning_rate, self._dropout, self._dtype = sizes, learning_rate, dropout, dtype
        self._grown = 1 / (1 - dropout)
        self._whole = [parameters, *(torch.zeros_like(parameters) for _ in range(3))]
        self._steps = torch.zeros((), device=parameters.device)
        self._taken = 0
        self.keep_first(len(parameters))

    def keep_first(self, nets: int) -> None:
        """Leave all but the first so many nets as they are from now on."""
        self._vectors = [vector[:nets] for vector in self._whole]
        self.layers, self.slopes = (as_layers(vector, self._sizes) for vector in self._vectors[:2])

    def all_layers(self) -> Layers:
        """Return the parameters of all nets, those that were left included."""
        return as_layers(self._whole[0], self._sizes)

    def step(
        self,
        x: torch.Tensor,
        codes: torch.Tensor,
        weights: torch.Tensor,
        counts: Sequence[int],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Move the nets by one step of Adam along the gradient of the weighted cross-entropy.

        Parameters
        ----------
        x : Tensor, shape (nets, rows, inputs)
        codes : Tensor of int, shape (nets, rows)
            Classes.
        weights : Tensor, shape (nets, rows)
            Of each row in the sum that is the loss.
        counts : sequence of int
            How many of the rows are those of the net; the others weigh nothing.
        generators : sequence of torch.Generator
            Draw the dropped units of each net.
        """
        factor, activations, gates = 1.0, [x.to(self._dtype)], []
        for weight, bias in self.layers[:-1]:
            hidden = self._affine(bias[:, None], activations[-1], weight.mT, factor).relu_()
            gate = hidden.new_empty(hidden.shape)
            if self._dropout:
                hidden.mul_(draw_kept(gate, counts, self._dropout, generators))
            activations.append(hidden)
            gates.append(gate)
            factor = self._grown
        self._backwards(activations, gates, codes, weights)
        self._adam()

    def _backwards(
        self,
        activations: Sequence[torch.Tensor],
        gates: Sequence[torch.Tensor],
        codes: torch.Tensor,
        weights: torch.Tensor,
    ) -> None:
        """Write the gradients into `slopes`; what the gates held is overwritten."""
        import torch

        (weight, bias), (slope, bias_slope), last = self.layers[-1], self.slopes[-1], activations[-1].float()
        factor = self._grown if gates else 1.0
        # d loss / d logits = weight * (likelihood - one of the right class), of shape (nets, classes, rows)
        delta = torch.baddbmm(bias[:, :, None], weight, last.mT, alpha=factor).softmax(dim=1).mul_(weights[:, None])
        delta.scatter_add_(1, codes[:, None], -weights[:, None])
        slope.baddbmm_(delta, last, beta=0, alpha=factor)
        torch.sum(delta, dim=2, out=bias_slope)
        delta = delta.mT
        for index in range(len(gates) - 1, -1, -1):
            passed = torch.gt(activations[index + 1], 0, out=gates[index])
            room = torch.empty_like(passed)
            delta = self._product(delta, self.layers[index + 1][0], self._grown, room).mul_(passed)
            slope, bias_slope = self.slopes[index]
            self._product(delta.mT, activations[index], self._grown if index else 1.0, slope)
            torch.sum(delta, dim=1, out=bias_slope)

    def _affine(self, bias: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, factor: float) -> torch.Tensor:
        import torch

        if self._dtype == torch.float32:
            return torch.baddbmm(bias, x, weight, alpha=factor)
        return torch.add(bias, torch.bmm(x.to(self._dtype), weight.to(self._dtype)), alpha=factor)

    def _product(self, one: torch.Tensor, other: torch.Tensor, factor: float, out: torch.Tensor) -> torch.Tensor:
        import torch

        if self._dtype == torch.float32:
            return out.baddbmm_(one, other, beta=0, alpha=factor)
        return out.copy_(torch.bmm(one.to(self._dtype), other.to(self._dtype))).mul_(factor)

    def _adam(self) -> None:
        import torch

        self._taken += 1
        self._steps += 1
        parameters, gradients, mean, square = ([vector] for vector in self._vectors)
        torch._fused_adam_(
            parameters,
            gradients,
            mean,
            square,
            [],
            [self._steps],
            lr=self._learning_rate,
            beta1=BETA_MEAN,
            beta2=BETA_SQUARE,
            weight_decay=0.0,
            eps=ADAM_EPSILON / (1 - BETA_SQUARE**self._taken) ** 0.5,  # PyTorch adds it after the bias correction
            amsgrad=False,
            maximize=False,
        )


def draw_kept(
    kept: torch.Tensor, counts: Sequence[int], dropout: float, generators: Sequence[torch.Generator]
) -> torch.Tensor:
    """Draw which units are kept (1) and which are dropped (0).

    Parameters
    ----------
    kept : Tensor, shape (nets, rows, units), float32
        Where they go.
    counts : sequence of int
        Rows of each net. Rows beyond them are not drawn: they hold 0 or 1 all the same.
    dropout : float
        Share that is dropped, to within 1/65536.
    generators : sequence of torch.Generator

    Returns
    -------
    Tensor
        `kept`.
    """
    import torch

    nets, rows, units = kept.shape
    # Four 16-bit draws out of each 64-bit one: three times as fast as rand().
    draws = torch.empty(nets, -(-rows * units // 4), dtype=torch.int64, device=kept.device)
    for own, count, generator in zip(draws, counts, generators, strict=True):
        own[: -(-count * units // 4)].random_(-(2**63), None, generator=generator)
    drawn = draws.view(torch.int16)[:, : rows * units].view(kept.shape)
    return torch.ge(drawn, round(dropout * 65536) - 32768, out=kept)


def as_layers(vectors: torch.Tensor, sizes: Sequence[int]) -> Layers:
    """Return views of vectors, one a net, as the layers' weights and biases."""
    layers, start = [], 0
    for inputs, outputs in itertools.pairwise(sizes):
        middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
        layers.append((vectors[:, start:middle].view(-1, outputs, inputs), vectors[:, middle:end]))
        start = end
    return layers
