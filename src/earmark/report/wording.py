"""The sentences of a report, in plain words.

Two systems are never called equal or different here. All that two 95 % intervals show is whether they
overlap, and that is what is said (Cumming and Finch, "Inference by eye", American Psychologist 60(2),
2005: overlapping intervals do not prove equality; and clips shared by both systems make a paired
comparison sharper than the two intervals are).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from earmark.report.systems import Score, by_strictness
from earmark.report.tables import interval_text, percent

# Further systems are only counted.
_MOST_NAMED = 8
_HOW = {
    "clips": "split clip by clip",
    "groups": "on groups of clips that were held out whole",
    "official": "over the official folds of the data set",
    "fixed": "on the fixed test set of the data set",
}


def headline(best: Score) -> str:
    """Say which system is best, how good it is and on how many clips."""
    between = f" (95 % interval {percent(best.low)} to {percent(best.high)} %)" if not math.isnan(best.low) else ""
    new = " from groups it was not trained on" if best.split == "groups" else ""
    return f"{best.name}, is right on {percent(best.accuracy)} % of {best.clips} clips{new}{between}."


def circumstances(best: Score) -> str:
    """Say how the headline's figure was measured."""
    repeats = f", repeated {best.repeats} times" if best.repeats > 1 else ""
    folds = f" in {_count(best.folds, 'fold')}" if best.folds else ""
    how = f"{_how(best)}{folds}"
    if best.split == "official" and best.folds:
        how = f"over the {best.folds} official folds of the data set"
    if best.split == "fixed":
        how = _how(best)
    return f"Measured {how}{repeats}, with {100 * best.train_fraction:g} % of the clips for training."


def neighbours(best: Score, others: Sequence[Score]) -> str:
    """Say which systems of the same setting have intervals that overlap with the best one's."""
    rivals = [o for o in others if o.setting == best.setting and o.system != best.system]
    if not rivals:
        return "No other system was compared with it here."
    if any(math.isnan(score.low) for score in (best, *rivals)):
        return "Without intervals for all systems, it stays open which of them differ by more than chance."
    near = [rival for rival in rivals if rival.high >= best.low]
    if not near:
        return f"Its interval overlaps with that of none of the other {_count(len(rivals), 'system')}."
    if len(near) == len(rivals):
        every = {1: "that of the other system", 2: "those of both other systems"}
        which = every.get(len(rivals), f"those of all {len(rivals)} other systems")
    else:
        which = f"{'that' if len(near) == 1 else 'those'} of {len(near)} of the other {len(rivals)} systems"
    more = f"; and {len(near) - _MOST_NAMED} more" if len(near) > _MOST_NAMED else ""
    return (
        f"Its interval overlaps with {which}: {listed(near[:_MOST_NAMED])}{more}. "
        "From these intervals alone, the order among them may be chance."
    )


def same_accuracy(tied: Sequence[Score]) -> str:
    """Say which systems are as accurate as the best one."""
    return f"The same accuracy is reached by {listed(tied)}."


def listed(scores: Sequence[Score]) -> str:
    """Name systems with their accuracies, but each embedding only once, since its name may be long.

    Returns
    -------
    str
        Such as ``"yamnet with svm, late fusion, 90.0 %; vggish with svm (late fusion 85.0 %, early fusion 82.5 %)
        and d128 (late fusion 84.0 %)"``, embeddings in the order of the best system of each.
    """
    return "; ".join(
        _systems_of([score for score in scores if score.embedding == embedding])
        for embedding in dict.fromkeys(score.embedding for score in scores)
    )


def other_split(best: Score, other: Score) -> str:
    """Say how the same system fares under another split."""
    difference = points(other.accuracy - best.accuracy)
    how, size = _how(other), difference.lstrip("+−")
    compared = "no different" if size == "0.0" else f"{size} points {'lower' if '−' in difference else 'higher'}"
    return f"{how[0].upper()}{how[1:]}, the same system is right on {percent(other.accuracy)} %: {compared}."


def chance(share: float) -> str:
    """Say what a classifier that hears nothing would reach."""
    return f"Always answering with the largest class would be right on {percent(share)} %."


def points(difference: float) -> str:
    """Write a difference of two shares in points, with a real minus sign.

    Examples
    --------
    >>> points(-0.304)
    '−30.4'
    """
    if math.isnan(difference):
        return "–"
    rounded = f"{100 * difference:+.1f}"
    return "0.0" if float(rounded) == 0 else rounded.replace("-", "−")


def split_contrast(scores: Sequence[Score]) -> list[str]:
    """Explain, once two splits are side by side, what each of them measures.

    Returns
    -------
    list of str
        Paragraphs; what they claim depends only on which splits there are.
    """
    splits = by_strictness([score.split for score in scores])
    if "groups" not in splits:
        return [f"The same systems, split in {len(splits)} ways. Only figures of one column may be compared."]
    return [
        "Clips of one group (one machine, one speaker, one recording) sound alike for reasons that have nothing "
        "to do with their class, so a classifier that met the group in training can score by recognising it. "
        "For new machines or speakers the figure by groups is the honest one: every group it was tested on was "
        "as new to the classifier as theirs will be."
    ]


def split_cells(splits: Sequence[str], scores: Sequence[Score]) -> list[str]:
    """Write one system's accuracy under each split, then the last minus the first in points."""
    by_split = {score.split: score for score in scores}
    cells = []
    for split in splits:
        score = by_split.get(split)
        cells.append("–" if score is None else f"{percent(score.accuracy)} {interval_text(score)}")
    first, last = by_split.get(splits[0]), by_split.get(splits[-1])
    cells.append("–" if first is None or last is None else points(last.accuracy - first.accuracy))
    return cells


def _systems_of(scores: Sequence[Score]) -> str:
    """Name the systems of one embedding."""
    if len(scores) == 1:
        return f"{scores[0].name}, {percent(scores[0].accuracy)} %"
    parts: dict[str, list[str]] = {}
    for score in scores:
        fusion = f"{score.fusion} fusion " if score.fusion else ""
        parts.setdefault(score.classifier, []).append(f"{fusion}{percent(score.accuracy)} %")
    *others, last = (f"{classifier} ({', '.join(each)})" for classifier, each in parts.items())
    return f"{scores[0].embedding} with {' and '.join(filter(None, [', '.join(others), last]))}"


def _how(score: Score) -> str:
    return _HOW.get(score.split, f"split by {score.split}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
