"""The contract of embedding models, and the template of those that cut a clip into windows.

A model is a function of samples and their rate. It resamples when the rate differs, never guesses a rate, gives at
least one frame for any non-empty clip, and gives the same numbers for a frame whatever its neighbours in a batch: the
clip is cut first and batched afterwards.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import RESAMPLER, FrameGrid, open_recording, resample_blocks
from earmark.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.embeddings.card import EmbeddingCard
    from earmark.runtime import Network

__all__ = ["EmbeddingModel", "Fingerprint", "FrameEmbeddings", "FramedModel"]

#: Frames that are worked on at a time: bounds memory for clips of any length.
FRAMES_PER_RUN = 64


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
        Name of the model.
    version : int
        Version of its card.
    weights_sha256 : str
        Digest of its weights.
    front_end : tuple of (str, value)
        Parameters of its front end.
    resampler : str
        Name and quality of the resampler.
    window, hop : int
        In samples at the model's rate.
    padding : str
        Padding policy.
    precision : str
        Number format in which the network runs.
    """

    card: str
    version: int
    weights_sha256: str
    front_end: tuple[tuple[str, float | int | str], ...]
    resampler: str
    window: int
    hop: int
    padding: str
    precision: str

    @property
    def key(self) -> str:
        """SHA-256 over all fields: a name that is safe for files."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return all fields as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)


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
        """Everything that decides the model's numbers; known without loading the weights."""

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
        with open_recording(path) as recording:
            try:
                return self.embed_blocks(recording.blocks(), recording.info.sample_rate)
            except AudioError as error:
                if str(error).startswith(f"{path}: "):
                    raise
                raise AudioError(f"{path}: {error}") from error


class FramedModel(EmbeddingModel):
    """Template of models with a fixed window: resample, cut, front end, network.

    A subclass sets `card`, `grid` and `front_end_facts`, and gives the front end and the network.

    Parameters
    ----------
    tensors : mapping of str to ndarray, optional
        Weights to use instead of those of the card, by the names that the card's weights have.
    """

    grid: FrameGrid
    front_end_facts: Mapping[str, float | int | str]

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]] | None = None) -> None:
        self._tensors = tensors
        self._loading = Lock()

    @abstractmethod
    def front_end(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Turn the samples under `frames` consecutive frames into the network's input, one row a frame."""

    @abstractmethod
    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network from its weights."""

    @cached_property
    def network(self) -> Network:
        """The network with its weights, loaded at the first use."""
        from earmark.weights import load_weights

        tensors = self._tensors if self._tensors is not None else load_weights(self.card.weights_id).tensors
        return self.build_network(tensors)

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Everything that decides the model's numbers."""
        from earmark.weights import tensors_digest, weights_sha256

        own = self._tensors
        return Fingerprint(
            card=self.card.name,
            version=self.card.version,
            weights_sha256=weights_sha256(self.card.weights_id) if own is None else tensors_digest(own),
            front_end=tuple(sorted(self.front_end_facts.items())),
            resampler=RESAMPLER,
            window=self.grid.window,
            hop=self.grid.hop,
            padding=self.card.padding,
            precision="float32",
        )

    def prepare(self) -> None:
        """Load the weights; see `EmbeddingModel.prepare`."""
        with self._loading:
            _ = self.network

    def embed_blocks(self, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> FrameEmbeddings:
        """Embed a stream of blocks; see `EmbeddingModel.embed_blocks`."""
        self.prepare()
        heard = _Counter(blocks)
        stream = _never_nothing(resample_blocks(heard, sample_rate, self.grid.sample_rate), heard)
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of samples far too large is refused below
            values = np.concatenate(
                [self.network(self.front_end(samples, n)) for samples, n in self.grid.runs(stream, FRAMES_PER_RUN)]
            )
        if not np.isfinite(values).all():
            raise AudioError(
                f"samples reach {heard.peak:.3g}, for which {self.card.name} gives no finite embedding: this is not "
                "audio in [-1, 1]. Scale or export the recording again."
            )
        return FrameEmbeddings(values, self.grid.times(len(values)), heard.samples / sample_rate)


class _Counter:
    """Passes blocks on, counts their samples and keeps the largest magnitude."""

    def __init__(self, blocks: Iterable[NDArray[np.float32]]) -> None:
        self._blocks = blocks
        self.samples = 0
        self.peak = 0.0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.samples += len(block)
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            yield block


def _never_nothing(stream: Iterable[NDArray[np.float32]], heard: _Counter) -> Iterator[NDArray[np.float32]]:
    """Pass on what the resampler gives, and one zero if it makes nothing of very few samples."""
    samples = 0
    for block in stream:
        samples += len(block)
        yield block
    if heard.samples and not samples:
        yield np.zeros(1, np.float32)


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
    if not len(array):
        raise AudioError("there are no samples: the clip is empty.")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise AudioError("samples hold NaN or infinite values as float32. Mend the recording before it is embedded.")
    return array
