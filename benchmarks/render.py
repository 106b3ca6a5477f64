"""Render ``docs/benchmarks.md`` and its figure from ``benchmarks/results/*.csv``.

What is said of the figures stands in ``benchmarks.md.j2`` beside this file; the figures themselves come from the CSV
files alone.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from measuring import RESULTS, ROOT

TEMPLATE = Path(__file__).with_name("benchmarks.md.j2")
FIGURE = "benchmarks-growth.svg"
#: Columns of the CSV files that are not versions of packages.
ROW = ("name", "measured", "target", "verdict", "date", "commit", "processor", "cores", "python")
NOT_MEASURED = "*Not measured so far.*"
SOLVE = re.compile(r"SVM (\d+) x 512 x (\d+) folds, s")


@dataclass(frozen=True)
class Figure:
    """One row of a CSV file."""

    name: str
    value: float
    target: str
    verdict: str

    @property
    def shown(self) -> str:
        """The value as a reader wants it."""
        if self.value >= 1000:
            return f"{self.value:.0f}"
        return f"{self.value:.5f}".rstrip("0") if 0.9 < self.value < 1 else f"{self.value:.3g}"

    @property
    def wanted(self) -> str:
        """The target; nothing if there is none."""
        return "" if self.target == "none" else self.target.replace(">=", "≥").replace("<=", "≤")

    @property
    def cell(self) -> str:
        """The value, and the target with what came of it."""
        return f"{self.shown} ({self.wanted}: {self.verdict})" if self.wanted else self.shown


class Results:
    """The figures of one benchmark, as its template asks for them; each is shown in one table."""

    def __init__(self, file: Path) -> None:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) if file.exists() else []
        self.figures = {
            row["name"]: Figure(row["name"], float(row["measured"]), row["target"], row["verdict"]) for row in rows
        }
        self._first, self._left = rows[0] if rows else {}, dict(self.figures)

    def __contains__(self, name: str) -> bool:
        return name in self.figures

    def __getitem__(self, name: str) -> str:
        """Return a value, for a sentence."""
        return self.figures[name].shown

    @property
    def left(self) -> bool:
        """Whether there are figures that no table had so far."""
        return bool(self._left)

    def number(self, name: str) -> float:
        """Return a value, to be reckoned with."""
        return self.figures[name].value

    def facts(self) -> str:
        """Say what was measured on what."""
        if not self._first:
            return NOT_MEASURED
        row = self._first
        versions = ", ".join(f"{package} {row[package]}" for package in row if package not in ROW)
        machine = f"{row['processor']}, {row['cores']} cores; commit {row['commit']}, {row['date']}"
        return f"*{machine}; Python {row['python']}, {versions}.*"

    def table(self, pattern: str = "") -> str:
        """Show the figures whose names match and that no table had so far, one a line."""
        taken = [self._left.pop(name) for name in list(self._left) if re.match(pattern, name)]
        if not taken:
            return NOT_MEASURED
        lines = [(each.name, each.shown, each.wanted, each.verdict if each.wanted else "") for each in taken]
        return _markdown(("what", "measured", "target", "verdict"), lines)

    def across(self, pattern: str, what: str) -> str:
        """Show the figures whose whole names match, the pattern's first group as the line, its second as the column."""
        cells: dict[str, dict[str, str]] = {}
        for name in list(self._left):
            if found := re.fullmatch(pattern, name):
                cells.setdefault(found[1], {})[found[2]] = self._left.pop(name).cell
        if not cells:
            return NOT_MEASURED
        columns = list(dict.fromkeys(column for line in cells.values() for column in line))
        lines = [(line, *(own.get(column, "") for column in columns)) for line, own in cells.items()]
        return _markdown((what, *columns), lines)


def _markdown(heading: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    head = list(heading)
    ruled = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in ruled)


def growth_figure(cross_validation: Results) -> str:
    """Draw the time of a solve over frames and over training sets, as SVG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    from earmark.report.figures import GRID, GROUND, MUTED, PALETTE, STYLE
    from earmark.report.svg import to_svg

    found = [(SOLVE.fullmatch(name), each.value) for name, each in cross_validation.figures.items()]
    solves = [(int(match[1]), int(match[2]), seconds) for match, seconds in found if match]
    several = max((frames for frames, count, _ in solves if count != 10), default=0)
    over_frames = sorted((frames, seconds) for frames, count, seconds in solves if count == 10)
    over_sets = sorted((count, seconds) for frames, count, seconds in solves if frames == several)
    with rc_context(STYLE):
        figure = Canvas(figsize=(9, 3.4), layout="constrained", facecolor=GROUND)
        left, right = figure.subplots(1, 2)
        for axes, points, colour in ((left, over_frames, PALETTE[0]), (right, over_sets, PALETTE[1])):
            axes.plot(*zip(*points, strict=True), "o-", color=colour, linewidth=1.8, zorder=3)
            axes.grid(color=GRID, linewidth=0.6)
            axes.tick_params(length=0, which="both")
            axes.spines[:].set_visible(False)
            axes.set_facecolor(GROUND)
            axes.set_ylabel("Seconds")
        (first, _), (last, seconds) = over_frames[0], over_frames[-1]
        left.loglog([first, last], [seconds * first / last, seconds], "--", color=MUTED, label="in proportion")
        left.legend(frameon=False)
        for axis in (left.xaxis, left.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
        left.set(title="More frames (10 training sets)", xlabel="Frames of 512 values", xticks=[10**4, 10**5, 10**6])
        left.set_xticklabels(["10 000", "100 000", "1 000 000"])
        right.set(title=f"More training sets ({several} frames)", xlabel="Training sets", ylim=(0, None))
        right.set_xticks([count for count, _ in over_sets])
    return to_svg(figure)


def main() -> None:
    """Read the results, write the page and its figure."""
    from jinja2 import Environment, StrictUndefined

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder for the page and its figure")
    options = parser.parse_args()
    names = ("extraction", "extraction_full", "cross_validation", "dense_nets", "dense_nets_full", "main_job")
    results = {name: Results(options.results / f"{name}.csv") for name in names}
    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(results, figure=FIGURE)
    (options.docs / "benchmarks.md").write_text(page, encoding="utf-8")
    (options.docs / FIGURE).write_text(growth_figure(results["cross_validation"]), encoding="utf-8")


if __name__ == "__main__":
    main()
