"""Spectrograms of the baselines: samples in, one row a frame out, in the shape of an embedding model.

So they are kept in the store as embeddings are, and made once. After ``extract_features.py`` of the authors
(github.com/ACMUS-MIR/ACMus-Models): the clip is divided by its largest magnitude, mirrored at both ends by half a
transform (so that the first frame is centred on sample 0, as in librosa 0.7.2), cut under a periodic Hann window, and
the logarithm is taken of 1 plus the magnitude. A clip of digital silence has no peak to be divided by and is left as it
is: all its values are 0, and so are those of the frames that patches are filled up with.

They are no embeddings and not in the registry: nothing in them was trained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import FrameGrid, banded_mel_bank, in_chunks, resample_blocks, resampler_name, stft_magnitude
from earmark.classifiers.baselines.cards import BaselineCard, find_baseline
from earmark.embeddings import EmbeddingCard, EmbeddingModel, Fingerprint, FrameEmbeddings
from earmark.embeddings.model import Heard
from earmark.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BaselineFeatures", "baseline_features"]

_RESAMPLER = "soxr"


class BaselineFeatures(EmbeddingModel):
    """The spectrogram of a baseline.

    Parameters
    ----------
    baseline : BaselineCard
        Whose.

    Examples
    --------
    >>> features = baseline_features("cnn-speech-music")
    >>> features(np.zeros(22050, np.float32), 22050).values.shape
    (65, 80)
    """

    def __init__(self, baseline: BaselineCard) -> None:
        front = self._front = baseline.front_end
        self.card = _card_of(baseline)
        self._grid = FrameGrid(front.sample_rate, front.fft_size, front.hop, lead=front.fft_size // 2, tail="drop")

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Everything that decides the numbers."""
        front = self._front
        return Fingerprint(
            card=self.card.name,
            version=self.card.version,
            weights_sha256=hashlib.sha256(b"").hexdigest(),  # there are none
            front_end=(
                ("bands", front.bands or "linear"),
                ("fft_size", front.fft_size),
                ("gain", front.gain),
                ("level", "log(1 + gain * magnitude)"),
                ("mel", "slaney" if front.bands else ""),
                ("peak", "of the clip"),
            ),
            resampler=resampler_name(_RESAMPLER),
            window=self._grid.window,
            hop=self._grid.hop,
            lead=self._grid.lead,
            padding="mirrored",
            runtime="numpy",
            precision="float64",
        )

    def prepare(self) -> None:
        """Do nothing: there are no weights."""

    def embed_blocks(self, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> FrameEmbeddings:
        """Make the spectrogram of a clip, which is held in memory whole: its peak may be its last sample.

        See `EmbeddingModel.embed_blocks`.
        """
        heard = Heard(blocks)
        parts = list(resample_blocks(heard, sample_rate, self._front.sample_rate, _RESAMPLER))
        samples = np.concatenate(parts)
        if not len(samples):  # the resampler makes nothing of very few samples
            samples = np.zeros(1, np.float32)
        if not np.isfinite(samples).all():
            raise AudioError(
                f"samples reach {heard.peak:.3g}, which is not finite at {self._front.sample_rate} Hz: this is not "
                "audio in [-1, 1]. Scale or export the recording again."
            )
        values = self._spectrogram(_peak_normalised(samples))
        return FrameEmbeddings(values, self._grid.times(len(values)), heard.samples / sample_rate)

    def _spectrogram(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        front, margin = self._front, self._grid.lead
        mirrored = np.pad(samples, margin, mode="reflect")
        return in_chunks(self._levels, self._grid.cut(mirrored, 1 + len(samples) // front.hop))

    def _levels(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        front = self._front
        # In float64, as librosa transforms: a quiet cell is divided by its deviation later, which may be a thousandth.
        levels = stft_magnitude(windows.astype(np.float64), front.fft_size, front.hop, front.fft_size)[:, 0]
        if front.bands:
            bank = banded_mel_bank(front.sample_rate, front.fft_size, front.bands, 0.0, front.sample_rate / 2)
            levels = levels @ bank
        levels *= front.gain
        return np.log1p(levels).astype(np.float32)


def baseline_features(name: str) -> BaselineFeatures:
    """Return the front end of a baseline, as `embed_clips` and `EmbeddingStore` take it.

    Parameters
    ----------
    name : str
        Name of the baseline.

    Returns
    -------
    BaselineFeatures
        One row a frame of the spectrogram.

    Raises
    ------
    SettingsError
        No baseline has this name.
    """
    return BaselineFeatures(find_baseline(name))


def _peak_normalised(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    peak = np.abs(samples).max()
    return samples / peak if peak else samples


def _card_of(baseline: BaselineCard) -> EmbeddingCard:
    front = baseline.front_end
    seen = f"{front.bands} mel bands" if front.bands else f"{front.dimension} linear bins"
    return EmbeddingCard(
        name=f"features-{baseline.name}",
        version=1,
        title=f"Spectrogram of {baseline.name}: logarithm of {seen}, of the clip divided by its peak",
        sample_rate=front.sample_rate,
        window_seconds=front.fft_size / front.sample_rate,
        hop_seconds=front.hop / front.sample_rate,
        dimension=front.dimension,
        padding="mirrored at both ends by half a window; the last incomplete hop is dropped",
        weights_ids=(),
        code_licence="Apache-2.0",
        weights_licence="none: nothing is trained",
        paper=baseline.source,
        origin="computed",
    )
