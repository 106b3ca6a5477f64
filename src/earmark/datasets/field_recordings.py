"""Ethnomusicological field recordings, task T3: speech, choir, solo singing, music.

The SeFiRe clips of 5 s lie in a repository as `samples/00001.mp3`, ..., with `samples/sample labels.txt` beside them:
a line of tab-separated names `Filename` and `Label`, and one letter a clip as the README explains them (s speech,
1 solo singing, 2 choir, i instrumental, x noise). They are fewer than the paper's: the repository also lists clips of
recordings elsewhere (`external samples/`) that everybody must cut for themselves. Those can be added by a table.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.layout import TABLE_I, find_table, held_against_card, layout_of, read_layout
from earmark.datasets.named import NamedDataset
from earmark.datasets.table import dataset_of, load_table, require_columns

__all__ = ["CARD", "ENTRY", "read"]

CARD = DatasetCard(
    name="field-recordings",
    title="Speech and music in field recordings",
    licence="none by name; its README: free to use for research, with the citation",
    citation="Marolt, Bohak, Kavčič, Pesek: Automatic segmentation of ethnomusicological field recordings, "
    "Applied Sciences 9 (3), 439, 2019.",
    origin="https://github.com/matijama/field-recording-db",
    task="T3",
    expected=Expected(
        clips=7527,
        classes=4,
        minutes=577.0,
        source=TABLE_I,
        class_names=("speech", "choir", "solo singing", "music"),
    ),
)
SPELLINGS = {
    "s": "speech",
    "1": "solo singing",
    "2": "choir",
    "i": "music",
    "solo": "solo singing",
    "choir singing": "choir",
    "instrumental": "music",
}
LABELS = Path("samples") / "sample labels.txt"
NOISE = "x"


def read(folder: Path) -> Dataset:
    """Read it from a copy of the repository, else as `earmark.datasets.layout.read_layout` does."""
    if (folder / LABELS).is_file() and find_table(folder, CARD) is None:
        return _read_repository(folder)
    return read_layout(folder, CARD, spellings=SPELLINGS)


def _read_repository(folder: Path) -> Dataset:
    labels = folder / LABELS
    clips = load_table(labels, separator="\t")
    require_columns(labels, clips, ("Filename", "Label"), f"Take the file as the repository has it ({CARD.origin}).")
    clips = clips.rename(columns={"Filename": "path", "Label": "label"})
    noise = clips["label"] == NOISE
    dataset = held_against_card(dataset_of(labels, clips[~noise], CARD), CARD, SPELLINGS)
    note = f"{int(noise.sum())} clips labelled {NOISE} (noise) were passed over: noise is no class of the task"
    return replace(dataset, notes=(note, *dataset.notes)) if noise.any() else dataset


ENTRY = NamedDataset(CARD, f"a copy of the repository, with samples/sample labels.txt; or {layout_of(CARD)}", read)
