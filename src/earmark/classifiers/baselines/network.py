"""The networks of the baselines: a card's layers, run one after the other, in training and in prediction.

Layers, with the number that some have:

- ``noise`` (standard deviation): Gaussian noise is added, in training only.
- ``convolution`` (filters): 3x3, "same" zero padding, with bias.
- ``dense`` (units): with bias.
- ``relu``, ``leaky relu`` (slope below zero).
- ``max pooling`` (size): windows side by side, what is left over at the ends is dropped; ``global max pooling``.
- ``batch normalisation``: over all but the channels; in prediction by running averages (a tenth of each new batch).
- ``dropout`` (share): inverted, in training only.
- ``flatten``: of the patch itself.

A patch is (1 channel, frames, values), which is how Keras laid the authors' patches out too. Parameters are a mapping
of ``"<layer>.<part>"`` to tensors, in PyTorch's layout. Random numbers come from a generator that is handed in; none
handed in means prediction.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from earmark.classifiers.baselines.cards import BaselineCard, Layer

__all__ = ["LEARNED", "as_parameters", "decayed", "fresh_parameters", "logits"]

#: Parts of layers that are learned; the others are running averages.
LEARNED = ("weight", "bias", "scale", "shift")

_EPSILON = 1e-5  # of batch normalisation
_NEWEST = 0.1  # share of the newest batch in the running averages


def _numbered(card: BaselineCard) -> Iterator[tuple[str, Layer]]:
    """Give the layers with the names of their parameters; each activation behind the pooling that follows it.

    An activation that rises may as well come after the maximum: the numbers are the same, and of 2x2 values it sees
    one.
    """
    layers = [(str(number), layer) for number, layer in enumerate(card.layers)]
    for place, (one, other) in enumerate(itertools.pairwise(layers.copy())):
        if "relu" in str(one[1][0]) and "max pooling" in str(other[1][0]):
            layers[place : place + 2] = other, one
    yield from layers
    yield "out", ("classes",)


def fresh_parameters(card: BaselineCard, classes: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return Glorot-uniform kernels (Glorot and Bengio, AISTATS 2010), zero biases, idle normalisation.

    Parameters
    ----------
    card : BaselineCard
    classes : int
    generator : torch.Generator
        Draws the kernels.

    Returns
    -------
    dict of str to Tensor
        Kernels of convolutions with their channels last in memory, which is how they run fastest.
    """
    import torch

    channels, parameters = 1, dict[str, torch.Tensor]()
    for name, (kind, *numbers) in _numbered(card):
        if kind in ("convolution", "dense", "classes"):
            outputs, size = (classes if kind == "classes" else int(numbers[0])), (9 if kind == "convolution" else 1)
            limit = (6.0 / (size * (channels + outputs))) ** 0.5
            kernel = _empty((outputs, channels, 3, 3) if kind == "convolution" else (outputs, channels))
            kernel.uniform_(-limit, limit, generator=generator)
            parameters |= {f"{name}.weight": kernel, f"{name}.bias": torch.zeros(outputs)}
            channels = outputs
        elif kind == "batch normalisation":
            ones, zeros = torch.ones(channels), torch.zeros(channels)
            parameters |= {f"{name}.scale": ones, f"{name}.shift": zeros}
            parameters |= {f"{name}.mean": zeros.clone(), f"{name}.variance": ones.clone()}
        elif kind == "flatten":
            channels = card.patch_frames * card.front_end.dimension
    return parameters


def as_parameters(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, torch.Tensor]:
    """Return copies of arrays as parameters; see `fresh_parameters`."""
    import torch

    return {name: _empty(array.shape).copy_(torch.from_numpy(array)) for name, array in arrays.items()}


def _empty(shape: tuple[int, ...]) -> torch.Tensor:
    """Make room for a parameter. The strides must say that channels are last even where there is one channel."""
    import torch

    return torch.empty(shape, memory_format=torch.channels_last if len(shape) == 4 else torch.contiguous_format)


def decayed(parameters: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """Return the kernels whose squares are added to the loss: all but the last layer's."""
    return [tensor for name, tensor in parameters.items() if name.endswith(".weight") and not name.startswith("out.")]


def logits(
    card: BaselineCard,
    parameters: Mapping[str, torch.Tensor],
    patches: torch.Tensor,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Run the network, up to but without the softmax.

    Parameters
    ----------
    card : BaselineCard
    parameters : mapping of str to Tensor
        As from `fresh_parameters`. The running averages in it are moved on in training.
    patches : Tensor, shape (n, frames, values), float32
        Normalised.
    generator : torch.Generator, optional
        Given in training, where it draws noise and dropped units.

    Returns
    -------
    Tensor, shape (n, classes)
    """
    x = patches.unsqueeze(1)
    for name, layer in _numbered(card):
        own = {
            part: parameters[key] for part in (*LEARNED, "mean", "variance") if (key := f"{name}.{part}") in parameters
        }
        x = _run(layer, own, x, generator)
    return x


def _run(
    layer: Layer, own: Mapping[str, torch.Tensor], x: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    import torch
    from torch.nn import functional

    kind, number = layer[0], float(layer[1]) if len(layer) > 1 else 0.0
    if kind == "convolution":
        return functional.conv2d(x, own["weight"], own["bias"], padding=1)
    if kind in ("dense", "classes"):
        return functional.linear(x, own["weight"], own["bias"])
    if kind in ("relu", "leaky relu"):
        return functional.leaky_relu(x, number) if number else functional.relu(x)
    if kind == "max pooling":
        return functional.max_pool2d(x, int(number))
    if kind == "global max pooling":
        return x.amax((2, 3))
    if kind == "batch normalisation":
        return functional.batch_norm(
            x, own["mean"], own["variance"], own["scale"], own["shift"], generator is not None, _NEWEST, _EPSILON
        )
    if kind == "flatten":
        return x.flatten(1)
    if generator is None:
        return x
    if kind == "noise":
        return x + number * torch.empty_like(x).normal_(generator=generator)
    return _drop(x, number, generator)


def _drop(x: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Set a share of the values to zero and let the others grow by as much."""
    import torch

    from earmark.classifiers.stacked import draw_kept

    kept = torch.empty_like(x)
    flat = kept.as_strided((1, 1, kept.numel()), (kept.numel(), kept.numel(), 1))  # whatever the order in memory
    draw_kept(flat, [1], share, [generator])
    return x * kept.mul_(1 / (1 - share))
