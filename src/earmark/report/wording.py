"""The sentences of a report, in plain words.

Two systems are never called equal here, and only paired tests call them different. All that two 95 % intervals
show is whether they overlap, and that is what is said of them (Cumming and Finch, "Inference by eye", American
Psychologist 60(2), 2005: overlapping intervals do not prove equality; and clips shared by both systems make a
paired comparison sharper than the two intervals are).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from earmark.evaluation import Gain, LearningCurve, Ranks
from earmark.evaluation.learning_curve import FEWEST_POINTS, LearningPoint
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


def ahead(best: Score, real: Sequence[Score], half: Sequence[Score], others: Sequence[Score]) -> str:
    """Say which systems the best one is ahead of by more than chance: in all tests, in one of two, in none."""
    number = len(real) + len(half) + len(others)
    sentences = []
    if real:
        every = {1: "the other system", 2: "both other systems"}.get(number, f"all {number} other systems")
        whom = every if len(real) == number else f"{len(real)} of the other {_count(number, 'system')}"
        sentences.append(f"{best.name}, is ahead of {whom} by more than chance.")
    else:
        sentences.append(f"{best.name}, is not shown to be ahead of any other system by more than chance.")
    if half:
        sentences.append(f"In one test of two, it is ahead of {_few(half)}.")
    if others and (real or half):
        sentences.append(f"It is not shown for {_few(others)}.")
    return " ".join(sentences)


def measured_gain(curve: LearningCurve, first: LearningPoint, last: LearningPoint) -> str:
    """Say how the accuracy of a system moved from the fewest to the most labels."""
    return (
        f"{system_name(curve)}, was right on {percent(first.accuracy)} % of the clips with {labels(first.labels)} "
        f"labelled clips per class for training, and on {percent(last.accuracy)} % with {labels(last.labels)}."
    )


def doubling(curve: LearningCurve, gain: Gain) -> str:
    """Say what twice the labels would bring, and that nobody has measured it."""
    interval = ""
    if not math.isnan(gain.low):
        interval = f" (95 % interval {percent(gain.low)} to {percent(gain.high)} points)"
    return (
        f"Twice as many labels, {labels(2 * gain.labels)} per class, would bring it about {percent(gain.gain)} points "
        f"more{interval}. That is not measured: it carries a power law on, fitted to {len(curve.points)} train "
        "fractions, and takes it that further clips are like these."
    )


def no_curve(fractions: int) -> str:
    """Say why no curve is fitted."""
    return (
        f"What twice the labels would bring cannot be said from {fractions} train fractions: a curve takes "
        f"{FEWEST_POINTS} or more, with different numbers of clips."
    )


def ranked(ranks: Ranks) -> str:
    """Say whether average ranks differ by more than chance, and which systems differ from the best."""
    tested = f"Friedman's test in the form of Iman and Davenport, p {_p(ranks.p)}"
    if ranks.p >= 0.05:
        return f"Over {ranks.tasks} data sets, the systems are not shown to differ ({tested})."
    best = ranks.systems[0]
    near = next((clique for clique in ranks.cliques if best in clique), (best,))
    worse = len(ranks.systems) - len(near)
    return (
        f"Over {ranks.tasks} data sets, not all systems are equally good ({tested}). {best} has the best average rank; "
        f"{worse} of the other {_count(len(ranks.systems) - 1, 'system')} {'is' if worse == 1 else 'are'} further from "
        f"it than the critical difference of {ranks.critical_difference:.2f} (Nemenyi, 5 %)."
    )


def labels(number: float) -> str:
    """Write a number of labelled clips per class, which is a mean over folds."""
    return f"{number:.0f}" if number >= 10 or number == round(number) else f"{number:.1f}"


def system_name(curve: LearningCurve) -> str:
    """Name the system of a learning curve as :attr:`~earmark.report.systems.Score.name` does."""
    fusion = f", {curve.fusion} fusion" if curve.fusion else ""
    return f"{curve.embedding} with {curve.classifier}{fusion}"


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


def _few(scores: Sequence[Score]) -> str:
    """Name one or two systems, and count more: the table beside has them all."""
    return listed(scores) if len(scores) <= 2 else f"{len(scores)} others"


def _how(score: Score) -> str:
    return _HOW.get(score.split, f"split by {score.split}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _p(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.3f}"
