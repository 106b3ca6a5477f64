"""Baselines trained from scratch: they learn, they stop, they depend on their seed alone, and refuse what is none."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from earmark.classifiers.baselines import (
    BaselineClassifier,
    FittedBaseline,
    baseline_features,
    find_baseline,
    fit_baseline,
)
from earmark.classifiers.baselines.fitted import _set_aside
from earmark.classifiers.baselines.network import fresh_parameters
from earmark.classifiers.baselines.patches import Patches
from earmark.classifiers.baselines.training import Examples, train
from earmark.errors import AudioError, SettingsError
from earmark.store import ClipFrames

CLASSES = ["buzz", "hum", "knock"]


def frames_of(name, per_class=6, frames=None, seed=0):
    """Clips of one patch, unless said otherwise: of noise, of noise with steady tones, of noise with knocks."""
    card, generator = find_baseline(name), np.random.default_rng(seed)
    dimension, labels = card.front_end.dimension, np.tile(CLASSES, per_class)
    clips = []
    for label in labels:
        clip = generator.uniform(0, 1, (frames or card.patch_frames, dimension)).astype(np.float32)
        if label == "hum":
            clip[:, generator.integers(0, dimension // 3) :: dimension // 3] += 3
        if label == "knock":
            clip[generator.integers(0, 8) :: 8] += 3
        clips.append(clip)
    return ClipFrames.from_list(clips), labels


def waves(per_class=4, rate=8000, seconds=0.4):
    """Clips of two classes, and their labels."""
    generator = np.random.default_rng(0)
    hum = [np.sin(2 * np.pi * generator.uniform(100, 200) * np.arange(seconds * rate) / rate) for _ in range(per_class)]
    hiss = [generator.uniform(-1, 1, round(seconds * rate)) for _ in range(per_class)]
    return [*hum, *hiss], ["hum"] * per_class + ["hiss"] * per_class


def same_network(one, other):
    return all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


# They learn


@pytest.mark.parametrize(
    ("name", "epochs"), [("cnn-ensemble", 30), ("cnn-speech-music", 30), ("cnn-instruments", 20), ("cnn-plastics", 30)]
)
def test_the_convolutional_networks_tell_clear_classes_apart(name, epochs):
    clips, labels = frames_of(name, per_class=12)
    fresh, true = frames_of(name, per_class=5, seed=1)
    fitted = fit_baseline(name, clips, labels, fresh, true, seed=1, epochs=epochs)
    likelihoods = fitted.likelihoods(fresh)
    assert likelihoods.shape == (15, 3)
    assert likelihoods.dtype == np.float64
    np.testing.assert_allclose(likelihoods.sum(axis=1), 1)
    assert np.mean(fitted.classes[likelihoods.argmax(axis=1)] == true) >= 0.9


@pytest.mark.parametrize("name", ["cnn-instruments", "cnn-plastics"])
def test_a_last_batch_of_a_single_patch_can_be_trained_on(name):
    clips, labels = frames_of(name, per_class=11)  # a batch of 32, and one of 1
    fitted = fit_baseline(name, clips, labels, clips, labels, epochs=1)
    assert np.isfinite(fitted.likelihoods(clips)).all()


def test_rare_classes_weigh_as_much_as_common_ones():
    """Without anything to tell them apart by, likelihoods are equal, not those of the counts."""
    clips = ClipFrames.from_list([np.zeros((4, 128), np.float32)] * 60)
    labels = ["common"] * 50 + ["rare"] * 10
    fitted = fit_baseline("net-engine", clips, labels, clips, labels, epochs=100)
    assert fitted.likelihoods(clips)[0] == pytest.approx([0.5, 0.5], abs=0.02)


# Patches


def patch_counts(name, *counts):
    dimension = find_baseline(name).front_end.dimension
    clips = ClipFrames.from_list([np.ones((count, dimension), np.float32) for count in counts])
    return np.bincount(Patches(find_baseline(name), clips).owners).tolist()


def test_patches_are_cut_as_the_authors_cut_them():
    assert patch_counts("cnn-ensemble", 34, 50, 51, 254) == [1, 1, 2, 13]
    assert patch_counts("cnn-speech-music", 140, 279, 280, 697) == [1, 1, 2, 4]


@given(counts=st.lists(st.integers(1, 120), min_size=1, max_size=6))
def test_patches_never_reach_into_the_next_clip_and_short_clips_are_filled_up_with_silence(counts):
    card = find_baseline("cnn-ensemble")
    clips = ClipFrames.from_list([np.full((count, 257), 1 + number, np.float32) for number, count in enumerate(counts)])
    patches = Patches(card, clips)
    cut = patches.gather(torch.arange(len(patches))).numpy()
    assert cut.shape[1:] == (34, 257)
    for own, patch in zip(patches.owners, cut, strict=True):
        heard = min(34, counts[own])
        assert (patch[:heard] == 1 + own).all()
        assert not patch[heard:].any()


def test_cells_are_normalised_by_mean_and_deviation_of_the_training_patches():
    clips, labels = frames_of("cnn-plastics", frames=130)
    fitted = fit_baseline("cnn-plastics", clips, labels, clips, labels, epochs=1)
    patches = np.concatenate([clips[clip][:129].reshape(3, 43, 64) for clip in range(len(clips))])
    np.testing.assert_allclose(fitted.mean, patches.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(fitted.deviation, patches.std(axis=0), atol=1e-5)


def test_cells_that_never_change_are_divided_by_one():
    clips, labels = frames_of("net-engine", frames=3)
    clips.values[:, 5] = 0.7
    fitted = fit_baseline("net-engine", clips, labels, epochs=1)
    assert fitted.deviation[0, 5] == 1
    assert np.isfinite(fitted.likelihoods(clips)).all()


def test_a_clip_is_the_mean_of_its_patches():
    clips, labels = frames_of("cnn-ensemble", frames=90)
    fitted = fit_baseline("cnn-ensemble", clips, labels, epochs=1)
    patches = fitted.patch_likelihoods(clips)
    np.testing.assert_allclose(fitted.likelihoods(clips), patches.reshape(18, 4, 3).mean(axis=1), atol=1e-12)


# Epochs


def trained(losses, patience, epochs=10):
    """Train with losses that are given in advance, and note the parameters after each epoch."""
    card = replace(find_baseline("net-engine"), patience=patience)
    seen, generator = [], torch.Generator().manual_seed(0)
    patches = torch.randn(12, 1, 128, generator=generator)
    examples = Examples(lambda which: patches[which], torch.arange(12) % 2, torch.ones(12))

    def validate(parameters):
        seen.append(parameters["out.weight"].detach().clone())
        return losses[len(seen) - 1]

    return train(card, examples, 2, epochs, generator, validate if losses else None), seen


def test_the_network_of_the_epoch_with_the_lowest_validation_loss_is_kept():
    course, seen = trained([3.0, 1.0, 2.0, 1.5, 1.2], patience=50, epochs=5)
    assert (course.epochs, course.best_epoch) == (5, 2)
    assert torch.equal(course.parameters["out.weight"], seen[1])


def test_training_ends_when_patience_is_at_its_end():
    course, seen = trained([3.0, 1.0, 2.0, 1.5, 1.2, 0.1], patience=3)
    assert (course.epochs, course.best_epoch) == (5, 2)
    assert torch.equal(course.parameters["out.weight"], seen[1])


def test_without_validation_all_epochs_are_run():
    course, _ = trained([], patience=1, epochs=4)
    assert (course.epochs, course.best_epoch) == (4, 4)


def test_epochs_may_be_chosen():
    clips, labels = frames_of("net-engine", frames=3)
    assert fit_baseline("net-engine", clips, labels, epochs=2).epochs == 2


@given(counts=st.lists(st.integers(1, 30), min_size=2, max_size=4), seed=st.integers(0, 99))
def test_clips_set_aside_are_a_fifth_of_each_class_and_none_of_those_trained_on(counts, seed):
    codes = np.repeat(np.arange(len(counts)), counts)
    numbers = np.arange(len(codes), dtype=np.float32)[:, None]
    left, left_codes, aside, aside_codes = _set_aside(ClipFrames.from_list(list(numbers[:, None])), codes, seed)
    expected = [max(1, round(count / 5)) if count > 2 else 0 for count in counts]
    assert np.bincount(aside_codes, minlength=len(counts)).tolist() == expected
    found = np.concatenate([left.values, np.empty((0, 1)) if aside is None else aside.values])[:, 0].astype(int)
    assert sorted(found) == list(range(len(codes)))
    assert np.array_equal(codes[found], np.concatenate([left_codes, aside_codes]))


# The seed alone


@pytest.mark.parametrize("name", ["cnn-ensemble", "cnn-plastics"])
def test_the_same_seed_gives_the_same_network_whatever_the_threads(name):
    clips, labels = frames_of(name)

    def fit(seed):
        return fit_baseline(name, clips, labels, seed=seed, epochs=2)

    alone, before = fit(0), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert same_network(alone, fit(0))
    finally:
        torch.set_num_threads(before)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(fit, [0, 1, 0]))
    assert same_network(alone, together[0])
    assert same_network(alone, together[2])
    assert not same_network(alone, together[1])


def test_no_generator_of_the_process_is_read_or_changed():
    clips, labels = frames_of("cnn-plastics")
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - it must not have been touched
    fit_baseline("cnn-plastics", clips, labels, epochs=1)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "cnn-plastic"}, "Did you mean 'cnn-plastics'"),
        ({"labels": ["hum"] * 18}, "one class only: 'hum'"),
        ({"labels": ["hum", "buzz"]}, "labels have the shape"),
        ({"epochs": 0}, "epochs is 0"),
        ({"validation_labels": ["hum"]}, "without validation clips"),
        ({"clips": ClipFrames.from_list([np.ones((5, 80), np.float32)] * 18)}, "frames of 128 values"),
        ({"clips": ClipFrames.from_list([np.full((5, 128), np.nan, np.float32)] * 18)}, "NaN"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_the_reason(change, message):
    clips, labels = frames_of("net-engine", frames=3)
    arguments = {"name": "net-engine", "clips": clips, "labels": labels} | change
    with pytest.raises(SettingsError, match=message):
        fit_baseline(**arguments)


def test_validation_clips_of_a_class_that_is_not_trained_on_are_refused():
    clips, labels = frames_of("net-engine", frames=3)
    with pytest.raises(SettingsError, match=r"\['whistle'\], which no training clip has"):
        fit_baseline("net-engine", clips, labels, clips, ["whistle", *labels[1:]])


def test_a_training_that_diverges_says_so():
    card = replace(find_baseline("net-engine"), learning_rate=1e38)
    examples = Examples(lambda which: torch.ones(len(which), 1, 128), torch.arange(8) % 2, torch.ones(8))
    with pytest.raises(SettingsError, match="diverged"):
        train(card, examples, 2, 5, torch.Generator().manual_seed(0), None)


def test_a_fitted_network_refuses_the_frames_of_another_front_end():
    card = find_baseline("cnn-speech-music")
    weights = {name: tensor.numpy() for name, tensor in fresh_parameters(card, 2, torch.Generator()).items()}
    fitted = FittedBaseline(
        card, np.array(["a", "b"]), np.zeros((140, 80), np.float32), np.ones((140, 80), np.float32), weights
    )
    with pytest.raises(SettingsError, match="frames of 80 values"):
        fitted.likelihoods(ClipFrames.from_list([np.ones((200, 128), np.float32)]))


def test_likelihoods_that_are_not_finite_are_refused():
    clips, labels = frames_of("net-engine")
    fitted = fit_baseline("net-engine", clips, labels, epochs=1)
    far = ClipFrames.from_list([np.full((1, 128), 3e38, np.float32)])
    with pytest.raises(SettingsError, match="no finite likelihoods"):
        fitted.likelihoods(far)


def test_prediction_draws_nothing():
    clips, labels = frames_of("net-engine")
    fitted = fit_baseline("net-engine", clips, labels, epochs=1)
    assert np.array_equal(fitted.likelihoods(clips), fitted.likelihoods(clips))


# The estimator


def test_the_estimator_tells_waveforms_apart_and_gives_likelihoods():
    clips, labels = waves()
    net = BaselineClassifier("net-engine", sample_rate=8000, epochs=15, random_state=0).fit(clips, labels)
    assert net.classes_.tolist() == ["hiss", "hum"]
    assert net.predict(clips).tolist() == labels
    np.testing.assert_allclose(net.predict_proba(clips).sum(axis=1), 1)
    assert net.score(clips, labels) == 1


def test_the_estimator_does_what_the_features_and_the_core_do():
    clips, labels = waves(per_class=2)
    net = BaselineClassifier("cnn-plastics", sample_rate=8000, epochs=1, random_state=0)
    net.fit(clips, labels, validation=(clips, labels))
    model = baseline_features("cnn-plastics")
    frames = ClipFrames.from_list([model(clip, 8000).values for clip in clips])
    again = fit_baseline("cnn-plastics", frames, labels, frames, labels, seed=seed_of(0), epochs=1)
    assert same_network(net.fitted_, again)


def seed_of(random_state):
    return int(np.random.RandomState(random_state).randint(2**31 - 1))  # as scikit-learn draws it


def test_a_clone_has_the_same_parameters_and_comes_to_the_same_result():
    clips, labels = waves(per_class=2)
    net = BaselineClassifier("net-engine", sample_rate=8000, epochs=2, random_state=3).fit(clips, labels)
    copy = clone(net)
    assert copy.get_params() == net.get_params()
    assert not hasattr(copy, "classes_")
    assert np.array_equal(copy.fit(clips, labels).predict_proba(clips), net.predict_proba(clips))


def test_parameters_can_be_set_by_name():
    assert BaselineClassifier().set_params(name="cnn-ensemble", epochs=3).get_params() == {
        "name": "cnn-ensemble",
        "sample_rate": 22050,
        "epochs": 3,
        "random_state": None,
    }


def test_silent_and_very_short_clips_are_trained_on_and_predicted():
    clips, labels = waves(per_class=2)
    clips += [np.zeros(800), np.full(1, 0.1)]
    net = BaselineClassifier("cnn-speech-music", sample_rate=8000, epochs=1, random_state=0)
    likelihoods = net.fit(clips, [*labels, "hum", "hiss"]).predict_proba(clips)
    assert np.isfinite(likelihoods).all()


def test_it_must_be_fitted_before_it_predicts():
    with pytest.raises(NotFittedError):
        BaselineClassifier().predict([np.zeros(100)])


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (np.array([0.1, np.nan]), "clip 8: .*NaN"),
        (np.zeros(0), "clip 8: .*empty"),
        (np.zeros((2, 9)), "clip 8: .*mono"),
    ],
)
def test_a_clip_that_is_no_sound_is_named(clip, message):
    clips, labels = waves()
    with pytest.raises(AudioError, match=message):
        BaselineClassifier("net-engine", sample_rate=8000).fit([*clips, clip], [*labels, "hum"])


def test_no_clips_are_refused():
    with pytest.raises(SettingsError, match="no clips"):
        BaselineClassifier("net-engine").fit([], [])
