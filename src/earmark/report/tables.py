"""The summary as a table: for a terminal (Rich), for a README (Markdown), for a paper (LaTeX, booktabs).

All three, and the table of the HTML page, print the strings of :func:`table_text` and only add the
escapes of their format, so that no two of them can ever show different numbers. Other tables whose cells are text
are written by :func:`markdown_of`, :func:`latex_of` and :func:`rich_of`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from earmark.report.names import break_name, wrap_words
from earmark.report.systems import Score, best_scores, dataset_text, read_scores

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "±": r"$\pm$", "−": r"$-$", "–": "--", "·": r"\textperiodcentered{}", "…": r"\ldots{}",
}  # fmt: skip

#: The column whose texts may be long, and be broken.
NAMES = "Embedding"
#: What a narrow terminal goes without.
_SPARED = ("Balanced", "Macro F1")
_NO_LIMIT = 10_000


@dataclass(frozen=True)
class TableText:
    """A table whose every cell is already text.

    Attributes
    ----------
    title, caption : str
        What was compared (the values of the columns that are left out), and how to read it.
    headers : tuple of str
    numeric : tuple of bool
        Which columns hold numbers and are aligned to the right.
    rows : tuple of tuple of str
    best : tuple of bool
        Which rows reach the highest accuracy of their setting.
    """

    title: str
    caption: str
    headers: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    best: tuple[bool, ...]


@dataclass(frozen=True)
class _Column:
    header: str
    text: Callable[[Score], str]
    numeric: bool
    hidden_when_constant: bool
    in_title: Callable[[Score], str] | None = None


def percent(share: float) -> str:
    """Write a share (0..1) as percent with one decimal, ``–`` where it is unknown.

    Examples
    --------
    >>> percent(0.98765)
    '98.8'
    """
    return "–" if math.isnan(share) else f"{100 * share:.1f}"


def accuracy_text(score: Score) -> str:
    """Write an accuracy with its standard deviation over folds: ``98.8 ± 1.4``, in percent."""
    spread = "" if math.isnan(score.spread) else f" ± {percent(score.spread)}"
    return f"{percent(score.accuracy)}{spread}"


def interval_text(score: Score) -> str:
    """Write an interval in percent: ``[97.1, 99.5]``."""
    if math.isnan(score.low) or math.isnan(score.high):
        return "–"
    return f"[{percent(score.low)}, {percent(score.high)}]"


def table_text(summary: pd.DataFrame, *, synthetic: Collection[str] = ()) -> TableText:
    """Turn a summary into the texts of a table.

    Rows are sorted as :func:`~earmark.report.systems.read_scores` says: by accuracy, highest first,
    inside each setting. What a row is of (data set, train fraction, split, embedding, classifier, fusion, clips) is
    a column only where it differs between rows; otherwise the title names it.

    Parameters
    ----------
    summary : pandas.DataFrame
        One row per system and setting.
    synthetic : collection of str, optional
        Data sets made by a program; one whose name contains "synthetic" need not be listed.

    Returns
    -------
    TableText

    Raises
    ------
    SettingsError
        If the summary is empty or lacks a column.
    """
    scores = read_scores(summary)
    best = best_scores(scores)
    columns = _columns(synthetic)
    shown = [c for c in columns if not c.hidden_when_constant or _differs(c, scores)]
    named = [c.in_title(scores[0]) for c in columns if c not in shown and c.in_title is not None]
    return TableText(
        title=", ".join(["File-wise accuracy in %", *(name for name in named if name)]),
        caption=_caption(scores, synthetic),
        headers=tuple(column.header for column in shown),
        numeric=tuple(column.numeric for column in shown),
        rows=tuple(tuple(column.text(score) for column in shown) for score in scores),
        best=tuple(score in best for score in scores),
    )


def to_rich(summary: pd.DataFrame, *, synthetic: Collection[str] = (), width: int | None = None) -> Table:
    """Make a table for the terminal, the best row of each setting in bold.

    Where it is too wide, names are broken after ``:`` and ``+``, then headers between words; where that is not
    enough, balanced accuracy and macro F1 are left out, and the caption says so. Numbers are never cut: a table
    that is still too wide stays wider than the terminal.

    Parameters
    ----------
    summary, synthetic
        As for :func:`table_text`, whose errors are raised too.
    width : int, optional
        Characters a line, by default those of the terminal.

    Returns
    -------
    rich.table.Table
        Laid out for `width`, and shown so wherever it is printed.
    """
    return rich_of(table_text(summary, synthetic=synthetic), width)


def rich_of(content: TableText, width: int | None = None) -> Table:
    """Lay a table out for a terminal of `width` characters; see :func:`to_rich`."""
    from rich.console import Console
    from rich.text import Text

    room = Console().width if width is None else width
    for text in _layouts(content, room):
        table = _rich_table(text)
        needed = _rich_width(table)
        if needed <= room:
            break
    table.width = needed  # kept where the console is narrower, which would cut cells
    table.title = Text(wrap_words(text.title, needed))
    return table


def to_markdown(summary: pd.DataFrame, *, synthetic: Collection[str] = ()) -> str:
    """Make a Markdown table (GitHub flavour) with its title above and its caption below.

    Parameters and errors are those of :func:`table_text`.

    Returns
    -------
    str
    """
    return markdown_of(table_text(summary, synthetic=synthetic))


def markdown_of(text: TableText) -> str:
    """Write a table in Markdown (GitHub flavour)."""
    lines = [
        _markdown_row([escape_markdown(header) for header in text.headers]),
        _markdown_row(["---:" if numeric else ":---" for numeric in text.numeric]),
    ]
    for row, best in zip(text.rows, text.best, strict=True):
        cells = [escape_markdown(cell) for cell in row]
        lines.append(_markdown_row([f"**{cell}**" for cell in cells] if best else cells))
    title, caption = escape_markdown(text.title), escape_markdown(text.caption)
    return "\n".join([f"**{title}**", "", *lines, "", caption, ""])


def to_latex(summary: pd.DataFrame, *, synthetic: Collection[str] = ()) -> str:
    r"""Make a LaTeX table; the document needs ``\usepackage{booktabs}`` and the T1 font encoding.

    Parameters and errors are those of :func:`table_text`.

    Returns
    -------
    str
    """
    return latex_of(table_text(summary, synthetic=synthetic))


def latex_of(text: TableText) -> str:
    """Write a table in LaTeX, with booktabs."""
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape_latex(text.title)}. {escape_latex(text.caption)}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if numeric else 'l' for numeric in text.numeric)}}}",
        r"    \toprule",
        _latex_row([escape_latex(header) for header in text.headers]),
        r"    \midrule",
    ]
    for row, best in zip(text.rows, text.best, strict=True):
        cells = [escape_latex(cell) for cell in row]
        lines.append(_latex_row([rf"\textbf{{{cell}}}" for cell in cells] if best else cells))
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)


def _layouts(text: TableText, room: int) -> Iterator[TableText]:
    """Give a table as it is, then ever narrower ones, for `room` characters a line."""
    yield text
    for shown in (text, _without_spared(text)):
        yield _break_names(shown, room)
        yield _break_names(_break_headers(shown), room)


def _rich_table(text: TableText) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text, not str: Rich would read "[97.1, 99.5]" or a class called "[red]" as markup.
    table = Table(title=Text(text.title), caption=Text(text.caption), box=box.SIMPLE_HEAD, title_justify="left")
    table.padding, table.collapse_padding, table.pad_edge = (0, 1), True, False  # eighty columns hold it
    table.caption_justify = "left"
    for header, numeric in zip(text.headers, text.numeric, strict=True):
        table.add_column(Text(header), justify="right" if numeric else "left", no_wrap=True, vertical="top")
    for row, best in zip(text.rows, text.best, strict=True):
        table.add_row(*(Text(cell) for cell in row), style="bold" if best else None)
    return table


def _rich_width(table: Table) -> int:
    from rich.console import Console

    return Console(width=_NO_LIMIT).measure(table).maximum


def _break_names(text: TableText, room: int) -> TableText:
    """Break names after ``:`` and ``+``, where the table is wider than `room`, as far as it takes."""
    over = _rich_width(_rich_table(text)) - room
    if over <= 0 or NAMES not in text.headers:
        return text
    place = text.headers.index(NAMES)
    width = max(len(row[place]) for row in text.rows) - over
    rows = [
        (*row[:place], "\n".join(break_name(row[place], width, indent="  ")), *row[place + 1 :]) for row in text.rows
    ]
    return replace(text, rows=tuple(rows))


def _break_headers(text: TableText) -> TableText:
    """Break headers between words where the cells below are narrower."""
    cells = [max(map(len, column)) for column in zip(*text.rows, strict=True)]
    return replace(text, headers=tuple(wrap_words(*pair) for pair in zip(text.headers, cells, strict=True)))


def _without_spared(text: TableText) -> TableText:
    """Leave out what a narrow terminal can do without, and say so."""
    kept = [place for place, header in enumerate(text.headers) if header not in _SPARED]
    if len(kept) == len(text.headers):
        return text
    return replace(
        text,
        caption=f"{text.caption} Left out, since the terminal is narrow: balanced accuracy, macro F1.",
        headers=tuple(text.headers[place] for place in kept),
        numeric=tuple(text.numeric[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in text.rows),
    )


def _columns(synthetic: Collection[str]) -> list[_Column]:
    """All columns in reading order; those with `in_title` move there when they do not vary."""

    def dataset(score: Score) -> str:
        return dataset_text(score.dataset, synthetic)

    return [
        _Column("Data set", dataset, False, True, dataset),
        _Column("Train fraction", lambda s: f"{s.train_fraction:g}", True, True,
                lambda s: f"train fraction {s.train_fraction:g}"),
        _Column("Split", lambda s: s.split, False, True, lambda s: f"split: {s.split}"),
        _Column(NAMES, lambda s: s.embedding, False, True, lambda s: s.embedding),
        _Column("Classifier", lambda s: s.classifier, False, True, lambda s: s.classifier),
        _Column("Fusion", lambda s: s.fusion, False, True, lambda s: s.fusion and f"{s.fusion} fusion"),
        _Column("Clips", lambda s: str(s.clips), True, True, lambda s: f"{s.clips} clips"),
        _Column("Accuracy", accuracy_text, True, False),
        _Column("95 % interval", interval_text, True, False),
        _Column("Balanced", lambda s: percent(s.balanced_accuracy), True, False),
        _Column("Macro F1", lambda s: percent(s.macro_f1), True, False),
    ]  # fmt: skip


def _differs(column: _Column, scores: Sequence[Score]) -> bool:
    return len({column.text(score) for score in scores}) > 1


def _caption(scores: Sequence[Score], synthetic: Collection[str]) -> str:
    """Say how the numbers are to be read."""
    made_up = any("synthetic" in dataset_text(score.dataset, synthetic).lower() for score in scores)
    sentences = ["Synthetic data: its numbers say nothing about real recordings."] if made_up else []
    if any(not math.isnan(score.spread) for score in scores):
        sentences.append(f"Accuracy: mean ± standard deviation over {_parts(scores)}.")
    methods = list(dict.fromkeys(score.interval for score in scores if score.interval))
    named = f" ({'; '.join(methods)})" if methods else ""
    sentences.append(f"Interval: 95 % interval of the file-wise accuracy{named}.")
    if len(scores) > 1:
        where = " of each setting" if len({score.setting for score in scores}) > 1 else ""
        sentences.append(f"Bold: highest accuracy{where}.")
    return " ".join(sentences)


def _parts(scores: Sequence[Score]) -> str:
    """``"5 folds and 3 repeats"`` where all rows agree, else just ``"folds"``."""
    parts = {(score.folds, score.repeats) for score in scores}
    folds, repeats = parts.pop()
    if parts or not folds:
        return "folds and repeats"
    return f"{folds} fold{'s' if folds > 1 else ''}" + (f" and {repeats} repeats" if repeats > 1 else "")


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape_markdown(text: str) -> str:
    """Write text so that Markdown shows it as it is, on one line."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_<|~])", r"\\\1", flat).replace("](", "]\\(")


def _latex_row(cells: Sequence[str]) -> str:
    # A bracket at the start of a row would be read as the argument of the line break before it.
    first = f"{{[}}{cells[0][1:]}" if cells[0].startswith("[") else cells[0]
    return f"    {' & '.join([first, *cells[1:]])} \\\\"


def escape_latex(text: str) -> str:
    """Write text so that LaTeX shows it as it is, on one line."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
