"""Tiny excerpts of the named data sets in the layouts that docs/data.md describes, for the tests to write."""

import csv
import io
from pathlib import Path

import numpy as np
import soundfile

from earmark.datasets import dataset_card

RATE = 8000
#: Names of classes where the real ones are not known.
MADE_UP = ("first", "second", "third", "fourth", "fifth")


def write_clip(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.random.default_rng(seed).uniform(-1, 1, RATE // 4), RATE)


def classes_of(name: str) -> tuple[str, ...]:
    expected = dataset_card(name).expected
    return expected.class_names or MADE_UP[: expected.classes]


def write_excerpt(name: str, folder: Path, clips: int = 2) -> Path:
    """Write so many clips of each class (and part) as the documented folder layout has them; gives the folder."""
    if name.startswith("esc"):
        return write_esc(folder, classes_of(name), clips)
    parts = [""]
    if dataset_card(name).expected.fixed_test_set:
        parts = ["train_cut", "test_cut"] if name == "idmt-electric-engine" else ["train", "test"]
    seed = 0
    for part in parts:
        for label in classes_of(name):
            for clip in range(clips):
                stem = {"train_cut": f"pure_{clip}", "test_cut": f"atmo_low_{clip}"}.get(part, str(clip))
                write_clip(folder / part / label / f"{stem}.wav", seed := seed + 1)
    return folder


def write_table(name: str, folder: Path, file: str, clips: int = 2, **columns: str) -> Path:
    """Write so many clips of each class (and part), and the table that lists them; gives the folder."""
    fixed = dataset_card(name).expected.fixed_test_set
    rows = []
    for label in classes_of(name):
        for part in ("train", "test") if fixed else ("",):
            for clip in range(clips):
                path = f"sounds/{label}-{part}-{clip}.wav"
                write_clip(folder / path, len(rows))
                row = {"path": path, "label": label} | ({"split": part} if fixed else {}) | columns
                rows.append(row | ({"fold": str(clip % 5 + 1)} if name.startswith("esc") else {}))
    with (folder / file).open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def write_esc(folder: Path, categories: tuple[str, ...], clips: int = 2, esc10: str = "True", first: int = 0) -> Path:
    """Write an official archive of ESC-50 as it lies once it is unpacked."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(("filename", "fold", "target", "category", "esc10", "src_file", "take"))
    for target, category in enumerate(categories, start=first):
        for clip in range(clips):
            fold, source = clip % 5 + 1, 1000 * target + clip
            filename = f"{fold}-{source}-A-{target}.wav"
            write_clip(folder / "audio" / filename, source)
            writer.writerow((filename, fold, target, category, esc10, source, "A"))
    (folder / "meta").mkdir()
    (folder / "meta" / "esc50.csv").write_text(lines.getvalue(), encoding="utf-8")
    return folder
