"""Platt scaling: it finds the relation that is there, and is never certain on little evidence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earmark.evaluation import PlattScaling

quickly = settings(max_examples=40, deadline=None)
CLASSES = np.array(["buzz", "hum", "knock"])


def logistic(values):
    return 1 / (1 + np.exp(-values))


def test_it_recovers_a_logistic_relation():
    generator = np.random.default_rng(1)
    decisions = generator.normal(0, 2, 20000)
    labels = np.where(generator.random(20000) < logistic(1.5 * decisions - 0.7), "knock", "hum")
    platt = PlattScaling.fit(decisions, labels, CLASSES[1:])
    assert platt.slopes == pytest.approx([1.5], abs=0.06)
    assert platt.offsets == pytest.approx([-0.7], abs=0.06)
    expected = logistic(1.5 * np.array([-1.0, 0.0, 2.0]) - 0.7)
    assert platt.likelihoods(np.array([-1.0, 0.0, 2.0]))[:, 1] == pytest.approx(expected, abs=0.02)


def test_it_recovers_the_relation_of_every_machine():
    generator = np.random.default_rng(2)
    labels = CLASSES[generator.integers(0, 3, 12000)]
    # Normal decisions of equal spread for both sides: the log odds are linear, with slope difference / variance.
    own, rest = np.array([1.0, 2.0, 0.5]), np.array([-1.0, 0.0, -1.0])
    decisions = np.where(labels[:, np.newaxis] == CLASSES, own, rest) + generator.normal(0, 1, (12000, 3))
    platt = PlattScaling.fit(decisions, labels, CLASSES)
    assert platt.slopes == pytest.approx(own - rest, abs=0.12)
    assert platt.offsets == pytest.approx((rest**2 - own**2) / 2 + np.log(1 / 2), abs=0.12)


def test_two_classes_use_one_machine_that_speaks_for_the_second():
    decisions = np.array([-2.0, -1.0, 1.0, 2.0])
    platt = PlattScaling.fit(decisions, np.array(["hum", "hum", "knock", "knock"]), CLASSES[1:])
    assert platt.slopes.shape == platt.offsets.shape == (1,)
    likelihoods = platt.likelihoods(decisions)
    assert likelihoods.shape == (4, 2)
    assert (np.diff(likelihoods[:, 1]) > 0).all()
    column = PlattScaling.fit(decisions[:, np.newaxis], np.array(["hum", "hum", "knock", "knock"]), CLASSES[1:])
    assert np.array_equal(column.likelihoods(decisions[:, np.newaxis]), likelihoods)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_without_a_slope_to_find_the_likelihood_is_the_smoothed_share(rows):
    # Platt, 1999: n rows of one side are taken for a likelihood of (n + 1) / (n + 2).
    platt = PlattScaling.fit(np.zeros(rows), np.array(["knock"] * rows), CLASSES[1:])
    assert platt.likelihoods(np.zeros(1))[0, 1] == pytest.approx((rows + 1) / (rows + 2), abs=1e-4)


@given(st.integers(1, 6), st.integers(0, 2**31), st.sampled_from([0.1, 1.0, 30.0]))
@quickly
def test_few_validation_rows_never_give_certainty_about_themselves(rows, seed, spread):
    generator = np.random.default_rng(seed)
    labels = CLASSES[generator.integers(0, 3, rows)]
    decisions = spread * np.where(labels[:, np.newaxis] == CLASSES, 1.0, -1.0)  # separated without a doubt
    platt = PlattScaling.fit(decisions, labels, CLASSES)
    likelihoods = platt.likelihoods(decisions)
    assert np.isfinite(platt.slopes).all()
    assert np.isfinite(platt.offsets).all()
    assert likelihoods.min() > 1e-3
    assert likelihoods.max() < 1 - 1e-3


@given(arrays(np.float64, (7, 3), elements=st.floats(-1e6, 1e6)))
@quickly
def test_likelihoods_of_a_row_sum_to_1_whatever_the_decisions(decisions):
    platt = PlattScaling(np.array([1.0, 0.5, 2.0]), np.array([0.0, -1.0, 1.0]))
    likelihoods = platt.likelihoods(decisions)
    assert np.allclose(likelihoods.sum(axis=1), 1)
    assert ((likelihoods >= 0) & (likelihoods <= 1)).all()
