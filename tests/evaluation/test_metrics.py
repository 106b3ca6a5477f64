"""Scores are those of scikit-learn, the interval is Wilson's, and it knows clips that are alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, t
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from earmark.errors import DatasetError
from earmark.evaluation import accuracy_interval, score

quickly = settings(max_examples=80, deadline=None)

decisions = st.lists(st.booleans(), min_size=1, max_size=60)
clustered = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=60)


def width(interval):
    return interval.high - interval.low


# Scores


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=50))
@quickly
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_scores_are_those_of_scikit_learn(pairs):
    labels, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    scores = score(labels, predicted)
    assert scores.accuracy == pytest.approx(accuracy_score(labels, predicted))
    expected = f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0)
    assert scores.macro_f1 == pytest.approx(expected)
    if len(set(labels)) > 1:
        assert scores.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))


@pytest.mark.parametrize(("labels", "predicted"), [([], []), (["a"], []), (["a", "b"], ["a"])])
def test_scores_need_a_prediction_for_each_of_at_least_one_label(labels, predicted):
    with pytest.raises(DatasetError, match="as many predictions as labels, at least one"):
        score(labels, predicted)


# The interval of clips that have nothing to do with each other


@given(st.integers(1, 300).flatmap(lambda number: st.tuples(st.integers(0, number), st.just(number))))
@quickly
def test_with_every_clip_for_itself_it_is_the_wilson_interval(drawn):
    right, number = drawn
    interval = accuracy_interval([True] * right + [False] * (number - right), range(number))
    expected = binomtest(right, number).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert interval.effective_clips == pytest.approx(number)


# What holds whatever the clusters


@given(clustered)
@quickly
def test_it_contains_the_share_and_lies_in_0_to_1(pairs):
    correct, clusters = zip(*pairs, strict=True)
    interval = accuracy_interval(correct, clusters)
    assert 0 <= interval.low <= np.mean(correct) <= interval.high <= 1
    assert 0 < interval.effective_clips <= len(correct)


@pytest.mark.parametrize("number", range(1, 400, 7))
@pytest.mark.parametrize("all_right", [True, False])
def test_with_every_clip_right_or_wrong_the_clusters_count(number, all_right):
    interval = accuracy_interval([all_right] * 3 * number, np.tile(np.arange(number), 3))
    expected = binomtest(number * all_right, number).proportion_ci(method="wilson")
    assert interval.effective_clips == number
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert interval.high == 1 if all_right else interval.low == 0


def test_a_single_cluster_is_worth_one_clip():
    assert accuracy_interval([True, True, False, True], ["machine 1"] * 4).effective_clips == 1


@given(st.lists(st.booleans(), min_size=2, max_size=15), st.integers(2, 6))
@quickly
def test_clusters_that_agree_within_themselves_are_worth_one_clip_each(right, size):
    correct, clusters = np.repeat(right, size), np.repeat(np.arange(len(right)), size)
    alone, together = accuracy_interval(correct, range(len(correct))), accuracy_interval(correct, clusters)
    assert together.effective_clips <= len(right) + 1e-9
    assert width(together) > width(alone)


def test_clusters_that_do_not_agree_within_themselves_cost_only_that_they_are_few():
    correct = np.tile([True, False], 20)
    interval = accuracy_interval(correct, np.repeat(np.arange(10), 4))
    assert interval.effective_clips == pytest.approx(40 * (t.ppf(0.975, 39) / t.ppf(0.975, 9)) ** 2)


# Repeats


@given(decisions, st.integers(2, 5))
@quickly
def test_the_same_decisions_several_times_are_worth_no_more_than_once(correct, repeats):
    clips = np.arange(len(correct))
    once = accuracy_interval(correct, clips)
    again = np.tile(clips, repeats)
    several = accuracy_interval(np.tile(correct, repeats), again, again)
    assert (several.low, several.high) == pytest.approx((once.low, once.high))


@given(clustered)
@quickly
def test_decisions_that_differ_between_repeats_are_worth_no_more_than_their_clips(pairs):
    correct, clips = zip(*pairs, strict=True)
    assert accuracy_interval(correct, clips, clips).effective_clips <= len(set(clips))


def test_clips_of_a_group_in_several_repeats_are_worth_at_most_their_number():
    clips, groups = np.tile(np.arange(40), 5), np.tile(np.repeat(np.arange(10), 4), 5)
    interval = accuracy_interval(np.tile([True, False], 100), groups, clips)
    assert interval.effective_clips == pytest.approx(40 * (t.ppf(0.975, 39) / t.ppf(0.975, 9)) ** 2)


# Coverage


@pytest.mark.parametrize(("groups", "size", "mean", "concentration"), [(25, 8, 0.8, 2.0), (40, 4, 0.9, 1.0)])
def test_it_covers_the_true_accuracy_of_clustered_clips_about_95_times_in_100(groups, size, mean, concentration):
    generator = np.random.default_rng(20)
    clusters = np.repeat(np.arange(groups), size)
    covered = naive = 0
    for _ in range(1000):
        of_group = generator.beta(mean * concentration, (1 - mean) * concentration, groups)
        correct = generator.random(groups * size) < np.repeat(of_group, size)
        clustered, alone = accuracy_interval(correct, clusters), accuracy_interval(correct, range(len(correct)))
        covered += clustered.low <= mean <= clustered.high
        naive += alone.low <= mean <= alone.high
    assert 900 <= covered <= 990
    assert naive < 900  # which is why clusters are looked at
