"""Layers are read out of a Keras file in their order, and nothing outside of the file is."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import WeightsError
from earmark.weights.hdf5_reader import keras_layers, read_keras_layers
from official_formats import keras_file

RNG = np.random.default_rng(5)
NORM = [RNG.normal(size=3).astype(np.float32) for _ in range(4)]
CONV = [RNG.normal(size=(3, 3, 1, 3)).astype(np.float32), RNG.normal(size=3).astype(np.float32)]
LAYERS = [("bn0", NORM), ("conv1", CONV)]


def changed(change, content=None):
    """A good file after a change to it."""
    buffer = io.BytesIO(content or keras_file(LAYERS))
    with h5py.File(buffer, "r+") as opened:
        change(opened)
    return buffer.getvalue()


CODE = """
import resource, sys
from pathlib import Path
from earmark.errors import WeightsError
from earmark.weights.hdf5_reader import read_keras_layers
try:
    read_keras_layers(Path(sys.argv[1]).read_bytes(), limit_bytes=2**20)
except WeightsError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def assert_refused_in_little_memory(content, path):
    """In a process of its own, for a child starts out with as much as its parent has."""
    path.write_bytes(content)
    done = subprocess.run([sys.executable, "-c", CODE, path], capture_output=True, text=True, check=True)
    said, megabytes = done.stdout.splitlines()
    assert "The library that reads HDF5 failed" in said
    assert not sys.platform.startswith("linux") or int(megabytes) < 1024  # bounded by Linux alone


def replaced(make):
    """A file whose last kernel is replaced by what `make` puts into the layer's folder under its name."""

    def change(opened):
        group = opened["conv2d_1/conv2d_1"]
        del group["kernel:0"]
        make(group)

    return changed(change)


@pytest.mark.parametrize("read", [keras_layers, read_keras_layers])
@pytest.mark.parametrize("nested", [False, True])
def test_layers_with_weights_come_in_order_from_the_root_or_from_model_weights(nested, read):
    norm, conv = read(keras_file(LAYERS, nested))
    assert (norm.name, conv.name) == ("batch_normalization_0", "conv2d_1")
    for layer, arrays in ((norm, NORM), (conv, CONV)):
        assert len(layer.arrays) == len(arrays)
        for found, array in zip(layer.arrays, arrays, strict=True):
            np.testing.assert_array_equal(found, array, strict=True)


def test_the_order_is_that_of_the_attribute_not_of_the_alphabet():
    def turn(opened):
        opened.attrs["layer_names"] = opened.attrs["layer_names"][::-1]

    assert [layer.name for layer in keras_layers(changed(turn))] == ["conv2d_1", "batch_normalization_0"]


def test_names_that_keras_split_over_several_attributes_are_put_together():
    def split(opened):
        names = opened.attrs["layer_names"]
        del opened.attrs["layer_names"]
        opened.attrs["layer_names0"], opened.attrs["layer_names1"] = names[:1], names[1:]

    assert [layer.name for layer in keras_layers(changed(split))] == ["batch_normalization_0", "conv2d_1"]


def test_compressed_datasets_and_other_numbers_are_read_as_float32():
    kernel = CONV[0].astype(np.float64)
    content = replaced(lambda group: group.create_dataset("kernel:0", data=kernel, compression="gzip", chunks=True))
    _, conv = keras_layers(content)
    np.testing.assert_array_equal(conv.arrays[0], CONV[0])
    assert conv.arrays[0].dtype == np.float32


@pytest.fixture
def secret(tmp_path):
    """Another HDF5 file, and one of raw bytes, which no model file may reach."""
    with h5py.File(tmp_path / "secret.h5", "w") as opened:
        opened["x"] = CONV[0]
    (tmp_path / "secret.bin").write_bytes(CONV[0].tobytes())
    return tmp_path


def test_links_out_of_the_file_are_not_followed(secret):
    for link in (
        h5py.ExternalLink(secret / "secret.h5", "/x"),
        h5py.ExternalLink(secret / "not there", "/x"),
        h5py.SoftLink("/conv2d_1/conv2d_1/bias:0"),
    ):
        with pytest.raises(WeightsError, match=rf"is a {type(link).__name__}; links .* are not followed"):
            keras_layers(replaced(lambda group, link=link: group.__setitem__("kernel:0", link)))
    outside = changed(lambda opened: opened.__setitem__("model_weights", h5py.ExternalLink(secret / "secret.h5", "/")))
    with pytest.raises(WeightsError, match="ExternalLink"):
        keras_layers(changed(lambda opened: opened.attrs.__delitem__("layer_names"), outside))


def test_values_kept_in_another_file_are_not_read(secret):
    raw = [(str(secret / "secret.bin"), 0, CONV[0].nbytes)]
    with pytest.raises(WeightsError, match="keeps its values in another file"):
        keras_layers(replaced(lambda group: group.create_dataset("kernel:0", (3, 3, 1, 3), "f4", external=raw)))
    layout = h5py.VirtualLayout((3, 3, 1, 3), "f4")
    layout[...] = h5py.VirtualSource(secret / "secret.h5", "x", (3, 3, 1, 3))
    with pytest.raises(WeightsError, match="keeps its values in another file"):
        keras_layers(replaced(lambda group: group.create_virtual_dataset("kernel:0", layout)))


