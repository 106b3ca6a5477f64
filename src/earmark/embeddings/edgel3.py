"""EdgeL3 SEA-64: a small member of the L3 family, trained by specialised embedding approximation on urban sound.

Kumari, Roy, Cartwright, Bello and Arora, "EdgeL3: Compressing L3-Net for Mote-Scale Urban Noise Monitoring", IPDPSW
2019, and its successors; github.com/ksangeeta2429/edgel3. Front end: 8 kHz, 1024-point transforms every 160 samples,
64 HTK mel bands, else as OpenL3's was in training. Unlike in OpenL3, the last convolution too is followed by batch
normalisation and ReLU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.embeddings import l3, options
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.network_model import FramedModel
from earmark.weights import card_facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.runtime import Network

__all__ = ["REGISTRATIONS", "EdgeL3"]

RATE = 8000
HOP_SECONDS = 0.1
FFT_SIZE, STFT_HOP, BANDS, STEPS = 1024, 160, 64, 50
CHANNELS = (32, 32, 64, 64, 128, 128, 64, 64)

FACTS = card_facts("edgel3-sea-64")
CARD = EmbeddingCard(
    name="edgel3-sea-64",
    version=1,
    title="EdgeL3, a compressed L3 network for urban sound, 64 values",
    sample_rate=RATE,
    window_seconds=1.0,
    hop_seconds=HOP_SECONDS,
    dimension=CHANNELS[-1],
    padding="half a second of zeros in front; zeros at the end until every sample is covered",
    weights_ids=("edgel3-sea-64",),
    code_licence="MIT",
    weights_licence=FACTS.licence,
    paper="S. Kumari, D. Roy, M. Cartwright, J. P. Bello and A. Arora, EdgeL3: Compressing L3-Net for Mote-Scale Urban "
    "Noise Monitoring, IPDPSW 2019",
    origin=FACTS.origin,
    note=FACTS.note,
)
OPTIONS = {
    "center": options.flag(True, "whether frame i is centred on i times the hop, or starts there"),
    "hop": options.hop(HOP_SECONDS),
    "layers": options.layers(l3.LAYERS),
    "resampler": options.RESAMPLER,
    "runtime": options.RUNTIME,
}


class EdgeL3(FramedModel):
    """EdgeL3's 64-value embeddings, one every 0.1 s.

    Parameters
    ----------
    tensors : mapping of str to ndarray, optional
        Weights to use instead, by the names of `l3.l3_network`.
    hop : float
        Step from one frame to the next in seconds, truncated to samples.
    center : bool
        Whether frame i is centred on i times the hop, or starts there.
    layers : tuple of str
        Convolutions whose averaged activations are the embedding, ``"conv1"`` to ``"conv8"``; none for the network's
        own.
    resampler, runtime : str
        See `NetworkModel`.

    Raises
    ------
    SettingsError
        If the hop is shorter than a sample.
    """

    def __init__(
        self,
        *,
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        hop: float = HOP_SECONDS,
        center: bool = True,
        layers: tuple[str, ...] = (),
        resampler: str = "soxr",
        runtime: str = "torch",
    ) -> None:
        card = options.spelled(
            CARD, OPTIONS, hop=hop, center=center, layers=layers, resampler=resampler, runtime=runtime
        )
        dimension = sum(channels for name, channels in zip(l3.LAYERS, CHANNELS, strict=True) if name in layers)
        padding = card.padding if center else "zeros at the end until every sample is covered"
        super().__init__(
            replace(card, hop_seconds=hop, dimension=dimension or card.dimension, padding=padding),
            l3.l3_grid(RATE, hop, center),
            {"bands": BANDS, "fft_size": FFT_SIZE, "layers": "+".join(layers), "stft_hop": STFT_HOP},
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )
        self.layers = layers

    def front_end(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Mel spectrograms of consecutive frames; see `l3.trained_mel_decibels`.

        Parameters
        ----------
        samples : ndarray of shape (n,), float32
            Samples at 8 kHz under the frames.
        frames : int
            Number of windows.

        Returns
        -------
        ndarray of shape (frames, 1, 64, 50), float32
            Decibels from -80 to 0.
        """
        cut = l3.windows(samples, self.grid, frames)
        return l3.trained_mel_decibels(cut, RATE, FFT_SIZE, STFT_HOP, BANDS)[:, np.newaxis]

    def build_network(self, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
        """Make the network; see `l3.l3_network`."""
        from earmark.runtime import make_network

        return make_network(
            l3.l3_network(tensors, (BANDS // 8, STEPS // 8), self.layers), self.runtime, (1, BANDS, STEPS)
        )


REGISTRATIONS = (Registration(CARD, EdgeL3, OPTIONS),)
