"""What every conversion shares: naming arrays that come in order, and proving that all expected ones are there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError
from earmark.weights.hdf5_reader import KerasLayer
from earmark.weights.recipes.recipe import Arrays, Shapes, Tensors

__all__ = ["AFFINE", "NORM", "Plan", "checked", "from_keras_layers", "norm_shapes", "torch_layout"]

AFFINE = ("weight", "bias")
"""Arrays of a convolution or a dense layer."""

NORM = ("weight", "bias", "running_mean", "running_var")
"""Arrays of a batch normalisation; Keras' gamma, beta, moving_mean, moving_variance in their order."""

Plan = Sequence[tuple[str, tuple[str, ...]]]
"""Layers in order, each with its name and the names of its arrays."""

_SHOWN = 5  # differences that an error lists


def norm_shapes(name: str, size: int) -> dict[str, tuple[int, ...]]:
    """Shapes of a batch normalisation over `size` channels."""
    return {f"{name}.{part}": (size,) for part in NORM}


def checked(found: Arrays, shapes: Shapes, whose: str) -> Tensors:
    """Prove that all tensors are there, and give them in order.

    Parameters
    ----------
    found : mapping of str to ndarray
        What a file gave; tensors that are not asked for are left out.
    shapes : mapping of str to tuple of int
        What is expected.
    whose : str
        Whose weights these are, for messages.

    Returns
    -------
    dict of str to ndarray of float32
        In the order of `shapes`, each in C order.

    Raises
    ------
    WeightsError
        If a tensor is missing, has another shape, or holds values that are not finite; says what was found and
        what was expected.
    """
    wrong = [
        f"{name} {found[name].shape if name in found else 'missing'} (expected {shape})"
        for name, shape in shapes.items()
        if name not in found or found[name].shape != shape
    ]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        other = ", ".join(name for name in found if name not in shapes)[:200] or "nothing else"
        raise WeightsError(
            f"The file does not hold the weights of {whose}: {'; '.join(wrong[:_SHOWN])}{more}; beside those asked for "
            f"it holds {other}. It is another file, another version, or cut short: fetch the right one."
        )
    with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite
        tensors = {name: np.asarray(found[name], dtype=np.float32, order="C") for name in shapes}
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise WeightsError(
                f"{name} of {whose} holds values that are not finite: the file is damaged. Fetch it anew."
            )
    return tensors


def from_keras_layers(layers: Sequence[KerasLayer], plan: Plan, whose: str) -> dict[str, NDArray[np.float32]]:
    """Name the arrays of a Keras file by the order of its layers, and lay them out as torch does.

    Parameters
    ----------
    layers : sequence of KerasLayer
        As the file has them.
    plan : sequence of (str, tuple of str)
        Layers expected, and their arrays.
    whose : str
        Whose weights these are, for messages.

    Returns
    -------
    dict of str to ndarray
        By `layer.array` in the order of the plan.

    Raises
    ------
    WeightsError
        If the number of layers, or of a layer's arrays, is another.
    """
    if len(layers) != len(plan):
        raise WeightsError(
            f"The file does not hold the weights of {whose}: found {len(layers)} layers with weights "
            f"({', '.join(layer.name for layer in layers)[:200]}), expected {len(plan)}. Fetch the right file."
        )
    found = {}
    for place, (layer, (name, parts)) in enumerate(zip(layers, plan, strict=True), start=1):
        if len(layer.arrays) != len(parts):
            raise WeightsError(
                f"The file does not hold the weights of {whose}: layer {place}, {layer.name!r}, has "
                f"{len(layer.arrays)} arrays, expected {len(parts)} for {name} ({', '.join(parts)}). "
                "Fetch the right file."
            )
        for part, array in zip(parts, layer.arrays, strict=True):
            found[f"{name}.{part}"] = torch_layout(array, depthwise="depthwise" in name)
    return found


def torch_layout(array: NDArray[np.float32], *, depthwise: bool = False) -> NDArray[np.float32]:
    """Lay out an array of Keras or TensorFlow as torch does.

    Parameters
    ----------
    array : ndarray
        A kernel (height, width, in, out), a depthwise one (height, width, channels, 1), a dense weight (in, out),
        or a vector.
    depthwise : bool
        Whether a kernel is a depthwise one.

    Returns
    -------
    ndarray
        (out, in, height, width), (channels, 1, height, width), (out, in), or the vector; a view.
    """
    if array.ndim == 4:
        return array.transpose(2, 3, 0, 1) if depthwise else array.transpose(3, 2, 0, 1)
    return array.T if array.ndim == 2 else array
