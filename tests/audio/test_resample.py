"""Resampling keeps pitch and length, and block borders leave no trace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.audio import resample, resample_blocks
from earmark.errors import AudioError


@given(st.sampled_from([8000, 16000, 22050, 44100, 192000]), st.lists(st.integers(0, 20000), max_size=5))
def test_block_borders_leave_no_trace(rate, cuts):
    clip = np.random.default_rng(0).uniform(-1, 1, 20000).astype(np.float32)
    blocks = resample_blocks(np.split(clip, sorted(cuts)), rate, 16000)
    np.testing.assert_array_equal(np.concatenate(list(blocks)), resample(clip, rate, 16000))


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
def test_a_tone_keeps_its_pitch_and_length(rate):
    tone = np.sin(2 * np.pi * 1000 * np.arange(2 * rate) / rate).astype(np.float32)
    out = resample(tone, rate, 16000)
    assert abs(len(out) - 32000) <= 1
    expected = np.sin(2 * np.pi * 1000 * np.arange(len(out)) / 16000)
    np.testing.assert_allclose(out[2000:-2000], expected[2000:-2000], atol=2e-3)


def test_the_same_rate_changes_nothing():
    clip = np.random.default_rng(0).uniform(-1, 1, 100).astype(np.float32)
    np.testing.assert_array_equal(resample(clip, 16000, 16000), clip)


def test_rates_must_be_positive():
    with pytest.raises(AudioError, match="positive"):
        resample(np.zeros(10, np.float32), 0, 16000)
