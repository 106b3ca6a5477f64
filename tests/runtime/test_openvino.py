"""OpenVINO gives the numbers of PyTorch, whatever the batch and whoever else calls."""

import logging
import re
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from earmark.embeddings.yamnet import yamnet_network
from earmark.errors import SettingsError
from earmark.runtime import OpenVinoNetwork, TorchNetwork, make_network
from seeded import weights

ROW = (1, 12, 10)
BOTH = ("openvino", "torch")


def convolutions(channels: int = 8) -> torch.nn.Module:
    """A network that takes rows of any height, with seeded weights."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        *(torch.nn.Conv2d(1, channels, 3), torch.nn.BatchNorm2d(channels), torch.nn.ReLU()),
        *(torch.nn.Conv2d(channels, 16, 3), torch.nn.ReLU(), torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten()),
    )


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def yamnet_tensors() -> dict[str, np.ndarray]:
    """The seeded weights of YAMNet's golden vectors, batch normalisation folded in."""
    given, tensors = weights("yamnet"), {}
    for name in [name for name in given if name.endswith("conv.weight")]:
        layer, norm = re.sub(r"[._]conv\.weight", "", name), name.replace("conv.weight", "bn")
        scale = 1 / np.sqrt(given[f"{norm}.running_var"] + np.float32(1e-4))
        tensors[f"{layer}.weight"] = given[name] * scale[:, None, None, None]
        tensors[f"{layer}.bias"] = given[f"{norm}.bias"] - given[f"{norm}.running_mean"] * scale
    return tensors


@pytest.fixture(scope="module")
def yamnet():
    module = yamnet_network(yamnet_tensors())
    return {runtime: make_network(lambda: module, runtime, (1, 96, 64)) for runtime in BOTH}


@pytest.fixture(scope="module")
def patches():
    """Patches with the level and spread of log-mel values."""
    return 2 * noise(33, 1, 96, 64) - 3


@pytest.mark.parametrize("rows", [1, 3, 17, 33])
def test_yamnet_agrees_in_both_runtimes(yamnet, patches, rows):
    ours, reference = (yamnet[runtime](patches[:rows]) for runtime in ("openvino", "torch"))
    assert ours.dtype == np.float32
    assert ours.shape == reference.shape == (rows, 1024)
    assert reference.max() > 1  # bfloat16, which many processors would take by default, is off by 0.1
    np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 3, 17])
def test_rows_do_not_depend_on_the_batch(yamnet, patches, rows):
    whole = yamnet["openvino"](patches)
    part = yamnet["openvino"](patches[33 - rows :])
    np.testing.assert_allclose(part, whole[33 - rows :], rtol=1e-5, atol=1e-6)


def test_many_threads_may_call_one_network_at_once(yamnet, patches):
    alone = yamnet["openvino"](patches)

    def rows_from(start):
        return yamnet["openvino"](patches[start:])

    with ThreadPoolExecutor(6) as callers:  # more than there are streams on most machines this runs on
        for start, together in enumerate(callers.map(rows_from, range(30))):
            np.testing.assert_allclose(together, alone[start:], rtol=1e-5, atol=1e-6)


def test_activations_of_layers_agree_in_both_runtimes(patches):
    module = yamnet_network(yamnet_tensors(), ("layer3", "layer14", "average"))
    ours, reference = (make_network(lambda: module, runtime, (1, 96, 64))(patches[:3]) for runtime in BOTH)
    assert ours.shape == (3, 128 + 1024 + 1024)
    np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-4)


def test_results_belong_to_the_caller(yamnet, patches):
    first = yamnet["openvino"](patches[:2])
    kept = first.copy()
    yamnet["openvino"](patches[4:6])
    np.testing.assert_array_equal(first, kept)


def test_the_network_outlives_its_module_and_does_not_follow_it():
    modules = [convolutions()]
    network, batch = OpenVinoNetwork(lambda: modules[0], ROW), noise(5, *ROW)
    before = network(batch)
    modules.clear()
    np.testing.assert_array_equal(network(batch), before)


def test_free_axes_take_any_size():
    module = convolutions()
    network, reference = OpenVinoNetwork(lambda: module, ROW, free_axes=(1,)), TorchNetwork(module)
    for height in (5, 12, 40, 13):
        batch = noise(3, 1, height, 10)
        np.testing.assert_allclose(network(batch), reference(batch), rtol=0, atol=1e-5)


def test_other_axes_are_fixed():
    with pytest.raises(RuntimeError, match="shape"):
        OpenVinoNetwork(convolutions, ROW)(noise(3, 1, 13, 10))


