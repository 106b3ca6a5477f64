"""Measure how fast recordings become embeddings, where the time goes, and what bfloat16 costs.

Prints one line for each target (``name measured target ok|short``) and writes them, with machine, versions and commit,
to ``benchmarks/results/extraction.csv``. With ``--check`` it exits 1 when one is short.

It needs ESC-10 (``--data``: a folder with ``esc10/esc10.csv``), three gigabytes for temporary files (six with
``--full``), and an otherwise idle machine. Ratios are within one run: each way is timed some rounds, by turns, and its
least time counts. Where real weights cannot be had, random ones take their place, and the names of the figures say so.
``--full`` measures what takes long, half an hour: OpenL3 in bfloat16 on ESC-10 and the memory of all models but YAMNet,
which go to ``extraction_full.csv``. ``--tiny`` runs everything with next to nothing to do, to see that it runs: its
figures mean nothing.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from measuring import Measured, arguments, cpu_flags, finish, in_own_process
from memory import memory
from models import PlainLoop, fill_cache, known, pipeline, smallest_cosine, titled

OPENL3 = "openl3-music-mel256-512"
#: Models that hear OGG files, and how many times as fast as its plain loop each should be.
FROM_OGG = {"yamnet": ">= 2", "vggish": "none", "kumar": "none", "soundnet-conv5": "none"}
#: Models whose embeddings in both number formats are compared; OpenL3 with so few frames that it takes minutes only.
IN_BOTH, IN_BOTH_FULL = ("yamnet", "soundnet-conv5"), f"{OPENL3}:hop=2.5"
RUNTIMES = {"float32": "openvino", "bfloat16": "openvino-bfloat16"}
#: Rows and columns of the matrices whose product is the limit to stand beside.
MATRIX = 2048

Result = TypeVar("Result")


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes
    ----------
    frames, recordings : int
        Of OpenL3: frames of each WAV file (the plain loop runs 32 at once), and number of files.
    rounds : int
        How often each way is timed.
    calls : int
        Batches that each core runs, where the network is measured alone.
    seconds : float
        The pipeline gets as many OGG files as it embeds in about this time.
    every : int
        Which clips of ESC-10 are embedded in both number formats: one of so many.
    minutes : int
        Length of the long recording.
    """

    frames: int = 32
    recordings: int = 4
    rounds: int = 2
    calls: int = 3
    seconds: float = 2.0
    every: int = 1
    minutes: int = 120


TINY = Sizes(frames=4, recordings=1, rounds=1, calls=1, seconds=0.01, every=4, minutes=1)


def by_turns(
    ways: Mapping[str, Callable[[], Result]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, tuple[Result, float]]:
    """Do the same in several ways, by turns; give the result and the least time of each."""
    found: dict[str, tuple[Result, float]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            started = clock()
            result = way()
            seconds = clock() - started
            found[name] = result, min(seconds, found[name][1] if name in found else seconds)
    return found


def precisions() -> list[str]:
    """Name the number formats that are worth measuring here."""
    from earmark.runtime import bfloat16_gain

    return ["float32", *(["bfloat16"] if bfloat16_gain() > 1 else [])]


def load(name: str, precision: str) -> Any:
    """Load a model, with its network."""
    from earmark.embeddings import load_embedding

    model = load_embedding(name, runtime=RUNTIMES[precision])
    model.prepare()
    return model


def openl3_from_wav(sizes: Sizes) -> list[Measured]:
    """OpenL3 every 0.1 s from WAV files against its plain loop, and its stages."""
    targets = {"float32": ">= 1.8", "bfloat16": ">= 10" if "amx_bf16" in cpu_flags() else "none"}
    models = {precision: load(OPENL3, precision) for precision in precisions()}
    ways: dict[str, Any] = {"plain": PlainLoop(OPENL3)} | {each: partial(pipeline, models[each]) for each in models}
    with tempfile.TemporaryDirectory() as folder:
        first, *paths = _wav_files(Path(folder), [4] + [sizes.frames] * sizes.recordings)
        for way in ways.values():  # what is only done once
            way([first])
        timed = by_turns({name: partial(way, paths) for name, way in ways.items()}, sizes.rounds)
        title, frames, (expected, plain) = (
            f"{titled(OPENL3)} from WAV",
            sum(map(len, timed["plain"][0])),
            timed["plain"],
        )
        measured = [Measured(f"{title}, plain loop, ms a frame", 1000 * plain / frames, "none")]
        for precision in models:
            found, seconds = timed[precision]
            measured += [
                Measured(f"{title}, {precision}, ms a frame", 1000 * seconds / frames, "none"),
                Measured(f"{title}, {precision}, x the plain loop", plain / seconds, targets[precision]),
                Measured(
                    f"{title}, {precision}, cosine to the plain loop", smallest_cosine(found, expected), ">= 0.999"
                ),
            ]
        for precision, model in models.items():
            measured += stages(f"{title}, {precision}", model, paths[:1], sizes.rounds)
    return measured


def _wav_files(folder: Path, frames: Sequence[int]) -> list[Path]:
    """Write a WAV file of noise at 48 kHz for each number of frames that OpenL3 shall make of it."""
    import soundfile

    generator, rate = np.random.default_rng(0), 48000
    paths = []
    for number, count in enumerate(frames):
        samples = rate // 2 + (count - 1) * rate // 10  # the first frame is centred on the beginning
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], 0.1 * generator.standard_normal(samples), rate, subtype="PCM_16")
    return paths


