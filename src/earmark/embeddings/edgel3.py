"""EdgeL3 SEA-64: a small member of the L3 family, trained by specialised embedding approximation on urban sound.

Kumari, Roy, Cartwright, Bello and Arora, "EdgeL3: Compressing L3-Net for Mote-Scale Urban Noise Monitoring", IPDPSW
2019, and its successors; github.com/ksangeeta2429/edgel3. Front end: 8 kHz, 1024-point transforms every 160 samples,
64 HTK mel bands, else as OpenL3's was in training. Unlike in OpenL3, the last convolution too is followed by batch
normalisation and ReLU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.embeddings import l3
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.weights import card_facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REGISTRATIONS", "EdgeL3"]

RATE = 8000
FFT_SIZE, STFT_HOP, BANDS, STEPS = 1024, 160, 64, 50
CHANNELS = (32, 32, 64, 64, 128, 128, 64, 64)

FACTS = card_facts("edgel3-sea-64")
CARD = EmbeddingCard(
    name="edgel3-sea-64",
    version=1,
    title="EdgeL3, a compressed L3 network for urban sound",
    sample_rate=RATE,
    window_seconds=1.0,
    hop_seconds=l3.HOP_SECONDS,
    dimension=CHANNELS[-1],
    padding=l3.PADDING[True],
    weights_ids=("edgel3-sea-64",),
    code_licence="MIT",
    weights_licence=FACTS.licence,
    paper="S. Kumari, D. Roy, M. Cartwright, J. P. Bello and A. Arora, EdgeL3: Compressing L3-Net for Mote-Scale Urban "
    "Noise Monitoring, IPDPSW 2019",
    origin=FACTS.origin,
    note=FACTS.note,
)


class EdgeL3(l3.L3Model):
    """EdgeL3's 64-value embeddings, one every 0.1 s.

    Parameters
    ----------
    **settings
        ``tensors``, ``hop``, ``center``, ``layers``, ``resampler`` and ``runtime``; see `l3.L3Model`.

    Raises
    ------
    SettingsError
        If the hop is shorter than a sample.
    """

    def __init__(self, **settings: Any) -> None:
        facts = {"bands": BANDS, "fft_size": FFT_SIZE, "stft_hop": STFT_HOP}
        super().__init__(CARD, CHANNELS, (BANDS, STEPS), (BANDS // 8, STEPS // 8), facts, **settings)

    def decibels(self, cut: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mel spectrograms of windows; see `l3.trained_mel_decibels`.

        Parameters
        ----------
        cut : ndarray of shape (frames, 8000), float32
            Windows at 8 kHz.

        Returns
        -------
        ndarray of shape (frames, 64, 50), float32
            From -80 to 0.
        """
        return l3.trained_mel_decibels(cut, RATE, FFT_SIZE, STFT_HOP, BANDS)


REGISTRATIONS = (Registration(CARD, EdgeL3, l3.OPTIONS),)
