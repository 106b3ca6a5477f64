"""OpenL3 (Cramer, Wu, Salamon and Bello, ICASSP 2019), all twelve variants and both front ends that are in use.

Front ends, per window of one second at 48 kHz, all in decibels below the window's maximum, no lower than -80:

- ``trained``: what the weights were trained with, what openl3 computed up to 0.3.1 and the paper used. Mel: 2048-point
  transforms every 242 samples, padded on both sides, power through an HTK bank, square root.
- ``0.4``: what openl3 0.4 computes. Mel: the same transforms from the window's first sample on, with zeros behind it,
  magnitudes through a Slaney bank.

The linear spectrogram (512-point transforms, no padding, magnitudes) is the same in both. Decibels are those of
amplitudes but with the factor 10, so that -80 here are 160 dB. A silent window is 0 dB everywhere: silence looks like
full scale to the network, as in the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.audio import banded_mel_bank, stft_magnitude, window_decibels
from earmark.embeddings import l3, options
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.weights import card_facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REGISTRATIONS", "OpenL3", "Variant"]

RATE = 48000
STFT_HOP = 242
MEL_FFT, LINEAR_FFT = 2048, 512
CHANNELS = (64, 64, 128, 128, 256, 256, 512, 512)

OPTIONS = l3.OPTIONS | {
    "frontend": options.choice("trained", "0.4", says="spectrogram of the training, or of openl3 0.4")
}


@dataclass(frozen=True)
class Variant:
    """One of the twelve published models.

    Attributes
    ----------
    content : {"music", "env"}
        What the videos of its training showed: music, or the environment.
    representation : {"mel256", "mel128", "linear"}
        What its network sees.
    dimension : {512, 6144}
        Values in an embedding.
    """

    content: str
    representation: str
    dimension: int

    @property
    def bands(self) -> int:
        """Rows of the spectrogram."""
        return LINEAR_FFT // 2 + 1 if self.representation == "linear" else int(self.representation.removeprefix("mel"))

    @property
    def steps(self) -> int:
        """Columns of the spectrogram."""
        return 1 + (RATE - LINEAR_FFT) // STFT_HOP if self.representation == "linear" else -(-RATE // STFT_HOP)

    @property
    def pool(self) -> tuple[int, int]:
        """Size of the last max-pool: the whole map, or a twelfth of it."""
        height, width = self.bands // 8, self.steps // 8
        return (height, width) if self.dimension == CHANNELS[-1] else (height // 4, width // 3)

    def card(self) -> EmbeddingCard:
        """Everything that is known of the variant."""
        weights_id = f"openl3-{self.representation}-{self.content}"
        facts = card_facts(weights_id)
        videos = {"music": "music", "env": "environmental"}[self.content]
        return EmbeddingCard(
            name=f"openl3-{self.content}-{self.representation}-{self.dimension}",
            version=1,
            title=f"OpenL3 trained on {videos} videos, {self.representation} spectrogram",
            sample_rate=RATE,
            window_seconds=1.0,
            hop_seconds=l3.HOP_SECONDS,
            dimension=self.dimension,
            padding=l3.PADDING[True],
            weights_ids=(weights_id,),
            code_licence="MIT",
            weights_licence=facts.licence,
            paper="J. Cramer, H.-H. Wu, J. Salamon and J. P. Bello, Look, Listen and Learn More: Design Choices for "
            "Deep Audio Embeddings, ICASSP 2019",
            origin=facts.origin,
            note=facts.note,
        )


class OpenL3(l3.L3Model):
    """OpenL3's embeddings, one every 0.1 s.

    Parameters
    ----------
    variant : Variant
        Which of the twelve.
    frontend : {"trained", "0.4"}
        Which spectrogram; see the module.
    **settings
        ``tensors``, ``hop``, ``center``, ``layers``, ``resampler`` and ``runtime``; see `l3.L3Model`.

    Raises
    ------
    SettingsError
        If the hop is shorter than a sample.
    """

    def __init__(self, variant: Variant, *, frontend: str = "trained", **settings: Any) -> None:
        self.variant, self.frontend = variant, frontend
        super().__init__(
            options.spelled(variant.card(), OPTIONS, frontend=frontend),
            CHANNELS,
            (variant.bands, variant.steps),
            variant.pool,
            {"frontend": frontend, "representation": variant.representation},
            **settings,
        )

    def decibels(self, cut: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spectrograms of windows; see the module.

        Parameters
        ----------
        cut : ndarray of shape (frames, 48000), float32
            Windows at 48 kHz.

        Returns
        -------
        ndarray of shape (frames, bands, steps), float32
            From -80 to 0.
        """
        if self.variant.representation == "linear":
            return window_decibels(stft_magnitude(cut, LINEAR_FFT, STFT_HOP, LINEAR_FFT)).transpose(0, 2, 1)
        if self.frontend == "trained":
            return l3.trained_mel_decibels(cut, RATE, MEL_FFT, STFT_HOP, self.variant.bands)
        return mel_decibels_of_0_4(cut, self.variant.bands)


def mel_decibels_of_0_4(cut: NDArray[np.float32], bands: int) -> NDArray[np.float32]:
    """Mel front end of openl3 0.4 (kapre 0.3.7).

    Parameters
    ----------
    cut : ndarray of shape (frames, 48000), float32
        Windows; beyond their ends there are zeros, not the audio that follows.
    bands : int
        Number of mel bands from 0 Hz to half the rate.

    Returns
    -------
    ndarray of shape (frames, bands, 199), float32
        From -80 to 0.
    """
    steps = -(-RATE // STFT_HOP)
    padded = np.pad(cut, ((0, 0), (0, (steps - 1) * STFT_HOP + MEL_FFT - RATE)))
    bank = banded_mel_bank(RATE, MEL_FFT, bands, 0.0, RATE / 2)
    mel = stft_magnitude(padded, MEL_FFT, STFT_HOP, MEL_FFT) @ bank
    return window_decibels(mel).transpose(0, 2, 1)


VARIANTS = tuple(
    Variant(content, representation, dimension)
    for content in ("music", "env")
    for representation in ("mel256", "mel128", "linear")
    for dimension in (512, 6144)
)
REGISTRATIONS = tuple(Registration(variant.card(), partial(OpenL3, variant), OPTIONS) for variant in VARIANTS)
