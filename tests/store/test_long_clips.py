"""A clip of any length goes into the store and out of it part by part, and is one clip for whoever asks."""

import signal
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_model import FINGERPRINT, frames_of, row_of

from earmark.embeddings import FrameEmbeddings
from earmark.errors import StoreError
from earmark.store import PART_BYTES, ClipRow, EmbeddingStore, export_npz, export_parquet


def opened(folder):
    return EmbeddingStore(folder, FINGERPRINT)


def numbered(frames, dimension=3):
    """Frames that differ from each other."""
    return np.arange(frames * dimension, dtype=np.float32).reshape(frames, dimension)


def parts_of(name, frames, borders=()):
    """Cut a clip, half a second a frame, at these frames."""
    times = np.arange(len(frames)) / 3
    return [
        ClipRow(name, f"{name}.wav", FrameEmbeddings(frames[a:b], times[a:b], (b - a) / 2), a)
        for a, b in pairwise([0, *borders, len(frames)])
    ]


def cuts(most, draw):
    return sorted(draw(st.sets(st.integers(1, most - 1), max_size=6))) if most > 1 else []


@st.composite
def cut_clips(draw):
    """Clips of any float32 whatever, the rows that they were cut into, and those rows in several pieces."""
    dimension = draw(st.integers(1, 3))
    counts = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    clips = {f"c{n}": draw(arrays(np.uint32, (c, dimension))).view(np.float32) for n, c in enumerate(counts)}
    rows = [row for name, frames in clips.items() for row in parts_of(name, frames, cuts(len(frames), draw))]
    return clips, [rows[a:b] for a, b in pairwise([0, *cuts(len(rows), draw), len(rows)])]


@settings(deadline=None, max_examples=50)
@given(cut_clips(), st.data())
def test_however_clips_are_cut_they_are_read_back_whole(cut, data):
    clips, pieces = cut
    order = data.draw(st.lists(st.sampled_from(sorted(clips)), min_size=1, max_size=6))
    whole = np.concatenate([clips[name] for name in order])
    with tempfile.TemporaryDirectory() as folder:
        first = opened(folder)
        with first.shard() as shard:
            for rows in pieces:
                shard.add(rows)
        for store in (first, opened(folder)):
            assert len(store) == len(clips)
            for in_memory in (True, False):
                frames = store.read(order, in_memory=in_memory)
                assert frames.counts.tolist() == [len(clips[name]) for name in order]
                assert frames.values.tobytes() == whole.tobytes()
            assert store.times(order).tolist() == [frame / 3 for name in order for frame in range(len(clips[name]))]
            for name, clip in clips.items():
                assert np.concatenate(list(store.parts(name))).tobytes() == clip.tobytes()
                assert (store.n_frames(name), store.duration_seconds(name)) == (len(clip), len(clip) / 2)
                assert store.n_parts(name) == sum(row.sha256 == name for rows in pieces for row in rows)


def test_clips_with_parts_and_without_lie_side_by_side_in_more_row_groups_than_one(tmp_path):
    clips = {f"c{number}": numbered(1 + number % 5) + number for number in range(150)}
    opened(tmp_path).write([row for name, clip in clips.items() for row in parts_of(name, clip, range(1, len(clip)))])
    store = opened(tmp_path)
    names = list(clips)[::-7]
    assert [clip.tolist() for clip in store.read(names)] == [clips[name].tolist() for name in names]


def test_a_shard_is_seen_at_the_end_of_its_block_and_not_before(tmp_path):
    store = opened(tmp_path)
    with store.shard() as shard:
        for row in parts_of("long", numbered(6), [2, 4]):
            shard.add([row])
            assert "long" not in store
            assert len(opened(tmp_path)) == 0
    assert "long" in store
    assert "long" in opened(tmp_path)
    assert list(store.folder.glob("*.parquet")) == [shard.path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(5, "of the recording"), StoreError("another")])
def test_a_block_that_fails_leaves_nothing_behind_and_its_error_as_it_is(tmp_path, error):
    store = opened(tmp_path)
    store.write([row_of("before")])
    first, second = parts_of("long", numbered(4), [2])

    def fail():
        with store.shard() as shard:
            shard.add([first])
            raise error

    with pytest.raises(error if isinstance(error, type) else type(error)) as caught:
        fail()
    assert caught.value is error or isinstance(error, type)
    for each in (store, opened(tmp_path)):
        assert len(each) == 1
        assert "long" not in each
    assert len(list(store.folder.iterdir())) == 2  # the first shard and the fingerprint
    store.write([first, second])
    assert len(store.read(["long"]).values) == 4


