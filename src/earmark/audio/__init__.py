"""Sound comes in here: files to mono samples, resampled, cut into frames, turned into spectrograms.

Everything is NumPy in, NumPy out. Samples are mono float32 in [-1, 1]; positions are counted in samples
(integers), and seconds are derived from them at the very end.
"""

from earmark.audio.decode import AUDIO_SUFFIXES, AudioInfo, Recording, file_sha256, load, open_recording
from earmark.audio.framing import FrameGrid
from earmark.audio.resample import RESAMPLER, resample, resample_blocks
from earmark.audio.search import check_name, find_audio, printable
from earmark.audio.spectrogram import audioset_mel_bank, log_mel, stft_magnitude

__all__ = [
    "AUDIO_SUFFIXES",
    "RESAMPLER",
    "AudioInfo",
    "FrameGrid",
    "Recording",
    "audioset_mel_bank",
    "check_name",
    "file_sha256",
    "find_audio",
    "load",
    "log_mel",
    "open_recording",
    "printable",
    "resample",
    "resample_blocks",
    "stft_magnitude",
]
