"""IDMT-ISA-ELECTRIC-ENGINE, task T4: electric engines that are good, broken, or under heavy load.

The archive has clips in `train_cut/` and `test_cut/` (and, not read here, the uncut `train/` and `test/`), in each the
folders `engine1_good`, `engine2_broken` and `engine3_heavyload`. Training clips are clean (`pure_0.wav`); the name of
a test clip begins with the noise that it was recorded in, for example `atmo_high_0.wav`. That layout and those names
were taken from public programs that read the archive, not from the archive itself.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from earmark.datasets.archives import Archive
from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.layout import TABLE_I, layout_of, read_layout
from earmark.datasets.named import NamedDataset

__all__ = ["CARD", "ENTRY", "NOISES", "UNKNOWN", "read"]

CARD = DatasetCard(
    name="idmt-electric-engine",
    title="Operational states of electric engines",
    licence="CC BY-NC-ND 4.0",
    citation="Grollmisch, Abeßer, Liebetrau, Lukashevich: Sounding Industry: Challenges and Datasets for Industrial "
    "Sound Analysis, EUSIPCO 2019.",
    origin="https://zenodo.org/records/7551261",
    task="T4",
    expected=Expected(
        clips=2378,
        classes=3,
        minutes=42.0,
        source=TABLE_I,
        class_names=("good", "broken", "heavy load"),
        fixed_test_set=True,
    ),
)
PARTS = {"train": "train_cut", "test": "test_cut"}
SPELLINGS = {
    "engine1_good": "good",
    "engine2_broken": "broken",
    "engine3_heavyload": "heavy load",
    "heavyload": "heavy load",
}

#: Beginnings of file names, and the noise that they stand for.
NOISES = {
    "pure": "none",
    "talking": "talking",
    "atmo_low": "atmosphere low",
    "atmo_medium": "atmosphere medium",
    "atmo_high": "atmosphere high",
    "whitenoise": "white noise",
    "stresstest": "stress test",
}
UNKNOWN = "unknown"

ARCHIVE = Archive(
    url="https://zenodo.org/records/7551261/files/IDMT-ISA-ELECTRIC-ENGINE.zip?download=1",
    filename="IDMT-ISA-ELECTRIC-ENGINE.zip",
    algorithm="md5",
    digest="88e30729a12090b5df38198795518ea5",
    stated_by="github.com/Mlop-bit/ElectricEngineProject, scripts/download_dataset.py",
    size_bytes=1_527_246_272,
    top="IDMT-ISA-ELECTRIC-ENGINE/",
    wanted=("train_cut/", "test_cut/"),
)


def read(folder: Path) -> Dataset:
    """Read it from its folder.

    Returns
    -------
    Dataset
        With the columns ``split`` (``train``, ``test``) and ``noise``: one of the values of `NOISES`, or ``unknown``
        where the name of the file does not tell.

    Raises
    ------
    DatasetError
        See `earmark.datasets.layout.read_layout`.
    """
    dataset = read_layout(folder, CARD, spellings=SPELLINGS, parts=PARTS)
    if dataset.has("noise"):
        return dataset
    noises = [_noise_of(path) for path in dataset.clips["path"]]
    dataset = replace(dataset, clips=dataset.clips.assign(noise=noises))
    odd = dataset.clips["path"][dataset.clips["noise"] == UNKNOWN]
    if not len(odd):
        return dataset
    note = f"the names of {len(odd)} clips do not tell their noise, the first is {odd.iloc[0]}"
    return replace(dataset, notes=(*dataset.notes, note))


def _noise_of(path: str) -> str:
    name = re.sub(r"[-_\s]+", "_", PurePosixPath(path).stem).casefold()
    return next((noise for beginning, noise in NOISES.items() if name.startswith(beginning)), UNKNOWN)


ENTRY = NamedDataset(CARD, layout_of(CARD, PARTS), read, ARCHIVE)
