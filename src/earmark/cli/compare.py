"""``earmark compare``: which embedding with which classifier and fusion, and how good."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli import completion
from earmark.cli.options import (
    Data,
    Device,
    DeviceName,
    OnError,
    OnErrorOption,
    Precision,
    PrecisionName,
    Quiet,
    Seed,
    Store,
    Verbose,
    Workers,
    say_what_bfloat16_gains,
)
from earmark.cli.terminal import Terminal, friendly
from earmark.errors import SettingsError
from earmark.files import check_writable

if TYPE_CHECKING:
    from earmark.application import Comparison

__all__ = ["compare", "show"]


DEFAULT_PROTOCOL = "earmark"
#: What is compared where neither the user nor a protocol says.
FUSIONS = ("late", "early")


class Likelihoods(StrEnum):
    """Where the likelihoods of an SVM come from."""

    auto = "auto"
    sigmoid = "sigmoid"
    platt = "platt"


class Solver(StrEnum):
    """How classifiers are trained."""

    batched = "batched"
    sklearn = "sklearn"


@friendly
def compare(
    data: Data,
    embeddings: Annotated[
        str,
        typer.Option(
            "-e",
            "--embeddings",
            "--embedding",
            help="Embeddings, by commas, or patterns such as 'vggish*'; options behind colons, such as "
            "yamnet:hop=0.24; `earmark embeddings` lists names, `earmark embeddings NAME` options.",
            autocompletion=completion.embeddings,
        ),
    ] = "yamnet",
    classifiers: Annotated[
        str,
        typer.Option(
            "-c",
            "--classifiers",
            help="Classifiers, by commas: svm, d128, d512, logistic, mlp, svc; settings behind colons: svm:C=0.1.",
            show_default="svm, or those of the protocol",
            autocompletion=completion.classifiers,
        ),
    ] = "",
    fusion: Annotated[
        str,
        typer.Option(
            "--fusion",
            help="Fusions, by commas: late, early, early-mean and others, see docs/compare.md.",
            show_default="late,early, or those of the protocol",
            autocompletion=completion.fusions,
        ),
    ] = "",
    baselines: Annotated[
        str,
        typer.Option(
            "--baselines",
            "--baseline",
            help="Networks trained from scratch beside them, by commas: cnn-speech-music, cnn-ensemble, "
            "cnn-instruments, net-engine, cnn-plastics.",
            show_default="none",
            autocompletion=completion.baselines,
        ),
    ] = "",
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            help="What decides a score, by name: eusipco2020, hear, evar, soundnet, l3. Options that would change it "
            "are refused.",
            show_default="earmark, where everything may be chosen",
            autocompletion=completion.protocol,
        ),
    ] = DEFAULT_PROTOCOL,
    combine: Annotated[
        str,
        typer.Option(
            "--combine",
            help="Compare all embeddings as one, too: concatenated, summed (their likelihoods).",
            show_default="each alone",
            autocompletion=completion.combinations,
        ),
    ] = "",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for results and report.")] = Path("results"),
    splits: Annotated[
        str,
        typer.Option(
            "--splits",
            help="Ways of splitting, by commas: official, fixed, groups, clips.",
            show_default="the most honest one that the data allow",
            autocompletion=completion.splits,
        ),
    ] = "",
    folds: Annotated[
        int | None, typer.Option("--folds", help="Folds, unless they are official.", show_default="5")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option("--repeats", help="How often everything is done.", show_default="1")
    ] = None,
    train_fraction: Annotated[
        str,
        typer.Option(
            "--train-fraction",
            help="Shares of all clips to train on, by commas, such as 0.8,0.1.",
            show_default="all that is left",
        ),
    ] = "",
    validation_fraction: Annotated[
        float | None,
        typer.Option("--validation-fraction", help="Share of all clips set aside for Platt scaling.", show_default="0"),
    ] = None,
    balanced_test: Annotated[
        bool, typer.Option("--balanced-test", help="Balance the classes of test sets at random.")
    ] = False,
    likelihoods: Annotated[
        Likelihoods, typer.Option("--likelihoods", help="How SVM decision values become likelihoods.")
    ] = Likelihoods.auto,
    seed: Seed = 0,
    solver: Annotated[
        Solver, typer.Option("--solver", help="Train all folds in one solve, or one by one (scikit-learn).")
    ] = Solver.batched,
    device: Device = DeviceName.cpu,
    precision: Precision = PrecisionName.float32,
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
        _embeddings(embeddings),
        _names(classifiers) or None,
        _names(fusion) or (FUSIONS if protocol == DEFAULT_PROTOCOL else None),
        baselines=_names(baselines),
        protocol=protocol,
        combine=_names(combine),
        splits=_names(splits) or None,
        folds=folds,
        repeats=repeats,
        train_fractions=_fractions(train_fraction) or None,
        validation_fraction=validation_fraction,
        balanced_test=balanced_test or None,
        likelihoods=likelihoods.value,
        seed=seed,
        solver=solver.value,
        device=device.value,
        precision=precision.value,
        store=store,
        workers=workers,
        on_error="skip" if on_error is OnError.skip else "raise",
        progress=terminal,
        command=shlex.join(["earmark", *sys.argv[1:]]),
    )
    show(comparison, output, terminal)
    ran = {name for name, extraction in comparison.extractions.items() if extraction.embedded}
    facts = comparison.protocol["embeddings"]
    say_what_bfloat16_gains(terminal, [each["fingerprint"]["runtime"] for each in facts if each["name"] in ran])


def show(comparison: Comparison, output: Path, terminal: Terminal) -> None:
    """Write what a comparison found into a folder, and print it."""
    from earmark.report import to_rich

    report = comparison.save(output)
    if comparison.protocol["name"] != DEFAULT_PROTOCOL:
        terminal.say("Protocol: {name}, version {version} ({source})".format(**comparison.protocol))
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


def _embeddings(text: str) -> list[str]:
    """Split names, and set all embeddings that match in the place of a pattern.

    >>> _embeddings("yamnet, soundnet-*:layers=conv3")
    ['yamnet', 'soundnet-conv5:layers=conv3', 'soundnet-conv7:layers=conv3']
    """
    from earmark.embeddings import list_embeddings
    from earmark.embeddings.options import split_name
    from earmark.embeddings.registry import PATTERN_SIGNS

    found: list[str] = []
    for name in _names(text):
        pattern, _ = split_name(name)
        if not PATTERN_SIGNS & set(pattern):
            found.append(name)
            continue
        matches = [card.name for card in list_embeddings(pattern)]
        if not matches:
            lower = pattern.lower()
            hint = f" Did you mean {lower!r}?" if list_embeddings(lower) else " `earmark embeddings` lists all."
            raise SettingsError(f"no embedding matches {pattern!r}.{hint}")
        found += [match + name.strip().removeprefix(pattern) for match in matches]
    _check_commas(found)
    return list(dict.fromkeys(found))


def _check_commas(names: list[str]) -> None:
    """Refuse names that a comma within an option's value has made."""
    from earmark.embeddings import embedding_options
    from earmark.embeddings.options import split_name

    for place, (name, after) in enumerate(pairwise(names), start=1):
        said = split_name(name)[1]
        if not said:
            continue
        key, value = list(said.items())[-1]
        wrong = f"{name},{after}: a comma separates embeddings"
        tail = after.partition(":")[0]
        if value.isdecimal() and tail.isdecimal():
            raise SettingsError(f"{wrong}; write {value}.{tail}, with a point.")
        if key == "layers" and "layers" in (options := embedding_options(name)):
            layers = list(takewhile(options["layers"].words.__contains__, names[place:]))
            if layers:
                raise SettingsError(f"{wrong}; layers are joined by +: write {'+'.join([name, *layers])}.")


def _fractions(text: str) -> list[float]:
    try:
        return [float(part) for part in _names(text)]
    except ValueError as error:
        raise SettingsError(f"--train-fraction takes numbers by commas, such as 0.8,0.1; got {text!r}.") from error
