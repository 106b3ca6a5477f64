"""``earmark compare``: which embedding with which classifier and fusion, and how good."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import Data, OnError, OnErrorOption, Quiet, Seed, Store, Verbose, Workers
from earmark.cli.terminal import Terminal, friendly
from earmark.errors import SettingsError
from earmark.files import check_writable

if TYPE_CHECKING:
    from earmark.application import Comparison

__all__ = ["compare", "show"]


class Likelihoods(StrEnum):
    """Where the likelihoods of an SVM come from."""

    auto = "auto"
    sigmoid = "sigmoid"
    platt = "platt"


@friendly
def compare(
    data: Data,
    embeddings: Annotated[str, typer.Option("-e", "--embeddings", help="Embeddings, by commas.")] = "yamnet",
    classifiers: Annotated[
        str, typer.Option("-c", "--classifiers", help="Classifiers, by commas: svm, d128, d512.")
    ] = "svm",
    fusion: Annotated[
        str, typer.Option("--fusion", help="Fusions, by commas: late, early, early-mean, early-mean-std.")
    ] = "late,early",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for results and report.")] = Path("results"),
    splits: Annotated[
        str,
        typer.Option(
            "--splits",
            help="Ways of splitting, by commas: official, fixed, groups, clips.",
            show_default="the most honest one that the data allow",
        ),
    ] = "",
    folds: Annotated[int, typer.Option("--folds", help="Folds, unless they are official.")] = 5,
    repeats: Annotated[int, typer.Option("--repeats", help="How often everything is done.")] = 1,
    train_fraction: Annotated[
        str,
        typer.Option(
            "--train-fraction",
            help="Shares of all clips to train on, by commas, such as 0.8,0.1.",
            show_default="all that is left",
        ),
    ] = "",
    validation_fraction: Annotated[
        float, typer.Option("--validation-fraction", help="Share of all clips set aside for Platt scaling.")
    ] = 0.0,
    balanced_test: Annotated[
        bool, typer.Option("--balanced-test", help="Balance the classes of test sets at random.")
    ] = False,
    likelihoods: Annotated[
        Likelihoods, typer.Option("--likelihoods", help="How SVM decision values become likelihoods.")
    ] = Likelihoods.auto,
    seed: Seed = 0,
    store: Store = None,
    workers: Workers = None,
    on_error: OnErrorOption = OnError.stop,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare embeddings, classifiers and fusions on labelled clips, file by file."""
    from earmark.application import compare as run

    terminal = Terminal(quiet=quiet, verbose=verbose)
    check_writable(output)
    comparison = run(
        data,
        _names(embeddings),
        _names(classifiers),
        _names(fusion),
        splits=_names(splits) or None,
        folds=folds,
        repeats=repeats,
        train_fractions=_fractions(train_fraction) or None,
        validation_fraction=validation_fraction,
        balanced_test=balanced_test,
        likelihoods=likelihoods.value,
        seed=seed,
        store=store,
        workers=workers,
        on_error="skip" if on_error is OnError.skip else "raise",
        progress=terminal,
        command=shlex.join(["earmark", *sys.argv[1:]]),
    )
    show(comparison, output, terminal)


def show(comparison: Comparison, output: Path, terminal: Terminal) -> None:
    """Write what a comparison found into a folder, and print it."""
    from earmark.report import to_rich

    report = comparison.save(output)
    facts = comparison.protocol["dataset"]
    for name, extraction in comparison.extractions.items():
        reused = len(extraction.sha256) - extraction.embedded
        speed = extraction.audio_seconds / extraction.wall_seconds
        fresh = f"embedded {extraction.embedded} clips ({speed:.0f} x real time)" if extraction.embedded else ""
        terminal.say(f"{name}: {', '.join(filter(None, [fresh, f'{reused} clips from the store' if reused else '']))}")
    terminal.show(to_rich(comparison.table(), synthetic=[facts["name"]] if facts["synthetic"] else []))
    leaks = comparison.protocol["leak_check"]
    terminal.out.print("Leak check:", "[green]passed[/]" if leaks["ok"] else "[bold red]leaks found[/]")
    for sentence in leaks["sentences"]:
        terminal.out.print(f"  {sentence}", markup=False)
    if facts["groups"] and set(comparison.protocol["splits"]) == {"groups"}:
        terminal.say("Add --splits groups,clips to see how far a split over clips alone would flatter.")
    if comparison.failures:
        terminal.failures(comparison.failures, facts["clips"] + len(comparison.failures))
    terminal.out.print(f"Report: {report}", markup=False, soft_wrap=True)


def _names(text: str) -> list[str]:
    """Split ``"svm, d128"`` into names, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _fractions(text: str) -> list[float]:
    try:
        return [float(part) for part in _names(text)]
    except ValueError as error:
        raise SettingsError(f"--train-fraction takes numbers by commas, such as 0.8,0.1; got {text!r}.") from error
