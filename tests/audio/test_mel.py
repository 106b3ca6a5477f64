"""Mel banks are those of the references: scale, shape of the triangles, area, edges."""

from pathlib import Path

import numpy as np
import pytest

from earmark.audio.mel import BandedBank, audioset_mel_bank, banded_mel_bank, mel_bank
from earmark.errors import SettingsError

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "front_end_golden.npz")


@pytest.mark.parametrize(
    ("scale", "rate", "fft_size", "bands", "low", "high"),
    [
        ("slaney", 48000, 2048, 256, 0, 24000),
        ("slaney", 48000, 2048, 128, 0, 24000),
        ("slaney", 44100, 1024, 128, 0, 22050),
        ("slaney", 32000, 1024, 64, 50, 14000),
        ("htk", 8000, 1024, 64, 0, 4000),
    ],
)
def test_banks_on_either_scale_are_those_of_the_references(scale, rate, fft_size, bands, low, high):
    golden = GOLDEN[f"bank/{scale}/{rate}/{fft_size}/{bands}"]
    bank = mel_bank(rate, fft_size, bands, low, high, scale)
    assert bank.dtype == np.float32
    np.testing.assert_allclose(bank, golden, rtol=0, atol=5e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_audioset_bank_is_that_of_vggish_in_either_precision(dtype):
    bank = audioset_mel_bank(dtype=dtype)
    assert bank.dtype == dtype
    np.testing.assert_allclose(bank, GOLDEN["bank/audioset/16000/512/64"], rtol=0, atol=1e-7)
    assert not bank[0].any()


def test_two_bands_of_openl3s_trained_front_end_hear_nothing():
    bank = mel_bank(48000, 2048, 256, 0, 24000, "htk")
    assert (~bank.any(axis=0)).sum() == 2


def test_banks_are_shared_and_cannot_be_written_to():
    for bank in (mel_bank(44100, 1024, 128, 0, 22050), audioset_mel_bank()):
        with pytest.raises(ValueError, match="read-only"):
            bank[0, 0] = 1
    assert mel_bank(44100, 1024, 128, 0, 22050) is mel_bank(44100, 1024, 128, 0, 22050)


def test_unknown_scales_are_refused_with_the_known_ones_named():
    with pytest.raises(SettingsError, match=r"'bark'.*slaney, htk"):
        mel_bank(44100, 1024, 128, 0, 22050, "bark")


# ---- banks in blocks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "bank",
    [
        mel_bank(48000, 2048, 256, 0, 24000, "htk"),  # two of its bands hear nothing
        mel_bank(32000, 1024, 64, 50, 14000),  # and here nobody hears the bins at both ends
        audioset_mel_bank(),
        mel_bank(16000, 256, 20, 0, 8000),  # the last block is not full
        np.pad(mel_bank(16000, 256, 20, 0, 8000), ((0, 0), (20, 0))),  # a whole block that hears nothing
    ],
    ids=["openl3", "panns", "audioset", "twenty bands", "deaf block"],
)
def test_multiplying_by_a_bank_in_blocks_is_multiplying_by_the_bank(bank, dtype):
    bank = bank.astype(dtype)
    spectra = np.random.default_rng(0).uniform(0, 1, (2, 7, len(bank))).astype(dtype)
    ours, dense = spectra @ BandedBank(bank), spectra @ bank
    assert ours.dtype == dtype
    assert ours.shape == dense.shape
    np.testing.assert_allclose(ours, dense, rtol=20 * np.finfo(dtype).eps)  # sums of positive values


@pytest.mark.parametrize("bins", [128, 130, 258])
def test_a_bank_in_blocks_refuses_spectra_of_another_transform(bins):
    with pytest.raises(ValueError, match="reshape"):
        np.ones((3, bins), np.float32) @ BandedBank(mel_bank(16000, 256, 20, 0, 8000))


def test_banks_in_blocks_are_made_once():
    assert banded_mel_bank(44100, 1024, 128, 0, 22050) is banded_mel_bank(44100, 1024, 128, 0, 22050)
