"""A damaged shard or a disk that takes no more is named, with what to do, and costs no more than it must."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_model import FINGERPRINT, frames_of, row_of

from earmark.audio import file_sha256
from earmark.errors import StoreError
from earmark.store import EmbeddingStore, embed_clips


def flip_in_frames(shard):
    """Flip the last byte of the last data page of the frames."""
    group = pq.read_metadata(shard).row_group(0)
    chunk = group.column(group.num_columns - 1)
    assert chunk.path_in_schema.startswith("frames")
    content = bytearray(shard.read_bytes())
    content[(chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size - 1] ^= 1
    shard.write_bytes(content)


def without_frames(shard):
    pq.write_table(pq.read_table(shard).drop_columns(["frames"]), shard)


def numbers_for_frames(shard):
    table = pq.read_table(shard)
    pq.write_table(table.set_column(7, "frames", pa.array(range(len(table)))), shard)


DAMAGES = {
    "truncated": lambda shard: shard.write_bytes(shard.read_bytes()[:-20]),
    "garbage": lambda shard: shard.write_bytes(os.urandom(5000)),
    "empty": lambda shard: shard.write_bytes(b""),
    "flipped": flip_in_frames,
    "other columns": lambda shard: pq.write_table(pa.table({"label": ["dog"]}), shard),
    "without frames": without_frames,
    "numbers for frames": numbers_for_frames,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_named_and_deleting_it_costs_its_clips_only(store, model, write_sound, damage):
    paths = [write_sound(f"{number}.wav", rate=8000, seed=number) for number in range(5)]
    digests = [file_sha256(path) for path in paths]
    embed_clips(paths[:3], model, store)
    (sound,) = store.folder.glob("*.parquet")
    embed_clips(paths, model, store)
    (shard,) = set(store.folder.glob("*.parquet")) - {sound}
    kept, frames = sound.read_bytes(), store.read(digests).values.tobytes()

    DAMAGES[damage](shard)
    with pytest.raises(StoreError, match=r"is damaged \(.+\)\. Delete this one file") as caught:
        EmbeddingStore(store.folder.parent, model.fingerprint).read(digests)
    assert str(shard) in str(caught.value)

    shard.unlink()
    again = EmbeddingStore(store.folder.parent, model.fingerprint)
    assert embed_clips(paths, model, again).embedded == 2
    assert again.read(digests).values.tobytes() == frames
    assert sound.read_bytes() == kept


def test_no_flipped_byte_changes_a_number_in_silence(tmp_path):
    store = EmbeddingStore(tmp_path, FINGERPRINT)
    shard = store.write([row_of("a"), row_of("b")])
    content = shard.read_bytes()
    expected, times, noticed = store.read(["a", "b"]).values.tobytes(), store.times(["a", "b"]).tobytes(), 0
    for position in range(0, len(content), 5):
        shard.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            other = EmbeddingStore(tmp_path, FINGERPRINT)
            assert other.read(["a", "b"]).values.tobytes() == expected
            assert other.times(["a", "b"]).tobytes() == times
        except StoreError as error:
            noticed += str(shard) in str(error)
    assert noticed > len(content) / 5 / 3


LIMITED = """
import resource, signal, sys, small_model
from pathlib import Path
from earmark.errors import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = small_model.EmbeddingStore(sys.argv[1], small_model.FINGERPRINT)
store.write([small_model.row_of("before")])
if sys.argv[3] == "new":
    store = small_model.EmbeddingStore(sys.argv[1] + "/new", small_model.FINGERPRINT)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    store.write([small_model.row_of(str(number)) for number in range(2000)])
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [10, 1000, 20000])
@pytest.mark.parametrize("which", ["old", "new"])
def test_a_file_that_cannot_be_written_to_its_end_leaves_nothing_behind(tmp_path, run_python, limit, which):
    message = run_python(LIMITED, tmp_path, limit, which)
    assert message.startswith(str(tmp_path))
    assert "2000 clips could not be written (File too large)" in message
    assert "Make room" in message
    assert "--store" in message
    assert not list(tmp_path.rglob(".writing-*"))
    store = EmbeddingStore(tmp_path, FINGERPRINT)
    assert len(store) == 1
    assert store.read(["before"]).values.tobytes() == frames_of("before").tobytes()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    if not (sys.platform == "linux" and shutil.which("mount")):
        pytest.skip("needs Linux to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_named_and_what_was_written_before_is_kept(small_disk):
    store = EmbeddingStore(small_disk, FINGERPRINT)
    shards = ([row_of(f"{shard}-{number}") for number in range(1000)] for shard in range(100))
    with pytest.raises(StoreError, match=r"No space left on device\)\. Make room") as caught:
        list(map(store.write, shards))
    assert str(small_disk) in str(caught.value)
    assert len(store) >= 1000
    assert not list(store.folder.glob(".writing-*"))
    again = EmbeddingStore(small_disk, FINGERPRINT)
    assert len(again) == len(store)
    assert again.read(["0-999"]).values.tobytes() == frames_of("0-999").tobytes()


def test_a_store_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/small-.* cannot be read \(Not a directory\).*--store"):
        EmbeddingStore(tmp_path / "file", FINGERPRINT)


def test_a_file_that_comes_to_lie_where_the_store_was_to_be_is_named(tmp_path):
    store = EmbeddingStore(tmp_path / "store", FINGERPRINT)
    (tmp_path / "store").touch()
    with pytest.raises(StoreError, match=r"could not be written .*--store"):
        store.write([row_of("a")])


FORBIDDEN = """
import os, sys, small_model
from earmark.errors import StoreError
small_model.EmbeddingStore(sys.argv[1] + "/allowed", small_model.FINGERPRINT).write([small_model.row_of("a")])
os.makedirs(sys.argv[1] + "/closed")
os.chmod(sys.argv[1] + "/closed", 0o555)
if os.geteuid() == 0:
    os.setuid(65534)  # what is forbidden to others is allowed to root
try:
    small_model.EmbeddingStore(sys.argv[1] + "/closed", small_model.FINGERPRINT).write([small_model.row_of("a")])
except StoreError as error:
    print(error)
"""


def test_a_folder_that_may_not_be_written_to_is_named(run_python):
    folder = Path(tempfile.mkdtemp())  # the folder of the test is closed to other users
    folder.chmod(0o755)
    try:
        message = run_python(FORBIDDEN, folder)
    finally:
        (folder / "closed").chmod(0o755)
        shutil.rmtree(folder)
    assert message.startswith(str(folder / "closed"))
    assert "Permission denied" in message
    assert "name another folder with --store" in message
