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
ALL = [Digest("sha256", SHA256), Digest("sha256-start", SHA256[:8]), Digest("git-blob", GIT)]


@pytest.mark.parametrize("digest", ALL, ids=lambda digest: digest.algorithm)
def test_a_file_fits_its_own_digest_and_no_other(digest):
    assert digest.of(CONTENT) == digest.value
    assert digest.fits(CONTENT)
    assert not digest.fits(CONTENT[:-1])


@pytest.mark.parametrize("digest", ALL, ids=lambda digest: digest.algorithm)
def test_what_was_found_always_tells_the_sha256(digest):
    assert digest.found_in(CONTENT).endswith(f"SHA-256 {SHA256}")


def test_what_was_found_tells_the_stated_kind_too():
    assert Digest("git-blob", "0" * 40).found_in(CONTENT) == f"git blob id {GIT} and SHA-256 {SHA256}"


def test_a_blob_id_is_the_one_that_git_gives(tmp_path):
    if not (git := shutil.which("git")):
        pytest.skip("git is not installed")
    (tmp_path / "w.bin").write_bytes(CONTENT)
    command = [git, "hash-object", "--no-filters", tmp_path / "w.bin"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Digest("git-blob", said.stdout.strip()).fits(CONTENT)


def test_the_blob_id_of_an_empty_file_is_the_well_known_one():
    assert Digest("git-blob", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391").fits(b"")


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("sha256", SHA256[:-1]),
        ("sha256", SHA256.upper()),
        ("sha256", "x" * 64),
        ("sha256-start", SHA256[:7]),
        ("git-blob", SHA256),
        ("git-blob", ""),
        ("git-blob", GIT + "\n"),
    ],
)
def test_what_cannot_be_a_digest_is_refused(algorithm, value):
    with pytest.raises(SettingsError, match=f"cannot be {algorithm}: that has .* hexadecimal digits"):
        Digest(algorithm, value)


def test_a_sha256_is_taken_in_either_case_and_with_stray_spaces():
    assert sha256(f" {SHA256.upper()}\n") == Digest("sha256", SHA256)
    assert sha256(SHA256, said=True).said


@given(content=st.binary(max_size=200), other=st.binary(max_size=200))
def test_two_files_share_a_digest_only_if_they_are_the_same(content, other):
    digest = sha256(hashlib.sha256(content).hexdigest())
    assert digest.fits(content)
    assert digest.fits(other) is (content == other)
