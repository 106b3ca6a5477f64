"""The report as one HTML page that needs nothing but itself.

Styles, figures and sounds stand inside the page; it asks no network for anything and runs no script, and
its content security policy (W3C, "Content Security Policy Level 3") has the browser enforce both. All text
that comes from data, class names and paths above all, is escaped by Jinja2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.errors import SettingsError
from earmark.files import replacing
from earmark.report import wording
from earmark.report.curves import curve_sections
from earmark.report.figures import accuracy_figure, confusion_figure, folds_figure
from earmark.report.mistakes import ClassScore, Mistake, class_scores, find_mistakes
from earmark.report.names import breakable
from earmark.report.pairs import find_standings, pair_text
from earmark.report.players import MOST_PLAYERS, Player, PlayerShelf
from earmark.report.protocol import filled, readable, worded
from earmark.report.ranks import rank_sections
from earmark.report.svg import inline_svg
from earmark.report.systems import (
    SETTING_COLUMNS,
    Score,
    best_scores,
    by_strictness,
    random_embeddings,
    read_scores,
    rows_of,
    synthetic_datasets,
)
from earmark.report.tables import NAMES, TableText, interval_text, percent, table_text

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

# What the page already shows in places of their own.
_SHOWN_ELSEWHERE = ("name", "leak_check", "left_out", "command", "versions", "created", "dataset", "embeddings")
_MOST_CLASSES_DRAWN = 40


@dataclass(frozen=True)
class Finding:
    """The best system of one task (data set and train fraction), under its strictest split."""

    best: Score
    headline: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Contrast:
    """One task's systems under several splits, side by side."""

    title: str
    splits: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Detail:
    """What one system got right and wrong in one setting."""

    number: int
    score: Score
    title: str
    tests: int
    classes: tuple[ClassScore, ...]
    confusion: str
    wrong: tuple[tuple[Mistake, Player | None], ...]
    retested: bool


