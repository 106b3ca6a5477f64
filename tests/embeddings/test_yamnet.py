"""YAMNet against golden vectors of its reference implementation, with seeded weights."""

from pathlib import Path

import numpy as np
import pytest

from earmark.audio import audioset_mel_bank, log_mel, stft_magnitude
from earmark.embeddings.yamnet import Yamnet
from earmark.weights.recipes import fold_yamnet
from seeded import weights

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "yamnet_golden.npz")
SIGNALS = ("sig_16000", "short_16000", "silence_16000")


@pytest.fixture(scope="module")
def model():
    return Yamnet(tensors=fold_yamnet(weights("yamnet")))


def waveform(name: str) -> np.ndarray:
    return GOLDEN[f"input/{name}"].astype(np.float32) / np.float32(32768)


@pytest.mark.parametrize("name", SIGNALS)
def test_log_mel_agrees_with_the_reference(name):
    golden = GOLDEN[f"{name}/log_mel"]
    samples = waveform(name)
    padded = np.pad(samples, (0, 160 * (len(golden) - 1) + 400 - len(samples)))
    ours = log_mel(stft_magnitude(padded, 400, 160, 512), audioset_mel_bank(), 0.001)
    assert ours.shape == golden.shape
    np.testing.assert_allclose(ours, golden, atol=5e-4)  # another FFT in float32


@pytest.mark.parametrize("name", SIGNALS)
def test_network_agrees_with_the_reference_given_its_log_mel(model, name):
    mel = GOLDEN[f"{name}/log_mel"]
    patches = np.stack([mel[start : start + 96] for start in range(0, len(mel) - 95, 48)])[:, None]
    np.testing.assert_allclose(model.network(patches), GOLDEN[f"{name}/embeddings"], atol=2e-4)


@pytest.mark.parametrize("name", SIGNALS)
def test_whole_chain_agrees_with_the_reference(model, name):
    ours = model(waveform(name), 16000)
    golden = GOLDEN[f"{name}/embeddings"]
    assert ours.values.shape == golden.shape
    assert np.abs(ours.values - golden).mean() < 1e-4
    np.testing.assert_allclose(ours.values, golden, atol=2e-3)


def test_own_weights_change_the_fingerprint(model):
    assert model.fingerprint.weights_sha256 != Yamnet().fingerprint.weights_sha256
