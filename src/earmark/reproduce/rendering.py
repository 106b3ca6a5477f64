"""Everything that is shown of a study, made of its results alone: tables, figures and a page.

::

    table2.{txt,md,tex,csv}   Table II
    systems.{md,csv}          every system, fusion and train fraction
    fractions.md              each task by train fraction, and the lead of pre-training
    comparisons.csv           every pair of systems, with tests
    NAME.{pdf,png,svg}        figures
    results.parquet, predictions.parquet
    report.html               all of it on one page
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import EarmarkError
from earmark.evaluation import compare_pairs
from earmark.files import advice, replacing
from earmark.report.svg import to_svg
from earmark.reproduce.advantage import advantage_grid, advantages
from earmark.reproduce.charts import chart_figure, drawable
from earmark.reproduce.gathering import StudyResults
from earmark.reproduce.grid import to_latex, to_markdown, to_text
from earmark.reproduce.page import study_page
from earmark.reproduce.systems import fraction_grids, system_grid
from earmark.reproduce.table2 import table2_frame, table2_grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["render_study"]


def render_study(results: StudyResults, folder: str | Path, command: str = "") -> Path:
    """Write tables, figures and the page of a study.

    Parameters
    ----------
    results : StudyResults
        What was measured.
    folder : str or Path
        Files of an earlier rendering are replaced.
    command : str
        How the study was asked for.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    EarmarkError
        If the folder cannot be written.
    """
    folder = Path(folder)
    pairs = compare_pairs(results.results, results.predictions)
    ahead = advantages(pairs)
    by_fraction = [advantage_grid(results, ahead)] * bool(ahead) + fraction_grids(results)
    table2, systems = table2_grid(results), system_grid(results, f"All systems: {results.study.title}")
    texts = {
        "systems.md": to_markdown(systems),
        "fractions.md": "\n".join(map(to_markdown, by_fraction)),
        "systems.csv": results.summary.assign(synthetic=results.study.synthetic).to_csv(index=False),
        "comparisons.csv": pairs.assign(synthetic=results.study.synthetic).to_csv(index=False),
        "report.html": study_page(results, pairs, command),
    }
    if results.study.charts:  # the study is one of the paper's
        texts |= {
            "table2.txt": to_text(table2),
            "table2.md": to_markdown(table2),
            "table2.tex": to_latex(table2),
            "table2.csv": table2_frame(results).to_csv(index=False),
        }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in (("results", results.results), ("predictions", results.predictions)):
            _write(folder / f"{name}.parquet", _parquet(table.assign(synthetic=results.study.synthetic)))
        for file, text in texts.items():
            _write(folder / file, text.encode())
        for chart in results.study.charts:
            if drawable(results, chart):
                _write_figure(folder / chart.name, chart_figure(results, chart))
    except OSError as error:
        raise EarmarkError(
            f"{folder}: tables and figures could not be written ({error.strerror}). {advice(error)}, and run the "
            "command again: what was measured is kept."
        ) from error
    return folder / "report.html"


def _write(file: Path, content: bytes) -> None:
    with replacing(file) as temporary:
        temporary.write_bytes(content)


def _parquet(table: pd.DataFrame) -> bytes:
    content = BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def _write_figure(stem: Path, figure: Figure) -> None:
    """Write a figure in three formats, without the date, so that the same results give the same files."""
    for suffix, settings in ((".pdf", {"metadata": {"CreationDate": None}}), (".png", {"dpi": 200})):
        content = BytesIO()
        figure.savefig(content, format=suffix[1:], **settings)
        _write(stem.with_suffix(suffix), content.getvalue())
    _write(stem.with_suffix(".svg"), to_svg(figure).encode())
