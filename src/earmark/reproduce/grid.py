"""A table whose cells have several lines, for a terminal, a page of Markdown, a paper, or a plain file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.report.tables import escape_latex, escape_markdown

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Cell", "Grid", "signed", "to_latex", "to_markdown", "to_rich", "to_text"]

Cell = tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes
    ----------
    title : str
        What it shows.
    headers : tuple of str
        One a column; the first column names the rows.
    rows : tuple of tuple of tuple of str
        The lines of each cell.
    notes : tuple of str
        Sentences that belong below it.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def signed(points: float) -> str:
    """Write a difference in points with its sign, zero too.

    Examples
    --------
    >>> signed(-1.25), signed(0.0)
    ('−1.2', '+0.0')
    """
    return f"{points:+.1f}".replace("-", "\N{MINUS SIGN}")


def to_rich(grid: Grid) -> Table:
    """Make the table for a terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(grid.title, style="bold"),
        caption=Text("\n".join(grid.notes)),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_lines=any(len(cell) > 1 for row in grid.rows for cell in row),
    )
    for place, header in enumerate(grid.headers):
        table.add_column(Text(header), justify="left" if place == 0 else "right", overflow="fold")
    for row in grid.rows:
        table.add_row(*(Text("\n".join(cell)) for cell in row))
    return table


def to_text(grid: Grid) -> str:
    """Make a plain text, as wide as need be."""
    from io import StringIO

    from rich.console import Console

    file = StringIO()
    Console(file=file, width=400, color_system=None, highlight=False).print(to_rich(grid))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()).strip("\n") + "\n"


def to_markdown(grid: Grid) -> str:
    """Make a table for Markdown; the lines of a cell are parted by ``<br>``."""

    def line(cells: tuple[Cell, ...]) -> str:
        return "| " + " | ".join("<br>".join(map(escape_markdown, cell)) for cell in cells) + " |"

    rule = "| --- |" + " ---: |" * (len(grid.headers) - 1)
    head = line(tuple((header,) for header in grid.headers))
    lines = [f"**{escape_markdown(grid.title)}**", "", head, rule, *map(line, grid.rows)]
    for note in grid.notes:
        lines += ["", escape_markdown(note)]
    return "\n".join(lines) + "\n"


def to_latex(grid: Grid) -> str:
    """Make a table for LaTeX with booktabs; cells of several lines are stacks."""

    def cell(lines: Cell) -> str:
        escaped = list(map(escape_latex, lines))
        return escaped[0] if len(escaped) == 1 else r"\shortstack[r]{" + r" \\ ".join(escaped) + "}"

    body = [" & ".join(map(cell, row)) + r" \\" for row in grid.rows]
    head = " & ".join(map(escape_latex, grid.headers)) + r" \\"
    caption = " ".join(map(escape_latex, (f"{grid.title}.", *grid.notes)))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(grid.headers) - 1)}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
