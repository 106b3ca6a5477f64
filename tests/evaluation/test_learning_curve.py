"""Learning curves: the law that made the points comes back, nothing impossible is predicted, few points get no fit."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from earmark.errors import SettingsError
from earmark.evaluation import fit_power_law, learning_curves, summarise

quickly = settings(max_examples=60, deadline=None)
LABELS = np.array([2.0, 4.0, 8.0, 16.0, 32.0])


@given(st.floats(0.1, 0.9), st.integers(20, 300), st.floats(0, 0.2))
@quickly
def test_the_law_that_made_the_points_comes_back(scale, exponent, floor):
    exponent = exponent / 200
    law = fit_power_law(LABELS, 1 - np.clip(scale * LABELS**-exponent + floor, 0, 1))
    if scale * 2**-exponent + floor < 1:
        np.testing.assert_allclose(law.accuracy(2 * LABELS), 1 - (scale * (2 * LABELS) ** -exponent + floor), atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_bounded_least_squares_fit_of_scipy(seed):
    generator = np.random.default_rng(seed)
    errors = generator.uniform(0.01, 0.05, 5)
    measured = np.clip(0.6 * LABELS**-0.5 + 0.05 + errors * generator.normal(size=5) / 2, 0, 1)

    def law(n, a, b, c):
        return a * n**-b + c

    def loss(parameters):
        return np.sum(((law(LABELS, *parameters) - measured) / errors) ** 2)

    bounds = ([0, 0, 0], [np.inf, 2, 1])
    starts = itertools.product([0.5], [0.1, 0.5, 1.5], [0.0, 0.1])
    reference = min(
        (curve_fit(law, LABELS, measured, start, errors, bounds=bounds, max_nfev=20_000)[0] for start in starts),
        key=loss,
    )
    fitted = fit_power_law(LABELS, 1 - measured, errors)
    assert loss((fitted.scale, fitted.exponent, fitted.floor)) <= loss(reference) + 0.01  # exponents in steps


@given(st.lists(st.floats(0, 1), min_size=3, max_size=5), st.floats(0, 0.9))
@quickly
def test_predictions_never_fall_and_stay_between_chance_and_1(accuracies, chance):
    law = fit_power_law(LABELS[: len(accuracies)], accuracies, chance=chance)
    predicted = law.accuracy(np.geomspace(0.1, 1e6, 50))
    assert (predicted >= chance).all()
    assert (predicted <= 1).all()
    assert (np.diff(predicted) >= -1e-12).all()
    assert min(law.scale, law.exponent, law.floor) >= 0


def test_points_that_fall_get_a_flat_curve():
    law = fit_power_law([4, 8, 16, 32], [0.9, 0.8, 0.7, 0.6])
    np.testing.assert_allclose(law.accuracy([4, 1000]), 0.75)


def test_three_points_get_no_floor_and_four_may():
    errors = 0.5 * LABELS**-1.0 + 0.1
    assert fit_power_law(LABELS[:3], 1 - errors[:3]).floor == 0
    assert fit_power_law(LABELS[:4], 1 - errors[:4]).floor == pytest.approx(0.1)


def test_points_that_are_known_better_count_more():
    accuracies = [0.6, 0.7, 0.9]
    law = fit_power_law([4, 8, 16], accuracies, [0.1, 0.1, 0.001])
    assert abs(law.accuracy([16])[0] - 0.9) < abs(fit_power_law([4, 8, 16], accuracies).accuracy([16])[0] - 0.9)


@pytest.mark.parametrize(
    ("labels", "accuracies", "says"),
    [
        ([4, 8], [0.5, 0.6], "at least 3 different"),
        ([4, 8, 8], [0.5, 0.6, 0.6], "at least 3 different"),
        ([4, 8, 16], [0.5, 0.6], "at least 3 different"),
        ([0, 4, 8], [0.5, 0.6, 0.7], "above 0"),
        ([2, 4, 8], [0.5, 0.6, 70], r"lie in \[0, 1\]"),
        ([2, 4, 8], [0.5, 0.6, math.nan], r"lie in \[0, 1\]"),
    ],
)
def test_points_that_make_no_curve_are_an_error(labels, accuracies, says):
    with pytest.raises(SettingsError, match=says):
        fit_power_law(labels, accuracies)


def test_standard_errors_of_0_and_a_chance_of_1_are_errors():
    with pytest.raises(SettingsError, match="standard errors"):
        fit_power_law([2, 4, 8], [0.5, 0.6, 0.7], [0.1, 0.0, 0.1])
    with pytest.raises(SettingsError, match="chance"):
        fit_power_law([2, 4, 8], [0.5, 0.6, 0.7], chance=1.0)


# From the tables of a comparison


def tables(accuracies, clips=200, classes=4, folds=5, grouped=False, seed=0):
    """Results and predictions of one system, right at random, by train fraction."""
    generator, results, predictions = np.random.default_rng(seed), [], []
    for fraction, accuracy in accuracies.items():
        right = generator.random(clips) < accuracy
        names = {"dataset": "bells", "embedding": "yamnet", "classifier": "svm", "fusion": "late"}
        names |= {"train_fraction": fraction, "split": "clips", "repeat": 0}
        for fold in range(folds):
            tested = np.arange(clips)[np.arange(clips) // classes % folds == fold]
            sizes = {"n_train": round(fraction * clips), "n_test": len(tested)}
            results.append({**names, "fold": str(fold), **sizes, "accuracy": right[tested].mean()})
            for clip in tested:
                label = f"bell {clip % classes}"
                known = {"group": f"hand {clip // 10}"} if grouped else {}
                predictions.append(
                    {**names, "fold": str(fold), "path": f"{clip}.wav", **known, "label": label}
                    | {"predicted": label if right[clip] else "none"}
                )
    return pd.DataFrame(results), pd.DataFrame(predictions)


FOUR = {0.8: 0.9, 0.4: 0.85, 0.2: 0.75, 0.1: 0.6}


def test_points_are_labelled_clips_per_class_and_their_accuracies():
    results, predictions = tables(FOUR)
    (curve,) = learning_curves(results, predictions)
    assert [point.labels for point in curve.points] == [5, 10, 20, 40]
    means = results.groupby("train_fraction")["accuracy"].mean()
    assert [point.accuracy for point in curve.points] == pytest.approx(means.tolist())
    assert all(point.low <= point.accuracy <= point.high for point in curve.points)
    assert curve.fit.chance == pytest.approx(0.25)


def test_the_gain_of_doubling_is_that_of_the_curve_and_lies_in_its_interval():
    (curve,) = learning_curves(*tables(FOUR))
    gain = curve.gain_of_doubling()
    assert gain.labels == 40
    assert [gain.now, gain.doubled] == pytest.approx(curve.fit.accuracy([40, 80]).tolist())
    assert 0 <= gain.low <= gain.gain <= gain.high < 0.2


def test_the_same_seed_gives_the_same_curve():
    results, predictions = tables(FOUR)
    first, second, other = (learning_curves(results, predictions, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.resampled, second.resampled)
    assert (first.resampled != other.resampled).any()


def test_groups_are_resampled_where_they_are_known():
    (curve,) = learning_curves(*tables(FOUR, grouped=True))
    assert curve.clusters == 20


def test_a_data_set_with_groups_beside_it_changes_nothing_for_one_without():
    accuracies = {0.2: 0.6, 0.4: 0.7, 0.8: 0.8}
    alone, grouped = tables(accuracies), [table.assign(dataset="gongs") for table in tables(accuracies, grouped=True)]
    both = [pd.concat(each, ignore_index=True) for each in zip(grouped, alone, strict=True)]
    (expected,), (_, found) = learning_curves(*alone), learning_curves(*both)
    assert (found.clusters, found.points, found.fit) == (expected.clusters, expected.points, expected.fit)
    summary = summarise(*(table.assign(balanced_accuracy=0, macro_f1=0, seconds=0) for table in both))
    ends = ["accuracy_low", "accuracy_high", "bootstrap_low", "bootstrap_high"]
    expected = summarise(*(table.assign(balanced_accuracy=0, macro_f1=0, seconds=0) for table in alone))
    np.testing.assert_allclose(summary[ends].tail(len(expected)), expected[ends])


def test_two_train_fractions_have_points_but_no_fit():
    (curve,) = learning_curves(*tables({0.8: 0.9, 0.1: 0.6}))
    assert len(curve.points) == 2
    assert curve.fit is None
    assert curve.gain_of_doubling() is None
    assert np.isnan(curve.band([5, 40])).all()


def test_one_train_fraction_has_no_curve():
    assert learning_curves(*tables({0.8: 0.9})) == []


def test_the_band_holds_the_curve():
    (curve,) = learning_curves(*tables(FOUR))
    places = [5, 10, 20, 40, 80]
    low, high = curve.band(places)
    assert (low <= curve.fit.accuracy(places)).all()
    assert (curve.fit.accuracy(places) <= high).all()


def test_systems_that_are_always_right_gain_nothing_and_no_interval_is_made_up():
    (curve,) = learning_curves(*tables(dict.fromkeys(FOUR, 1.1)))
    gain = curve.gain_of_doubling()
    assert gain.gain == 0
    assert math.isnan(gain.low)
    assert math.isnan(gain.high)


def test_clips_that_were_not_tested_at_every_train_fraction_are_an_error():
    results, predictions = tables(FOUR)
    with pytest.raises(SettingsError, match="same test clips"):
        learning_curves(results, predictions.iloc[1:])


def test_the_interval_of_the_gain_holds_the_true_gain_about_95_times_in_100():
    law = fit_power_law([5, 10, 20, 40], [0.6, 0.72, 0.8, 0.86], chance=0.25)
    true = np.diff(law.accuracy([40, 80]))[0]
    fractions = (0.1, 0.2, 0.4, 0.8)
    accuracies = dict(zip(fractions, law.accuracy([5, 10, 20, 40]), strict=True))
    hits = 0
    for seed in range(40):
        (curve,) = learning_curves(*tables(accuracies, seed=seed), resamples=200)
        gain = curve.gain_of_doubling()
        hits += gain.low <= true <= gain.high
    assert hits >= 35
