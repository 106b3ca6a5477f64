"""The contract that every registered embedding model must keep."""

import os
from functools import lru_cache

import numpy as np
import pyarrow.parquet as pq
import pytest

from earmark import list_embeddings, load_embedding
from earmark.errors import AudioError, SettingsError
from earmark.store import EmbeddingStore, embed_clips

NAMES = [card.name for card in list_embeddings()]
pytestmark = pytest.mark.usefixtures("yamnet_weights")


@lru_cache
def model_of(name):
    return load_embedding(name)


@pytest.fixture(params=NAMES)
def model(request):
    return model_of(request.param)


def noise(model, seconds, rate=None, seed=0):
    rate = rate or model.card.sample_rate
    return np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * rate)).astype(np.float32), rate


def test_shapes_and_types(model):
    out = model(*noise(model, 3.3))
    assert out.values.shape == (len(out), model.card.dimension)
    assert out.values.dtype == np.float32
    assert out.times.shape == (len(out),)
    assert out.times.dtype == np.float64
    assert out.duration_seconds == pytest.approx(3.3)
    assert np.isfinite(out.values).all()


def test_the_same_clip_gives_the_same_bits(model):
    clip = noise(model, 2)
    np.testing.assert_array_equal(model(*clip).values, load_embedding(model.card.name)(*clip).values)


def test_frames_do_not_depend_on_what_comes_later(model):
    samples, rate = noise(model, 20)
    whole, part = model(samples, rate), model(samples[: 10 * rate], rate)
    inner = len(part) - 1 - int(model.card.window_seconds / model.card.hop_seconds)
    np.testing.assert_allclose(whole.values[:inner], part.values[:inner], rtol=1e-5, atol=1e-5)


def test_blocks_leave_no_trace(model):
    samples, rate = noise(model, 40, rate=44100)
    blocks = model.embed_blocks(np.array_split(samples, 7), rate)
    np.testing.assert_allclose(blocks.values, model(samples, rate).values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.5])
def test_short_clips_have_a_frame(model, seconds):
    out = model(*noise(model, seconds))
    assert len(out) == 1
    assert np.isfinite(out.values).all()


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
def test_a_single_sample_has_a_frame_at_any_rate(model, rate):
    assert len(model(np.ones(1, np.float32), rate)) == 1


def test_files_that_hold_no_sound_are_refused_by_name(model, write_sound):
    path = write_sound("a.wav", samples=np.full(16000, 3e38), subtype="FLOAT")
    with pytest.raises(AudioError, match=r"samples reach 3e\+38") as caught:
        model.embed_file(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_files_are_embedded_and_stored_whatever_bytes_their_names_are(model, write_sound, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    write_sound("a.wav").rename(path)
    store = EmbeddingStore(tmp_path / "store", model.fingerprint)
    assert embed_clips([path], model, store).embedded == 1
    (shard,) = store.folder.glob("*.parquet")
    assert pq.read_table(shard, columns=["source"])["source"].to_pylist() == [rf"{tmp_path}/caf\xe9.wav"]


def test_silence_is_embedded(model):
    out = model(np.zeros(2 * model.card.sample_rate, np.float32), model.card.sample_rate)
    assert np.isfinite(out.values).all()


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 192000])
def test_other_rates_are_resampled(model, rate):
    out = model(*noise(model, 2, rate=rate))
    assert abs(len(out) - len(model(*noise(model, 2)))) <= 1


def test_times_are_regular_and_start_at_half_a_window(model):
    times = model(*noise(model, 10)).times
    assert times[0] == pytest.approx(model.card.window_seconds / 2)
    np.testing.assert_allclose(np.diff(times), model.card.hop_seconds)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros(0, np.float32), "empty"),
        (np.zeros((10, 2), np.float32), "one-dimensional"),
        (np.zeros(10, np.int16), "floating point"),
        (np.full(10, np.nan, np.float32), "NaN"),
        (np.full(10, 1e300), "infinite values as float32"),
        (np.full(16000, 3e38, np.float32), r"samples reach 3e\+38"),
    ],
)
def test_what_is_no_mono_clip_is_refused(model, samples, says):
    with pytest.raises(AudioError, match=says):
        model(samples, model.card.sample_rate)


def test_a_rate_must_be_positive(model):
    with pytest.raises(AudioError, match="positive"):
        model(np.zeros(100, np.float32), 0)


def test_cards_name_licences_paper_and_origin(model):
    card = model.card
    assert all([card.code_licence, card.weights_licence, card.paper, card.origin, card.title, card.padding])


def test_fingerprints_are_stable_and_complete(model):
    again = load_embedding(model.card.name).fingerprint
    assert again == model.fingerprint
    assert again.key == model.fingerprint.key
    assert len(model.fingerprint.weights_sha256) == 64


def test_unknown_names_are_refused_with_a_hint():
    with pytest.raises(SettingsError, match="Did you mean 'yamnet'"):
        load_embedding("yamnett")


def test_names_are_matched_by_pattern():
    assert list_embeddings("no-such-*") == []
    assert [card.name for card in list_embeddings("yamnet")] == ["yamnet"]
