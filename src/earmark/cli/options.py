"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli import completion
from earmark.errors import SettingsError

if TYPE_CHECKING:
    from earmark.cli.terminal import Terminal

__all__ = [
    "Classifier",
    "Data",
    "Device",
    "DeviceName",
    "Embedding",
    "Fusion",
    "OnError",
    "OnErrorOption",
    "Precision",
    "PrecisionName",
    "Quiet",
    "Seed",
    "Store",
    "Verbose",
    "Workers",
    "one_embedding",
    "say_what_bfloat16_gains",
]


class OnError(StrEnum):
    """What to do about clips that cannot be read."""

    stop = "stop"
    skip = "skip"


class DeviceName(StrEnum):
    """Where networks run."""

    cpu = "cpu"
    cuda = "cuda"


class PrecisionName(StrEnum):
    """Number format of networks."""

    float32 = "float32"
    bfloat16 = "bfloat16"


Device = Annotated[
    DeviceName, typer.Option("--device", help="Where networks run: the processor, or an NVIDIA GPU (cuda).")
]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        "--precision", help="Number format of the embeddings' networks; bfloat16 is faster where the device has it."
    ),
]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Folder with one subfolder a class; or CSV, TSV or Parquet with path,label[,group][,fold][,split]; "
        "or the name of a data set.",
        show_default=False,
    ),
]
Embedding = Annotated[
    str,
    typer.Option(
        "-e",
        "--embedding",
        "--embeddings",
        help="Name of the embedding; options behind colons, such as yamnet:hop=0.24; `earmark embeddings` lists "
        "names, `earmark embeddings NAME` options.",
        autocompletion=completion.embedding,
    ),
]
Classifier = Annotated[
    str,
    typer.Option(
        "-c",
        "--classifier",
        help="svm, d128, d512, logistic or mlp; settings behind colons: svm:C=0.1.",
        autocompletion=completion.classifier,
    ),
]
Fusion = Annotated[
    str,
    typer.Option(
        "--fusion",
        help="late, early, early-mean and others, see docs/compare.md.",
        autocompletion=completion.fusion,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random: same seed, same result.")]
Store = Annotated[
    Path | None,
    typer.Option("--store", help="Folder of the embedding store.", show_default="in the user's cache"),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Clips or trainings at once.", show_default="one a core")
]
OnErrorOption = Annotated[
    OnError,
    typer.Option("--on-error", help="Whether clips that cannot be read end the run, or are left out and listed."),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only results and errors.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Also how long each step took, and tracebacks.")]


def one_embedding(name: str, command: str) -> str:
    """Return the name of the embedding for a command that takes one.

    Parameters
    ----------
    name : str
        As the user typed it.
    command : str
        The command, for the message.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    SettingsError
        If several are named, by commas or by a pattern; all else is for `load_embedding` to find.
    """
    from earmark.embeddings import PREFIX, list_embeddings
    from earmark.embeddings.options import split_name
    from earmark.embeddings.registry import PATTERN_SIGNS

    base, _ = split_name(name)
    first, *others = (split_name(part)[0] for part in name.split(","))
    known = {card.name for card in list_embeddings()}
    if "," in base or any(other in known or other.startswith(PREFIX) for other in others):
        raise SettingsError(
            f"`earmark {command}` takes one embedding, got {name!r}. Name one, such as -e {first}; "
            "`earmark compare` takes several."
        )
    if PATTERN_SIGNS & set(base):
        raise SettingsError(
            f"`earmark {command}` takes one embedding and no pattern, got {name!r}. "
            f"`earmark embeddings '{base}'` lists those that match; `earmark compare` takes patterns."
        )
    return name


def say_what_bfloat16_gains(terminal: Terminal, runtimes: Iterable[str]) -> None:
    """Remark, after networks have run in float32, on how much faster this processor would run them in bfloat16.

    Parameters
    ----------
    terminal : Terminal
    runtimes : iterable of str
        What ran them.
    """
    from earmark.embeddings.options import RUNTIME
    from earmark.runtime import bfloat16_gain

    gain = bfloat16_gain() if str(RUNTIME.default) in set(runtimes) else 1.0
    if gain > 1:
        terminal.say(
            f"This processor has bfloat16: with --precision bfloat16 large networks run some {gain:g} times as fast. "
            "Embeddings are then a little less exact (docs/embeddings.md)."
        )
