"""The nets of many training sets side by side: each the one that would have been trained on its own."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.classifiers import DenseNet, fit_nets
from earmark.classifiers.batched_nets import Jobs
from earmark.classifiers.dense import training_set
from earmark.classifiers.sets import members_of, scaling_of
from earmark.classifiers.training import Schedule, train
from earmark.errors import SettingsError
from earmark.evaluation import System
from earmark.store import ClipFrames

SMALL = DenseNet(hidden=(12, 6), epochs=6, batch_size=16, learning_rate=0.01)


def frames(rows=120, features=10, classes=3, seed=0):
    """Rows of very different ranges, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.array(["buzz", "hum", "knock", "tick"])[np.arange(rows) % classes]
    values = generator.random((rows, features)) + 0.8 * np.eye(classes, features)[np.arange(rows) % classes]
    return (values * np.exp(generator.normal(size=features)) + generator.normal(size=features)).astype(
        np.float32
    ), labels


def folds(rows, count=3):
    """For each fold the rows outside of it; the last one is larger, so that its batches are others."""
    fold = np.minimum(np.random.default_rng(1).permutation(len(rows)) % (count + 1), count - 1)
    return [fold != number for number in range(count)]


def scaled(rows, fitted):
    return (rows - fitted.offset) * fitted.scale


def alone(rows, labels, members, seed, template=SMALL):
    """Scaling and net of one set as `System` has them."""
    system = System("d128", "late")
    system.model = DenseNet(**{**template.get_params(), "random_state": seed})
    return system.fit(ClipFrames(rows[members], np.arange(members.sum() + 1)), labels[members])


def arrays(net):
    return [array for layer in net.weights_ for array in layer]


def same_bits(one, other):
    return all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(other), strict=True))


def assert_all_alike(rows, labels, sets, template=SMALL):
    seeds = [7 + number for number in range(len(sets))]
    fitted = fit_nets(rows, labels, sets, template, seeds, workers=1)
    assert len(fitted) == len(sets)
    for one, members, seed in zip(fitted, sets, seeds, strict=True):
        system = alone(rows, labels, members, seed, template)
        assert np.array_equal(one.offset, system.offset)
        assert np.array_equal(one.scale, system.scale)
        assert one.model.classes_.tolist() == system.model.classes_.tolist()
        assert same_bits(one.model, system.model)


# The same nets


@pytest.mark.parametrize("hidden", [(), (12,), (12, 6)])
def test_each_fold_has_the_net_that_it_would_have_alone(hidden):
    rows, labels = frames()
    assert_all_alike(rows, labels, folds(rows), DenseNet(hidden=hidden, epochs=6, batch_size=16))


@pytest.mark.parametrize("options", [{"dropout": 0.0}, {"class_weight": None}, {"class_weight": {"hum": 5.0}}])
def test_settings_mean_what_they_mean_for_one_net(options):
    rows, labels = frames()
    rows, labels = rows[: 3 * 35], np.where(np.arange(105) < 30, "hum", labels[:105])
    assert_all_alike(rows, labels, folds(rows), DenseNet(hidden=(8,), epochs=4, batch_size=16, **options))


def test_sets_may_differ_in_size_and_classes_and_leave_rows_out():
    rows, labels = frames(classes=4)
    clip = np.arange(len(rows)) // 4
    assert_all_alike(rows, labels, [clip < 2, clip < 25, labels != "hum", np.isin(labels, ["buzz", "tick"])])


@pytest.mark.parametrize("odd", [[7.0], [0.0], [0, 1e-40], [-1e30, 1e30], [1e20]])
def test_columns_of_an_odd_range_are_scaled_as_for_one_net(odd):
    rows, labels = frames()
    rows[:, 5] = np.resize(np.float32(odd), len(rows))
    assert_all_alike(rows, labels, folds(rows))


def test_a_system_can_be_put_together_from_what_comes_out():
    rows, labels = frames()
    clips = ClipFrames(rows, np.arange(len(rows) + 1))
    members = np.arange(len(rows)) < 90
    [fitted] = fit_nets(rows, labels, [members], SMALL, [3])
    system = System.restore(fitted.model, "late", fitted.offset, fitted.scale)
    assert np.array_equal(system.likelihoods(clips), alone(rows, labels, members, 3).likelihoods(clips))


