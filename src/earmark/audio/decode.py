"""Audio files to blocks of mono samples, with every way a file can be broken named.

Decoding is libsndfile's (through soundfile): WAV, FLAC, OGG Vorbis and Opus, MP3, AIFF and others. libsndfile reads
what is left of a truncated WAV, AIFF, AU, W64, OGG or MP3 file without complaint; `_check_complete` looks for what it
leaves unsaid, so that half a recording is never taken for a whole one.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import AudioError

if TYPE_CHECKING:
    import soundfile
    from numpy.typing import NDArray

__all__ = ["AUDIO_SUFFIXES", "AudioInfo", "Recording", "file_sha256", "load", "open_recording"]

#: File names with these endings are taken for audio when a folder is searched.
AUDIO_SUFFIXES = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav"}
)

#: Samples (over all channels) decoded at a time: 4 MB as float32, whatever the length of the file.
BLOCK_VALUES = 1 << 20


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says.

    Attributes
    ----------
    path : Path
        The file.
    sample_rate : int
        In Hz.
    channels : int
        Number of channels.
    samples : int
        Samples per channel that the header promises.
    format : str
        Container and coding, such as ``"WAV PCM_16"``.
    """

    path: Path
    sample_rate: int
    channels: int
    samples: int
    format: str

    @property
    def duration_seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate


class Recording:
    """An open audio file. Made by `open_recording`."""

    def __init__(self, file: soundfile.SoundFile, info: AudioInfo) -> None:
        self._file = file
        self.info = info

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Decode the file block by block, downmixed to mono by the mean over its channels.

        Yields
        ------
        ndarray of shape (n,), float32
            Consecutive samples; together they are the whole file.

        Raises
        ------
        AudioError
            If the file cannot be decoded to its end, holds NaN or infinite samples, or holds none at all.
        """
        import soundfile

        path, decoded = self.info.path, 0
        length = max(1, BLOCK_VALUES // self.info.channels)
        while True:
            try:
                block = self._file.read(length, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                # A block fails as a whole: where in it the damage begins is not known.
                whole = f"; the first {decoded / self.info.sample_rate:.2f} s can" if decoded else ""
                raise AudioError(
                    f"{path}: cannot be decoded to its end ({error.error_string}){whole}. "
                    "The file is damaged or truncated: export or copy it again."
                ) from error
            if not len(block):
                break
            with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is refused next
                mono = _downmixed(block)
            if not np.isfinite(mono).all():
                first = (decoded + int(np.argmin(np.isfinite(mono)))) / self.info.sample_rate
                raise AudioError(
                    f"{path}: holds NaN or infinite samples, the first at {first:.3f} s. Export the file again."
                )
            decoded += len(mono)
            yield mono
        _check_decoded(self.info, decoded)


@contextmanager
def open_recording(path: str | Path) -> Iterator[Recording]:
    """Open an audio file for decoding.

    Parameters
    ----------
    path : str or Path
        An audio file of any format that libsndfile reads.

    Yields
    ------
    Recording
        Its ``info`` and its ``blocks()``.

    Raises
    ------
    AudioError
        If the file does not exist, cannot be opened, is empty, is not audio or is truncated.
    """
    import soundfile

    path = Path(path)
    with _opened(path) as raw:
        if not raw.seek(0, os.SEEK_END):
            raise AudioError(f"{path}: the file is empty (0 bytes). Copy it again or remove it.")
        raw.seek(0)
        try:
            # By descriptor: soundfile refuses names that are not UTF-8, and libsndfile hides why it cannot open a file.
            file = soundfile.SoundFile(raw.fileno(), closefd=False)
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"{path}: not an audio file that can be read ({error.error_string}). It may be damaged or truncated: "
                "copy or export it again; or of a kind that cannot be read: convert it to WAV or FLAC."
            ) from error
        with file:
            info = AudioInfo(path, file.samplerate, file.channels, file.frames, f"{file.format} {file.subtype}")
            _check_complete(info, file.extra_info)
            yield Recording(file, info)


def load(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """Decode a whole file to mono.

    Parameters
    ----------
    path : str or Path
        An audio file.

    Returns
    -------
    samples : ndarray of shape (n,), float32
        Mono samples, the mean over the channels.
    sample_rate : int
        In Hz, as the file has it.

    Raises
    ------
    AudioError
        If the file cannot be read; see `open_recording` and `Recording.blocks`.
    """
    with open_recording(path) as recording:
        return np.concatenate(list(recording.blocks())), recording.info.sample_rate


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes: the name of what was heard.

    Raises
    ------
    AudioError
        If the file does not exist or cannot be read.
    """
    with _opened(Path(path)) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise AudioError(f"{path}: cannot be read ({error.strerror}). Check the disk it lies on.") from error


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file, or say why it cannot be opened."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{path}: is a folder, not an audio file.")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for a writer, perhaps for ever
            raise AudioError(f"{path}: is a pipe, socket or device, not an audio file. Save its sound to a file first.")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise AudioError(f"{path}: no such file. Check the path, and that the disk it lies on is there.") from error
    except OSError as error:
        raise AudioError(
            f"{path}: cannot be opened ({error.strerror}). Check its permissions and those of the folders above it."
        ) from error
    with file:
        yield file


