"""Filling the store: everything that can be heard is embedded once, everything else is listed."""

import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from earmark.audio import file_sha256
from earmark.errors import StoreError
from earmark.store import EmbeddingStore, embed_clips, extraction


def shards(store):
    return sorted(store.folder.glob("*.parquet"))


class Listener:
    """Counts what it hears of the embedding, and may interrupt it at a clip."""

    def __init__(self, interrupt_at=None):
        self.interrupt_at, self.clips, self.seconds = interrupt_at, 0, 0.0

    @contextmanager
    def step(self, title, total, unit):
        def advance(done=1, audio_seconds=0.0):
            if title.startswith("Embedding"):
                self.clips += done
                self.seconds += audio_seconds
                if self.clips == self.interrupt_at:
                    raise KeyboardInterrupt

        yield advance

    def say(self, message):
        pass


@pytest.fixture
def paths(write_sound):
    return [write_sound(f"{number}.wav", 0.2 + 0.1 * number, 8000, seed=number) for number in range(12)]


@pytest.fixture
def broken(tmp_path, write_sound):
    """Files that cannot be embedded, each with a word of its reason."""
    names = ("garbage", "empty", "truncated", "missing")
    garbage, empty, truncated, missing = (tmp_path / f"{name}.wav" for name in names)
    garbage.write_bytes(b"this is no sound" * 100)
    empty.touch()
    whole = write_sound("whole.wav", rate=8000).read_bytes()
    truncated.write_bytes(whole[: len(whole) // 2])
    samples = np.zeros(8000)
    samples[4000] = np.nan
    nan = write_sound("nan.wav", rate=8000, samples=samples, subtype="FLOAT")
    silent = write_sound("no_samples.wav", rate=8000, samples=np.zeros(0))
    return {
        garbage: "not an audio file",
        empty: "empty",
        truncated: "truncated",
        missing: "No such file",
        nan: "NaN",
        silent: "no samples",
    }


def test_each_content_is_embedded_once(store, model, paths):
    copy = paths[0].with_name("copy.wav")
    shutil.copy(paths[0], copy)
    done = embed_clips([*paths, copy, paths[1]], model, store)
    assert done.embedded == len(store) == len(paths)
    assert list(done.sha256) == [*paths, copy]
    assert done.sha256[copy] == done.sha256[paths[0]] == file_sha256(copy)
    assert done.failures == ()
    assert done.audio_seconds == pytest.approx(sum(0.2 + 0.1 * number for number in range(12)))


def test_what_is_stored_is_what_the_model_gives(store, model, paths):
    done = embed_clips(paths, model, store)
    for path in paths:
        alone = model.embed_file(path)
        # Frames of several clips ride in a batch: linear algebra adds up in another order.
        np.testing.assert_allclose(store.read([done.sha256[path]]).values, alone.values, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(store.times([done.sha256[path]]), alone.times)
        assert store.duration_seconds(done.sha256[path]) == alone.duration_seconds


def test_a_second_run_embeds_nothing(store, model, paths):
    first = embed_clips(paths, model, store)
    before = shards(store)
    second = embed_clips(paths, model, EmbeddingStore(store.folder.parent, model.fingerprint))
    assert second.embedded == 0
    assert second.audio_seconds == 0
    assert second.sha256 == first.sha256
    assert shards(store) == before


def test_files_that_cannot_be_heard_are_listed_with_their_reasons_and_the_others_are_stored(
    store, model, paths, broken
):
    mixed = [path for pair in zip(paths, broken, strict=False) for path in pair] + paths[len(broken) :]
    done = embed_clips(mixed, model, store)
    assert [failure.path for failure in done.failures] == list(broken)
    for failure in done.failures:
        assert broken[failure.path].lower() in failure.reason.lower()
        assert str(failure.path) not in failure.reason
    assert sorted(done.sha256) == sorted(paths)
    assert done.embedded == len(store) == len(paths)


def test_both_copies_of_a_broken_file_are_listed(store, model, tmp_path):
    one, two = tmp_path / "one.wav", tmp_path / "two.wav"
    for path in (one, two):
        path.write_bytes(b"this is no sound" * 100)
    done = embed_clips([one, two], model, store)
    assert [failure.path for failure in done.failures] == [one, two]
    assert done.sha256 == {}


def test_nothing_depends_on_the_number_of_workers(tmp_path, model, paths, broken):
    outcomes = []
    for workers in (1, 3):
        store = EmbeddingStore(tmp_path / f"store{workers}", model.fingerprint)
        done = embed_clips([*broken, *paths], model, store, workers=workers)
        digests = list(done.sha256.values())
        frames, times = store.read(digests), store.times(digests)
        outcomes.append((done.failures, list(done.sha256), frames.values.tobytes(), times.tobytes()))
    assert outcomes[0] == outcomes[1]


SOUNDS = {
    "eight channels": {"channels": 8, "rate": 8000},
    "8 kHz": {"rate": 8000},
    "192 kHz": {"rate": 192000},
    "0.05 s": {"seconds": 0.05, "rate": 44100},
    "silence": {"samples": np.zeros(16000)},
    "flac": {"format": "FLAC"},
}


@pytest.mark.parametrize("sound", SOUNDS)
def test_unusual_sounds_are_embedded(store, model, write_sound, sound):
    path = write_sound("sound.wav", **SOUNDS[sound])
    done = embed_clips([path], model, store)
    assert done.failures == ()
    frames = store.read([done.sha256[path]])
    assert np.isfinite(frames.values).all()
    seconds = soundfile.info(path).duration
    assert frames.counts.tolist() == [model.grid.count(round(8000 * seconds))]
    assert done.audio_seconds == pytest.approx(seconds)


def test_an_interrupted_run_keeps_the_clips_it_has_finished(store, model, paths):
    with pytest.raises(KeyboardInterrupt):
        embed_clips(paths, model, store, workers=1, progress=Listener(interrupt_at=3))
    again = EmbeddingStore(store.folder.parent, model.fingerprint)
    assert len(again) == 3
    assert embed_clips(paths, model, again).embedded == len(paths) - 3


def test_progress_hears_of_every_clip_and_of_its_seconds(store, model, paths, broken):
    listener = Listener()
    done = embed_clips([*paths, *broken], model, store, progress=listener)
    assert listener.clips == len(paths) + len(broken) - 1  # the missing one is found before
    assert listener.seconds == pytest.approx(done.audio_seconds)


def test_shards_are_written_while_the_run_goes_on(store, model, paths, monkeypatch):
    monkeypatch.setattr(extraction, "SHARD_BYTES", 300)
    embed_clips(paths, model, store)
    assert 2 < len(shards(store)) <= len(paths)
    assert len(EmbeddingStore(store.folder.parent, model.fingerprint)) == len(paths)


def test_nothing_to_do_is_done(store, model):
    done = embed_clips([], model, store)
    assert (done.sha256, done.failures, done.embedded) == ({}, (), 0)
    assert not store.folder.exists()


def test_a_store_of_another_fingerprint_is_refused(model, tmp_path, write_sound):
    other = EmbeddingStore(tmp_path / "store", replace(model.fingerprint, version=99))
    with pytest.raises(StoreError, match="Open a store for this model's fingerprint"):
        embed_clips([write_sound("a.wav")], model, other)


@pytest.fixture
def small_parts(monkeypatch):
    """Long clips come in parts of some 64 frames of eight values."""
    monkeypatch.setattr(extraction, "PART_BYTES", 2048)


@pytest.fixture
def long_sound(write_sound):
    """Write a sound of a minute, 480 frames: whole, or with NaN at its end."""

    def write(name, breaks=False):
        samples = 0.1 * np.random.default_rng(0).uniform(-1, 1, 480_000)
        samples[-10:] = np.nan if breaks else 0.0
        return write_sound(name, rate=8000, samples=samples, subtype="FLOAT")

    return write


@pytest.mark.parametrize("workers", [1, 3])
def test_a_long_clip_is_stored_in_parts_and_read_as_one(store, model, paths, long_sound, small_parts, workers):
    first, second = long_sound("first.wav"), long_sound("second.wav")
    done = embed_clips([first, *paths, second], model, store, workers=workers)
    digest = done.sha256[first]
    assert store.n_parts(digest) > 1
    assert all(store.n_parts(done.sha256[path]) == 1 for path in paths)
    alone = model.embed_file(first)
    np.testing.assert_allclose(store.read([digest]).values, alone.values, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(store.times([digest]), alone.times)
    assert store.duration_seconds(digest) == 60.0
    assert done.audio_seconds == pytest.approx(60.0 + sum(0.2 + 0.1 * number for number in range(12)))


def test_of_a_long_clip_that_breaks_off_nothing_is_kept(store, model, paths, long_sound, small_parts):
    broken = long_sound("breaks.wav", breaks=True)
    done = embed_clips([broken, *paths], model, store)
    assert [failure.path for failure in done.failures] == [broken]
    assert "NaN" in done.failures[0].reason
    assert len(store) == len(paths)
    assert [file.name for file in store.folder.iterdir() if file.name.startswith(".")] == []


def test_an_interrupted_long_clip_leaves_nothing_and_is_embedded_the_next_time(
    store, model, paths, long_sound, small_parts
):
    mixed = [paths[0], long_sound("long.wav")]
    with pytest.raises(KeyboardInterrupt):
        embed_clips(mixed, model, store, workers=2, progress=Listener(interrupt_at=1))
    assert [file.name for file in store.folder.iterdir() if file.name.startswith(".")] == []
    again = EmbeddingStore(store.folder.parent, model.fingerprint)
    assert len(again) == 1
    assert embed_clips(mixed, model, again).embedded == 1


def test_no_thread_goes_on_after_an_error_that_is_kept(store, model, paths, long_sound, small_parts, monkeypatch):
    def refuse(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(extraction.ShardWriter, "add", refuse)
    with pytest.raises(StoreError) as kept:  # as an interpreter keeps its last error
        embed_clips([long_sound("long.wav"), *paths], model, store, workers=2)
    threads = [each for each in threading.enumerate() if each.name.startswith(("earmark-embed", "earmark-writer"))]
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert "the disk is full" in str(kept.value)
