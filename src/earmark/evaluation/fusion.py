"""From frames to clips: early fusion pools embeddings, late fusion adds up likelihoods.

After Grollmisch et al., EUSIPCO 2020, section III: early fusion takes the global maximum over time of each embedding
value; late fusion sums the likelihoods of all frames of a clip and takes the largest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import SettingsError
from earmark.store import ClipFrames

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FUSIONS", "fuse_late", "pool"]

#: Names of fusions, with a line for the protocol.
FUSIONS = {
    "late": "classify every frame, sum the class likelihoods over the clip, normalise",
    "early": "global maximum over time of each embedding value, then classify the clip",
    "early-mean": "mean over time of each embedding value, then classify the clip",
    "early-mean-std": "mean and standard deviation over time of each embedding value, then classify the clip",
}


def pool(frames: ClipFrames, fusion: str) -> ClipFrames:
    """Make of each clip the rows that are classified: one pooled vector, or with late fusion its frames.

    Parameters
    ----------
    frames : ClipFrames
        Frame embeddings.
    fusion : str
        One of `FUSIONS`.

    Returns
    -------
    ClipFrames
        With late fusion the frames as they are; else one row for each clip, with ``"early-mean-std"`` of twice as
        many values.

    Raises
    ------
    SettingsError
        If there is no fusion of that name.

    Examples
    --------
    >>> frames = ClipFrames.from_list([np.float32([[1, 4], [3, 2]])])
    >>> pool(frames, "early").values
    array([[3., 4.]], dtype=float32)
    """
    if fusion not in FUSIONS:
        raise SettingsError(f"there is no fusion {fusion!r}. There are: {', '.join(FUSIONS)}.")
    if fusion == "late":
        return frames
    if fusion == "early":
        pooled = np.maximum.reduceat(frames.values, frames.offsets[:-1], axis=0)
    else:
        pooled = np.stack([_moments(frames[clip], fusion) for clip in range(len(frames))])
    return ClipFrames(pooled, np.arange(len(frames) + 1))


def _moments(clip: NDArray[np.float32], fusion: str) -> NDArray[np.float32]:
    """Mean of a clip's frames, and their standard deviation behind it if it is asked for; summed in float64."""
    found = [clip.mean(axis=0, dtype=np.float64)]
    if fusion == "early-mean-std":
        found.append(clip.std(axis=0, dtype=np.float64))
    return np.concatenate(found).astype(np.float32)


def fuse_late(likelihoods: NDArray[np.float64], frames: ClipFrames) -> NDArray[np.float64]:
    """Sum the likelihoods of each clip's frames.

    Parameters
    ----------
    likelihoods : ndarray of shape (frames, classes), float64
        Class likelihoods of every frame, each row summing to 1.
    frames : ClipFrames
        Tells which frames belong to which clip.

    Returns
    -------
    ndarray of shape (clips, classes), float64
        Each row sums to 1: the sum over frames divided by their number, which changes no decision.
    """
    summed: NDArray[np.float64] = np.add.reduceat(likelihoods, frames.offsets[:-1], axis=0)
    return summed / frames.counts[:, np.newaxis]
