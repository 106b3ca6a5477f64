"""Figures as SVG text: the same bytes for the same figure, and fit to stand inside an HTML page.

Inside a page, several figures share one space of identifiers and the page's theme, so identifiers get
a prefix and colours become CSS variables (``--figure-ink``, ``--figure-1``, ...) that the page sets for
light and dark.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from typing import TYPE_CHECKING

from earmark.report.figures import GRID, GROUND, INK, MUTED, ON_FILL, PALETTE, STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_VARIABLES = {
    INK: "--figure-ink",
    MUTED: "--figure-muted",
    GRID: "--figure-grid",
    GROUND: "--figure-ground",
    ON_FILL: "--figure-on-fill",
    **{colour: f"--figure-{number}" for number, colour in enumerate(PALETTE, start=1)},
}


def to_svg(figure: Figure) -> str:
    """Write a figure as SVG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A figure of :mod:`earmark.report.figures`, or any other.

    Returns
    -------
    str
        A whole SVG file without date or random identifiers: the same figure gives the same text.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    target = io.StringIO()
    with rc_context(STYLE), warnings.catch_warnings():
        # The text is set in the reader's fonts; what DejaVu Sans lacks only concerns the layout.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        FigureCanvasSVG(figure)
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()


def inline_svg(figure: Figure, *, prefix: str, title: str, description: str) -> str:
    """Write a figure as an ``<svg>`` element for an HTML page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    prefix : str
        Put before every identifier, unique in the page.
    title, description : str
        Read out in the place of the picture.

    Returns
    -------
    str
    """
    text = to_svg(figure)
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'(href="|url\()#([^")]+)', rf"\1#{prefix}-\2", text)
    for colour, variable in _VARIABLES.items():
        text = re.sub(rf"{colour}\b", f"var({variable}, {colour})", text)
    named = (
        f'<svg role="img" aria-labelledby="{prefix}-title {prefix}-description"',
        f'<title id="{prefix}-title">{html.escape(title)}</title>'
        f'<desc id="{prefix}-description">{html.escape(description)}</desc>',
    )
    opening, rest = text.split(">", 1)
    return f"{opening.replace('<svg', named[0], 1)}>\n{named[1]}{rest}"
