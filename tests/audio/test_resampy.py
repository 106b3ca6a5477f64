"""resampy 0.2.2 by its formula: its outputs to a rounding error, but for the outputs that its clock misplaces.

resampy adds up the time of each output in floating point. Where an output falls on an input sample, the sum may fall
just short of it, and the truncated step of a narrowed filter then makes other weights. `DEVIATIONS` says for how many
outputs that was seen and how much it made; every other output agrees to 6e-7.
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio.resampy import resampy_blocks
from earmark.errors import AudioError

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "front_end_golden.npz")
REFERENCES = Path(__file__).resolve().parents[3] / "shared" / "golden"

EXACT = 6e-7
#: (rate, rate): the largest deviation, and the share of outputs that deviate in any piece compared. The rest: none do.
DEVIATIONS = {
    (44100, 8000): (1.1e-3, 0.011),
    (44100, 16000): (4.5e-4, 0.004),
    (48000, 44100): (4e-5, 0.006),
    (22050, 16000): (4e-4, 0.003),
    (22050, 8000): (6e-4, 0.003),
}
STORED = [
    ("openl3", "resampled_48000/{}", 48000),
    ("vggish", "{}/resampled_16000", 16000),
    ("kumar", "{}/resampled_44100", 44100),
    ("edgel3_sea64", "{}/resampled_8000", 8000),
    ("panns_cnn14", "{}/resampled_32000", 32000),
    ("yamnet", "{}/resampled_16000", 16000),
]


def convert(samples, rate_from, rate_to):
    out = np.concatenate(list(resampy_blocks([samples], rate_from, rate_to)))
    assert out.dtype == np.float32
    return out


def waveform(samples):
    mono = samples.mean(axis=1) if samples.ndim == 2 else samples
    return (mono / 32768).astype(np.float32)


def noise(samples):
    return np.random.default_rng(0).uniform(-1, 1, samples).astype(np.float32)


def assert_agrees(ours, reference, positions, rate_from, rate_to):
    """Hold outputs against the reference: exact, but for few, at whole input samples, and not by much."""
    most, share = DEVIATIONS.get((rate_from, rate_to), (0, 0))
    error = np.abs(ours - reference)
    deviating = error > EXACT
    assert not (positions[deviating] * rate_from % rate_to).any()
    assert deviating.mean() <= share
    assert error.max() <= max(most, EXACT)


@pytest.mark.parametrize("signal", ["sig_44100", "sig_48000"])
def test_outputs_are_resampys_but_for_what_its_clock_misplaces(signal):
    rate_from = int(signal[4:])
    keys = [key.split("/")[2:] for key in GOLDEN if key.startswith(f"resampled/{signal}/") and "length" not in key]
    for rate_to in sorted({int(rate) for rate, _ in keys}):
        ours = convert(waveform(GOLDEN[signal]), rate_from, rate_to)
        assert len(ours) == GOLDEN[f"resampled/{signal}/{rate_to}/length"]
        starts = [int(start) for rate, start in keys if int(rate) == rate_to]
        parts = [GOLDEN[f"resampled/{signal}/{rate_to}/{start}"] for start in starts]
        positions = np.concatenate(
            [np.arange(start, start + len(part)) for start, part in zip(starts, parts, strict=True)]
        )
        assert len(positions) == 4300
        assert_agrees(ours[positions], np.concatenate(parts), positions, rate_from, rate_to)


@pytest.mark.skipif(not REFERENCES.exists(), reason="needs the stored outputs of the references beside the checkout")
@pytest.mark.parametrize(("model", "key", "rate_to"), STORED)
def test_every_stored_output_of_the_references_is_met(model, key, rate_to):
    with np.load(REFERENCES / f"{model}.npz") as stored:
        signals = [name[6:] for name in stored if name.startswith("input/") and key.format(name[6:]) in stored]
        assert signals
        for signal in signals:
            reference, rate_from = stored[key.format(signal)], int(stored[f"sr/{signal}"])
            ours = convert(waveform(stored[f"input/{signal}"]), rate_from, rate_to)
            assert ours.shape == reference.shape
            assert_agrees(ours, reference, np.arange(len(ours)), rate_from, rate_to)


rates = st.one_of(st.sampled_from([8000, 16000, 22050, 22051, 44100, 48000, 96000]), st.integers(200, 20000))


@settings(max_examples=60, deadline=None)
@given(rates, rates, st.integers(0, 3000), st.lists(st.integers(0, 3000), max_size=6))
def test_block_borders_change_no_bit(rate_from, rate_to, samples, cuts):
    clip = noise(samples)
    out = np.concatenate(list(resampy_blocks(np.split(clip, sorted(cuts)), rate_from, rate_to)))
    np.testing.assert_array_equal(out, convert(clip, rate_from, rate_to))
    assert len(out) == int(samples * rate_to / rate_from)


@pytest.mark.parametrize(("rate_from", "rate_to"), [(44100, 48000), (48000, 16000), (44100, 8000), (22051, 48000)])
@pytest.mark.parametrize("block", [1023, 70001])
def test_chunks_of_long_clips_change_no_bit(rate_from, rate_to, block):
    clip = noise(120_000)
    blocks = (clip[start : start + block] for start in range(0, len(clip), block))
    out = np.concatenate(list(resampy_blocks(blocks, rate_from, rate_to)))
    np.testing.assert_array_equal(out, convert(clip, rate_from, rate_to))


@pytest.mark.parametrize(("rate_from", "rate_to"), [(44100, 48000), (48000, 16000), (44100, 8000), (22051, 48000)])
def test_what_is_far_from_either_end_does_not_depend_on_the_ends(rate_from, rate_to):
    clip = noise(4 * rate_from)
    whole, second = convert(clip, rate_from, rate_to), convert(clip[rate_from : 3 * rate_from], rate_from, rate_to)
    np.testing.assert_allclose(
        second[rate_to // 2 : -rate_to // 2], whole[3 * rate_to // 2 : 5 * rate_to // 2], rtol=0, atol=2e-7
    )


@pytest.mark.parametrize(
    ("rate_from", "rate_to"), [(1, 48000), (767999, 768000), (768000, 8000), (768000, 1500), (48000, 22051)]
)
def test_any_two_rates_within_512_fold_are_converted(rate_from, rate_to):
    clip = np.ones(max(4, rate_from // 8), np.float32)
    out = convert(clip, rate_from, rate_to)
    assert len(out) == len(clip) * rate_to // rate_from
    if rate_from > 1:
        steps = min(1, rate_to / rate_from) * 512
        loud = steps / int(steps)  # more table entries are heard than a step of the right width would hear
        np.testing.assert_allclose(out[len(out) // 3 : 2 * len(out) // 3], loud, atol=0.03)


def test_a_tone_keeps_its_pitch_between_coprime_rates():
    time = np.arange(22051) / 22051
    out = convert(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 22051, 48000)
    expected = np.sin(2 * np.pi * 1000 * np.arange(len(out)) / 48000)
    np.testing.assert_allclose(out[2000:-2000], expected[2000:-2000], atol=1e-4)


def test_a_long_stream_is_converted_as_it_comes():
    longest_wait = given_out = 0

    def blocks():
        nonlocal longest_wait, given_out
        for _ in range(200):
            given_out += 1
            longest_wait = max(longest_wait, given_out)
            yield np.zeros(10_000, np.float32)

    for _ in resampy_blocks(blocks(), 44100, 48000):
        given_out = 0
    assert longest_wait <= 8  # a chunk of 65536 samples


def test_the_same_rate_changes_nothing():
    clip = noise(100)
    np.testing.assert_array_equal(convert(clip, 16000, 16000), clip)


def test_nothing_gives_nothing():
    assert convert(np.empty(0, np.float32), 44100, 48000).shape == (0,)
    assert np.concatenate(list(resampy_blocks([], 44100, 48000))).shape == (0,)


def test_what_resampy_cannot_do_is_refused():
    with pytest.raises(AudioError, match="positive"):
        convert(noise(10), 0, 16000)
    with pytest.raises(AudioError, match=r'512-fold\. Use the resampler "soxr"'):
        convert(noise(10), 768000, 1499)
