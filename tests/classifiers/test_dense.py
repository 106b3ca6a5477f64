"""The dense net: the mathematics of its training, and results that depend on the seed alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from earmark.classifiers import DenseNet
from earmark.classifiers.stacked import ADAM_EPSILON, as_layers, draw_kept, fresh_parameters
from earmark.classifiers.training import Schedule, TrainingSet, train
from earmark.errors import SettingsError


def frames(rows=300, features=24, seed=0):
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % 4
    X = generator.random((rows, features)) + 0.8 * np.eye(4, features)[y]
    return X.astype(np.float32), y


def same_bits(one, other):
    return all(
        np.array_equal(a, b) for mine, theirs in zip(one, other, strict=True) for a, b in zip(mine, theirs, strict=True)
    )


def task(y, weights=None, seed=0, members=None, scaling=None):
    members = np.arange(len(y)) if members is None else members
    weights = np.ones(len(y)) if weights is None else weights
    return TrainingSet(members, np.unique(y), np.asarray(y), weights, seed, scaling)


def fresh_weights(sizes, seed):
    """The net before training: no step of a step size this small can change a float32 weight."""
    X = np.zeros((1, sizes[0]), dtype=np.float32)
    schedule = Schedule(dropout=0.0, learning_rate=1e-30, batch_size=1, epochs=1)
    return train(X, [task(np.array([0]), seed=seed)], sizes, schedule)[0]


@pytest.mark.parametrize("hidden", [(), (7,), (9, 5)])
def test_a_step_is_that_of_autograd_and_torch_adam(hidden):
    X, y = frames(rows=32)
    weights = np.random.default_rng(1).uniform(0.2, 3.0, 32)
    sizes = [24, *hidden, 4]
    schedule = Schedule(dropout=0.0, learning_rate=1e-2, batch_size=32, epochs=1)
    [ours] = train(X, [task(y, weights, seed=5)], sizes, schedule)

    parameters = [
        torch.from_numpy(array).double().requires_grad_() for layer in fresh_weights(sizes, 5) for array in layer
    ]
    values = torch.from_numpy(X).double()
    for index in range(0, len(parameters), 2):
        values = values @ parameters[index] + parameters[index + 1]
        values = torch.relu(values) if index < len(parameters) - 2 else values
    losses = torch.nn.functional.cross_entropy(values, torch.from_numpy(y), reduction="none")
    (torch.from_numpy(weights) * losses).mean().backward()
    # PyTorch adds epsilon after the bias correction, Keras before it.
    torch.optim.Adam(parameters, lr=1e-2, eps=ADAM_EPSILON / (1 - 0.999) ** 0.5).step()

    for mine, theirs in zip([array for layer in ours for array in layer], parameters, strict=True):
        assert np.allclose(mine, theirs.detach().numpy(), atol=2e-6)


def test_many_steps_stay_with_torch_adam():
    X, y = frames(rows=40)
    sizes, schedule = [24, 6, 4], Schedule(dropout=0.0, learning_rate=1e-3, batch_size=40, epochs=30)
    [ours] = train(X, [task(y, seed=2)], sizes, schedule)
    parameters = [
        torch.from_numpy(array).double().requires_grad_() for layer in fresh_weights(sizes, 2) for array in layer
    ]
    adam = torch.optim.Adam(parameters, lr=1e-3, eps=1e-7)
    for _ in range(30):
        hidden = torch.relu(torch.from_numpy(X).double() @ parameters[0] + parameters[1])
        loss = torch.nn.functional.cross_entropy(hidden @ parameters[2] + parameters[3], torch.from_numpy(y))
        adam.zero_grad()
        loss.backward()
        adam.step()
    for mine, theirs in zip([array for layer in ours for array in layer], parameters, strict=True):
        assert np.allclose(mine, theirs.detach().numpy(), atol=2e-4)


def test_fresh_weights_are_glorot_uniform_and_biases_zero():
    (weight, bias), _ = fresh_weights([200, 100, 3], seed=0)
    limit = (6 / 300) ** 0.5
    assert np.abs(weight).max() <= limit
    assert weight.std() == pytest.approx(limit / 3**0.5, rel=0.02)
    assert not bias.any()


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_of_every_row_and_unit(dropout):
    [kept] = draw_kept(torch.full((1, 501, 333), torch.nan), [501], dropout, [torch.Generator().manual_seed(0)])
    assert kept.unique().tolist() == [0, 1]
    assert (kept == 0).float().mean().item() == pytest.approx(dropout, abs=0.005)
    rows, units = kept.mean(dim=1), kept.mean(dim=0)  # no stripes: shares vary as for independent draws
    assert rows.std().item() == pytest.approx((dropout * (1 - dropout) / 333) ** 0.5, rel=0.15)
    assert units.std().item() == pytest.approx((dropout * (1 - dropout) / 501) ** 0.5, rel=0.15)


def test_the_units_a_net_drops_do_not_depend_on_the_nets_beside_it():
    def generators():
        return [torch.Generator().manual_seed(seed) for seed in (3, 4)]

    together = draw_kept(torch.empty(2, 7, 5), [7, 4], 0.5, generators())
    for one, count, generator in zip(together, [7, 4], generators(), strict=True):
        assert torch.equal(one[:count], draw_kept(torch.empty(1, count, 5), [count], 0.5, [generator])[0])


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropped_units_take_no_part_and_the_others_are_scaled_up(dropout):
    X, y = frames(rows=32)
    sizes, schedule = [24, 9, 5, 4], Schedule(dropout, learning_rate=1e-2, batch_size=32, epochs=1)
    [ours] = train(X, [task(y, seed=5)], sizes, schedule)

    generator = torch.Generator().manual_seed(5)
    start = fresh_parameters(sizes, generator)
    order = torch.randperm(32, generator=generator)
    kept = [draw_kept(torch.empty(1, 32, units), [32], dropout, [generator])[0].double() for units in sizes[1:-1]]
    parameters = [part.double()[0].requires_grad_() for layer in as_layers(start[None], sizes) for part in layer]
    values = torch.from_numpy(X).double()[order]
    for index in range(2):
        values = torch.relu(values @ parameters[2 * index].T + parameters[2 * index + 1])
        values = values * kept[index] / (1 - dropout)
    logits = values @ parameters[4].T + parameters[5]
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(y)[order]).backward()
    torch.optim.Adam(parameters, lr=1e-2, eps=ADAM_EPSILON / (1 - 0.999) ** 0.5).step()
    for index, (weight, bias) in enumerate(ours):
        assert np.allclose(weight, parameters[2 * index].detach().numpy().T, atol=2e-6)
        assert np.allclose(bias, parameters[2 * index + 1].detach().numpy(), atol=2e-6)


def test_the_same_seed_gives_the_same_net_and_another_seed_another():
    X, y = frames()
    nets = [DenseNet(epochs=5, random_state=seed).fit(X, y).weights_ for seed in (0, 0, 1)]
    assert same_bits(nets[0], nets[1])
    assert not same_bits(nets[0], nets[2])


def test_nets_trained_side_by_side_equal_nets_trained_alone():
    X, y = frames()
    nets = [DenseNet(hidden=(64, 32), epochs=40, random_state=seed) for seed in range(4)]
    alone = [net.fit(X, y).weights_ for net in nets]
    with ThreadPoolExecutor(2) as threads:
        together = [net.weights_ for net in threads.map(lambda net: net.fit(X, y), nets)]
    assert all(same_bits(one, other) for one, other in zip(alone, together, strict=True))


def test_the_number_of_threads_changes_nothing_and_is_left_as_it_was():
    X, y = frames(rows=600, features=512)
    before = torch.get_num_threads()
    nets = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            nets.append(DenseNet(epochs=3, random_state=0).fit(X, y).weights_)
            assert torch.get_num_threads() == threads
            with ThreadPoolExecutor(1) as fresh:
                assert fresh.submit(torch.get_num_threads).result() == threads
    finally:
        torch.set_num_threads(before)
    assert same_bits(nets[0], nets[1])
    assert same_bits(nets[0], nets[2])


def test_no_global_generator_is_touched():
    X, y = frames()
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    DenseNet(epochs=2, random_state=0).fit(X, y)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_training_inside_inference_mode_gives_the_same_net():
    X, y = frames()
    outside = DenseNet(epochs=3, random_state=0).fit(X, y).weights_
    with torch.inference_mode():
        inside = DenseNet(epochs=3, random_state=0).fit(X, y).weights_
    assert same_bits(outside, inside)


def test_the_net_learns_and_keeps_plain_float32_weights():
    X, y = frames()
    net = DenseNet(epochs=100, random_state=0).fit(X, y)
    fresh_X, fresh_y = frames(seed=1)
    assert net.score(fresh_X, fresh_y) > 0.85
    assert [weight.shape for weight, _ in net.weights_] == [(24, 128), (128, 4)]
    assert all(array.dtype == np.float32 for layer in net.weights_ for array in layer)


def test_likelihoods_do_not_depend_on_the_block_a_row_rides_in(monkeypatch):
    X, y = frames()
    net = DenseNet(epochs=3, random_state=0).fit(X, y)
    whole = net.predict_proba(X)
    monkeypatch.setattr("earmark.classifiers.dense.BLOCK_ROWS", 7)
    assert np.allclose(net.predict_proba(X), whole, rtol=1e-12)


def test_diverged_training_is_an_error_that_says_what_to_do():
    X, y = frames()
    with (
        pytest.raises(SettingsError, match=r"diverged.*scale them to \[0, 1\]"),
        np.errstate(all="ignore"),
    ):
        DenseNet(hidden=(8, 8, 8), learning_rate=1e30, epochs=20, random_state=0).fit(X, y)


@pytest.mark.parametrize(
    "setting",
    [
        {"hidden": (0,)},
        {"hidden": "128"},
        {"hidden": 128},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"learning_rate": 0.0},
        {"batch_size": 0},
        {"epochs": 2.5},
        {"epochs": True},
    ],
)
def test_unusable_settings_are_refused_by_name(setting):
    X, y = frames()
    with pytest.raises(SettingsError, match=next(iter(setting))):
        DenseNet(**setting).fit(X, y)
