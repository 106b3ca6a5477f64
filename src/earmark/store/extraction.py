"""Fill the store: embed whatever clips are not there yet, side by side, never twice.

The clips run through `earmark.embeddings.pipeline`; finished ones are gathered and written in shards every few seconds.
Whatever stops the run (an error, Ctrl-C), the finished clips are written first; after a kill only those of the last
few seconds are missing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from earmark.audio import file_sha256
from earmark.embeddings import embed_recordings
from earmark.errors import AudioError, ClipFailure, StoreError
from earmark.parallel import cores, side_by_side
from earmark.progress import SILENT, Progress
from earmark.store.shard import PART_BYTES, ClipRow, ShardWriter
from earmark.store.store import EmbeddingStore

if TYPE_CHECKING:
    from earmark.embeddings import EmbeddingModel

__all__ = ["Extraction", "embed_clips"]

#: A shard is written when this much has gathered or this long has passed.
SHARD_BYTES = 64 << 20
SHARD_SECONDS = 5.0


@dataclass(frozen=True)
class Extraction:
    """What an extraction did.

    Attributes
    ----------
    sha256 : dict of Path to str
        Digest of each clip that is in the store now.
    failures : tuple of ClipFailure
        Clips that could not be embedded, and why.
    embedded : int
        Clips that were embedded in this run; clips of equal bytes count once.
    audio_seconds : float
        Length of what was embedded in this run.
    wall_seconds : float
        Time that the embedding took, hashing and loading of the weights included.
    """

    sha256: dict[Path, str]
    failures: tuple[ClipFailure, ...]
    embedded: int
    audio_seconds: float
    wall_seconds: float


def embed_clips(
    paths: Sequence[Path],
    model: EmbeddingModel,
    store: EmbeddingStore,
    *,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Extraction:
    """Bring the embeddings of clips into the store.

    Parameters
    ----------
    paths : sequence of Path
        Audio files; files of equal bytes are embedded once.
    model : EmbeddingModel
        What embeds them.
    store : EmbeddingStore
        The store of the model's fingerprint.
    workers : int, optional
        Clips worked on at once; by default one a core.
    progress : Progress
        Hears of the steps.

    Returns
    -------
    Extraction
        With a failure for each clip that could not be embedded, in the order of `paths`; the others are in the store.

    Raises
    ------
    WeightsError
        If the model's weights cannot be had.
    StoreError
        If the store is that of another fingerprint, or cannot be written.
    """
    if store.fingerprint != model.fingerprint:
        raise StoreError(
            f"{store.folder}: holds embeddings of fingerprint {store.fingerprint.key[:16]}, not of {model.card.name} "
            f"with {model.fingerprint.key[:16]}. Open a store for this model's fingerprint."
        )
    started, count = time.perf_counter(), workers or cores()
    sha256, failures = _digests(paths, count, progress)
    missing: dict[str, Path] = {}
    for path, digest in sha256.items():
        if digest not in store:
            missing.setdefault(digest, path)
    seconds = _embed_missing(missing, model, store, count, failures, progress) if missing else []
    failures |= {path: failures[missing[digest]] for path, digest in sha256.items() if missing.get(digest) in failures}
    return Extraction(
        {path: digest for path, digest in sha256.items() if path not in failures},
        tuple(ClipFailure(path, _reason(path, failures[path])) for path in dict.fromkeys(paths) if path in failures),
        len(seconds),
        sum(seconds),
        time.perf_counter() - started,
    )


def _embed_missing(
    missing: dict[str, Path],
    model: EmbeddingModel,
    store: EmbeddingStore,
    workers: int,
    failures: dict[Path, str],
    progress: Progress,
) -> list[float]:
    """Embed and store clips; give the length of each in seconds, and add those that failed to `failures`."""
    model.fetch(progress)
    model.prepare()
    seconds = []
    title = f"Embedding with {model.card.name}"
    with (
        # Closed here, or the traceback of an error would keep it, and its threads, alive.
        closing(embed_recordings(model, missing.items(), workers, PART_BYTES)) as embedded,
        _Keeper(store) as keeper,
        progress.step(title, len(missing), "clips") as advance,
    ):
        for digest, outcome in embedded:
            path = missing[digest]
            if isinstance(outcome, AudioError):
                keeper.drop(digest)
                failures[path] = str(outcome)
                advance()
                continue
            keeper.keep(ClipRow(digest, str(path), outcome.embeddings, outcome.first_frame), last=outcome.last)
            if outcome.last:
                seconds.append(outcome.embeddings.duration_seconds)
                advance(1, outcome.embeddings.duration_seconds)
    return seconds


def _digests(paths: Sequence[Path], workers: int, progress: Progress) -> tuple[dict[Path, str], dict[Path, str]]:
    """Hash every file; what cannot be read goes into the second dictionary with its reason."""
    found: dict[Path, str] = {}
    failures: dict[Path, str] = {}

    def digest(path: Path) -> str | AudioError:
        try:
            return file_sha256(path)
        except AudioError as error:
            return error

    with progress.step("Reading files", len(paths), "clips") as advance:
        for path, outcome in side_by_side(digest, dict.fromkeys(paths), workers):
            if isinstance(outcome, AudioError):
                failures[path] = str(outcome)
            else:
                found[path] = outcome
            advance()
    return {path: found[path] for path in dict.fromkeys(paths) if path in found}, failures


class _Keeper:
    """Gathers clips and writes them in shards; whatever ends the block, the clips that are whole are written.

    A long clip, which comes in parts, has a shard of its own, to which each part is written as it comes.
    """

    def __init__(self, store: EmbeddingStore) -> None:
        self._store = store
        self._rows: list[ClipRow] = []
        self._size, self._last = 0, time.monotonic()
        self._long: dict[str, tuple[ExitStack, ShardWriter]] = {}
        # Shards are written in a thread of its own: Ctrl-C stops the main thread only, a shard once begun is finished.
        self._writer = ThreadPoolExecutor(1, "earmark-writer")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._writer:
            for digest in tuple(self._long):
                self.drop(digest)
            self._write()

    def keep(self, row: ClipRow, *, last: bool) -> None:
        """Take a clip, or the next part of a long one."""
        if row.first_frame or not last:
            self._keep_part(row, last=last)
        else:
            self._rows.append(row)
            self._size += row.embeddings.values.nbytes
        if self._size >= SHARD_BYTES or time.monotonic() - self._last >= SHARD_SECONDS:
            self._write()

    def drop(self, digest: str) -> None:
        """Forget what was kept of a clip that cannot be embedded to its end."""
        if digest in self._long:
            file, _ = self._long.pop(digest)
            with suppress(_DroppedError):
                self._writer.submit(file.__exit__, _DroppedError, _DroppedError(), None).result()

    def _keep_part(self, row: ClipRow, *, last: bool) -> None:
        if row.sha256 not in self._long:
            file = ExitStack()
            self._long[row.sha256] = file, file.enter_context(self._store.shard())
        file, shard = self._long[row.sha256]
        self._writer.submit(shard.add, [row]).result()
        if not last:
            return
        self._store.refresh()
        if row.sha256 in self._store:  # another process has embedded it meanwhile
            self.drop(row.sha256)
        else:
            del self._long[row.sha256]
            self._writer.submit(file.close).result()

    def _write(self) -> None:
        self._store.refresh()  # another process may have embedded the same clips meanwhile
        finished = [row for row in self._rows if row.sha256 not in self._store]
        self._rows.clear()
        if finished:
            self._writer.submit(self._store.write, finished).result()
        self._size, self._last = 0, time.monotonic()


class _DroppedError(Exception):
    """Ends the writing of a shard that nobody wants."""


def _reason(path: Path, text: str) -> str:
    """Drop the path from the front of a message that will be shown beside it."""
    return text.removeprefix(f"{path}: ")
