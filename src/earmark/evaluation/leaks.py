"""Does anything stand on both sides of a split? Asked every time, and the answer is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earmark.evaluation.splits import Clips, Fold

__all__ = ["LeakCheck", "check_leaks"]


@dataclass(frozen=True)
class LeakCheck:
    """What stands on both sides.

    Attributes
    ----------
    ok : bool
        Whether nothing does.
    sentences : tuple of str
        The result in words, one sentence for each kind of leak looked for.
    """

    ok: bool
    sentences: tuple[str, ...]


def check_leaks(clips: Clips, folds: Sequence[Fold], split: str) -> LeakCheck:
    """Look for test clips whose bytes or group also stand in the training or validation clips of their fold.

    Parameters
    ----------
    clips : Clips
        Contents and groups of all clips.
    folds : sequence of Fold
        The folds to check.
    split : str
        Name of the split, for the sentences.

    Returns
    -------
    LeakCheck
    """
    kinds = [("same content", "have equal bytes", clips.contents)]
    if clips.groups is not None:
        kinds.append(("same group", "share a group", clips.groups))
    ok, sentences = True, []
    for kind, what, keys in kinds:
        leaking = {int(clip) for fold in folds for clip in _leaking(keys, fold)}
        tested = {int(clip) for fold in folds for clip in fold.test}
        ok = ok and not leaking
        found = (
            f"{len(leaking)} of {len(tested)} test clips {what} with training clips"
            if leaking
            else "none on both sides"
        )
        sentences.append(f"split by {split}, {kind}: {found}")
    return LeakCheck(ok, tuple(sentences))


def _leaking(keys: np.ndarray, fold: Fold) -> np.ndarray:
    known = np.concatenate([keys[fold.train], keys[fold.validation]])
    return fold.test[np.isin(keys[fold.test], known)]
