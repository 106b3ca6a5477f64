"""OpenL3 against golden vectors of both its front ends, with seeded weights."""

from pathlib import Path

import numpy as np
import pytest

from earmark import load_embedding
from earmark.embeddings.openl3 import VARIANTS, OpenL3, Variant
from seeded import weights

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "openl3_golden.npz")
REPRESENTATIONS = ("mel256", "mel128", "linear")
#: Where the golden vectors of a front end lie.
PREFIX = {"trained": "legacy031_frontend/", "0.4": ""}
#: openl3 0.3.1 and 0.4 share the linear spectrogram.
FRONT_ENDS = [(each, frontend) for each in REPRESENTATIONS for frontend in PREFIX]


@pytest.fixture(scope="module")
def tensors():
    return weights("openl3")


def waveform(name):
    return GOLDEN[f"input/{name}"].astype(np.float32) / np.float32(32768)


def embed_window(model, row):
    """Embed the one window of the signal that is centred on `row` times the hop."""
    padded = np.pad(waveform("sig_48000"), (24000, 24000))
    run = padded[row * 4800 : row * 4800 + 48000]
    return model.network(model.front_end(run, 1))


def decibels_of(representation, frontend):
    """The golden spectrogram of one window of the signal, and which one it is."""
    prefix = "" if representation == "linear" else PREFIX[frontend]
    row = 11 if prefix else int(GOLDEN[f"{representation}/sig_48000/db_rows"][-1])
    return GOLDEN[f"{prefix}{representation}/sig_48000/db"], row


@pytest.mark.parametrize(("representation", "frontend"), FRONT_ENDS)
def test_decibels_agree_with_the_reference(tensors, representation, frontend):
    model = OpenL3(Variant("music", representation, 512), tensors=tensors, frontend=frontend)
    golden, row = decibels_of(representation, frontend)
    runs = list(model.grid.runs([waveform("sig_48000")], 16))
    ours = np.concatenate([model.front_end(*run) for run in runs])[row, 0]
    # Further down there is nothing but the rounding of float32 transforms; without mel bands it begins earlier.
    loud = golden[0] > (-50 if representation == "linear" else -60)
    np.testing.assert_allclose(ours[loud], golden[0][loud], atol=0.02)
    assert np.abs(ours - golden[0]).mean() < 5e-3


@pytest.mark.parametrize(("representation", "frontend"), FRONT_ENDS)
def test_network_agrees_with_the_reference_given_its_decibels(tensors, representation, frontend):
    golden, row = decibels_of(representation, frontend)
    model = OpenL3(Variant("music", representation, 512), tensors=tensors)
    wanted = GOLDEN[f"{'' if representation == 'linear' else PREFIX[frontend]}{representation}/sig_48000/emb512"][row]
    np.testing.assert_allclose(model.network(golden[:, None])[0], wanted, atol=2e-4)


@pytest.mark.parametrize(("representation", "frontend"), FRONT_ENDS)
def test_whole_chain_agrees_with_the_reference(tensors, representation, frontend):
    model = OpenL3(Variant("music", representation, 512), tensors=tensors, frontend=frontend)
    golden = GOLDEN[f"{PREFIX[frontend]}{representation}/sig_48000/emb512"]
    # The first eight windows do not reach beyond 1.2 s; then one amid the noise, and the last one.
    ours = model(waveform("sig_48000")[:57600], 48000)
    assert len(ours) == 8
    np.testing.assert_allclose(ours.times, GOLDEN["ts/sig_48000"][:8], atol=1e-12)
    rows = [16, len(golden) - 1]
    values = np.concatenate([ours.values, *(embed_window(model, row) for row in rows)])
    wanted = golden[[*range(8), *rows]]
    assert np.abs(values - wanted).mean() < 1e-3
    np.testing.assert_allclose(values, wanted, atol=5e-2)