def test_a_shard_without_rows_is_none(tmp_path):
    store = opened(tmp_path)
    with store.shard() as shard:
        shard.add([])
    assert not shard.path.exists()
    assert len(store) == 0


A, B = parts_of("a", numbered(6), [2, 4]), parts_of("b", numbered(2))
MISFITS = {
    "the first part is missing": A[1:],
    "a part is missing": [A[0], A[2]],
    "parts in another order": [A[0], A[2], A[1]],
    "a part twice": [A[0], A[1], A[1], A[2]],
    "a clip between the parts of another": [A[0], *B, *A[1:]],
    "a clip twice": [*B, *B],
    "other values a frame": [A[0], *parts_of("b", numbered(2, dimension=5))],
}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("misfit", MISFITS)
def test_rows_that_do_not_fit_together_are_refused_with_what_to_do(tmp_path, misfit, at_once):
    store = opened(tmp_path)
    pieces = [MISFITS[misfit]] if at_once else [[row] for row in MISFITS[misfit]]

    def write():
        with store.shard() as shard:
            for rows in pieces:
                shard.add(rows)

    with pytest.raises(StoreError, match=r"these rows make no shard \(.+\)\. Give the rows of a clip one after"):
        write()
    assert len(store) == len(opened(tmp_path)) == 0
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_shard_that_has_refused_rows_cannot_be_finished_by_going_on(tmp_path):
    store = opened(tmp_path)

    def write():
        with store.shard() as shard:
            shard.add(B)
            with pytest.raises(StoreError):
                shard.add(A[1:])
            shard.add(A)

    with pytest.raises(StoreError, match="make no shard"):
        write()
    assert len(opened(tmp_path)) == 0


def test_a_large_clip_lies_in_rows_of_2_mb_at_most(tmp_path):
    # A frame of 1.6 MB, which has to go into one row, and one of 4 kB.
    for dimension, frames, rows in ((400_000, 3, 3), (1000, 1200, 3)):
        store, values = opened(tmp_path / str(dimension)), numbered(frames, dimension)
        store.write([ClipRow("large", "l.wav", FrameEmbeddings(values, np.arange(frames) / 3, 400.0))])
        (shard,) = store.folder.glob("*.parquet")
        table = pq.read_table(shard)
        assert table.num_rows == rows
        assert max(4 * dimension * count for count in table["n_frames"].to_pylist()) <= 2 << 20
        again = opened(tmp_path / str(dimension))
        assert again.read(["large"]).values.tobytes() == values.tobytes()
        assert again.times(["large"]).tolist() == [frame / 3 for frame in range(frames)]
        assert again.duration_seconds("large") == 400.0


