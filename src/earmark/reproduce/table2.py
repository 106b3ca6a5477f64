"""Table II: every embedding with every classifier on every task, late fusion, beside networks trained from scratch.

A cell says what was measured, with its deviation over folds and repeats and its 95 % interval, and what the paper has;
or why there is nothing. Numbers of stand-in tasks never stand beside published ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.report.tables import percent
from earmark.reproduce.gathering import StudyResults
from earmark.reproduce.grid import Cell, Grid, signed
from earmark.reproduce.published import AVERAGE, published
from earmark.reproduce.study import FROM_SCRATCH, Unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Entry", "table2_entries", "table2_frame", "table2_grid"]


@dataclass(frozen=True)
class Entry:
    """A cell: one system on one task, or its average; shares in [0, 1], NaN where there is nothing.

    Attributes
    ----------
    system : str
        Embedding and classifier.
    task : str
        Name of the task, or ``"average"``.
    state : str
        ``"measured"``, or why it is not.
    accuracy, deviation, low, high : float
        Mean file-wise accuracy, deviation over folds and repeats, 95 % interval; an average has the mean only.
    published : float
        The paper's.
    tasks : int
        Tasks that an average is of.
    """

    system: str
    task: str
    state: str
    accuracy: float = math.nan
    deviation: float = math.nan
    low: float = math.nan
    high: float = math.nan
    published: float = math.nan
    tasks: int = 1


def table2_entries(results: StudyResults) -> list[list[Entry]]:
    """Collect the cells: one list a system, in the order of the study, networks trained from scratch first."""
    units = [unit for unit in results.units if 1 in unit.experiments]
    systems = list(dict.fromkeys(unit.system for unit in units))
    systems.sort(key=lambda system: system != FROM_SCRATCH)
    return [_row(results, system, [unit for unit in units if unit.system == system]) for system in systems]


def _row(results: StudyResults, system: str, units: Sequence[Unit]) -> list[Entry]:
    by_task = {unit.task: unit for unit in units}
    entries = [
        _entry(results, system, by_task[task])
        if task in by_task
        else Entry(system, task, "not measured")  # not asked for; its column must stay its own
        for task in results.tasks
    ]
    measured = [entry.accuracy for entry in entries if entry.state == "measured"]
    complete = len(measured) == len(results.study.tasks)
    average = Entry(
        system,
        AVERAGE,
        "measured" if measured else "not measured",
        sum(measured) / len(measured) if measured else math.nan,
        published=_published(results, AVERAGE, units[0]) if complete else math.nan,
        tasks=len(measured),
    )
    return [*entries, average]


def _entry(results: StudyResults, system: str, unit: Unit) -> Entry:
    row = results.score(unit)
    known = _published(results, unit.task, unit)
    if row is None:
        return Entry(system, unit.task, results.state(unit), published=known)
    mean, deviation, low, high = (float(row[f"accuracy_{name}"]) for name in ("mean", "std", "low", "high"))
    return Entry(system, unit.task, "measured", mean, deviation, low, high, known)


def _published(results: StudyResults, task: str, unit: Unit) -> float:
    if not results.study.published:
        return math.nan
    return published(task, unit.embedding, unit.classifier) or math.nan


def table2_grid(results: StudyResults, *, brief: bool = False) -> Grid:
    """Lay the cells out.

    Parameters
    ----------
    results : StudyResults
    brief : bool
        Whether deviations and intervals are left out, for a terminal.
    """
    tasks = results.tasks
    rows = [
        ((entries[0].system,), *(_cell(entry, len(tasks), brief=brief) for entry in entries))
        for entries in table2_entries(results)
    ]
    kind = ", synthetic stand-in tasks" if results.study.synthetic else ""
    title = f"Table II: file-wise accuracy in %, late fusion, 80 % of the data for training{kind}"
    return Grid(title, ("", *tasks, "Average"), tuple(rows), tuple(_notes(results, brief=brief)))


def _cell(entry: Entry, tasks: int, *, brief: bool) -> Cell:
    if entry.state != "measured":
        state = {"missing data": "no data", "missing weights": "no weights"}.get(entry.state, "–")
        return (state, "", f"paper {percent(entry.published)}") if _known(entry) and not brief else (state,)
    lines = [percent(entry.accuracy)]
    if entry.task == AVERAGE:
        lines += [f"of {entry.tasks} tasks"] * (entry.tasks < tasks)
    elif not brief:
        lines[0] += f" ± {percent(entry.deviation)}"
        lines.append(f"[{percent(entry.low)}, {percent(entry.high)}]")
    if _known(entry):
        difference = signed(100 * (entry.accuracy - entry.published))
        lines.append(f"({difference})" if brief else f"paper {percent(entry.published)} ({difference})")
    return tuple(lines)


def _known(entry: Entry) -> bool:
    return not math.isnan(entry.published)


def _notes(results: StudyResults, *, brief: bool) -> list[str]:
    notes = []
    if not brief:
        notes.append("Mean ± deviation over folds and repeats, and the 95 % interval of the accuracy.")
    if results.study.published:
        notes.append("In brackets the difference to the paper, in points." if brief else "Below them the paper's.")
    if results.study.synthetic:
        notes.append("Synthetic: sounds made by code, so these numbers say nothing about real recordings.")
    if any(unit.untrained for unit in results.units):
        notes.append("Random weights: never trained, to show what the shape of a network alone is worth.")
    notes += results.remarks
    states = [results.state(unit) for unit in results.units]
    said = {"missing data": "lack their data", "missing weights": "lack their weights", "not measured": "wait"}
    notes += [
        f"{states.count(state)} of {len(states)} systems {what}." for state, what in said.items() if state in states
    ]
    return notes


def table2_frame(results: StudyResults) -> pd.DataFrame:
    """Return the cells as a table: one row each, shares in [0, 1]."""
    import pandas as pd

    entries = [entry for row in table2_entries(results) for entry in row]
    frame = pd.DataFrame([vars(entry) for entry in entries])
    frame["difference"] = frame["accuracy"] - frame["published"]
    return frame.assign(synthetic=results.study.synthetic)
