"""A small real embedding model, and the store's work done by it in a process of its own.

As a script: ``small_model.py embed STORE CLIPS SECONDS_A_CLIP SHARD_SECONDS`` embeds a folder of WAV files as slowly
as asked; ``small_model.py write STORE PREFIX COUNT`` writes that many shards of one clip each.
"""

from __future__ import annotations

import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

from earmark.audio import FrameGrid
from earmark.embeddings import EmbeddingCard, Fingerprint, FramedModel, FrameEmbeddings
from earmark.store import EmbeddingStore, embed_clips, extraction
from earmark.store.store import ClipRow

CARD = EmbeddingCard(
    name="small",
    version=1,
    title="Samples of a frame times a matrix",
    sample_rate=8000,
    window_seconds=0.25,
    hop_seconds=0.125,
    dimension=8,
    padding="zeros at the end",
    weights_ids=(),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    paper="none",
    origin="a generator",
)


class SmallModel(FramedModel):
    """Eight values every 0.125 s; `seconds_a_clip` makes it as slow as a large one."""

    def __init__(self, seed: int = 0, seconds_a_clip: float = 0.0) -> None:
        matrix = np.random.default_rng(seed).normal(size=(2000, 8)).astype(np.float32)
        grid = FrameGrid(sample_rate=8000, window=2000, hop=1000)
        super().__init__(CARD, grid, {"cut": "plain"}, tensors={"matrix": matrix}, runtime="torch")
        self.seconds_a_clip = seconds_a_clip

    def front_end(self, samples, frames):
        return self.grid.cut(samples, frames)

    def build_network(self, tensors):
        def network(batch):
            time.sleep(self.seconds_a_clip)
            return np.tanh(batch @ tensors["matrix"])

        return network


FINGERPRINT = Fingerprint(
    card="small",
    version=1,
    weights_sha256="ab",
    front_end=(("cut", "plain"),),
    resampler="soxr-HQ",
    window=2000,
    hop=1000,
    lead=0,
    padding="zeros",
    runtime="torch",
    precision="float32",
)


def frames_of(name: str, dimension: int = 4) -> np.ndarray:
    """Frames that belong to a name."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    return generator.normal(size=(generator.integers(1, 6), dimension)).astype(np.float32)


def row_of(name: str, frames: np.ndarray | None = None) -> ClipRow:
    """A clip with the frames of its name, or with others."""
    values = frames_of(name) if frames is None else frames
    times = np.arange(len(values)) / 3
    return ClipRow(name, f"recordings/{name}.wav", FrameEmbeddings(values, times, len(values) / 2))


def embed(store: str, clips: str, seconds_a_clip: str, shard_seconds: str) -> None:
    extraction.SHARD_SECONDS = float(shard_seconds)
    model = SmallModel(seconds_a_clip=float(seconds_a_clip))
    paths = sorted(Path(clips).glob("*.wav"))
    with tempfile.TemporaryDirectory() as warm:  # what is loaded at the first use is loaded before the clock runs
        EmbeddingStore(warm, FINGERPRINT).write([row_of("warm")])
    print("ready", flush=True)  # noqa: T201 - for the process that waits
    done = embed_clips(paths, model, EmbeddingStore(store, model.fingerprint), workers=2)
    print(done.embedded, flush=True)  # noqa: T201


def write(store: str, prefix: str, count: str) -> None:
    target = EmbeddingStore(store, FINGERPRINT)
    for number in range(int(count)):
        target.write([row_of(f"{prefix}{number}")])


if __name__ == "__main__":
    {"embed": embed, "write": write}[sys.argv[1]](*sys.argv[2:])
