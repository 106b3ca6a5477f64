"""Every way a file can be broken has a message of its own; whole files are read to the last sample."""

import os

import numpy as np
import pytest
import soundfile

from earmark.audio import AUDIO_SUFFIXES, file_sha256, load, open_recording
from earmark.errors import AudioError

FORMATS = [("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.ogg", "VORBIS"), ("a.mp3", None)]
WRITTEN_AS = {
    ".aif": {"format": "AIFF"},
    ".aifc": {"format": "AIFF"},
    ".oga": {"format": "OGG", "subtype": "VORBIS"},
    ".opus": {"format": "OGG", "subtype": "OPUS"},
}


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
def test_whole_files_are_read_to_the_end(write_sound, name, subtype):
    samples, rate = load(write_sound(name, seconds=1.0, rate=44100, subtype=subtype))
    assert rate == 44100
    assert samples.dtype == np.float32
    assert 44100 <= len(samples) <= 44100 + 2400  # MP3 pads its last frame


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_files_of_every_kind_are_refused_as_such(write_sound, suffix, kept):
    path = write_sound(f"a{suffix}", seconds=2.0, rate=48000, **WRITTEN_AS.get(suffix, {}))
    assert len(load(path)[0]) >= 96000
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(AudioError) as caught:
        load(path)
    named, reason = str(caught.value).split(": ", 1)
    assert named == str(path)
    assert "truncated" in reason
    assert "beyond 0.00 s" not in reason


@pytest.mark.parametrize("endian", ["BIG", "LITTLE"])
def test_truncated_au_files_of_either_byte_order_are_refused(write_sound, endian):
    path = write_sound("a.au", endian=endian)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(AudioError, match="truncated: its header promises 32000 bytes of sound and 31900 are there"):
        load(path)


@pytest.mark.parametrize("suffix", [".au", ".w64", ".wav", ".aiff"])
@pytest.mark.parametrize("samples", [1, 7, 999, 1002])
def test_whole_files_of_odd_lengths_are_not_taken_for_truncated(write_sound, suffix, samples):
    path = write_sound(f"a{suffix}", samples=np.zeros(samples), subtype="PCM_24")
    assert len(load(path)[0]) == samples


def test_au_of_unknown_length_from_a_pipe_is_whole(write_sound):
    path = write_sound("a.au", seconds=0.5)
    data = bytearray(path.read_bytes())
    data[8:12] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(load(path)[0]) == 8000


@pytest.mark.parametrize("read", [load, file_sha256])
def test_pipes_are_refused_instead_of_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "x.wav")
    with pytest.raises(AudioError, match="is a pipe"):
        read(tmp_path / "x.wav")


def test_names_that_are_not_utf_8_are_no_obstacle(write_sound, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    write_sound("a.wav").rename(path)
    assert len(load(path)[0]) == 16000
    assert len(file_sha256(path)) == 64


@pytest.mark.parametrize("reader", ["load", "file_sha256"])
@pytest.mark.parametrize("locked", ["file", "folder"])
def test_what_may_not_be_read_says_so(write_sound, tmp_path, without_rights, reader, locked):
    path = write_sound("locked/a.wav")
    (path if locked == "file" else path.parent).chmod(0)
    said = without_rights(f"from earmark.audio import {reader}; {reader}({str(path)!r})")
    path.parent.chmod(0o700)
    assert "AudioError" in said
    assert "cannot be opened (Permission denied)" in said


def test_channels_too_loud_to_be_averaged_are_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full((100, 2), 3e38), 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match="infinite"):
        load(tmp_path / "a.wav")


def test_wav_of_unknown_length_from_a_pipe_is_whole(write_sound):
    path = write_sound("a.wav", seconds=0.5)
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(load(path)[0]) == 8000


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"hello, this is no sound\n" * 40, "not an audio file"), (b"RIFF\x00\x00", "not an audio file")],
)
def test_files_without_audio_are_refused(tmp_path, content, says):
    path = tmp_path / "odd.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=says) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        load(tmp_path / "nowhere.wav")
    with pytest.raises(AudioError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(AudioError, match="no such file"):
        file_sha256(tmp_path / "nowhere.wav")


def test_files_of_zero_length_are_refused(write_sound):
    with pytest.raises(AudioError, match="holds no samples"):
        load(write_sound("a.wav", seconds=0))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused_with_their_time(write_sound, value):
    samples = np.zeros(16000, np.float32)
    samples[4000] = value
    with pytest.raises(AudioError, match=r"first at 0\.250 s"):
        load(write_sound("a.wav", samples=samples, subtype="FLOAT"))


def test_eight_channels_become_their_mean(tmp_path):
    channels = np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 8)).astype(np.float32)
    path = tmp_path / "eight.wav"
    soundfile.write(path, channels, 8000, subtype="FLOAT")
    np.testing.assert_allclose(load(path)[0], channels.mean(axis=1), atol=1e-7)


def test_blocks_are_bounded_and_together_are_the_file(write_sound):
    path = write_sound("long.wav", seconds=100, rate=48000)
    with open_recording(path) as recording:
        blocks = list(recording.blocks())
    assert max(map(len, blocks)) <= 1 << 20
    np.testing.assert_array_equal(np.concatenate(blocks), load(path)[0])
    assert recording.info.duration_seconds == 100
