"""The page of a study: one HTML file that stands alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from earmark.evaluation import SYSTEM
from earmark.report.curves import curve_sections
from earmark.report.figures import confusion_figure
from earmark.report.page import environment
from earmark.report.pairs import pair_text, standings
from earmark.report.ranks import rank_sections
from earmark.report.svg import inline_svg
from earmark.report.systems import by_strictness, read_scores, rows_of
from earmark.report.tables import TableText
from earmark.reproduce.advantage import Advantage, advantage_grid, advantage_sentences, advantages
from earmark.reproduce.charts import chart_figure, drawable
from earmark.reproduce.gathering import StudyResults
from earmark.reproduce.grid import Grid
from earmark.reproduce.published import AVERAGE, published
from earmark.reproduce.study import FROM_SCRATCH, Chart, Task
from earmark.reproduce.systems import fraction_grids, system_grid
from earmark.reproduce.table2 import table2_grid

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["study_page"]

#: A learning curve is fitted to so many train fractions at least.
FEWEST_FRACTIONS = 3


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    title : str
        Its heading.
    sentences : tuple of str
        Paragraphs above its tables.
    grids : tuple of Grid
        Tables.
    figures : tuple of str
        SVG, safe to be put into HTML.
    list : tuple of str
        Items below.
    """

    title: str
    sentences: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    figures: tuple[str, ...] = ()
    list: tuple[str, ...] = ()


def study_page(results: StudyResults, pairs: pd.DataFrame, command: str = "") -> str:
    """Make the page.

    Parameters
    ----------
    results : StudyResults
        What was measured.
    pairs : DataFrame
        What `compare_pairs` makes of it.
    command : str
        How the study was asked for.

    Returns
    -------
    str
        HTML that loads nothing and runs no script.
    """
    study = results.study
    protocol = next(iter(results.protocols.values()))
    badges = ["Synthetic data: these numbers say nothing about real recordings"] if study.synthetic else []
    untrained = sorted({unit.embedding for unit in results.units if unit.untrained})
    badges += [f"Random weights, for comparison only: {', '.join(untrained)}"] if untrained else []
    states = [results.state(unit) for unit in results.units]
    measured = states.count("measured")
    lede = [f"{measured} of {len(states)} systems were measured."]
    ahead = advantages(pairs)
    template = environment("earmark.reproduce", "earmark.report").get_template("study.html.j2")
    page: str = template.render(
        title=study.title,
        name=study.name,
        version=study.version,
        created=max(each["created"] for each in results.protocols.values()),
        badges=badges,
        lede=lede + advantage_sentences(results, ahead),
        sections=list(_sections(results, pairs, ahead)),
        command=command,
        versions=protocol["versions"],
    )
    return page


def _sections(results: StudyResults, pairs: pd.DataFrame, ahead: list[Advantage]) -> Iterator[Section]:
    synthetic = results.synthetic
    if any(1 in unit.experiments for unit in results.units) and results.study.charts:
        yield Section("Table II", grids=(table2_grid(results),))
    for chart in results.study.charts:
        if drawable(results, chart):
            figure = inline_svg(
                chart_figure(results, chart), prefix=chart.name, title=chart.title, description=_described(results)
            )
            yield Section(chart.title, _published_sentences(results, chart), figures=(figure,))
    if ahead:
        yield Section("Pre-trained or from scratch", grids=(advantage_grid(results, ahead),))
    yield from _curves(results)
    yield _differences(results, pairs)
    yield from _ranks(results)
    grids = [] if results.study.charts else fraction_grids(results)
    yield Section("All systems", grids=tuple(grids) or (system_grid(results, "Every fusion and train fraction"),))
    yield _confusions(results, synthetic)
    if results.missing:
        reasons: dict[str, list[str]] = {}
        for key, each in results.missing.items():
            reasons.setdefault(f"Missing {each.what}: {each.reason}", []).append(key)
        items = [f"{reason} ({len(keys)} systems)" for reason, keys in reasons.items()]
        yield Section("What could not be measured", list=tuple(items))
    yield _protocol(results)


def _published_sentences(results: StudyResults, chart: Chart) -> tuple[str, ...]:
    """Say what the paper has of a chart's bars; it gives averages only."""
    bars = dict.fromkeys(bar for panel in chart.panels for bar in panel.bars) if results.study.published else {}
    found = {
        f"{bar.title} {100 * value:.1f}": None
        for bar in bars
        if (value := published(AVERAGE, bar.embedding, "svm", bar.fusion, bar.train_fraction)) is not None
    }
    return (f"The paper's averages over all six tasks, in %: {'; '.join(found)}.",) if found else ()


