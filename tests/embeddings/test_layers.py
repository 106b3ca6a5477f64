"""Layers give their activations, averaged, in the order of the network."""

import numpy as np
import pytest
import torch
from torch import nn

from earmark.embeddings.convolutional import Cell
from earmark.embeddings.layers import stages_of, steps_of


class Fails(nn.Module):
    def forward(self, rows):
        raise AssertionError("nothing after the last layer that is wanted is computed")


@pytest.fixture
def stages():
    """Activations of 2, 3, 3 and 4 values."""
    torch.manual_seed(0)
    return {
        "conv1": nn.Conv2d(1, 2, 3),
        "conv2": nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()),
        "flat": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "dense": nn.Linear(3, 4),
        "last": Fails(),
    }


def activations(stages, rows):
    found = {}
    for name in ("conv1", "conv2", "flat", "dense"):
        rows = stages[name](rows)
        found[name] = rows.detach().numpy()
    return found


@pytest.mark.parametrize("layers", [("conv1",), ("conv2", "dense"), ("dense", "conv1"), ("flat", "conv2", "conv1")])
def test_activations_are_averaged_over_all_but_rows_and_channels(stages, layers):
    rows = torch.rand(5, 1, 8, 9, generator=torch.Generator().manual_seed(1))
    found = activations(stages, rows)
    wanted = [
        found[name].mean(axis=(2, 3)) if found[name].ndim == 4 else found[name] for name in stages if name in layers
    ]
    ours = stages_of(stages, layers)(rows)
    np.testing.assert_allclose(ours, np.concatenate(wanted, axis=1), rtol=1e-5, atol=1e-6)


def test_no_layers_give_the_networks_own_output(stages):
    del stages["last"]
    rows = torch.rand(5, 1, 8, 9, generator=torch.Generator().manual_seed(1))
    np.testing.assert_array_equal(stages_of(stages)(rows), activations(stages, rows)["dense"])


def test_steps_are_means_of_the_activations_in_their_cells():
    stages = {"conv1": nn.Conv1d(1, 2, 1), "conv2": nn.Conv1d(2, 3, 2, stride=2), "last": Fails()}
    rows = torch.rand(1, 14, generator=torch.Generator().manual_seed(1))
    first = stages["conv1"](rows[:, None])
    second = stages["conv2"](first).detach().numpy()[0]
    first = first.detach().numpy()[0]
    cells = {"conv2": Cell(skip=1, width=2, hop=2), "conv1": Cell(skip=1, width=4, hop=4)}
    ours = steps_of(stages, cells)(rows)[0]
    for step in range(3):
        wanted = [first[:, 1 + 4 * step : 5 + 4 * step].mean(1), second[:, 1 + 2 * step : 3 + 2 * step].mean(1)]
        np.testing.assert_allclose(ours[step], np.concatenate(wanted), rtol=1e-5)
