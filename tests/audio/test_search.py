"""A search finds every audio file below a folder, also behind links, and never passes a folder over in silence."""

import os

import pytest

from earmark.audio import find_audio
from earmark.errors import AudioError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_audio_is_told_from_other_files_by_name(tmp_path):
    touch(tmp_path, "b.WAV", "a/deep/down.flac", "a/notes.txt", ".hidden.wav", ".cache/a.wav")
    (tmp_path / "folder.wav").mkdir()
    audio, others = find_audio(tmp_path)
    assert audio == [tmp_path / "a/deep/down.flac", tmp_path / "b.WAV"]
    assert others == [tmp_path / "a/notes.txt"]


def test_links_to_files_and_folders_are_followed(tmp_path):
    touch(tmp_path, "elsewhere/a.wav", "elsewhere/deep/b.wav", "here/c.wav")
    (tmp_path / "here/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here/again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here/d.wav").symlink_to(tmp_path / "elsewhere/a.wav")
    (tmp_path / "here/gone.wav").symlink_to(tmp_path / "nowhere")
    names = [path.relative_to(tmp_path / "here").as_posix() for path in find_audio(tmp_path / "here")[0]]
    assert names == [
        "again/a.wav",
        "again/deep/b.wav",
        "c.wav",
        "d.wav",
        "gone.wav",
        "linked/a.wav",
        "linked/deep/b.wav",
    ]


@pytest.mark.parametrize("back", [".", "..", "../.."])
def test_links_back_are_listed_and_not_followed(tmp_path, back):
    touch(tmp_path, "set/a/one.wav", "set/b/two.wav")
    (tmp_path / "set/a/loop").symlink_to(back)
    audio, others = find_audio(tmp_path / "set")
    assert len(audio) == 2
    assert others == [tmp_path / "set/a/loop"]


def test_two_folders_that_link_to_each_other_end(tmp_path):
    touch(tmp_path, "a/one.wav", "b/two.wav")
    (tmp_path / "a/b").symlink_to(tmp_path / "b")
    (tmp_path / "b/a").symlink_to(tmp_path / "a")
    audio, others = find_audio(tmp_path / "a")
    assert audio == [tmp_path / "a/b/two.wav", tmp_path / "a/one.wav"]
    assert others == [tmp_path / "a/b/a"]


def test_names_that_are_not_utf_8_are_to_be_changed(tmp_path):
    touch(tmp_path, os.fsdecode(b"hum/caf\xe9.wav"))
    with pytest.raises(AudioError, match=r"caf\\xe9\.wav: .* Rename this file") as caught:
        find_audio(tmp_path)
    str(caught.value).encode()


@pytest.mark.parametrize("mode", [0o000, 0o400])
@pytest.mark.parametrize("locked", ["set", "set/hum", "set/hum/sub"])
def test_folders_that_may_not_be_read_are_an_error(tmp_path, without_rights, locked, mode):
    touch(tmp_path, "set/hum/sub/deep/a.wav", "set/buzz/b.wav")
    (tmp_path / locked).chmod(mode)
    folder = str(tmp_path / "set")
    said = without_rights(
        f"from pathlib import Path; from earmark.audio import find_audio; find_audio(Path({folder!r}))"
    )
    (tmp_path / locked).chmod(0o700)
    assert f"AudioError: {tmp_path / locked}" in said
    assert "cannot be searched for audio (Permission denied)" in said
