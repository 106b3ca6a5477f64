"""Every way a file can be broken has a message of its own; whole files are read to the last sample."""

import numpy as np
import pytest
import soundfile

from earmark.audio import file_sha256, load, open_recording
from earmark.errors import AudioError

FORMATS = [("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.ogg", "VORBIS"), ("a.mp3", None)]


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
def test_whole_files_are_read_to_the_end(write_sound, name, subtype):
    samples, rate = load(write_sound(name, seconds=1.0, rate=44100, subtype=subtype))
    assert rate == 44100
    assert samples.dtype == np.float32
    assert 44100 <= len(samples) <= 44100 + 2400  # MP3 pads its last frame


@pytest.mark.parametrize(("name", "subtype"), [*FORMATS, ("a.aiff", "PCM_16"), ("a.opus", None)])
def test_truncated_files_are_refused(write_sound, name, subtype):
    options = {"format": "OGG", "subtype": "OPUS"} if name.endswith("opus") else {"subtype": subtype}
    path = write_sound(name, seconds=2.0, rate=48000, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=name):
        load(path)


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
    with pytest.raises(AudioError, match="cannot be read"):
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
