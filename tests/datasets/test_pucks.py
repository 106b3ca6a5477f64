"""The demo data set: the same bytes every time, and sounds that are what they are said to be."""

import csv
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.datasets.pucks import MATERIALS, PUCK_CLASSES, PUCKS_CARD, SAMPLE_RATE, clip_stems, write_pucks
from earmark.errors import DatasetError, SettingsError


def read(table):
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def all_bytes(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def decibels(ratio):
    return 20 * np.log10(ratio)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_pucks(tmp_path_factory.mktemp("pucks"), clips_per_class=12, seconds=3.0)


def test_the_same_arguments_give_the_same_bytes(tmp_path, table):
    again = write_pucks(tmp_path, clips_per_class=12, seconds=3.0)
    assert all_bytes(again.parent) == all_bytes(table.parent)


def test_another_seed_gives_other_clips(tmp_path, table):
    other = write_pucks(tmp_path, clips_per_class=1, seconds=3.0, seed=1)
    assert not set(all_bytes(other.parent / "audio").values()) & set(all_bytes(table.parent / "audio").values())


def test_clips_do_not_depend_on_how_many_there_are(tmp_path, table):
    few = all_bytes(write_pucks(tmp_path, clips_per_class=2, seconds=3.0).parent / "audio")
    assert len(few) == 10
    assert few.items() <= all_bytes(table.parent / "audio").items()


def test_every_class_has_its_clips_and_no_two_are_alike(table):
    rows = read(table)
    assert Counter(row["label"] for row in rows) == dict.fromkeys(PUCK_CLASSES, 12)
    assert len(set(all_bytes(table.parent / "audio").values())) == 60
    assert [sorted(row) for row in rows[:1]] == [["group", "label", "n_hits", "path", "snr_db", "synthetic"]]
    for row in rows:
        info = soundfile.info(table.parent / row["path"])
        assert (info.samplerate, info.frames, info.channels, info.subtype) == (22_050, 66_150, 1, "PCM_16")


def test_a_group_is_one_puck_of_one_class(table):
    labels = {}
    for row in read(table):
        labels.setdefault(row["group"], set()).add(row["label"])
    assert len(labels) == 30
    assert all(len(of_group) == 1 for of_group in labels.values())


def test_the_table_tells_how_many_hits_a_clip_has(table):
    for row in read(table):
        hits = int(row["n_hits"])
        assert hits == 0 if row["label"] == "background" else 2 <= hits <= 5
        assert float(row["snr_db"]) == 20.0


def test_a_file_is_the_sum_of_its_stems(table):
    stems = clip_stems(1, 3, 3.0, 20.0, 0)
    samples, _ = soundfile.read(table.parent / "audio" / f"{PUCK_CLASSES[1]}-003.wav")
    assert np.abs(samples - stems.hits - stems.noise).max() <= 1 / 32768


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4), st.integers(0, 10**6), st.floats(1.0, 4.0), st.floats(-20.0, 60.0), st.integers(0, 2**63))
def test_the_stated_ratio_is_met_and_nothing_clips(class_index, clip_index, seconds, snr_db, seed):
    stems = clip_stems(class_index, clip_index, seconds, snr_db, seed)
    measured = decibels(np.abs(stems.hits).max() / np.sqrt(np.mean(stems.noise**2)))
    assert measured == pytest.approx(snr_db, abs=1e-6)
    assert np.abs(stems.hits + stems.noise).max() < 1.0
    assert list(stems.hit_seconds) == sorted(stems.hit_seconds)
    assert stems.hit_seconds[0] >= 0
    assert stems.hit_seconds[-1] <= seconds - 0.1


def test_levels_are_those_of_a_sensible_recording(table):
    for row in read(table):
        samples, _ = soundfile.read(table.parent / row["path"])
        assert -40 < decibels(np.sqrt(np.mean(samples**2))) < -25
        assert -25 < decibels(np.abs(samples).max()) < -5


