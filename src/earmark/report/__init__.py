"""From result tables to what people read: tables, figures and one stand-alone HTML page.

Everything here is computed from data frames alone (the results, the per-clip predictions and
the summary that an evaluation writes, and its protocol as a dict), so a report can be made
again, years later, from the files of a run, without audio and without models.

Names load on first use: Matplotlib, pandas and Jinja2 are imported inside the functions that need them.
"""

from __future__ import annotations

from earmark.report.curves import curve_figure
from earmark.report.figures import accuracy_figure, confusion_figure, folds_figure
from earmark.report.page import render_page, write_page
from earmark.report.pairs import pairs_to_latex, pairs_to_markdown, pairs_to_rich
from earmark.report.ranks import rank_figure
from earmark.report.svg import to_svg
from earmark.report.tables import to_latex, to_markdown, to_rich

__all__ = [
    "accuracy_figure",
    "confusion_figure",
    "curve_figure",
    "folds_figure",
    "pairs_to_latex",
    "pairs_to_markdown",
    "pairs_to_rich",
    "rank_figure",
    "render_page",
    "to_latex",
    "to_markdown",
    "to_rich",
    "to_svg",
    "write_page",
]
