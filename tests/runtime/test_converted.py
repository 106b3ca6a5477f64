"""Converted networks are kept, and never taken for what they are not."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from earmark.runtime import OpenVinoNetwork
from earmark.runtime.converted import kept_network

BATCH = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)


def dense():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(7, 3), torch.nn.ReLU())


@pytest.fixture
def kept(tmp_path):
    """The folder in which a network is kept, and what it gives."""
    values = OpenVinoNetwork(dense, (7,), kept=tmp_path / "networks" / "dense")(BATCH)
    (folder,) = (tmp_path / "networks").iterdir()
    return folder, values


def test_a_kept_network_gives_the_same_bits_and_is_not_built_again(kept):
    folder, values = kept
    np.testing.assert_array_equal(OpenVinoNetwork(pytest.fail, (7,), kept=folder.with_name("dense"))(BATCH), values)
    np.testing.assert_array_equal(OpenVinoNetwork(dense, (7,))(BATCH), values)


def test_another_process_needs_no_pytorch(kept):
    folder, values = kept
    code = (
        "import sys; import numpy as np; from pathlib import Path; from earmark.runtime import OpenVinoNetwork\n"
        "network = OpenVinoNetwork(None, (7,), kept=Path(sys.argv[1]))\n"
        "assert 'torch' not in sys.modules\n"
        "np.save(sys.argv[2], network(np.load(sys.argv[3])))"
    )
    batch, out = folder.parent / "batch.npy", folder.parent / "out.npy"
    np.save(batch, BATCH)
    subprocess.run([sys.executable, "-c", code, folder.with_name("dense"), out, batch], check=True)
    np.testing.assert_array_equal(np.load(out), values)


def cut(content):
    return content[: len(content) // 2]


def flipped(content):
    return content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]


def emptied(content):
    return b""


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "sha256.json"])
@pytest.mark.parametrize("damage", [cut, flipped, emptied])
def test_a_damaged_one_is_made_anew(kept, name, damage):
    folder, values = kept
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    assert kept_network(folder) is None
    for module in (dense, pytest.fail):
        np.testing.assert_array_equal(OpenVinoNetwork(module, (7,), kept=folder.with_name("dense"))(BATCH), values)
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "sha256.json"])
def test_one_that_lacks_a_file_is_none(kept, name):
    folder, _ = kept
    (folder / name).unlink()
    assert kept_network(folder) is None


def test_where_nothing_can_be_written_the_network_still_runs(tmp_path, kept):
    _, values = kept
    blocked = tmp_path / "file"
    blocked.touch()
    np.testing.assert_array_equal(OpenVinoNetwork(dense, (7,), kept=blocked / "dense")(BATCH), values)
