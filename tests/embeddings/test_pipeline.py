"""Many recordings run through one model at once, and each comes out as if it were alone."""

import sys
import threading
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.embeddings import embed_recordings, pipeline
from earmark.errors import AudioError
from embeddings.models import made

WORKERS = (1, 2, 5)


@pytest.fixture(scope="module")
def model():
    found = made("yamnet-float")
    found.prepare()
    return found


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Write sounds of a length in seconds, each once."""
    folder, rate = tmp_path_factory.mktemp("sounds"), 16000
    noise = 0.3 * np.random.default_rng(0).uniform(-1, 1, 200 * rate)

    def write(seconds):
        path = folder / f"{seconds}.wav"
        if not path.exists():
            soundfile.write(path, noise[: round(seconds * rate)], rate)
        return path

    return write


def embedded(model, paths, workers, part_bytes=1 << 20):
    """What comes of recordings, by their number: the parts of each, or the error."""
    found = {number: [] for number in range(len(paths))}
    for number, outcome in embed_recordings(model, enumerate(paths), workers, part_bytes):
        found[number].append(outcome)
    return found


def joined(parts):
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    counts = [len(part.embeddings) for part in parts]
    assert [part.first_frame for part in parts] == np.cumsum([0, *counts[:-1]]).tolist()
    return (
        np.concatenate([part.embeddings.values for part in parts]),
        np.concatenate([part.embeddings.times for part in parts]),
        sum(part.embeddings.duration_seconds for part in parts),
    )


def assert_no_worker_stays():
    for thread in threading.enumerate():
        if thread.name.startswith(pipeline.THREADS):
            thread.join(timeout=30)
            assert not thread.is_alive()


def assert_alike(found, expected):
    """Equal to 1e-5 of the largest value: PyTorch adds up in another order in a batch of another size."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.sampled_from([0.05, 0.5, 0.96, 1.0, 3.7, 12.0]), max_size=8),
    workers=st.sampled_from(WORKERS),
)
def test_each_clip_comes_out_as_if_it_were_alone(model, sound, lengths, workers):
    paths = [sound(seconds) for seconds in lengths]
    for number, parts in embedded(model, paths, workers).items():
        alone = model.embed_file(paths[number])
        values, times, seconds = joined(parts)
        assert_alike(values, alone.values)
        np.testing.assert_array_equal(times, alone.times)
        assert seconds == alone.duration_seconds


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vggish-pca", {}),
        ("kumar", {}),
        ("soundnet-conv5", {}),
        ("soundnet-conv7", {"layers": ("conv1", "conv7")}),
        ("panns-cnn14", {}),
        ("panns-cnn14", {"window": "clip"}),
        ("openl3-music-mel128-512", {"hop": 0.5}),
    ],
    ids=str,
)
def test_every_kind_of_model_runs_so(sound, name, options):
    model = made(name, **options)
    model.prepare()
    paths = [sound(seconds) for seconds in (0.05, 2.0, 3.7)]
    for number, parts in embedded(model, paths, 2).items():
        alone = model.embed_file(paths[number])
        values, times, _ = joined(parts)
        assert_alike(values, alone.values)
        np.testing.assert_array_equal(times, alone.times)


@pytest.mark.parametrize("workers", WORKERS)
def test_long_clips_come_in_parts(model, sound, workers):
    path, small = sound(200.0), 1 << 14
    parts = embedded(model, [path, sound(1.0), path], workers, part_bytes=small)
    for number in (0, 2):
        assert len(parts[number]) > 1
        assert all(part.embeddings.values.nbytes >= small for part in parts[number][:-1])
        values, times, seconds = joined(parts[number])
        assert_alike(values, model.embed_file(path).values)
        np.testing.assert_array_equal(times, model.grid.times(len(values)))
        assert seconds == 200.0
    assert len(parts[1]) == 1


