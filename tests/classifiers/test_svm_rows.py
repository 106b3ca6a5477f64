"""How `fit_svms` treats rows: on a device of PyTorch as in NumPy, and on disk without copying them into memory."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from earmark.classifiers import LinearSVM, fit_svms
from earmark.classifiers.batched_svm import _fit
from earmark.classifiers.blocks import Blocks, Moved
from earmark.classifiers.row_work import Machines, RowWork
from earmark.classifiers.torch_blocks import TorchBlocks
from earmark.errors import SettingsError
from earmark.runtime import one_thread


def frames(count=3000, dimension=20, classes=3, seed=0):
    """Rows of classes that overlap, their codes, and two training sets."""
    generator = np.random.default_rng(seed)
    codes = np.arange(count) % classes
    rows = generator.normal(size=(classes, dimension))[codes] + 2 * generator.normal(size=(count, dimension))
    member = np.stack([generator.random(count) < 0.7, generator.random(count) < 0.5], axis=1)
    return rows.astype(np.float32), codes, member


def problem(member, codes, dimension, seed=1):
    generator = np.random.default_rng(seed)
    minimum, scale = generator.normal(size=(2, dimension)), 0.1 + generator.random((2, dimension))
    return Machines(
        codes, member, minimum, scale, np.array([0, 0, 1, 1]), np.array([0, 2, 0, 1]), 0.5 + generator.random((4, 2))
    )


# On a device of PyTorch: here on its device "cpu", where the same lines run


def both(dtype, moved=None):
    """The same work in NumPy and in PyTorch, and vectors for it."""
    rows, codes, member = frames(count=40_000)  # several blocks on the device too
    machines = problem(member, codes, rows.shape[1])
    host = Blocks(rows, dtype=dtype, moved=moved)
    vectors = 0.1 * np.random.default_rng(2).normal(size=(4, rows.shape[1] + 1))
    return RowWork(host, machines), RowWork(TorchBlocks(host, "cpu"), machines), vectors


def assert_alike(one, other, dtype):
    assert len(one) == len(other)
    for ours, theirs in zip(one, other, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-3 if dtype == np.float32 else 1e-9, atol=1e-6 * np.abs(ours).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("moved", [None, Moved(np.linspace(-1, 1, 20, dtype="f"), np.linspace(0.5, 2, 20, dtype="f"))])
@pytest.mark.parametrize("which", [np.arange(4), np.array([1, 3])], ids=["all", "some"])
def test_a_device_does_the_same_work(which, moved, dtype):
    host, device, vectors = both(dtype, moved)
    step, everyone = np.linspace(0.5, 1, len(which)), np.arange(4)
    for work in (host, device):
        work.advance(vectors, everyone)
    assert_alike(host.evaluate(everyone), device.evaluate(everyone), dtype)
    assert_alike([host.curve(vectors[which], which)], [device.curve(vectors[which], which)], dtype)
    changes = [work.change(vectors[which], which) for work in (host, device)]
    assert_alike([changes[0]], [np.asarray(changes[1])], dtype)
    assert_alike(host.slope(changes[0], which, step), device.slope(changes[1], which, step), dtype)
    for work, change in zip((host, device), changes, strict=True):
        work.take(change, which, step)
    assert_alike(host.evaluate(which), device.evaluate(which), dtype)
    assert_alike([host.curvature(3)], [device.curvature(3)], dtype)


@pytest.mark.parametrize("scaling", ["minmax", "standard"])
@pytest.mark.parametrize("tol", [1e-4, 1e-9], ids=["as usual", "beyond float32"])
def test_a_device_gives_the_same_machines(tol, scaling):
    rows, codes, member = frames()
    rows[:, 5] += 1e3  # a column that is moved
    settings = LinearSVM(tol=tol)
    with one_thread():
        ours, theirs = (_fit(rows, codes, member, settings, scaling, 1, device) for device in (None, "cpu"))
    for one, other in zip(ours, theirs, strict=True):
        assert np.allclose(one.model.coef_, other.model.coef_, rtol=1e-3, atol=10 * tol)
        assert np.allclose(one.model.intercept_, other.model.intercept_, rtol=1e-3, atol=10 * tol)
        assert np.array_equal(one.offset, other.offset)
        assert np.array_equal(one.scale, other.scale)


def test_a_gpu_that_is_not_there_is_asked_for_in_vain():
    import torch

    rows, codes, member = frames()
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(SettingsError, match=rf"the device {missing} was asked for, but .* Choose the device cpu"):
        fit_svms(rows, codes, list(member.T), device=missing)


@pytest.mark.parametrize("device", ["gpu", "cuda:first", "", "cpu:0"])
def test_a_device_that_nobody_knows_is_refused(device):
    rows, codes, member = frames()
    with pytest.raises(SettingsError, match="there is no device"):
        fit_svms(rows, codes, list(member.T), device=device)


def test_the_processor_needs_no_pytorch():
    program = """
import sys, numpy as np
from earmark.classifiers import fit_svms
rows = np.random.default_rng(0).normal(size=(3000, 9)).astype(np.float32)
fit_svms(rows, np.arange(3000) % 3, [np.full(3000, True)])
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# On disk


def on_disk(folder, count=60_000, dimension=192, far=0.0):
    """Rows in a file, mapped into memory, labels and training sets."""
    rows = np.memmap(folder / "rows", np.float32, "w+", shape=(count, dimension))
    generator = np.random.default_rng(0)
    codes, centres = np.arange(count) % 3, generator.normal(size=(3, dimension))
    for start in range(0, count, 1000):
        block = slice(start, start + 1000)
        rows[block] = 0.3 * centres[codes[block]] + generator.normal(size=(len(codes[block]), dimension)) + far
    return rows, codes, [codes % 7 != 0, generator.random(count) < 0.8]


@pytest.mark.parametrize("far", [0.0, 300.0], ids=["about zero", "far from zero"])
def test_rows_on_disk_are_not_copied_into_memory(tmp_path, far):
    rows, codes, sets = on_disk(tmp_path, far=far)
    fit_svms(rows[:3000], codes[:3000], [one[:3000] for one in sets], workers=1)  # imports
    tracemalloc.start()
    fit_svms(rows, codes, sets, workers=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    machines, (count, dimension) = 6, rows.shape
    bound = count * (5 * machines + len(sets) + 100) + (128 + 4 * 3) * dimension**2 + 2e6
    assert peak <= bound < rows.nbytes / 2
