"""A digest is computed as its publisher computed it, and cannot be mistyped unnoticed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import SettingsError
from earmark.weights.digests import Digest, sha256

CONTENT = b"weights " * 300_000  # more than one block
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GIT = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
ALL = [Digest("sha256", SHA256), Digest("sha256-start", SHA256[:8]), Digest("git-blob", GIT), Digest("md5", MD5)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "w.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("digest", ALL, ids=lambda digest: digest.algorithm)
def test_a_file_fits_its_own_digest_and_no_other(file, digest):
    assert digest.of(file) == digest.value
    assert digest.fits(file)
    file.write_bytes(CONTENT[:-1])
    assert not digest.fits(file)


@pytest.mark.parametrize("digest", ALL, ids=lambda digest: digest.algorithm)
def test_what_was_found_always_tells_the_sha256(file, digest):
    assert digest.found_in(file).endswith(f"SHA-256 {SHA256}")


def test_what_was_found_tells_the_stated_kind_too(file):
    assert Digest("git-blob", "0" * 40).found_in(file) == f"git blob id {GIT} and SHA-256 {SHA256}"
    assert Digest("md5", "0" * 32).found_in(file) == f"MD5 {MD5} and SHA-256 {SHA256}"


def test_a_blob_id_is_the_one_that_git_gives(file):
    if not (git := shutil.which("git")):
        pytest.skip("git is not installed")
    said = subprocess.run([git, "hash-object", "--no-filters", file], capture_output=True, text=True, check=True)
    assert Digest("git-blob", said.stdout.strip()).fits(file)


def test_the_blob_id_of_an_empty_file_is_the_well_known_one(tmp_path):
    (tmp_path / "empty").touch()
    assert Digest("git-blob", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391").fits(tmp_path / "empty")


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("sha256", SHA256[:-1]),
        ("sha256", SHA256.upper()),
        ("sha256", "x" * 64),
        ("sha256-start", SHA256[:7]),
        ("git-blob", SHA256),
        ("md5", ""),
        ("md5", MD5 + "\n"),
    ],
)
def test_what_cannot_be_a_digest_is_refused(algorithm, value):
    with pytest.raises(SettingsError, match=f"cannot be {algorithm}: that has .* hexadecimal digits"):
        Digest(algorithm, value)


def test_a_sha256_is_taken_in_either_case_and_with_stray_spaces():
    assert sha256(f" {SHA256.upper()}\n") == Digest("sha256", SHA256)
    assert sha256(SHA256, said=True).said


@given(content=st.binary(max_size=200), other=st.binary(max_size=200))
def test_two_files_share_a_digest_only_if_they_are_the_same(tmp_path_factory, content, other):
    folder = tmp_path_factory.getbasetemp()
    (folder / "one").write_bytes(content)
    (folder / "two").write_bytes(other)
    digest = sha256(hashlib.sha256(content).hexdigest())
    assert digest.fits(folder / "one")
    assert digest.fits(folder / "two") is (content == other)
