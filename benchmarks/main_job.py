"""Measure what the documentation claims of the main job, from files to the report.

Prints one line for each target (``name measured target ok|short``) and writes them, with machine, versions and commit,
to ``benchmarks/results/main_job.csv``. With ``--check`` it exits 1 when one is short. It needs ESC-10 and the CWRU
recordings (``--data``: a folder with ``esc10/esc10.csv`` and ``cwru/cwru.csv``), and an otherwise idle machine.
``--tiny`` takes one clip of ESC-10 of four, to see that it runs: its figures mean nothing.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from measuring import EARMARK, Measured, arguments, finish, run

#: What ``earmark compare --verbose`` says when a step is done: its title, and how long it took in seconds.
STEP_DONE = re.compile(r"^(Reading files|Embedding with|Training and testing).*?: .*? in ([\d.]+) s")


def startup(cache: Path) -> list[Measured]:
    """Time to the help page, and of the import (above that of Python alone); the median of nine."""

    def median(command: Sequence[object]) -> float:
        return float(np.median([run(command, cache)[0] for _ in range(9)]))

    bare = median([sys.executable, "-c", "pass"])
    return [
        Measured("earmark --help, s", median([*EARMARK, "--help"]), "<= 0.3"),
        Measured("import earmark, s", median([sys.executable, "-c", "import earmark"]) - bare, "<= 0.2"),
    ]


def esc10(table: Path, work: Path) -> list[Measured]:
    """Where the time of a first run goes, extraction speed, a second run, and accuracy on the official folds."""
    out = work / "esc10"
    command = [*EARMARK, "compare", table, "--fusion", "late,early", "-o", out]
    speed = _extraction_speed(table, work)
    measured = stages([*command, "--verbose"], work / "cache")
    again, _ = run([*command, "-q"], work / "cache")
    accuracy = _accuracy(out, "fusion")
    return [
        *measured,
        Measured("ESC-10 second run, s", again, "<= 10"),
        Measured("ESC-10 yamnet from OGG, x real time", speed, ">= 80"),
        Measured("ESC-10 yamnet svm late, accuracy", accuracy["late"], ">= 0.98"),
        Measured("ESC-10 yamnet svm early, accuracy", accuracy["early"], ">= 0.975"),
    ]


def stages(command: Sequence[object], cache: Path) -> list[Measured]:
    """Split the wall time of ``earmark compare --verbose`` by when it says that its steps are done.

    Start-up ends where the first file is read; loading of the network counts as extraction; training goes on until
    the last clip is tested; the report is what follows, up to the end of the process.
    """
    environment = os.environ | {"EARMARK_CACHE": str(cache), "COLUMNS": "200"}
    words, done = [str(part) for part in command], dict[str, tuple[float, float]]()
    started = time.perf_counter()
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if said := STEP_DONE.match(line):
                done[said[1]] = time.perf_counter() - started, float(said[2])
    end = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(words)}")
    (read, reading), (extracted, _), (trained, _) = done.values()
    startup, name = read - reading, "ESC-10 first run"
    return [
        Measured(f"{name}, s", end, "none"),
        Measured(f"{name}, start-up, s", startup, "none"),
        Measured(f"{name}, extraction, s", extracted - startup, "none"),
        Measured(f"{name}, training and testing, s", trained - extracted, "none"),
        Measured(f"{name}, report, s", end - trained, "none"),
        Measured(f"{name}, start-up and report, s", startup + end - trained, "<= 8"),
    ]


def _extraction_speed(table: Path, work: Path) -> float:
    """Return the speed from OGG files to the store, in times real time, on all of ESC-10."""
    code = (
        "import sys; from pathlib import Path; import earmark; from earmark.store import EmbeddingStore, embed_clips\n"
        "model = earmark.load_embedding('yamnet'); model.prepare()\n"
        "paths = earmark.load_dataset(sys.argv[1]).paths\n"
        "done = embed_clips(paths, model, EmbeddingStore(sys.argv[2], model.fingerprint))\n"
        "Path(sys.argv[3]).write_text(str(done.audio_seconds / done.wall_seconds))"
    )
    said, store = work / "speed.txt", work / "speed-store"
    run([sys.executable, "-c", code, table, store, said], work / "cache")
    return float(said.read_text())


def _accuracy(results: Path, column: str) -> dict[str, float]:
    """Mean file-wise accuracy of a saved comparison, by the values of a column."""
    from earmark import Comparison

    table = Comparison.load(results).table()
    return dict(zip(table[column].astype(str), table["accuracy_mean"].astype(float), strict=True))


def cwru(table: Path, work: Path) -> list[Measured]:
    """How far a split over clips flatters on the bearings."""
    out = work / "cwru"
    run([*EARMARK, "compare", table, "--fusion", "late", "--splits", "groups,clips", "-o", out, "-q"], work / "cache")
    means = _accuracy(out, "split")
    return [
        Measured("CWRU yamnet svm late by clip, accuracy", means["clips"], "none"),
        Measured("CWRU yamnet svm late by bearing, accuracy", means["groups"], "none"),
        Measured("CWRU by clip less by bearing", means["clips"] - means["groups"], "none"),
    ]


def one_of_four(table: Path, work: Path) -> Path:
    """Make a table of one clip of four."""
    part = work / table.name
    with table.open(newline="") as rows, part.open("w", newline="") as out:
        reader = csv.DictReader(rows)
        writer = csv.DictWriter(out, reader.fieldnames or [])
        writer.writeheader()
        writer.writerows([row | {"path": table.parent / row["path"]} for row in list(reader)[::4]])
    return part


def main() -> None:
    """Measure, print, write."""
    options = arguments(__doc__, "main_job")
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        clips, bearings = (options.data / name / f"{name}.csv" for name in ("esc10", "cwru"))
        if options.tiny:
            clips = one_of_four(clips, work)
        run([*EARMARK, "demo", "--clips", "10", "-o", work / "demo", "-q"], work / "cache")  # fetches the weights
        for part in (startup(work / "cache"), esc10(clips, work), cwru(bearings, work)):
            measured += part
            print(*part, sep="\n", flush=True)
    finish(measured, options, "openvino", "torch", "soxr", "soundfile")


if __name__ == "__main__":
    main()
