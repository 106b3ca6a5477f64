"""Pieces that networks are built of: layers with pre-trained weights, and functions as stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

__all__ = ["applied", "channels_last", "convolution", "loaded", "paired"]


def loaded(layer: nn.Module, tensors: Mapping[str, NDArray[np.float32]], name: str) -> nn.Module:
    """Give a layer its weights; made on the device "meta" it has none to begin with.

    Parameters
    ----------
    layer : torch.nn.Module
        Any layer of torch.
    tensors : mapping of str to ndarray
        Its parts by their names in torch, such as ``weight``, each behind `name` and a dot.
    name : str
        What stands before the dot.
    """
    import torch

    parts = layer.state_dict().keys() - {"num_batches_tracked"}  # of training only
    # Not copied: large networks have hundreds of megabytes.
    own = {part: torch.from_numpy(np.require(tensors[f"{name}.{part}"], np.float32, ["C", "W"])) for part in parts}
    layer.load_state_dict(own, strict=False, assign=True)
    return layer


def convolution(
    tensors: Mapping[str, NDArray[np.float32]],
    name: str,
    normalisation: str = "",
    *,
    epsilon: float = 0.0,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    relu: bool = True,
) -> nn.Sequential:
    """Make a stage: convolution, batch normalisation if there is one, ReLU if wanted.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``weight`` (out, in / groups, width) or (out, in / groups, width, width) of the convolution, and its ``bias`` if
        it has one; ``weight``, ``bias``, ``running_mean`` and ``running_var`` of the normalisation; each behind the
        name and a dot.
    name, normalisation : str
        The names that stand before the dot.
    epsilon : float
        Added to the variances.
    stride, padding : int
        Along all axes.
    groups : int
        Groups of channels that do not see each other.
    relu : bool
        Whether it ends with a ReLU.
    """
    from torch import nn

    out, into, *_, width = tensors[f"{name}.weight"].shape
    one_axis, bias = tensors[f"{name}.weight"].ndim == 3, f"{name}.bias" in tensors
    Convolution = nn.Conv1d if one_axis else nn.Conv2d
    Normalisation = nn.BatchNorm1d if one_axis else nn.BatchNorm2d
    layers = [
        loaded(
            Convolution(into * groups, out, width, stride, padding, groups=groups, bias=bias, device="meta"),
            tensors,
            name,
        )
    ]
    if normalisation:
        layers.append(loaded(Normalisation(out, eps=epsilon, device="meta"), tensors, normalisation))
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def applied(function: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """Make a stage of a function."""
    from torch import nn

    class Applied(nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return function(rows)

    return Applied()


def channels_last() -> nn.Module:
    """Make a stage that flattens maps in the order of Keras and TensorFlow.

    Returns
    -------
    torch.nn.Module
        From (rows, channels, height, width) to (rows, height * width * channels), the channels of a place side by side.
    """
    return applied(lambda maps: maps.permute(0, 2, 3, 1).flatten(1))


def paired(convolution: nn.Module) -> nn.Module:
    """Make a stage of stride 2 over one channel of a stage of stride 1 over two: each pair's first, and its second.

    Parameters
    ----------
    convolution : torch.nn.Module
        From (batch, 2, pairs) to (batch, channels, pairs + 1).

    Returns
    -------
    torch.nn.Module
        From (batch, 1, samples) to (batch, channels, samples // 2 + 1).
    """
    from torch import nn
    from torch.nn.functional import pad

    class Paired(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = convolution

        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            length = samples.shape[2]
            even = pad(samples, (0, 1))[..., : (length + 1) // 2 * 2]  # an odd one has a zero beside it
            pairs = even.reshape(samples.shape[0], -1, 2).transpose(1, 2)
            found: torch.Tensor = self.convolution(pairs)
            return found[..., : length // 2 + 1]

    return Paired()
