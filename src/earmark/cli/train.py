"""``earmark train``: a classifier of recordings in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import (
    Classifier,
    Data,
    Device,
    DeviceName,
    Embedding,
    Fusion,
    OnError,
    OnErrorOption,
    Precision,
    PrecisionName,
    Quiet,
    Seed,
    Store,
    Verbose,
    Workers,
    one_embedding,
    say_what_bfloat16_gains,
)
from earmark.cli.terminal import Terminal, friendly
from earmark.errors import SettingsError
from earmark.files import check_writable

__all__ = ["train"]


@friendly
def train(
    data: Data,
    embedding: Embedding = "yamnet",
    classifier: Classifier = "svm",
    fusion: Fusion = "late",
    output: Annotated[Path, typer.Option("-o", "--output", help="File for the classifier.")] = Path("model.earmark"),
    seed: Seed = 0,
    device: Device = DeviceName.cpu,
    precision: Precision = PrecisionName.float32,
    store: Store = None,
    workers: Workers = None,
    on_error: OnErrorOption = OnError.stop,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a classifier on all labelled clips and write it into one file."""
    from earmark.application import AudioClassifier
    from earmark.classifiers import check_savable
    from earmark.datasets import load_dataset
    from earmark.embeddings import on_runtime
    from earmark.runtime import runtime_for

    terminal = Terminal(quiet=quiet, verbose=verbose)
    check_savable(classifier)
    embedding = on_runtime(one_embedding(embedding, "train"), runtime_for(device, precision))
    if output.is_dir():
        raise SettingsError(f"{output}: is a folder. Name the file for the classifier: -o {output}/model.earmark")
    check_writable(output.parent)
    output.parent.mkdir(parents=True, exist_ok=True)
    dataset = load_dataset(data)
    for note in dataset.notes:
        terminal.say(note)
    model = AudioClassifier(embedding, classifier, fusion, seed, store, workers)
    model.fit(
        dataset.paths,
        dataset.labels,
        on_error="skip" if on_error is OnError.skip else "raise",
        progress=terminal,
    )
    if model.failures_:
        terminal.failures(model.failures_, len(dataset))
    model.save(output)
    counts = ", ".join(f"{label} {count}" for label, count in sorted(model.trained_on_.items()))
    terminal.out.print(f"Trained {classifier} on {embedding} ({fusion} fusion): {counts}", markup=False, soft_wrap=True)
    terminal.out.print(f"Classifier: {output}", markup=False, soft_wrap=True)
    say_what_bfloat16_gains(terminal, [model.model_.fingerprint.runtime])
    terminal.say(f"Use it: earmark predict {output} RECORDING...")
