"""Training of a baseline: what Keras does with the paper's nets, on one thread.

Weighted cross-entropy averaged over the patches of a batch (not over their weights), plus L2 as Keras adds it, which
is its factor times the sum of squares of the kernels; the gradient of each tensor cut to a length (``clipnorm`` of
tf.keras is by tensor, the L2 part included); Adam (Kingma and Ba, ICLR 2015) with Keras' epsilon of 1e-7, added before
the bias correction; the last and smaller batch of an epoch included.

When to stop is not known of the paper. Here the network after that epoch is kept which gave the true classes of the
validation clips the largest likelihoods (lowest mean negative logarithm, likelihoods fused over the clip), and
training ends when no epoch was better for as many epochs as the card's patience.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.classifiers.baselines.network import LEARNED, decayed, fresh_parameters, logits
from earmark.classifiers.stacked import ADAM_EPSILON, BETA_MEAN, BETA_SQUARE
from earmark.errors import SettingsError

if TYPE_CHECKING:
    import torch

    from earmark.classifiers.baselines.cards import BaselineCard

__all__ = ["Course", "Examples", "Parameters", "train"]

Parameters = dict[str, "torch.Tensor"]


@dataclass(frozen=True)
class Examples:
    """What is trained on.

    Attributes
    ----------
    gather : callable
        Gives normalised patches by their numbers, shape (n, frames, values).
    codes : Tensor of int, shape (patches,)
        Class of each patch.
    weights : Tensor, shape (patches,), float32
        Weight of each patch in the loss.
    """

    gather: Callable[[torch.Tensor], torch.Tensor]
    codes: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True)
class Course:
    """What came of a training.

    Attributes
    ----------
    parameters : dict of str to Tensor
        Those after the best epoch; after the last one if there was nothing to validate on.
    epochs : int
        Passes over the patches.
    best_epoch : int
        The epoch that was kept, from 1.
    """

    parameters: Parameters
    epochs: int
    best_epoch: int


def train(
    card: BaselineCard,
    examples: Examples,
    classes: int,
    epochs: int,
    generator: torch.Generator,
    validate: Callable[[Parameters], float] | None,
) -> Course:
    """Train from fresh weights.

    Parameters
    ----------
    card : BaselineCard
    examples : Examples
    classes : int
    epochs : int
        Most passes over the patches.
    generator : torch.Generator
        Initialises, shuffles, makes noise and drops out.
    validate : callable, optional
        Gives the loss on the validation clips; without it all epochs are run, and the last is kept.

    Raises
    ------
    SettingsError
        The training diverged.
    """
    parameters = fresh_parameters(card, classes, generator)
    descent = Descent(card, parameters)
    best, best_epoch, lowest = parameters, epochs, float("inf")
    for epoch in range(1, epochs + 1):
        for batch in _batches(len(examples.codes), card.batch_size, generator):
            descent.step(examples.gather(batch), examples.codes[batch], examples.weights[batch], generator)
        _check_finite(card, parameters, epoch)
        if validate is None:
            continue
        if (loss := validate(parameters)) < lowest:
            best = {name: tensor.detach().clone() for name, tensor in parameters.items()}
            best_epoch, lowest = epoch, loss
        elif epoch - best_epoch >= card.patience:
            return Course(best, epoch, best_epoch)
    return Course(best, epochs, best_epoch)


class Descent:
    """Moves parameters step by step.

    Parameters
    ----------
    card : BaselineCard
        Says how.
    parameters : dict of str to Tensor
        Changed in place.
    """

    def __init__(self, card: BaselineCard, parameters: Parameters) -> None:
        import torch

        self._card, self._parameters, self._taken = card, parameters, 0
        self._learned = [tensor for name, tensor in parameters.items() if name.split(".")[1] in LEARNED]
        self._decayed = {id(tensor) for tensor in decayed(parameters)}
        self._averages = [(torch.zeros_like(tensor), torch.zeros_like(tensor)) for tensor in self._learned]
        for tensor in self._learned:
            tensor.requires_grad_()

    def step(
        self, patches: torch.Tensor, codes: torch.Tensor, weights: torch.Tensor, generator: torch.Generator
    ) -> None:
        """Make one step of Adam on a batch: patches (n, frames, values), their classes (n,) and weights (n,)."""
        import torch

        with torch.enable_grad():
            outputs = logits(self._card, self._parameters, patches, generator)
            losses = torch.nn.functional.cross_entropy(outputs, codes, reduction="none")
            gradients = torch.autograd.grad((losses * weights).mean(), self._learned)
        self._taken += 1
        with torch.no_grad():
            for tensor, gradient, averages in zip(self._learned, gradients, self._averages, strict=True):
                if id(tensor) in self._decayed:
                    gradient = gradient.add(tensor, alpha=2 * self._card.l2)
                self._adam(tensor, self._clipped(gradient), *averages)

    def _clipped(self, gradient: torch.Tensor) -> torch.Tensor:
        longest = self._card.clip_norm
        if longest is None or (length := float(gradient.norm())) <= longest:
            return gradient
        return gradient * (longest / length)

    def _adam(self, tensor: torch.Tensor, gradient: torch.Tensor, mean: torch.Tensor, square: torch.Tensor) -> None:
        rate = self._card.learning_rate * (1 - BETA_SQUARE**self._taken) ** 0.5 / (1 - BETA_MEAN**self._taken)
        mean.lerp_(gradient, 1 - BETA_MEAN)
        square.mul_(BETA_SQUARE).addcmul_(gradient, gradient, value=1 - BETA_SQUARE)
        tensor.addcdiv_(mean, square.sqrt().add_(ADAM_EPSILON), value=-rate)


def _batches(count: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Give the patches of one epoch in a new order, batch by batch."""
    import torch

    yield from torch.split(torch.randperm(count, generator=generator), size)


def _check_finite(card: BaselineCard, parameters: Parameters, epoch: int) -> None:
    if not all(bool(tensor.isfinite().all()) for tensor in parameters.values()):
        raise SettingsError(
            f"Training of {card.name} diverged: its weights are not finite after epoch {epoch}. Look for clips "
            "whose features are far from those of all others: they lie between 0 and about 15."
        )
