"""The machines of many training sets in one solve: those that would have been trained one by one, to the tolerance."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from earmark.classifiers import LinearSVM
from earmark.classifiers.batched_svm import fit_svms
from earmark.classifiers.weighting import class_weights
from earmark.errors import SettingsError
from earmark.evaluation import System
from earmark.store import ClipFrames


def embeddings(clips=60, frames=8, dimension=24, classes=3, seed=0):
    """Rows like those of real embeddings: not negative, correlated, of very different ranges, in clips of alike frames.

    Returns rows, labels and the clip of each row.
    """
    generator = np.random.default_rng(seed)
    kinds = np.arange(clips) % classes
    causes = 0.6 * generator.normal(size=(classes, 6))[kinds] + generator.normal(size=(clips, 6))
    latent = np.repeat(causes, frames, axis=0) + 0.5 * generator.normal(size=(clips * frames, 6))
    rows = latent @ generator.normal(size=(6, dimension)) + 0.5 * generator.normal(size=(len(latent), dimension))
    rows = np.maximum(rows - 0.2, 0) * np.exp(generator.normal(size=dimension))
    labels = np.array(["buzz", "hum", "knock", "tick"])[np.repeat(kinds, frames)]
    return rows.astype(np.float32), labels, np.repeat(np.arange(clips), frames)


def folds(clips, count=5, seed=1):
    """For each fold the rows outside of it, by clip."""
    fold = np.random.default_rng(seed).permutation(clips.max() + 1) % count
    return [fold[clips] != number for number in range(count)]


def scaled(rows, fitted):
    return (rows - fitted.offset) * fitted.scale


def alone(rows, labels, members, **options):
    """Scaling and machine of one set as `System` has them, the machine converged tightly."""
    system = System("svm", "late")
    system.model = LinearSVM(**{"tol": 1e-8, **options})
    return system.fit(ClipFrames(rows[members], np.arange(members.sum() + 1)), labels[members])


def vectors(model):
    return np.column_stack([model.coef_, model.intercept_])


def assert_alike(fitted, system, rows):
    """Same scaling, coefficients within 1e-3 relative, same decisions (but for rows on the very boundary)."""
    assert np.array_equal(fitted.offset, system.offset)
    assert np.array_equal(fitted.scale, system.scale)
    assert fitted.model.classes_.tolist() == system.model.classes_.tolist()
    ours, theirs = vectors(fitted.model), vectors(system.model)
    assert ours.shape == theirs.shape
    assert (np.linalg.norm(ours - theirs, axis=1) <= 1e-3 * np.linalg.norm(theirs, axis=1) + 1e-9).all()
    agree = fitted.model.predict(scaled(rows, fitted)) == system.model.predict(scaled(rows, fitted))
    assert agree.mean() >= 0.999


def assert_all_alike(rows, labels, sets, **options):
    fitted = fit_svms(rows, labels, sets, workers=1, **options)
    assert len(fitted) == len(sets)
    for one, members in zip(fitted, sets, strict=True):
        assert_alike(one, alone(rows, labels, members, **options), rows)


def objective_gradient(rows, labels, model, vector, code, C=1.0):
    """liblinear's gradient in float64, written out for one machine."""
    codes = np.searchsorted(model.classes_, labels)
    weights = class_weights("balanced", model.classes_, codes, np.ones(len(codes)))
    signs = np.where(codes == code, 1.0, -1.0)
    cost = C * (weights[codes] if len(model.classes_) == 2 else np.where(codes == code, weights[code], 1.0))
    wide = np.column_stack([rows.astype(np.float64), np.ones(len(rows))])
    short = np.maximum(0, 1 - signs * (wide @ vector))
    return vector - 2 * wide.T @ (cost * signs * short)


# The same machines

