"""The peak memory of embedding a long recording, each model in a fresh process; a part of ``extraction.py``."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from measuring import EARMARK, Measured, in_own_process, peak_memory, run
from models import from_tests, known, titled

#: Models that are measured in full.
OTHERS = ("vggish", "kumar", "soundnet-conv5", "panns-cnn14", "edgel3-sea-64")
#: The one with the largest embedding: 1.8 GB for two hours.
OPENL3 = "openl3-music-mel256-6144"
RATE = 44100


def memory(folder: Path, cache: Path, minutes: int, *, full: bool) -> list[Measured]:
    """Peak memory of ``earmark embed`` on a stereo recording.

    The first run of a model converts its network and keeps what comes of it, later ones read that: so each model first
    hears a minute, then the long recording.

    Parameters
    ----------
    folder : Path
        For temporary files.
    cache : Path
        With the weights; converted networks in it are removed.
    minutes : int
        Length of the recording.
    full : bool
        Whether all other models are measured, or YAMNet.
    """
    shutil.rmtree(cache / "networks", ignore_errors=True)
    short, long = _recording(folder / "minute.wav", 1, 0), _recording(folder / "long.wav", minutes, 1)
    measured = []
    for name in known(OTHERS if full else ["yamnet"], cache):
        measured += _embedding(name, short, "first run, a minute")
        measured += _embedding(name, long, _length(minutes), seconds=60 * minutes)
    if full:  # OpenL3 would take hours for the long one: that is for a network with a sixteenth of its channels
        measured += _embedding(OPENL3, short, "first run, a minute")
        measured += in_own_process(_thin_embedding, long, folder / "thin", minutes)
    return measured


def _length(minutes: int) -> str:
    return f"{minutes // 60} hours" if minutes >= 60 else f"{minutes} minutes"


def _recording(path: Path, minutes: int, seed: int) -> Path:
    """Write noise, stereo at 44.1 kHz; different noise for each seed, for nothing is embedded twice."""
    import soundfile

    second = 0.1 * np.random.default_rng(seed).standard_normal((RATE, 2))
    with soundfile.SoundFile(path, "w", RATE, channels=2, subtype="PCM_16") as file:
        for _ in range(60 * minutes):
            file.write(second)
    return path


def _embedding(name: str, recording: Path, what: str, seconds: int = 0) -> list[Measured]:
    """Run ``earmark embed``; its speed counts where the recording is long."""
    wall, peak = run([*EARMARK, "embed", recording, "-e", name, "-o", recording.with_suffix(f".{name}"), "-q"])
    measured = [Measured(f"{titled(name)}, {what}, peak memory, MB", peak, "<= 1000")]
    if seconds:
        measured.append(Measured(f"{titled(name)}, {what}, x real time", seconds / wall, "none"))
    for one in measured:
        print(one, flush=True)
    return measured


def _thin_embedding(recording: Path, store: Path, minutes: int) -> list[Measured]:
    """Embed a recording by the thin network of the tests; all but the network is as large as ever."""
    from earmark.store import EmbeddingStore, embed_clips

    model = from_tests("embeddings.models").made(OPENL3, runtime="openvino")
    done = embed_clips([recording], model, EmbeddingStore(store, model.fingerprint))
    if done.failures:
        raise SystemExit(f"failed: {done.failures[0].reason}")
    title = f"{OPENL3} (random weights, a sixteenth of the channels), {_length(minutes)}"
    return [
        Measured(f"{title}, peak memory, MB", peak_memory(), "<= 1000"),
        Measured(f"{title}, x real time", 60 * minutes / done.wall_seconds, "none"),
    ]
