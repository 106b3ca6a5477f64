"""Average ranks of systems over several data sets, after Demšar (2006), as a diagram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.evaluation import Ranks, average_ranks
from earmark.report import wording
from earmark.report.figures import GRID, GROUND, INK, MUTED, PALETTE, STYLE, WIDTH_INCHES, canvas, draw_label
from earmark.report.names import break_name
from earmark.report.svg import inline_svg
from earmark.report.systems import Score, by_strictness

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABEL_CHARACTERS = 50
# Right of the axes: where lines begin that join systems, after the ranks, and how far apart they are.
_RANK_POINTS, _CLIQUE_POINTS = 48, 9


@dataclass(frozen=True)
class RankSection:
    """The average ranks at one train fraction."""

    title: str
    sentence: str
    left_out: int
    figure: str


def rank_figure(ranks: Ranks, *, title: str = "") -> Figure:
    """Draw each system's average rank as a dot, the best on top.

    Lines on the right join systems that do not differ: their average ranks are within the critical difference, which
    is drawn to scale above. Where Friedman's test shows no difference at all, one line joins all systems.

    Parameters
    ----------
    ranks : Ranks
        What :func:`earmark.evaluation.average_ranks` gave.
    title : str, optional
        Put above.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import rc_context

    labels = [break_name(name, _LABEL_CHARACTERS, anywhere=True) for name in ranks.systems]
    row_inches = max(0.29, 0.1 + 0.16 * max(map(len, labels)))
    number = len(ranks.systems)
    cliques = ranks.cliques if ranks.p < 0.05 else (ranks.systems,)
    with rc_context(STYLE):
        figure, axes = canvas(WIDTH_INCHES, 1.35 + row_inches * (number + 1))
        for place, (lines, rank) in enumerate(zip(labels, ranks.ranks, strict=True)):
            draw_label(axes, lines, place)
            axes.plot([1, rank], [place, place], color=PALETTE[0], linewidth=1, alpha=0.35, solid_capstyle="butt")
            axes.plot([rank], [place], "o", color=PALETTE[0], markersize=7, markeredgecolor=GROUND, clip_on=False,
                      zorder=3)  # fmt: skip
            axes.annotate(f"{rank:.2f}", (1, place), (9, 0), xycoords=axes.get_yaxis_transform(),
                          textcoords="offset points", va="center", annotation_clip=False)  # fmt: skip
        _draw_cliques(figure, axes, ranks.systems, cliques)
        _draw_ruler(axes, ranks)
        axes.set_xlim(1, number)
        axes.set_ylim(number - 0.4, -1.5)
        axes.set_xticks(range(1, number + 1))
        axes.set_yticks([])
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.set_xlabel(f"Average rank over {ranks.tasks} data sets (1: always the best)")
        if title:
            axes.set_title(title, pad=10)
    return figure


def rank_table(scores: Sequence[Score]) -> tuple[pd.DataFrame, int]:
    """Bring scores of one train fraction into a table of data sets and systems.

    Parameters
    ----------
    scores : sequence of Score
        Of one train fraction; of each data set, those under its strictest split count.

    Returns
    -------
    table : pandas.DataFrame of shape (data sets, systems)
        Accuracies of the systems that were tried on all data sets.
    left_out : int
        How many systems were not.
    """
    import pandas as pd

    accuracies: dict[str, dict[str, float]] = {}
    for dataset in dict.fromkeys(score.dataset for score in scores):
        here = [score for score in scores if score.dataset == dataset]
        strictest = by_strictness([score.split for score in here])[-1]
        accuracies[dataset] = {score.name: score.accuracy for score in here if score.split == strictest}
    table = pd.DataFrame.from_dict(accuracies, orient="index")
    complete = table.dropna(axis="columns")
    return complete, table.shape[1] - complete.shape[1]


def rank_sections(scores: Sequence[Score]) -> list[RankSection]:
    """Rank the systems over the data sets, for each train fraction that has several of both."""
    sections = []
    for number, fraction in enumerate(dict.fromkeys(score.train_fraction for score in scores), start=1):
        table, left_out = rank_table([score for score in scores if score.train_fraction == fraction])
        if min(table.shape) < 2:
            continue
        ranks = average_ranks(table)
        title = f"Train fraction {fraction:g}"
        figure = inline_svg(
            rank_figure(ranks, title=title),
            prefix=f"ranks-{number}",
            title=f"Average rank of each system over {ranks.tasks} data sets",
            description="; ".join(f"{name}: {rank:.2f}" for name, rank in zip(ranks.systems, ranks.ranks, strict=True)),
        )
        sections.append(RankSection(title, wording.ranked(ranks), left_out, figure))
    return sections


def _draw_cliques(figure: Figure, axes: Axes, systems: Sequence[str], cliques: Sequence[Sequence[str]]) -> None:
    from matplotlib.transforms import offset_copy

    edge = axes.get_yaxis_transform()
    for column, clique in enumerate(cliques):
        first, last = systems.index(clique[0]), systems.index(clique[-1])
        place = offset_copy(edge, figure, _RANK_POINTS + _CLIQUE_POINTS * column, units="points")
        axes.plot([1, 1], [first - 0.25, last + 0.25], transform=place, color=INK, linewidth=2.6,
                  solid_capstyle="round", clip_on=False)  # fmt: skip
    # The layout forgets how thick lines are: room for half of one.
    axes.annotate("\N{NO-BREAK SPACE}", (1, 0), (_RANK_POINTS + _CLIQUE_POINTS * (len(cliques) - 0.5), 0),
                  xycoords=edge, textcoords="offset points", annotation_clip=False)  # fmt: skip


def _draw_ruler(axes: Axes, ranks: Ranks) -> None:
    """Draw the critical difference to scale; where it is longer than the axis, just write it."""
    end, room = 1 + ranks.critical_difference, len(ranks.systems)
    text = f"critical difference {ranks.critical_difference:.2f}"
    if math.isfinite(end) and end <= room:
        axes.plot([1, end], [-1, -1], color=MUTED, linewidth=1.4, solid_capstyle="butt")
        axes.plot([1, 1, math.nan, end, end], [-1.15, -0.85, math.nan, -1.15, -0.85], color=MUTED, linewidth=1.4)
        axes.annotate(text, (end, -1), (6, 0), textcoords="offset points", va="center", color=MUTED)
    else:
        axes.text(1, -1, f"{text}, more than any two ranks can differ", va="center", color=MUTED)