# Rows that are solved in different ways: no more than columns, few times as many, and many times.
SHAPES = {
    "fewer than columns": {"frames": 1, "dimension": 70},
    "few": {},
    "many": {"frames": 24},
    "many, in several blocks": {"clips": 120, "frames": 40},
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@shapes
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_each_fold_has_the_machine_that_it_would_have_alone(classes, shape):
    rows, labels, clips = embeddings(**shape, classes=classes)
    assert_all_alike(rows, labels, folds(clips))


@shapes
def test_rows_in_float64_have_such_machines_too(shape):
    rows, labels, clips = embeddings(**shape)
    assert_all_alike(rows.astype(np.float64), labels, folds(clips, 2))


@shapes
@pytest.mark.parametrize("options", [{"C": 0.01}, {"C": 30.0}, {"class_weight": None}, {"class_weight": {"hum": 5.0}}])
def test_settings_mean_what_they_mean_for_one_machine(options, shape):
    rows, labels, clips = embeddings(**shape)
    assert_all_alike(rows, labels, folds(clips, 3), **options)


@pytest.mark.parametrize("frames", [8, 24])
def test_sets_may_differ_in_size_overlap_or_not_and_leave_rows_out(frames):
    rows, labels, clips = embeddings(clips=90, frames=frames)
    sets = [clips < 6, clips < 60, (clips >= 30) & (clips < 45), np.full(len(rows), True), clips >= 84]
    assert_all_alike(rows, labels, sets)


@pytest.mark.parametrize("frames", [8, 24])
def test_a_set_that_lacks_a_class_knows_only_the_others(frames):
    rows, labels, clips = embeddings(classes=4, frames=frames)
    sets = [labels != "hum", clips < 40, np.isin(labels, ["knock", "tick"])]
    fitted = fit_svms(rows, labels, sets, workers=1)
    assert [len(one.model.intercept_) for one in fitted] == [3, 4, 1]
    assert_all_alike(rows, labels, sets)


def test_a_set_of_one_class_is_refused_as_by_one_machine():
    rows, labels, _ = embeddings()
    with pytest.raises(SettingsError, match=r"LinearSVM needs training rows of at least 2 classes.*'hum'"):
        fit_svms(rows, labels, [labels != "hum", labels == "hum"])


def test_one_clip_a_class_is_enough():
    rows, labels, clips = embeddings()
    assert_all_alike(rows, labels, [clips < 3, (clips >= 3) & (clips < 6)])


def test_a_row_given_twice_counts_twice():
    rows, labels, clips = embeddings()
    sets, again = folds(clips, 3), np.r_[np.arange(len(rows)), np.arange(40)]
    assert_all_alike(rows[again], labels[again], [members[again] for members in sets])


def test_whole_numbers_are_labels_too():
    rows, labels, clips = embeddings()
    numbers = np.unique(labels, return_inverse=True)[1] + 10
    assert fit_svms(rows, numbers, folds(clips, 2))[0].model.classes_.tolist() == [10, 11, 12]


def test_labels_outside_of_all_sets_are_not_looked_at():
    rows, labels, clips = embeddings()
    sets = [(clips < 20), (clips >= 10) & (clips < 30)]
    plain = fit_svms(rows, labels, sets)
    labels = np.where(clips < 30, labels, "zzz")
    for one, other in zip(plain, fit_svms(rows, labels, sets), strict=True):
        assert np.array_equal(vectors(one.model), vectors(other.model))


@pytest.mark.parametrize(
    "odd",
    [
        np.full(3, 7.0),
        np.zeros(3),
        np.array([0, 1e-40, 0]),
        np.array([0, 2e-38, 1e-38]),
        np.array([-1e30, 1e30, 0]),
        np.array([1e3, 1e3 + 1, 1e3 + 0.25]),
        np.array([1e20, 1e20, 1e20]),
    ],
    ids=["constant", "zero", "denormal", "tiny", "huge", "far", "huge constant"],
)
@shapes
def test_columns_of_an_odd_range_are_scaled_as_for_one_machine(odd, shape):
    rows, labels, clips = embeddings(**shape)
    rows[:, 5] = np.resize(odd, len(rows))
    assert_all_alike(rows, labels, folds(clips, 3))


@shapes
def test_a_column_that_is_constant_in_one_set_only_takes_no_part_there(shape):
    rows, labels, clips = embeddings(**shape)
    sets = folds(clips, 3)
    rows[sets[0], 5] = 2.5
    fitted = fit_svms(rows, labels, sets)
    assert (fitted[0].model.coef_[:, 5] == 0).all()
    assert (fitted[1].model.coef_[:, 5] != 0).all()
    assert_all_alike(rows, labels, sets)


@shapes
def test_an_outlier_in_one_fold_does_not_harm_the_others(shape):
    rows, labels, clips = embeddings(**shape)
    rows[0] *= 300
    assert_all_alike(rows, labels, folds(clips))


# Convergence


@pytest.mark.parametrize("frames", [8, 24])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_gradient_satisfies_the_stopping_rule_of_liblinear(classes, frames):
    rows, labels, clips = embeddings(classes=classes, clips=100, frames=frames)
    sets = folds(clips, 4)
    for fitted, members in zip(fit_svms(rows, labels, sets), sets, strict=True):
        inside, own = scaled(rows[members], fitted), labels[members]
        machines = enumerate(vectors(fitted.model), start=1 if classes == 2 else 0)
        for code, vector in machines:
            share = (own == fitted.model.classes_[code]).mean()
            first = objective_gradient(inside, own, fitted.model, np.zeros_like(vector), code)
            last = objective_gradient(inside, own, fitted.model, vector, code)
            assert np.linalg.norm(last) <= 1.01e-4 * min(share, 1 - share) * np.linalg.norm(first)


@shapes
def test_rows_in_float64_can_be_solved_more_tightly_than_liblinear_can(shape):
    rows, labels, clips = embeddings(**shape)
    rows, sets = rows.astype(np.float64), folds(clips, 3)
    for fitted, members in zip(fit_svms(rows, labels, sets, tol=1e-9), sets, strict=True):
        inside, own = scaled(rows[members], fitted), labels[members]
        theirs = LinearSVM(tol=1e-12).fit(inside, own)
        assert np.allclose(vectors(fitted.model), vectors(theirs), rtol=1e-5, atol=1e-6)
        for code, vector in enumerate(vectors(fitted.model)):
            assert np.linalg.norm(objective_gradient(inside, own, theirs, vector, code)) < 2e-6


@shapes
def test_so_can_rows_in_float32(shape):
    rows, labels, clips = embeddings(**shape)
    [fitted] = fit_svms(rows, labels, [clips < 50], tol=1e-10)
    expected = LinearSVM(tol=1e-10).fit(scaled(rows[clips < 50], fitted), labels[clips < 50])
    assert np.allclose(vectors(fitted.model), vectors(expected), rtol=1e-5, atol=1e-5)


@shapes
def test_machines_that_do_not_converge_say_so(shape):
    rows, labels, clips = embeddings(**shape)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        fit_svms(rows, labels, folds(clips, 2), max_iter=1, tol=1e-7)


@pytest.mark.parametrize("count", [40, 1500])
def test_rows_that_are_all_alike_give_machines_that_know_nothing(count):
    labels = np.resize(["hum", "knock"], count)
    [fitted] = fit_svms(np.full((count, 50), 3, np.float32), labels, [np.full(count, True)])
    assert np.allclose(vectors(fitted.model), 0, atol=1e-6)


# Scaling, and the system that comes out


def test_folding_the_scaling_into_the_weights_is_scaling_the_rows():
    rows, labels, _ = embeddings()
    everything = np.full(len(rows), True)
    [folded] = fit_svms(rows, labels, [everything])
    [explicit] = fit_svms(scaled(rows, folded), labels, [everything])
    assert np.allclose(explicit.offset, 0)
    assert np.allclose(explicit.scale, 1, rtol=1e-6)
    difference = np.linalg.norm(vectors(folded.model) - vectors(explicit.model))
    assert difference <= 1e-3 * np.linalg.norm(vectors(explicit.model))


def test_a_system_can_be_put_together_from_what_comes_out():
    rows, labels, clips = embeddings()
    frames = ClipFrames(rows, np.arange(0, len(rows) + 1, 8))
    members = clips < 48
    [fitted] = fit_svms(rows, labels, [members])
    system = System.restore(fitted.model, "late", fitted.offset, fitted.scale)
    expected = System("svm", "late").fit(frames.take(np.arange(48)), labels[::8][:48])
    assert np.allclose(system.likelihoods(frames), expected.likelihoods(frames), atol=5e-3)
    assert fitted.offset.dtype == fitted.scale.dtype == np.float32
    assert fitted.model.n_features_in_ == 24


# Bits


@shapes
def test_the_number_of_workers_changes_no_bit(shape):
    rows, labels, clips = embeddings(**shape)
    sets = folds(clips, 3)
    one, two = (fit_svms(rows, labels, sets, workers=workers) for workers in (1, 2))
    for first, second in zip(one, two, strict=True):
        assert np.array_equal(vectors(first.model), vectors(second.model))
        assert np.array_equal(first.offset, second.offset)
        assert first.model.n_iter_ == second.model.n_iter_


@shapes
def test_rows_and_sets_are_left_as_they_were(shape):
    rows, labels, clips = embeddings(**shape)
    rows[:, 5] += 1e4
    before, sets = rows.copy(), folds(clips, 2)
    fit_svms(rows, labels, sets)
    assert np.array_equal(rows, before)


# What cannot be used


def test_no_sets_give_no_machines():
    rows, labels, _ = embeddings()
    assert fit_svms(rows, labels, []) == []


@pytest.mark.parametrize("setting", [{"C": 0}, {"tol": -1.0}, {"max_iter": 0}, {"class_weight": "even"}])
def test_unusable_settings_are_refused_by_name(setting):
    rows, labels, clips = embeddings()
    with pytest.raises(SettingsError, match=next(iter(setting))):
        fit_svms(rows, labels, folds(clips, 2), **setting)


def test_unusable_rows_and_sets_are_refused_with_advice():
    rows, labels, clips = embeddings()
    with pytest.raises(SettingsError, match="float32 or float64"):
        fit_svms(rows.astype(int), labels, folds(clips, 2))
    with pytest.raises(SettingsError, match="training set 1 has the shape"):
        fit_svms(rows, labels, [clips < 9, np.arange(5)])
    with pytest.raises(SettingsError, match="training set 0 has no rows"):
        fit_svms(rows, labels, [clips < 0])
    rows[3, 3] = np.nan
    with pytest.raises(SettingsError, match="not finite"):
        fit_svms(rows, labels, folds(clips, 2))


# Anything small


@settings(max_examples=40, deadline=None)
@given(
    st.integers(4, 40), st.integers(1, 12), st.integers(2, 4), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1, 10])
)
def test_any_small_problem_is_solved(count, dimension, classes, seed, C):
    generator = np.random.default_rng(seed)
    rows = generator.choice([0, 1, 2, 0.5], (count, dimension)) + generator.random() * generator.random(
        (count, dimension)
    )
    rows = rows.astype(np.float32)
    labels = generator.integers(0, classes, count)
    sets = [generator.random(count) < share for share in (0.9, 0.5)]
    assume(all(len(set(labels[members].tolist())) > 1 for members in sets))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of the reference, at its tight tolerance
        for fitted, members in zip(fit_svms(rows, labels, sets, C=C, workers=1), sets, strict=True):
            theirs = vectors(alone(rows, labels, members, C=C, tol=1e-10).model)
            ours = vectors(fitted.model)
            assert (np.linalg.norm(ours - theirs, axis=1) <= 1e-3 * np.linalg.norm(theirs, axis=1) + 1e-6).all()