def test_every_window_of_the_reference_is_there(tensors):
    model = OpenL3(Variant("music", "mel128", 512), tensors=tensors, frontend="0.4")
    golden = GOLDEN["mel128/sig_48000/emb512"]
    ours = model(waveform("sig_48000"), 48000)
    assert np.abs(ours.values - golden).mean() < 1e-3
    np.testing.assert_allclose(ours.values, golden, atol=5e-2)
    np.testing.assert_allclose(ours.times, GOLDEN["ts/sig_48000"], atol=1e-12)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_all_6144_values_stand_in_the_order_of_the_reference(tensors, representation):
    model = OpenL3(Variant("music", representation, 6144), tensors=tensors, frontend="0.4")
    rows, golden = (GOLDEN[f"{representation}/sig_48000/{what}"] for what in ("rows6144", "emb6144"))
    ours = np.concatenate([embed_window(model, row) for row in rows])
    assert np.abs(ours - golden).mean() < 1e-3
    np.testing.assert_allclose(ours, golden, atol=5e-2)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_small_and_large_embeddings_are_pools_of_the_same_map(tensors, representation):
    clip = waveform("sig_48000")[48000:96000]
    small, large = (
        OpenL3(Variant("env", representation, size), tensors=tensors, center=False)(clip, 48000).values
        for size in (512, 6144)
    )
    assert large.shape == (1, 6144)
    np.testing.assert_allclose(large.reshape(12, 512).max(axis=0), small[0], atol=1e-5)


@pytest.mark.parametrize("signal", ["short_48000", "silence_48000"])
@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_short_and_silent_clips_agree_with_the_reference(tensors, representation, signal):
    model = OpenL3(Variant("music", representation, 512), tensors=tensors, frontend="0.4")
    golden = GOLDEN[f"{representation}/{signal}/emb512"]
    ours = model(waveform(signal), 48000).values
    assert ours.shape == golden.shape
    assert np.abs(ours - golden).mean() < 1e-3
    np.testing.assert_allclose(ours, golden, atol=5e-2)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_frames_that_start_on_the_hop_agree_with_the_reference(tensors, representation):
    model = OpenL3(Variant("music", representation, 512), tensors=tensors, frontend="0.4", center=False, hop=0.5)
    golden = GOLDEN[f"{representation}/sig_48000/nocenter_hop0.5/emb512"]
    ours = model(waveform("sig_48000"), 48000)
    assert ours.values.shape == golden.shape
    assert np.abs(ours.values - golden).mean() < 1e-3
    np.testing.assert_allclose(ours.values, golden, atol=5e-2)
    np.testing.assert_allclose(ours.times, 0.5 + 0.5 * np.arange(5))  # centres; the reference gives the starts


def test_resampled_as_the_reference_does_the_embeddings_agree(tensors):
    model = OpenL3(Variant("music", "mel256", 512), tensors=tensors, frontend="0.4", resampler="resampy-0.2")
    golden = GOLDEN["mel256/sig_44100/emb512"][:6]
    ours = model(waveform("sig_44100")[:55125], 44100).values[:6]  # the windows well before the cut at 1.25 s
    assert np.abs(ours - golden).mean() < 1e-3
    np.testing.assert_allclose(ours, golden, atol=5e-2)


def test_there_are_twelve_variants_and_each_has_its_card():
    names = {variant.card().name for variant in VARIANTS}
    assert len(names) == 12
    assert "openl3-music-mel256-512" in names
    assert "openl3-env-linear-6144" in names


def test_options_stand_in_the_name_and_change_the_fingerprint(tensors):
    variant = Variant("music", "mel256", 512)
    named = load_embedding("openl3-music-mel256-512:frontend=0.4:hop=0.5").card
    assert (named.name, named.hop_seconds) == ("openl3-music-mel256-512:frontend=0.4:hop=0.5", 0.5)
    ways = [{}, {"frontend": "0.4"}, {"hop": 0.5}, {"center": False}, {"resampler": "resampy-0.2"}]
    ways += [{"layers": ("conv3",)}, {"runtime": "torch"}, {"runtime": "openvino-bfloat16"}]
    keys = {OpenL3(variant, tensors=tensors, **way).fingerprint.key for way in ways}
    assert len(keys) == len(ways)
