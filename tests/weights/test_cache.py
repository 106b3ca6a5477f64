"""The cache lies where the user says, and files appear in it complete or not at all."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.errors import SettingsError, WeightsError
from earmark.weights.cache import cache_directory, into_cache, offline, writing_to_cache


def test_the_environment_names_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "here"))
    assert cache_directory() == tmp_path / "here"


def test_a_relative_cache_becomes_absolute_and_a_tilde_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EARMARK_CACHE", "here")
    assert cache_directory() == tmp_path / "here"
    monkeypatch.setenv("EARMARK_CACHE", "~/there")
    assert cache_directory() == tmp_path / "there"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has its own cache folder")
def test_without_it_the_cache_follows_the_xdg_rules(monkeypatch, tmp_path):
    monkeypatch.delenv("EARMARK_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "earmark"
    for invalid in ("relative/path", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", invalid)
        assert cache_directory() == tmp_path / ".cache" / "earmark"


def test_naming_the_cache_makes_nothing(cache):
    cache_directory()
    assert not cache.exists()


@pytest.mark.parametrize(
    ("said", "meant"),
    [("1", True), ("true", True), ("YES", True), (" 1 ", True), ("", False), ("0", False), ("no", False)],
)
def test_offline_is_what_the_user_said(monkeypatch, said, meant):
    monkeypatch.setenv("EARMARK_OFFLINE", said)
    assert offline() is meant


def test_a_misspelt_prohibition_is_no_consent(monkeypatch):
    monkeypatch.setenv("EARMARK_OFFLINE", "ture")
    with pytest.raises(SettingsError, match=r"'ture'.*Set it to 1"):
        offline()


def test_a_file_replaces_the_old_one_and_nothing_else_is_left(tmp_path):
    target = tmp_path / "deep" / "file.bin"
    for content in (b"first", b"second"):
        with into_cache(target) as partial:
            assert partial.suffix == target.suffix
            partial.write_bytes(content)
        assert target.read_bytes() == content
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_half_way_leaves_the_old_file(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")
    with contextlib.suppress(KeyboardInterrupt), into_cache(target) as partial:
        partial.write_bytes(b"ne")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_cache_that_cannot_be_made_is_named_with_a_remedy(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    target = tmp_path / "file" / "downloads" / "x"
    with pytest.raises(WeightsError, match=rf"Cannot write {target}.*EARMARK_CACHE"), into_cache(target):
        pass


def test_a_disk_that_takes_no_more_is_named_with_a_remedy(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")
    # The limit on file size stands for the full disk; it would bind the whole test process, so another one.
    script = f"""
import resource
from pathlib import Path
from earmark.errors import WeightsError
from earmark.weights.cache import into_cache
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with into_cache(Path({str(target)!r})) as partial:
        partial.write_bytes(bytes(5000))
except WeightsError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(f"Cannot write {target}: File too large. Make room")
    assert target.read_bytes() == b"old"
    assert list(Path(tmp_path).iterdir()) == [target]


def test_what_the_file_system_refuses_within_a_block_is_an_error_about_the_target(tmp_path):
    target = tmp_path / "deep" / "file.bin"
    with pytest.raises(WeightsError, match=rf"Cannot write {target}: Is a directory.*EARMARK_CACHE"):  # noqa: SIM117
        with writing_to_cache(target):
            target.parent.read_bytes()
