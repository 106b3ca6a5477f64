"""Patches: what a baseline sees at once, cut from the frames of clips when they are needed.

As in ``extract_features.py`` of github.com/ACMUS-MIR/ACMus-Models, the frames behind the last complete patch of a clip
are dropped. A clip that is shorter than a patch, which that program refuses, is filled up at its end with frames of
silence, which are 0 in every front end of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from earmark.classifiers.baselines.cards import BaselineCard
    from earmark.store import ClipFrames

__all__ = ["Patches"]

#: Patches gathered at once where all are looked at: bounds the memory of a copy.
AT_ONCE = 64


class Patches:
    """The patches of clips, one clip's behind the other's.

    Parameters
    ----------
    card : BaselineCard
        Says how long they are.
    clips : ClipFrames
        Frames of the baseline's front end; referred to, not copied.

    Attributes
    ----------
    offsets : ndarray of shape (clips,), int64
        Number of the first patch of each clip.
    owners : ndarray of shape (patches,), int64
        The clip of each patch.

    Raises
    ------
    SettingsError
        There are no clips, the frames are those of another front end, or are not finite.
    """

    def __init__(self, card: BaselineCard, clips: ClipFrames) -> None:
        import torch

        _check(card, clips)
        self._length = card.patch_frames
        counts = 1 + np.maximum(0, clips.counts - card.patch_frames) // card.patch_hop
        self.offsets = np.cumsum(counts) - counts
        self.owners = np.repeat(np.arange(len(clips)), counts)
        places = np.arange(len(self.owners)) - self.offsets[self.owners]
        self._starts = torch.from_numpy(clips.offsets[:-1][self.owners] + card.patch_hop * places)
        self._ends = torch.from_numpy(clips.offsets[1:][self.owners])
        self._frames = torch.from_numpy(np.require(clips.values, np.float32, ["C", "W"]))
        self._any_short = bool((clips.counts < card.patch_frames).any())

    def __len__(self) -> int:
        return len(self.owners)

    def gather(self, which: torch.Tensor) -> torch.Tensor:
        """Return patches by their numbers, shape (n, patch_frames, values), float32."""
        import torch

        rows = self._starts[which, None] + torch.arange(self._length)
        if not self._any_short:
            return self._frames.index_select(0, rows.flatten()).view(*rows.shape, -1)
        beyond = rows >= self._ends[which, None]
        cut = self._frames.index_select(0, rows.clamp(max=len(self._frames) - 1).flatten()).view(*rows.shape, -1)
        cut[beyond] = 0
        return cut

    def moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and standard deviation of each cell of a patch over all patches, summed in float64.

        Returns
        -------
        tuple of two ndarray of shape (patch_frames, values), float32
            The deviation of a cell that never changes is 1: it stays 0 when it is divided by it.
        """
        import torch

        parts = torch.split(torch.arange(len(self)), AT_ONCE)
        mean = sum((self.gather(part).double().sum(0) for part in parts), torch.zeros(())) / len(self)
        square = sum((self.gather(part).double().sub_(mean).square_().sum(0) for part in parts), torch.zeros(()))
        deviation = (square / len(self)).sqrt_()
        deviation[deviation < 1e-6] = 1.0  # less than float32 rounding makes of a constant
        return mean.float().numpy(), deviation.float().numpy()

    def mean_of_clips(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Average what each patch gave, shape (patches, k), over each clip, to (clips, k)."""
        summed: NDArray[np.float64] = np.add.reduceat(rows, self.offsets, axis=0)
        return summed / np.bincount(self.owners)[:, np.newaxis]


def _check(card: BaselineCard, clips: ClipFrames) -> None:
    values, expected = clips.values, card.front_end.dimension
    if not len(clips) or values.ndim != 2 or values.shape[1] != expected or (clips.counts < 1).any():
        raise SettingsError(
            f"{card.name} takes at least one clip, each with frames of {expected} values, but got {len(clips)} clips "
            f"with values of the shape {values.shape}. Make them with baseline_features({card.name!r})."
        )
    if not np.isfinite(values).all():
        raise SettingsError(
            f"the frames given to {card.name} hold NaN or infinite values. Make them with "
            f"baseline_features({card.name!r}), which refuses such sound."
        )