KILLED = """
import os, signal, sys, numpy as np, small_model
from earmark.embeddings import FrameEmbeddings
from earmark.store import ClipRow
if not os.fork():
    store = small_model.EmbeddingStore(sys.argv[1], small_model.FINGERPRINT)
    store.write([small_model.row_of("before")])
    with store.shard() as shard:
        for first in range(0, 4000, 1000):
            values = np.random.default_rng(first).normal(size=(1000, 64)).astype(np.float32)
            shard.add([ClipRow("long", "long.wav", FrameEmbeddings(values, np.arange(1000.0), 500.0), first)])
            if first == 2000:
                assert next(store.folder.glob(".writing-*")).stat().st_size > 250_000, "the first part is not written"
                os.kill(os.getpid(), signal.SIGKILL)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_killed_within_a_long_clip_nothing_of_it_is_seen(tmp_path, run_python):
    assert run_python(KILLED, tmp_path) == str(-signal.SIGKILL)
    store = opened(tmp_path)
    assert "before" in store
    assert "long" not in store
    assert len(store) == 1


def rewritten(change):
    """Let a change of the table be a change of the shard."""

    def damage(shard):
        pq.write_table(change(pq.read_table(shard)), shard)

    return damage


def with_column(table, name, values):
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))


def with_longer_cell(table):
    frames = table["frames"].to_pylist()
    return with_column(table, "frames", [frames[0], frames[1] * 2, *frames[2:]])


def with_shorter_cell(table):
    frames = table["frames"].to_pylist()
    return with_column(table, "frames", [*frames[:-1], frames[-1][:-1]])


PART_DAMAGES = {
    "a part is missing": lambda table: table.take([0, 2]),
    "the first part is missing": lambda table: table.slice(1),
    "parts in another order": lambda table: table.take([0, 2, 1]),
    "a part twice": lambda table: table.take([0, 1, 1, 2]),
    "a part of another clip": lambda table: with_column(table, "clip_sha256", ["a", "x", "a"]),
    "a first frame that is wrong": lambda table: with_column(table, "first_frame", [0, 3, 4]),
    "more frames in a cell than are counted": with_longer_cell,
    "fewer frames in a cell than are counted": with_shorter_cell,
    "no first frames": lambda table: table.drop_columns(["first_frame"]),
}


@pytest.mark.parametrize("damage", PART_DAMAGES)
def test_parts_that_do_not_fit_together_are_a_damaged_shard(tmp_path, damage):
    shard = opened(tmp_path).write(parts_of("a", numbered(6), [2, 4]))
    rewritten(PART_DAMAGES[damage])(shard)
    with pytest.raises(StoreError, match=r"is damaged \(.+\)\. Delete this one file") as caught:
        opened(tmp_path).read(["a"])
    assert str(shard) in str(caught.value)


def test_a_shard_that_becomes_another_while_it_is_in_use_is_noticed(tmp_path):
    store = opened(tmp_path)
    shard = store.write([row_of("a"), row_of("b")])
    rewritten(lambda table: table.take([1, 0]))(shard)
    with pytest.raises(StoreError, match=r"is damaged \(its row 0 is not that of frame 0 of clip a\)"):
        store.read(["a"])


def test_shards_from_before_clips_had_parts_are_read(tmp_path):
    shard = opened(tmp_path).write([row_of("a"), row_of("b")])
    rewritten(lambda table: table.drop_columns(["first_frame"]))(shard)
    store = opened(tmp_path)
    store.write(parts_of("long", numbered(5, 4), [2]))
    expected = [frames_of("b"), numbered(5, 4), frames_of("a")]
    assert [clip.tolist() for clip in store.read(["b", "long", "a"])] == [each.tolist() for each in expected]


def test_pandas_reads_a_long_clip_as_rows_that_follow_each_other(tmp_path):
    frames = numbered(7)
    store = opened(tmp_path)
    store.write([*parts_of("a", frames, [3, 5]), row_of("b", numbered(2))])
    table = pd.read_parquet(store.folder)
    assert table["clip_sha256"].tolist() == ["a", "a", "a", "b"]
    assert table["first_frame"].tolist() == [0, 3, 5, 0]
    assert table.groupby("clip_sha256")[["n_frames", "duration_seconds"]].sum().loc["a"].tolist() == [7, 3.5]
    long = table[table["clip_sha256"] == "a"]
    np.testing.assert_array_equal(np.concatenate([np.stack(part) for part in long["frames"]]), frames)
    np.testing.assert_array_equal(np.concatenate(list(long["times"])), np.arange(7) / 3)


class TestAMatrixInAFile:
    @pytest.fixture
    def store(self, tmp_path):
        store = opened(tmp_path)
        store.write([*parts_of("a", numbered(7), [3, 5]), row_of("b", numbered(2))])
        return store

    def test_it_can_be_worked_with_like_one_in_memory(self, store):
        frames = store.read(["b", "a"], in_memory=False)
        assert isinstance(frames.values, np.memmap)
        frames.values[0] = 9
        assert frames[0].tolist() == [[9, 9, 9], [3, 4, 5]]
        assert frames.take([1]).values.tolist() == numbered(7).tolist()
        assert store.read(["b"]).values.tolist() == numbered(2).tolist()

    def test_its_file_has_no_name(self, store):
        before = sorted(store.folder.iterdir())
        frames = store.read(["a"], in_memory=False)
        assert sorted(store.folder.iterdir()) == before
        assert frames.values.tolist() == numbered(7).tolist()

    def test_of_no_clips_it_is_empty(self, store):
        frames = store.read([], in_memory=False)
        assert (len(frames), frames.values.shape) == (0, (0, 0))

    def test_of_a_store_that_may_not_be_written_to_it_lies_elsewhere(self, store, without_rights):
        store.folder.chmod(0o555)
        code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import small_model
store = small_model.EmbeddingStore({str(store.folder.parent)!r}, small_model.FINGERPRINT)
print(store.read(["a"], in_memory=False).values.sum())
"""
        try:
            assert without_rights(code).strip() == str(numbered(7).sum())
        finally:
            store.folder.chmod(0o755)

    @pytest.mark.parametrize("limit", [10, 100_000])
    def test_a_disk_that_does_not_take_it_is_named_with_what_to_do(self, tmp_path, run_python, limit):
        opened(tmp_path).write(parts_of("a", numbered(20_000), [10_000]))
        code = """
import resource, signal, sys, small_model
from earmark.errors import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = small_model.EmbeddingStore(sys.argv[1], small_model.FINGERPRINT)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    store.read(["a"], in_memory=False)
except StoreError as error:
    print(error)
"""
        message = run_python(code, tmp_path, limit)
        assert message.startswith(str(opened(tmp_path).folder))
        assert "20000 frames does not fit on its disk as a temporary file (File too large). Make room" in message
        assert not list(tmp_path.rglob(".writing-*"))