def stages(title: str, model: Any, paths: Sequence[Path], rounds: int) -> list[Measured]:
    """CPU time of each stage on one thread, for a second of audio."""
    from threadpoolctl import threadpool_limits

    from earmark.audio import load as decoded
    from earmark.embeddings.model import Heard

    def least(function: Callable[[], Result]) -> tuple[Result, float]:
        function()  # memory is new to this thread the first time
        return by_turns({"": function}, rounds, time.process_time)[""]

    cpu: dict[str, float] = {}
    with threadpool_limits(limits=1, user_api="blas"):
        sounds, cpu["decode"] = least(lambda: [decoded(path) for path in paths])
        streams, cpu["resample"] = least(
            lambda: [np.concatenate(list(model.resampled(Heard([samples]), rate))) for samples, rate in sounds]
        )
        pieces, cpu["front end"] = least(lambda: [piece for stream in streams for piece in model.pieces([stream])])
        _, cpu["network"] = least(lambda: [model.network(piece.rows) for piece in pieces])
    seconds = sum(len(samples) / rate for samples, rate in sounds)
    measured = [Measured(f"{title}, {stage}, CPU ms/s", 1000 * each / seconds, "none") for stage, each in cpu.items()]
    share = cpu["network"] / sum(cpu.values())
    if not model.card.name.startswith(OPENL3):
        return [*measured, Measured(f"{title}, network, share of all stages", share, "none")]
    windows = sum(len(piece.rows) for piece in pieces)
    return [
        *measured,
        Measured(f"{title}, front end, ms a window", 1000 * cpu["front end"] / windows, "<= 2.5"),
        Measured(f"{title}, network, share of all stages", share, ">= 0.75"),
    ]