def write_page(path: str | Path, page: str) -> Path:
    """Write a page to a file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The HTML file; one that exists is replaced once the new one is complete.
    page : str
        What :func:`render_page` gave.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    SettingsError
        If the file cannot be written.
    """
    target = Path(path)
    try:
        with replacing(target) as part:
            # Paths of files may hold bytes that are no text; they are shown as \udcff instead of failing.
            part.write_bytes(page.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise SettingsError(
            f"The report cannot be written to {target}: {error}. "
            "Name a file in a folder that exists and may be written."
        ) from error
    return target


def render_page(
    results: pd.DataFrame,
    summary: pd.DataFrame,
    predictions: pd.DataFrame,
    protocol: Mapping[str, Any],
    audio: Callable[[str], Path | None] | None = None,
    comparison_notes: Sequence[str] = (),
) -> str:
    """Make the report as one HTML page.

    Parameters
    ----------
    results : pandas.DataFrame
        One row per data set, embedding, classifier, fusion, train fraction, split, repeat and fold;
        ``accuracy`` in 0..1.
    summary : pandas.DataFrame
        One row per system and setting: ``accuracy_mean``, ``accuracy_std``, ``accuracy_low``,
        ``accuracy_high``, ``interval``, ``balanced_accuracy_mean``, ``macro_f1_mean``, ``clips``, ``folds``,
        ``repeats``.
    predictions : pandas.DataFrame
        One row per tested clip: ``path``, ``label``, ``predicted`` and ``likelihood:<class>``.
    protocol : mapping
        What decided the scores; every key is optional, and keys unknown here are printed as they are.
    audio : callable, optional
        Gives the audio file of a path of `predictions`, or None. Misclassified clips get a player, at most
        24 in all and below 6 MB.
    comparison_notes : sequence of str, optional
        Further findings, one paragraph each.

    Returns
    -------
    str
        A whole HTML document.

    Raises
    ------
    SettingsError
        If the summary is empty or a table lacks a column.
    """
    scores = read_scores(summary)
    synthetic = synthetic_datasets(scores, protocol)
    findings = _findings(scores, predictions)
    shelf = PlayerShelf(audio)
    page: str = (
        environment("earmark.report")
        .get_template("report.html.j2")
        .render(
            protocol={**dict.fromkeys((*_SHOWN_ELSEWHERE, "seed")), **protocol},
            data=[filled(described) for described in _listed(protocol.get("dataset"))],
            embeddings=[filled(described) for described in _listed(protocol.get("embeddings"))],
            systems=len({score.system for score in scores}),
            settings={key: value for key, value in protocol.items() if key not in _SHOWN_ELSEWHERE},
            title=", ".join(dict.fromkeys(score.dataset for score in scores)),
            badges=_badges(scores, protocol, synthetic=synthetic),
            findings=findings,
            notes=comparison_notes,
            tables=_tables(summary, synthetic=synthetic),
            figures=_figures(results, summary, synthetic=synthetic),
            contrasts=_contrasts(scores),
            standings=[
                (standing.sentence, pair_text(standing, synthetic=synthetic))
                for standing in find_standings(results, predictions, summary)
            ],
            ranks=rank_sections(scores),
            curves=curve_sections(results, predictions, synthetic=synthetic),
            details=_details(findings, scores, predictions, shelf, synthetic=synthetic),
            shelf=shelf,
            most_players=MOST_PLAYERS,
        )
    )
    return page


def environment(*packages: str) -> Any:
    """Return the templates of some packages, with the filters that pages use.

    Parameters
    ----------
    *packages : str
        Names; each has a folder ``templates``.

    Returns
    -------
    jinja2.Environment
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent, interval=interval_text, likelihood=_likelihood, readable=readable, worded=worded,
        sentence=_sentence, breakable=breakable,
    )  # fmt: skip
    environment.tests["mapping_like"] = lambda value: isinstance(value, Mapping)
    environment.globals["names"] = NAMES
    environment.tests["simple"] = lambda value: isinstance(value, (str, int, float))
    environment.tests["list_like"] = lambda value: isinstance(value, (list, tuple, set, frozenset))
    return environment


def _listed(described: Any) -> Sequence[Any]:
    """Take one description, or several, as a list."""
    if not described:
        return ()
    return described if isinstance(described, (list, tuple)) else (described,)


def _sentence(text: str) -> Markup:
    """Keep numbers and their percent signs on one line, and let long names be broken."""
    return breakable(text.replace(" %", "\N{NO-BREAK SPACE}%"))


def _likelihood(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _badges(scores: Sequence[Score], protocol: Mapping[str, Any], *, synthetic: Collection[str]) -> list[str]:
    """Warn about numbers that must not be quoted: made-up sounds, weights never trained."""
    badges = []
    if synthetic:
        which = "" if {score.dataset for score in scores} <= {*synthetic} else f" in {', '.join(sorted(synthetic))}"
        badges.append(f"Synthetic data{which}: these numbers say nothing about real recordings")
    untrained = random_embeddings(scores, protocol)
    if untrained:
        badges.append(f"Random weights, for comparison only: {', '.join(untrained)}")
    return badges


def _tables(summary: pd.DataFrame, *, synthetic: Collection[str]) -> list[TableText]:
    """One table a setting: what a table compares, it may also rank."""
    scores = read_scores(summary)
    return [
        table_text(rows_of(summary, score, "summary", SETTING_COLUMNS), synthetic=synthetic)
        for place, score in enumerate(scores)
        if score.setting not in [earlier.setting for earlier in scores[:place]]
    ]


def _findings(scores: Sequence[Score], predictions: pd.DataFrame) -> list[Finding]:
    """One finding a task. The strictest split speaks, because it is the one that holds for new groups."""
    findings = []
    for task in dict.fromkeys(score.task for score in scores):
        rivals = [score for score in scores if score.task == task]
        strictest = by_strictness([score.split for score in rivals])[-1]
        best, *tied = best_scores([score for score in rivals if score.split == strictest])
        sentences = [wording.circumstances(best)]
        if tied:
            sentences.append(wording.same_accuracy(tied))
        sentences.append(wording.neighbours(best, rivals))
        elsewhere = [score for score in rivals if score.system == best.system and score.split != best.split]
        sentences += [wording.other_split(best, other) for other in elsewhere]
        rows = rows_of(predictions, best, "predictions") if len(predictions) else predictions
        if len(rows):
            clips = rows.drop_duplicates("path")["label"]
            sentences.append(wording.chance(float(clips.value_counts(normalize=True).iloc[0])))
        findings.append(Finding(best, wording.headline(best), tuple(sentences)))
    return findings


def _contrasts(scores: Sequence[Score]) -> list[Contrast]:
    contrasts = []
    for task in dict.fromkeys(score.task for score in scores):
        rivals = [score for score in scores if score.task == task]
        splits = by_strictness([score.split for score in rivals])
        if len(splits) < 2:
            continue
        # The order of the column that counts, then whatever the strictest split was not tried with.
        ordered = sorted(rivals, key=lambda score: -splits.index(score.split))
        rows = [
            (system[0], system[1], system[2],
             *wording.split_cells(splits, [score for score in rivals if score.system == system]))
            for system in dict.fromkeys(score.system for score in ordered)
        ]  # fmt: skip
        title = f"{task[0]}, train fraction {task[1]:g}"
        contrasts.append(Contrast(title, tuple(splits), tuple(rows), tuple(wording.split_contrast(rivals))))
    return contrasts


def _figures(results: pd.DataFrame, summary: pd.DataFrame, *, synthetic: Collection[str]) -> dict[str, str]:
    scores = read_scores(summary)
    described = "; ".join(f"{s.name}, {s.split}: {percent(s.accuracy)} {interval_text(s)}" for s in scores)
    figures = {
        "accuracy": inline_svg(
            accuracy_figure(summary, synthetic=synthetic),
            prefix="accuracy",
            title="Accuracy of each system with its 95 % interval, in percent",
            description=described,
        )
    }
    if len(results) > len(scores):
        figures["folds"] = inline_svg(
            folds_figure(results, summary, synthetic=synthetic),
            prefix="folds",
            title="Accuracy of each system in every fold, in percent",
            description="One mark per fold, and a bar at the mean accuracy, which the table lists.",
        )
    return figures


def _details(
    findings: Sequence[Finding],
    scores: Sequence[Score],
    predictions: pd.DataFrame,
    shelf: PlayerShelf,
    *,
    synthetic: Collection[str],
) -> list[Detail]:
    """Detail each finding's system, under every split that it was scored with."""
    wanted = [
        score
        for finding in findings
        for score in sorted(scores, key=lambda score: score.split != finding.best.split)
        if score.task == finding.best.task and score.system == finding.best.system
    ]
    tables = [(score, rows_of(predictions, score, "predictions")) for score in wanted] if len(predictions) else []
    tables = [(score, rows) for score, rows in tables if len(rows)]
    details = []
    for number, (score, rows) in enumerate(tables, start=1):
        # What earlier details did not use up is shared among those still to come.
        room = (MOST_PLAYERS - shelf.count) // (len(tables) - number + 1)
        details.append(_detail(number, score, rows, shelf, room, synthetic=synthetic))
    return details


def _detail(
    number: int, score: Score, rows: pd.DataFrame, shelf: PlayerShelf, room: int, *, synthetic: Collection[str]
) -> Detail:
    mistakes = find_mistakes(rows)
    classes = class_scores(rows)
    confusion = ""
    if len(classes) <= _MOST_CLASSES_DRAWN:
        confusion = inline_svg(
            confusion_figure(rows, synthetic=synthetic),
            prefix=f"confusion-{number}",
            title=f"Confusion matrix of {score.name}, split: {score.split}",
            description="Rows are true classes, columns predicted ones; the table of classes has the main numbers.",
        )
    return Detail(
        number=number,
        score=score,
        title=f"{score.dataset}, train fraction {score.train_fraction:g}, {score.split}",
        tests=len(rows),
        classes=tuple(classes),
        confusion=confusion,
        wrong=tuple((m, shelf.player(m.path) if place < room else None) for place, m in enumerate(mistakes)),
        retested=len(rows) > rows["path"].nunique(),
    )
