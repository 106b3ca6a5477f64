"""The contract of embedding models.

A model is a function of samples and their rate. It resamples when the rate differs, never guesses a rate, gives at
least one frame for any non-empty clip, and gives the same numbers for a frame whatever its neighbours in a batch: the
clip is cut first and batched afterwards.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import open_recording
from earmark.embeddings.hearing import Hearing, WholeClip
from earmark.errors import AudioError
from earmark.progress import SILENT, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.embeddings.card import EmbeddingCard
    from earmark.runtime import Network

__all__ = ["EmbeddingModel", "Fingerprint", "FrameEmbeddings", "Heard", "naming"]


@dataclass(frozen=True)
class FrameEmbeddings:
    """The embeddings of one clip.

    Attributes
    ----------
    values : ndarray of shape (frames, dimension), float32
        One embedding for each frame.
    times : ndarray of shape (frames,), float64
        Time of each frame's centre in seconds.
    duration_seconds : float
        Length of the clip that was heard, before padding.
    """

    values: NDArray[np.float32]
    times: NDArray[np.float64]
    duration_seconds: float

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Fingerprint:
    """Everything that decides the numbers of an embedding, as explicit fields.

    Anything that changes a number changes a field, and with it `key`.

    Attributes
    ----------
    card : str
        Name of the model, with its options.
    version : int
        Version of its card.
    weights_sha256 : str
        Digest of its weights.
    front_end : tuple of (str, value)
        Parameters of its front end.
    resampler : str
        Name and quality of the resampler.
    window, hop, lead : int
        In samples at the model's rate; see `FrameGrid`. All 0 where a frame is the whole clip.
    padding : str
        Padding policy.
    runtime : str
        What runs the network.
    precision : str
        Number format in which it runs.
    """

    card: str
    version: int
    weights_sha256: str
    front_end: tuple[tuple[str, float | int | str], ...]
    resampler: str
    window: int
    hop: int
    lead: int
    padding: str
    runtime: str
    precision: str

    @property
    def key(self) -> str:
        """SHA-256 over all fields: a name that is safe for files."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return all fields as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)


class Heard:
    """Passes the blocks of a clip on, and remembers what they were.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n,), float32
        Consecutive samples.

    Attributes
    ----------
    samples : int
        How many have passed so far.
    peak : float
        Their largest magnitude.

    Raises
    ------
    AudioError
        When all blocks have passed, and there was no sample in them.
    """

    def __init__(self, blocks: Iterable[NDArray[np.float32]]) -> None:
        self._blocks = blocks
        self.samples = 0
        self.peak = 0.0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.samples += len(block)
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            yield block
        if not self.samples:
            raise AudioError("there are no samples: the clip is empty.")


class EmbeddingModel(ABC):
    """Samples to frame embeddings. Call it with samples and their rate.

    Attributes
    ----------
    card : EmbeddingCard
        What is known of the model.
    """

    card: EmbeddingCard

    @property
    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """Everything that decides the model's numbers.

        Known without loading the weights, unless nobody knows their digest before they were fetched.
        """

    def identify(self, progress: Progress = SILENT) -> Fingerprint:
        """Return the fingerprint; should its weights have to be fetched for that, `progress` hears of the download.

        Raises
        ------
        WeightsError
            If they cannot be had.
        """
        del progress
        return self.fingerprint

    def fetch(self, progress: Progress = SILENT) -> None:  # noqa: B027 - not every model has something to fetch
        """See to it that what the model needs lies on this machine.

        Parameters
        ----------
        progress : Progress
            Hears of the download.

        Raises
        ------
        WeightsError
            If it cannot be had.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Load the weights, fetching them when they are not cached.

        Raises
        ------
        WeightsError
            If they cannot be had.
        """

    @abstractmethod
    def embed_blocks(self, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> FrameEmbeddings:
        """Embed a stream of consecutive mono blocks in bounded memory.

        Parameters
        ----------
        blocks : iterable of ndarray of shape (n,), float32
            Consecutive samples in [-1, 1].
        sample_rate : int
            Their rate in Hz.

        Raises
        ------
        AudioError
            If there are no samples, or they are so large that the embeddings are not finite.
        """

    def hear(self, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> Hearing:
        """Begin with a clip, whose pieces are then run by `network`; the parameters are those of `embed_blocks`."""
        return WholeClip(lambda: self.embed_blocks(blocks, sample_rate))

    @property
    def network(self) -> Network:
        """What runs the pieces of a clip; of models that have none it is not called."""
        raise NotImplementedError

    #: Rows of pieces that are worth running together.
    batch_rows: int = 1

    def __repr__(self) -> str:
        card = self.card
        return f"<embedding model {card.name}: {card.dimension} values a frame, {card.sample_rate} Hz>"

    def __call__(self, samples: NDArray[np.floating], sample_rate: int) -> FrameEmbeddings:
        """Embed one clip.

        Parameters
        ----------
        samples : ndarray of shape (n,), floating point
            Mono samples in [-1, 1].
        sample_rate : int
            Their rate in Hz.

        Returns
        -------
        FrameEmbeddings
            At least one frame.

        Raises
        ------
        AudioError
            If the samples are not one-dimensional floating point numbers, are not finite, or are none.
        """
        return self.embed_blocks([_checked(samples)], sample_rate)

    def embed_file(self, path: str | Path) -> FrameEmbeddings:
        """Embed an audio file, decoding it as it goes.

        Raises
        ------
        AudioError
            If the file cannot be read to its end, or its samples are no sound.
        """
        with naming(path), open_recording(path) as recording:
            return self.embed_blocks(recording.blocks(), recording.info.sample_rate)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Put the path of a file in front of what is wrong with its sound."""
    try:
        yield
    except AudioError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise AudioError(f"{path}: {error}") from error


def _checked(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Refuse what is no mono clip, and give it as float32."""
    array = np.asarray(samples)
    if array.ndim != 1:
        raise AudioError(
            f"samples must be one-dimensional (mono), got shape {array.shape}. Average the channels first."
        )
    if not np.issubdtype(array.dtype, np.floating):
        raise AudioError(
            f"samples must be floating point in [-1, 1], got {array.dtype}. Divide 16-bit integers by 32768 first."
        )
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise AudioError("samples hold NaN or infinite values as float32. Mend the recording before it is embedded.")
    return array
