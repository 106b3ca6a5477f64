"""Measure what the documentation claims of the main job, from files to the report.

Prints one line for each target (``name measured target ok|short``) and writes them, with machine, versions and commit,
to ``benchmarks/results/main_job.csv``. With ``--check`` it exits 1 when one is short. It needs ESC-10 and the CWRU
recordings (``--data``: a folder with ``esc10/esc10.csv`` and ``cwru/cwru.csv``), and an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from measuring import ROOT, Measured, write

EARMARK = [sys.executable, "-m", "earmark"]


def run(command: Sequence[object], cache: Path) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and its peak memory in MB."""
    started = time.perf_counter()
    environment = os.environ | {"EARMARK_CACHE": str(cache)}
    process = subprocess.Popen([str(part) for part in command], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(str(part) for part in command)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def startup(cache: Path) -> list[Measured]:
    """Time to the help page, and of the import (above that of Python alone); the median of nine."""

    def median(command: Sequence[object]) -> float:
        return float(np.median([run(command, cache)[0] for _ in range(9)]))

    bare = median([sys.executable, "-c", "pass"])
    return [
        Measured("earmark --help, s", median([*EARMARK, "--help"]), "<= 0.3"),
        Measured("import earmark, s", median([sys.executable, "-c", "import earmark"]) - bare, "<= 0.2"),
    ]


def esc10(data: Path, work: Path) -> list[Measured]:
    """Accuracy on the official folds, extraction speed, and a second run of the same command."""
    out = work / "esc10"
    command = [*EARMARK, "compare", data / "esc10" / "esc10.csv", "--fusion", "late,early", "-o", out, "-q"]
    speed = _extraction_speed(data, work)
    run(command, work / "cache")
    again, _ = run(command, work / "cache")
    accuracy = _accuracy(out, "fusion")
    return [
        Measured("ESC-10 yamnet svm late, accuracy", accuracy["late"], ">= 0.98"),
        Measured("ESC-10 yamnet svm early, accuracy", accuracy["early"], ">= 0.975"),
        Measured("ESC-10 yamnet from OGG, x real time", speed, ">= 80"),
        Measured("ESC-10 second run, s", again, "<= 10"),
    ]


def _extraction_speed(data: Path, work: Path) -> float:
    """Return the speed from OGG files to the store, in times real time, on all of ESC-10."""
    code = (
        "import sys; from pathlib import Path; import earmark; from earmark.store import EmbeddingStore, embed_clips\n"
        "model = earmark.load_embedding('yamnet'); model.prepare()\n"
        "paths = earmark.load_dataset(sys.argv[1]).paths\n"
        "done = embed_clips(paths, model, EmbeddingStore(sys.argv[2], model.fingerprint))\n"
        "Path(sys.argv[3]).write_text(str(done.audio_seconds / done.wall_seconds))"
    )
    said, store = work / "speed.txt", work / "speed-store"
    run([sys.executable, "-c", code, data / "esc10" / "esc10.csv", store, said], work / "cache")
    return float(said.read_text())


def _accuracy(results: Path, column: str) -> dict[str, float]:
    """Mean file-wise accuracy of a saved comparison, by the values of a column."""
    from earmark import Comparison

    table = Comparison.load(results).table()
    return dict(zip(table[column].astype(str), table["accuracy_mean"].astype(float), strict=True))


def cwru(data: Path, work: Path) -> list[Measured]:
    """How far a split over clips flatters on the bearings."""
    out = work / "cwru"
    table = data / "cwru" / "cwru.csv"
    run([*EARMARK, "compare", table, "--fusion", "late", "--splits", "groups,clips", "-o", out, "-q"], work / "cache")
    means = _accuracy(out, "split")
    return [
        Measured("CWRU yamnet svm late by clip, accuracy", means["clips"], "none"),
        Measured("CWRU yamnet svm late by bearing, accuracy", means["groups"], "none"),
        Measured("CWRU by clip less by bearing", means["clips"] - means["groups"], "none"),
    ]


def two_hours(work: Path) -> list[Measured]:
    """Peak memory while a recording of two hours is embedded."""
    import soundfile

    path, rate = work / "two_hours.flac", 44100
    generator = np.random.default_rng(0)
    minute = 0.1 * generator.standard_normal((60 * rate, 2))
    with soundfile.SoundFile(path, "w", rate, channels=2) as file:
        for _ in range(120):
            file.write(minute)
    seconds, peak = run([*EARMARK, "embed", path, "-o", work / "two_hours", "-q"], work / "cache")
    return [
        Measured("two-hour stereo file, peak memory, MB", peak, "<= 1000"),
        Measured("two-hour stereo file, x real time", 7200 / seconds, "none"),
    ]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "main_job.csv")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is short")
    options = parser.parse_args()
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run([*EARMARK, "demo", "--clips", "10", "-o", work / "demo", "-q"], work / "cache")  # fetches the weights
        for part in (startup(work / "cache"), esc10(options.data, work), cwru(options.data, work), two_hours(work)):
            measured += part
            print(*part, sep="\n", flush=True)
    write(measured, options.output, "torch", "soxr", "soundfile")
    sys.exit(options.check and not all(one.ok for one in measured))


if __name__ == "__main__":
    main()