class TestExport:
    @pytest.fixture
    def sha256(self):
        names = ["first", "long", "last", "copy"]
        return {Path(f"/in/{name}.wav"): "long" if name == "copy" else name for name in names}

    @pytest.fixture
    def store(self, tmp_path):
        store = opened(tmp_path / "store")
        long = parts_of("long", numbered(300, 4), [120, 250])
        store.write([row_of("last"), *long, row_of("first")])
        return store

    def test_an_npz_holds_the_whole_recording(self, store, sha256, tmp_path):
        out = export_npz(store, sha256, tmp_path / "out")
        for path, digest in sha256.items():
            with np.load(out / f"{path.stem}.npz", allow_pickle=False) as content:
                assert sorted(content) == ["embedding", "timestamps"]
                np.testing.assert_array_equal(content["embedding"], store.read([digest]).values, strict=True)
                np.testing.assert_array_equal(content["timestamps"], store.times([digest]), strict=True)

    def test_an_npz_is_byte_for_byte_that_of_numpy(self, store, sha256, tmp_path):
        out = export_npz(store, sha256, tmp_path / "out")
        for path, digest in sha256.items():
            expected = tmp_path / "expected.npz"
            np.savez(expected, embedding=store.read([digest]).values, timestamps=store.times([digest]))
            assert (out / f"{path.stem}.npz").read_bytes() == expected.read_bytes()

    def test_in_parquet_a_long_recording_has_rows_that_follow_each_other(self, store, sha256, tmp_path):
        table = pd.read_parquet(export_parquet(store, sha256, tmp_path / "out"))
        assert list(table) == ["path", "first_frame", "times", "frames"]
        assert table["path"].tolist() == [
            f"/in/{name}.wav" for name in ("first", "long", "long", "long", "last", "copy", "copy", "copy")
        ]
        assert table["first_frame"].tolist() == [0, 0, 120, 250, 0, 0, 120, 250]
        for path, digest in sha256.items():
            rows = table[table["path"] == str(path)]
            frames = np.concatenate([np.stack(part) for part in rows["frames"]])
            np.testing.assert_array_equal(frames, store.read([digest]).values)
            np.testing.assert_array_equal(np.concatenate(list(rows["times"])), store.times([digest]))


#: What any work on a clip of any length may take beside its result: one part, packed and unpacked.
BOUND_BYTES = 24 * PART_BYTES
LONG = """
import re, sys, numpy as np, small_model
from pathlib import Path
from earmark.embeddings import FrameEmbeddings
from earmark.store import PART_BYTES, ClipRow, export_npz, export_parquet

def peak():  # of this process alone; getrusage would count that of its parent
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def write(store, parts=50):
    values = np.zeros((PART_BYTES // (4 * 6144), 6144), np.float32)
    with store.shard() as shard:
        for number in range(parts):
            first, values[:] = number * len(values), number
            times = np.arange(first, first + len(values)) / 10
            shard.add([ClipRow("long", "long.wav", FrameEmbeddings(values, times, len(values) / 10), first)])

folder = Path(sys.argv[1])
recording = {Path("/in/long.wav"): "long"}
work = {
    "write": write,
    "times": lambda store: store.times(["long"]),
    "parts": lambda store: sum(len(part) for part in store.parts("long")),
    "read into a file": lambda store: store.read(["long"], in_memory=False),
    "export_npz": lambda store: export_npz(store, recording, folder / "out"),
    "export_parquet": lambda store: export_parquet(store, recording, folder / "out"),
}[sys.argv[2]]
warm = small_model.EmbeddingStore(folder / "warm", small_model.FINGERPRINT)
warm.write([small_model.row_of("long")])
if work is not write:
    work(warm)
store = small_model.EmbeddingStore(folder, small_model.FINGERPRINT)
before = peak()
work(store)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory through /proc")
def test_no_work_on_a_clip_of_400_mb_needs_it_in_memory(tmp_path, run_python):
    needed = {
        work: int(run_python(LONG, tmp_path, work))
        for work in ("write", "times", "parts", "read into a file", "export_npz", "export_parquet")
    }
    assert opened(tmp_path).n_frames("long") * 6144 * 4 > 390 << 20
    assert {work: size for work, size in needed.items() if size > BOUND_BYTES} == {}
