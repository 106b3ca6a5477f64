"""The store gives back what was put in, to anyone, however many write to it."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_model import FINGERPRINT, SmallModel, frames_of, row_of

from earmark.audio import FrameGrid
from earmark.embeddings import Fingerprint
from earmark.errors import StoreError
from earmark.store import EmbeddingStore

SCRIPT = Path(__file__).with_name("small_model.py")
FIELDS = [field.name for field in dataclasses.fields(Fingerprint)]


def opened(folder, fingerprint=FINGERPRINT):
    return EmbeddingStore(folder, fingerprint)


@st.composite
def bit_patterns(draw):
    """Clips of any float32 whatever: NaNs, infinities, both zeros, denormals."""
    dimension = draw(st.integers(1, 3))
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    return [draw(arrays(np.uint32, (count, dimension))).view(np.float32) for count in counts]


@settings(deadline=None, max_examples=30)
@given(bit_patterns(), st.data())
def test_what_is_written_is_read_back_bit_for_bit_in_any_order_with_repeats(clips, data):
    order = data.draw(st.lists(st.sampled_from(range(len(clips))), min_size=1, max_size=8))
    rows = [row_of(str(number), clip) for number, clip in enumerate(clips)]
    with tempfile.TemporaryDirectory() as folder:
        first = opened(folder)
        first.write(rows[:2])
        if rows[2:]:
            first.write(rows[2:])
        for store in (first, opened(folder)):
            names = [str(number) for number in order]
            frames = store.read(names)
            assert frames.counts.tolist() == [len(clips[number]) for number in order]
            assert [clip.tobytes() for clip in frames] == [clips[number].tobytes() for number in order]
            times = np.concatenate([rows[number].embeddings.times for number in order])
            assert store.times(names).tobytes() == times.tobytes()
            assert [store.duration_seconds(name) for name in names] == [len(clip) / 2 for clip in frames]


def test_more_clips_than_a_row_group_holds_keep_their_frames(tmp_path):
    names = [f"c{number}" for number in range(200)]
    opened(tmp_path).write([row_of(name) for name in names])
    frames = opened(tmp_path).read(names[::-3])
    assert [clip.tobytes() for clip in frames] == [frames_of(name).tobytes() for name in names[::-3]]


def test_asked_for_nothing_it_gives_nothing(tmp_path):
    store = opened(tmp_path)
    assert len(store.read([])) == 0
    assert store.times([]).shape == (0,)


@pytest.mark.parametrize("ask", ["read", "times", "duration_seconds"])
def test_a_clip_that_is_not_there_is_a_store_error(tmp_path, ask):
    store = opened(tmp_path)
    store.write([row_of("a")])
    with pytest.raises(StoreError, match=r"holds no embeddings of 1 clips, the first is absent"):
        getattr(store, ask)("absent" if ask == "duration_seconds" else ["a", "absent"])


def test_two_stores_on_one_folder_see_each_other_after_a_refresh(tmp_path):
    one, two = opened(tmp_path), opened(tmp_path)
    one.write([row_of("a")])
    two.write([row_of("b"), row_of("a")])
    assert "b" not in one
    assert len(two) == 2
    one.refresh()
    assert len(one) == 2
    for store in (one, two, opened(tmp_path)):
        assert [clip.tobytes() for clip in store.read(["b", "a"])] == [frames_of(c).tobytes() for c in "ba"]


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    command = [sys.executable, str(SCRIPT), "write", str(tmp_path)]
    writers = [subprocess.Popen([*command, prefix, "25"]) for prefix in ("x", "y")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    store = opened(tmp_path)
    names = [f"{prefix}{number}" for number in range(25) for prefix in ("x", "y")]
    assert len(store) == 50
    assert [clip.tobytes() for clip in store.read(names)] == [frames_of(name).tobytes() for name in names]
    assert not list(store.folder.glob(".*"))


@pytest.mark.parametrize("reader", [pd.read_parquet, lambda path: pq.read_table(path).to_pandas()])
def test_a_shard_is_a_plain_parquet_file(tmp_path, reader):
    shard = opened(tmp_path).write([row_of("a"), row_of("b")])
    table = reader(shard).set_index("clip_sha256")
    assert list(table) == ["fingerprint", "source", "duration_seconds", "first_frame", "n_frames", "times", "frames"]
    for name in ("a", "b"):
        row = table.loc[name]
        np.testing.assert_array_equal(np.stack(row["frames"]), frames_of(name))
        np.testing.assert_array_equal(row["times"], row_of(name).embeddings.times)
        assert (row["fingerprint"], row["source"]) == (FINGERPRINT.key, f"recordings/{name}.wav")
        assert row["first_frame"] == 0
        assert (row["n_frames"], row["duration_seconds"]) == (len(frames_of(name)), len(frames_of(name)) / 2)


def test_the_fingerprint_is_told_in_full_beside_the_shards_and_in_each(tmp_path):
    store = opened(tmp_path)
    shard = store.write([row_of("a")])
    told = json.loads((store.folder / "_fingerprint.json").read_text())
    assert sorted(told) == sorted(FIELDS)
    assert told["front_end"] == [["cut", "plain"]]
    assert json.loads(pq.read_schema(shard).metadata[b"fingerprint"]) == told


@pytest.mark.parametrize("field", FIELDS)
def test_changing_any_field_of_the_fingerprint_changes_key_and_folder(tmp_path, field):
    value = getattr(FINGERPRINT, field)
    changed = {int: lambda: value + 1, str: lambda: f"{value}2", tuple: lambda: (*value, ("more", 1))}[type(value)]()
    other = dataclasses.replace(FINGERPRINT, **{field: changed})
    assert other.key != FINGERPRINT.key
    opened(tmp_path).write([row_of("a")])
    assert opened(tmp_path, other).folder != opened(tmp_path).folder
    assert "a" not in opened(tmp_path, other)


def test_models_that_give_other_numbers_have_other_fingerprints():
    models = [SmallModel(seed) for seed in (0, 1, 0, 0, 0, 0)]
    models[2].grid = FrameGrid(sample_rate=8000, window=2000, hop=500)
    models[3].front_end_facts = {"cut": "otherwise"}
    models[4].resampler = "resampy-0.2"
    models[5].runtime = "openvino"
    assert len({model.fingerprint.key for model in models}) == 6
    assert SmallModel().fingerprint == SmallModel().fingerprint


def test_unfinished_files_are_ignored_by_readers(tmp_path):
    store = opened(tmp_path)
    shard = store.write([row_of("a")])
    (store.folder / ".writing-half.parquet").write_bytes(shard.read_bytes()[:100])
    assert len(opened(tmp_path)) == 1


def test_only_old_unfinished_files_are_cleared_at_the_next_write(tmp_path):
    store = opened(tmp_path)
    store.write([row_of("a")])
    fresh, stale = store.folder / ".writing-fresh.parquet", store.folder / ".writing-stale.parquet"
    for path, days in ((fresh, 0.5), (stale, 2)):
        path.touch()
        os.utime(path, (time.time() - days * 86400,) * 2)
    store.write([row_of("b")])
    assert fresh.exists()
    assert not stale.exists()


def test_an_unfinished_file_that_vanishes_meanwhile_does_not_disturb_a_writer(tmp_path):
    store = opened(tmp_path)
    store.write([row_of("a")])
    # A link to nowhere is listed but cannot be looked at, as a file that another writer has just renamed.
    (store.folder / ".writing-gone.parquet").symlink_to("nowhere")
    store.write([row_of("b")])
    assert len(opened(tmp_path)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory through /proc")
def test_reading_needs_the_memory_of_the_result_and_little_more(tmp_path, run_python):
    generator, names = np.random.default_rng(0), [str(number) for number in range(200)]
    frames = generator.normal(size=(256, 1024)).astype(np.float32)  # 1 MB
    store = opened(tmp_path)
    for start in range(0, 200, 40):
        store.write([row_of(name, frames + int(name)) for name in names[start : start + 40]])
    code = """
import re, sys, small_model
from pathlib import Path
def peak():  # of this process alone; getrusage would count that of its parent
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
warm = small_model.EmbeddingStore(sys.argv[1] + "/warm", small_model.FINGERPRINT)
warm.write([small_model.row_of("0")])
warm.read(["0"])
store = small_model.EmbeddingStore(sys.argv[1], small_model.FINGERPRINT)
before = peak()
frames = store.read([str(number) for number in range(200)])
print((peak() - before) / frames.values.nbytes)
"""
    assert float(run_python(code, tmp_path)) < 1.6
