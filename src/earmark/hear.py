"""Every embedding of earmark as a HEAR module: what takes a HEAR module takes ``earmark.hear``.

The HEAR API is that of the "Holistic Evaluation of Audio Representations" (neuralaudio.ai/hear2021): three functions,
audio and embeddings as PyTorch tensors, timestamps in milliseconds. It names a model by the path of a file; here that
path is the name of an embedding, options included. The evaluation kit (hearbenchmark/hear-eval-kit,
heareval/embeddings/runner.py) takes only existing files as ``--model``, but hands its ``--model-options`` to
`load_model` as keywords, so any of ours can be asked for::

    python3 -m heareval.embeddings.runner earmark.hear --model-options '{"model_file_path": "vggish:hop=0.48"}'

PyTorch is imported at once, because nothing here is of use without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from earmark.embeddings import load_embedding
from earmark.embeddings.hear_api import RATES
from earmark.errors import AudioError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.embeddings import EmbeddingModel

__all__ = ["HearEmbedding", "get_scene_embeddings", "get_timestamp_embeddings", "load_model"]

DEFAULT = "yamnet"


class HearEmbedding(torch.nn.Module):
    """An embedding model with what HEAR wants to see of one.

    It has no parameters of its own and always computes on the CPU, wherever it is moved to.

    Parameters
    ----------
    embedding : EmbeddingModel
        Any of ours.

    Attributes
    ----------
    embedding : EmbeddingModel
        As given.
    sample_rate : int
        The embedding's own if HEAR knows it, else the next higher one that HEAR knows (the highest, if there is none);
        audio is then resampled inside.
    timestamp_embedding_size, scene_embedding_size : int
        Values of a frame, and of a clip.
    """

    def __init__(self, embedding: EmbeddingModel) -> None:
        super().__init__()
        self.embedding = embedding
        self.sample_rate = min((rate for rate in RATES if rate >= embedding.card.sample_rate), default=RATES[-1])
        self.timestamp_embedding_size = self.scene_embedding_size = int(embedding.card.dimension)
        # Who asks which weights these are, as earmark does for `hear:` modules, finds all that decides the numbers.
        key = bytes.fromhex(embedding.fingerprint.key)
        self.register_buffer("fingerprint", torch.tensor(list(key), dtype=torch.uint8))
        self.eval()

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Give the scene embeddings; see `get_scene_embeddings`."""
        return get_scene_embeddings(audio, self)


def load_model(model_file_path: str = "") -> HearEmbedding:
    """Make a model, its weights loaded (and fetched, should they not be cached).

    Parameters
    ----------
    model_file_path : str
        Name of an embedding, with options if need be, such as ``"vggish:hop=0.48"``; ``"yamnet"`` if empty.

    Returns
    -------
    HearEmbedding
        A PyTorch module.

    Raises
    ------
    SettingsError
        If there is no such embedding.
    WeightsError
        If its weights cannot be had.
    """
    embedding = load_embedding(model_file_path or DEFAULT)
    embedding.prepare()
    return HearEmbedding(embedding)


def get_timestamp_embeddings(audio: torch.Tensor, model: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Embed the frames of clips.

    Parameters
    ----------
    audio : torch.Tensor of shape (sounds, samples), float32
        Mono clips of equal length in [-1, 1] at ``model.sample_rate``; no gradients flow through them.
    model : torch.nn.Module
        Made by `load_model`.

    Returns
    -------
    embeddings : torch.Tensor of shape (sounds, frames, timestamp_embedding_size), float32
        On the device of `audio`.
    timestamps : torch.Tensor of shape (sounds, frames), float32
        Centres of the frames in milliseconds, the same for every clip. Frames whose centre lies outside of the clips
        are left out; if that is so for all, the nearest one stays, and its time is that of the end it is nearest to.

    Raises
    ------
    AudioError
        If the audio is of another shape or type, empty, requires gradients, or holds NaN or infinite values.
    SettingsError
        If the model is none of `load_model`.
    """
    if not isinstance(model, HearEmbedding):
        raise SettingsError(f"the model is a {type(model).__name__}. Make it with earmark.hear.load_model.")
    clips = _checked(audio)
    found = [model.embedding(clip, model.sample_rate) for clip in clips]
    seconds = clips.shape[1] / model.sample_rate
    inside = _inside(found[0].times, seconds)
    embeddings = np.stack([each.values[inside] for each in found])
    stamps = np.tile(_milliseconds(found[0].times[inside], seconds), (len(clips), 1))
    return torch.from_numpy(embeddings).to(audio.device), torch.from_numpy(stamps).to(audio.device)


def get_scene_embeddings(audio: torch.Tensor, model: torch.nn.Module) -> torch.Tensor:
    """Embed clips as wholes: the mean over the frames that `get_timestamp_embeddings` gives.

    Parameters
    ----------
    audio, model
        See `get_timestamp_embeddings`, also for what is raised.

    Returns
    -------
    torch.Tensor of shape (sounds, scene_embedding_size), float32
        On the device of `audio`.
    """
    return get_timestamp_embeddings(audio, model)[0].mean(dim=1)


def _checked(audio: torch.Tensor) -> NDArray[np.float32]:
    """Refuse what is no batch of mono clips, and give it as an array of its own."""
    if not isinstance(audio, torch.Tensor) or audio.ndim != 2:
        shape = f"of shape {tuple(audio.shape)}" if isinstance(audio, torch.Tensor) else type(audio).__name__
        raise AudioError(
            f"audio must be a tensor of shape (sounds, samples), mono, got {shape}. Average the channels, and put an "
            "axis in front of a single clip: audio[None]."
        )
    if audio.dtype != torch.float32:
        raise AudioError(f"audio must be float32 in [-1, 1], got {audio.dtype}. Divide 16-bit integers by 32768.0.")
    if not audio.numel():
        raise AudioError(f"there are no samples: audio is of shape {tuple(audio.shape)}.")
    if audio.requires_grad:
        raise AudioError("audio requires gradients, but none flow through these models. Give audio.detach().")
    if not torch.isfinite(audio).all():
        raise AudioError("audio holds NaN or infinite values. Mend the recordings before they are embedded.")
    return np.array(audio.cpu().numpy(), np.float32)


def _inside(times: NDArray[np.float64], seconds: float) -> slice:
    """Return which frames are centred within a clip of that many seconds, or else the one nearest to it."""
    first, end = np.searchsorted(times, 0), np.searchsorted(times, seconds, side="right")
    if first < end:
        return slice(int(first), int(end))
    nearest = int(np.argmin(np.maximum(-times, times - seconds)))
    return slice(nearest, nearest + 1)


def _milliseconds(times: NDArray[np.float64], seconds: float) -> NDArray[np.float32]:
    """Give times in seconds as float32 milliseconds that lie within a clip of that many seconds."""
    end = np.float32(1000 * seconds)
    if float(end) > 1000 * seconds:  # rounded up, beyond the end of the clip
        end = np.nextafter(end, np.float32(0))
    return (1000 * times).astype(np.float32).clip(0, end)
