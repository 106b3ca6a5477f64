"""The folds of a comparison, the leak check on them, and what their validation clips are used for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from earmark.datasets import Dataset
from earmark.errors import DatasetError, SettingsError
from earmark.evaluation import Clips, Fold, FoldSet, LeakCheck, Plan, SplitSettings, check_leaks, make_folds
from earmark.progress import Progress

__all__ = ["choose_likelihoods", "fold_sets_of"]

#: Platt scaling on fewer validation clips of a class than this is remarked upon.
FEW_VALIDATION_CLIPS = 20


def fold_sets_of(dataset: Dataset, contents: np.ndarray, plan: Plan) -> tuple[list[FoldSet], list[LeakCheck]]:
    """Split a data set in every way and for every train fraction of a plan.

    Parameters
    ----------
    dataset : Dataset
    contents : ndarray of str, shape (clips,)
        Digest of each clip's bytes, or whatever else tells clips apart.
    plan : Plan

    Returns
    -------
    fold_sets : list of FoldSet
    leak_checks : list of LeakCheck
        One for each way.

    Raises
    ------
    DatasetError, SettingsError
        If it cannot be split so.
    """
    known = {
        name: dataset.column(name[:-1]) if dataset.has(name[:-1]) else None for name in ("groups", "folds", "splits")
    }
    clips = Clips(dataset.labels, contents, **known)
    fold_sets, checks = [], []
    for split in plan.splits_of(clips):
        full = _folds(dataset, clips, split, plan, plan.settings)
        for fraction in plan.train_fractions:
            part = replace(plan.settings, train_fraction=fraction)
            folds = full if fraction is None else _folds(dataset, clips, split, plan, part)
            share = fraction or round(float(np.mean([len(fold.train) for fold in folds])) / len(dataset), 3)
            fold_sets.append(FoldSet(split, share, tuple(folds)))
        # More training clips can only leak more: the largest fraction speaks for all.
        checks.append(check_leaks(clips, full, split))
    return fold_sets, checks


def _folds(dataset: Dataset, clips: Clips, split: str, plan: Plan, settings: SplitSettings) -> list[Fold]:
    """Split, and say of which data set and protocol it was if that cannot be."""
    try:
        return make_folds(clips, split, settings)
    except DatasetError as error:
        fixed = ""
        if plan.protocol.folds and split in ("groups", "clips"):
            others = " or --splits clips" if split == "groups" else ""
            fixed = f" The {settings.folds} folds are those of the protocol {plan.protocol.name}: for others, use "
            fixed += f"--protocol earmark{others}."
        raise DatasetError(f"{dataset.where}: {error}{fixed}") from error
    except SettingsError as error:
        of = "" if plan.protocol.free else f" (protocol {plan.protocol.name})"
        raise SettingsError(f"{dataset.where}, split by {split}{of}: {error}") from error


def choose_likelihoods(
    wanted: str, dataset: Dataset, fold_sets: Sequence[FoldSet], progress: Progress
) -> Literal["sigmoid", "platt"]:
    """Take Platt scaling where there are clips for it, and say so when they are few.

    Parameters
    ----------
    wanted : {"auto", "sigmoid", "platt"}
    dataset : Dataset
    fold_sets : sequence of FoldSet
    progress : Progress
        Hears of few clips.

    Raises
    ------
    SettingsError
        If it is wanted and there are none.
    """
    aside = [dataset.labels[fold.validation].tolist() for fold_set in fold_sets for fold in fold_set.folds]
    if wanted == "platt" and not all(aside):
        raise SettingsError("Platt scaling needs validation clips: give a validation fraction, such as 0.1.")
    if wanted == "sigmoid" or not all(aside):
        return "sigmoid"
    fewest = min(min(Counter(labels).values()) for labels in aside)
    if fewest < FEW_VALIDATION_CLIPS:
        progress.say(
            f"Platt scaling is fitted on as few as {fewest} validation clips of a class, which can do harm: "
            "compare with --likelihoods sigmoid."
        )
    return "platt"
