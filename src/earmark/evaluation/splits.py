"""Who is trained on and who is tested: always whole clips, and whole groups where there are any.

A split made here never puts clips of equal bytes on both sides. Official folds and fixed test sets are taken as they
are; the leak check (`earmark.evaluation.leaks`) then says what they do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import DatasetError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.intp]

__all__ = ["SPLITS", "Clips", "Fold", "SplitSettings", "default_split", "make_folds"]

#: Ways of splitting, with a line for the protocol.
SPLITS = {
    "official": "the official folds of the data set",
    "fixed": "the fixed training and test set of the data set",
    "groups": "stratified folds that keep the clips of a group together",
    "clips": "stratified folds over clips",
}


#: Share of the training clips of a fixed split that protocols with a validation fold set aside (EUSIPCO 2020).
VALIDATION_OF_FIXED = 0.2


@dataclass(frozen=True)
class Clips:
    """What a split needs to know of the clips.

    Attributes
    ----------
    labels : ndarray of shape (clips,)
        Class of each clip.
    contents : ndarray of shape (clips,)
        Digest of each clip's bytes: equal clips stay on one side.
    groups, folds, splits : ndarray of shape (clips,) or None
        Group, official fold and part (``train``, ``validation``, ``test``) of each clip, where known.
    """

    labels: NDArray[np.str_]
    contents: NDArray[np.str_]
    groups: NDArray[np.str_] | None = None
    folds: NDArray[np.str_] | None = None
    splits: NDArray[np.str_] | None = None


@dataclass(frozen=True)
class SplitSettings:
    """How to split.

    Attributes
    ----------
    folds : int
        Number of folds, unless they are official; at least 2.
    repeats : int
        How often everything is done; splits made here are drawn anew each time.
    train_fraction : float or None
        Share of all clips that may be used for training, in (0, 1); None for all that are not tested or validated on.
    validation_fraction : float
        Share of all clips that is set aside for validation, in [0, 1).
    balanced_test : bool
        Whether test clips are dropped at random until all classes have equally many.
    seed : int
        Seed of all random choices.
    validation_fold : int
        How many folds further the one is that is set aside for validation, such as 1 or -1; 0 for none. A fixed split
        has one fold: where the data set names no validation clips, a fifth of its training clips are set aside.
    """

    folds: int = 5
    repeats: int = 1
    train_fraction: float | None = None
    validation_fraction: float = 0.0
    balanced_test: bool = False
    seed: int = 0
    validation_fold: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that cannot be."""
        if not isinstance(self.folds, int) or not isinstance(self.repeats, int) or self.folds < 2 or self.repeats < 1:
            raise SettingsError(f"needs at least 2 folds and 1 repeat, got {self.folds} and {self.repeats}.")
        if self.train_fraction is not None and not 0 < self.train_fraction < 1:
            raise SettingsError(f"the train fraction must lie between 0 and 1, got {self.train_fraction}.")
        if not 0 <= self.validation_fraction < 1:
            raise SettingsError(f"the validation fraction must lie in [0, 1), got {self.validation_fraction}.")
        if self.seed < 0:
            raise SettingsError(f"the seed must be at least 0, got {self.seed}.")


@dataclass(frozen=True)
class Fold:
    """One training and one test set, as indices of clips.

    Attributes
    ----------
    repeat : int
        From 0.
    name : str
        Name of the fold.
    train, validation, test : ndarray of int
        Indices, sorted; no two of them share a clip.
    """

    repeat: int
    name: str
    train: Indices
    validation: Indices
    test: Indices


def default_split(clips: Clips, among: Sequence[str] = ("fixed", "official", "groups", "clips")) -> str:
    """Return the most honest split that the data set allows: the first `among` those that need no more than it has."""
    known = {"fixed": clips.splits, "official": clips.folds, "groups": clips.groups, "clips": clips.labels}
    return next(split for split in among if known[split] is not None)


