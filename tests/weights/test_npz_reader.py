"""Arrays are read out of an .npz file by name, and no pickle in it is opened."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import WeightsError
from earmark.weights.npz_reader import read_npz
from official_formats import npz_file

ARRAYS = {"a": np.random.default_rng(8).normal(size=(3, 4)), "b": np.arange(5, dtype=np.float32), "c": np.array(2)}


def npz_of(member):
    """An .npz file whose array `a` is the given bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("a.npy", member)
    return buffer.getvalue()


def npy_of(array, version=(1, 0)):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    return buffer.getvalue()


def test_named_arrays_are_read_as_they_are():
    found = read_npz(npz_file(ARRAYS), ["b", "a", "c"])
    assert list(found) == ["b", "a", "c"]
    for name, array in found.items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_every_kind_of_number_big_endian_and_column_major_arrays_are_read(version):
    for kind in ("<f2", "<f4", "<f8", "<i2", "<i4", "<i8", "<u2", "<u4", "<u8", "|i1", "|u1"):
        array = np.arange(4).astype(kind)
        np.testing.assert_array_equal(read_npz(npz_of(npy_of(array, version)), ["a"])["a"], array, strict=True)
    array = np.asfortranarray(ARRAYS["a"].astype(">f4"))
    np.testing.assert_array_equal(read_npz(npz_of(npy_of(array, version)), ["a"])["a"], array)


def test_a_header_written_by_python_2_is_read():
    member = npy_of(np.zeros((3, 4))).replace(b"'shape': (3, 4), }  ", b"'shape': (3L, 4L), }")
    assert b"3L" in member
    assert read_npz(npz_of(member), ["a"])["a"].shape == (3, 4)


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_an_array_of_objects_is_refused_and_runs_nothing(tmp_path):
    content = npz_file({"a": np.array([Hostile(tmp_path / "ran")])})
    with pytest.raises(WeightsError, match=r"'a' of this .npz file is of type '\|O', expected numbers"):
        read_npz(content, ["a"])
    assert list(tmp_path.iterdir()) == []
    np.load(io.BytesIO(content), allow_pickle=True)["a"]
    assert (tmp_path / "ran").exists()  # so the file was a hostile one


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.zeros(2, [("x", "f4")]), np.zeros(2, "M8[s]"), np.zeros(2, "c8")]
)
def test_other_values_than_numbers_are_refused(array):
    with pytest.raises(WeightsError, match="expected numbers"):
        read_npz(npz_of(npy_of(array)), ["a"])


def test_a_shape_that_does_not_fit_its_bytes_is_refused_without_taking_memory():
    for shape in (b"(10**13,)", b"(9999999999999,)", b"(0,)", b"(-1,)", b"(3, 5)"):
        member = npy_of(np.zeros((3, 4))).replace(
            b"'shape': (3, 4), }" + b" " * 20, b"'shape': %s, }" % shape.ljust(26)
        )
        assert shape in member
        with pytest.raises(WeightsError, match=r"Array 'a' of this .npz file"):
            read_npz(npz_of(member), ["a"])


def test_a_bomb_is_refused_unread():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(2**22))
    with pytest.raises(WeightsError, match="declares 33554560 bytes, more than the 1048576 admitted"):
        read_npz(buffer.getvalue(), ["a"], limit_bytes=2**20)


def test_a_missing_array_and_what_is_no_npz_are_named():
    with pytest.raises(WeightsError, match=r"no member 'z.npy'; it holds 'a.npy', 'b.npy', 'c.npy'"):
        read_npz(npz_file(ARRAYS), ["z"])
    with pytest.raises(WeightsError, match="not a sound zip file"):
        read_npz(b"<html>sign in</html>", ["a"])
    with pytest.raises(WeightsError, match="does not begin as one"):
        read_npz(npz_of(b"<html>sign in</html>"), ["a"])
    with pytest.raises(WeightsError, match=r"does not begin as one \(b'.x93NUMPY.x03"):
        read_npz(npz_of(npy_of(ARRAYS["a"], (3, 0))), ["a"])


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_array_is_numbers_or_an_error(data):
    member = bytearray(npy_of(ARRAYS["a"]))
    for _ in range(data.draw(st.integers(1, 3))):
        member[data.draw(st.integers(0, len(member) - 1))] = data.draw(st.integers(0, 255))
    member = member[: data.draw(st.integers(0, len(member)) | st.just(len(member)))]
    with contextlib.suppress(WeightsError):
        assert read_npz(npz_of(bytes(member)), ["a"])["a"].dtype.kind in "fiu"
