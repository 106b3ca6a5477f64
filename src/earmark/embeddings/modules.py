"""Pieces that networks are built of: layers with pre-trained weights, and functions as stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

__all__ = ["applied", "channels_last", "convolution", "loaded"]


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
    own = {part: torch.tensor(tensors[f"{name}.{part}"]) for part in parts}
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
