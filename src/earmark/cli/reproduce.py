"""``earmark reproduce``: whole studies, as far as data and weights allow."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import OnError, OnErrorOption, Quiet, Store, Verbose, Workers
from earmark.cli.terminal import Terminal, friendly
from earmark.errors import SettingsError

__all__ = ["reproduce"]


@friendly
def reproduce(
    study: Annotated[
        str, typer.Argument(help="eusipco2020 (the paper), or few-labels (ESC-10 and CWRU).", show_default=False)
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for results; a later run goes on there.")] = (
        Path("study")
    ),
    data_root: Annotated[
        Path | None,
        typer.Option(
            "--data-root",
            help="Folder with a subfolder for each data set; `earmark data list` names them.",
            show_default="in the user's cache",
        ),
    ] = None,
    standin: Annotated[bool, typer.Option("--standin", help="Run on six small synthetic tasks instead.")] = False,
    scale: Annotated[float, typer.Option("--scale", help="Size of the synthetic tasks; needs --standin.")] = 1.0,
    experiments: Annotated[str, typer.Option("--experiments", help="Experiments, by commas.", show_default="all")] = "",
    tasks: Annotated[str, typer.Option("--tasks", help="Tasks, by commas, such as T4,T6.", show_default="all")] = "",
    store: Store = None,
    workers: Workers = None,
    other_counts: Annotated[
        bool, typer.Option("--other-counts", help="Take data sets with other numbers of clips than published.")
    ] = False,
    on_error: OnErrorOption = OnError.stop,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run a whole study, such as the paper's; stopped, it goes on where it was."""
    from earmark.reproduce import make_study, render_study, run_study
    from earmark.reproduce.grid import to_rich
    from earmark.reproduce.systems import system_grid
    from earmark.reproduce.table2 import table2_grid

    if scale != 1.0 and not standin:
        raise SettingsError(f"--scale {scale:g} sizes the synthetic tasks: give --standin too, or leave it out.")
    if standin and data_root:
        raise SettingsError("--standin makes its own sounds and --data-root names real ones: leave out one of both.")
    terminal = Terminal(quiet=quiet, verbose=verbose)
    command = shlex.join(["earmark", *sys.argv[1:]])
    results = run_study(
        make_study(study, synthetic=standin, scale=scale),
        output,
        experiments=_numbers(experiments),
        tasks=[part.strip() for part in tasks.split(",") if part.strip()],
        data_root=data_root,
        store=store,
        workers=workers,
        other_counts=other_counts,
        on_error="skip" if on_error is OnError.skip else "raise",
        progress=terminal,
        command=command,
    )
    report = render_study(results, output, command)
    grid = table2_grid(results, brief=True) if results.study.charts else system_grid(results, results.study.title)
    terminal.show(to_rich(grid))
    for each in dict.fromkeys(missing.reason for missing in results.missing.values()):
        terminal.say(each)
    terminal.out.print(f"Report: {report}", markup=False, soft_wrap=True)


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if odd := [part for part in parts if not part.isdecimal()]:
        raise SettingsError(f"--experiments takes numbers by commas, such as 1,3; got {odd[0]!r}.")
    return [int(part) for part in parts]
