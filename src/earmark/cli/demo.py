"""``earmark demo``: the main job on sounds made by code, in under a minute."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.compare import show
from earmark.cli.options import Quiet, Verbose, Workers
from earmark.cli.terminal import Terminal, friendly
from earmark.files import check_writable

__all__ = ["demo"]


@friendly
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for sounds, results and report.")] = Path(
        "earmark-demo"
    ),
    clips: Annotated[int, typer.Option("--clips", min=10, help="Clips of each class.")] = 30,
    workers: Workers = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare early and late fusion on struck plastic pucks, made by code."""
    from earmark.application import compare
    from earmark.datasets.pucks import PUCKS_CARD, write_pucks
    from earmark.datasets.table import read_table

    terminal = Terminal(quiet=quiet, verbose=verbose)
    check_writable(output)
    terminal.say(f"Making {5 * clips} recordings of struck pucks in {output / 'pucks'} ...")
    dataset = read_table(write_pucks(output / "pucks", clips), PUCKS_CARD)
    command = shlex.join(["earmark", *sys.argv[1:]])
    comparison = compare(
        dataset,
        classifiers=("svm", "d128"),
        fusions=("late", "early"),
        workers=workers,
        progress=terminal,
        command=command,
    )
    show(comparison, output / "results", terminal)
    terminal.say(f"Next, your own sounds: earmark compare FOLDER, with one subfolder for each class. See {output}.")
