"""Read the weights of a plain convolutional network out of an ONNX file, without running it.

Format: the ONNX intermediate representation (onnx.proto, "External Tensor Data"). Exporters of quantised
networks put a QuantizeLinear/DequantizeLinear pair around each float32 tensor; the reader follows the pairs back
to the tensor itself, which leaves them out. External data is cut from the bytes that the caller hands in: the
file name that a tensor states is never looked at, so a graph cannot make earmark read another file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import WeightsError

__all__ = ["Layer", "read_layers"]

_PASSED_THROUGH = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer that has weights.

    Attributes
    ----------
    op : str
        `Conv` or `Gemm`.
    weight : ndarray of float32
        In torch layout: (out, in / group, height, width) of a Conv, (out, in) of a Gemm.
    bias : ndarray of float32, shape (out,), or None
        None where the node has none.
    strides : tuple of int
        Of a Conv, per axis; empty for a Gemm.
    group : int
        Of a Conv; 1 for a Gemm.
    """

    op: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    strides: tuple[int, ...]
    group: int


def read_layers(model: bytes, data: bytes = b"") -> list[Layer]:
    """Read all Conv and Gemm nodes of an ONNX graph, in graph order.

    Parameters
    ----------
    model : bytes
        Content of the `.onnx` file.
    data : bytes
        Content of its one external data file, if it has one.

    Returns
    -------
    list of Layer
        Quantise/dequantise pairs are left out; the values are the float32 ones before the pair.

    Raises
    ------
    WeightsError
        If this is no ONNX model, a weight is no float32 constant, external data lies outside `data`, or a Gemm
        computes more than `x @ weight.T + bias`.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        graph = onnx.ModelProto.FromString(model).graph
    except DecodeError as error:
        raise WeightsError(f"This is no ONNX model ({error}): cut short or altered. Fetch it anew.") from error
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    return [_layer(node, makers, constants, data) for node in graph.node if node.op_type in ("Conv", "Gemm")]


def _layer(node: Any, makers: Mapping[str, Any], constants: Mapping[str, Any], data: bytes) -> Layer:
    arrays = [_array(_constant(name, makers, constants), data) for name in node.input[1:3] if name]
    if not arrays:
        raise WeightsError(f"ONNX node {node.name!r} ({node.op_type}) has no weight. Fetch the file anew.")
    weight, bias = arrays[0], arrays[1] if len(arrays) > 1 else None
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type == "Gemm":
        return Layer("Gemm", _torch_layout(node.name, weight, attributes), bias, (), 1)
    strides = tuple(attributes["strides"].ints) if "strides" in attributes else (1,) * (weight.ndim - 2)
    return Layer("Conv", weight, bias, strides, attributes["group"].i if "group" in attributes else 1)


def _torch_layout(name: str, weight: NDArray[np.float32], attributes: Mapping[str, Any]) -> NDArray[np.float32]:
    """(out, in) weight of a Gemm; torch's linear layer knows no factors and no transposed input."""
    factors = [attributes[key].f for key in ("alpha", "beta") if key in attributes]
    if any(factor != 1.0 for factor in factors) or ("transA" in attributes and attributes["transA"].i):
        raise WeightsError(f"ONNX node {name!r} (Gemm) scales or transposes its input, which earmark does not read.")
    transposed = "transB" in attributes and attributes["transB"].i
    return weight if transposed else np.ascontiguousarray(weight.T)


def _constant(name: str, makers: Mapping[str, Any], constants: Mapping[str, Any]) -> Any:
    """Follow quantise/dequantise nodes back to the constant they start from."""
    start = name
    for _ in range(len(makers) + 1):  # a graph with a loop in it must not hold us for ever
        if name in constants:
            return constants[name]
        maker = makers.get(name)
        if maker is None or maker.op_type not in _PASSED_THROUGH or not maker.input:
            break
        name = maker.input[0]
    raise WeightsError(f"ONNX tensor {start!r} is no constant of the graph; earmark cannot read its values.")


def _array(tensor: Any, data: bytes) -> NDArray[np.float32]:
    """Values of a float32 tensor; its size must agree with its shape to the byte."""
    import onnx

    shape = tuple(tensor.dims)
    if tensor.data_type != onnx.TensorProto.FLOAT:
        kind = {number: name for name, number in onnx.TensorProto.DataType.items()}.get(tensor.data_type, "?")
        raise WeightsError(f"ONNX tensor {tensor.name!r} is of type {kind}; earmark reads float32 only.")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raw = _external(tensor, data)
    else:
        raw = tensor.raw_data or np.asarray(tensor.float_data, dtype="<f4").tobytes()
    if min(shape, default=1) < 1 or len(raw) != 4 * math.prod(shape):
        raise WeightsError(
            f"ONNX tensor {tensor.name!r} has shape {shape} but {len(raw)} bytes: altered or damaged. "
            "Fetch the file anew."
        )
    return np.frombuffer(raw, dtype="<f4").reshape(shape).astype(np.float32)


def _external(tensor: Any, data: bytes) -> bytes:
    """Cut a tensor's bytes out of the external data, checking the bounds; the stated file name is ignored."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    try:
        offset = int(said.get("offset", "0"))
        length = int(said.get("length", str(len(data) - offset)))
    except ValueError as error:
        raise WeightsError(
            f"ONNX tensor {tensor.name!r} has no sound place in the data: {said}. Fetch it anew."
        ) from error
    if offset < 0 or length < 0 or offset + length > len(data):
        raise WeightsError(
            f"ONNX tensor {tensor.name!r} claims bytes {offset} to {offset + length} of external data that has "
            f"{len(data)}: altered or cut short. Fetch the file anew."
        )
    return data[offset : offset + length]
