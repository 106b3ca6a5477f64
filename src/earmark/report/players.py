"""Clips as sound inside an HTML page: short, mono, 16-bit FLAC in data URIs, within a budget.

FLAC, because every browser of the last years plays it and it adds no artefacts of its own to a clip
that somebody listens to in order to understand an error. 22.05 kHz and 10 s keep a page mailable.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

MOST_PLAYERS = 24
MOST_CHARACTERS = 6_000_000
LONGEST_SECONDS = 10.0
HIGHEST_RATE = 22_050
LOWEST_RATE = 8_000  # browsers refuse the rates of slow vibration sensors


@dataclass(frozen=True)
class Player:
    """An embedded clip: its data URI, and whether only its beginning was taken."""

    uri: str
    cut: bool


@dataclass
class PlayerShelf:
    """Hands out players until their number or their size is used up.

    Attributes
    ----------
    audio : callable or None
        Gives the file of a path, None where there is none.
    unheard : dict of str to str
        Paths whose file could not be embedded, and why.
    count, characters : int
        Players handed out so far, and the length of their data URIs.
    """

    audio: Callable[[str], Path | None] | None
    unheard: dict[str, str] = field(default_factory=dict)
    count: int = 0
    characters: int = 0

    def player(self, path: str) -> Player | None:
        """Give the player of a clip, or None where there is no file or no room left."""
        import soundfile

        if self.audio is None or self.count >= MOST_PLAYERS:
            return None
        file = self.audio(path)
        if file is None:
            return None
        try:
            player = encode_player(file)
        except (OSError, soundfile.SoundFileError) as error:
            self.unheard[path] = f"{file}: {error}"
            return None
        if self.characters + len(player.uri) > MOST_CHARACTERS:
            return None
        self.count += 1
        self.characters += len(player.uri)
        return player


def encode_player(file: Path) -> Player:
    """Encode the beginning of an audio file as a data URI.

    Parameters
    ----------
    file : Path
        Anything that libsndfile reads.

    Returns
    -------
    Player
        At most 10 s, mono, 16-bit FLAC, 8 to 22.05 kHz; the level is not changed.

    Raises
    ------
    OSError, soundfile.SoundFileError
        If the file cannot be read.
    """
    import soundfile
    import soxr

    with soundfile.SoundFile(file) as source:
        rate = source.samplerate
        longest = round(LONGEST_SECONDS * rate)
        samples = source.read(longest, dtype="float32", always_2d=True).mean(axis=1)
        cut = source.frames > longest
    target = min(max(rate, LOWEST_RATE), HIGHEST_RATE)
    if target != rate:
        samples = soxr.resample(samples, rate, target)
    encoded = io.BytesIO()
    soundfile.write(encoded, np.clip(samples, -1.0, 1.0), target, format="FLAC", subtype="PCM_16")
    return Player(f"data:audio/flac;base64,{base64.b64encode(encoded.getvalue()).decode('ascii')}", cut)