def test_the_number_of_workers_and_of_nets_changes_no_bit():
    rows, labels = frames()
    sets, seeds = folds(rows) * 2, [1, 2, 3, 4, 5, 6]
    one, two = (fit_nets(rows, labels, sets, SMALL, seeds, workers=workers) for workers in (1, 2))
    few = fit_nets(rows, labels, sets[4:], SMALL, seeds[4:], workers=2)
    for first, second in zip([*one, *one[4:]], [*two, *few], strict=True):
        assert same_bits(first.model, second.model)
    assert not same_bits(one[0].model, one[3].model)  # the same rows, another seed


def test_rows_are_left_as_they_were_and_may_be_read_only_or_strided():
    rows, labels = frames()
    expected = fit_nets(rows, labels, folds(rows), SMALL, [1, 2, 3])
    before, fortran = rows.copy(), np.asfortranarray(rows)
    fortran.flags.writeable = rows.flags.writeable = False
    for given_rows in (rows, fortran):
        for one, other in zip(expected, fit_nets(given_rows, labels, folds(rows), SMALL, [1, 2, 3]), strict=True):
            assert same_bits(one.model, other.model)
    assert np.array_equal(rows, before)


def test_rows_are_not_copied_for_a_set():
    rows, labels = frames(rows=40_000, features=128)
    sets = [np.arange(len(rows)) % 5 != fold for fold in range(3)]
    fit_nets(rows[:100], labels[:100], [sets[0][:100]], SMALL, [0])  # imports are not counted
    tracemalloc.start()
    try:
        fit_nets(rows, labels, sets, DenseNet(hidden=(4,), epochs=1), [1, 2, 3], workers=1)
        assert tracemalloc.get_traced_memory()[1] < 0.6 * rows.nbytes
    finally:
        tracemalloc.stop()


def test_the_template_is_not_fitted():
    rows, labels = frames()
    template = DenseNet(hidden=(4,), epochs=1, random_state=9)
    [fitted] = fit_nets(rows, labels, [np.full(len(rows), True)], template, [4])
    assert not hasattr(template, "weights_")
    assert template.random_state == 9
    assert fitted.model.random_state == 4


# The stack, which other devices train as one


def stack(rows, labels, sets, epochs, **options):
    """Train nets of three classes in one stack, and each alone."""
    net = DenseNet(class_weight="balanced")
    tasks = []
    for seed, mask in enumerate(sets):
        members = np.flatnonzero(mask)
        net.random_state = seed
        tasks.append(training_set(net, members, labels[members], scaling=scaling_of(rows, members)))
    schedule, sizes = Schedule(0.4, 0.01, 16, epochs), [rows.shape[1], 12, 7, 3]
    together = train(rows, tasks, sizes, schedule, **options)
    return together, [train(rows, [task], sizes, schedule, **options)[0] for task in tasks]


