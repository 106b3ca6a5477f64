"""The one pickle that is read gives arrays, and a hostile one runs nothing."""

from __future__ import annotations

import contextlib
import copyreg
import io
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import WeightsError
from earmark.weights.pickle_reader import read_layer_pickle
from official_formats import (
    pickled,
    pickled_array,
    pickled_arrays,
    pickled_dict,
    pickled_object_array,
    pickled_type,
    soundnet_file,
)

RNG = np.random.default_rng(9)
ARRAYS = {
    "weights": np.asfortranarray(RNG.normal(size=(8, 1, 3, 4)).astype(np.float32)),
    "biases": RNG.normal(size=4).astype(np.float32),
}
LAYERS = {"conv1": ARRAYS, "conv2": {"beta": np.arange(3.0)}}


def assert_layers(found):
    assert list(found) == list(LAYERS)
    for layer, arrays in LAYERS.items():
        assert list(found[layer]) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[layer][name], array.astype(np.float32), strict=True)
            assert found[layer][name].flags.c_contiguous


def test_a_file_as_python_2_wrote_it_is_read():
    content = soundnet_file(LAYERS)
    assert_layers(read_layer_pickle(content))
    theirs = np.load(io.BytesIO(content), allow_pickle=True, encoding="latin1").item()  # and it is what NumPy reads
    np.testing.assert_array_equal(theirs["conv1"]["weights"], ARRAYS["weights"])


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_a_pickle_of_today_is_read_under_both_names_of_the_module(module):
    content = pickle.dumps(LAYERS, protocol=3)
    for name in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        content = content.replace(b"c" + name, b"c" + module)
    assert_layers(read_layer_pickle(content))


def test_big_endian_arrays_are_read():
    found = read_layer_pickle(soundnet_file({"c": {"w": np.arange(3, dtype=">f4")}}))
    np.testing.assert_array_equal(found["c"]["w"], np.arange(3, dtype=np.float32), strict=True)


def call(module, name, argument):
    """Instructions that call a name with a text."""
    return b"c%s\n%s\nU%c%s\x85R" % (module, name, len(argument), argument)


def with_array(type_=None, state=None):
    """A file with one array whose type or whole state is given as instructions."""
    if state is None:
        return pickled(pickled_dict({"c": pickled_dict({"w": pickled_array(ARRAYS["biases"], type_)})}))
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return pickled(pickled_dict({"c": pickled_dict({"w": reconstruct + state + b"b"})}))


def hostile(path):
    """Pickles that would create a file, each in another way."""
    touch = b"touch %s" % str(path).encode()
    code = b"__import__('os').mknod('%s')" % str(path).encode()
    system = call(b"os", b"system", touch)
    return {
        "os.system": pickled(system),
        "posix.system": pickled(call(b"posix", b"system", touch)),
        "builtins.eval": pickled(call(b"builtins", b"eval", code)),
        "Python 2's eval": pickled(call(b"__builtin__", b"eval", code)),
        "as a layer": pickled(pickled_dict({"conv1": system})),
        "as an array": pickled(pickled_dict({"conv1": pickled_dict({"w": system})})),
        "as a key": pickled(b"}(" + system + b"K\x01u"),
        "before the arrays": pickled(system + b"0" + pickled_dict({"c": pickled_arrays(ARRAYS)})),
        "thrown away": pickled(pickled_dict({"c": pickled_arrays(ARRAYS)}) + system + b"0"),
        "in an array of objects": pickled(pickled_object_array(system)),
        "in a .npy file": soundnet_file({})[:82] + pickled(pickled_object_array(system)),
        "in a type": with_array(lambda: pickled_type("O8", "|", 63)[:-2] + system + b"tb"),
        "text instructions": b"cos\nsystem\n(S'%s'\ntR." % touch,
        "instance": b"(S'%s'\nios\nsystem\n." % touch,
        "object": b"(cos\nsystem\nS'%s'\no." % touch,
        "new object": pickled(b"cos\nsystem\nU%c%s\x85\x81" % (len(touch), touch)),
        "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c%c%s\x85R." % (len(touch), touch),
        "attribute of an admitted name": pickled(call(b"numpy", b"ndarray.__class__", touch)),
        "numpy's own loader": pickled(call(b"numpy", b"load", touch)),
        "after the end": pickled(pickled_dict({"c": pickled_arrays(ARRAYS)})) + pickled(system),
        "state of a function": pickled(b"cnumpy.core.multiarray\n_reconstruct\n}U\x01aK\x01sb" + system),
    }


