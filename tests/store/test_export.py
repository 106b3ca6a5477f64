"""Embeddings for other programs: every recording has its own, under a name that can be told."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from earmark.errors import StoreError
from earmark.store import embed_clips, export_npz, export_parquet


@pytest.fixture
def embedded(store, model, write_sound):
    """Embed sounds of these names and return their digests."""

    def embed(*names):
        paths = [
            write_sound(f"in/{name}", 0.3 + 0.1 * seed, 8000, seed, format="WAV") for seed, name in enumerate(names)
        ]
        done = embed_clips(paths, model, store)
        assert done.failures == ()
        return done.sha256

    return embed


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def check(store, file, digest):
    with np.load(file) as content:
        assert sorted(content) == ["embedding", "timestamps"]
        assert content["embedding"].dtype == np.float32
        assert content["timestamps"].dtype == np.float64
        assert content["embedding"].tobytes() == store.read([digest]).values.tobytes()
        assert content["timestamps"].tobytes() == store.times([digest]).tobytes()


def test_each_recording_has_an_npz_that_equals_the_store(store, embedded, tmp_path):
    sha256 = embedded("a/one.wav", "a/two.wav", "b/one.wav")
    out = export_npz(store, sha256, tmp_path / "out")
    assert files(out) == ["a/one.npz", "a/two.npz", "b/one.npz"]
    for path, digest in sha256.items():
        check(store, (out / path.relative_to(tmp_path / "in")).with_suffix(".npz"), digest)


def test_recordings_that_differ_in_their_ending_only_keep_it(store, embedded, tmp_path):
    sha256 = embedded("hum.wav", "hum.flac", "buzz.wav")
    out = export_npz(store, sha256, tmp_path / "out")
    assert files(out) == ["buzz.npz", "hum.flac.npz", "hum.wav.npz"]
    for path, digest in sha256.items():
        check(store, out / ("buzz.npz" if path.stem == "buzz" else f"{path.name}.npz"), digest)


def test_a_kept_ending_does_not_hit_upon_the_name_of_another(store, embedded, tmp_path):
    sha256 = embedded("x.wav", "x.flac", "x.wav.wav")
    out = export_npz(store, sha256, tmp_path / "out")
    assert files(out) == ["x.flac.npz", "x.wav.npz", "x.wav.wav.npz"]
    for path, digest in sha256.items():
        check(store, out / f"{path.name}.npz", digest)


def test_links_keep_the_names_under_which_they_were_given(store, model, embedded, tmp_path):
    (original,) = embedded("original.wav")
    links = [tmp_path / "links" / name for name in ("first.wav", "second.wav")]
    links[0].parent.mkdir()
    for link in links:
        link.symlink_to(original)
    out = export_npz(store, embed_clips(links, model, store).sha256, tmp_path / "out")
    assert files(out) == ["first.npz", "second.npz"]


def test_relative_and_absolute_paths_go_together(store, embedded, tmp_path, monkeypatch):
    sha256 = embedded("a/one.wav", "b/two.wav")
    one, two = sha256
    monkeypatch.chdir(tmp_path)
    mixed = {Path(os.path.relpath(one)): sha256[one], two: sha256[two]}
    assert files(export_npz(store, mixed, tmp_path / "out")) == ["a/one.npz", "b/two.npz"]


def test_the_parquet_file_has_a_row_for_each_recording_in_their_order(store, embedded, tmp_path):
    sha256 = embedded(*(f"{number}.wav" for number in range(3)))
    file = export_parquet(store, sha256, tmp_path / "out")
    table = pd.read_parquet(file)
    assert list(table) == ["path", "first_frame", "times", "frames"]
    assert table["path"].tolist() == [str(path) for path in sha256]
    for row, digest in zip(table.itertuples(), sha256.values(), strict=True):
        np.testing.assert_array_equal(np.stack(row.frames), store.read([digest]).values)
        np.testing.assert_array_equal(row.times, store.times([digest]))
    assert json.loads(pq.read_schema(file).metadata[b"fingerprint"])["card"] == "small"
    assert files(tmp_path / "out") == ["embeddings.parquet"]


def test_more_recordings_than_are_held_at_a_time_are_all_exported(store, embedded, tmp_path):
    (path,), digest = (sha256 := embedded("a.wav")), next(iter(sha256.values()))
    many = {path.with_name(f"{number}.wav"): digest for number in range(130)}
    assert len(pd.read_parquet(export_parquet(store, many, tmp_path / "out"))) == 130
    assert len(files(export_npz(store, many, tmp_path / "npz"))) == 130


def test_exporting_again_replaces_the_files(store, embedded, tmp_path):
    sha256 = embedded("a.wav")
    for export in (export_npz, export_parquet):
        export(store, sha256, tmp_path / "out")
        export(store, sha256, tmp_path / "out")
    assert files(tmp_path / "out") == ["a.npz", "embeddings.parquet"]


@pytest.mark.parametrize("export", [export_npz, export_parquet])
def test_no_recordings_make_no_files(store, export, tmp_path):
    export(store, {}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("export", [export_npz, export_parquet])
def test_a_file_in_the_way_is_named(store, embedded, export, tmp_path):
    sha256 = embedded("a.wav")
    (tmp_path / "out").touch()
    with pytest.raises(StoreError, match=r"out/.* cannot be written .*name another folder"):
        export(store, sha256, tmp_path / "out")


FULL = """
import resource, signal, sys, small_model
from pathlib import Path
from earmark.errors import StoreError
from earmark.store import export_npz, export_parquet
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = small_model.EmbeddingStore(sys.argv[1] + "/store", small_model.FINGERPRINT)
names = [str(number) for number in range(50)]
store.write([small_model.row_of(name) for name in names])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for export in (export_npz, export_parquet):
    try:
        export(store, {Path(f"/in/{name}.wav"): name for name in names}, Path(sys.argv[1]) / "out")
    except StoreError as error:
        print(error)
"""


@pytest.mark.parametrize("limit", [10, 400])
def test_a_full_disk_is_named_and_nothing_half_written_is_left(tmp_path, run_python, limit):
    messages = run_python(FULL, tmp_path, limit).splitlines()
    assert [message.split(":")[0] for message in messages] == [
        str(tmp_path / "out" / "0.npz"),
        str(tmp_path / "out" / "embeddings.parquet"),
    ]
    assert all("cannot be written (File too large). Make room" in message for message in messages)
    assert files(tmp_path / "out") == []
