"""ESC-50: environmental sounds with official folds; `read_esc` also serves ESC-10, which is a part of it.

The archive has `meta/esc50.csv` (columns filename, fold, target, category, esc10, src_file, take) and the clips in
`audio/` (github.com/karolpiczak/ESC-50). A group is a recording on Freesound, from which one clip or more were cut.
"""

from __future__ import annotations

from pathlib import Path

from earmark.datasets.archives import Archive
from earmark.datasets.dataset import Dataset, DatasetCard, Expected
from earmark.datasets.layout import find_table, held_against_card
from earmark.datasets.named import NamedDataset
from earmark.datasets.table import dataset_of, load_table, read_table, require_columns
from earmark.errors import DatasetError

__all__ = ["ARCHIVE", "CARD", "CITATION", "ENTRY", "LAYOUT", "ORIGIN", "README", "read", "read_esc"]

CITATION = "Piczak: ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015."
ORIGIN = "https://github.com/karolpiczak/ESC-50"
README = "README of ESC-50"
META = Path("meta") / "esc50.csv"
LAYOUT = "the official archive, with meta/esc50.csv and audio/; or {name}.csv or clips.csv with path,label,fold[,group]"

CARD = DatasetCard(
    name="esc50",
    title="Environmental sounds",
    licence="CC BY-NC 3.0",
    citation=CITATION,
    origin=ORIGIN,
    expected=Expected(
        clips=2000,
        classes=50,
        minutes=2000 * 5 / 60,
        source=README,
        class_names=(
            *("dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow"),
            *("rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds"),
            *("water_drops", "wind", "pouring_water", "toilet_flush", "thunderstorm"),
            *("crying_baby", "sneezing", "clapping", "breathing", "coughing"),
            *("footsteps", "laughing", "brushing_teeth", "snoring", "drinking_sipping"),
            *("door_wood_knock", "mouse_click", "keyboard_typing", "door_wood_creaks", "can_opening"),
            *("washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick", "glass_breaking"),
            *("helicopter", "chainsaw", "siren", "car_horn", "engine"),
            *("train", "church_bells", "airplane", "fireworks", "hand_saw"),
        ),
    ),
)

# The archive of a branch changes with each commit, so that of one commit is taken. Several public programs that handle
# it state the same digest.
_COMMIT = "33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6"
ARCHIVE = Archive(
    url=f"{ORIGIN}/archive/{_COMMIT}.zip",
    filename="ESC-50-33c8ce9.zip",
    algorithm="sha256",
    digest="661183a6f53ef04f12c9bd618fed0ddc1713280d6c94a5a5431e844ba6f6a21f",
    stated_by="several public programs that read the same commit",
    size_bytes=645_832_161,
    top=f"ESC-50-{_COMMIT}/",
    wanted=("meta/", "audio/", "LICENSE", "README.md"),
)


def read(folder: Path) -> Dataset:
    """Read it from its folder; see `read_esc`."""
    return read_esc(folder, CARD)


def read_esc(folder: Path, card: DatasetCard, spellings: dict[str, str] | None = None) -> Dataset:
    """Read ESC-50, or the part of it that a card names.

    Parameters
    ----------
    folder : Path
        With the official archive, or with a table.
    card : DatasetCard
        Of ESC-50 or ESC-10; of the official archive the classes of the latter are those marked in column ``esc10``.
    spellings : dict of str to str, optional
        Other names of the classes.

    Returns
    -------
    Dataset
        With official folds in column ``fold``.

    Raises
    ------
    DatasetError
        If there is neither, the folds are not there, or it is another data set.
    """
    table = find_table(folder, card)
    if (folder / META).is_file():
        dataset = _read_official(folder, card)
    elif table is not None:
        dataset = read_table(table, card)
    else:
        raise DatasetError(
            f"{folder}: found no {META.as_posix()}, {card.name}.csv or clips.csv. {card.name} is laid out so: "
            f"{LAYOUT.format(name=card.name)}. If the archive was unpacked into a folder of its own in here, move "
            "what is in that one up."
        )
    if not dataset.has("fold"):
        raise DatasetError(
            f"{dataset.where}: lacks the column fold. {card.name} comes with official folds, and scores on others "
            "cannot be compared: add the column, with the numbers 1 to 5."
        )
    return held_against_card(dataset, card, spellings)


def _read_official(folder: Path, card: DatasetCard) -> Dataset:
    file = folder / META
    clips = load_table(file)
    columns = ("filename", "fold", "category", "esc10", "src_file")
    require_columns(file, clips, columns, f"Take the file as the archive has it ({ORIGIN}).")
    if card.name != CARD.name:
        clips = clips[clips["esc10"] == "True"]
    clips = clips.rename(columns={"category": "label", "src_file": "group"})
    clips["path"] = "audio/" + clips.pop("filename")
    return dataset_of(file, clips, card, root=folder)


ENTRY = NamedDataset(CARD, LAYOUT.format(name=CARD.name), read, ARCHIVE)
