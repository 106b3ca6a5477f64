"""Figures with Matplotlib, made without its global state, as :class:`matplotlib.figure.Figure`.

Colours are those of Okabe and Ito ("Color Universal Design", 2008), told apart with every common kind of
colour vision. Text stays text in SVG (:mod:`earmark.report.svg`): it can be searched and read aloud, and
takes the reader's own font. It is laid out with DejaVu Sans, wider than almost any of those, so nothing is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.errors import SettingsError
from earmark.report.mistakes import confusion_counts
from earmark.report.names import break_name, short_labels, shorten
from earmark.report.systems import SYSTEM_COLUMNS, Score, dataset_text, read_scores, require_columns, rows_of
from earmark.report.tables import interval_text, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, GROUND = "#1b1f24", "#5c6570", "#d9dee4", "#fefefe"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
RIGHT, WRONG, ON_FILL = PALETTE[0], PALETTE[1], "#fdfdfd"
_MARKERS = {"late": "o", "early": "s"}
WIDTH_INCHES = 9.0
_LABEL_CHARACTERS = 34
STYLE: Any = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial", "sans-serif"],
    "font.size": 9.5,
    "text.parse_math": False,  # a class may be called "$5 bill"
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": MUTED,
    "ytick.color": GRID,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "earmark",
}


def accuracy_figure(summary: pd.DataFrame, *, synthetic: Collection[str] = ()) -> Figure:
    """Draw each system's accuracy as a dot with its 95 % interval.

    Colour tells the classifier and the marker the fusion (dot: late, square: early); settings follow
    each other downwards, the best system of each on top.

    Parameters
    ----------
    summary : pandas.DataFrame
        One row per system and setting.
    synthetic : collection of str, optional
        Data sets made by a program; one whose name contains "synthetic" need not be listed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SettingsError
        If the summary is empty or lacks a column.
    """
    scores = read_scores(summary)
    known = [value for s in scores for value in (s.accuracy, s.low) if not math.isnan(value)]
    label = "Correctly classified clips, % (line: 95 % interval)"
    return _systems_figure(scores, _draw_score, min(known, default=0.0), label, synthetic=synthetic)


def confusion_figure(predictions: pd.DataFrame, *, synthetic: Collection[str] = ()) -> Figure:
    """Draw the confusion matrix of one system: counts, and percentages of each row.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Predictions of one system in one setting; readable up to about 20 classes.
    synthetic : collection of str, optional
        Data sets made by a program; one whose name contains "synthetic" need not be listed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SettingsError
        If there are no predictions, if they are of several systems, or if a column is missing.
    """
    from matplotlib import rc_context

    require_columns(predictions, ("label", "predicted", *SYSTEM_COLUMNS), "predictions")
    systems = predictions[[*SYSTEM_COLUMNS]].drop_duplicates()
    if len(systems) != 1:
        raise SettingsError(
            f"A confusion matrix is of one system in one setting, and these predictions are of {len(systems)}. "
            f"Select the rows of one by the columns {', '.join(SYSTEM_COLUMNS)}."
        )
    first = systems.to_dict("records")[0]
    setting = str(first["dataset"]), float(first["train_fraction"]), str(first["split"])
    classes, counts = confusion_counts(predictions)
    cell = 0.62 if len(classes) <= 6 else 0.52 if len(classes) <= 12 else 0.4
    names = short_labels(classes, 22)
    label_inches = 0.085 * max(len(name) for name in names)
    with rc_context(STYLE):
        side = cell * len(classes)
        title = setting_text(setting, synthetic=synthetic)
        width = max(side, 0.1 * len(title)) + label_inches + 0.9
        figure, axes = canvas(width, side + label_inches + 0.9)
        _draw_cells(axes, counts)
        axes.set_xticks(range(len(classes)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(classes)), names)
        axes.tick_params(axis="x", labelcolor=INK)
        axes.set_xlabel("Predicted class")
        axes.set_ylabel("True class")
        axes.set_title(title)
        axes.set_anchor("W")
    return figure


def folds_figure(results: pd.DataFrame, summary: pd.DataFrame, *, synthetic: Collection[str] = ()) -> Figure:
    """Draw the accuracy of every fold, to show how much a score depends on which clips are tested.

    Parameters
    ----------
    results : pandas.DataFrame
        One row per system, setting, repeat and fold.
    summary : pandas.DataFrame
        Gives the systems, their order and their mean accuracy.
    synthetic : collection of str, optional
        Data sets made by a program; one whose name contains "synthetic" need not be listed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SettingsError
        If a table is empty or lacks a column.
    """
    require_columns(results, ("accuracy",), "results")
    scores = read_scores(summary)
    folds = {score: rows_of(results, score, "results")["accuracy"].to_numpy(dtype=float) for score in scores}

    def draw(axes: Axes, score: Score, place: float, colour: str) -> None:
        _draw_folds(axes, folds[score], score, place, colour)

    lowest = min((float(np.nanmin(values)) for values in folds.values() if values.size), default=0.0)
    label = "Correctly classified clips in each fold, % (bar: mean)"
    return _systems_figure(scores, draw, lowest, label, synthetic=synthetic)


def _systems_figure(
    scores: Sequence[Score],
    draw: Callable[[Axes, Score, float, str], None],
    lowest: float,
    label: str,
    *,
    synthetic: Collection[str],
) -> Figure:
    """Lay out one line per system, and let `draw` fill it."""
    from matplotlib import rc_context

    colours = _colours(scores)
    places, headings = _places(scores)
    with_fusion = len({score.fusion for score in scores}) > 1
    labels = [system_label(score.system, with_fusion=with_fusion) for score in scores]
    row_inches = max(0.29, 0.1 + 0.16 * max(map(len, labels)))
    with rc_context(STYLE):
        bottom, top = max(places) + 0.6, min([*places, *headings.values()]) - 0.6
        figure, axes = canvas(WIDTH_INCHES, 1.3 + row_inches * (bottom - top))
        for score, place in zip(scores, places, strict=True):
            draw(axes, score, place, colours[score.classifier])
        for lines, place in zip(labels, places, strict=True):
            draw_label(axes, lines, place)
        for setting, place in headings.items():
            text = setting_text(setting, synthetic=synthetic)
            axes.text(0, place, text, transform=axes.get_yaxis_transform(), weight="bold", va="center")
        axes.set_xlim(max(0, math.floor((100 * lowest - 1) / 5) * 5), 100)
        axes.set_ylim(bottom, top)
        axes.set_yticks([])
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.set_xlabel(label)
        if not headings:
            axes.set_title(setting_text(scores[0].setting, synthetic=synthetic), pad=24)
        _legend(axes, scores, colours)
    return figure


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Make a transparent figure of `width` by `height` inches with one frameless axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0.0)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure, axes


def _places(scores: Sequence[Score]) -> tuple[list[float], dict[tuple[str, float, str], float]]:
    """Give each score its height, and each setting that of its heading (none if there is one only)."""
    several = len({score.setting for score in scores}) > 1
    headings: dict[tuple[str, float, str], float] = {}
    places: list[float] = []
    place = 0.0
    for score in scores:
        if several and score.setting not in headings:
            headings[score.setting] = place + (0.5 if headings else 0.0)
            place = headings[score.setting] + 1
        places.append(place)
        place += 1
    return places, headings


def draw_label(axes: Axes, lines: Sequence[str], place: float) -> None:
    """Write a system's name left of the axes: line by line, so that all end there in any font."""
    for number, line in enumerate(lines):
        down = 11.5 * (number - (len(lines) - 1) / 2)  # points
        axes.annotate(line, (0, place), (-4, -down), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                      ha="right", va="center", annotation_clip=False)  # fmt: skip


