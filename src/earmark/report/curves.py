"""What more labels would bring: accuracy over the number of labelled clips per class, with fitted power laws."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.evaluation import LearningCurve, learning_curves
from earmark.report import wording
from earmark.report.figures import GRID, GROUND, INK, PALETTE, STYLE, WIDTH_INCHES, canvas, system_label
from earmark.report.names import shorten
from earmark.report.svg import inline_svg
from earmark.report.systems import dataset_text
from earmark.report.tables import NAMES, TableText, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CURVES = len(PALETTE)
_HEIGHT_INCHES = 4.0


@dataclass(frozen=True)
class CurveSection:
    """The learning curves of one data set and split, the best system first."""

    title: str
    sentences: tuple[str, ...]
    table: TableText | None
    figure: str


def curve_figure(curves: Sequence[LearningCurve], *, synthetic: Collection[str] = ()) -> Figure:
    """Draw accuracy over labelled clips per class: what was measured, the fitted curve, and twice the labels.

    Parameters
    ----------
    curves : sequence of LearningCurve
        Of one data set and split; the first six are drawn.
    synthetic : collection of str, optional
        Data sets made by a program; one whose name contains "synthetic" need not be listed.

    Returns
    -------
    matplotlib.figure.Figure
        Dots with 95 % intervals; solid lines as far as it was measured, dashed beyond. The band is the 95 % interval
        of the first curve.
    """
    from matplotlib import rc_context

    drawn = curves[:_MOST_CURVES]
    with rc_context(STYLE):
        figure, axes = canvas(WIDTH_INCHES, _HEIGHT_INCHES)
        for place, (curve, colour) in enumerate(zip(drawn, PALETTE, strict=False)):
            _draw_curve(axes, curve, colour, shift=1.02 ** (place - (len(drawn) - 1) / 2), banded=place == 0)
        _draw_axes(axes, drawn)
        _draw_names(axes, drawn)
        axes.set_title(f"{shorten(dataset_text(curves[0].dataset, synthetic), 52)}, {curves[0].split}", pad=10)
    return figure


def curve_sections(
    results: pd.DataFrame, predictions: pd.DataFrame, *, synthetic: Collection[str] = ()
) -> list[CurveSection]:
    """Make a section for each data set and split that was tried with several train fractions.

    Raises
    ------
    SettingsError
        If a system was not tested on the same clips at every train fraction.
    """
    curves = learning_curves(results, predictions) if len(predictions) else []
    sections = []
    for number, task in enumerate(dict.fromkeys((curve.dataset, curve.split) for curve in curves), start=1):
        here = [curve for curve in curves if (curve.dataset, curve.split) == task]
        here.sort(key=lambda curve: -curve.points[-1].accuracy)
        figure = inline_svg(
            curve_figure(here, synthetic=synthetic),
            prefix=f"curve-{number}",
            title="Accuracy of each system over the number of labelled clips per class, in percent",
            description="; ".join(_described(curve) for curve in here[:_MOST_CURVES]),
        )
        title = f"{dataset_text(task[0], synthetic)}, {task[1]}"
        sections.append(CurveSection(title, _sentences(here), _gains_text(here, title), figure))
    return sections


def _sentences(curves: Sequence[LearningCurve]) -> tuple[str, ...]:
    best = curves[0]
    gain, first, last = best.gain_of_doubling(), best.points[0], best.points[-1]
    sentences = [wording.measured_gain(best, first, last)]
    sentences.append(wording.doubling(best, gain) if gain else wording.no_curve(len(best.points)))
    if len(curves) > _MOST_CURVES:
        sentences.append(f"The figure has the {_MOST_CURVES} best of {len(curves)} systems.")
    return tuple(sentences)


def _gains_text(curves: Sequence[LearningCurve], title: str) -> TableText | None:
    """Say what twice the labels would bring to each system; None where no curve could be fitted."""
    rows = []
    for curve in curves:
        gain = curve.gain_of_doubling()
        if gain is None or curve.fit is None:
            continue
        interval = "–" if math.isnan(gain.low) else f"[{percent(gain.low)}, {percent(gain.high)}]"
        law = f"{curve.fit.exponent:.2f}", percent(curve.fit.floor)
        rows.append(
            (curve.embedding, curve.classifier, curve.fusion, percent(curve.points[-1].accuracy), percent(gain.now),
             percent(gain.doubled), percent(gain.gain), interval, *law)
        )  # fmt: skip
    if not rows:
        return None
    most = wording.labels(curves[0].points[-1].labels)
    return TableText(
        title=f"Twice the labels: {title}",
        caption=f"Accuracy in percent as measured with {most} labelled clips per class, as the fitted curve has it, "
        "and with twice as many; the gain in points with its 95 % interval (bootstrap over clips or groups). The "
        "curve is error = a n^−b + c, where c is the error in percent that no number of labels would undo (0 with "
        "fewer than four train fractions).",
        headers=(NAMES, "Classifier", "Fusion", "Measured", "Curve", "Twice", "Gain", "95 % interval", "b", "c"),
        numeric=(False, False, False, *[True] * 7),
        rows=tuple(rows),
        best=tuple(False for _ in rows),
    )


def _draw_curve(axes: Axes, curve: LearningCurve, colour: str, *, shift: float, banded: bool) -> None:
    """Draw one system; intervals are shifted a little sideways, or they would hide each other."""
    for point in curve.points:
        axes.plot([point.labels * shift] * 2, [100 * point.low, 100 * point.high], color=colour, linewidth=1.4,
                  alpha=0.75, solid_capstyle="round")  # fmt: skip
    places = np.array([point.labels for point in curve.points])
    axes.plot(places * shift, [100 * point.accuracy for point in curve.points], "o", color=colour, markersize=6,
              markeredgecolor=GROUND, zorder=3)  # fmt: skip
    if curve.fit is None:
        axes.plot(places, [100 * point.accuracy for point in curve.points], color=colour, linewidth=0.8, alpha=0.6)
        return
    inside, beyond = np.geomspace(places[0], places[-1], 60), np.geomspace(places[-1], 2 * places[-1], 20)
    axes.plot(inside, 100 * curve.fit.accuracy(inside), color=colour, linewidth=1.6)
    axes.plot(beyond, 100 * curve.fit.accuracy(beyond), color=colour, linewidth=1.6, linestyle=(0, (3, 2)))
    if banded:
        both = np.concatenate([inside, beyond[1:]])
        low, high = curve.band(both)
        axes.fill_between(both, 100 * low, 100 * high, color=colour, alpha=0.13, linewidth=0)


def _draw_axes(axes: Axes, curves: Sequence[LearningCurve]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log")
    places = sorted({round(point.labels, 6) for curve in curves for point in curve.points})
    fitted = any(curve.fit is not None for curve in curves)
    ticks = [*places, 2 * places[-1]] if fitted else places
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([wording.labels(tick) for tick in ticks])
    lowest = min(point.low for curve in curves for point in curve.points)
    axes.set_ylim(max(0, math.floor((100 * lowest - 1) / 5) * 5), 100)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_xlabel("Labelled clips per class for training" + (" (dashed: not measured)" if fitted else ""))
    axes.set_ylabel("Correctly classified clips, %")


def _draw_names(axes: Axes, curves: Sequence[LearningCurve]) -> None:
    """Name the systems right of the axes, the best on top."""
    from matplotlib.lines import Line2D

    with_fusion = len({curve.fusion for curve in curves}) > 1
    handles = [
        Line2D([], [], color=colour, marker="o", markeredgecolor=GROUND, label="\n".join(
            system_label((curve.embedding, curve.classifier, curve.fusion), with_fusion=with_fusion)))
        for curve, colour in zip(curves, PALETTE, strict=False)
    ]  # fmt: skip
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, borderaxespad=0,
                handlelength=1.6)  # fmt: skip


def _described(curve: LearningCurve) -> str:
    measured = ", ".join(f"{percent(point.accuracy)} with {wording.labels(point.labels)}" for point in curve.points)
    return f"{wording.system_name(curve)}: {measured}"
