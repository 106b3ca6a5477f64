"""Measure the dense nets of a cross-validation, trained side by side, against the plain way of training them.

Prints one line for each target (``name measured target ok|short``) and writes them, with machine, versions and commit,
to ``benchmarks/results/dense_nets.csv`` (``dense_nets_full.csv`` with ``--full``). With ``--check`` it exits 1 when one
is short.

The nets are those of ESC-10's five official folds, twice, on YAMNet's frames (``--data``: a folder with
``esc10/esc10.csv``). The plain way trains one net after another with ``torch.nn``, ``torch.optim.Adam`` and as many
threads as PyTorch takes by itself. 20 epochs are timed, on an otherwise idle machine. ``--full`` trains the nets of one
repeat for all 500 instead and compares the file-wise accuracies, which takes half an hour.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measuring import Measured, arguments, finish, in_own_process

NETS = {"d128": ">= 1.5", "d512": ">= 1.5"}
FOLDS, REPEATS = 5, 2


@dataclass(frozen=True)
class Task:
    """ESC-10: frames of all clips, classes, and the test clips of each fold."""

    frames: Any
    codes: NDArray[np.intp]
    tests: list[NDArray[np.bool_]]

    @classmethod
    def of(cls, data: Path, store: Path) -> Task:
        """Embed the clips, if they are not in the store."""
        from earmark import load_dataset, load_embedding
        from earmark.store import EmbeddingStore, embed_clips

        dataset, model = load_dataset(data / "esc10" / "esc10.csv"), load_embedding("yamnet")
        kept = EmbeddingStore(store, model.fingerprint)
        sha256 = embed_clips(dataset.paths, model, kept).sha256
        folds = np.unique(dataset.column("fold"), return_inverse=True)[1]
        codes = np.unique(dataset.labels, return_inverse=True)[1]
        frames = kept.read([sha256[path] for path in dataset.paths])
        return cls(frames, codes, [folds == fold for fold in range(FOLDS)])

    def of_frames(self, clips: NDArray[Any]) -> NDArray[Any]:
        """Spread what is known of clips over their frames."""
        return np.repeat(clips, self.frames.counts)

    def accuracy(self, likelihoods: NDArray[Any], fold: int) -> float:
        """Share of a fold's test clips whose largest summed likelihood is that of their class."""
        summed = np.add.reduceat(likelihoods, self.frames.offsets[:-1], axis=0)
        return float(np.mean((summed.argmax(axis=1) == self.codes)[self.tests[fold]]))


def side_by_side(task: Task, net: Any, repeat: int) -> list[Any]:
    """Train the nets of a repeat as earmark does."""
    from earmark.classifiers import fit_nets

    sets = [task.of_frames(~test) for test in task.tests]
    return list(fit_nets(task.frames.values, task.of_frames(task.codes), sets, net, seeds(repeat)))


def plain_loop(task: Task, net: Any, repeat: int, scaled: list[NDArray[np.float32]]) -> list[Any]:
    """Train the nets of a repeat as one would write it down first; gives the modules."""
    import torch

    labels, modules = torch.from_numpy(task.of_frames(task.codes)), []
    for rows, test, seed in zip(scaled, task.tests, seeds(repeat), strict=True):
        inside = torch.from_numpy(task.of_frames(~test))
        modules.append(plain_net(net, torch.from_numpy(rows)[inside], labels[inside], seed))
    return modules


def plain_net(net: Any, rows: Any, labels: Any, seed: int) -> Any:
    """Train one net with what PyTorch has."""
    import torch
    from torch import nn

    generator = torch.manual_seed(seed)
    layers: list[nn.Module] = []
    width = rows.shape[1]
    for units in net.hidden:
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(net.dropout)]
        width = units
    counts = torch.bincount(labels).float()
    module = nn.Sequential(*layers, nn.Linear(width, len(counts)))
    loss = nn.CrossEntropyLoss(weight=len(labels) / (len(counts) * counts))
    optimiser = torch.optim.Adam(module.parameters(), lr=net.learning_rate)
    for _ in range(net.epochs):
        for batch in torch.split(torch.randperm(len(rows), generator=generator), net.batch_size):
            optimiser.zero_grad()
            loss(module(rows[batch]), labels[batch]).backward()
            optimiser.step()
    return module.eval()


def seeds(repeat: int) -> list[int]:
    """One for each net."""
    return [FOLDS * repeat + fold for fold in range(FOLDS)]


def timed(name: str, target: str, data: Path, store: Path, epochs: int) -> list[Measured]:
    """Time both ways, by turns over the repeats."""
    from earmark.classifiers import make_classifier

    task, net = Task.of(data, store), make_classifier(name, 0).set_params(epochs=epochs)
    seconds = {"side by side": 0.0, "plain": 0.0}
    for repeat in range(REPEATS):
        started = time.perf_counter()
        fitted = side_by_side(task, net, repeat)
        seconds["side by side"] += time.perf_counter() - started
        scaled = [(task.frames.values - each.offset) * each.scale for each in fitted]
        started = time.perf_counter()
        plain_loop(task, net, repeat, scaled)
        seconds["plain"] += time.perf_counter() - started
    size = f"{name}, {FOLDS * REPEATS} nets, {epochs} epochs"
    ratio = seconds["plain"] / seconds["side by side"]
    measured = [Measured(f"{size}, {way}, s", value, "none") for way, value in seconds.items()]
    return [*measured, Measured(f"{size}, x faster than the plain loop", ratio, target)]


def accuracies(name: str, data: Path, store: Path) -> list[Measured]:
    """Train for all epochs, and compare the file-wise accuracies of both ways; one thread does for that."""
    import torch

    from earmark.classifiers import make_classifier

    torch.set_num_threads(1)
    task, net = Task.of(data, store), make_classifier(name, 0)
    fitted = side_by_side(task, net, 0)
    scaled = [(task.frames.values - each.offset) * each.scale for each in fitted]
    modules = plain_loop(task, net, 0, scaled)
    right: dict[str, list[float]] = {"side by side": [], "plain": []}
    for fold, rows in enumerate(scaled):
        with torch.no_grad():
            plain = torch.softmax(modules[fold](torch.from_numpy(rows)), dim=1).numpy()
        right["side by side"].append(task.accuracy(fitted[fold].model.predict_proba(rows), fold))
        right["plain"].append(task.accuracy(plain, fold))
    means = {way: float(np.mean(values)) for way, values in right.items()}
    spread = min(float(np.std(values)) for values in right.values())
    apart = abs(means["plain"] - means["side by side"])
    return [
        *(
            Measured(f"{name}, {net.epochs} epochs, {way}, file-wise accuracy", mean, "none")
            for way, mean in means.items()
        ),
        Measured(
            f"{name}, {net.epochs} epochs, accuracies apart, in deviations over folds",
            apart / max(spread, 1e-9),
            "<= 1",
        ),
    ]


def main() -> None:
    """Measure, print, write."""
    options = arguments(__doc__, "dense_nets", full="compare accuracies after all 500 epochs instead")
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, target in NETS.items():
            if options.full:
                measured += in_own_process(accuracies, name, options.data, Path(folder))
            else:
                epochs = 2 if options.tiny else 20
                measured += in_own_process(timed, name, target, options.data, Path(folder), epochs)
    finish(measured, options, "torch")


if __name__ == "__main__":
    main()
