"""A file that the user has becomes weights if it is the right one, or if the user says that it is."""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from earmark.errors import SettingsError, WeightsError
from earmark.weights import (
    ACCEPTED,
    RECIPES,
    Digest,
    Member,
    Recipe,
    RegistrySource,
    UrlSource,
    WeightsFile,
    cached_facts,
    import_weights,
    is_cached,
    load_weights,
    read_source,
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
    assert facts.proof.startswith("SHA-256")
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
    assert Digest("git-blob", "0" * 40).of(path) in said
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
def test_an_accepted_file_is_read_by_the_ending_of_its_name(made_up, write, digest, name, content):
    import_weights("made-up", write(name, content), accept_sha256=digest(content))
    expected = VALUES if name.endswith("tar.gz") else VALUES * 2
    np.testing.assert_array_equal(verify_weights("made-up").tensors["values"], expected)
    assert cached_facts("made-up").proof == ACCEPTED


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
    with pytest.raises(WeightsError, match=r"not imported: .* found float32 \(7\), expected float32 \(6\)"):
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
    with pytest.raises(WeightsError, match=f"expected {known}; not stored"):
        import_weights("made-up", write("other.npy", OTHER), accept_sha256=digest(OTHER), replace=True)
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
        read_source(made_up.files[0].source)
