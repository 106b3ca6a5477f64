"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import completion
from earmark.errors import SettingsError

__all__ = [
    "Classifier",
    "Data",
    "Embedding",
    "Fusion",
    "OnError",
    "OnErrorOption",
    "Quiet",
    "Seed",
    "Store",
    "Verbose",
    "Workers",
    "one_embedding",
]


class OnError(StrEnum):
    """What to do about clips that cannot be read."""

    stop = "stop"
    skip = "skip"


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
    str, typer.Option("-c", "--classifier", help="svm, d128 or d512.", autocompletion=completion.classifier)
]
Fusion = Annotated[
    str,
    typer.Option("--fusion", help="late, early, early-mean or early-mean-std.", autocompletion=completion.fusion),
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
