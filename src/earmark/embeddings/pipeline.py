"""Many recordings through one model: decoding, front ends and the network overlap on all cores.

Each worker takes, whenever it is free, the work that is furthest along: a batch for the network if there are rows
enough for one, from whichever clips they come; else it listens to a clip for another piece of rows (decode, resample,
cut, spectrogram); else it runs what rows there are. So no core waits while there is work, one long recording keeps all
of them busy, and what is under way stays small whatever the length of the clips and their number: for each worker a
clip that is listened to, a batch of rows and its activations, and about one part of finished frames.

A frame's numbers do not depend on the rows beside it, and the frames of a clip come in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from earmark.audio import open_recording
from earmark.embeddings.hearing import Hearing, Piece
from earmark.embeddings.model import EmbeddingModel, FrameEmbeddings, naming
from earmark.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Part", "embed_recordings"]

Key = TypeVar("Key")

#: Beginning of the names of the workers' threads.
THREADS = "earmark-embed"


@dataclass(frozen=True)
class Part:
    """Consecutive frames of a clip.

    Attributes
    ----------
    embeddings : FrameEmbeddings
        The frames; their `duration_seconds` is that of the clip in its last part, and 0 in those before.
    first_frame : int
        Number of the first of them.
    last : bool
        Whether the clip ends with them.
    """

    embeddings: FrameEmbeddings
    first_frame: int = 0
    last: bool = True


@dataclass(eq=False)
class _Clip(Generic[Key]):
    key: Key
    path: Path
    file: ExitStack = field(default_factory=ExitStack)
    hearing: Hearing | None = None
    listening: bool = True  # by one worker at a time
    heard: bool = False  # to its end
    failed: bool = False
    runs: deque[_Run[Key]] = field(default_factory=deque)  # not yet taken, in order
    frames: list[NDArray[np.float32]] = field(default_factory=list)
    given: int = 0  # frames of the parts before


@dataclass(eq=False)
class _Run(Generic[Key]):
    """A piece of a clip, and what the network made of it."""

    clip: _Clip[Key]
    piece: Piece
    outputs: NDArray[np.float32] | None = None


def embed_recordings(
    model: EmbeddingModel, recordings: Iterable[tuple[Key, Path]], workers: int, part_bytes: int
) -> Generator[tuple[Key, Part | AudioError], None, None]:
    """Embed audio files side by side.

    Parameters
    ----------
    model : EmbeddingModel
        Prepared.
    recordings : iterable of (key, Path)
        Files, each with a name of any kind; taken one by one.
    workers : int
        Threads; each does its linear algebra alone.
    part_bytes : int
        A clip with more embeddings than this comes in parts of at least this size.

    Yields
    ------
    tuple of (key, Part or AudioError)
        The parts of a clip in order, nearly always a single one; or why it cannot be embedded, after which no more
        comes of it. Clips come in the order in which they end.
    """
    from threadpoolctl import threadpool_limits

    pipeline = _Pipeline(model, iter(recordings), workers, part_bytes)
    pool = ThreadPoolExecutor(workers, THREADS)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            for _ in range(workers):
                pool.submit(pipeline.work).add_done_callback(pipeline.ended)
            yield from pipeline.results()
    finally:
        # After an error or Ctrl-C nobody waits for what is under way; it ends by itself and is dropped.
        pipeline.stop()
        pool.shutdown(wait=False, cancel_futures=True)


class _Pipeline(Generic[Key]):
    """What is under way, and who does what next. All attributes are looked at and changed under `_changed` only."""

    def __init__(
        self, model: EmbeddingModel, recordings: Iterator[tuple[Key, Path]], workers: int, part_bytes: int
    ) -> None:
        self._model, self._recordings = model, recordings
        self._part_bytes, self._most_finished = part_bytes, workers * part_bytes
        self._changed = Condition()
        self._clips: list[_Clip[Key]] = []  # begun and not ended
        self._waiting: deque[_Run[Key]] = deque()  # for the network
        self._finished: deque[tuple[Key, Part | AudioError]] = deque()
        self._finished_bytes = 0
        self._all_begun = self._over = False
        self._error: BaseException | None = None

    def work(self) -> None:
        """Do one thing after the other until there is nothing left to do."""
        while (job := self._next_job()) is not None:
            job()

    def ended(self, worker: Future[None]) -> None:
        """Hear that a worker has ended, and of what it raised, if so."""
        if worker.cancelled():  # the others had done everything before it could begin
            return
        with self._changed:
            self._error = self._error or worker.exception()
            self._changed.notify_all()

    def results(self) -> Iterator[tuple[Key, Part | AudioError]]:
        """Give what is finished as it comes."""
        while True:
            with self._changed:
                while not (self._finished or self._error or (self._all_begun and not self._clips)):
                    self._changed.wait()
                if not self._finished:  # what was finished before an error comes first
                    if self._error:
                        raise self._error
                    return
                key, outcome = self._finished.popleft()
                self._finished_bytes -= _size(outcome)
                self._changed.notify_all()
            yield key, outcome

    def stop(self) -> None:
        """Let the workers go when they have done what they are at."""
        with self._changed:
            self._over = True
            for clip in self._clips:
                if not clip.listening:
                    clip.file.close()
            self._changed.notify_all()
        with suppress(RuntimeError):  # Ctrl-C can come when the lock is taken and its block not yet entered
            while True:
                self._changed.release()

    def _next_job(self) -> Callable[[], None] | None:
        """Wait for something to do; None when everything is done."""
        with self._changed:
            while not (self._over or self._error or (self._all_begun and not self._clips)):
                if (job := self._find_job()) is not None:
                    return job
                self._changed.wait()
            return None

    def _find_job(self) -> Callable[[], None] | None:
        if sum(len(run.piece.rows) for run in self._waiting) >= self._model.batch_rows:
            return self._batch()
        if self._finished_bytes < self._most_finished and (clip := self._clip_to_hear()) is not None:
            clip.listening = True
            return lambda: self._listen(clip)
        return self._batch() if self._waiting else None

    def _clip_to_hear(self) -> _Clip[Key] | None:
        for clip in self._clips:
            if not (clip.listening or clip.heard):  # failed ones are not among them
                return clip
        following = None if self._all_begun else next(self._recordings, None)
        if following is None:
            self._all_begun = True
            self._changed.notify_all()
            return None
        self._clips.append(_Clip(*following))
        return self._clips[-1]

    def _listen(self, clip: _Clip[Key]) -> None:
        """Hear a clip for one more piece."""
        try:
            with naming(clip.path):
                if clip.hearing is None:
                    recording = clip.file.enter_context(open_recording(clip.path))
                    clip.hearing = self._model.hear(recording.blocks(), recording.info.sample_rate)
                piece = clip.hearing.next()
        except AudioError as error:
            with self._changed:
                clip.listening = False
                self._fail(clip, error)
            return
        with self._changed:
            clip.listening = False
            if self._over or clip.failed or piece is None:
                clip.file.close()
            if piece is None:
                clip.heard = True
                self._deliver(clip)
            elif not clip.failed:
                run = _Run(clip, piece)
                clip.runs.append(run)
                self._waiting.append(run)
            self._changed.notify_all()

    def _batch(self) -> Callable[[], None]:
        """Take waiting rows of one shape, as many as are worth running together."""
        runs = [self._waiting.popleft()]
        rows, *shape = runs[0].piece.rows.shape
        while self._waiting:
            more, *following = self._waiting[0].piece.rows.shape
            if following != shape or rows + more > self._model.batch_rows:
                break
            runs.append(self._waiting.popleft())
            rows += more
        return lambda: self._run(runs)

    def _run(self, runs: list[_Run[Key]]) -> None:
        """Run the network over rows of one clip or of several."""
        pieces = [run.piece.rows for run in runs]
        outputs = self._model.network(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))
        borders = np.cumsum([len(rows) for rows in pieces])[:-1]
        with self._changed:
            for run, own in zip(runs, np.split(outputs, borders), strict=True):
                run.outputs = own
            for clip in dict.fromkeys(run.clip for run in runs):
                self._deliver(clip)
            self._changed.notify_all()

    def _deliver(self, clip: _Clip[Key]) -> None:
        """Take what has come of a clip as far as it is in order, and give its parts."""
        if clip.failed or clip.hearing is None:
            return
        try:
            while clip.runs and (outputs := clip.runs[0].outputs) is not None:
                clip.frames += clip.hearing.take(clip.runs.popleft().piece, outputs)
            last = clip.heard and not clip.runs
            if last:
                clip.frames += clip.hearing.end()
        except AudioError as error:
            self._fail(clip, AudioError(f"{clip.path}: {error}"))
            return
        if len(clip.frames) > 1 and sum(frames.nbytes for frames in clip.frames) >= self._part_bytes:
            self._give(clip, clip.frames[:-1], last=False)  # so that the last part has frames
            clip.frames = clip.frames[-1:]
        if last:
            self._clips.remove(clip)
            self._give(clip, clip.frames, last=True)

    def _give(self, clip: _Clip[Key], frames: list[NDArray[np.float32]], *, last: bool) -> None:
        assert clip.hearing is not None
        values = frames[0] if len(frames) == 1 else np.concatenate(frames)
        seconds = clip.hearing.seconds if last else 0.0
        part = Part(FrameEmbeddings(values, clip.hearing.times(clip.given, len(values)), seconds), clip.given, last)
        clip.given += len(values)
        self._finish(clip.key, part)

    def _fail(self, clip: _Clip[Key], error: AudioError) -> None:
        if not clip.listening:
            clip.file.close()
        if clip.failed:
            return
        clip.failed = True
        self._clips.remove(clip)
        self._waiting = deque(run for run in self._waiting if run.clip is not clip)
        self._finish(clip.key, error)

    def _finish(self, key: Key, outcome: Part | AudioError) -> None:
        self._finished.append((key, outcome))
        self._finished_bytes += _size(outcome)
        self._changed.notify_all()


def _size(outcome: Part | AudioError) -> int:
    return outcome.embeddings.values.nbytes if isinstance(outcome, Part) else 0
