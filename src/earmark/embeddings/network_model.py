"""Templates of models that are a front end and a network with pre-trained weights.

`NetworkModel` does what they all share: it resamples, keeps the network, and knows what decides the numbers.
`FramedModel` is for networks with a fixed window: the clip is cut first and batched afterwards.
"""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, resample_blocks, resampler_name
from earmark.embeddings.converting import convert_in_child
from earmark.embeddings.hearing import Hearing, Piece
from earmark.embeddings.model import EmbeddingModel, Fingerprint, FrameEmbeddings, Heard
from earmark.embeddings.options import split_name
from earmark.errors import AudioError, WeightsError
from earmark.progress import SILENT, Progress
from earmark.runtime import make_network, runtime_named

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from earmark.embeddings.card import EmbeddingCard
    from earmark.runtime import Network

__all__ = ["FramedModel", "NetworkModel", "Summary"]

#: A GPU runs so many times the rows that a processor runs at once.
GPU_BATCHES = 8
#: Networks with more weights than this are converted in a process of their own.
LARGE_VALUES = 30_000_000


class NetworkModel(EmbeddingModel):
    """Template of models with pre-trained weights.

    A subclass gives `build_network` and `pieces`.

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
    runtime : str
        What runs the network, one of `earmark.runtime.RUNTIMES`.
    """

    def __init__(
        self,
        card: EmbeddingCard,
        grid: FrameGrid,
        front_end_facts: Mapping[str, float | int | str],
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        resampler: str = "soxr",
        runtime: str = "openvino",
    ) -> None:
        self.card, self.grid, self.front_end_facts = card, grid, front_end_facts
        self.resampler, self.runtime = resampler, runtime
        self._tensors = tensors
        self._loading = Lock()
        self._weights = LateTensors(self._load_tensors)
        if runtime_named(runtime).device == "cuda":
            self.batch_rows *= GPU_BATCHES

    #: Rows that the network runs at once on a processor: bounds the memory of its activations.
    batch_rows = 16

    @abstractmethod
    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network from its weights, by `make`; they are read when the first of them is looked at."""

    @abstractmethod
    def pieces(self, stream: Iterable[NDArray[np.float32]]) -> Iterator[Piece]:
        """Turn consecutive blocks at the model's sample rate, at least one sample in all, into pieces: one or more."""

    def resampled(self, heard: Heard, sample_rate: int) -> Iterable[NDArray[np.float32]]:
        """Bring what is heard to the model's sample rate."""
        return _never_nothing(resample_blocks(heard, sample_rate, self.card.sample_rate, self.resampler), heard)

    def summary(self) -> Summary:
        """Begin what turns a clip's steps into its frames: by default each step is one."""
        return Summary()

    def times(self, first: int, frames: int, duration_seconds: float) -> NDArray[np.float64]:
        """Return the times of the centres of frames from the first one on, in seconds."""
        return self.grid.times(first + frames)[first:]

    def make(
        self,
        module: Callable[[], nn.Module],
        example_shape: tuple[int, ...],
        free_axes: Collection[int] = (),
        part: str = "network",
    ) -> Network:
        """Make a network, or a part of it, of a module; see `earmark.runtime.make_network`."""
        from earmark.weights import cache_directory

        def alone() -> nn.Module:
            made = module()
            self._weights.forget()  # the module has its own: large networks have hundreds of megabytes
            return made

        kept = None
        if self._tensors is None:
            # What runs it and how other rates are converted do not change a network.
            base, said = split_name(self.card.name)
            spelled = ":".join([base, *(f"{key}={said[key]}" for key in said if key not in ("resampler", "runtime"))])
            same = replace(self.fingerprint, card=spelled, resampler="", runtime="", precision="")
            kept = cache_directory() / "networks" / f"{base}-{part}-{same.key[:32]}"
        elsewhere = partial(convert_in_child, self.card.name) if kept and self._is_large() else None
        return make_network(alone, self.runtime, example_shape, self.batch_rows, free_axes, kept, elsewhere)

    def _is_large(self) -> bool:
        """Tell whether converting the network here would take much more memory than running it."""
        from earmark.weights import find_recipe

        shapes = [shape for each in self.card.weights_ids for shape in find_recipe(each).shapes.values()]
        return sum(math.prod(shape) for shape in shapes) > LARGE_VALUES

    @cached_property
    def network(self) -> Network:
        """The network with its weights, loaded at the first use.

        Raises
        ------
        WeightsError
            If the weights cannot be had, or are not those of the fingerprint.
        """
        return self.build_network(self._weights if self._tensors is None else self._tensors)

    def _load_tensors(self) -> Mapping[str, NDArray[np.float32]]:
        from earmark.weights import load_weights

        loaded = [load_weights(each) for each in self.card.weights_ids]
        if _joined(each.sha256 for each in loaded) != self.fingerprint.weights_sha256:
            raise WeightsError(
                f"the cached weights of {self.card.name} were replaced while they were in use. Run the command again."
            )
        return {name: tensor for each in loaded for name, tensor in each.tensors.items()}

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
            precision=runtime_named(self.runtime).precision,
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

    def hear(self, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> NetworkHearing:
        """Begin with a clip; see `EmbeddingModel.hear`."""
        return NetworkHearing(self, blocks, sample_rate)

    def embed_blocks(self, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> FrameEmbeddings:
        """Embed a stream of blocks; see `EmbeddingModel.embed_blocks`."""
        self.prepare()
        hearing, frames = self.hear(blocks, sample_rate), []
        while (piece := hearing.next()) is not None:
            frames += hearing.take(piece, self.network(piece.rows))
        values = np.concatenate(frames + hearing.end())
        return FrameEmbeddings(values, hearing.times(0, len(values)), hearing.seconds)

    def _weights_sha256(self) -> str:
        from earmark.weights import tensors_digest, weights_sha256

        if self._tensors is not None:
            return tensors_digest(self._tensors)
        return _joined(weights_sha256(each) for each in self.card.weights_ids)


class Summary:
    """Turns the steps of a clip into its frames: here each step is one. Others wait for the clip's end."""

    def add(self, steps: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take the next steps (n, values), and give the frames that they complete."""
        return [steps]

    def end(self) -> list[NDArray[np.float32]]:
        """Give the frames that only the clip's end completes."""
        return []


class NetworkHearing(Hearing):
    """A clip on its way through a model with a network.

    Parameters
    ----------
    model : NetworkModel
    blocks, sample_rate
        See `EmbeddingModel.embed_blocks`.
    """

    def __init__(self, model: NetworkModel, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> None:
        self._model, self._heard, self._sample_rate = model, Heard(blocks), sample_rate
        self._pieces = iter(model.pieces(model.resampled(self._heard, sample_rate)))
        self._summary = model.summary()

    def next(self) -> Piece | None:
        """Listen on; see `Hearing.next`."""
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of samples far too large is refused below
            return next(self._pieces, None)

    def take(self, piece: Piece, outputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take what the network made; see `Hearing.take`."""
        return self._finite(self._summary.add(outputs.reshape(-1, outputs.shape[-1])[piece.kept]))

    def end(self) -> list[NDArray[np.float32]]:
        """Give the frames that the end completes; see `Hearing.end`."""
        return self._finite(self._summary.end())

    def times(self, first: int, frames: int) -> NDArray[np.float64]:
        """Return the times of frames; see `Hearing.times`."""
        return self._model.times(first, frames, self.seconds)

    @property
    def seconds(self) -> float:
        """Length of what was heard so far."""
        return self._heard.samples / self._sample_rate

    def _finite(self, frames: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        if all(np.isfinite(part).all() for part in frames):
            return frames
        raise AudioError(
            f"samples reach {self._heard.peak:.3g}, for which {self._model.card.name} gives no finite embedding: this "
            "is not audio in [-1, 1]. Scale or export the recording again."
        )


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

    def pieces(self, stream: Iterable[NDArray[np.float32]]) -> Iterator[Piece]:
        """Cut the stream into runs of frames; see `NetworkModel.pieces`."""
        longest = self.seconds_per_run * self.grid.sample_rate
        frames = max(1, min(self.frames_per_run, longest // max(self.grid.window, self.grid.hop)))
        for samples, count in self.grid.runs(stream, frames):
            yield Piece(self.front_end(samples, count))


class LateTensors(Mapping[str, "NDArray[np.float32]"]):
    """Weights that are read when the first of them is looked at: a converted network needs none."""

    def __init__(self, load: Callable[[], Mapping[str, NDArray[np.float32]]]) -> None:
        self._load = load

    @cached_property
    def _tensors(self) -> Mapping[str, NDArray[np.float32]]:
        return self._load()

    def forget(self) -> None:
        """Let go of the weights; they are read again should anyone look."""
        self.__dict__.pop("_tensors", None)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


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
