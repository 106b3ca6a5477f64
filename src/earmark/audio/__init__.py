"""Sound comes in here: files to mono samples, resampled, cut into frames, turned into spectrograms.

Everything is NumPy in, NumPy out. Samples are mono float32 in [-1, 1]; positions are counted in samples
(integers), and seconds are derived from them at the very end.
"""

from earmark.audio.decode import AUDIO_SUFFIXES, AudioInfo, Recording, file_sha256, load, open_recording
from earmark.audio.framing import FrameGrid
from earmark.audio.mel import BandedBank, audioset_mel_bank, banded_mel_bank, mel_bank
from earmark.audio.resample import RESAMPLERS, resample, resample_blocks, resampler_name
from earmark.audio.search import check_name, find_audio, printable
from earmark.audio.spectrogram import (
    decibels,
    in_chunks,
    log_mel,
    reflected,
    stft_magnitude,
    stft_power,
    window_decibels,
)

__all__ = [
    "AUDIO_SUFFIXES",
    "RESAMPLERS",
    "AudioInfo",
    "BandedBank",
    "FrameGrid",
    "Recording",
    "audioset_mel_bank",
    "banded_mel_bank",
    "check_name",
    "decibels",
    "file_sha256",
    "find_audio",
    "in_chunks",
    "load",
    "log_mel",
    "mel_bank",
    "open_recording",
    "printable",
    "reflected",
    "resample",
    "resample_blocks",
    "resampler_name",
    "stft_magnitude",
    "stft_power",
    "window_decibels",
]