def _described(results: StudyResults) -> str:
    return "; ".join(f"{s.dataset}, {s.name}: {100 * s.accuracy:.1f}" for s in read_scores(results.summary)[:60])


def _curves(results: StudyResults) -> Iterator[Section]:
    """Say what more labels would bring, of the systems that were trained on several shares of the clips."""
    tables = []
    for table in (results.results, results.predictions):
        fractions = table.groupby([name for name in SYSTEM if name != "train_fraction"])["train_fraction"]
        tables.append(table[fractions.transform("nunique") >= FEWEST_FRACTIONS])
    for each in curve_sections(*tables, synthetic=results.synthetic) if len(tables[0]) else ():
        grids = (_grid(each.table),) if each.table else ()
        yield Section(f"What more labels would bring: {each.title}", each.sentences, grids, (each.figure,))


def _differences(results: StudyResults, pairs: pd.DataFrame) -> Section:
    found = standings(pairs, read_scores(results.summary))
    grids = tuple(_grid(pair_text(each, synthetic=results.synthetic, most=8)) for each in found)
    sentences = tuple(
        f"{each.best.dataset}, train fraction {each.best.train_fraction:g}: {each.sentence}" for each in found
    )
    return Section("Which differences are real", sentences, grids)


def _ranks(results: StudyResults) -> Iterator[Section]:
    """Rank what was measured on all tasks; networks trained from scratch count as one, though each task has its own."""
    strictest: dict[str, Task] = {}  # of a data set that is split in several ways, one counts
    for task in results.study.tasks:
        rival = strictest.setdefault(task.dataset, task)
        if by_strictness([rival.split, task.split])[-1] != rival.split:
            strictest[task.dataset] = task
    names = {task.name for task in strictest.values()}
    scores = [
        replace(score, classifier="a network of each task") if score.embedding == FROM_SCRATCH else score
        for score in read_scores(results.summary)
        if score.dataset in names
    ]
    for each in rank_sections(scores):
        left_out = (f"Left out, for want of a task: {each.left_out} of the systems.",) * bool(each.left_out)
        yield Section(f"Average ranks: {each.title.lower()}", (each.sentence, *left_out), figures=(each.figure,))


def _confusions(results: StudyResults, synthetic: list[str]) -> Section:
    """Confusion matrix of the best system of each task at the largest train fraction."""
    figures, names, largest = [], [], results.summary["train_fraction"].max()
    scores = [score for score in read_scores(results.summary) if score.train_fraction == largest]
    for number, task in enumerate(dict.fromkeys(score.dataset for score in scores)):
        best = next(score for score in scores if score.dataset == task)
        rows = rows_of(results.predictions, best, "predictions")
        names.append(f"{task}: {best.name}.")
        figures.append(
            inline_svg(
                confusion_figure(rows, synthetic=synthetic),
                prefix=f"confusion-{number}",
                title=f"Confusion matrix of {best.name} on {task}",
                description="Rows are true classes, columns predicted ones.",
            )
        )
    return Section("Confusion matrices", ("Of the best system of each task.", *names), figures=tuple(figures))


def _protocol(results: StudyResults) -> Section:
    settings = vars(results.study.settings)
    rows = tuple(((name.replace("_", " "),), (_value(value),)) for name, value in settings.items())
    tasks = tuple(
        ((task.name,), (task.title,), (task.dataset,), (task.split,), (_clips(results, task.name),))
        for task in results.study.tasks
    )
    return Section(
        "Protocol",
        grids=(
            Grid("Tasks", ("", "Title", "Data set", "Split", "Clips"), tasks),
            Grid("Settings", ("", "Value"), rows),
        ),
    )


def _value(value: object) -> str:
    if value is None:
        return "as usual"
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _clips(results: StudyResults, task: str) -> str:
    found = [
        results.protocols[unit.key] for unit in results.units if unit.task == task and unit.key in results.protocols
    ]
    return str(found[0]["dataset"]["clips"]) if found else "–"


def _grid(text: TableText) -> Grid:
    rows = tuple(tuple((cell,) for cell in row) for row in text.rows)
    return Grid(text.title, tuple(text.headers), rows, (text.caption,))