def _draw_score(axes: Axes, score: Score, place: float, colour: str) -> None:
    if not math.isnan(score.low) and not math.isnan(score.high):
        axes.plot([100 * score.low, 100 * score.high], [place, place], color=colour, linewidth=1.8,
                  solid_capstyle="round", clip_on=False)  # fmt: skip
    axes.plot([100 * score.accuracy], [place], _MARKERS.get(score.fusion, "D"), color=colour, markersize=7,
              markeredgecolor=GROUND, clip_on=False, zorder=3)  # fmt: skip
    text = f"{percent(score.accuracy)}  {interval_text(score)}"
    axes.text(1.025, place, text, transform=axes.get_yaxis_transform(), va="center", color=INK)


def _draw_folds(axes: Axes, folds: np.ndarray[Any, Any], score: Score, place: float, colour: str) -> None:
    # Folds that share an accuracy lie beside each other, not on top of each other.
    heights = np.zeros(len(folds))
    for value in np.unique(folds):
        same = np.flatnonzero(folds == value)
        step = min(0.16, 0.6 / max(len(same) - 1, 1))
        heights[same] = (np.arange(len(same)) - (len(same) - 1) / 2) * step
    axes.plot(100 * folds, place + heights, _MARKERS.get(score.fusion, "D"), color=colour, markersize=4.5,
              alpha=0.75, markeredgewidth=0, clip_on=False)  # fmt: skip
    mean = 100 * score.accuracy
    axes.plot([mean, mean], [place - 0.36, place + 0.36], color=INK, linewidth=1.6, clip_on=False)