def test_sizes_are_bounded_before_anything_is_read():
    def huge(group, **options):
        group.create_dataset("kernel:0", (2**20, 2**20), "f4", compression="gzip", **options)

    assert len(keras_layers(keras_file(LAYERS), limit_bytes=4 * (12 + 27 + 3))) == 2
    for content in (keras_file(LAYERS), replaced(lambda group: huge(group, chunks=(16, 16)))):
        with pytest.raises(WeightsError, match="up to 'conv2d_1' hold more than the 167 bytes admitted"):
            keras_layers(content, limit_bytes=4 * (12 + 27 + 3) - 1)


@pytest.mark.parametrize("what", ["text", "group", "nothing"])
def test_what_is_no_array_of_numbers_is_refused(what):
    make = {
        "text": lambda group: group.create_dataset("kernel:0", data=["a", "b"], dtype=h5py.string_dtype()),
        "group": lambda group: group.create_group("kernel:0"),
        "nothing": lambda group: None,
    }[what]
    with pytest.raises(WeightsError, match=r"conv2d_1/kernel:0"):
        keras_layers(replaced(make))


def test_a_file_that_keras_did_not_write_says_what_it_holds():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as opened:
        opened["recordings"] = np.zeros(3)
    with pytest.raises(WeightsError, match=r"no attribute layer_names.*it holds 'recordings'"):
        keras_layers(buffer.getvalue())
    with pytest.raises(WeightsError, match="'/conv2d_1' in this HDF5 file has no attribute 'weight_names"):
        keras_layers(changed(lambda opened: opened["conv2d_1"].attrs.__delitem__("weight_names")))
    with pytest.raises(WeightsError, match=r"Expected an HDF5 file written by Keras, found b'<html>"):
        read_keras_layers(b"<html>sign in</html>")


def test_names_of_either_kind_of_text_are_read():
    def fixed(opened):
        for group, name in ((opened, "layer_names"), *((opened[layer], "weight_names") for layer in opened)):
            group.attrs[name] = np.array([each.encode() for each in group.attrs[name]], "S")

    found = keras_layers(changed(fixed))
    assert [layer.name for layer in found] == [layer.name for layer in keras_layers(keras_file(LAYERS))]
    with h5py.File(io.BytesIO(changed(fixed))) as opened, h5py.File(io.BytesIO(keras_file(LAYERS))) as today:
        kinds = [each.attrs.get_id("layer_names").dtype.kind for each in (opened, today)]
    assert kinds == ["S", "O"]  # Keras with h5py 2, and with h5py 3


def test_a_chunk_that_unpacks_to_gigabytes_is_refused(tmp_path):
    zeros = zlib.compressobj(9)
    start = zeros.compress(bytes(2**20)) + zeros.flush(zlib.Z_FULL_FLUSH)
    bomb = start + 3000 * (zeros.compress(bytes(2**20)) + zeros.flush(zlib.Z_FULL_FLUSH))  # its end is never reached

    def make(group):
        kernel = group.create_dataset("kernel:0", (64, 64), "f4", chunks=(64, 64), compression="gzip")
        kernel.id.write_direct_chunk((0, 0), bomb)

    assert_refused_in_little_memory(replaced(make), tmp_path / "bomb.h5")


def test_names_that_are_one_long_text_many_times_over_are_refused(tmp_path):
    many = 3500

    def change(opened):
        opened.attrs.create("layer_names", ["a" * 2_000_000] + ["b"] * (many - 1), dtype=h5py.string_dtype())

    content = bytearray(changed(change))
    places = [found.start() for found in re.finditer(re.escape(struct.pack("<I", 2_000_000)), content)]
    first = next(place for place in places if content[place + 16 : place + 20] == struct.pack("<I", 1))
    content[first : first + 16 * many] = content[first : first + 16] * many  # every name is where the first one lies
    assert_refused_in_little_memory(bytes(content), tmp_path / "names.h5")


def test_a_filter_of_somebody_else_is_not_loaded(monkeypatch, tmp_path):
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(tmp_path))

    def make(group):
        how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        how.set_chunk((4,))
        how.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((4,))
        made = h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, space, how)
        made.write_direct_chunk((0,), bytes(16))

    with pytest.raises(WeightsError, match=r"failed \(OSError: .*filter plugins disabled"):
        read_keras_layers(replaced(make))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_file_cut_short_gives_nothing(data):
    content = keras_file(LAYERS)
    cut = data.draw(st.integers(0, len(content) - 1))
    try:
        found = keras_layers(content[:cut])
    except Exception as error:
        found = error
    assert isinstance(found, Exception)


@pytest.mark.parametrize("left", [0, 1, 8, 100, -100, -1])
def test_a_file_cut_short_is_refused(left):
    with pytest.raises(WeightsError, match=r"cut short|Expected an HDF5 file"):
        read_keras_layers(keras_file(LAYERS)[:left])
