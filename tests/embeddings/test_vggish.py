"""VGGish against golden vectors of its reference implementations, with seeded weights."""

from pathlib import Path

import numpy as np
import pytest

from earmark.audio import audioset_mel_bank, resample
from earmark.embeddings.vggish import PCA_CARD, RELU_CARD, Vggish, quantise
from earmark.errors import SettingsError
from seeded import weights

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "vggish_golden.npz")
SIGNALS = ("sig_16000", "silence_16000")


@pytest.fixture(scope="module")
def tensors():
    return weights("vggish")


@pytest.fixture(scope="module")
def model(tensors):
    return Vggish(tensors=tensors)


def waveform(name):
    return GOLDEN[f"input/{name}"].astype(np.float32) / np.float32(32768)


def test_mel_bank_is_that_of_the_reference():
    np.testing.assert_allclose(audioset_mel_bank(dtype=np.float64), GOLDEN["mel_matrix"], atol=1e-6)


@pytest.mark.parametrize("signal", SIGNALS)
def test_log_mel_examples_agree_with_the_reference(model, signal):
    golden = GOLDEN[f"{signal}/examples"]
    ((samples, frames),) = model.grid.runs([waveform(signal)], 64)
    np.testing.assert_allclose(model.front_end(samples, frames)[:, 0], golden, atol=1e-5)


@pytest.mark.parametrize("signal", [*SIGNALS, "sig_44100"])
def test_network_agrees_with_the_reference_given_its_examples(model, signal):
    ours = model.network(GOLDEN[f"{signal}/examples"][:, None])
    np.testing.assert_allclose(ours, GOLDEN[f"{signal}/embedding_preact"], atol=2e-4)


@pytest.mark.parametrize("signal", SIGNALS)
def test_whole_chain_agrees_with_torchvggish_and_with_tensorflow(model, signal):
    ours = model(waveform(signal), 16000).values
    for golden in (GOLDEN[f"{signal}/embedding_preact"], GOLDEN[f"{signal}/tf_slim_embedding_preact"]):
        assert ours.shape == golden.shape
        assert np.abs(ours - golden).mean() < 1e-4
        np.testing.assert_allclose(ours, golden, atol=2e-4)


def test_older_implementations_end_with_a_relu(tensors):
    ours = Vggish(RELU_CARD, tensors=tensors)(waveform("sig_16000"), 16000).values
    np.testing.assert_allclose(ours, np.maximum(GOLDEN["sig_16000/embedding_preact"], 0), atol=2e-4)


@pytest.mark.parametrize("signal", SIGNALS)
def test_quantised_values_are_exactly_those_of_the_reference(tensors, signal):
    ours = Vggish(PCA_CARD, tensors=tensors)(waveform(signal), 16000).values
    np.testing.assert_array_equal(ours, GOLDEN[f"{signal}/post_trunc_preact"])


def test_quantised_values_are_cut_off_and_clipped():
    identity = np.eye(128, dtype=np.float32)
    embeddings = np.full((1, 128), -9.0, np.float32)
    embeddings[0, :3] = 9.0, 0.0, 1.999
    values = quantise(embeddings, identity, np.zeros(128, np.float32))[0]
    assert values[:4].tolist() == [255, 127, 254, 0]  # rounding would give 128 and 255


def test_a_resampled_clip_differs_by_one_at_most(tensors):
    ours = Vggish(PCA_CARD, tensors=tensors, resampler="resampy-0.2")(waveform("sig_44100"), 44100).values
    apart = np.abs(ours - GOLDEN["sig_44100/post_trunc_preact"])
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.05  # the reference's own register of time is in float: see resampy.py


def test_the_notebook_of_the_reference_hears_the_same_sine(model):
    sine = np.sin(2 * np.pi * 1000 * np.linspace(0, 3, 132300)).astype(np.float32)
    ((samples, frames),) = model.grid.runs([resample(sine, 44100, 16000, "resampy-0.2")], 64)
    example = model.front_end(samples, frames)[0, 0]
    corners = example[np.ix_([0, 1, 2, -3, -2, -1], [0, 1, 2, -3, -2, -1])]
    printed = GOLDEN["real_weights/sine1000_3s_44100/example0_first3_last3_rows_first3_last3_cols"]
    np.testing.assert_allclose(corners, printed, atol=2e-2)  # resampy 0.4, say, is 0.8 apart


def test_examples_that_are_not_filled_are_dropped(model):
    assert [model.grid.count(samples) for samples in (1, 15599, 15600, 30959, 30960)] == [1, 1, 1, 1, 2]


def test_examples_may_overlap(tensors, model):
    clip = waveform("sig_16000")
    overlapping = Vggish(tensors=tensors, hop=0.48)(clip, 16000)
    apart = model(clip, 16000)
    np.testing.assert_allclose(overlapping.values[::2], apart.values, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.diff(overlapping.times), 0.48)


def test_a_hop_is_a_multiple_of_the_spectrograms():
    with pytest.raises(SettingsError, match=r"multiples of 0\.01 s"):
        Vggish(hop=0.125)