def network_alone(sizes: Sizes) -> list[Measured]:
    """Floating point operations a second of OpenL3's network on all cores, beside those of a matrix product."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from earmark.parallel import cores

    left, right = (torch.randn(MATRIX, MATRIX) for _ in range(2))
    product = 2e-9 * MATRIX**3
    row = np.random.default_rng(0).uniform(-80, 0, (1, 1, 256, 199)).astype(np.float32)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        PlainLoop(OPENL3).network(torch.from_numpy(row))
    each = 1e-9 * counter.get_total_flops()
    measured = [Measured(f"{titled(OPENL3)}, network, GFLOP a frame", each, "none")]
    for precision, target in zip(precisions(), (">= 0.8", ">= 0.75"), strict=False):
        model = load(OPENL3, precision)
        batch = np.repeat(row, model.batch_rows, axis=0)

        def network(model: Any = model, batch: Any = batch) -> None:
            with ThreadPoolExecutor(cores()) as pool:
                list(pool.map(model.network, [batch] * cores() * sizes.calls))

        a, b = (matrix.to(getattr(torch, precision)) for matrix in (left, right))
        ways: dict[str, Callable[[], object]] = {"network": network, "torch": partial(torch.mm, a, b)}
        if precision == "float32":
            ways["numpy"] = partial(np.matmul, a.numpy(), b.numpy())
        by_turns(ways, 1)  # what is only done once
        timed = by_turns(ways, 3 * sizes.rounds)
        speed = cores() * sizes.calls * len(batch) * each / timed["network"][1]
        limit = product / min(timed[way][1] for way in ways if way != "network")
        measured += [
            Measured(f"matrix product {MATRIX} x {MATRIX}, {precision}, GFLOP/s", limit, "none"),
            Measured(f"{titled(OPENL3)}, network, {precision}, GFLOP/s", speed, "none"),
            Measured(f"{titled(OPENL3)}, network, {precision}, share of the product", speed / limit, target),
        ]
    return measured


def from_ogg(name: str, target: str, data: Path, sizes: Sizes) -> list[Measured]:
    """Speed of a model from OGG files at 44.1 kHz against its plain loop, and its stages."""
    from earmark.datasets import load_dataset

    clips = load_dataset(data / "esc10" / "esc10.csv").paths
    model, plain = load(name, "float32"), PlainLoop(name)
    ways: dict[str, Any] = {"plain": plain, "earmark": partial(pipeline, model)}
    for way in ways.values():  # what is only done once
        way(clips[:4])
    _, eight = by_turns({"": partial(pipeline, model, clips[::50])}, 1)[""]
    count = min(max(4, round(8 * sizes.seconds / eight)), len(clips))
    paths = [clips[index] for index in np.linspace(0, len(clips) - 1, count).round().astype(int)]
    timed = by_turns({each: partial(way, paths) for each, way in ways.items()}, sizes.rounds)
    (expected, slow), (found, fast) = timed["plain"], timed["earmark"]
    title, seconds = f"{titled(name)} from OGG", _seconds(paths)
    return [
        Measured(f"{title}, x real time", seconds / fast, "none"),
        Measured(f"{title}, plain loop, x real time", seconds / slow, "none"),
        Measured(f"{title}, x the plain loop", slow / fast, target),
        Measured(f"{title}, cosine to the plain loop", smallest_cosine(found, expected), ">= 0.999"),
        *stages(title, model, paths[:8], sizes.rounds),
    ]


def _seconds(paths: Sequence[Path]) -> float:
    """Length of recordings."""
    from earmark.audio import open_recording

    total = 0.0
    for path in paths:
        with open_recording(path) as recording:
            total += recording.info.duration_seconds
    return total


def in_both_formats(name: str, data: Path, sizes: Sizes) -> list[Measured]:
    """How far bfloat16 moves the embeddings of ESC-10, and the accuracy of the SVM on its official folds."""
    from earmark.datasets import load_dataset
    from earmark.evaluation import Clips, FoldSet, SplitSettings, compare_systems, make_folds
    from earmark.store import ClipFrames

    if precisions() == ["float32"]:
        return []
    dataset = load_dataset(data / "esc10" / "esc10.csv")
    dataset = dataset.keep([index % sizes.every == 0 for index in range(len(dataset))])
    clips = Clips(dataset.labels, np.array(list(map(str, dataset.paths))), folds=dataset.column("fold"))
    folds = FoldSet("official", 0.8, tuple(make_folds(clips, "official", SplitSettings())))
    frames = {precision: pipeline(load(name, precision), dataset.paths) for precision in precisions()}
    accuracy = {}
    for precision, each in frames.items():
        outcome = compare_systems(dataset, name, ClipFrames.from_list(each), ["svm"], ["late"], [folds])
        accuracy[precision] = float(outcome.results["accuracy"].mean())
    title, apart = f"{titled(name)} on ESC-10", round(abs(accuracy["bfloat16"] - accuracy["float32"]), 9)
    return [
        Measured(f"{title}, bfloat16, smallest cosine to float32", smallest_cosine(*frames.values()), ">= 0.999"),
        *(Measured(f"{title}, {each}, accuracy of svm late", value, "none") for each, value in accuracy.items()),
        Measured(f"{title}, bfloat16, accuracy away from float32", apart, "<= 0.005"),
    ]


def main() -> None:
    """Measure, print, write."""
    options = arguments(__doc__, "extraction", full="measure what takes long instead")
    sizes = TINY if options.tiny else Sizes()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        in_own_process(fill_cache, cache)
        os.environ["EARMARK_CACHE"] = str(cache)
        measured: list[Measured] = []
        if not options.full:
            measured += in_own_process(openl3_from_wav, sizes)
            measured += in_own_process(network_alone, sizes)
            for name in known(FROM_OGG, cache):
                measured += in_own_process(from_ogg, name, FROM_OGG[name], options.data, sizes)
        for name in known([IN_BOTH_FULL] if options.full else IN_BOTH, cache):
            measured += in_own_process(in_both_formats, name, options.data, sizes)
        measured += memory(Path(folder), cache, sizes.minutes, full=options.full)
    finish(measured, options, "openvino", "torch", "soxr", "soundfile")


if __name__ == "__main__":
    main()