@pytest.mark.parametrize("way", sorted(hostile("x")))
def test_a_hostile_pickle_runs_nothing(tmp_path, way):
    content = hostile(tmp_path / "ran")[way]
    if way == "after the end":
        read_layer_pickle(content)  # what lies behind the end is never looked at
    else:
        with pytest.raises(WeightsError, match="Nothing in it was run"):
            read_layer_pickle(content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", ["os.system", "builtins.eval", "as an array", "stack global", "in a .npy file"])
def test_the_hostile_pickles_would_create_a_file(tmp_path, way):
    content = hostile(tmp_path / "ran")[way]
    body = content[content.index(b"\x80") :] if way != "in a .npy file" else content[82:]
    pickle.loads(body)
    assert (tmp_path / "ran").exists()


def test_persistent_ids_names_by_number_and_buffers_are_refused():
    for body in (
        b"Pan id\n",
        b"U\x02idQ",
        b"\x82\x01",
        b"\x83\x01\x00",
        b"\x97",
        b"\x95" + bytes(8),
        b"L1L\n",
        b"\x8a\x00",
    ):
        with pytest.raises(WeightsError, match=r"is not needed for arrays|cannot be read"):
            read_layer_pickle(pickled(body))


def test_a_name_that_is_registered_by_number_is_refused():
    copyreg.add_extension("os", "system", 240)
    try:
        with pytest.raises(WeightsError, match="instruction EXT1"):
            read_layer_pickle(pickled(b"\x82\xf0U\x04true\x85R"))
    finally:
        copyreg.remove_extension("os", "system", 240)


def test_arrays_of_objects_and_of_raw_memory_are_refused():
    memory = struct.pack("<qq", 2**40, 2**40)  # would be addresses
    values = b"T" + struct.pack("<i", len(memory)) + memory
    for type_ in (
        pickled_type("O8", "|", 63),
        pickled_type("O8", "|", 0),  # objects that deny being such
        pickled_type("V8", "|", 0),
        pickled_type("S8", "|"),
        pickled_type("M8", "<"),
        pickled_type("f4", "?"),
        b"K\x04",
        b"cnumpy\ndtype\n",
        pickled_type("f8", "<").replace(b"NNN", b"NU\x01x}", 1),  # with fields
        pickled_type("f8", "<").replace(b"NNN", b"K\x01NN", 1),  # with a type within
    ):
        with pytest.raises(WeightsError, match=r"c\.w is no array of plain numbers"):
            read_layer_pickle(with_array(state=b"(K\x01K\x02\x85" + type_ + b"\x89" + values + b"t"))


@pytest.mark.parametrize(
    "shape",
    [
        b"K\x03\x85",
        b"J\xff\xff\xff\xffJ\xfc\xff\xff\xff\x86",
        b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86",
        b"K\x00\x85",
        b")U\x01a\x86",
    ],
)
def test_a_shape_that_does_not_fit_its_bytes_is_refused(shape):
    state = b"(K\x01" + shape + pickled_type("f4", "<") + b"\x89T\x10\x00\x00\x00" + bytes(16) + b"t"
    with pytest.raises(WeightsError, match=r"c\.w has"):
        read_layer_pickle(with_array(state=state))


def test_one_array_used_many_times_does_not_fill_the_memory():
    array = pickled_array(np.zeros(2**16, np.float32))
    made = array.index(b"R") + 1  # by then there is an array, without values yet
    first = pickled_dict({"w": array[:made] + b"q\x01" + array[made:]})
    many = b"".join(b"U\x04%04dh\x01" % number for number in range(2000))
    with pytest.raises(WeightsError, match=r"has shape"):
        read_layer_pickle(pickled(b"}(U\x01a" + first + b"U\x01b}(" + many + b"uu"))


@pytest.mark.parametrize("disguise", [b"", b"(u", b"(e", b"Nb", b"h\x001"])
def test_tuples_that_never_end_being_hashed_are_refused(disguise):
    keys = b")" + disguise + b"q\x00" + (b"h\x00\x86" + disguise + b"q\x00") * 24
    with pytest.raises(WeightsError, match=r"uses again what \w+ made|is not needed for arrays"):
        read_layer_pickle(pickled(b"}" + keys + b"Ns"))


def test_a_pickle_with_needless_instructions_is_refused():
    with pytest.raises(WeightsError, match="more than 10000 instructions"):
        read_layer_pickle(pickled(b")" + b"\x85" * 10_000_000))
    with pytest.raises(WeightsError, match="asks for memory number 4294967295"):
        read_layer_pickle(pickled(b"}r\xff\xff\xff\xff"))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (pickled(b"]"), "the file is no dictionary by name but a list"),
        (pickled(pickled_array(ARRAYS["biases"])), "the file is no dictionary by name but a array"),
        (pickled(b"}K\x01K\x02s"), "the file is no dictionary by name"),
        (pickled(pickled_dict({"conv1": pickled_array(ARRAYS["biases"])})), "layer 'conv1' is no dictionary"),
        (pickled(pickled_dict({"c": pickled_dict({"w": b"K\x01"})})), "c.w is no array of plain numbers"),
        (b"<html>sign in</html>", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_what_is_no_dictionary_of_arrays_is_named(content, found):
    with pytest.raises(WeightsError, match=found):
        read_layer_pickle(content)


@pytest.mark.filterwarnings("ignore:invalid .*escape sequence:DeprecationWarning")
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_damaged_pickle_gives_arrays_or_an_error(data):
    content = bytearray(soundnet_file(LAYERS))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))]
    with contextlib.suppress(WeightsError):
        found = read_layer_pickle(bytes(content))
        assert all(array.dtype == np.float32 for arrays in found.values() for array in arrays.values())