@pytest.mark.parametrize("workers", WORKERS)
def test_what_cannot_be_heard_is_said_and_the_rest_is_embedded(model, sound, tmp_path, workers):
    garbage, truncated, loud = (tmp_path / f"{name}.wav" for name in ("garbage", "truncated", "loud"))
    garbage.write_bytes(b"this is no sound" * 100)
    whole = sound(12.0).read_bytes()
    truncated.write_bytes(whole[: len(whole) // 2])
    soundfile.write(loud, np.full(160000, 3e38), 16000, subtype="FLOAT")
    paths = [garbage, sound(3.7), truncated, loud, tmp_path / "missing.wav", sound(0.5)]
    found = embedded(model, paths, workers)
    assert {number for number, outcomes in found.items() if isinstance(outcomes[-1], AudioError)} == {0, 2, 3, 4}
    for number in (0, 2, 3, 4):
        (error,) = found[number]
        assert str(error).startswith(f"{paths[number]}: ")
    assert joined(found[1])[2] == 3.7
    assert joined(found[5])[2] == 0.5


def test_a_long_clip_that_breaks_off_ends_with_its_error(model, tmp_path):
    samples = 0.1 * np.random.default_rng(0).uniform(-1, 1, 16000 * 400).astype(np.float32)
    samples[-10] = np.nan
    path = tmp_path / "breaks.wav"
    soundfile.write(path, samples, 16000, subtype="FLOAT")
    *parts, error = embedded(model, [path], 2, part_bytes=1 << 16)[0]
    assert len(parts) > 1
    assert not any(part.last for part in parts)
    assert isinstance(error, AudioError)
    assert "NaN" in str(error)


def test_what_the_network_raises_is_raised(sound):
    model = made("yamnet-float")
    model.__dict__["network"] = lambda rows: rows[:, :, 10**6]  # out of bounds
    with pytest.raises(IndexError):
        embedded(model, [sound(1.0)] * 5, 2)


def test_what_was_finished_before_an_error_comes_first(sound):
    model = made("yamnet-float")
    model.prepare()
    run, calls = model.network, iter(range(100))
    model.__dict__["network"] = lambda rows: run(rows) if next(calls) < 2 else rows[:, :, 10**6]
    found = []

    def take_slowly():
        for number, _ in embed_recordings(model, ((number, sound(12.0)) for number in range(9)), 1, 1 << 20):
            time.sleep(0.2)  # slower than the network
            found.append(number)

    with pytest.raises(IndexError):
        take_slowly()
    assert found == [0, 1]


def test_recordings_are_taken_as_they_are_needed(model, sound):
    taken = []

    def recordings():
        for number in range(200):
            taken.append(number)
            yield number, sound(1.0)

    results = embed_recordings(model, recordings(), 2, 1 << 20)
    next(results)
    results.close()
    assert len(taken) < 100


def test_no_thread_stays_when_the_results_are_not_wanted_any_more(model, sound):
    results = embed_recordings(model, ((number, sound(3.7)) for number in range(50)), 3, 1 << 20)
    next(results)
    results.close()
    assert_no_worker_stays()


def test_workers_that_were_not_needed_are_not_spoken_of(model, caplog):
    for _ in range(50):
        embedded(model, [], 5)
    assert not caplog.records


def test_ctrl_c_between_taking_the_lock_and_its_block_stops_no_worker_from_ending(model, sound):
    results = embed_recordings(model, ((number, sound(3.7)) for number in range(50)), 2, 1 << 20)
    next(results)
    enter, before = threading.Condition.__enter__.__code__, sys.gettrace()

    def interrupt(frame, event, _):
        if event == "return":
            sys.settrace(before)
            raise KeyboardInterrupt
        return interrupt

    sys.settrace(lambda frame, *_: interrupt if frame.f_code is enter else None)
    try:
        with pytest.raises(KeyboardInterrupt):
            next(results)
    finally:
        sys.settrace(before)
    assert_no_worker_stays()