def _draw_cells(axes: Axes, counts: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    """Tint each cell by its share of the row; the diagonal (right) and the rest (wrong) differ in hue."""
    from matplotlib.patches import Rectangle

    size, classes = (8.5, 6.5) if len(counts) <= 12 else (8.0, 6.2), len(counts)
    axes.add_patch(Rectangle((-0.5, -0.5), classes, classes, facecolor=GRID, alpha=0.35, linewidth=0))
    for row, column in zip(*np.nonzero(counts), strict=True):
        count, share = counts[row, column], counts[row, column] / counts[row].sum()
        colour = RIGHT if row == column else WRONG
        axes.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=0.12 + 0.88 * share, linewidth=0)
        )
        ink = ON_FILL if share > 0.75 else INK  # the better contrast, light and dark
        axes.text(column, row - 0.02, str(count), ha="center", va="bottom", color=ink, size=size[0])
        axes.text(column, row + 0.07, f"{100 * share:.0f} %", ha="center", va="top", color=ink, size=size[1])
    between = np.arange(classes + 1) - 0.5
    axes.hlines(between, -0.5, classes - 0.5, color=GROUND, linewidth=1.6)
    axes.vlines(between, -0.5, classes - 0.5, color=GROUND, linewidth=1.6)
    axes.set_xlim(-0.5, classes - 0.5)
    axes.set_ylim(classes - 0.5, -0.5)
    axes.set_aspect("equal")


def _colours(scores: Sequence[Score]) -> dict[str, str]:
    names = sorted({score.classifier for score in scores})
    return {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(names)}


def system_label(system: tuple[str, str, str], *, with_fusion: bool) -> list[str]:
    """Name a system in full, so that no two labels are the same, on as many lines as that takes."""
    embedding, classifier, fusion = system
    *lines, last = break_name(embedding, _LABEL_CHARACTERS, anywhere=True)
    return [*lines, f"{last}  ·  {classifier}{f', {fusion}' if fusion and with_fusion else ''}"]


def setting_text(setting: tuple[str, float, str], *, synthetic: Collection[str]) -> str:
    """Name a data set, a train fraction and a split."""
    dataset, fraction, split = setting
    return f"{shorten(dataset_text(dataset, synthetic), 52)}, train fraction {fraction:g}, {split}"


def _legend(axes: Axes, scores: Sequence[Score], colours: dict[str, str]) -> None:
    """Explain colours and markers above the axes, where there is more than one of them."""
    from matplotlib.lines import Line2D

    handles = []
    if len(colours) > 1:
        labels = short_labels([*colours], 16)
        handles += [
            Line2D([], [], color=colour, linewidth=3, solid_capstyle="round", label=label)
            for label, colour in zip(labels, colours.values(), strict=True)
        ]
    fusions = sorted({score.fusion for score in scores})
    if len(fusions) > 1:
        handles += [
            Line2D([], [], marker=_MARKERS.get(name, "D"), color=MUTED, linewidth=0, label=f"{name} fusion")
            for name in fusions
        ]
    if handles:
        axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(handles), frameon=False,
                    borderaxespad=0.2, handlelength=1.2, columnspacing=1.6)  # fmt: skip
