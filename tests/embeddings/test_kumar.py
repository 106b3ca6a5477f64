"""Kumar's network against golden vectors of its reference implementation, with seeded weights."""

import tempfile
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio import decibels, mel_bank, resample, stft_magnitude
from earmark.embeddings import kumar
from earmark.embeddings.kumar import CHANNELS, GRID, Kumar, floored, kumar_network
from earmark.errors import AudioError, SettingsError
from seeded import weights

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "kumar_golden.npz")
SIGNALS = ("sig_44100", "short_44100", "silence_44100", "sig_48000", "stereo_22050")
WITH_DECIBELS = SIGNALS[:-1]
TENSORS = weights("kumar")


@pytest.fixture(scope="module")
def reference():
    return Kumar(tensors=TENSORS, padding="reference")


@pytest.fixture(scope="module")
def model():
    return Kumar(tensors=TENSORS)


def waveform(name):
    """What the reference's network heard of the signal: at 44.1 kHz."""
    if (resampled := f"{name}/resampled_44100") in GOLDEN:
        return GOLDEN[resampled]
    return GOLDEN[f"input/{name}"].astype(np.float32) / np.float32(32768)


def spectrogram(model, samples):
    return np.concatenate(list(model.rows([samples])))


def spectrogram_in_one_piece(samples):
    """The reference's front end for a clip that is long enough."""
    mirrored = np.pad(samples, 512, mode="reflect")
    levels = decibels(np.square(stft_magnitude(mirrored, 1024, 512, 1024)) @ mel_bank(44100, 1024, 128, 0.0, 22050.0))
    return np.maximum(levels, levels.max() - 80)


def noise(seconds, seed=0, loudness=0.1):
    return (loudness * np.random.default_rng(seed).standard_normal(round(seconds * 44100))).astype(np.float32)


@pytest.mark.parametrize("name", WITH_DECIBELS)
def test_spectrogram_agrees_with_the_reference(reference, name):
    golden = GOLDEN[f"{name}/db"]
    ours = spectrogram(reference, waveform(name))
    assert ours.shape == golden.shape
    error = np.abs(ours - golden)
    assert error.mean() < 1e-4
    assert error.max() < 2e-3
    assert error[golden > golden.max() - 60].max() < 2e-4


