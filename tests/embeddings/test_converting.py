"""Large networks are converted in a process of their own; what comes of it is the same network."""

from pathlib import Path

import numpy as np
import pytest

from earmark import load_embedding
from earmark.embeddings.converting import convert_in_child
from earmark.weights import cache_directory


@pytest.fixture
def fresh_cache(yamnet_weights, tmp_path, monkeypatch):
    """A cache with YAMNet's weights and no networks."""
    (tmp_path / "weights").mkdir()
    for file in (cache_directory() / "weights").glob("yamnet*"):
        (tmp_path / "weights" / file.name).symlink_to(file.resolve())
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path))
    return tmp_path


def kept(cache: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in cache.glob("networks/*/network.*")}


def test_a_child_keeps_the_network_that_the_parent_would_have_made(fresh_cache):
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, 16000).astype(np.float32)
    here = load_embedding("yamnet")(samples, 16000).values
    made_here = kept(fresh_cache)
    for folder in fresh_cache.glob("networks/*"):
        folder.rename(fresh_cache / f"aside-{folder.name}")
    convert_in_child("yamnet")
    assert kept(fresh_cache).keys() == made_here.keys() != set()
    np.testing.assert_array_equal(load_embedding("yamnet")(samples, 16000).values, here)


def test_a_child_that_cannot_convert_leaves_nothing_and_says_nothing(fresh_cache, capfd):
    convert_in_child("no-such-embedding")
    assert not kept(fresh_cache)
    assert capfd.readouterr() == ("", "")


def test_a_child_starts_no_children(fresh_cache, monkeypatch):
    monkeypatch.setenv("EARMARK_CONVERTS", "1")
    convert_in_child("yamnet")
    assert not kept(fresh_cache)
