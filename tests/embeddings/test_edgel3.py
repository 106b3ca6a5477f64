"""EdgeL3 with its real weights against golden vectors of its reference implementation."""

from pathlib import Path

import numpy as np
import pytest

from earmark.embeddings.edgel3 import EdgeL3
from earmark.weights import RECIPES

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "edgel3_golden.npz")
FILE = Path(__file__).resolve().parents[3] / "shared" / "weights" / "edgel3_sea_ust_audio_emb_64.h5.gz"


@pytest.fixture(scope="module")
def tensors():
    if not FILE.exists():
        pytest.skip("needs the published weights of EdgeL3, which do not lie beside this checkout")
    return RECIPES["edgel3-sea-64"].files[0].convert((FILE.read_bytes(),))


def waveform(name):
    return GOLDEN[f"input/{name}"].astype(np.float32) / np.float32(32768)


def test_decibels_agree_with_the_reference():
    model = EdgeL3(tensors={})
    ((samples, frames),) = model.grid.runs([waveform("sig_8000")], 64)
    ours = model.front_end(samples, frames)[::6, 0]
    golden = GOLDEN["sig_8000/db"]
    np.testing.assert_allclose(ours[golden > -60], golden[golden > -60], atol=0.02)
    assert np.abs(ours - golden).mean() < 5e-3


def test_network_agrees_with_the_reference_given_its_decibels(tensors):
    ours = EdgeL3(tensors=tensors).network(GOLDEN["sig_8000/db"][:, None])
    np.testing.assert_allclose(ours, GOLDEN["sig_8000/emb"][::6], atol=2e-4)


@pytest.mark.parametrize("signal", ["sig_8000", "short_8000", "silence_8000"])
def test_whole_chain_agrees_with_the_reference(tensors, signal):
    ours = EdgeL3(tensors=tensors)(waveform(signal), 8000)
    golden = GOLDEN[f"{signal}/emb"]
    np.testing.assert_allclose(ours.values, golden, atol=2e-4)
    np.testing.assert_allclose(ours.times, GOLDEN[f"{signal}/ts"], atol=1e-12)


def test_frames_that_start_on_the_hop_agree_with_the_reference(tensors):
    ours = EdgeL3(tensors=tensors, center=False, hop=0.5)(waveform("sig_8000"), 8000)
    np.testing.assert_allclose(ours.values, GOLDEN["sig_8000/nocenter_hop0.5/emb"], atol=2e-4)


def test_resampled_as_the_reference_does_the_embeddings_agree(tensors):
    ours = EdgeL3(tensors=tensors, resampler="resampy-0.2")(waveform("sig_48000"), 48000)
    np.testing.assert_allclose(ours.values, GOLDEN["sig_48000/emb"], atol=2e-4)
