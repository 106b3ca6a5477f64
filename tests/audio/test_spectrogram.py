"""Spectrogram pieces, put together as each model does, give the decibels of the reference implementations.

The tolerances are a hundred times what float32 and another FFT make (mean 1e-5 to 1e-4 dB) and well below what a
symmetric window makes (mean 1.6e-3 to 2.4e-2, up to 0.1 dB and more), which is the mistake that shows least. The wrong
mel scale, a power for a magnitude or the other way round, 20 log10 and another least value are off by whole decibels.
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from earmark.audio.mel import audioset_mel_bank, mel_bank
from earmark.audio.spectrogram import (
    CHUNK_SAMPLES,
    decibels,
    in_chunks,
    log_mel,
    reflected,
    stft_magnitude,
    stft_power,
    window_decibels,
)

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "front_end_golden.npz")


def waveform(name):
    return GOLDEN[name].astype(np.float32) / np.float32(32768)


def assert_levels(ours, golden, most=0.01, mean=5e-4):
    assert ours.dtype == np.float32
    assert ours.shape == golden.shape
    np.testing.assert_allclose(ours, golden, rtol=0, atol=most)
    assert np.abs(ours - golden).mean() < mean


def noise(*shape, dtype=np.float32):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(dtype)


# ---- against the references


def test_openl3s_mel_of_today_is_magnitudes_by_slaney_bands_in_halved_decibels_above_1e_minus_10():
    window = np.pad(waveform("short_48000"), (24000, 9600 + 2048))
    mel = stft_magnitude(window, 2048, 242, 2048)[:199] @ mel_bank(48000, 2048, 256, 0, 24000)
    golden = GOLDEN["db/openl3-0.4/mel256"]
    assert golden.min() == -80  # the zeros around the sound: what the least value decides
    assert_levels(window_decibels(mel).T[:, ::5], golden, mean=1e-4)


def test_openl3s_trained_mel_is_the_root_of_powers_by_htk_bands():
    window = np.pad(waveform("sig_48000")[28800:76800], 982)
    mel = np.sqrt(stft_magnitude(window, 2048, 242, 2048) ** 2 @ mel_bank(48000, 2048, 128, 0, 24000, "htk"))
    assert_levels(window_decibels(mel).T[:, ::5], GOLDEN["db/openl3-0.3/mel128"])


def test_openl3s_linear_is_magnitudes_under_a_periodic_window_without_padding():
    magnitudes = stft_magnitude(waveform("sig_48000")[28800:76800], 512, 242, 512)
    assert magnitudes.shape == (197, 257)
    assert_levels(window_decibels(magnitudes).T[:, ::5], GOLDEN["db/openl3-0.4/linear"])


def test_kumars_spectrogram_is_powers_of_the_reflected_clip_in_decibels_above_1e_minus_10():
    clip = np.concatenate(list(reflected(np.array_split(waveform("sig_44100"), 7), 512)))
    levels = decibels(stft_magnitude(clip, 1024, 512, 1024) ** 2 @ mel_bank(44100, 1024, 128, 0, 22050))
    assert_levels(np.maximum(levels, levels.max() - 80)[::8], GOLDEN["db/kumar"])


def test_vggishs_log_mel_is_computed_in_float64():
    clip = waveform("sig_16000").astype(np.float64)
    bank = audioset_mel_bank(dtype=np.float64)
    ours = log_mel(stft_magnitude(clip, 400, 160, 512), bank, 0.01)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours[::4], GOLDEN["log_mel/vggish"], rtol=0, atol=3e-7)  # stored as float32


# ---- by definition


@pytest.mark.parametrize(("window", "fft_size"), [(400, 512), (1024, 1024), (31, 64)])
def test_the_window_is_the_periodic_hann(window, fft_size):
    clip = noise(3 * window, dtype=np.float64)
    periodic = signal.get_window("hann", window, fftbins=True)
    expected = np.abs(np.fft.rfft(clip[window : 2 * window] * periodic, fft_size))
    np.testing.assert_allclose(stft_magnitude(clip, window, window, fft_size)[1], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_leading_axes_change_no_bit_and_precision_is_that_of_the_samples(dtype):
    clips = noise(3, 2, 2000, dtype=dtype)
    bank = mel_bank(16000, 256, 20, 0, 8000).astype(dtype)

    def front(samples):
        magnitudes = stft_magnitude(samples, 256, 100, 256)
        return log_mel(magnitudes, bank, 0.01), window_decibels(magnitudes @ bank), decibels(magnitudes)

    for together, alone in zip(front(clips), front(clips[2, 1]), strict=True):
        assert together.dtype == dtype
        np.testing.assert_array_equal(together[2, 1], alone)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_are_the_squares_of_magnitudes(dtype):
    clips = noise(2, 2000, dtype=dtype)
    powers = stft_power(clips, 256, 100, 256)
    assert powers.dtype == dtype
    np.testing.assert_array_equal(powers, stft_magnitude(clips, 256, 100, 256) ** 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decibels_are_ten_decimal_logarithms_from_the_least_value_on(dtype):
    values = np.array([0, 1e-12, 1e-10, 1e-5, 1, 100], dtype)
    before = values.copy()
    np.testing.assert_allclose(decibels(values), [-100, -100, -100, -50, 0, 20], rtol=1e-6)
    np.testing.assert_allclose(decibels(values, least=1e-3), [-30, -30, -30, -30, 0, 20], rtol=1e-6)
    np.testing.assert_array_equal(values, before)


def test_every_window_has_its_own_loudest_value_at_zero_and_its_floor():
    quiet, loud = np.array([[1e-9, 1e-4], [1e-3, 0]]), np.array([[1e-9, 10], [1, 0]])
    levels = window_decibels(np.stack([quiet, loud]))
    np.testing.assert_allclose(levels, [[[-60, -10], [0, -70]], [[-80, 0], [-10, -80]]], atol=1e-9)
    np.testing.assert_allclose(window_decibels(loud, range_db=5), [[-5, 0], [-5, -5]], atol=1e-9)


def test_a_silent_window_looks_loud_everywhere_as_in_the_reference():
    assert not window_decibels(np.zeros((2, 4, 5), np.float32)).any()


# ---- few windows at a time


@pytest.mark.parametrize(
    ("frames", "samples", "most"),
    [(5, CHUNK_SAMPLES + 1, 1), (5, CHUNK_SAMPLES, 1), (7, CHUNK_SAMPLES // 3, 3), (2, CHUNK_SAMPLES // 3, 2)],
)
def test_windows_are_transformed_few_at_a_time_and_stand_in_their_order(frames, samples, most):
    windows = np.arange(frames, dtype=np.float32)[:, np.newaxis] + np.zeros(samples, np.float32)
    seen = []

    def transform(few):
        seen.append(len(few))
        return few[:, :6].reshape(len(few), 2, 3).transpose(0, 2, 1)

    rows = in_chunks(transform, windows)
    assert (sum(seen), max(seen)) == (frames, most)
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, transform(windows))


# ---- reflection of streams


@given(st.integers(1, 60), st.integers(0, 40), st.lists(st.integers(0, 60), max_size=8))
def test_a_reflected_stream_is_numpys_reflection_of_the_whole(samples, margin, cuts):
    clip = np.arange(samples, dtype=np.float32)
    blocks = list(reflected(np.split(clip, sorted(cuts)), margin))
    assert all(block.flags.c_contiguous for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), np.pad(clip, margin, mode="reflect"))


def test_nothing_reflects_to_nothing():
    assert list(reflected([], 512)) == []
    assert list(reflected([np.empty(0, np.float32)] * 3, 512)) == []


def test_a_reflected_stream_is_passed_on_as_it_comes():
    given_out = 0

    def blocks():
        nonlocal given_out
        for _ in range(1000):
            given_out += 1
            yield np.zeros(100, np.float32)

    stream = reflected(blocks(), 512)
    assert len(next(stream)) == 512
    assert given_out == 6  # enough to mirror, no more
    assert len(next(stream)) == 600
    assert len(next(stream)) == 100
    assert given_out == 7