def make_folds(clips: Clips, split: str, settings: SplitSettings) -> list[Fold]:
    """Split clips into training, validation and test sets.

    Parameters
    ----------
    clips : Clips
        Labels, contents and what else is known.
    split : str
        One of `SPLITS`.
    settings : SplitSettings
        Folds, repeats, fractions, seed.

    Returns
    -------
    list of Fold
        Repeats one after the other; the same arguments give the same folds.

    Raises
    ------
    DatasetError
        If the data set lacks what the split needs, a class has fewer clips (or groups) than there are folds, or a
        training or validation set would lack a class.
    SettingsError
        If there is no split of that name, or the fractions leave too few clips.
    """
    if split not in SPLITS:
        raise SettingsError(f"there is no split {split!r}. There are: {', '.join(SPLITS)}.")
    together = _together(clips, by_group=split == "groups")
    made = []
    for repeat in range(settings.repeats):
        generator = np.random.default_rng([settings.seed, repeat])
        parts = list(_parts(clips, split, settings, together, generator))
        for number, (name, _, test) in enumerate(parts):
            # One generator for each purpose: how many clips are trained on changes neither validation nor test sets.
            aside, drawing, balancing = np.random.default_rng([settings.seed, repeat, number]).spawn(3)
            if settings.validation_fold and split != "fixed":
                train, validation = _neighbour_aside(parts, number, settings)
            else:
                train, validation = _some_aside(clips, split, parts[number][1], together, settings, aside)
            train = _draw_training(clips, train, settings, drawing)
            if settings.balanced_test:
                test = _balance(clips, test, balancing)
            if not len(test):
                raise DatasetError(f"fold {name}: there are no test clips. Check the column that splits the data set.")
            advice = "Use fewer folds, a larger train fraction,"
            if split in ("official", "fixed"):
                advice = f"Check the column {'fold' if split == 'official' else 'split'}, use a larger train fraction,"
            _check_classes(clips, name, train, "training", advice)
            if len(validation):  # without its clips, Platt scaling would make a class as good as impossible
                _check_classes(clips, name, validation, "validation", "Use another validation fraction or seed,")
            made.append(Fold(repeat, name, train, validation, test))
    return made


def _parts(
    clips: Clips, split: str, settings: SplitSettings, together: NDArray[np.intp], generator: np.random.Generator
) -> Iterator[tuple[str, Indices, Indices]]:
    """Name, training and test clips of each fold."""
    if split == "fixed":
        parts = _known(clips.splits, "split", split)
        yield "test", np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test")
        return
    if split == "official":
        folds = _known(clips.folds, "fold", split)
        if len(set(folds)) < 2:
            raise DatasetError(f"the column fold names the one fold {str(folds[0])!r}; at least two are needed.")
        for name in sorted(set(folds.tolist()), key=lambda fold: (len(fold), fold)):
            yield name, np.flatnonzero(folds != name), np.flatnonzero(folds == name)
        return
    if split == "groups":
        _known(clips.groups, "group", split)
    for number, (train, test) in enumerate(_stratified(clips.labels, together, settings.folds, generator), start=1):
        yield str(number), train, test


def _known(column: NDArray[np.str_] | None, name: str, split: str) -> NDArray[np.str_]:
    if column is None:
        raise DatasetError(f"a split by {SPLITS[split]} needs the column {name}, which the data set lacks.")
    return column


def _together(clips: Clips, *, by_group: bool) -> NDArray[np.intp]:
    """Give clips that must stay on one side the same number: equal bytes, and equal group if asked for."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, contents = np.unique(clips.contents, return_inverse=True)
    rows, columns = [np.arange(len(contents))], [contents]
    if by_group and clips.groups is not None:
        _, groups = np.unique(clips.groups, return_inverse=True)
        rows.append(np.arange(len(groups)))
        columns.append(groups + contents.max() + 1)
    row, column = np.concatenate(rows), np.concatenate(columns) + len(contents)
    size = int(column.max()) + 1
    graph = coo_array((np.ones(len(row), np.int8), (row, column)), shape=(size, size))
    _, numbers = connected_components(graph, directed=False)
    return np.asarray(numbers[: len(contents)], np.intp)


def _stratified(
    labels: NDArray[np.str_], together: NDArray[np.intp], folds: int, generator: np.random.Generator
) -> Iterator[tuple[Indices, Indices]]:
    """Stratified folds over clips, or over sets of clips where some must stay together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    single = len(set(together.tolist())) == len(together)
    for label, clips in Counter(labels.tolist()).items():
        units = clips if single else len(set(together[labels == label].tolist()))
        if units < folds:
            what = "clips" if single else "groups of clips"
            raise DatasetError(
                f"class {label!r} has {units} {what}, fewer than the {folds} folds. Use --folds {max(units, 2)} "
                "or add recordings of that class."
                if units > 1
                else f"class {label!r} has only one of the {what} that a split needs. Add recordings of that class."
            )
    seed = int(generator.integers(2**31))
    if single:
        yield from StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    else:
        yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, together)


def _neighbour_aside(
    parts: Sequence[tuple[str, Indices, Indices]], number: int, settings: SplitSettings
) -> tuple[Indices, Indices]:
    """Set aside what another fold is tested on."""
    if len(parts) < 3:
        raise SettingsError(
            f"one fold is tested on and one set aside for validation, so that {len(parts)} folds leave none to train "
            "on. It takes at least 3."
        )
    _, train, _ = parts[number]
    _, _, validation = parts[(number + settings.validation_fold) % len(parts)]
    return np.setdiff1d(train, validation), validation


