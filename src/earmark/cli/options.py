"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

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
Embedding = Annotated[str, typer.Option("-e", "--embedding", help="Name of the embedding.")]
Classifier = Annotated[str, typer.Option("-c", "--classifier", help="svm, d128 or d512.")]
Fusion = Annotated[str, typer.Option("--fusion", help="late, early, early-mean or early-mean-std.")]
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
