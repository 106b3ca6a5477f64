"""Splits: nothing stands on two sides, the shares are those asked for, and what cannot be split is refused."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from earmark.errors import DatasetError, SettingsError
from earmark.evaluation import SPLITS, Clips, SplitSettings, default_split, make_folds

quickly = settings(max_examples=40, deadline=None)


def clips_of(counts, **columns):
    """Clips of different contents, `counts` of each class."""
    labels = np.repeat([f"class {number}" for number in range(len(counts))], counts)
    return Clips(labels, np.array([f"digest {clip}" for clip in range(len(labels))]), **columns)


def sets_of(fold):
    return set(fold.train.tolist()), set(fold.validation.tolist()), set(fold.test.tolist())


def shares_of(labels):
    return {label: count / len(labels) for label, count in Counter(labels.tolist()).items()}


def same(one, other):
    return len(one) == len(other) and all(sets_of(a) == sets_of(b) for a, b in zip(one, other, strict=True))


class_counts = st.lists(st.integers(8, 25), min_size=2, max_size=4)
seeds = st.integers(0, 2**31)


@st.composite
def recordings(draw):
    """Clips in groups of one class each, at least 4 a class, some with the bytes of a clip of any other group."""
    labels, groups = [], []
    for label in range(draw(st.integers(2, 3))):
        for _ in range(draw(st.integers(4, 7))):
            size = draw(st.integers(1, 4))
            groups += [f"group {len(set(groups))}"] * size
            labels += [f"class {label}"] * size
    contents = np.arange(len(labels))
    copies = st.tuples(st.sampled_from(contents.tolist()), st.sampled_from(contents.tolist()))
    for copy, original in draw(st.lists(copies, max_size=4)):
        contents[copy] = contents[original]
    return Clips(np.array(labels), contents.astype(str), np.array(groups))


def straddling(keys, fold):
    """Keys that stand on more than one side of a fold."""
    sides = [set(keys[list(side)]) for side in sets_of(fold)]
    return (sides[0] & sides[1]) | (sides[0] & sides[2]) | (sides[1] & sides[2])


def folds_if_any(*arguments):
    """Make folds; draws in which copies chain so many groups together that too few are left are passed over."""
    try:
        return make_folds(*arguments)
    except (DatasetError, SettingsError):
        reject()


# Nothing on two sides


@given(class_counts, seeds, st.sampled_from([None, 0.3]), st.sampled_from([0.0, 0.1, 0.2]), st.booleans())
@quickly
def test_no_clip_is_in_two_sets_of_a_fold(counts, seed, train_fraction, validation_fraction, balanced):
    asked = SplitSettings(4, 1, train_fraction, validation_fraction, balanced, seed)
    for fold in make_folds(clips_of(counts), "clips", asked):
        train, validation, test = sets_of(fold)
        assert not train & validation
        assert not train & test
        assert not validation & test
        for part in (fold.train, fold.validation, fold.test):
            assert np.array_equal(part, np.unique(part))


@given(recordings(), st.sampled_from(["clips", "groups"]), seeds, st.sampled_from([0.0, 0.2]))
@quickly
def test_equal_bytes_never_stand_on_two_sides(clips, split, seed, validation_fraction):
    for fold in folds_if_any(clips, split, SplitSettings(2, 2, None, validation_fraction, seed=seed)):
        assert not straddling(clips.contents, fold)


@given(recordings(), seeds, st.sampled_from([0.0, 0.2]), st.sampled_from([None, 0.3]))
@quickly
def test_groups_never_stand_on_two_sides(clips, seed, validation_fraction, train_fraction):
    asked = SplitSettings(2, 2, train_fraction, validation_fraction, seed=seed)
    for fold in folds_if_any(clips, "groups", asked):
        assert not straddling(clips.groups, fold)


def test_groups_that_share_copies_stay_together_along_the_whole_chain():
    contents = np.arange(16)
    contents[2], contents[4] = contents[1], contents[3]  # a and b share bytes, b and c do: a, b and c are one
    groups = np.repeat(list("abcdefgh"), 2)
    clips = Clips(np.repeat(["hum", "knock"], 8), contents.astype(str), groups)
    for fold in make_folds(clips, "groups", SplitSettings(2, repeats=20)):
        assert len(set(groups[fold.test]) & set("abc")) in (0, 3)


def test_with_copies_a_split_by_clips_still_uses_every_group_freely():
    clips = Clips(np.repeat(["hum", "knock"], 10), np.repeat(np.arange(10), 2).astype(str), np.array(["one"] * 20))
    for fold in make_folds(clips, "clips", SplitSettings()):
        assert not straddling(clips.contents, fold)
        assert straddling(clips.groups, fold) == {"one"}


# Every clip is tested once


@given(recordings(), st.sampled_from(["clips", "groups"]), seeds)
@quickly
def test_every_clip_is_tested_exactly_once_a_repeat(clips, split, seed):
    folds = folds_if_any(clips, split, SplitSettings(3, 2, seed=seed))
    for repeat in {fold.repeat for fold in folds}:
        tested = np.concatenate([fold.test for fold in folds if fold.repeat == repeat])
        assert np.array_equal(np.sort(tested), np.arange(len(clips.labels)))


@given(class_counts, seeds)
@quickly
def test_what_is_not_tested_is_trained_on(counts, seed):
    clips = clips_of(counts)
    for fold in make_folds(clips, "clips", SplitSettings(seed=seed)):
        assert len(fold.train) + len(fold.test) == len(clips.labels)
        assert not len(fold.validation)


@given(class_counts, st.integers(2, 6), seeds)
@quickly
def test_each_class_has_its_share_of_every_test_set_within_one_clip(counts, number, seed):
    clips = clips_of(counts)
    for fold in make_folds(clips, "clips", SplitSettings(number, seed=seed)):
        tested = Counter(clips.labels[fold.test].tolist())
        for label, count in Counter(clips.labels.tolist()).items():
            assert abs(tested[label] - count / number) < 1


# Chance


@pytest.mark.parametrize("split", ["clips", "groups"])
def test_the_same_seed_gives_the_same_folds_and_another_seed_others(split):
    clips = clips_of([20, 20], groups=np.repeat(np.arange(20), 2).astype(str))
    asked = [SplitSettings(5, 2, 0.5, 0.1, True, seed) for seed in (3, 3, 4)]
    first, again, other = (make_folds(clips, split, each) for each in asked)
    assert same(first, again)
    assert not same(first, other)


def test_repeats_are_drawn_anew():
    folds = make_folds(clips_of([20, 20]), "clips", SplitSettings(repeats=3))
    assert [fold.repeat for fold in folds] == [0] * 5 + [1] * 5 + [2] * 5
    assert [fold.name for fold in folds] == ["1", "2", "3", "4", "5"] * 3
    repeats = [folds[start : start + 5] for start in (0, 5, 10)]
    assert not same(repeats[0], repeats[1])
    assert not same(repeats[1], repeats[2])


def test_more_repeats_do_not_change_the_first():
    clips = clips_of([20, 20])
    once, twice = (make_folds(clips, "clips", SplitSettings(repeats=repeats)) for repeats in (1, 2))
    assert same(once, twice[:5])


# Shares


@given(class_counts, st.floats(0.02, 0.7), seeds)
@quickly
def test_the_train_fraction_counts_all_clips_and_keeps_one_of_each_class(counts, fraction, seed):
    clips = clips_of(counts)
    for fold in make_folds(clips, "clips", SplitSettings(4, train_fraction=fraction, seed=seed)):
        wanted = max(round(fraction * len(clips.labels)), len(counts))
        assert len(fold.train) == min(wanted, len(clips.labels) - len(fold.test))
        assert set(clips.labels[fold.train]) == set(clips.labels)


@given(class_counts, seeds)
@quickly
def test_drawn_training_clips_keep_the_shares_of_the_classes_within_one_clip(counts, seed):
    clips = clips_of(counts)
    for fold in make_folds(clips, "clips", SplitSettings(4, train_fraction=0.5, seed=seed)):
        left = np.setdiff1d(np.arange(len(clips.labels)), fold.test)
        drawn, share = Counter(clips.labels[fold.train].tolist()), len(fold.train) / len(left)
        for label, count in Counter(clips.labels[left].tolist()).items():
            assert abs(drawn[label] - share * count) < 1


def test_rare_classes_do_not_make_the_training_set_larger_than_asked_for():
    labels = np.array(["a", "b", "c"] + ["d"] * 97)
    parts = np.array(["train"] * 70 + ["test"] * 30)
    (fold,) = make_folds(
        Clips(labels, np.arange(100).astype(str), splits=parts), "fixed", SplitSettings(train_fraction=0.1)
    )
    assert Counter(labels[fold.train].tolist()) == {"a": 1, "b": 1, "c": 1, "d": 7}


def test_a_fold_slightly_short_of_the_train_fraction_is_used_whole():
    clips = clips_of([51, 50])
    for fold in make_folds(clips, "clips", SplitSettings(5, train_fraction=0.8)):
        assert len(fold.train) == 101 - len(fold.test)


@pytest.mark.parametrize("fraction", [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.32, 0.35, 0.4])
def test_the_validation_fraction_counts_all_clips(fraction):
    clips = clips_of([50, 50, 50, 50])
    for fold in make_folds(clips, "clips", SplitSettings(validation_fraction=fraction)):
        assert len(fold.validation) / 200 == pytest.approx(fraction, abs=0.011)
        assert len(fold.train) + len(fold.validation) == 160
        assert set(clips.labels[fold.validation]) == set(clips.labels)


@given(st.lists(st.integers(10, 25), min_size=2, max_size=4), st.sampled_from([0.1, 0.2]), seeds)
@quickly
def test_validation_clips_keep_the_shares_of_the_classes(counts, fraction, seed):
    clips = clips_of(counts)
    for fold in make_folds(clips, "clips", SplitSettings(validation_fraction=fraction, seed=seed)):
        aside = Counter(clips.labels[fold.validation].tolist())
        for label, count in Counter(clips.labels.tolist()).items():
            assert aside[label] == pytest.approx(fraction * count, abs=2)


def test_train_and_validation_fractions_go_together():
    for fold in make_folds(clips_of([50, 50]), "clips", SplitSettings(5, 1, 0.7, 0.1)):
        assert (len(fold.train), len(fold.validation), len(fold.test)) == (70, 10, 20)


@given(class_counts, seeds)
@quickly
def test_balanced_test_sets_have_equally_many_clips_of_each_class(counts, seed):
    clips = clips_of(counts)
    plain, balanced = (
        make_folds(clips, "clips", SplitSettings(4, balanced_test=choice, seed=seed)) for choice in (False, True)
    )
    for all_of_them, fold in zip(plain, balanced, strict=True):
        tested = Counter(clips.labels[fold.test].tolist())
        fewest = min(Counter(clips.labels[all_of_them.test].tolist()).values())
        assert set(tested.values()) == {fewest}
        assert len(tested) == len(counts)


# Splits that come with the data set


def test_official_folds_are_taken_as_they_are_in_the_order_of_their_numbers():
    numbers = np.tile(np.arange(1, 12), 4).astype(str)
    clips = clips_of([22, 22], folds=numbers)
    folds = make_folds(clips, "official", SplitSettings(folds=3))
    assert [fold.name for fold in folds] == [str(number) for number in range(1, 12)]
    for fold in folds:
        assert np.array_equal(fold.test, np.flatnonzero(numbers == fold.name))
        assert np.array_equal(fold.train, np.flatnonzero(numbers != fold.name))


def test_a_fixed_split_is_taken_as_it_is_with_its_validation_part():
    parts = np.tile(["train", "train", "validation", "test"], 6)
    (fold,) = make_folds(clips_of([12, 12], splits=parts), "fixed", SplitSettings())
    assert fold.name == "test"
    for name in ("train", "validation", "test"):
        assert np.array_equal(getattr(fold, name), np.flatnonzero(parts == name))


def test_a_fixed_split_without_validation_part_can_be_given_one():
    parts = np.tile(["train", "train", "train", "test"], 10)
    (fold,) = make_folds(clips_of([20, 20], splits=parts), "fixed", SplitSettings(validation_fraction=0.15))
    assert (len(fold.train), len(fold.validation), len(fold.test)) == (24, 6, 10)


def test_the_default_is_the_most_honest_split_there_is():
    names = np.array(["1", "2"] * 10)
    assert default_split(clips_of([10, 10])) == "clips"
    assert default_split(clips_of([10, 10], groups=names)) == "groups"
    assert default_split(clips_of([10, 10], groups=names, folds=names)) == "official"
    assert default_split(clips_of([10, 10], groups=names, folds=names, splits=names)) == "fixed"


# What cannot be split


def test_a_class_with_fewer_clips_than_folds_is_named_with_a_way_out():
    with pytest.raises(DatasetError, match=r"class 'class 1' has 3 clips, fewer than the 5 folds\. Use --folds 3"):
        make_folds(clips_of([9, 3]), "clips", SplitSettings())
    assert make_folds(clips_of([9, 3]), "clips", SplitSettings(folds=3))


def test_a_class_with_fewer_groups_than_folds_is_named_with_a_way_out():
    clips = clips_of([12, 12], groups=np.repeat(list("abcdef"), [3, 3, 3, 3, 6, 6]))
    with pytest.raises(DatasetError, match=r"class 'class 1' has 2 groups of clips, .* Use --folds 2"):
        make_folds(clips, "groups", SplitSettings(folds=3))


@pytest.mark.parametrize(("split", "what"), [("clips", "clips"), ("groups", "groups of clips")])
def test_a_class_with_only_one_clip_or_group_cannot_be_split(split, what):
    clips = clips_of([9, 1 if split == "clips" else 9])
    groups = np.array([str(number) if number < 9 else "one" for number in range(len(clips.labels))])
    clips = Clips(clips.labels, clips.contents, groups)
    with pytest.raises(DatasetError, match=rf"class 'class 1' has only one of the {what} .* Add recordings"):
        make_folds(clips, split, SplitSettings(folds=2))


@pytest.mark.parametrize(("split", "column"), [("official", "fold"), ("fixed", "split"), ("groups", "group")])
def test_a_split_by_a_column_that_is_missing_says_which(split, column):
    with pytest.raises(DatasetError, match=rf"needs the column {column}, which the data set lacks"):
        make_folds(clips_of([10, 10]), split, SplitSettings())


def test_one_official_fold_is_not_enough():
    with pytest.raises(DatasetError, match="names the one fold '7'; at least two"):
        make_folds(clips_of([10, 10], folds=np.array(["7"] * 20)), "official", SplitSettings())


def test_a_train_fraction_larger_than_what_is_left_is_refused():
    with pytest.raises(SettingsError, match=r"fraction of 0\.9 asks for 90 of 100 clips, but only 80 are left"):
        make_folds(clips_of([50, 50]), "clips", SplitSettings(train_fraction=0.9))
    with pytest.raises(SettingsError, match="only 60 are left"):
        make_folds(clips_of([50, 50]), "clips", SplitSettings(train_fraction=0.8, validation_fraction=0.2))


def test_a_validation_fraction_of_more_than_half_the_training_clips_is_refused():
    with pytest.raises(SettingsError, match=r"0\.45 would take more than half of the 80 training clips"):
        make_folds(clips_of([50, 50]), "clips", SplitSettings(validation_fraction=0.45))


def test_a_validation_fraction_that_gives_a_class_nothing_is_refused_for_what_it_is():
    with pytest.raises(SettingsError, match=r"2\.5 % of the 24 training clips would not give every class a clip"):
        make_folds(clips_of([10, 10, 10]), "clips", SplitSettings(validation_fraction=0.02))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_train_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(SettingsError, match="train fraction must lie between 0 and 1"):
        SplitSettings(train_fraction=fraction)


@pytest.mark.parametrize("fraction", [1.0, -0.1, 1.5, float("nan")])
def test_a_validation_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(SettingsError, match="validation fraction must lie in"):
        SplitSettings(validation_fraction=fraction)


@pytest.mark.parametrize("numbers", [{"folds": 1}, {"repeats": 0}])
def test_fewer_than_two_folds_or_one_repeat_are_refused(numbers):
    with pytest.raises(SettingsError, match="at least 2 folds and 1 repeat"):
        SplitSettings(**numbers)


def test_a_negative_seed_is_refused():
    with pytest.raises(SettingsError, match="seed must be at least 0"):
        SplitSettings(seed=-1)


def test_a_split_of_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(SettingsError, match="no split 'random'") as caught:
        make_folds(clips_of([10, 10]), "random", SplitSettings())
    assert all(name in str(caught.value) for name in SPLITS)


def test_a_split_without_test_clips_is_refused():
    with pytest.raises(DatasetError, match="there are no test clips"):
        make_folds(clips_of([10, 10], splits=np.array(["train"] * 20)), "fixed", SplitSettings())


def test_a_training_set_that_lacks_a_class_is_refused_by_its_name():
    clips = clips_of([10, 10], folds=np.repeat(["1", "2"], [10, 10]))
    with pytest.raises(DatasetError, match="fold 1: no clip of class 'class 0' is left for training"):
        make_folds(Clips(clips.labels[::-1], clips.contents, folds=clips.folds[::-1]), "official", SplitSettings())


@pytest.mark.parametrize("fraction", [0.0, 0.1])
def test_a_fixed_split_without_training_clips_is_refused(fraction):
    clips = clips_of([2, 2], splits=np.array(["test"] * 4))
    with pytest.raises(DatasetError, match="'class 0', 'class 1' is left for training"):
        make_folds(clips, "fixed", SplitSettings(validation_fraction=fraction))


def test_a_validation_part_that_lacks_a_class_is_refused():
    parts = np.array(["train"] * 5 + ["validation"] * 3 + ["test"] * 2 + ["train"] * 8 + ["test"] * 2)
    with pytest.raises(DatasetError, match="no clip of class 'class 1' is left for validation"):
        make_folds(clips_of([10, 10], splits=parts), "fixed", SplitSettings())


def test_train_fractions_share_validation_and_test_sets():
    clips = Clips(np.repeat(["a", "b"], 40), np.arange(80).astype(str))
    made = [
        make_folds(clips, "clips", SplitSettings(train_fraction=share, validation_fraction=0.2, balanced_test=True))
        for share in (0.1, 0.5)
    ]
    for few, many in zip(*made, strict=True):
        np.testing.assert_array_equal(few.test, many.test)
        np.testing.assert_array_equal(few.validation, many.validation)
        assert len(few.train) < len(many.train)
