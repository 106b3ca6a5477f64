"""A file that the user has becomes weights if it is the right one, or if the user says that it is."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import SettingsError, WeightsError
from earmark.weights import (
    RECIPES,
    Digest,
    Member,
    Recipe,
    RegistrySource,
    UrlSource,
    WeightsFile,
    cached_facts,
    cached_file,
    fetch,
    import_weights,
    is_cached,
    load_weights,
    sha256,
    verify_weights,
)

VALUES = np.arange(6, dtype="<f4")
NPY, OTHER = VALUES.tobytes(), (VALUES * 2).tobytes()
NOWHERE = ("http://127.0.0.1:9/weights",)


def from_raw(contents):
    (content,) = contents
    return {"values": np.frombuffer(content, "<f4")}


def from_gzip(contents):
    return from_raw([gzip.decompress(contents[0])])


def from_text(contents):
    return {"values": np.array(contents[0].split(), "<f4")}


def source_archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = source_archive({"made-1.0/PKG-INFO": b"Name: made", "made-1.0/made/values.npy": NPY})
PACKED = gzip.compress(NPY, mtime=0)


@pytest.fixture
def made_up(cache, monkeypatch, digest):
    """Weights that can be had in three formats, none of which is to be reached."""
    member = Member("made-1.0/made/values.npy", digest(NPY))
    recipe = Recipe(
        id="made-up",
        files=(
            WeightsFile(UrlSource(NOWHERE, sha256(digest(PACKED), said=True), "net-0.5.h5.gz"), from_gzip),
            WeightsFile(RegistrySource("made==1.0", "made-1.0.tar.gz", digest(ARCHIVE), (member,)), from_raw),
            WeightsFile(UrlSource(NOWHERE, Digest("git-blob", "0" * 40), "values.txt"), from_text),
        ),
        shapes={"values": (6,)},
        licence="CC0",
        origin="counted",
        note="none",
    )
    monkeypatch.setitem(RECIPES, recipe.id, recipe)
    return recipe


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


@pytest.mark.parametrize("content", [PACKED, ARCHIVE, NPY], ids=["file", "archive of a package", "its member"])
def test_a_file_is_known_by_its_digest_whatever_its_name(made_up, write, digest, content):
    path = import_weights("made-up", write("renamed", content))
    assert path.is_file()
    np.testing.assert_array_equal(load_weights("made-up").tensors["values"], VALUES)
    facts = cached_facts("made-up")
    assert facts.source_file == "renamed"
    assert facts.source_sha256 == digest(content)
    assert (facts.proof_algorithm, facts.proof_value) == ("sha256", digest(content))
    assert "user" in facts.source


def test_an_unknown_file_is_answered_with_its_digest_every_one_expected_and_the_way_to_accept_it(
    made_up, write, digest
):
    path = write("values.txt", OTHER)
    with pytest.raises(WeightsError) as caught:
        import_weights("made-up", path)
    said = str(caught.value)
    assert f"{path} has SHA-256 {digest(OTHER)}" in said
    for each in (digest(PACKED), digest(ARCHIVE), digest(NPY), "0" * 40):
        assert each in said
    assert f"{digest(PACKED)}, as a third party says" in said
    assert Digest("git-blob", "0" * 40).of(OTHER) in said
    assert f"pass --sha256 {digest(OTHER)}" in said
    assert not is_cached("made-up")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.h5.gz", gzip.compress(OTHER)),
        ("mine-2.1.H5", OTHER),
        ("mine.npy", OTHER),
        ("values.txt", b"0 2 4 6 8 10"),
        ("mine.tar.gz", source_archive({"made-1.0/made/values.npy": NPY, "more": b"more"})),
    ],
    ids=["h5.gz", "H5", "npy", "txt", "tar.gz"],
)
def test_an_accepted_file_is_read_by_the_ending_of_its_name(made_up, write, digest, ear, name, content):
    import_weights("made-up", write(name, content), accept_sha256=digest(content), progress=ear)
    expected = VALUES if name.endswith("tar.gz") else VALUES * 2
    np.testing.assert_array_equal(verify_weights("made-up").tensors["values"], expected)
    assert cached_facts("made-up").accepted
    assert ear.said == [f"made-up: own file: accepted by its SHA-256 {digest(content)}"]


@pytest.mark.parametrize("name", ["mine.ckpt", "mine", "mine.gz", ".npy"])
def test_an_ending_that_is_not_known_is_answered_with_the_known_names(made_up, write, digest, name):
    with pytest.raises(
        SettingsError, match=r"ends like none .* net-0.5.h5.gz, made-1.0.tar.gz, values.npy, values.txt"
    ):
        import_weights("made-up", write(name, OTHER), accept_sha256=digest(OTHER))


def test_an_ending_that_two_formats_share_is_refused_unless_the_whole_name_decides(made_up, monkeypatch, write, digest):
    second = WeightsFile(UrlSource(NOWHERE, sha256("0" * 64), "raw.txt"), from_raw)
    monkeypatch.setitem(RECIPES, "made-up", replace(made_up, files=(*made_up.files, second)))
    with pytest.raises(SettingsError, match=r"ends like several .* values.txt, raw.txt"):
        import_weights("made-up", write("mine.txt", OTHER), accept_sha256=digest(OTHER))
    import_weights("made-up", write("raw.txt", OTHER), accept_sha256=digest(OTHER))
    np.testing.assert_array_equal(verify_weights("made-up").tensors["values"], VALUES * 2)


def test_only_the_very_file_that_is_accepted_is_taken(made_up, write, digest):
    with pytest.raises(WeightsError, match=f"has SHA-256 {digest(NPY)}, and {'1' * 64} was to be accepted"):
        import_weights("made-up", write("values.npy", NPY), accept_sha256="1" * 64)
    with pytest.raises(SettingsError, match="64 hexadecimal digits"):
        import_weights("made-up", write("values.npy", NPY), accept_sha256="1")


def test_an_accepted_file_with_other_tensors_is_not_stored(made_up, write, digest):
    long = np.arange(7, dtype="<f4").tobytes()
    with pytest.raises(WeightsError, match=r"not imported: .* values \(7,\) \(expected \(6,\)\)"):
        import_weights("made-up", write("long.npy", long), accept_sha256=digest(long))
    assert not is_cached("made-up")


def test_other_weights_are_replaced_only_if_told_so(made_up, write, digest):
    import_weights("made-up", write("values.npy", NPY))
    import_weights("made-up", write("again.tar.gz", ARCHIVE))  # the same tensors: nothing is lost
    assert cached_facts("made-up").source_file == "again.tar.gz"
    other = write("other.npy", OTHER)
    with pytest.raises(WeightsError, match=r"already .*made of again\.tar\.gz.*not replaced. Pass --force"):
        import_weights("made-up", other, accept_sha256=digest(OTHER))
    assert cached_facts("made-up").source_file == "again.tar.gz"
    import_weights("made-up", other, accept_sha256=digest(OTHER), replace=True)
    np.testing.assert_array_equal(load_weights("made-up").tensors["values"], VALUES * 2)


def test_tensors_that_are_known_beforehand_cannot_be_others(made_up, monkeypatch, write, digest):
    import_weights("made-up", write("values.npy", NPY))
    known = load_weights("made-up").sha256
    monkeypatch.setitem(RECIPES, "made-up", replace(made_up, tensors_sha256=known))
    other = digest(OTHER)
    with pytest.raises(WeightsError, match=f"expected {known}; not stored"):
        import_weights("made-up", write("other.npy", OTHER), accept_sha256=other, replace=True)
    assert load_weights("made-up").sha256 == known


@pytest.mark.parametrize("name", ["nothing.npy", "."])
def test_a_file_that_is_not_there_is_named(made_up, tmp_path, name):
    with pytest.raises(WeightsError, match=f"Cannot read {tmp_path / name}"):
        import_weights("made-up", tmp_path / name)


def test_importing_asks_no_network_and_keeps_no_copy(made_up, write, cache, monkeypatch):
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    import_weights("made-up", write("values.npy", NPY))
    assert [path.name for path in cache.iterdir()] == ["weights"]
    with pytest.raises(WeightsError, match="EARMARK_OFFLINE"):
        fetch(made_up.files[0].source)


def unpacked(made_up, monkeypatch):
    """Let only the packed file be known, so that nobody states a digest of what is in it."""
    monkeypatch.setitem(RECIPES, "made-up", replace(made_up, files=made_up.files[:1]))


def test_a_genuine_file_that_was_unpacked_is_known_by_its_tensors(made_up, monkeypatch, write, digest, ear):
    unpacked(made_up, monkeypatch)
    import_weights("made-up", write("net.h5", NPY), accept_sha256=digest(NPY))
    assert cached_facts("made-up").accepted  # nobody states what its tensors are
    tensors = load_weights("made-up").sha256
    monkeypatch.setitem(RECIPES, "made-up", replace(RECIPES["made-up"], tensors_sha256=tensors))
    import_weights("made-up", write("net.h5", NPY), accept_sha256=digest(NPY), progress=ear)
    assert cached_facts("made-up").known_by == f"SHA-256 of the tensors {tensors}"
    assert not cached_facts("made-up").accepted
    assert ear.said == []


def test_the_word_of_the_user_does_not_take_the_place_of_a_proof(made_up, monkeypatch, write, digest):
    unpacked(made_up, monkeypatch)
    import_weights("made-up", write("net.h5.gz", PACKED))
    proven = cached_facts("made-up")
    path = write("net.h5", NPY)
    cached = cached_file("made-up")
    cached.write_bytes(cached.read_bytes()[:-1] + b"\xff")  # its tensors are damaged, its header is not
    import_weights("made-up", path, accept_sha256=digest(NPY))
    assert cached_facts("made-up") == proven
    np.testing.assert_array_equal(load_weights("made-up").tensors["values"], VALUES)
    import_weights("made-up", path, accept_sha256=digest(NPY), replace=True)
    assert cached_facts("made-up").accepted
    import_weights("made-up", write("net.h5.gz", PACKED))
    assert cached_facts("made-up") == proven


def test_a_cached_file_that_nobody_can_read_does_not_stand_in_the_way(made_up, write, ear):
    import_weights("made-up", write("values.npy", NPY))
    cached_file("made-up").write_bytes(b"spoilt")
    import_weights("made-up", write("values.npy", NPY), progress=ear)
    np.testing.assert_array_equal(load_weights("made-up").tensors["values"], VALUES)
    (said,) = ear.said
    assert "are damaged" in said


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty and is none"), (b"\n<html>404</html>", "is a web page")])
def test_what_is_clearly_no_file_of_weights_is_called_what_it_is_and_not_offered(made_up, write, content, said):
    with pytest.raises(WeightsError, match=said) as caught:
        import_weights("made-up", write("values.npy", content))
    assert "--sha256" not in str(caught.value)


def test_a_pipe_or_a_device_is_no_file(made_up, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(WeightsError, match=f"Cannot read {path}: it is no regular file"):
            import_weights("made-up", path)


def test_the_bytes_that_were_proven_are_the_bytes_that_are_converted(made_up, monkeypatch, write, digest):
    """The file is replaced again and again while it is imported; no tensors but its own ever go under its digest."""
    path, stop = write("values.npy", NPY), threading.Event()

    def swap():
        while not stop.is_set():
            for content in (OTHER, NPY):
                write("next", content).replace(path)

    thread = threading.Thread(target=swap, daemon=True)
    thread.start()
    try:
        for _ in range(200):
            with contextlib.suppress(WeightsError):  # OTHER is not known
                import_weights("made-up", path, replace=True)
                np.testing.assert_array_equal(load_weights("made-up").tensors["values"], VALUES)
    finally:
        stop.set()
        thread.join()
    assert cached_facts("made-up").source_sha256 == digest(NPY)


def test_a_name_that_is_no_text_is_kept_as_far_as_it_is(made_up, tmp_path):
    path = tmp_path / os.fsdecode(b"b\xffd.npy")
    path.write_bytes(NPY)
    import_weights("made-up", path)
    assert cached_facts("made-up").source_file == "b\N{REPLACEMENT CHARACTER}d.npy"
