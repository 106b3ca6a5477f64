"""What all benchmarks share: a target with what was measured, and the file that keeps it."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


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
        return f"{self.name:<52} {self.value:>10.4g} {self.target:>10} {'ok' if self.ok else 'short'}"


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


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