def test_arrays_of_any_layout_and_precision_are_taken():
    network, batch = OpenVinoNetwork(convolutions, ROW), noise(3, 1, 10, 12).transpose(0, 1, 3, 2)
    expected = network(batch.copy())
    batch.flags.writeable = False
    np.testing.assert_array_equal(network(batch), expected)
    np.testing.assert_array_equal(network(batch.astype(float)), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
def test_rows_that_overflow_come_out_as_nan_and_not_as_numbers(value):
    network, batch = OpenVinoNetwork(convolutions, ROW), noise(20, *ROW)
    expected = network(batch)
    batch[18, 0, 5, 5] = value
    values = network(batch)
    assert np.isnan(values[18]).all()
    np.testing.assert_array_equal(np.delete(values, 18, axis=0), np.delete(expected, 18, axis=0))


def test_modules_are_converted_in_evaluation_mode():
    batch = noise(4, 10)
    np.testing.assert_array_equal(OpenVinoNetwork(lambda: torch.nn.Dropout(0.9), (10,))(batch), batch)


def test_conversion_leaves_the_process_as_it_was(monkeypatch, capsys):
    root = logging.getLogger()
    monkeypatch.setattr(sys, "argv", ["earmark", "embed", "--verbose"])
    before = root.level, root.filters[:], root.handlers[:], torch.get_num_threads()
    OpenVinoNetwork(convolutions, ROW)
    assert (root.level, root.filters, root.handlers, torch.get_num_threads()) == before
    assert sys.argv == ["earmark", "embed", "--verbose"]
    assert capsys.readouterr() == ("", "")
    assert not tracemalloc.is_tracing()


def test_runtimes_are_chosen_by_name():
    assert isinstance(make_network(convolutions, "torch", ROW), TorchNetwork)
    assert isinstance(make_network(convolutions, "openvino", ROW), OpenVinoNetwork)
    with pytest.raises(SettingsError, match=r"no runtime 'onnx'.*openvino, openvino-bfloat16, torch, cuda"):
        make_network(convolutions, "onnx", ROW)


MEMORY = """
import re
import numpy as np, torch
from pathlib import Path
from earmark.runtime import OpenVinoNetwork
def peak_mebibytes():  # of this process alone; getrusage would count that of its parent
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
def zeros(*shape):
    return np.zeros(shape, np.float32)
module = torch.nn.Sequential(
    torch.nn.Conv2d(1, 64, 3), torch.nn.ReLU(), torch.nn.Conv2d(64, 64, 3), torch.nn.AdaptiveAvgPool2d(1)
)
"""
MANY_ROWS = """
network = OpenVinoNetwork(lambda: module, (1, 48, 48))
network(zeros(16, 1, 48, 48))
before = peak_mebibytes()
network(zeros(1024, 1, 48, 48))
print(peak_mebibytes() - before)
"""
MANY_SIZES = """
network = OpenVinoNetwork(lambda: module, (1, 40, 40), free_axes=(1,))
network(zeros(1, 1, 600, 40))
before = peak_mebibytes()
for height in range(20, 600, 3):
    network(zeros(1, 1, height, 40))
print(peak_mebibytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory through /proc")
@pytest.mark.parametrize(
    ("work", "mebibytes"),
    [
        pytest.param(MANY_ROWS, 100, id="rows"),  # 16; running all rows at once takes 1000
        pytest.param(MANY_SIZES, 170, id="sizes"),  # 100; what OpenVINO by default keeps of each size takes 240
    ],
)
def test_memory_is_bounded_however_many(work, mebibytes):
    run = subprocess.run([sys.executable, "-c", MEMORY + work], capture_output=True, text=True, check=True)
    assert float(run.stdout) < mebibytes, run.stdout


TOGETHER = """
import faulthandler, sys, threading
from pathlib import Path
import numpy as np
from earmark.runtime import OpenVinoNetwork
faulthandler.dump_traceback_later(60, exit=True)
sys.setswitchinterval(1e-6)
network = OpenVinoNetwork(lambda: 1 / 0, (4,), kept=Path(sys.argv[1]))
start = threading.Barrier(8)
def call():
    start.wait()
    network(np.ones((3, 4), np.float32))
threads = [threading.Thread(target=call) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_calls_of_a_process_may_come_at_once(tmp_path):
    # Without care two in three such processes hang, so five hardly ever pass.
    OpenVinoNetwork(torch.nn.ReLU, (4,), kept=tmp_path / "network")
    for _ in range(5):
        run = subprocess.run(
            [sys.executable, "-c", TOGETHER, str(tmp_path / "network")], stderr=subprocess.PIPE, text=True, check=False
        )
        assert run.returncode == 0, run.stderr


def test_openvino_is_imported_when_it_is_used_and_not_before():
    code = "import sys, earmark.runtime; print([name for name in ('openvino', 'torch') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
