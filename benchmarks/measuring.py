"""What all benchmarks share: a target with what was measured, fresh processes, and the file that keeps the figures."""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
EARMARK = [sys.executable, "-m", "earmark"]


@dataclass(frozen=True)
class Measured:
    """One target and what was measured."""

    name: str
    value: float
    target: str

    @property
    def ok(self) -> bool:
        """Whether the target is met, if there is one."""
        if self.target == "none":
            return True
        sign, limit = self.target.split()
        return self.value >= float(limit) if sign == ">=" else self.value <= float(limit)

    def __str__(self) -> str:
        return f"{self.name:<84} {self.value:>10.4g} {self.target:>10} {'ok' if self.ok else 'short'}"


def arguments(description: str | None, results: str, *, full: str = "") -> argparse.Namespace:
    """Read the arguments that all benchmarks have.

    Parameters
    ----------
    description : str
        What the benchmark is for.
    results : str
        Name of the file below ``benchmarks/results`` that keeps its figures, without ``.csv``; those of ``--full`` have
        a file of their own.
    full : str
        What ``--full`` measures instead; a benchmark without it has everything in its default run.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with esc10 and cwru")
    parser.add_argument("--output", type=Path, help="file for the figures (default: in benchmarks/results)")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is short")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to see that it runs; keeps no figures")
    if full:
        parser.add_argument("--full", action="store_true", help=full)
    options = parser.parse_args()
    options.full = bool(full) and options.full
    if not (options.output or options.tiny):
        options.output = RESULTS / f"{results}{'_full' if options.full else ''}.csv"
    return options


def finish(measured: Sequence[Measured], options: argparse.Namespace, *packages: str) -> None:
    """Write all figures and leave: with 1 if a target is short and that was asked for."""
    if options.output:
        write(measured, options.output, *packages)
    sys.exit(options.check and not all(one.ok for one in measured))


def write(measured: Sequence[Measured], file: Path, *packages: str) -> None:
    """Write all figures with what they were measured on; `packages` are those whose versions matter besides."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    } | {package: version(package) for package in ("earmark", "numpy", "scikit-learn", *packages)}
    file.parent.mkdir(exist_ok=True)
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["name", "measured", "target", "verdict", *facts])
        for one in measured:
            writer.writerow([one.name, f"{one.value:.5g}", one.target, "ok" if one.ok else "short", *facts.values()])


def in_own_process(function: Callable[..., list[Measured]], *arguments: object) -> list[Measured]:
    """Call a function in a fresh process, print what it measured and return it.

    What one part loads and holds then costs another neither time nor memory. The calling process stays small: a
    process that is begun inherits the peak memory of the one that began it.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        measured = pool.apply(function, arguments)
    for one in measured:
        print(one, flush=True)
    return measured


def run(command: Sequence[object], cache: Path | None = None) -> tuple[float, float]:
    """Run a command, with a cache of its own if one is given; return wall time in seconds and peak memory in MB."""
    started = time.perf_counter()
    environment = os.environ | ({"EARMARK_CACHE": str(cache)} if cache else {})
    process = subprocess.Popen([str(part) for part in command], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(str(part) for part in command)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def peak_memory() -> float:
    """Return the peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def anonymous_peak() -> Iterator[Callable[[], float]]:
    """Watch the memory of this process that is no file's; give a function that says the most there was, in MB.

    Rows that are mapped from a file lie in memory only as long as there is room for them. Linux alone tells the two
    kinds apart.
    """
    most, over = 0.0, Event()

    def watch() -> None:
        nonlocal most
        while not over.is_set():
            lines = Path("/proc/self/status").read_text().splitlines()
            most = max([most, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))])
            over.wait(0.02)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: most
    finally:
        over.set()
        watcher.join()


def cpu_flags() -> frozenset[str]:
    """Return what Linux says that the processor can do."""
    return frozenset(next((line for line in _cpuinfo() if line.startswith("flags")), "").split())


def _processor() -> str:
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []
