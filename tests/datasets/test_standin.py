"""The stand-in suite: the structure of the six tasks, the same bytes every time, and sounds that are what they are."""

import csv
import os
import subprocess
import sys
from collections import Counter, defaultdict

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.datasets import check_dataset, read_table
from earmark.datasets.pucks import PUCK_CLASSES, SAMPLE_RATE
from earmark.datasets.standin import STANDIN_TASKS, write_standin
from earmark.datasets.standin.engines import NOISES
from earmark.datasets.standin.ensembles import SIZES
from earmark.datasets.standin.plates import PASSAGE_SECONDS
from earmark.datasets.standin.recipe import Clip
from earmark.datasets.standin.suite import RECIPES
from earmark.datasets.standin.synthesis import decibels, harmonic, noisy, reverberant, stepped, wander
from earmark.errors import DatasetError, SettingsError
from earmark.evaluation import Clips, SplitSettings, make_folds

SMALL = 0.2
CROSS_VALIDATED = ("standin-t1", "standin-t2", "standin-t3")
FIXED = ("standin-t4", "standin-t5", "standin-t6")
CLASSES = {
    "standin-t1": {"solo", "duo", "trio", "quartet", "large"},
    "standin-t2": {"woodwinds", "brass", "piano", "vocal", "strings"},
    "standin-t3": {"speech", "solo-singing", "choir", "music"},
    "standin-t4": {"good", "broken", "heavy-load"},
    "standin-t5": {"smooth", "coated", "scratched"},
    "standin-t6": set(PUCK_CLASSES),
}
scales = st.floats(0, 10, exclude_min=True)


def read(table):
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def all_bytes(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def samples_of(table, **wanted):
    rows = [row for row in read(table) if wanted.items() <= row.items()]
    assert rows
    return [(row, soundfile.read(table.parent / row["path"])[0]) for row in rows]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("standin")
    return {name: write_standin(name, folder / name, SMALL) for name in STANDIN_TASKS}


def test_there_are_six_tasks_that_say_they_are_made_by_code():
    assert list(STANDIN_TASKS) == [f"standin-t{number}" for number in range(1, 7)]
    for name, card in STANDIN_TASKS.items():
        assert card.name == name
        assert card.synthetic
        assert card.licence == "CC0-1.0 (made by code)"
        assert name in card.citation


def test_the_same_arguments_give_the_same_bytes_in_another_process_with_other_threads(tmp_path, tables):
    code = (
        "import sys; from earmark.datasets.standin import STANDIN_TASKS, write_standin;"
        f"[write_standin(name, sys.argv[1] + '/' + name, {SMALL}) for name in STANDIN_TASKS]"
    )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "3")
    subprocess.run([sys.executable, "-c", code, tmp_path], env=os.environ | threads, check=True)
    for name, table in tables.items():
        assert all_bytes(tmp_path / name) == all_bytes(table.parent), name


def test_another_seed_gives_other_clips(tmp_path, tables):
    other = write_standin("standin-t5", tmp_path, SMALL, seed=1)
    here, there = all_bytes(tables["standin-t5"].parent / "audio"), all_bytes(other.parent / "audio")
    assert here.keys() == there.keys()
    assert not set(here.values()) & set(there.values())


def test_clips_of_the_same_length_do_not_depend_on_how_many_there_are(tmp_path, tables):
    many = all_bytes(write_standin("standin-t5", tmp_path, 1.0).parent / "audio")
    assert all_bytes(tables["standin-t5"].parent / "audio").items() < many.items()


@pytest.mark.parametrize("name", STANDIN_TASKS)
def test_the_table_can_be_read_and_nothing_serious_is_found_in_it(tables, name):
    dataset = read_table(tables[name])
    assert dataset.card.synthetic
    assert set(dataset.classes) == CLASSES[name]
    report = check_dataset(dataset, folds=10, workers=1)
    assert report.findings == ()
    assert report.sample_rates == {SAMPLE_RATE: len(dataset)}


@pytest.mark.parametrize("name", STANDIN_TASKS)
def test_clips_have_the_promised_format_length_and_level(tables, name):
    recipe = RECIPES[name]
    longest = recipe.seconds_at(SMALL)
    shortest = recipe.least_seconds if name == "standin-t4" else longest
    for row in read(tables[name]):
        file = tables[name].parent / row["path"]
        info = soundfile.info(file)
        assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
        assert round(shortest * SAMPLE_RATE) <= info.frames <= round(longest * SAMPLE_RATE)
        samples, _ = soundfile.read(file)
        assert 0.01 < np.abs(samples).max() < 0.91
        assert np.sqrt(np.mean(samples**2)) > 0.002


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(list(RECIPES)),
    st.integers(0, 10**6),
    st.integers(0, 500),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.integers(0, 99),
)
def test_every_clip_is_finite_and_never_clips(name, seed, number, longer, part_index):
    recipe = RECIPES[name]
    part_number = part_index % len(recipe.parts)
    clip = Clip(recipe.parts[part_number], number, recipe.least_seconds + longer, (seed, 0, part_number))
    sound = recipe.make(clip)
    assert np.all(np.isfinite(sound.samples))
    assert 0.005 < np.abs(sound.samples).max() <= 0.9 + 1e-9
    assert all(sound.columns.values())


def test_recording_levels_differ_from_clip_to_clip(tables):
    for name, table in tables.items():
        levels = [20 * np.log10(np.std(samples)) for _, samples in samples_of(table)]
        assert np.ptp(levels) > 8, name


# How many, and how long


@given(st.sampled_from(list(RECIPES)), scales, scales)
def test_a_larger_scale_gives_no_fewer_and_no_shorter_clips(name, one, other):
    recipe, (low, high) = RECIPES[name], sorted((one, other))
    assert all(part.count(low) <= part.count(high) for part in recipe.parts)
    assert recipe.seconds_at(low) <= recipe.seconds_at(high)


@given(scales)
def test_there_are_never_fewer_clips_than_the_protocol_needs(scale):
    for name in CROSS_VALIDATED:
        assert all(part.count(scale) >= 10 for part in RECIPES[name].parts)
    for name in FIXED:
        assert all(part.count(scale) >= (4 if part.split == "train" else 2) for part in RECIPES[name].parts)


@given(scales)
def test_lengths_stay_between_the_least_and_those_of_scale_1(scale):
    for name, recipe in RECIPES.items():
        least = {"standin-t5": 0.4, "standin-t6": 3.0}.get(name, 1.0)
        assert least <= recipe.seconds_at(scale) <= recipe.seconds_at(1.0) == recipe.seconds


def minutes(scale):
    """Length of the suite, where clips of t4 are 1 s and an eighth of what they may be longer, on average."""
    total = 0.0
    for name, recipe in RECIPES.items():
        seconds = recipe.seconds_at(scale)
        average = 1 + (seconds - 1) / 8 if name == "standin-t4" else seconds
        total += average * sum(part.count(scale) for part in recipe.parts)
    return total / 60


def test_the_suite_is_as_long_as_documented():
    assert 11 < minutes(1.0) < 12
    assert 4 < minutes(0.2) < 5


def test_counts_and_lengths_keep_the_order_of_the_original_tasks():
    counts = {name: sum(part.clips for part in recipe.parts) for name, recipe in RECIPES.items()}
    assert max(counts, key=counts.get) == "standin-t3"
    assert counts["standin-t1"] <= 60
    assert counts["standin-t2"] >= 50
    seconds = {name: recipe.seconds for name, recipe in RECIPES.items()}
    assert seconds["standin-t5"] < seconds["standin-t3"] < seconds["standin-t1"] < seconds["standin-t2"]
    assert seconds["standin-t6"] == max(seconds.values())


@pytest.mark.parametrize("name", STANDIN_TASKS)
def test_a_small_scale_writes_the_fewest_clips(tables, name):
    written = Counter(row["path"].removeprefix("audio/").rpartition("-")[0] for row in read(tables[name]))
    assert written == {part.name: part.least for part in RECIPES[name].parts}


def test_a_larger_scale_writes_more(tmp_path):
    rows = read(write_standin("standin-t5", tmp_path, 2.0))
    assert Counter((row["label"], row["split"]) for row in rows) == {
        (label, split): count for label in CLASSES["standin-t5"] for split, count in (("train", 24), ("test", 16))
    }


# Splits


@pytest.mark.parametrize("name", CROSS_VALIDATED)
@pytest.mark.parametrize("train_fraction", [0.8, 0.1])
def test_ten_folds_of_the_paper_have_every_class_in_every_part(tables, name, train_fraction):
    dataset = read_table(tables[name])
    groups = dataset.column("group") if dataset.has("group") else None
    clips = Clips(dataset.labels, np.array(dataset.clips["path"]), groups)
    protocol = SplitSettings(10, 2, train_fraction, 0.1, balanced_test=True)
    for split in ("clips", "groups") if dataset.has("group") else ("clips",):
        folds = make_folds(clips, split, protocol)
        assert len(folds) == 20
        for fold in folds:
            for part in (fold.train, fold.validation, fold.test):
                assert set(dataset.labels[part]) == CLASSES[name]


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("train_fraction", [None, 0.1])
def test_a_fixed_test_set_leaves_every_class_to_train_validate_and_test_on(tables, name, train_fraction):
    dataset = read_table(tables[name])
    clips = Clips(dataset.labels, np.array(dataset.clips["path"]), splits=dataset.column("split"))
    share = 0.2 * np.mean(dataset.column("split") == "train")
    for fold in make_folds(clips, "fixed", SplitSettings(10, 2, train_fraction, share, balanced_test=True)):
        for part in (fold.train, fold.validation, fold.test):
            assert set(dataset.labels[part]) == CLASSES[name]


@pytest.mark.parametrize("name", CROSS_VALIDATED)
def test_tasks_without_a_fixed_test_set_have_no_column_for_it(tables, name):
    assert "split" not in read(tables[name])[0]


@pytest.mark.parametrize("name", ["standin-t2", "standin-t3", "standin-t5", "standin-t6"])
def test_a_group_has_clips_of_one_class_and_one_side(tables, name):
    sides = defaultdict(set)
    for row in read(tables[name]):
        sides[row["group"]].add((row["label"], row.get("split")))
    assert all(len(of_group) == 1 for of_group in sides.values())


@pytest.mark.parametrize("name", ["standin-t2", "standin-t3"])
def test_every_class_has_ten_groups_at_any_scale(tables, name):
    groups = {(row["label"], row["group"]) for row in read(tables[name])}
    assert Counter(label for label, _ in groups) == dict.fromkeys(CLASSES[name], 10)


# What the tasks sound like


def test_t1_has_as_many_parts_as_its_class_says(tables):
    for row in read(tables["standin-t1"]):
        fewest, most = SIZES[row["label"]]
        assert fewest <= int(row["parts"]) <= most
    assert [SIZES[label] for label in ("solo", "duo", "trio", "quartet")] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert SIZES["large"][0] >= 6


def test_t4_is_trained_clean_and_tested_in_six_noises(tables):
    noises = defaultdict(Counter)
    for row in read(tables["standin-t4"]):
        noises[row["split"]][row["noise"], row["label"]] += 1
    assert noises["train"] == {("clean", label): 4 for label in CLASSES["standin-t4"]}
    assert len(NOISES) == 6
    assert noises["test"] == {(noise, label): 2 for noise in NOISES for label in CLASSES["standin-t4"]}


def above_8_khz(samples):
    power = np.abs(np.fft.rfft(samples)) ** 2
    return np.sum(power[np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE) > 8000]) / np.sum(power)


def test_t4_has_two_levels_of_white_noise(tables):
    hiss = {
        noise: np.median([above_8_khz(samples) for _, samples in samples_of(tables["standin-t4"], noise=noise)])
        for noise in ("clean", "white-low", "white-high")
    }
    assert 2 * hiss["clean"] < hiss["white-low"]
    assert 2 * hiss["white-low"] < hiss["white-high"]


def test_t4_a_heavy_load_slows_the_engine_down(tables):
    def speed(samples):
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * SAMPLE_RATE))
        frequencies = np.fft.rfftfreq(8 * SAMPLE_RATE, 1 / SAMPLE_RATE)
        rotor = (frequencies > 28) & (frequencies < 60)
        return frequencies[rotor][np.argmax(spectrum[rotor])]

    clean = samples_of(tables["standin-t4"], noise="clean")
    slowest = min(speed(samples) for row, samples in clean if row["label"] == "good")
    fastest = max(speed(samples) for row, samples in clean if row["label"] == "heavy-load")
    assert fastest < slowest


def test_t5_a_coated_slide_is_duller_and_a_scratched_one_brighter():
    def brightness(label):
        part_number, part = next(
            (number, part) for number, part in enumerate(RECIPES["standin-t5"].parts) if part.label == label
        )
        clips = [Clip(part, number, 0.4, (0, 4, part_number)) for number in range(24)]
        return np.median([centroid(RECIPES["standin-t5"].make(clip).samples) for clip in clips])

    assert brightness("coated") < 0.8 * brightness("smooth")
    assert brightness("smooth") < brightness("scratched")


def centroid(samples):
    power = np.abs(np.fft.rfft(samples)) ** 2
    return np.sum(power * np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)) / np.sum(power)


def test_t6_is_audible_only_where_the_table_says(tables):
    for row, samples in samples_of(tables["standin-t6"]):
        start = round(float(row["passage_s"]) * SAMPLE_RATE)
        inside = np.abs(samples[start : start + round(PASSAGE_SECONDS * SAMPLE_RATE)])
        outside = np.abs(np.delete(samples, np.s_[start : start + len(inside)]))
        assert len(inside) == round(PASSAGE_SECONDS * SAMPLE_RATE)
        assert outside.max() < 0.8 * inside.max(), row["path"]


# What the sounds are put together from


def test_partials_have_the_frequencies_and_amplitudes_asked_for():
    tone = harmonic(np.full(SAMPLE_RATE, 400.0), lambda numbers, at: np.where(numbers <= 3, 1 / numbers, 0) + 0 * at)
    spectrum = 2 / SAMPLE_RATE * np.abs(np.fft.rfft(tone))
    expected = np.zeros(len(spectrum))
    expected[[400, 800, 1200]] = 1, 1 / 2, 1 / 3
    np.testing.assert_allclose(spectrum, expected, atol=1e-6)


def test_no_partial_lies_near_or_above_half_the_sample_rate():
    tone = harmonic(np.full(SAMPLE_RATE, 3000.0), lambda numbers, at: np.ones(at.shape))
    spectrum = np.abs(np.fft.rfft(tone))
    assert np.flatnonzero(spectrum > 1).tolist() == [3000, 6000, 9000]


@given(st.floats(-20, 40), st.integers(0, 2**32))
def test_the_stated_ratio_of_sound_and_noise_is_met(snr_db, seed):
    sound, noise = np.random.default_rng(seed).normal(size=(2, 500))
    added = noisy(sound, noise, snr_db) - sound
    assert np.sqrt(np.mean(sound**2) / np.mean(added**2)) == pytest.approx(decibels(snr_db), rel=1e-6)


@given(st.integers(2, 5000), st.floats(0.1, 50), st.integers(0, 2**32))
def test_a_wandering_curve_stays_within_its_bounds(samples, per_second, seed):
    curve = wander(samples, per_second, np.random.default_rng(seed))
    assert curve.shape == (samples,)
    assert np.abs(curve).max() <= 1


def test_a_stepped_curve_holds_each_value_and_glides_between():
    times = np.linspace(0, 1, 101)
    curve = stepped([-0.1, 0.5, 2.0], [1.0, 3.0, 9.0], times, 0.1)
    np.testing.assert_allclose(curve[[0, 44, 50, 56, 100]], [1, 1, 2, 3, 3])


def test_a_step_before_the_beginning_is_over_when_it_begins():
    curve = stepped([-0.3, -0.2, 0.5], [1.0, 2.0, 3.0], np.linspace(0, 1, 11), 0.1)
    np.testing.assert_allclose(curve[[0, 4, 6, 10]], [2, 2, 3, 3])


def test_a_room_adds_the_energy_asked_for():
    click = np.zeros(SAMPLE_RATE)
    click[100] = 1.0
    wet = reverberant(click, 0.5, 0.3, np.random.default_rng(0))
    assert np.all(wet[:100] == pytest.approx(0, abs=1e-12))
    assert np.sum((wet - click) ** 2) == pytest.approx(0.3, rel=1e-6)


# When it goes wrong


def test_an_interrupted_run_leaves_no_table_and_is_simply_made_again(tmp_path):
    table = write_standin("standin-t5", tmp_path, SMALL)
    whole = all_bytes(tmp_path)
    last = tmp_path / "audio" / "scratched-test-001.wav"
    last.unlink()
    last.mkdir()  # the second run cannot finish this clip
    (last / "in the way").touch()
    with pytest.raises(DatasetError, match="standin-t5 cannot be written here"):
        write_standin("standin-t5", tmp_path, SMALL)
    assert not table.exists()
    (last / "in the way").unlink()
    last.rmdir()
    assert write_standin("standin-t5", tmp_path, SMALL) == table
    assert all_bytes(tmp_path) == whole


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(DatasetError, match="taken"):
        write_standin("standin-t5", tmp_path / "taken")


def test_an_unknown_task_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(SettingsError, match=r"no stand-in task 'standin-t7'.*standin-t6"):
        write_standin("standin-t7", tmp_path)


@pytest.mark.parametrize(
    "argument", [{"scale": 0.0}, {"scale": -1.0}, {"scale": 10.5}, {"scale": np.nan}, {"scale": np.inf}, {"seed": -1}]
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(tmp_path, argument):
    with pytest.raises(SettingsError, match=next(iter(argument))):
        write_standin("standin-t5", tmp_path / "new", **argument)
    assert not (tmp_path / "new").exists()