@pytest.mark.parametrize("class_index", range(len(MATERIALS)), ids=[material.name for material in MATERIALS])
def test_the_loudest_hit_rings_far_above_the_noise(class_index):
    """In 40 ms from its beginning, one mode is at least 12 dB above the mean noise of that frequency."""
    window = round(0.04 * SAMPLE_RATE)
    frequencies = np.fft.rfftfreq(window, 1 / SAMPLE_RATE)
    above = frequencies > 0.8 * MATERIALS[class_index].pitch_hz
    peaks = []
    for clip_index in range(6):
        stems = clip_stems(class_index, clip_index, 6.0, 20.0, 0)
        mixture = stems.hits + stems.noise
        floor = np.abs(np.fft.rfft(stems.noise[: len(mixture) // window * window].reshape(-1, window))).mean(axis=0)
        start = round(stems.hit_seconds[int(np.argmax(hit_peaks(stems)))] * SAMPLE_RATE)
        spectrum = np.abs(np.fft.rfft(mixture[start : start + window]))
        peaks.append(decibels((spectrum / floor)[above].max()))
    assert min(peaks) > 12.0


def hit_peaks(stems):
    length = round(0.05 * SAMPLE_RATE)
    starts = [round(second * SAMPLE_RATE) for second in stems.hit_seconds]
    return [np.abs(stems.hits[start : start + length]).max() for start in starts]


def test_softer_plastics_are_lower_and_fade_sooner():
    brightness, ringing = {}, {}
    for class_index, material in enumerate(MATERIALS):
        hits = np.concatenate([clip_stems(class_index, clip, 6.0, 20.0, 0).hits for clip in range(12)])
        power = np.abs(np.fft.rfft(hits)) ** 2
        brightness[material.name] = np.sum(power * np.fft.rfftfreq(len(hits), 1 / SAMPLE_RATE)) / np.sum(power)
        ringing[material.name] = np.mean(np.abs(hits) > 0.001 * np.abs(hits).max())
    assert sorted(brightness, key=brightness.get) == ["pe", "pvc", "abs", "pom"]
    assert sorted(ringing, key=ringing.get) == ["pe", "pvc", "abs", "pom"]


def test_most_of_a_clip_is_noise_alone():
    quiet = [np.mean(np.abs(clip_stems(c, 0, 6.0, 20.0, 0).hits) < 1e-4) for c in range(len(PUCK_CLASSES))]
    assert min(quiet) > 0.7


def test_an_interrupted_run_leaves_no_table(tmp_path):
    table = write_pucks(tmp_path, clips_per_class=1, seconds=1.0)
    (tmp_path / "audio" / "pvc-000.wav").unlink()
    (tmp_path / "audio" / "pvc-000.wav").mkdir()  # the second run cannot finish this clip
    (tmp_path / "audio" / "pvc-000.wav" / "in the way").touch()
    with pytest.raises(DatasetError, match="cannot be written here"):
        write_pucks(tmp_path, clips_per_class=1, seconds=1.0)
    assert not table.exists()


def test_nothing_temporary_is_left_behind(table):
    assert not list(table.parent.rglob("*.part"))


def test_a_full_disk_is_told_by_its_reason(tmp_path):
    code = (
        "import resource, sys; from earmark.datasets.pucks import write_pucks;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000));"  # smaller than one clip
        "write_pucks(sys.argv[1], clips_per_class=1, seconds=1.0)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert "DatasetError" in done.stderr
    assert "File too large" in done.stderr


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(DatasetError, match="taken"):
        write_pucks(tmp_path / "taken")


@pytest.mark.parametrize(
    "argument", [{"clips_per_class": 0}, {"seconds": 0.5}, {"seconds": np.nan}, {"snr_db": 100.0}, {"seed": -1}]
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(tmp_path, argument):
    with pytest.raises(SettingsError, match=next(iter(argument))):
        write_pucks(tmp_path / "new", **argument)
    assert not (tmp_path / "new").exists()


def test_the_card_says_that_it_is_made_by_code():
    assert PUCKS_CARD.synthetic
    assert PUCKS_CARD.licence == "CC0-1.0 (made by code)"
