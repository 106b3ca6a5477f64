"""Runtimes by device and number format, and clear words where this machine has not what is asked for."""

import numpy as np
import pytest
import torch

from earmark.errors import SettingsError
from earmark.runtime import RUNTIMES, TorchNetwork, bfloat16_gain, check_runtime, make_network, runtime_for

NO_GPU = not torch.cuda.is_available()
NO_BFLOAT16 = bfloat16_gain() == 1


def test_the_fastest_runtime_is_named_by_device_and_precision():
    assert runtime_for() == runtime_for("cpu", "float32") == "openvino"


@pytest.mark.parametrize(("device", "precision"), [("tpu", "float32"), ("cpu", "float16")])
def test_unknown_devices_and_precisions_are_refused_with_those_that_there_are(device, precision):
    with pytest.raises(SettingsError, match=r"there is no \w+ '(tpu|float16)'. Choose one of"):
        runtime_for(device, precision)


@pytest.mark.skipif(not NO_GPU, reason="this machine has a GPU")
@pytest.mark.parametrize("runtime", ["cuda", "cuda-bfloat16"])
def test_a_gpu_that_is_not_there_is_refused_with_what_to_do(runtime):
    module = pytest.fail  # is not called
    for ask in (check_runtime, lambda name: make_network(module, name, (3,))):
        with pytest.raises(SettingsError, match=r"the device cuda was asked for.*Choose the device cpu"):
            ask(runtime)


@pytest.mark.skipif(not NO_BFLOAT16, reason="this processor has bfloat16")
def test_bfloat16_is_refused_where_it_would_be_imitated():
    with pytest.raises(SettingsError, match=r"does not compute in bfloat16.*Choose float32"):
        runtime_for("cpu", "bfloat16")


def network_of(runtime):
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(3200, 16)
    )
    return make_network(lambda: module, runtime, (1, 12, 12))


@pytest.mark.skipif(NO_BFLOAT16, reason="this processor has no bfloat16")
def test_bfloat16_is_close_to_float32_and_not_equal():
    batch = np.random.default_rng(0).standard_normal((9, 1, 12, 12)).astype(np.float32)
    exact, rounded = (network_of(name)(batch) for name in ("openvino", "openvino-bfloat16"))
    assert rounded.dtype == np.float32
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(rounded, exact, rtol=0, atol=0.02 * np.abs(exact).max())


@pytest.mark.skipif(NO_GPU, reason="this machine has no GPU")
@pytest.mark.parametrize(("runtime", "tolerance"), [("cuda", 1e-5), ("cuda-bfloat16", 0.02)])
def test_a_gpu_gives_the_numbers_of_the_reference(runtime, tolerance):
    batch = np.random.default_rng(0).standard_normal((40, 1, 12, 12)).astype(np.float32)
    exact, found = (network_of(name)(batch) for name in ("torch", runtime))
    np.testing.assert_allclose(found, exact, rtol=0, atol=tolerance * np.abs(exact).max())


def test_the_code_for_gpus_runs_in_bfloat16_where_pytorch_imitates_it():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten())
    batch = np.random.default_rng(0).standard_normal((5, 1, 6, 6)).astype(np.float32)
    exact, rounded = TorchNetwork(module)(batch), TorchNetwork(module, precision="bfloat16")(batch)
    assert rounded.dtype == np.float32
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(rounded, exact, rtol=0, atol=0.02 * np.abs(exact).max())


def test_every_runtime_says_device_and_precision_once():
    assert len({(each.framework, each.device, each.precision) for each in RUNTIMES.values()}) == len(RUNTIMES)