def assert_close(together, each, tolerance):
    for one, other in zip(together, each, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            assert all(np.allclose(a, b, atol=tolerance) for a, b in zip(mine, theirs, strict=True))


def test_nets_in_one_stack_are_those_trained_one_by_one():
    rows, labels = frames()
    assert_close(*stack(rows, labels, folds(rows), epochs=4), tolerance=1e-5)


def test_a_net_with_fewer_batches_leaves_the_stack_early():
    rows, labels = frames()
    position = np.arange(len(rows))
    sets = [position < 20, position < 120, position < 48, position < 9, position >= 24]
    assert_close(*stack(rows, labels, sets, epochs=3), tolerance=1e-5)


def test_rows_outside_of_a_set_do_not_reach_its_net_in_a_stack_either():
    rows, labels = frames()
    rows[0] = np.nan
    position = np.arange(len(rows))
    assert_close(*stack(rows, labels, [position >= 90, position >= 1, position >= 55], epochs=2), tolerance=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(3, 60), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_any_stack_of_any_sizes_gives_the_nets_one_by_one(sizes, seed):
    rows, labels = frames(rows=60, seed=seed)
    assert_close(*stack(rows, labels, [np.arange(60) < size for size in sizes], epochs=2), tolerance=1e-5)


def test_nets_of_as_many_classes_make_a_stack_and_come_out_in_the_order_of_the_sets():
    rows, labels = frames(classes=4)
    sets, seeds = [labels != "hum", *folds(rows), labels != "tick"], [1, 2, 3, 4, 5]
    jobs = Jobs(rows, labels, members_of(rows, labels, sets), SMALL, seeds)
    stacks = jobs.stacks(together=True)
    assert stacks == [[0, 4], [1, 2, 3]]
    stacked = jobs.train(stacks[0], "cpu", "float32") | jobs.train(stacks[1], "cpu", "float32")
    for number, one in enumerate(fit_nets(rows, labels, sets, SMALL, seeds)):
        assert one.model.classes_.tolist() == stacked[number].model.classes_.tolist()
        assert np.array_equal(one.offset, stacked[number].offset)
        for mine, theirs in zip(arrays(one.model), arrays(stacked[number].model), strict=True):
            assert np.allclose(mine, theirs, atol=1e-4)


# bfloat16


def test_products_in_bfloat16_give_nearly_the_same_net_in_float32():
    rows, labels = frames(rows=300, features=24)
    members = [np.arange(300) < 200]
    template = DenseNet(hidden=(32, 16), epochs=10, batch_size=32)
    [exact] = fit_nets(rows, labels, members, template, [0])
    [rough] = fit_nets(rows, labels, members, template, [0], precision="bfloat16")
    assert all(array.dtype == np.float32 for array in arrays(rough.model))
    assert not same_bits(exact.model, rough.model)
    likelihoods = [one.model.predict_proba(scaled(rows, one)) for one in (exact, rough)]
    assert abs(likelihoods[0] - likelihoods[1]).mean() < 0.01


# What cannot be used


def test_no_sets_give_no_nets():
    rows, labels = frames()
    assert fit_nets(rows, labels, [], SMALL, []) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused_with_advice():
    rows, labels = frames()
    with pytest.raises(SettingsError, match=r"device cuda was asked for.*Choose the device cpu"):
        fit_nets(rows, labels, folds(rows), SMALL, [1, 2, 3], device="cuda")


def test_a_device_of_no_known_name_is_refused():
    rows, labels = frames()
    with pytest.raises(SettingsError, match="device 'abacus'"):
        fit_nets(rows, labels, folds(rows), SMALL, [1, 2, 3], device="abacus")


def test_diverged_training_is_the_error_of_one_net():
    rows, labels = frames()
    template = DenseNet(hidden=(8, 8, 8), learning_rate=1e30, epochs=20)
    with pytest.raises(SettingsError, match=r"Training diverged: weights are not finite after 20 epochs.*lower the"):
        fit_nets(rows, labels, folds(rows), template, [1, 2, 3])


def test_a_set_of_one_class_is_refused_as_by_one_net():
    rows, labels = frames()
    with pytest.raises(SettingsError, match=r"DenseNet needs training rows of at least 2 classes.*'hum'"):
        fit_nets(rows, labels, [labels != "hum", labels == "hum"], SMALL, [1, 2])


@pytest.mark.parametrize("setting", [{"dropout": 1.0}, {"epochs": 0}, {"hidden": 128}])
def test_unusable_settings_are_refused_by_name(setting):
    rows, labels = frames()
    with pytest.raises(SettingsError, match=next(iter(setting))):
        fit_nets(rows, labels, folds(rows), DenseNet(**setting), [1, 2, 3])


def test_unusable_arguments_are_refused_with_advice():
    rows, labels = frames()
    sets = folds(rows)
    with pytest.raises(SettingsError, match="float32"):
        fit_nets(rows.astype(float), labels, sets, SMALL, [1, 2, 3])
    with pytest.raises(SettingsError, match="3 training sets and 2 seeds"):
        fit_nets(rows, labels, sets, SMALL, [1, 2])
    with pytest.raises(SettingsError, match="precision is 'float16'"):
        fit_nets(rows, labels, sets, SMALL, [1, 2, 3], precision="float16")
    with pytest.raises(SettingsError, match="workers is 0"):
        fit_nets(rows, labels, sets, SMALL, [1, 2, 3], workers=0)
    with pytest.raises(SettingsError, match="training set 0 has no rows"):
        fit_nets(rows, labels, [np.full(len(rows), False)], SMALL, [1])
    rows[3, 3] = np.nan
    with pytest.raises(SettingsError, match="not finite"):
        fit_nets(rows, labels, [np.full(len(rows), True)], SMALL, [1])
