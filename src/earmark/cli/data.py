"""``earmark data``: the data sets known by name, how to come by them, and whether they are what they should be."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli import completion
from earmark.cli.check import show
from earmark.cli.options import Quiet, Verbose, Workers
from earmark.cli.terminal import Terminal, friendly, table_of

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.datasets import CheckReport, Dataset

__all__ = ["data"]

STOPPED = "Stopped. The same command goes on from there."
#: Folds of the paper's protocol where no test set is fixed, and those of others.
FOLDS_OF_PAPER, FOLDS = 10, 5

_friendly = functools.partial(friendly, stopped=STOPPED)

data = typer.Typer(
    help="List the data sets known by name, show what is known of one, fetch it, or check it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of a data set.", show_default=False, autocompletion=completion.dataset),
]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Folder of data sets, each in a folder of its name.", show_default="in the cache"),
]


@data.command(name="list")
@_friendly
def list_(data_root: DataRoot = None) -> None:
    """List the data sets known by name."""
    from rich.text import Text

    from earmark.datasets import dataset_card, list_datasets

    table = table_of("name", "task", "clips>", "classes>", "licence", "here", "what it is", wraps=True)
    table.columns[0].no_wrap = True  # names are copied
    table.columns[-1].min_width = 14
    table.caption = "Clips and classes as published; tasks of Grollmisch et al., EUSIPCO 2020. Made: by code when used."
    table.caption_justify = "left"
    for name in list_datasets():
        card = dataset_card(name)
        counts = (str(card.expected.clips), str(card.expected.classes)) if card.expected else ("", "")
        licence = _short(card.licence) if card.licence_known else "not known"
        table.add_row(name, card.task, *counts, Text(licence), _here(name, data_root), Text(card.title))
    Terminal().out.print(table)


@data.command()
@_friendly
def info(name: Name, data_root: DataRoot = None) -> None:
    """Show what is known of a data set, how to come by it, and how its folder must be laid out."""
    from rich.table import Table
    from rich.text import Text

    from earmark.datasets import can_get, dataset_card, dataset_folder, dataset_layout

    card, folder = dataset_card(name), dataset_folder(name, data_root)
    rows = [("name", name), ("title", card.title), ("task", card.task)]
    if (expected := card.expected) is not None:
        classes = f": {', '.join(expected.class_names)}" if expected.class_names else ", names not known"
        rows += [
            ("clips", f"{expected.clips}, {expected.minutes:.0f} min in all ({expected.source})"),
            ("classes", f"{expected.classes}{classes}"),
            ("test set", "fixed" if expected.fixed_test_set else "none of its own"),
        ]
    rows += [
        ("licence", card.licence or "not known"),
        ("citation", card.citation),
        ("origin", card.origin),
        ("synthetic", "yes, made by code" if card.synthetic else ""),
        ("to get it", f"earmark data get {name}" if can_get(name) else "by hand, from its origin into its folder"),
        ("folder", f"{folder} ({'there' if _here(name, data_root) == 'yes' else 'not there yet'})"),
        ("layout", dataset_layout(name)),
    ]
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for what, value in rows:
        if value:
            facts.add_row(Text(what), Text(value))
    Terminal().out.print(facts)


@data.command()
@_friendly
def get(name: Name, data_root: DataRoot = None, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Fetch a data set, proven by its digest, or make it; where that cannot be done, say how to get it by hand."""
    from earmark.datasets import dataset_card, get_dataset, read_dataset

    terminal = Terminal(quiet=quiet, verbose=verbose)
    folder = get_dataset(name, data_root, progress=terminal)
    dataset = read_dataset(name, folder)
    for note in dataset.notes:
        terminal.say(f"{name}: {note}")
    terminal.say(f"{name}: licence of the recordings: {dataset_card(name).licence or 'not known'}")
    terminal.out.print(f"{name}: {folder} ({len(dataset)} clips)", markup=False, soft_wrap=True)


@data.command()
@_friendly
def check(
    name: Name,
    path: Annotated[
        Path | None, typer.Option("--path", help="Its folder.", show_default="NAME in the data root")
    ] = None,
    data_root: DataRoot = None,
    workers: Workers = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read a data set, hold it against what was published of it, and decode every clip; exit code 1 if it is broken."""
    from earmark.datasets import check_dataset, dataset_folder, read_dataset

    terminal = Terminal(quiet=quiet, verbose=verbose)
    dataset = read_dataset(name, path or dataset_folder(name, data_root))
    report = check_dataset(
        dataset, folds=FOLDS_OF_PAPER if dataset.card.task else FOLDS, workers=workers, progress=terminal
    )
    show(name, report, terminal)
    if dataset.card.expected is not None:
        terminal.show(_against_published(dataset, report))
    if report.serious:
        raise typer.Exit(1)


def _against_published(dataset: Dataset, report: CheckReport) -> Table:
    expected = dataset.card.expected
    assert expected is not None
    table = table_of("", "found>", "published>")
    table.title, table.title_justify = f"Against {expected.source}", "left"
    minutes, hoped = f"{report.hours * 60:.0f}", f"{expected.minutes:.0f}"
    for what, found, published in (
        ("clips", str(len(dataset)), str(expected.clips)),
        ("classes", str(len(dataset.classes)), str(expected.classes)),
        ("minutes", minutes, hoped),
    ):
        table.add_row(what, found, published, style="" if found == published else "yellow")
    if dataset.has("split"):
        split = dataset.clips["split"].value_counts()
        for part, count in sorted(split.items()):
            table.add_row(f"{part} clips", str(count), "")
    return table


def _here(name: str, data_root: Path | None) -> str:
    """Say in a word or two whether a data set is there."""
    from earmark.datasets import dataset_card, dataset_folder

    folder = dataset_folder(name, data_root)
    if folder.is_dir() and any(folder.iterdir()):
        return "yes"
    return "made" if dataset_card(name).synthetic else "no"


def _short(licence: str) -> str:
    """Name of a licence without the remarks on it."""
    return licence.partition(";")[0].partition(" (")[0]
