"""What the user named becomes a list of recordings, or an error that says which file or folder and why."""

import os
import subprocess
import sys

import pytest

from earmark.cli.recordings import find_recordings
from earmark.errors import AudioError


@pytest.fixture
def folder(tmp_path):
    """A recording, one a folder deeper, one behind a link, and a file that is no recording."""
    for name in ("set/a.wav", "set/sub/b.wav", "set/notes.txt", "elsewhere/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "set"


def test_folders_are_searched_and_each_recording_comes_once(folder):
    expected = [folder / "a.wav", folder / "linked" / "c.wav", folder / "sub" / "b.wav"]
    assert find_recordings([folder, folder / "a.wav"]) == expected


def test_files_are_taken_by_any_name_and_opened_later(tmp_path):
    assert find_recordings([tmp_path / "nowhere.xyz"]) == [tmp_path / "nowhere.xyz"]


def test_folders_without_recordings_are_refused(tmp_path):
    with pytest.raises(AudioError, match="holds no audio files"):
        find_recordings([tmp_path])


@pytest.mark.parametrize("in_folder", [True, False])
def test_names_that_are_not_utf_8_are_to_be_changed(folder, in_folder):
    file = folder / os.fsdecode(b"caf\xe9.wav")
    file.touch()
    with pytest.raises(AudioError, match=r"caf\\xe9\.wav: .* Rename this file"):
        find_recordings([folder if in_folder else file])


@pytest.mark.parametrize(
    ("named", "locked", "says"),
    [
        (".", ".", "cannot be searched"),
        (".", "sub", "cannot be searched"),
        ("sub/b.wav", "sub", "[PosixPath('SET/sub/b.wav')]"),  # opening it will say why not
    ],
)
def test_folders_that_may_not_be_read_are_never_left_out_in_silence(folder, held_to_permissions, named, locked, says):
    code = (
        "import sys; from pathlib import Path; from earmark.cli.recordings import find_recordings;"
        "print(find_recordings([Path(sys.argv[1])]))"
    )
    command = [*held_to_permissions, sys.executable, "-c", code, folder / named]
    (folder / locked).chmod(0)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (folder / locked).chmod(0o700)
    assert says.replace("SET", str(folder)) in done.stdout + done.stderr
