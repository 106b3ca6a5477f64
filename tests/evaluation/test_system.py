"""A system: scaled by its training rows alone, finite on odd features, right where being right is easy."""

import numpy as np
import pytest

from earmark.classifiers import make_classifier
from earmark.errors import SettingsError
from earmark.evaluation import FUSIONS, System, is_late, pool
from earmark.store import ClipFrames


def clips(count=8, seed=0, classes=("buzz", "hum", "knock"), distance=4.0, dimension=6):
    """`count` clips of each class, of one to five frames that scatter around a place of the class."""
    generator = np.random.default_rng(seed)
    labels = np.tile(classes, count)
    places = distance * np.eye(len(classes), dimension)
    frames = [
        (places[classes.index(label)] + generator.normal(size=(generator.integers(1, 6), dimension))).astype(np.float32)
        for label in labels
    ]
    return ClipFrames.from_list(frames), labels


def trained(fusion="late", classifier="svm", **options):
    frames, labels = clips(**options)
    return System(classifier, fusion).fit(pool(frames, fusion), labels)


def scaled(system, frames):
    return (frames.values - system.offset) * system.scale


# Scaling


def test_training_rows_are_scaled_to_0_to_1():
    system, (frames, _) = trained(), clips()
    rows = scaled(system, frames)
    assert np.allclose(rows.min(axis=0), 0)
    assert np.allclose(rows.max(axis=0), 1)


def test_test_rows_are_scaled_as_the_training_rows_were_and_may_leave_that_range():
    system = trained()
    outside = ClipFrames.from_list([np.full((1, 6), 100, np.float32), np.full((1, 6), -100, np.float32)])
    assert (scaled(system, outside) > 1).any()
    assert (scaled(system, outside) < 0).any()
    expected = system.model.predict_proba((outside.values - system.offset) * system.scale)
    assert np.allclose(system.likelihoods(outside), expected)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_testing_changes_nothing_about_the_system(fusion):
    system = trained(fusion)
    before = [system.offset.copy(), system.scale.copy(), system.model.coef_.copy(), system.model.intercept_.copy()]
    test, _ = clips(seed=1)
    first = system.likelihoods(pool(test, fusion))
    extreme = ClipFrames(1000 * test.values, test.offsets)
    system.likelihoods(pool(extreme, fusion))
    after = [system.offset, system.scale, system.model.coef_, system.model.intercept_]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert np.array_equal(system.likelihoods(pool(test, fusion)), first)


def test_validation_rows_do_not_enter_scaling_or_classifier():
    frames, labels = clips()
    far, far_labels = clips(seed=2, distance=50.0)
    plain, held = (
        System("svm", "late").fit(frames, labels),
        System("svm", "late").fit(frames, labels).calibrate(far, far_labels),
    )
    assert np.array_equal(plain.offset, held.offset)
    assert np.array_equal(plain.scale, held.scale)
    assert np.array_equal(plain.model.coef_, held.model.coef_)


@pytest.mark.parametrize(
    "odd",
    [
        np.full(2, 3.0),  # constant
        np.full(2, 0.0),
        np.array([0, 1e-40]),  # a range below the smallest normal number, whose inverse is infinite
        np.array([0, 2e-38]),  # just above it
        np.array([-1e30, 1e30]),
    ],
    ids=["constant", "zero", "denormal", "tiny", "huge"],
)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_features_of_an_odd_range_give_finite_likelihoods(odd, fusion):
    frames, labels = clips()
    frames.values[:, 5] = np.resize(odd, len(frames.values))
    if fusion == "early-stats" and odd[1] == 1e30:  # whose variance is beyond float32
        with pytest.raises(SettingsError, match="not finite"):
            System("svm", fusion).fit(pool(frames, fusion), labels)
        return
    system = System("svm", fusion).fit(pool(frames, fusion), labels)
    assert np.isfinite(system.scale).all()
    test, _ = clips(seed=1)  # where the feature is what it is for the others
    for some in (frames, test):
        likelihoods = system.likelihoods(pool(some, fusion))
        assert np.isfinite(likelihoods).all()
        assert np.allclose(likelihoods.sum(axis=1), 1)


