"""Tables of every system: tasks beside each other, or train fractions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earmark.report.tables import percent
from earmark.reproduce.gathering import StudyResults
from earmark.reproduce.grid import Cell, Grid

__all__ = ["fraction_grids", "system_grid"]

_NOTE = "Accuracy in %, mean ± deviation over folds and repeats, and its 95 % interval."


def system_grid(results: StudyResults, title: str) -> Grid:
    """Lay out every system with every fusion and train fraction, one row each, tasks as columns.

    Parameters
    ----------
    results : StudyResults
    title : str
        Of the table.
    """
    rows: dict[tuple[str, str, float], dict[str, Mapping[str, Any]]] = {}
    for system, task, fusion, fraction, row in _rows(results):
        rows.setdefault((system, fusion, fraction), {})[task] = row
    tasks = results.tasks
    laid = [
        ((system,), (fusion,), (f"{fraction:g}",), *(_cell(found.get(task)) for task in tasks))
        for (system, fusion, fraction), found in rows.items()
    ]
    headers = ("", "Fusion", "Train fraction", *tasks)
    return Grid(title + _kind(results), headers, tuple(laid), (_NOTE, *results.remarks))


def fraction_grids(results: StudyResults) -> list[Grid]:
    """Lay out each task that was tried with several train fractions: systems as rows, fractions as columns."""
    grids = []
    for task in results.study.tasks:
        rows: dict[tuple[str, str], dict[float, Mapping[str, Any]]] = {}
        for system, of, fusion, fraction, row in _rows(results):
            if of == task.name:
                rows.setdefault((system, fusion), {})[fraction] = row
        fractions = sorted({fraction for found in rows.values() for fraction in found}, reverse=True)
        if len(fractions) > 1:
            laid = [
                ((system,), (fusion,), *(_cell(found.get(fraction)) for fraction in fractions))
                for (system, fusion), found in rows.items()
            ]
            headers = ("", "Fusion", *(f"{100 * fraction:g} %" for fraction in fractions))
            title = f"{task.name}{_kind(results)}: share of the clips to train on"
            grids.append(Grid(title, headers, tuple(laid), (_NOTE,)))
    return grids


def _rows(results: StudyResults) -> list[tuple[str, str, str, float, Mapping[str, Any]]]:
    """System, task, fusion, train fraction and row of the summary of all that was measured."""
    return [
        (unit.system, unit.task, fusion, fraction, row)
        for unit in results.units
        for fusion in unit.fusions
        for fraction in unit.train_fractions
        if (row := results.score(unit, fusion, fraction)) is not None
    ]


def _kind(results: StudyResults) -> str:
    return " (synthetic)" if results.study.synthetic else ""


def _cell(row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return ("–",)
    mean, std, low, high = (percent(row[f"accuracy_{name}"]) for name in ("mean", "std", "low", "high"))
    return (f"{mean} ± {std}", f"[{low}, {high}]")
