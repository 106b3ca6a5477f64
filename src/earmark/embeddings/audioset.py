"""What VGGish and YAMNet share: patches of 0.96 s of one log-mel spectrogram.

16 kHz, 25 ms periodic Hann windows every 10 ms, 512-point FFT magnitudes, 64 HTK mel bands from 125 to 7500 Hz, natural
logarithm with an offset (Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017). A
patch is 96 steps, for which it takes 95 * 160 + 400 = 15600 samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.audio import BandedBank, FrameGrid, audioset_mel_bank, log_mel, stft_magnitude
from earmark.embeddings import options
from earmark.embeddings.layers import layered
from earmark.embeddings.network_model import FramedModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.embeddings.card import EmbeddingCard
    from earmark.embeddings.options import Option

__all__ = ["BANDS", "PATCH_SAMPLES", "PATCH_STEPS", "RATE", "STFT_HOP", "PatchModel"]

RATE = 16000
STFT_WINDOW, STFT_HOP, FFT_SIZE = 400, 160, 512  # samples: 25 ms, 10 ms
PATCH_STEPS, BANDS = 96, 64
STFT_GRID = FrameGrid(RATE, STFT_WINDOW, STFT_HOP, tail="drop")
STEPS_PER_CHUNK = 256  # of the spectrogram at a time: 1 MB under the transforms, in float64
PATCH_SAMPLES = (PATCH_STEPS - 1) * STFT_HOP + STFT_WINDOW


class PatchModel(FramedModel):
    """Template of networks over such patches. A subclass gives `build_network`.

    Parameters
    ----------
    card : EmbeddingCard
        What is known of the model.
    known_options : mapping of str to Option
        Its options.
    layer_sizes : mapping of str to int
        Values of each layer that may be asked for.
    log_offset : float
        Added before the logarithm.
    dtype : type
        Floating point type in which the reference computes the spectrogram.
    tail : {"pad", "drop"}
        See `FrameGrid`.
    hop : float
        Step from one patch to the next in seconds, a multiple of 0.01.
    layers : tuple of str
        Layers whose averaged activations are the embedding; none for the network's own.
    tensors, resampler, runtime
        See `NetworkModel`.

    Raises
    ------
    SettingsError
        If the hop is not a multiple of the spectrogram's.
    """

    def __init__(
        self,
        card: EmbeddingCard,
        known_options: Mapping[str, Option],
        layer_sizes: Mapping[str, int],
        log_offset: float,
        dtype: type[Any],
        tail: Literal["pad", "drop"],
        *,
        hop: float,
        layers: tuple[str, ...] = (),
        tensors: Mapping[str, NDArray[np.float32]] | None = None,
        resampler: str = "soxr",
        runtime: str = "openvino",
    ) -> None:
        self._patch_hop = options.steps(hop, STFT_HOP, RATE)
        hop = self._patch_hop * STFT_HOP / RATE  # one spelling for each hop
        spelled = options.spelled(card, known_options, hop=hop, layers=layers, resampler=resampler, runtime=runtime)
        super().__init__(
            replace(layered(spelled, layer_sizes, layers), hop_seconds=hop),
            FrameGrid(RATE, PATCH_SAMPLES, self._patch_hop * STFT_HOP, tail=tail),
            {
                "dtype": np.dtype(dtype).name,
                "fft_size": FFT_SIZE,
                "layers": "+".join(layers),
                "log_offset": log_offset,
                "mel": f"audioset {BANDS} bands 125-7500 Hz",
                "patch_steps": PATCH_STEPS,
                "stft_hop": STFT_HOP,
                "stft_window": STFT_WINDOW,
            },
            tensors=tensors,
            resampler=resampler,
            runtime=runtime,
        )
        self.layers, self._log_offset, self._dtype = layers, log_offset, dtype

    def front_end(self, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Log-mel patches of consecutive frames.

        Parameters
        ----------
        samples : ndarray of shape (n,), float32
            Samples at 16 kHz under the frames.
        frames : int
            Number of patches.

        Returns
        -------
        ndarray of shape (frames, 1, 96, 64), float32
        """
        bank = BandedBank(audioset_mel_bank(dtype=self._dtype))  # type: ignore[arg-type]  # a type is hashable
        chunks = (chunk.astype(self._dtype, copy=False) for chunk, _ in STFT_GRID.runs([samples], STEPS_PER_CHUNK))
        magnitudes = (stft_magnitude(chunk, STFT_WINDOW, STFT_HOP, FFT_SIZE) for chunk in chunks)
        mel = np.concatenate([log_mel(each, bank, self._log_offset) for each in magnitudes], dtype=np.float32)
        patches = np.lib.stride_tricks.sliding_window_view(mel, PATCH_STEPS, axis=0)
        return patches[:: self._patch_hop][:frames].transpose(0, 2, 1)[:, np.newaxis]