def test_a_constant_feature_changes_no_decision():
    frames, labels = clips()
    wider = ClipFrames(np.hstack([frames.values, np.full((len(frames.values), 1), 7, np.float32)]), frames.offsets)
    plain, more = System("svm", "late").fit(frames, labels), System("svm", "late").fit(wider, labels)
    assert np.allclose(plain.likelihoods(frames), more.likelihoods(wider), atol=1e-3)


# Likelihoods


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("classes", [("hum", "knock"), ("buzz", "hum", "knock")])
def test_every_clip_gets_a_likelihood_of_each_class_that_sum_to_1(fusion, classes):
    system = trained(fusion, classes=classes, distance=1.0)
    test, labels = clips(seed=1, classes=classes, distance=1.0)
    likelihoods = system.likelihoods(pool(test, fusion))
    assert likelihoods.shape == (len(labels), len(classes))
    assert np.allclose(likelihoods.sum(axis=1), 1)
    assert ((likelihoods >= 0) & (likelihoods <= 1)).all()
    assert system.classes.tolist() == list(classes)


@pytest.mark.parametrize("fusion", [fusion for fusion in FUSIONS if fusion != "early-std"])  # they vary alike
def test_classes_that_stand_apart_are_told_apart(fusion):
    system = trained(fusion, distance=20.0)
    test, labels = clips(seed=1, distance=20.0)
    assert np.array_equal(system.classes[system.likelihoods(pool(test, fusion)).argmax(axis=1)], labels)


def test_late_fusion_is_the_mean_over_the_frames_of_the_clip():
    system, (test, _) = trained(distance=1.0), clips(seed=1, distance=1.0)
    by_frame = system.frame_likelihoods(test)
    assert by_frame.shape == (len(test.values), 3)
    for clip, fused in enumerate(system.likelihoods(test)):
        assert np.allclose(fused, by_frame[test.offsets[clip] : test.offsets[clip + 1]].mean(axis=0))


def test_late_fusion_outvotes_a_misleading_frame():
    system = trained(distance=20.0)
    hum, knock = np.zeros(6, np.float32), np.zeros(6, np.float32)
    hum[1] = knock[2] = 20
    likelihoods = system.likelihoods(ClipFrames.from_list([np.stack([hum, hum, knock]), np.stack([knock, knock, hum])]))
    assert system.classes[likelihoods.argmax(axis=1)].tolist() == ["hum", "knock"]


@pytest.mark.parametrize("fusion", [fusion for fusion in FUSIONS if not is_late(fusion)])
def test_early_fusion_has_no_frames_to_show(fusion):
    system, (test, _) = trained(fusion), clips(seed=1)
    with pytest.raises(SettingsError, match=r"no frames to show\. Train one with --fusion late"):
        system.frame_likelihoods(pool(test, fusion))


def test_a_clip_does_not_depend_on_the_clips_beside_it():
    system, (test, _) = trained(), clips(seed=1)
    assert np.allclose(system.likelihoods(test.take([3, 0])), system.likelihoods(test)[[3, 0]])


# Platt scaling


def test_validation_clips_give_a_support_vector_machine_platt_scaling():
    frames, labels = clips(distance=2.0)
    held, held_labels = clips(count=20, seed=1, distance=2.0)
    plain = System("svm", "late").fit(frames, labels)
    scaled_by_platt = System("svm", "late").fit(frames, labels).calibrate(held, held_labels)
    assert plain.platt is None
    assert scaled_by_platt.platt is not None
    assert scaled_by_platt.platt.slopes.shape == (3,)
    fresh, fresh_labels = clips(count=20, seed=2, distance=2.0)
    columns = np.searchsorted(plain.classes, fresh_labels)
    losses = [
        -np.log(system.likelihoods(fresh)[np.arange(len(columns)), columns]).mean()
        for system in (scaled_by_platt, plain)
    ]
    assert losses[0] < losses[1]


