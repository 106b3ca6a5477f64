"""``earmark embed``: frame embeddings of recordings, as files for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import (
    Device,
    DeviceName,
    Embedding,
    OnError,
    OnErrorOption,
    Precision,
    PrecisionName,
    Quiet,
    Store,
    Verbose,
    Workers,
    one_embedding,
    say_what_bfloat16_gains,
)
from earmark.cli.recordings import find_recordings
from earmark.cli.terminal import Terminal, friendly
from earmark.errors import ClipsLeftOut
from earmark.files import check_writable

__all__ = ["embed"]


class Format(StrEnum):
    """How embeddings are written."""

    npz = "npz"
    parquet = "parquet"


@friendly
def embed(
    audio: Annotated[
        list[Path], typer.Argument(metavar="AUDIO", help="Audio files, or folders of them.", show_default=False)
    ],
    embedding: Embedding = "yamnet",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the embeddings.")] = Path("embeddings"),
    format: Annotated[  # noqa: A002 - the option's name
        Format,
        typer.Option("--format", help="One .npz a recording (embedding, timestamps in s), or one Parquet file."),
    ] = Format.npz,
    device: Device = DeviceName.cpu,
    precision: Precision = PrecisionName.float32,
    store: Store = None,
    workers: Workers = None,
    on_error: OnErrorOption = OnError.stop,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Embed recordings frame by frame."""
    from earmark.embeddings import load_embedding, on_runtime
    from earmark.runtime import runtime_for
    from earmark.store import EmbeddingStore, default_store_folder, embed_clips, export_npz, export_parquet

    terminal = Terminal(quiet=quiet, verbose=verbose)
    check_writable(output)
    model = load_embedding(on_runtime(one_embedding(embedding, "embed"), runtime_for(device, precision)))
    paths = find_recordings(audio)
    kept = EmbeddingStore(store or default_store_folder(), model.identify(terminal))
    done = embed_clips(paths, model, kept, workers=workers, progress=terminal)
    if done.failures and (on_error is OnError.stop or not done.sha256):
        raise ClipsLeftOut(done.failures, len(paths))
    export = export_npz if format is Format.npz else export_parquet
    written = export(kept, done.sha256, output)
    if done.failures:
        terminal.failures(done.failures, len(paths))
    if done.embedded:
        say_what_bfloat16_gains(terminal, [model.fingerprint.runtime])
    terminal.out.print(f"{len(done.sha256)} recordings -> {written}", markup=False, soft_wrap=True)