@pytest.mark.parametrize("factor", [100, 10_000])
def test_a_fold_that_holds_an_outlier_out_is_solved_as_closely(factor):
    generator = np.random.default_rng(0)
    codes = np.arange(4000) % 4
    rows = (generator.normal(size=(4000, 40)) + 1.5 * np.eye(4, 40)[codes]).astype(np.float32)
    rows[7] *= factor
    everything = np.full(4000, True)
    without = everything.copy()
    without[:200] = False
    _, fitted = fit_svms(rows, codes, [everything, without])
    alone = LinearSVM(tol=1e-8).fit((rows[without] - fitted.offset) * fitted.scale, codes[without])
    ours, theirs = (np.column_stack([one.coef_, one.intercept_]) for one in (fitted.model, alone))
    assert np.linalg.norm(ours - theirs, axis=1).max() <= 1e-3 * np.linalg.norm(theirs, axis=1).min()


@pytest.mark.parametrize("C", [100.0, 10_000.0])
@pytest.mark.parametrize("seed", range(4))
def test_large_costs_are_solved_to_the_end(C, seed):
    generator = np.random.default_rng(seed)
    codes = np.arange(400) % 3
    rows = (generator.normal(size=(400, 40)) + 0.5 * np.eye(3, 40)[codes]).astype(np.float32)
    [fitted] = fit_svms(rows, codes, [np.full(400, True)], C=C)  # a warning would be an error
    assert fitted.model.n_iter_ < 1000
