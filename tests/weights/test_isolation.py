"""A child that reads a file gives back arrays or one error, and imports nothing but what is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import earmark
from earmark.errors import WeightsError
from earmark.weights import isolation
from earmark.weights.hdf5_reader import read_keras_layers
from earmark.weights.isolation import read_in_child
from official_formats import keras_file, torch_file

LAYERS = [("conv", [np.arange(6, dtype=np.float32).reshape(1, 2, 3), np.zeros(3, np.float32)])]
LIMIT = 2**20


def test_arrays_of_every_shape_come_back_in_order_and_can_be_written_to():
    state = {"z": torch.tensor(2.5), "a": torch.zeros(0, 3), "ü\n": torch.arange(6.0).reshape(2, 3).T}
    found = read_in_child("PyTorch", torch_file(state), LIMIT)
    assert [name for name, _ in found] == list(state)
    for (_, (array,)), tensor in zip(found, state.values(), strict=True):
        np.testing.assert_array_equal(array, tensor.numpy(), strict=True)
        assert array.flags.writeable
        assert array.flags.c_contiguous


def test_what_a_reader_refuses_is_told_in_its_words():
    with pytest.raises(WeightsError, match=r"^Expected a PyTorch file with a state dict under 'ü', found a dictionary"):
        read_in_child("PyTorch", torch_file({"a": torch.zeros(2)}), LIMIT, key="ü")


def test_a_child_that_crashes_is_an_error_with_its_signal(monkeypatch):
    monkeypatch.setattr(isolation, "_START", "import ctypes; ctypes.string_at(0)")
    with pytest.raises(WeightsError, match=rf"reads HDF5 ended with signal {int(signal.SIGSEGV)}\. The file \(b'12'"):
        read_in_child("HDF5", b"12", LIMIT)


def test_a_child_that_does_not_end_is_ended(monkeypatch, tmp_path):
    mark = tmp_path / "pid"
    start = f"import os, time, pathlib; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(600)"
    monkeypatch.setattr(isolation, "_START", start)
    monkeypatch.setattr(isolation, "TIME_LIMIT_SECONDS", 2)
    with pytest.raises(WeightsError, match="reads HDF5 had not ended after 2 s"):
        read_in_child("HDF5", bytes(2**20), LIMIT)
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_python_that_cannot_be_started_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(
        WeightsError, match=rf"Cannot start {tmp_path}/none, which is to read the HDF5 file, .*: No such"
    ):
        read_in_child("HDF5", b"", LIMIT)


def test_a_library_that_cannot_be_imported_is_named(monkeypatch, tmp_path):
    (tmp_path / "h5py").mkdir()
    (tmp_path / "h5py" / "__init__.py").write_text("raise ImportError('libhdf5.so: not there')")
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {isolation._START}"
    monkeypatch.setattr(isolation, "_START", start)
    with pytest.raises(WeightsError, match=r"h5py, .* cannot be imported \(libhdf5.so: not there\)\. Install earmark"):
        read_in_child("HDF5", keras_file(LAYERS), LIMIT)


def test_neither_the_current_folder_nor_the_environment_brings_code_in(monkeypatch, tmp_path):
    code = f"import os; os.mkdir({str(tmp_path / 'ran')!r})"
    for name in ("json", "site", "numpy", "h5py", "earmark", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(code)
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    (layer,) = read_keras_layers(keras_file(LAYERS))
    np.testing.assert_array_equal(layer.arrays[0], LAYERS[0][1][0])
    assert sorted(tmp_path.iterdir()) == before
    subprocess.run([sys.executable, "-c", "0"], check=False, capture_output=True)
    assert (tmp_path / "ran").exists()  # so another Python would have been brought to run it


def test_a_child_takes_earmark_from_where_its_parent_has_it(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    copy = Path(shutil.copytree(Path(earmark.__file__).parent, tmp_path / "earmark", ignore=ignored))
    with (copy / "weights" / "hdf5_reader.py").open("a") as opened:
        opened.write("\n\ndef keras_layers(content, limit):\n    return [KerasLayer('the copy', ())]\n")
    code = f"from earmark.weights import hdf5_reader as h; print(h.read_keras_layers({keras_file(LAYERS)[:8]!r}))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert "the copy" in ran.stdout
