"""The bootstrap draws whole clusters, gives the same for the same seed, and says where it knows nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from earmark.errors import SettingsError
from earmark.evaluation import accuracy_interval, bootstrap_interval
from earmark.evaluation.intervals import expanded_percentiles, resampled_shares

quickly = settings(max_examples=60, deadline=None)
clustered = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=60)


@given(clustered)
@quickly
def test_it_contains_the_share_and_lies_in_0_to_1_or_is_not_known(pairs):
    correct, clusters = zip(*pairs, strict=True)
    low, high = bootstrap_interval(correct, clusters, resamples=200)
    assert math.isnan(low) == math.isnan(high)
    assert math.isnan(low) or 0 <= low <= np.mean(correct) <= high <= 1


@pytest.mark.parametrize("correct", [[True] * 10, [False] * 10])
def test_nothing_is_known_where_all_are_right_or_all_wrong(correct):
    assert np.isnan(bootstrap_interval(correct, range(10))).all()


def test_nothing_is_known_of_a_single_cluster():
    assert np.isnan(bootstrap_interval([True, False, True], ["machine 1"] * 3)).all()


def test_same_seed_same_interval_and_order_does_not_matter():
    generator = np.random.default_rng(0)
    correct, clusters = generator.random(100) < 0.7, generator.integers(0, 20, 100)
    order = generator.permutation(100)
    first = bootstrap_interval(correct, clusters, seed=3)
    assert first == bootstrap_interval(correct[order], clusters[order], seed=3)
    assert first != bootstrap_interval(correct, clusters, seed=4)


def test_repeats_of_a_clip_do_not_narrow_it():
    correct = np.arange(100) % 5 > 0
    assert bootstrap_interval(np.tile(correct, 4), np.tile(np.arange(100), 4)) == bootstrap_interval(
        correct, np.arange(100)
    )


def test_shares_vary_as_much_as_those_of_clusters_drawn_one_by_one():
    generator = np.random.default_rng(1)
    sizes = generator.integers(1, 6, 15).astype(float)
    sums = np.array([generator.binomial(int(size), 0.7) for size in sizes], float)
    shares = resampled_shares(sums[:, None], sizes[:, None], generator, 20_000)[:, 0]
    drawn = generator.integers(0, 15, (20_000, 15))
    expected = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    assert shares.mean() == pytest.approx(expected.mean(), abs=0.003)
    assert shares.std() == pytest.approx(expected.std(), rel=0.03)


def test_columns_are_drawn_together():
    sums, ones = np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]), np.ones((3, 2))
    shares = resampled_shares(sums, ones, np.random.default_rng(0), 50)
    np.testing.assert_array_equal(shares[:, 0], shares[:, 1])


@pytest.mark.parametrize("clusters", [5, 20, 1000])
def test_percentiles_of_normal_values_are_as_wide_as_students_interval(clusters):
    values = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    low, high = expanded_percentiles(values, clusters)
    wanted = math.sqrt(clusters / (clusters - 1)) * t.ppf(0.975, clusters - 1)
    assert (low, high) == pytest.approx((-wanted, wanted), rel=0.01)


@pytest.mark.parametrize(("correct", "clusters"), [([], []), ([True, False], [1])])
def test_decisions_without_clusters_are_an_error(correct, clusters):
    with pytest.raises(SettingsError, match="a cluster for each decision"):
        bootstrap_interval(correct, clusters)


def test_too_few_resamples_are_an_error():
    with pytest.raises(SettingsError, match="at least 100"):
        bootstrap_interval([True, False], [1, 2], resamples=99)


def covered(groups, size, mean, concentration):
    """How often the bootstrap, and the interval of reports, hold the true accuracy in 400 simulated tests."""
    generator, clusters, hits = np.random.default_rng(9), np.repeat(np.arange(groups), size), np.zeros(2)
    for _ in range(400):
        shares = generator.beta(mean * concentration, (1 - mean) * concentration, groups)
        correct = generator.random(groups * size) < np.repeat(shares, size)
        low, high = bootstrap_interval(correct, clusters, resamples=500)
        wilson = accuracy_interval(correct, clusters)
        hits += low <= mean <= high, wilson.low <= mean <= wilson.high
    return hits / 400


def test_it_covers_the_true_accuracy_when_clusters_are_many_and_some_are_wrong():
    assert 0.92 <= covered(100, 3, 0.7, 2.0)[0] <= 0.98


def test_with_few_clusters_and_few_errors_it_is_too_narrow_so_reports_use_another():
    bootstrap, wilson = covered(5, 20, 0.9, 2.0)
    assert bootstrap < 0.85
    assert wilson > 0.9
