"""The leak check: it finds what was planted, counts it right, and is content where there is nothing."""

import numpy as np
import pytest

from earmark.evaluation import Clips, Fold, SplitSettings, check_leaks, make_folds

LABELS = np.repeat(["hum", "knock"], 10)


def distinct():
    return np.arange(20).astype(str)


def halves(validation=()):
    """One fold that trains on even clips and tests on odd ones, some training clips set aside."""
    train = np.setdiff1d(np.arange(0, 20, 2), validation)
    return [Fold(0, "1", train, np.array(validation, int), np.arange(1, 20, 2))]


def test_a_split_without_leaks_is_ok():
    clips = Clips(LABELS, distinct(), groups=distinct())
    check = check_leaks(clips, halves(), "fixed")
    assert check.ok
    assert check.sentences == (
        "split by fixed, same content: none on both sides",
        "split by fixed, same group: none on both sides",
    )


def test_without_groups_only_contents_are_looked_for():
    check = check_leaks(Clips(LABELS, distinct()), halves(), "clips")
    assert check.ok
    assert check.sentences == ("split by clips, same content: none on both sides",)


def test_planted_copies_are_counted():
    contents = distinct()
    contents[[1, 5, 7]] = contents[[0, 4, 4]]  # three test clips are copies of two training clips
    contents[11] = contents[13]  # two equal test clips are no leak
    check = check_leaks(Clips(LABELS, contents), halves(), "official")
    assert not check.ok
    assert check.sentences == (
        "split by official, same content: 3 of 10 test clips have equal bytes with training clips",
    )


def test_planted_groups_are_counted():
    groups = distinct()
    groups[[0, 1, 3]] = "one machine"
    groups[[5, 7]] = "another, tested only"
    check = check_leaks(Clips(LABELS, distinct(), groups), halves(), "clips")
    assert not check.ok
    assert check.sentences == (
        "split by clips, same content: none on both sides",
        "split by clips, same group: 2 of 10 test clips share a group with training clips",
    )


@pytest.mark.parametrize("kind", ["contents", "groups"])
def test_validation_clips_count_as_training(kind):
    keys = {"contents": distinct(), "groups": distinct()}
    keys[kind][3] = keys[kind][8]
    check = check_leaks(Clips(LABELS, **keys), halves(validation=[8]), "fixed")
    assert not check.ok
    assert "1 of 10 test clips" in " ".join(check.sentences)


def test_a_clip_that_leaks_in_several_folds_is_counted_once():
    contents = distinct()
    contents[1] = contents[0]
    check = check_leaks(Clips(LABELS, contents), halves() * 2, "clips")
    assert check.sentences == ("split by clips, same content: 1 of 10 test clips have equal bytes with training clips",)


def test_a_split_by_clips_is_told_of_its_groups_and_a_split_by_groups_is_ok():
    clips = Clips(LABELS, distinct(), np.repeat(np.arange(10), 2).astype(str))
    found = {
        split: check_leaks(clips, make_folds(clips, split, SplitSettings()), split) for split in ("clips", "groups")
    }
    assert not found["clips"].ok
    assert found["groups"].ok
