"""Average ranks, and their tests: Demšar's published example, scipy's Friedman test, and what always holds."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare

from earmark.errors import SettingsError
from earmark.evaluation import average_ranks

quickly = settings(max_examples=50, deadline=None)

# Demšar (2006), Table 6: area under the curve of C4.5 and three variants on fourteen data sets. The two last values of
# "voting" are printed as equal and ranked as different; a digit more keeps their ranks.
DEMSAR = pd.DataFrame(
    [
        (0.763, 0.768, 0.771, 0.798),
        (0.599, 0.591, 0.590, 0.569),
        (0.954, 0.971, 0.968, 0.967),
        (0.628, 0.661, 0.654, 0.657),
        (0.882, 0.888, 0.886, 0.898),
        (0.936, 0.931, 0.916, 0.931),
        (0.661, 0.668, 0.609, 0.685),
        (0.583, 0.583, 0.563, 0.625),
        (0.775, 0.838, 0.866, 0.875),
        (1.000, 1.000, 1.000, 1.000),
        (0.940, 0.962, 0.965, 0.962),
        (0.619, 0.666, 0.614, 0.669),
        (0.972, 0.981, 0.9751, 0.975),
        (0.957, 0.978, 0.946, 0.970),
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)

values = st.integers(2, 6).flatmap(
    lambda systems: st.lists(
        st.lists(st.integers(0, 5), min_size=systems, max_size=systems), min_size=2, max_size=12
    )
)  # fmt: skip


def test_it_gives_the_numbers_of_the_published_example():
    ranks = average_ranks(DEMSAR)
    assert ranks.systems == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    assert ranks.ranks == pytest.approx((1.964, 2.000, 2.893, 3.143), abs=5e-4)
    assert ranks.friedman == pytest.approx(9.28, abs=0.01)
    assert ranks.iman_davenport == pytest.approx(3.69, abs=0.01)
    assert 0.01 < ranks.p < 0.05  # "the critical value of F(3, 39) for alpha = 0.05 is 2.85, so we reject"
    assert ranks.critical_difference == pytest.approx(1.25, abs=0.005)


def test_cliques_are_those_of_the_published_example():
    # "Even the difference between the best and the worst performing algorithm is already smaller" than 1.25.
    assert average_ranks(DEMSAR).cliques == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)


@pytest.mark.parametrize(("systems", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_the_published_quantiles(systems, quantile):
    # Demšar (2006), Table 5a: 0.05 level of the Nemenyi test.
    table = pd.DataFrame(np.random.default_rng(0).random((8, systems)))
    expected = quantile * math.sqrt(systems * (systems + 1) / (6 * 8))
    assert average_ranks(table).critical_difference == pytest.approx(expected, rel=5e-4)


def test_without_ties_it_is_the_friedman_test_of_scipy():
    table = pd.DataFrame(np.random.default_rng(1).random((9, 4)))
    expected = friedmanchisquare(*table.to_numpy().T)
    ranks = average_ranks(table)
    assert (ranks.friedman, ranks.friedman_p) == pytest.approx((expected.statistic, expected.pvalue))


@given(values)
@quickly
def test_ranks_sum_to_a_constant_and_lie_within_the_number_of_systems(rows):
    table = pd.DataFrame(np.array(rows))
    ranks = average_ranks(table)
    number = table.shape[1]
    assert sum(ranks.ranks) == pytest.approx(number * (number + 1) / 2)
    assert list(ranks.ranks) == sorted(ranks.ranks)
    assert ranks.ranks[0] >= 1
    assert ranks.ranks[-1] <= number
    assert 0 <= ranks.p <= 1


@given(values)
@quickly
def test_cliques_join_neighbours_that_do_not_differ_and_none_is_part_of_another(rows):
    ranks = average_ranks(pd.DataFrame(np.array(rows)))
    place = dict(zip(ranks.systems, ranks.ranks, strict=True))
    for clique in ranks.cliques:
        assert place[clique[-1]] - place[clique[0]] <= ranks.critical_difference + 1e-9
        assert not any(set(clique) < set(other) for other in ranks.cliques)
    joined = {pair for clique in ranks.cliques for pair in pairwise(clique)}
    for pair in pairwise(ranks.systems):
        assert (pair in joined) == (place[pair[1]] - place[pair[0]] <= ranks.critical_difference + 1e-9)


def test_systems_that_every_task_ranks_alike_differ_as_surely_as_can_be():
    table = pd.DataFrame([[0.9, 0.8, 0.7]] * 10, columns=["a", "b", "c"])
    ranks = average_ranks(table)
    assert ranks.ranks == (1, 2, 3)
    assert ranks.iman_davenport == math.inf
    assert ranks.p == pytest.approx(6.0**-9)  # the other nine have the order of the first


@pytest.mark.parametrize(("tasks", "exact"), [(2, 0.5), (4, 0.125), (6, 1 / 32)])
def test_two_systems_in_the_same_order_on_a_few_tasks_may_be_chance(tasks, exact):
    ranks = average_ranks(pd.DataFrame([[0.9, 0.8]] * tasks, columns=["a", "b"]))
    assert ranks.p == pytest.approx(exact)  # that of the sign test


def test_systems_that_are_always_equal_do_not_differ():
    ranks = average_ranks(pd.DataFrame(np.full((5, 3), 0.8), columns=["a", "b", "c"]))
    assert ranks.p == pytest.approx(1)
    assert ranks.cliques == (("a", "b", "c"),)


def test_equal_systems_are_told_apart_about_5_times_in_100():
    generator = np.random.default_rng(3)
    wrong = sum(average_ranks(pd.DataFrame(generator.random((6, 4)))).p < 0.05 for _ in range(300))
    assert wrong <= 0.09 * 300


@pytest.mark.parametrize(
    "table", [pd.DataFrame([[0.5, 0.6]]), pd.DataFrame([[0.5], [0.6]]), pd.DataFrame(np.empty((0, 3)))]
)
def test_too_few_tasks_or_systems_are_an_error(table):
    with pytest.raises(SettingsError, match="at least two tasks"):
        average_ranks(table)


@pytest.mark.parametrize(
    "table",
    [pd.DataFrame([[0.5, math.nan], [0.5, 0.6]]), pd.DataFrame([[0.5, 0.6], [0.4, 0.2]], columns=["a", "a"])],
)
def test_unknown_accuracies_and_double_names_are_an_error(table):
    with pytest.raises(SettingsError, match="every system on every task"):
        average_ranks(table)
