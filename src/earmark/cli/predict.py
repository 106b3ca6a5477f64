"""``earmark predict``: classes of recordings, by a trained classifier."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import OnError, OnErrorOption, Quiet, Store, Verbose, Workers
from earmark.cli.recordings import find_recordings
from earmark.cli.terminal import Terminal, friendly, table_of
from earmark.errors import ClipsLeftOut

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["predict"]


class Format(StrEnum):
    """How predictions are printed."""

    table = "table"
    csv = "csv"
    json = "json"


@friendly
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Written by earmark train.", show_default=False)],
    audio: Annotated[
        list[Path], typer.Argument(metavar="AUDIO", help="Audio files, or folders of them.", show_default=False)
    ],
    frames: Annotated[bool, typer.Option("--frames", help="One row a frame instead of one a recording.")] = False,
    format: Annotated[  # noqa: A002 - the option's name
        Format, typer.Option("--format", help="How to print the predictions.")
    ] = Format.table,
    trust_module: Annotated[
        bool,
        typer.Option("--trust-module", help="Run the code of the module (hear:...) whose embeddings it knows."),
    ] = False,
    store: Store = None,
    workers: Workers = None,
    on_error: OnErrorOption = OnError.stop,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Classify recordings, or every frame of them, with a trained classifier."""
    from earmark.application import AudioClassifier

    terminal = Terminal(quiet=quiet, verbose=verbose)
    classifier = AudioClassifier.load(model, store=store, workers=workers, trust_module=trust_module)
    paths = find_recordings(audio)
    done = classifier.classify(
        paths, frames=frames, on_error="skip" if on_error is OnError.skip else "raise", progress=terminal
    )
    if done.table.empty:
        raise ClipsLeftOut(done.failures, len(paths))
    if format is Format.csv:
        sys.stdout.write(done.table.to_csv(index=False, float_format="%.6g"))
    elif format is Format.json:
        sys.stdout.write(json.dumps(done.table.round(6).to_dict("records"), indent=2, ensure_ascii=False) + "\n")
    else:
        _show(done.table, terminal)
    if done.failures:
        terminal.failures(done.failures, len(paths))


def _show(table: pd.DataFrame, terminal: Terminal) -> None:
    """Print the class, how likely it is, and the runner-up."""
    from rich.text import Text

    likelihoods = table.filter(like="likelihood:")
    classes = [str(column).partition(":")[2] for column in likelihoods]
    time_column = ["time, s>"] if "time" in table else []
    shown = table_of("recording", *time_column, "class", "likelihood>", "next", "likelihood>", wraps=True)
    times = [[f"{time:.2f}"] for time in table["time"]] if "time" in table else [[]] * len(table)
    for path, time, values in zip(table["path"], times, likelihoods.to_numpy(), strict=True):
        ranked = sorted(zip(values, classes, strict=True), reverse=True)[:2]
        shown.add_row(Text(path), *time, *(cell for value, name in ranked for cell in (Text(name), f"{value:.3f}")))
    terminal.out.print(shown)
