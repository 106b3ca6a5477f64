"""``earmark check``: listen to every clip once before building on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import Data, Quiet, Verbose, Workers
from earmark.cli.terminal import Terminal, friendly, table_of

if TYPE_CHECKING:
    from earmark.datasets import CheckReport

__all__ = ["check", "show"]


@friendly
def check(
    data: Data,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds that a comparison will use.")] = 5,
    workers: Workers = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Decode every clip once and report what is wrong or odd; exit code 1 if something is wrong."""
    from earmark.datasets import check_dataset, load_dataset

    terminal = Terminal(quiet=quiet, verbose=verbose)
    dataset = load_dataset(data)
    report = check_dataset(dataset, folds=folds, workers=workers, progress=terminal)
    show(dataset.card.name, report, terminal)
    if report.serious:
        raise typer.Exit(1)


def show(name: str, report: CheckReport, terminal: Terminal) -> None:
    """Print what a check found.

    Parameters
    ----------
    name : str
        Of the data set.
    report : CheckReport
        What was found.
    terminal : Terminal
    """
    from rich.text import Text

    rates = ", ".join(f"{rate} Hz ({count})" for rate, count in sorted(report.sample_rates.items()))
    terminal.out.print(f"{name}: {sum(report.clips.values())} clips, {report.hours:.2f} h, {rates}", markup=False)
    classes = table_of("class", "clips>")
    for label, count in report.clips.items():
        classes.add_row(Text(label), str(count))
    terminal.show(classes)
    if not report.findings:
        terminal.out.print("[green]Nothing wrong was found.[/]")
        return
    found = table_of("what", "where", "detail", wraps=True)
    found.title, found.title_justify = f"{len(report.findings)} findings", "left"
    for finding in report.findings:
        found.add_row(finding.kind, Text(finding.subject), Text(finding.detail), style="red" if finding.serious else "")
    terminal.out.print(found)
