"""What scikit-learn asks of every estimator, and what all classifiers promise beyond that."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from earmark.classifiers import DenseNet, KernelSVM, LinearSVM, SoftmaxRegression
from earmark.classifiers.weighting import class_weights, row_weights
from earmark.errors import SettingsError

# Shuffling and dropout depend on how many rows there are, so a row of weight 2 is not two rows.
STOCHASTIC = "training draws random numbers for each row"


def expected_failures(estimator):
    if isinstance(estimator, DenseNet):
        return {"check_sample_weight_equivalence_on_dense_data": STOCHASTIC}
    return {}


# The tolerance, because one check compares two ways to the same machine to 1e-7; by default they agree to 1e-6.
@parametrize_with_checks(
    [
        LinearSVM(tol=1e-10),
        SoftmaxRegression(tol=1e-10),
        KernelSVM(tol=1e-10),
        DenseNet(),
        DenseNet(hidden=(32, 16), epochs=150),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


def blobs(rows=90, seed=0):
    generator = np.random.default_rng(seed)
    y = np.array(["hum", "knock", "scratch"])[np.arange(rows) % 3]
    X = generator.normal(size=(rows, 5)) + 1.5 * np.eye(3, 5)[np.arange(rows) % 3]
    return X.astype(np.float32), y


MAKERS = {
    "LinearSVM": LinearSVM,
    "SoftmaxRegression": lambda: SoftmaxRegression(class_weight="balanced"),
    "KernelSVM": lambda: KernelSVM(class_weight="balanced"),
    "DenseNet": lambda: DenseNet(hidden=(8,), epochs=100, dropout=0.2, learning_rate=0.01, random_state=0),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
class TestAll:
    def test_a_row_of_weight_zero_counts_as_absent(self, make):
        X, y = blobs()
        weight = np.arange(len(X)) % 2
        masked = make().fit(X, y, sample_weight=weight).predict_proba(X)
        absent = make().fit(X[weight > 0], y[weight > 0]).predict_proba(X)
        assert np.array_equal(masked, absent)

    def test_a_class_whose_rows_all_weigh_nothing_is_unknown(self, make):
        X, y = blobs()
        fitted = make().fit(X, y, sample_weight=y != "scratch")
        assert fitted.classes_.tolist() == ["hum", "knock"]
        assert fitted.predict_proba(X).shape == (90, 2)

    def test_one_class_alone_is_refused_by_name(self, make):
        with pytest.raises(SettingsError, match="one class only: 'hum'"):
            make().fit([[0.0], [1.0]], ["hum", "hum"])

    def test_float32_and_float64_of_the_same_values_train_the_same(self, make):
        X, y = blobs()
        assert np.array_equal(
            make().fit(X, y).predict_proba(X), make().fit(X.astype(np.float64), y).predict_proba(X.astype(np.float64))
        )

    def test_balanced_classes_do_not_follow_their_counts(self, make):
        generator = np.random.default_rng(0)
        X = np.concatenate([generator.normal(0, 1, (300, 1)), generator.normal(1, 1, (30, 1))])
        y = np.repeat([0, 1], [300, 30])
        even = np.concatenate([generator.normal(0, 1, (500, 1)), generator.normal(1, 1, (500, 1))])
        balanced = make().fit(X, y).predict(even).mean()
        plain = make().set_params(class_weight=None).fit(X, y).predict(even).mean()
        assert plain < 0.15
        assert 0.35 < balanced < 0.65

    def test_a_class_weight_for_an_unknown_label_is_refused(self, make):
        X, y = blobs()
        with pytest.raises(SettingsError, match=r"names \['hmu'\]"):
            make().set_params(class_weight={"hmu": 2.0}).fit(X, y)

    @pytest.mark.parametrize("weight", [[-1.0] * 90, [np.nan] * 90, [0.0] * 90, [1.0] * 89])
    def test_unusable_sample_weights_are_refused(self, make, weight):
        X, y = blobs()
        with pytest.raises(SettingsError, match="sample_weight"):
            make().fit(X, y, sample_weight=weight)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=40), st.integers(0, 2**32 - 1))
def test_balanced_weights_give_every_class_the_same_total(codes, seed):
    classes, codes = np.unique(codes, return_inverse=True)
    weights = np.random.default_rng(seed).uniform(0.1, 3, len(codes))
    of_class = class_weights("balanced", classes, codes, weights)
    totals = np.bincount(codes, weights=weights * of_class[codes])
    assert np.allclose(totals, weights.sum() / len(classes))


def test_no_sample_weights_mean_one_each():
    assert row_weights(None, 3).tolist() == [1.0, 1.0, 1.0]


def test_importing_the_room_loads_neither_torch_nor_scikit_learn():
    probe = (
        "import sys, earmark.classifiers as room; from earmark.classifiers import list_classifiers; "
        "assert not {'torch', 'sklearn'} & set(sys.modules); assert set(room.__all__) <= set(dir(room))"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_an_unknown_name_in_the_room_is_an_attribute_error():
    import earmark.classifiers

    with pytest.raises(AttributeError, match="no attribute 'RandomForest'"):
        _ = earmark.classifiers.RandomForest


@pytest.mark.parametrize("classes", [2, 3])
def test_softmax_regression_is_the_optimum_of_its_objective(classes):
    from scipy.special import logsumexp

    X, y = blobs()
    X, y = X[: 30 * classes].astype(np.float64), np.arange(30 * classes) % classes
    machine = SoftmaxRegression(C=0.3, tol=1e-9).fit(X, y)
    coefficients = np.vstack([-machine.coef_, machine.coef_]) / 2 if classes == 2 else machine.coef_
    offsets = np.concatenate([-machine.intercept_, machine.intercept_]) / 2 if classes == 2 else machine.intercept_

    def likelihoods(values):
        return np.exp(values - logsumexp(values, axis=1, keepdims=True))

    found = likelihoods(X @ coefficients.T + offsets)
    assert np.allclose(machine.predict_proba(X), found, atol=1e-9)
    slope = (found - np.eye(classes)[y]).T @ X * 0.3
    penalty = coefficients if classes > 2 else 2 * coefficients  # of two classes, scikit-learn penalises one vector
    assert np.allclose(slope, -penalty, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_a_machine_with_a_kernel_decides_as_libsvm_does_where_the_classes_stand_apart(classes):
    from sklearn.svm import SVC

    generator, y = np.random.default_rng(0), np.arange(40 * classes) % classes
    X = generator.normal(size=(len(y), 5)) + 3 * np.eye(classes, 5)[y]
    theirs = SVC().fit(X, y)
    ours = KernelSVM().fit(X, y)
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.95  # votes of pairs may tie, means of likelihoods do not
    likelihoods = ours.predict_proba(X)
    assert np.allclose(likelihoods.sum(axis=1), 1)
    assert (likelihoods.argmax(axis=1) == y).mean() > 0.9
