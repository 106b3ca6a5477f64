"""Figures in the paper's form: a group of bars for each task, one for their average, drawn from the results alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from earmark.report.figures import GRID, INK, MUTED, PALETTE, STYLE
from earmark.reproduce.gathering import StudyResults
from earmark.reproduce.study import Bar, Chart, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["chart_figure", "drawable"]

_WIDTH_INCHES, _PANEL_INCHES = 9.0, 2.4
_GROUP = 0.8  # of the space between two groups is taken by bars


def drawable(results: StudyResults, chart: Chart) -> bool:
    """Tell whether a chart has a panel of which something was measured."""
    return any(_measured(results, panel) for panel in chart.panels)


def chart_figure(results: StudyResults, chart: Chart) -> Figure:
    """Draw a chart: bars are means, whiskers the deviation over folds and repeats.

    Parameters
    ----------
    results : StudyResults
    chart : Chart
        One of the study's; a panel of which nothing was measured is left out.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = [panel for panel in chart.panels if _measured(results, panel)]
    with rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH_INCHES, _PANEL_INCHES * len(panels) + 0.5), layout="constrained")
        figure.patch.set_facecolor("#fefefe")
        kind = " – synthetic tasks" if results.study.synthetic else ""
        figure.suptitle(chart.title + kind, x=0.01, ha="left", fontsize=11.5, fontweight="bold")
        rows = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, panel in zip(rows, panels, strict=True):
            _draw(axes, results, panel)
    return figure


def _measured(results: StudyResults, panel: Panel) -> bool:
    return any(not math.isnan(_bar(results, task, bar)[0]) for task in results.tasks for bar in panel.bars)


def _bar(results: StudyResults, task: str, bar: Bar) -> tuple[float, float]:
    """Return mean and deviation in percent, NaN where nothing was measured."""
    row = results.score(results.find(task, bar.embedding), bar.fusion, bar.train_fraction)
    return (math.nan, math.nan) if row is None else (100 * row["accuracy_mean"], 100 * row["accuracy_std"])


def _draw(axes: Axes, results: StudyResults, panel: Panel) -> None:
    tasks = results.tasks
    width, places = _GROUP / len(panel.bars), np.arange(len(tasks) + 1)
    values = np.array([[_bar(results, task, bar) for task in tasks] for bar in panel.bars])
    # An average of some tasks with one bar and of others with another would compare tasks, not bars.
    common = ~np.isnan(values[:, :, 0]).any(axis=0)
    for number, (bar, found) in enumerate(zip(panel.bars, values, strict=True)):
        average = found[common, 0].mean() if common.any() else math.nan
        heights, whiskers = np.append(found[:, 0], average), np.append(np.nan_to_num(found[:, 1]), 0.0)
        at = places + (number - (len(panel.bars) - 1) / 2) * width
        colour = PALETTE[number % len(PALETTE)]
        axes.bar(at, heights, 0.92 * width, color=colour, label=bar.title)
        seen = whiskers > 0
        axes.errorbar(at[seen], heights[seen], whiskers[seen], fmt="none", ecolor=INK, elinewidth=0.9, capsize=2)
        for place, height, whisker in zip(at, heights, whiskers, strict=True):
            if math.isnan(height):
                axes.text(place, 1, "not measured", rotation=90, ha="center", va="bottom", fontsize=6.5, color=MUTED)
            else:
                axes.text(place, height + whisker + 1.5, f"{height:.0f}", ha="center", fontsize=7, color=MUTED)
    average_of = "Avg" if common.all() or not common.any() else f"Avg of {common.sum()}"
    axes.set_xticks(places, [*tasks, average_of])
    axes.axvline(len(tasks) - 0.5, color=GRID, linewidth=1)
    axes.set_xlim(-0.6, len(tasks) + 0.6)
    axes.set_ylim(0, 118)
    axes.set_yticks(range(0, 101, 25))
    axes.set_ylabel("Accuracy, %")
    axes.set_title(panel.title)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8.5)
