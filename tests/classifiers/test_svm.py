"""The support vector machine: liblinear's solution, and likelihoods that stay finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from earmark.classifiers import LinearSVM
from earmark.errors import SettingsError


def frames(classes=3, rows=120, seed=0):
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    y[: rows // 4] = 0
    return generator.random((rows, 20)) + 0.3 * np.eye(classes, 20)[y], y


def machine_with(coef, intercept):
    machine = LinearSVM()
    machine.coef_, machine.intercept_ = np.asarray(coef, dtype=float), np.asarray(intercept, dtype=float)
    machine.classes_ = np.arange(max(2, len(coef)))
    machine.n_features_in_ = machine.coef_.shape[1]
    return machine


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_machine_of_scikit_learn(classes):
    X, y = frames(classes)
    ours, theirs = LinearSVM(C=0.7).fit(X, y), LinearSVC(C=0.7, dual=False, class_weight="balanced").fit(X, y)
    assert np.allclose(ours.coef_, theirs.coef_)
    assert np.allclose(ours.intercept_, theirs.intercept_)
    assert np.array_equal(ours.predict(X), theirs.predict(X))


def test_fitting_twice_gives_the_same_bits():
    X, y = frames()
    assert np.array_equal(LinearSVM().fit(X, y).coef_, LinearSVM().fit(X, y).coef_)


def test_likelihoods_are_normalised_logistic_functions_of_the_decision_values():
    X, y = frames()
    machine = LinearSVM().fit(X, y)
    sigmoids = 1 / (1 + np.exp(-machine.decision_function(X)))
    assert np.allclose(machine.predict_proba(X), sigmoids / sigmoids.sum(axis=1, keepdims=True), rtol=1e-12)


def test_two_classes_have_sigmoid_and_its_complement():
    X, y = frames(2)
    machine = LinearSVM().fit(X, y)
    distances = machine.decision_function(X)
    assert distances.shape == (120,)
    assert np.allclose(machine.predict_proba(X)[:, 1], 1 / (1 + np.exp(-distances)), rtol=1e-12)


@given(arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6)))
def test_likelihoods_are_finite_and_sum_to_one_for_any_distance(distances):
    machine = machine_with(np.eye(3), np.zeros(3))
    likelihoods = machine.predict_proba(distances)
    assert np.isfinite(likelihoods).all()
    assert np.allclose(likelihoods.sum(axis=1), 1.0)
    # The largest distance has the largest likelihood, if not alone.
    rows = np.arange(4)
    assert np.array_equal(likelihoods[rows, distances.argmax(axis=1)], likelihoods.max(axis=1))


def test_far_outside_all_classes_the_nearest_still_wins():
    machine = machine_with(np.eye(3), np.zeros(3))
    assert machine.predict_proba([[-2000.0, -1000.0, -3000.0]]).tolist() == [[0.0, 1.0, 0.0]]


def test_a_machine_that_does_not_converge_says_so():
    X, y = frames()
    with pytest.warns(ConvergenceWarning):
        LinearSVM(max_iter=1, tol=1e-12).fit(X, y)


@pytest.mark.parametrize("setting", [{"C": 0}, {"C": np.inf}, {"tol": -1.0}, {"max_iter": 0}, {"class_weight": "even"}])
def test_unusable_settings_are_refused_by_name(setting):
    X, y = frames()
    with pytest.raises(SettingsError, match=next(iter(setting))):
        LinearSVM(**setting).fit(X, y)
