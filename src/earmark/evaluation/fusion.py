"""From frames to clips: early fusion pools embeddings, late fusion adds up likelihoods.

After Grollmisch et al., EUSIPCO 2020, section III: early fusion takes the global maximum over time of each embedding
value; late fusion sums the likelihoods of all frames of a clip and takes the largest. The paper leaves open what the
changes of embeddings over time would add; further ways of pooling say something of them. Two fusions belong to
protocols of others: ``late-decision`` (SoundNet) and ``early-stats`` (L3-Net).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import SettingsError
from earmark.store import ClipFrames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Clip = NDArray[np.float64]

__all__ = ["FUSIONS", "fuse_late", "is_late", "pool"]

#: Names of fusions, with a line for the protocol.
FUSIONS = {
    "late": "classify every frame, sum the class likelihoods over the clip, normalise",
    "late-decision": "classify every frame, average the decision values over the clip",
    "early": "global maximum over time of each embedding value, then classify the clip",
    "early-mean": "mean over time of each embedding value, then classify the clip",
    "early-std": "standard deviation over time of each embedding value, then classify the clip",
    "early-mean-std": "mean and standard deviation over time of each embedding value, then classify the clip",
    "early-max-mean": "maximum and mean over time of each embedding value, then classify the clip",
    "early-deltas": "mean and standard deviation over time of each embedding value, and the mean size of its change "
    "from frame to frame, then classify the clip",
    "early-stats": "minimum, maximum, median, mean, variance, skewness and kurtosis over time of each embedding value, "
    "then classify the clip",
}


def is_late(fusion: str) -> bool:
    """Tell whether frames are classified, not clips.

    Raises
    ------
    SettingsError
        If there is no fusion of that name.
    """
    if fusion not in FUSIONS:
        raise SettingsError(f"there is no fusion {fusion!r}. There are: {', '.join(FUSIONS)}.")
    return fusion.startswith("late")


def pool(frames: ClipFrames | Sequence[ClipFrames], fusion: str) -> ClipFrames:
    """Make of each clip the rows that are classified: one pooled vector, or with late fusion its frames.

    Parameters
    ----------
    frames : ClipFrames, or sequence of them
        Frame embeddings of clips; or those of the same clips by several models, whose pooled vectors are put one
        behind the other.
    fusion : str
        One of `FUSIONS`.

    Returns
    -------
    ClipFrames
        With late fusion the frames as they are; else one row for each clip, with as many values for each embedding
        value as the fusion has statistics.

    Raises
    ------
    SettingsError
        If there is no fusion of that name, or it is late and there are several models: their frames have different
        times.

    Examples
    --------
    >>> frames = ClipFrames.from_list([np.float32([[1, 4], [3, 2]])])
    >>> pool(frames, "early").values
    array([[3., 4.]], dtype=float32)
    >>> pool([frames, frames], "early-mean").values
    array([[2., 3., 2., 3.]], dtype=float32)
    """
    late = is_late(fusion)
    if not isinstance(frames, ClipFrames):
        if late and len(frames) > 1:
            raise SettingsError(
                f"embeddings cannot be concatenated with {fusion} fusion: their frames have different times. Use an "
                "early fusion, or sum the likelihoods."
            )
        pooled = [pool(part, fusion) for part in frames]
        return ClipFrames(np.hstack([part.values for part in pooled]), pooled[0].offsets)
    if late:
        return frames
    if fusion == "early":
        vectors = np.maximum.reduceat(frames.values, frames.offsets[:-1], axis=0)
    else:
        vectors = np.stack([_statistics(frames[clip], fusion) for clip in range(len(frames))])
    return ClipFrames(vectors, np.arange(len(frames) + 1))


def _statistics(clip: NDArray[np.float32], fusion: str) -> NDArray[np.float32]:
    """Statistics of a clip's frames, one behind the other; worked out in float64."""
    frames = clip.astype(np.float64)
    found = np.concatenate([statistic(frames) for statistic in _STATISTICS[fusion]])
    with np.errstate(over="ignore"):  # a variance beyond float32 becomes infinite, which no classifier accepts
        return found.astype(np.float32)


def _mean(frames: Clip) -> Clip:
    return np.asarray(frames.mean(axis=0))


def _std(frames: Clip) -> Clip:
    return np.asarray(frames.std(axis=0))


def _maximum(frames: Clip) -> Clip:
    return np.asarray(frames.max(axis=0))


def _minimum(frames: Clip) -> Clip:
    return np.asarray(frames.min(axis=0))


def _median(frames: Clip) -> Clip:
    return np.asarray(np.median(frames, axis=0))


def _variance(frames: Clip) -> Clip:
    return np.asarray(frames.var(axis=0))


def _change(frames: Clip) -> Clip:
    """Mean size of the change from frame to frame; 0 where there is one frame."""
    return np.asarray(np.abs(np.diff(frames, axis=0)).sum(axis=0) / max(len(frames) - 1, 1))


def _skewness(frames: Clip) -> Clip:
    return _moment(frames, 3)


def _kurtosis(frames: Clip) -> Clip:
    """Fourth standardised moment less 3, that of a normal distribution; 0 where a value does not vary."""
    fourth = _moment(frames, 4)
    return np.where(fourth > 0, fourth - 3, 0.0)


def _moment(frames: Clip, order: int) -> Clip:
    """Standardised moment; 0 where a value does not vary."""
    varies = frames.max(axis=0) > frames.min(axis=0)
    spread = np.where(varies, frames.std(axis=0), 1.0)
    standardised = (frames - frames.mean(axis=0)) / spread
    return np.where(varies, (standardised**order).mean(axis=0), 0.0)


_STATISTICS: dict[str, Sequence[Callable[[Clip], Clip]]] = {
    "early-mean": (_mean,),
    "early-std": (_std,),
    "early-mean-std": (_mean, _std),
    "early-max-mean": (_maximum, _mean),
    "early-deltas": (_mean, _std, _change),
    "early-stats": (_minimum, _maximum, _median, _mean, _variance, _skewness, _kurtosis),
}


def fuse_late(rows: NDArray[np.float64], frames: ClipFrames) -> NDArray[np.float64]:
    """Average what was found for each frame over the frames of each clip.

    Parameters
    ----------
    rows : ndarray of shape (frames, classes) or (frames,), float64
        Class likelihoods of every frame, each row summing to 1; or decision values.
    frames : ClipFrames
        Tells which frames belong to which clip.

    Returns
    -------
    ndarray of shape (clips, classes) or (clips,), float64
        The sum over frames divided by their number, which changes no decision; likelihoods still sum to 1.
    """
    summed: NDArray[np.float64] = np.add.reduceat(rows, frames.offsets[:-1], axis=0)
    return (summed.T / frames.counts).T