def test_dense_nets_take_no_notice_of_validation_clips():
    frames, labels = clips(count=2)
    system = System("d128", "early", seed=1).fit(pool(frames, "early"), labels).calibrate(pool(frames, "early"), labels)
    assert system.platt is None
    assert np.allclose(system.likelihoods(pool(frames, "early")).sum(axis=1), 1)


@pytest.mark.parametrize("classifier", ["svm", "d128"])
def test_classes_are_of_the_type_of_the_labels(classifier):
    frames, labels = clips(count=4)
    numbers = np.unique(labels, return_inverse=True)[1] + 10
    rows = pool(frames, "early")
    system = System(classifier, "early").fit(rows, numbers).calibrate(rows, numbers)
    assert system.classes.dtype == numbers.dtype
    assert system.classes.tolist() == [10, 11, 12]
    named = System(classifier, "early").fit(rows, labels).calibrate(rows, labels)
    assert np.array_equal(system.likelihoods(rows), named.likelihoods(rows))


# Names and parts


def test_unknown_names_are_refused():
    with pytest.raises(SettingsError, match="no fusion 'median'"):
        System("svm", "median")
    with pytest.raises(SettingsError, match="no classifier 'd129'"):
        System("d129", "late")


def test_a_system_put_together_from_its_parts_says_the_same():
    system, (test, _) = trained(), clips(seed=1)
    again = System.restore(system.model, "late", system.offset, system.scale)
    assert np.array_equal(again.likelihoods(test), system.likelihoods(test))


def test_the_seed_goes_to_the_classifier():
    assert System("d512", "late", seed=5).model.random_state == make_classifier("d512", 5).random_state == 5


# Mean decision values


@pytest.mark.parametrize("classes", [("hum", "knock"), ("buzz", "hum", "knock")])
def test_late_decision_takes_the_class_of_the_largest_mean_decision_value(classes):
    system = trained("late-decision", classes=classes, distance=0.7)
    test, _ = clips(seed=1, classes=classes, distance=0.7)
    decisions = system.model.decision_function(scaled(system, test))
    parts = zip(test.offsets, test.offsets[1:], strict=False)
    means = np.array([decisions[start:end].mean(axis=0) for start, end in parts])
    expected = (means > 0).astype(int) if means.ndim == 1 else means.argmax(axis=1)
    assert np.array_equal(system.likelihoods(test).argmax(axis=1), expected)


def test_late_decision_and_late_are_not_the_same():
    test, _ = clips(seed=1, distance=0.7)
    one, other = (trained(fusion, distance=0.7).likelihoods(test) for fusion in ("late", "late-decision"))
    assert not np.allclose(one, other, atol=1e-3)


def test_late_decision_may_be_scaled_by_platt():
    held, held_labels = clips(seed=1, distance=0.7)
    system = trained("late-decision", distance=0.7).calibrate(held, held_labels)
    assert np.allclose(system.likelihoods(held).sum(axis=1), 1)


@pytest.mark.parametrize("classifier", ["d128", "mlp", "svc"])
def test_a_classifier_without_decision_values_cannot_fuse_them(classifier):
    with pytest.raises(SettingsError, match=r"late-decision fusion needs decision values.*svm or logistic"):
        System(classifier, "late-decision")


# Scaling


def test_standard_scaling_is_that_of_scikit_learn():
    from sklearn.preprocessing import StandardScaler

    frames, labels = clips()
    frames.values[:, 2] = 4
    system = System("svm", "late", scaling="standard").fit(frames, labels)
    theirs = StandardScaler().fit_transform(frames.values.astype(np.float64))
    np.testing.assert_allclose(scaled(system, frames), theirs, atol=1e-5)


def test_no_scaling_leaves_rows_as_they_are():
    frames, labels = clips()
    system = System("svm", "late", scaling="none").fit(frames, labels)
    assert np.array_equal(scaled(system, frames), frames.values)


def test_unknown_scalings_are_refused():
    with pytest.raises(SettingsError, match=r"no scaling 'log'\. There are: minmax, standard, none"):
        System("svm", "late", scaling="log")
