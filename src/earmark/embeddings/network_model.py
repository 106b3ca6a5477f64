"""Templates of models that are a front end and a network with pre-trained weights.

`NetworkModel` does what they all share: it resamples, keeps the network, and knows what decides the numbers.
`FramedModel` is for networks with a fixed window: the clip is cut first and batched afterwards.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, resample_blocks, resampler_name
from earmark.embeddings.model import EmbeddingModel, Fingerprint, FrameEmbeddings, Heard
from earmark.errors import AudioError, WeightsError
from earmark.progress import SILENT, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.embeddings.card import EmbeddingCard
    from earmark.runtime import Network

__all__ = ["FramedModel", "NetworkModel"]


class NetworkModel(EmbeddingModel):
    """Template of models with pre-trained weights.

    A subclass gives `build_network` and `embed_stream`.

    Parameters
    ----------
    card : EmbeddingCard
        What is known of the model, options included.
    grid : FrameGrid
        Where its frames lie.
    front_end_facts : mapping of str to number or str
        Parameters that decide the front end's numbers, for the fingerprint.
    tensors : mapping of str to ndarray, optional
        Weights to use instead of those of the card, by the names that the card's weights have.
    resampler : {"soxr", "resampy-0.2"}
        How other sample rates are converted.
    runtime : {"torch", "openvino"}
        What runs the network.
    """

    def __init__(
        self,
        card: EmbeddingCard,
        grid: FrameGrid,
        front_end_facts: Mapping[str, float | int | str],
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        resampler: str = "soxr",
        runtime: str = "torch",
    ) -> None:
        self.card, self.grid, self.front_end_facts = card, grid, front_end_facts
        self.resampler, self.runtime = resampler, runtime
        self._tensors = tensors
        self._loading = Lock()

    @abstractmethod
    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network from its weights."""

    @abstractmethod
    def embed_stream(self, stream: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Embed consecutive blocks at the model's sample rate, at least one sample in all.

        Returns
        -------
        ndarray of shape (frames, dimension), float32
            At least one frame.
        """

    def times(self, frames: int, duration_seconds: float) -> NDArray[np.float64]:
        """Return the times of the frames' centres in seconds."""
        return self.grid.times(frames)

    @cached_property
    def network(self) -> Network:
        """The network with its weights, loaded at the first use.

        Raises
        ------
        WeightsError
            If the weights cannot be had, or are not those of the fingerprint.
        """
        from earmark.weights import load_weights

        if self._tensors is not None:
            return self.build_network(self._tensors)
        loaded = [load_weights(each) for each in self.card.weights_ids]
        if _joined(each.sha256 for each in loaded) != self.fingerprint.weights_sha256:
            raise WeightsError(
                f"the cached weights of {self.card.name} were replaced while they were in use. Run the command again."
            )
        return self.build_network({name: tensor for each in loaded for name, tensor in each.tensors.items()})

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Everything that decides the model's numbers."""
        return Fingerprint(
            card=self.card.name,
            version=self.card.version,
            weights_sha256=self._weights_sha256(),
            front_end=tuple(sorted(self.front_end_facts.items())),
            resampler=resampler_name(self.resampler),
            window=self.grid.window,
            hop=self.grid.hop,
            lead=self.grid.lead,
            padding=self.card.padding,
            runtime=self.runtime,
            precision="float32",
        )

    def identify(self, progress: Progress = SILENT) -> Fingerprint:
        """Return the fingerprint; see `EmbeddingModel.identify`."""
        from earmark.weights import weights_sha256

        for weights_id in self.card.weights_ids if self._tensors is None else ():
            weights_sha256(weights_id, progress=progress)
        return self.fingerprint

    def fetch(self, progress: Progress = SILENT) -> None:
        """Fetch the weights into the cache; see `EmbeddingModel.fetch`."""
        from earmark.weights import get_weights

        for weights_id in self.card.weights_ids if self._tensors is None else ():
            get_weights(weights_id, progress=progress)

    def prepare(self) -> None:
        """Load the weights; see `EmbeddingModel.prepare`."""
        with self._loading:
            _ = self.network

    def embed_blocks(self, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> FrameEmbeddings:
        """Embed a stream of blocks; see `EmbeddingModel.embed_blocks`."""
        self.prepare()
        heard = Heard(blocks)
        stream = _never_nothing(resample_blocks(heard, sample_rate, self.card.sample_rate, self.resampler), heard)
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of samples far too large is refused below
            values = self.embed_stream(stream)
        if not np.isfinite(values).all():
            raise AudioError(
                f"samples reach {heard.peak:.3g}, for which {self.card.name} gives no finite embedding: this is not "
                "audio in [-1, 1]. Scale or export the recording again."
            )
        seconds = heard.samples / sample_rate
        return FrameEmbeddings(values, self.times(len(values), seconds), seconds)

    def _weights_sha256(self) -> str:
        from earmark.weights import tensors_digest, weights_sha256

        if self._tensors is not None:
            return tensors_digest(self._tensors)
        return _joined(weights_sha256(each) for each in self.card.weights_ids)


class FramedModel(NetworkModel):
    """Template of models with a fixed window: cut, front end, network.

    A subclass gives `front_end` and `build_network`.
    """

    #: Frames, and seconds of the clip, that are worked on at a time: bounds memory for clips of any length.
    frames_per_run = 64
    seconds_per_run = 64

    @abstractmethod
    def front_end(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Turn the samples under `frames` consecutive frames into the network's input, one row a frame."""

    def embed_stream(self, stream: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Embed consecutive blocks; see `NetworkModel.embed_stream`."""
        longest = self.seconds_per_run * self.grid.sample_rate
        frames = max(1, min(self.frames_per_run, longest // max(self.grid.window, self.grid.hop)))
        runs = self.grid.runs(stream, frames)
        return np.concatenate([self.network(self.front_end(samples, frames)) for samples, frames in runs])


def _joined(digests: Iterable[str]) -> str:
    """Digest of all weights of a model: of most there is one."""
    found = list(digests)
    return found[0] if len(found) == 1 else hashlib.sha256("\n".join(found).encode()).hexdigest()


def _never_nothing(stream: Iterable[NDArray[np.float32]], heard: Heard) -> Iterator[NDArray[np.float32]]:
    """Pass on what the resampler gives, and one zero if it makes nothing of very few samples."""
    samples = 0
    for block in stream:
        samples += len(block)
        yield block
    if heard.samples and not samples:
        yield np.zeros(1, np.float32)