@pytest.mark.parametrize("name", WITH_DECIBELS)
def test_network_agrees_with_the_reference_given_its_spectrogram(reference, name):
    steps = reference.network(GOLDEN[f"{name}/db"][np.newaxis])[0]
    np.testing.assert_allclose(steps, GOLDEN[f"{name}/layer18"].T, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", SIGNALS)
def test_whole_chain_agrees_with_the_reference(reference, name):
    frames = reference(waveform(name), 44100).values
    golden = GOLDEN[f"{name}/layer18"].T
    assert frames.shape == golden.shape
    assert np.abs(frames - golden).mean() < 1e-5
    np.testing.assert_allclose(frames, golden, rtol=0, atol=2e-4)
    np.testing.assert_allclose(frames.mean(axis=0), GOLDEN[f"{name}/feature"], rtol=0, atol=2e-4)


def test_whole_chain_agrees_with_the_reference_at_another_rate():
    samples = (GOLDEN["input/stereo_22050"].astype(np.float32) / np.float32(32768)).mean(axis=1)
    frames = Kumar(tensors=TENSORS, padding="reference", resampler="resampy-0.2")(samples, 22050).values
    np.testing.assert_allclose(frames, GOLDEN["stereo_22050/layer18"].T, rtol=0, atol=1e-3)


def test_resampy_is_completed_as_librosa_did():
    samples, rate = noise(2.0)[: 2 * 44100 - 7], 48000
    model = Kumar(tensors=TENSORS, resampler="resampy-0.2")
    made = resample(samples, rate, 44100, resampler="resampy-0.2")
    wanted = ceil(len(samples) * 44100 / rate)
    assert wanted == len(made) + 1
    embedded, completed = model(samples, rate), model(np.append(made, np.float32(0)), 44100)
    np.testing.assert_array_equal(embedded.values, completed.values)
    assert np.abs(embedded.values - model(made, 44100).values).max() > 1e-5
    assert embedded.duration_seconds == len(samples) / rate


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("options", [{}, {"padding": "reference"}, {"resampler": "resampy-0.2"}])
def test_nothing_is_not_padded_to_a_clip(options, rate):
    with pytest.raises(AudioError, match="empty"):
        Kumar(tensors=TENSORS, **options).embed_blocks([], rate)


def test_times_are_those_of_the_spectrogram_frames_under_a_step(model):
    times = model(noise(5), 44100).times
    np.testing.assert_allclose(times, (64 * np.arange(len(times)) + 63.5) * 512 / 44100, rtol=1e-12)


@pytest.mark.parametrize("samples", [1, 511, 65023, 65024, 65025, 97791, 97792, 163327, 163328])
@pytest.mark.parametrize("padding", ["silence", "reference"])
def test_a_clip_has_a_frame_for_every_64_spectrogram_frames_but_the_first_64(samples, padding):
    model = Kumar(tensors=TENSORS, padding=padding, layers=("layer1",))
    frames = len(model(noise(4)[:samples], 44100))
    assert frames == max(1, (1 + samples // 512) // 64 - 1) == GRID.count(samples)


def test_short_clips_are_continued_with_silence_by_default(model, reference):
    samples = waveform("short_44100")
    ours = model(samples, 44100)
    np.testing.assert_array_equal(ours.values, model(np.pad(samples, (0, 65024 - len(samples))), 44100).values)
    assert spectrogram(model, samples)[60:].max() == spectrogram(model, samples).max() - 80
    assert (spectrogram(reference, samples)[26:] == 0).all()
    assert ours.duration_seconds == pytest.approx(0.3)


def test_the_padding_is_part_of_name_card_and_fingerprint(model, reference):
    assert (model.card.name, reference.card.name) == ("kumar", "kumar:padding=reference")
    assert "zeros" in model.card.padding
    assert "0 dB" in reference.card.padding
    assert model.fingerprint.key != reference.fingerprint.key


@given(
    samples=st.integers(65024, 400_000),
    cuts=st.lists(st.integers(0, 400_000), max_size=4),
    burst=st.floats(0, 1),
    steps_per_block=st.integers(1, 4),
)
@settings(max_examples=8, deadline=None)
def test_blocks_give_the_numbers_of_the_clip_in_one_piece(samples, cuts, burst, steps_per_block):
    model = Kumar(tensors=TENSORS)
    model.steps_per_block = steps_per_block
    clip = noise(10, loudness=1e-4)[:samples]
    loud = round(burst * (samples - 2000))
    clip[loud : loud + 2000] *= 5000  # the quiet rest lies about the floor of 80 dB below it, wherever it is
    whole = model.network(spectrogram_in_one_piece(clip)[np.newaxis])[0]
    embedded = model.embed_blocks(np.split(clip, sorted(min(cut, samples) for cut in cuts)), 44100)
    np.testing.assert_allclose(embedded.values, whole, rtol=1e-5, atol=1e-5 * np.abs(whole).max())


def test_the_floor_lies_below_the_loudest_of_the_whole_clip(model):
    quiet, loud = noise(7, loudness=1e-5), noise(1, loudness=0.5)
    alone = spectrogram(model, quiet)
    before, after = (spectrogram(model, np.concatenate(parts)) for parts in ((quiet, loud), (loud, quiet)))
    assert (before[:600] == before.max() - np.float32(80)).all()
    assert (after[-600:] == after.max() - np.float32(80)).all()
    assert alone.max() < before.min()


def test_the_spectrogram_is_the_same_on_disk(model, monkeypatch):
    samples = noise(5)
    in_memory = spectrogram(model, samples)
    monkeypatch.setattr(kumar, "SPOOL_BYTES", 1)
    np.testing.assert_array_equal(spectrogram(model, samples), in_memory)


def test_no_room_for_the_spectrogram_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(kumar, "SPOOL_BYTES", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="TMPDIR"):
        list(floored([np.zeros((1, 128), np.float32)]))


def test_layers_are_averaged_over_bands_and_spectrogram_frames(model):
    torch = pytest.importorskip("torch")
    layers = tuple(CHANNELS)
    samples = waveform("sig_44100")
    embedded = Kumar(tensors=TENSORS, layers=layers)(samples, 44100).values
    maps = torch.from_numpy(spectrogram(model, samples))[None, None]
    at, network = 0, kumar_network(TENSORS).eval()
    for number, stage in enumerate(network.stages, start=1):
        with torch.no_grad():
            maps = stage(maps)
        if (name := f"layer{number}") not in CHANNELS:
            continue
        activations = maps[0].mean(dim=2).numpy()  # (channels, time)
        stride = 2 ** sum(number > pool for pool in (3, 6, 9, 12, 15, 17))
        for step in range(len(embedded)):
            under = activations[:, 64 * step // stride : (64 * step + 128) // stride]
            expected = activations[:, step] if name == "layer18" else under.mean(axis=1)
            ours = embedded[step, at : at + CHANNELS[name]]
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=3e-5, err_msg=name)
        at += CHANNELS[name]
    assert at == embedded.shape[1]


def test_layer_18_is_the_embedding(model):
    samples = noise(8)
    again = Kumar(tensors=TENSORS, layers=("layer18",))(samples, 44100)
    np.testing.assert_allclose(again.values, model(samples, 44100).values, rtol=1e-5, atol=1e-6)


def test_layers_of_blocks_are_those_of_the_whole():
    samples = noise(12)
    model = Kumar(tensors=TENSORS, layers=("layer1", "layer8", "layer16"))
    model.steps_per_block = 100
    whole = model(samples, 44100)
    model.steps_per_block = 2
    np.testing.assert_allclose(model(samples, 44100).values, whole.values, rtol=1e-5, atol=1e-6)
    assert whole.values.shape == (15, model.card.dimension)


@pytest.mark.parametrize("layers", [(), tuple(CHANNELS)])
def test_openvino_agrees_for_clips_of_any_length(layers):
    torch_model, openvino_model = (
        Kumar(tensors=TENSORS, layers=layers, runtime=each) for each in ("torch", "openvino")
    )
    for seconds in (0.5, 3, 40):
        samples = noise(seconds)
        ours, theirs = torch_model(samples, 44100).values, openvino_model(samples, 44100).values
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)
