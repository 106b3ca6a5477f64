"""Both ways of training a comparison's classifiers give the same systems."""

import numpy as np
import pytest

from earmark.classifiers import SCALINGS
from earmark.errors import SettingsError
from earmark.evaluation import SOLVERS, fit_systems, pool
from earmark.store import ClipFrames

CLASSES = np.array(["buzz", "hum", "knock"])


def clips(count=60, dimension=8, seed=0):
    """Clips of one to five frames that overlap with those of other classes."""
    generator = np.random.default_rng(seed)
    codes = np.arange(count) % len(CLASSES)
    frames = [
        (2.0 * np.eye(len(CLASSES), dimension)[code] + generator.normal(size=(generator.integers(1, 6), dimension)))
        for code in codes
    ]
    return ClipFrames.from_list([part.astype(np.float32) for part in frames]), CLASSES[codes]


def folds(count, seed=0):
    """Training clips of five folds, and of one that has been given only a few."""
    order = np.random.default_rng(seed).permutation(count)
    parts = np.array_split(order, 5)
    return [np.setdiff1d(order, part) for part in parts] + [np.sort(order[: count // 6])]


def trained(solver, classifier, fusion, **options):
    frames, labels = clips()
    rows, training = pool(frames, fusion), folds(len(frames))
    seeds = range(len(training))
    return rows, fit_systems(classifier, fusion, rows, labels, training, seeds, solver=solver, **options)


@pytest.mark.parametrize("fusion", ["late", "early"])
@pytest.mark.parametrize(("classifier", "tolerance"), [("svm", 2e-3), ("d128", 1e-5)])
def test_the_solvers_agree(classifier, tolerance, fusion):
    rows, ours = trained("batched", classifier, fusion)
    _, theirs = trained("sklearn", classifier, fusion)
    for one, other in zip(ours, theirs, strict=True):
        assert one.classes.tolist() == other.classes.tolist()
        np.testing.assert_array_equal(one.offset, other.offset)
        np.testing.assert_array_equal(one.scale, other.scale)
        np.testing.assert_allclose(one.likelihoods(rows), other.likelihoods(rows), rtol=0, atol=tolerance)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("fusion", ["late", "early-mean"])  # frames of clips, and few rows
@pytest.mark.parametrize(
    ("classifier", "tolerance"),
    [("svm", 2e-3), ("svm:C=0.01:class_weight=none", 2e-3), ("mlp:hidden=16:epochs=20", 1e-5)],
)
def test_the_solvers_agree_under_each_scaling(classifier, tolerance, fusion, scaling):
    rows, ours = trained("batched", classifier, fusion, scaling=scaling)
    _, theirs = trained("sklearn", classifier, fusion, scaling=scaling)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.offset, other.offset)
        np.testing.assert_array_equal(one.scale, other.scale)
        np.testing.assert_allclose(one.likelihoods(rows), other.likelihoods(rows), rtol=0, atol=tolerance)


@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_many_rows_far_from_zero_are_solved_under_each_scaling(scaling):
    """So many rows that all machines are solved side by side, with a column whose digits a plain fold would lose."""
    frames, labels = clips(count=900)
    frames.values[:, 0] += 100
    training = folds(len(frames))[:3]
    ours = fit_systems("svm", "late", frames, labels, training, range(3), scaling=scaling)
    # To liblinear's default tolerance its machines are further from the solution than ours.
    exact = fit_systems("svm:tol=1e-8", "late", frames, labels, training, range(3), scaling=scaling, solver="sklearn")
    for one, other in zip(ours, exact, strict=True):
        np.testing.assert_allclose(one.likelihoods(frames), other.likelihoods(frames), rtol=0, atol=1e-3)


@pytest.mark.parametrize("classifier", ["logistic", "svc"])
def test_classifiers_without_a_solve_for_many_folds_are_trained_one_by_one(classifier):
    rows, ours = trained("batched", classifier, "early-mean", scaling="standard")
    _, theirs = trained("sklearn", classifier, "early-mean", scaling="standard")
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.likelihoods(rows), other.likelihoods(rows))


@pytest.mark.parametrize("solver", SOLVERS)
def test_nothing_depends_on_the_workers(solver):
    for classifier in ("svm", "d128"):
        rows, one = trained(solver, classifier, "late", workers=1)
        _, other = trained(solver, classifier, "late", workers=3)
        for first, second in zip(one, other, strict=True):
            np.testing.assert_array_equal(first.likelihoods(rows), second.likelihoods(rows))


def test_a_fold_may_lack_a_class_that_others_have():
    frames, labels = clips()
    without = np.flatnonzero(labels != "knock")
    for classifier in ("svm", "d128"):
        whole, part = fit_systems(classifier, "late", frames, labels, [np.arange(len(frames)), without], [0, 1])
        assert whole.classes.tolist() == ["buzz", "hum", "knock"]
        assert part.classes.tolist() == ["buzz", "hum"]


def test_unknown_solvers_are_refused():
    frames, labels = clips()
    with pytest.raises(SettingsError, match=r"no solver 'magic'\. There are: batched, sklearn"):
        fit_systems("svm", "late", frames, labels, [np.arange(60)], [0], solver="magic")