def _downmixed(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the channels of samples (n, channels), added up one by one: along the short axis NumPy is slow."""
    if block.shape[1] == 1:
        return block[:, 0]
    mono = block[:, 0] + block[:, 1]
    for channel in range(2, block.shape[1]):
        mono += block[:, channel]
    mono /= np.float32(block.shape[1])
    return mono


def _check_complete(info: AudioInfo, log: str) -> None:
    """Find truncation that libsndfile saw in the header but did not report."""
    if info.format.startswith("OGG"):
        _check_ogg_end(info.path)
    # libsndfile's log of a cut file: "data : 88200 (should be 44078)" of WAV, "SSND" of AIFF, "Data Size" of AU; W64
    # has only the size of the whole, "riff". Sizes near 2^31 and 2^32 are the
    # mark of a streamed file whose length was not known when its header was written: those are whole.
    for declared, actual in re.findall(
        r"^\s*(?:data|SSND|Data Size|riff)\s*:\s*(\d+) \(should be (\d+)\)", log, re.MULTILINE
    ):
        if int(actual) < int(declared) < 0x7FFFF000:
            raise AudioError(
                f"{info.path}: truncated: its header promises {declared} bytes of sound and {actual} are there. "
                "Copy or export the file again."
            )


def _check_ogg_end(path: Path) -> None:
    """Raise unless the last page of an Ogg file is whole and marked as the last (RFC 3533, section 6)."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - 2 * 65307)  # the largest page is 65307 bytes
        file.seek(start)
        tail = file.read()
    page = tail.rfind(b"OggS")
    header = tail[page : page + 27] if page >= 0 else b""
    whole = False
    if len(header) == 27:
        lacing = tail[page + 27 : page + 27 + header[26]]
        whole = len(lacing) == header[26] and page + 27 + len(lacing) + sum(lacing) <= len(tail)
    if not whole or not header[5] & 4:
        raise AudioError(f"{path}: truncated: the Ogg stream has no end-of-stream page. Copy or export the file again.")


def _check_decoded(info: AudioInfo, decoded: int) -> None:
    """Hold what was decoded against what the header promised."""
    if decoded == 0:
        raise AudioError(f"{info.path}: holds no samples (0 s of sound). Export it again or remove it.")
    # The length of an MP3 file without a Xing header is an estimate: allow it 1 % and two MPEG frames.
    slack = 0.01 * info.samples + 2304 if info.format.startswith(("MP3", "MPEG")) else 0
    if decoded < info.samples - slack:
        raise AudioError(
            f"{info.path}: truncated: its header promises {info.duration_seconds:.2f} s and "
            f"{decoded / info.sample_rate:.2f} s could be decoded. Copy or export the file again."
        )
