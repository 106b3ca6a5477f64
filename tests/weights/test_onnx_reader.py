"""Weights are read out of an ONNX graph, and a hostile graph reads nothing else."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from earmark.errors import WeightsError
from earmark.weights.onnx_reader import read_layers

RNG = np.random.default_rng(3)
CONV = RNG.normal(size=(4, 1, 3, 3)).astype(np.float32)
BIAS = RNG.normal(size=4).astype(np.float32)
DENSE = RNG.normal(size=(5, 4)).astype(np.float32)


def pair(name):
    """A quantise/dequantise pair around a tensor; the result is called `<name>_dq`."""
    return [
        helper.make_node("QuantizeLinear", [name, "scale", "zero"], [f"{name}_q"]),
        helper.make_node("DequantizeLinear", [f"{name}_q", "scale", "zero"], [f"{name}_dq"]),
    ]


def model_of(nodes, constants):
    constants = [c if isinstance(c, TensorProto) else numpy_helper.from_array(*c) for c in constants]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], constants)).SerializeToString()


def external(name, shape, **where):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in where.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def one_conv(tensor):
    return model_of([helper.make_node("Conv", ["x", "w"], ["y"])], [tensor])


def test_layers_come_in_graph_order_without_the_pairs():
    nodes = [
        *pair("w"),
        helper.make_node("Conv", ["x", "w_dq", "b"], ["h"], strides=[2, 1], group=1),
        helper.make_node("Relu", ["h"], ["r"]),
        *pair("r"),
        *pair("d"),
        helper.make_node("Gemm", ["r_dq", "d_dq", "c"], ["y"], transB=1),
    ]
    scale = (np.float32(0.1), "scale")
    zero = (np.int8(0), "zero")
    model = model_of(nodes, [(CONV, "w"), (BIAS, "b"), (DENSE, "d"), (np.zeros(5, np.float32), "c"), scale, zero])
    conv, gemm = read_layers(model)
    assert (conv.op, conv.strides, conv.group) == ("Conv", (2, 1), 1)
    np.testing.assert_array_equal(conv.weight, CONV)
    np.testing.assert_array_equal(conv.bias, BIAS)
    assert (gemm.op, gemm.strides, gemm.group) == ("Gemm", (), 1)
    np.testing.assert_array_equal(gemm.weight, DENSE)
    assert {array.dtype for array in (conv.weight, conv.bias, gemm.weight, gemm.bias)} == {np.dtype(np.float32)}


def test_attributes_left_out_mean_what_onnx_says():
    (conv,) = read_layers(one_conv((CONV, "w")))
    assert (conv.strides, conv.group, conv.bias) == ((1, 1), 1, None)


def test_values_stored_as_a_list_are_read_too():
    (conv,) = read_layers(one_conv(helper.make_tensor("w", TensorProto.FLOAT, CONV.shape, CONV.ravel())))
    np.testing.assert_array_equal(conv.weight, CONV)


def test_a_gemm_that_is_not_transposed_is_laid_out_as_torch_has_it():
    (gemm,) = read_layers(model_of([helper.make_node("Gemm", ["x", "d"], ["y"])], [(DENSE.T.copy(), "d")]))
    np.testing.assert_array_equal(gemm.weight, DENSE)
    assert gemm.weight.flags.c_contiguous


@pytest.mark.parametrize("setting", [{"alpha": 2.0}, {"beta": 0.5}, {"transA": 1}])
def test_a_gemm_that_computes_more_is_refused(setting):
    model = model_of([helper.make_node("Gemm", ["x", "d"], ["y"], **setting)], [(DENSE, "d")])
    with pytest.raises(WeightsError, match="Gemm"):
        read_layers(model)


def test_external_data_is_cut_from_the_given_bytes_only(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(CONV.nbytes))
    tensor = external("w", CONV.shape, location=secret, offset=8, length=CONV.nbytes)
    (conv,) = read_layers(one_conv(tensor), b"8 bytes!" + CONV.tobytes() + b"more")
    np.testing.assert_array_equal(conv.weight, CONV)


def test_external_data_may_leave_out_what_is_plain():
    (conv,) = read_layers(one_conv(external("w", CONV.shape, location="model.data")), CONV.tobytes())
    np.testing.assert_array_equal(conv.weight, CONV)


@pytest.mark.parametrize(
    "where",
    [
        {"offset": 4, "length": 144},
        {"offset": -4, "length": 144},
        {"offset": 0, "length": -1},
        {"offset": 0, "length": 10**30},
        {"offset": 10**30},
        {"offset": 0, "length": 140},
        {"offset": "zero"},
    ],
)
def test_external_data_out_of_bounds_is_refused(where):
    with pytest.raises(WeightsError, match="ONNX tensor 'w'"):
        read_layers(one_conv(external("w", CONV.shape, **where)), CONV.tobytes())


@given(offset=st.integers(-10, 300), length=st.integers(-10, 300), rows=st.integers(-2, 60))
def test_external_data_is_the_stated_slice_or_an_error(offset, length, rows):
    data = bytes(range(200))
    with contextlib.suppress(WeightsError):
        (conv,) = read_layers(one_conv(external("w", (rows, 1, 1, 1), offset=offset, length=length)), data)
        assert conv.weight.tobytes() == data[offset : offset + length]
        assert len(conv.weight) == rows


@pytest.mark.parametrize("shape", [(-4, -1, 3, 3), (0, 1, 3, 3), (2**40, 2**30, 1, 1), (5, 1, 3, 3), ()])
def test_a_shape_that_does_not_fit_its_bytes_is_refused(shape):
    tensor = numpy_helper.from_array(CONV, "w")
    del tensor.dims[:]
    tensor.dims.extend(shape)
    with pytest.raises(WeightsError, match=r"has shape .* but 144 bytes"):
        read_layers(one_conv(tensor))


@pytest.mark.parametrize("array", [CONV.astype(np.float64), CONV.astype(np.int8), CONV.astype(np.float16)])
def test_other_types_than_float32_are_refused(array):
    with pytest.raises(WeightsError, match="reads float32 only"):
        read_layers(one_conv((array, "w")))


def test_a_weight_that_is_computed_or_missing_is_refused():
    conv = helper.make_node("Conv", ["x", "w"], ["y"])
    for nodes in ([helper.make_node("Add", ["x", "x"], ["w"]), conv], [conv]):
        with pytest.raises(WeightsError, match="'w' is no constant"):
            read_layers(model_of(nodes, []))
    with pytest.raises(WeightsError, match="has no weight"):
        read_layers(model_of([helper.make_node("Conv", ["x"], ["y"])], []))


def test_a_graph_with_a_loop_is_refused_in_time():
    nodes = [
        helper.make_node("QuantizeLinear", ["b"], ["a"]),
        helper.make_node("DequantizeLinear", ["a"], ["b"]),
        helper.make_node("Conv", ["x", "b"], ["y"]),
    ]
    with pytest.raises(WeightsError, match="'b' is no constant"):
        read_layers(model_of(nodes, []))


def test_what_is_no_model_is_refused():
    with pytest.raises(WeightsError, match="no ONNX model"):
        read_layers(b"<html>sign in</html>")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_model_gives_layers_or_an_error(data):
    nodes = [*pair("w"), helper.make_node("Conv", ["x", "w_dq", "b"], ["y"], strides=[2, 2], group=1)]
    model = bytearray(model_of(nodes, [external("w", CONV.shape, offset=0, length=144), (BIAS, "b")]))
    for _ in range(data.draw(st.integers(1, 3))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WeightsError):
        for layer in read_layers(bytes(model), CONV.tobytes()):
            assert layer.weight.dtype == np.float32
