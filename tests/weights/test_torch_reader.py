"""Tensors are read out of PyTorch's files, old and new, and a hostile one runs nothing."""

from __future__ import annotations

import collections
import io
import os
import pickle
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import WeightsError
from earmark.weights.torch_reader import read_state_dict, state_dict
from official_formats import torch_file

ARRAYS = {
    "layer1.0.weight": np.random.default_rng(7).normal(size=(4, 1, 3, 3)).astype(np.float32),
    "layer1.0.bias": np.arange(4, dtype=np.float32),
}
TENSORS = {name: torch.from_numpy(array) for name, array in ARRAYS.items()}
OLD = pytest.mark.parametrize("old", [False, True])


@OLD
def test_names_lose_their_prefix_and_counters_are_left_out(old):
    state = collections.OrderedDict((f"module.{name}", tensor) for name, tensor in TENSORS.items())
    state["module.layer1.1.num_batches_tracked"] = torch.tensor(3)
    found = state_dict(torch_file(state, old))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@OLD
def test_a_state_dict_is_found_under_its_key(old):
    found = read_state_dict(torch_file({"iteration": 3, "model": TENSORS}, old), key="model")
    assert list(found) == list(ARRAYS)


def test_every_kind_of_real_number_comes_as_float32_in_c_order():
    state = {
        "half": torch.tensor([1.5, 2.5], dtype=torch.bfloat16),
        "double": torch.tensor([1.0, 2.0], dtype=torch.float64),
        "turned": TENSORS["layer1.0.weight"].permute(2, 3, 1, 0),
        "trained": torch.nn.Parameter(torch.ones(2)),
    }
    found = state_dict(torch_file(state))
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in found.values())
    np.testing.assert_array_equal(found["turned"], ARRAYS["layer1.0.weight"].transpose(2, 3, 1, 0))


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def stack_global(path):
    """A name put together at run time: protocol 4."""
    command = f"touch {path}".encode()
    return b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c" + bytes([len(command)]) + command + b"\x85R."


def test_the_hostile_file_would_create_a_file(tmp_path):
    torch.load(io.BytesIO(torch_file(Hostile(tmp_path / "ran"))), weights_only=False)
    assert (tmp_path / "ran").exists()


def old_archive(path):
    """A tar file as PyTorch wrote them before 0.1.10, which torch below 2.6 unpickled with nothing around it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for name, value in (("sys_info", {}), *((name, Hostile(path)) for name in ("pickle", "storages", "tensors"))):
            content = pickle.dumps(value, protocol=2)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def script():
    """A program in PyTorch's own language."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


HOSTILE = {
    "new": lambda made: torch_file({"a": TENSORS["layer1.0.bias"], "b": Hostile(made)}),
    "old": lambda made: torch_file({"a": TENSORS["layer1.0.bias"], "b": Hostile(made)}, old=True),
    "within": lambda made: torch_file({"model": {"a": [Hostile(made)]}}),
    "bare": lambda made: pickle.dumps(Hostile(made), protocol=2),
    "stack": stack_global,
    "module": lambda made: torch_file(torch.nn.Linear(2, 2)),
    "script": lambda made: script(),
    "archive": old_archive,
}


def assert_own_words(error):
    """torch's advice is to load without the fence; it must stand neither in an error nor in what led to it."""
    while error is not None:
        assert "weights_only" not in str(error)
        assert "trust" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.filterwarnings("ignore:'torch.load' received a zip file that looks like:UserWarning")
@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4:UserWarning")
@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_a_hostile_file_runs_nothing_and_torchs_advice_is_not_passed_on(tmp_path, kind):
    content = HOSTILE[kind](tmp_path / "ran")
    with pytest.raises((WeightsError, LookupError)) as refusal:
        state_dict(content)
    assert list(tmp_path.iterdir()) == []
    assert_own_words(refusal.value)
    if kind in ("new", "old", "within", "bare"):
        assert f"it holds more than tensors: GLOBAL {os.system.__module__}.system. " in str(refusal.value)


@pytest.mark.parametrize("kind", ["new", "script", "archive"])
def test_a_hostile_file_runs_nothing_in_the_child_and_nothing_is_warned_of(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    content = HOSTILE[kind](tmp_path / "ran")
    with pytest.raises(WeightsError) as refusal:
        read_state_dict(content)
    assert list(tmp_path.iterdir()) == []
    assert_own_words(refusal.value)


def test_keys_that_never_end_being_hashed_are_given_up(monkeypatch):
    monkeypatch.setattr("earmark.weights.isolation.TIME_LIMIT_SECONDS", 5)
    keys = b")q\x00" + b"h\x00\x86q\x00" * 60
    with pytest.raises(WeightsError, match="The library that reads PyTorch had not ended after 5 s"):
        read_state_dict(b"\x80\x02}" + keys + b"Ns.")


def test_a_tensor_that_claims_more_than_its_storage_is_refused():
    wide = torch.zeros(1).expand(2**20, 2**20)  # four bytes in the file
    content = torch_file({"w": wide})
    assert len(content) < 10_000
    with pytest.raises(WeightsError, match="take 4398046511104 bytes, more than the 1073741824 admitted"):
        state_dict(content)


def test_a_zip_bomb_is_refused_unread():
    buffer = io.BytesIO(torch_file(TENSORS))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("archive/data/9", bytes(2**24))
    assert len(buffer.getvalue()) < 2**17
    with pytest.raises(WeightsError, match=r"unpacks to .* bytes, more than the 1048576 admitted"):
        state_dict(buffer.getvalue(), limit_bytes=2**20)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([1, 2], "found a list"),
        ({}, "found a dictionary of nothing"),
        ({"epoch": 3}, "found a int under 'epoch'"),
        ({1: torch.zeros(2)}, "under 1"),
        ({"w": torch.zeros(2, dtype=torch.complex64)}, "w of this PyTorch file is no plain tensor"),
        ({"w": torch.eye(2).to_sparse()}, "w of this PyTorch file is no plain tensor"),
    ],
)
def test_what_is_no_state_dict_is_named(content, found):
    with pytest.raises(WeightsError, match=found):
        state_dict(torch_file(content))


def test_a_missing_key_is_answered_with_what_there_is():
    with pytest.raises(WeightsError, match=r"under 'model', found a dictionary of 'layer1.0.weight', 'layer1.0.bias'"):
        state_dict(torch_file(TENSORS), key="model")


def test_what_is_no_pytorch_file_says_what_was_expected():
    for content in (b"", b"<html>sign in</html>"):
        with pytest.raises(WeightsError, match="Expected a PyTorch file of tensors, found"):
            read_state_dict(content)
    with pytest.raises(WeightsError, match=r"The library that reads PyTorch failed \(BadZipFile"):
        read_state_dict(b"PK\x03\x04")


@OLD
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_file_cut_short_gives_nothing(old, data):
    content = torch_file(TENSORS, old)
    cut = data.draw(st.integers(0, len(content) - 1))
    try:
        found = state_dict(content[:cut])
    except Exception as error:
        found = error
    assert isinstance(found, Exception)


@OLD
def test_a_file_cut_short_is_refused(old):
    content = torch_file(TENSORS, old)
    with pytest.raises(WeightsError, match=r"PyTorch.*Fetch it anew"):
        read_state_dict(content[: len(content) // 2])
