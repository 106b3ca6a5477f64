"""A TensorFlow V1 checkpoint is read without TensorFlow, and a damaged one ends in an error, not in a loop.

`tests/data/tiny_v1.ckpt` was written by TensorFlow itself, with small variables under the names of VGGish;
`tiny_v1_expected.npz` are these variables. Both come with the golden vectors of the model specification.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import WeightsError
from earmark.weights.checkpoint_reader import read_checkpoint
from official_formats import checkpoint_file, field, table, varint

DATA = Path(__file__).parents[1] / "data"
WRITTEN_BY_TENSORFLOW = (DATA / "tiny_v1.ckpt").read_bytes()
RNG = np.random.default_rng(6)
VARIABLES = {
    "a/weights": RNG.normal(size=(3, 3, 1, 4)).astype(np.float32),
    "a/biases": RNG.normal(size=4).astype(np.float32),
    "scale": np.array(2.5, np.float32),
}


def test_what_tensorflow_wrote_is_read_bit_by_bit():
    found = read_checkpoint(WRITTEN_BY_TENSORFLOW)
    with np.load(DATA / "tiny_v1_expected.npz") as expected:
        assert {name for name in expected.files if expected[name].dtype == np.float32} == set(found)
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name], strict=True)


def test_every_float32_variable_is_read_and_a_counter_left_out():
    found = read_checkpoint(checkpoint_file({**VARIABLES, "global_step": np.array(7, np.int64)}))
    assert list(found) == list(VARIABLES)
    for name, array in VARIABLES.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def announced(name, *sizes):
    shape = b"".join(field(2, field(1, size)) for size in sizes)
    return b"", field(1, field(1, field(1, name) + field(2, shape) + field(3, 1)))


def saved(name, values, part=b""):
    return name, field(2, field(1, name) + field(2, field(1, part)) + field(3, field(1, 1) + field(5, values)))


def test_a_variable_kept_in_parts_is_refused():
    part = saved(b"v", bytes(4), part=field(1, 0) + field(2, 1))
    with pytest.raises(WeightsError, match="'v' of this checkpoint is kept in parts"):
        read_checkpoint(table([announced(b"v", 2), part]))
    with pytest.raises(WeightsError, match="'v' of this checkpoint is kept in parts"):
        read_checkpoint(table([announced(b"v", 2), saved(b"v", bytes(4)), saved(b"v", bytes(4))]))


@pytest.mark.parametrize("sizes", [(3,), (2, 2), (2**40, 2**40), (0,), (2**63,), (1,) * 9])
def test_a_shape_that_does_not_fit_its_values_is_refused(sizes):
    assert read_checkpoint(table([announced(b"v", 2), saved(b"v", bytes(8))]))["v"].shape == (2,)
    with pytest.raises(WeightsError, match=r"variable 'v' has shape .* but 8 bytes of values"):
        read_checkpoint(table([announced(b"v", *sizes), saved(b"v", bytes(8))]))


def test_a_variable_announced_without_values_is_refused():
    with pytest.raises(WeightsError, match=r"variable 'v' has shape .2,. but 0 bytes"):
        read_checkpoint(table([announced(b"v", 2)]))


def test_a_compressed_block_is_refused():
    with pytest.raises(WeightsError, match="compressed"):
        read_checkpoint(table([announced(b"v", 2), saved(b"v", bytes(8))], compression=1))


def test_blocks_that_overlap_are_refused_before_they_cost_time():
    block = bytes(4 * 999) + (999).to_bytes(4, "little") + bytes(5)  # of restarts alone, named ten thousand times
    handle = varint(0) + varint(4000)
    entry = varint(0) + varint(0) + varint(len(handle)) + handle
    index = 10_000 * entry + bytes(4) + (1).to_bytes(4, "little")
    footer = (varint(0) + varint(0) + varint(len(block)) + varint(len(index))).ljust(40, b"\0")
    with pytest.raises(WeightsError, match="its blocks overlap"):
        read_checkpoint(block + index + bytes(5) + footer + WRITTEN_BY_TENSORFLOW[-8:])


@pytest.mark.parametrize("content", [b"", b"<html>sign in</html>", bytes(100), WRITTEN_BY_TENSORFLOW[:-1]])
def test_what_is_no_checkpoint_says_what_was_expected(content):
    with pytest.raises(WeightsError, match="Expected a TensorFlow V1 checkpoint, found"):
        read_checkpoint(content)


@settings(max_examples=400, deadline=5000)
@given(data=st.data())
def test_a_damaged_checkpoint_gives_arrays_or_an_error(data):
    content = bytearray(data.draw(st.sampled_from([WRITTEN_BY_TENSORFLOW, checkpoint_file(VARIABLES)])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    start = data.draw(st.just(0) | st.integers(0, len(content)))  # a piece missing in front keeps the closing mark
    with contextlib.suppress(WeightsError):
        found = read_checkpoint(bytes(content[start:]))
        assert sum(array.nbytes for array in found.values()) <= len(content)