def _some_aside(
    clips: Clips,
    split: str,
    train: Indices,
    together: NDArray[np.intp],
    settings: SplitSettings,
    generator: np.random.Generator,
) -> tuple[Indices, Indices]:
    """Set a share of the training clips aside, beside those that a fixed split names for validation."""
    named = np.flatnonzero(clips.splits == "validation") if split == "fixed" and clips.splits is not None else train[:0]
    share = settings.validation_fraction * len(clips.labels) / max(len(train), 1)
    if settings.validation_fold:
        share = 0.0 if len(named) else VALIDATION_OF_FIXED
    if share > 0.5:
        raise SettingsError(
            f"a validation fraction of {settings.validation_fraction:g} would take more than half of the "
            f"{len(train)} training clips. Use a smaller one."
        )
    train, validation = _set_validation_aside(clips, train, together, share, generator)
    return train, np.union1d(validation, named)


def _set_validation_aside(
    clips: Clips, train: Indices, together: NDArray[np.intp], share: float, generator: np.random.Generator
) -> tuple[Indices, Indices]:
    """Set whole folds of the training clips aside: that part of them which comes closest to a share."""
    if share == 0 or not len(train):
        return train, train[:0]
    labels, units = clips.labels[train], together[train]
    fewest = min(len(set(units[labels == label].tolist())) for label in set(labels.tolist()))
    # As many parts as the smallest class can fill; more than ten only if one part would be too much.
    part = Fraction(share).limit_denominator(max(2, min(fewest, max(10, round(1 / share)))))
    if not part:
        raise SettingsError(
            f"{100 * share:.3g} % of the {len(train)} training clips would not give every class a clip or group to "
            "validate on. Use a larger validation fraction, or add recordings of the smallest class."
        )
    folds = [aside for _, aside in _stratified(labels, units, part.denominator, generator)]
    aside = np.sort(np.concatenate(folds[: part.numerator]))
    return np.delete(train, aside), train[aside]


def _draw_training(clips: Clips, train: Indices, settings: SplitSettings, generator: np.random.Generator) -> Indices:
    """Draw as many training clips as the train fraction allows, stratified, at least one of each class."""
    if settings.train_fraction is None:
        return train
    total = len(clips.labels)
    wanted = round(settings.train_fraction * total)
    # Folds are not all of one size: a tenth of a fold short of what was asked for is still that share.
    if wanted > len(train) + max(1, round(0.02 * total)):
        most = math.floor(1000 * len(train) / total) / 1000
        raise SettingsError(
            f"a train fraction of {settings.train_fraction:g} asks for {wanted} of {total} clips, but only "
            f"{len(train)} are left for training. Use at most {most:g}, or, where they may be chosen, "
            "more folds or a smaller validation fraction."
        )
    if wanted >= len(train):
        return train
    labels = clips.labels[train]
    classes, counts = np.unique(labels, return_counts=True)
    shares = _apportion(counts, wanted)
    drawn = [
        generator.choice(train[labels == label], share, replace=False)
        for label, share in zip(classes, shares, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def _apportion(counts: NDArray[np.intp], wanted: int) -> NDArray[np.intp]:
    """Share `wanted` out in proportion to `counts` by largest remainders, at least one each and no more in all."""
    exact = counts * (wanted / counts.sum())
    shares = np.maximum(1, np.floor(exact)).astype(np.intp)
    for index in np.argsort(shares - exact, kind="stable")[: max(0, wanted - int(shares.sum()))]:
        shares[index] += 1
    while shares.sum() > max(wanted, len(shares)):  # rare classes were rounded up: the others pay for it
        shares[np.argmax(np.where(shares > 1, shares - exact, -np.inf))] -= 1
    return np.asarray(np.minimum(shares, counts), np.intp)


def _balance(clips: Clips, test: Indices, generator: np.random.Generator) -> Indices:
    labels = clips.labels[test]
    classes, counts = np.unique(labels, return_counts=True)
    kept = [generator.choice(test[labels == label], counts.min(), replace=False) for label in classes]
    return np.sort(np.concatenate(kept))


def _check_classes(clips: Clips, name: str, chosen: Indices, purpose: str, advice: str) -> None:
    lacking = sorted(set(clips.labels.tolist()) - set(clips.labels[chosen].tolist()))
    if lacking:
        raise DatasetError(
            f"fold {name}: no clip of class {', '.join(map(repr, lacking))} is left for {purpose}. "
            f"{advice} or add recordings (or groups) of that class."
        )
