"""The six stand-in tasks by name, and how they are written to disk."""

from __future__ import annotations

import csv
from pathlib import Path

from earmark.datasets.dataset import DatasetCard
from earmark.datasets.pucks import write_wave
from earmark.datasets.standin.engines import ELECTRIC_ENGINE
from earmark.datasets.standin.ensembles import ENSEMBLE_SIZE
from earmark.datasets.standin.instruments import INSTRUMENT_FAMILY
from earmark.datasets.standin.plates import PLASTIC_PUCKS
from earmark.datasets.standin.recipe import Clip, Recipe
from earmark.datasets.standin.slides import METAL_SLIDE
from earmark.datasets.standin.speech_music import SPEECH_MUSIC
from earmark.errors import DatasetError, SettingsError
from earmark.files import replacing

__all__ = ["LARGEST_SCALE", "RECIPES", "STANDIN_TASKS", "write_standin"]

#: How each task is made, in the order of the paper.
RECIPES: dict[str, Recipe] = {
    recipe.card.name: recipe
    for recipe in (
        ENSEMBLE_SIZE,
        INSTRUMENT_FAMILY,
        SPEECH_MUSIC,
        ELECTRIC_ENGINE,
        METAL_SLIDE,
        PLASTIC_PUCKS,
    )
}

#: Facts about each task, by its name.
STANDIN_TASKS: dict[str, DatasetCard] = {name: recipe.card for name, recipe in RECIPES.items()}

LARGEST_SCALE = 10.0


def write_standin(name: str, folder: str | Path, scale: float = 1.0, seed: int = 0) -> Path:
    """Write a stand-in task: ``audio/*.wav`` (16 bit, 22.05 kHz, mono) and then the table ``NAME.csv``.

    The table is written last, and a table that is already there is removed first, so a folder without it is one whose
    making was interrupted. The same arguments give the same bytes.

    Parameters
    ----------
    name : str
        One of `STANDIN_TASKS`.
    folder : str or Path
        Made if need be; files of the same names are replaced. Recordings of a larger scale that lie there already
        stay, but are not in the table.
    scale : float, default 1.0
        Multiplies the number of clips, in (0, 10]. There are never fewer than the protocol of the paper needs: 10
        clips of a class (t1 to t3), or 4 to train on and 2 to test on of each class and noise (t4 to t6). Where these
        are more than the scale asks for, clips are shorter instead, down to 1 second (t6: 3; t5: always 0.4).
    seed : int, default 0
        At least 0.

    Returns
    -------
    Path
        The table with the columns path and label; group, where clips share a player or an object; split, where there
        is a fixed test set; what else is known of a clip; and synthetic, which is true.

    Raises
    ------
    SettingsError
        There is no such task, or an argument is out of its range.
    DatasetError
        The folder cannot be written.
    """
    if name not in RECIPES:
        raise SettingsError(f"there is no stand-in task {name!r}. There are: {', '.join(RECIPES)}.")
    if not 0 < scale <= LARGEST_SCALE or seed < 0:
        raise SettingsError(
            f"Cannot make {name} with scale={scale}, seed={seed}: give a scale above 0 and up to {LARGEST_SCALE:g}, "
            "and a seed of 0 or above."
        )
    folder = Path(folder)
    table = folder / f"{name}.csv"
    try:
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        table.unlink(missing_ok=True)
        _write_table(table, _write_clips(RECIPES[name], folder, scale, seed))
    except OSError as error:
        raise DatasetError(
            f"{folder}: {name} cannot be written here ({error}). Choose a folder that can be written, or make room."
        ) from error
    return table


def _write_clips(recipe: Recipe, folder: Path, scale: float, seed: int) -> list[dict[str, str]]:
    task, seconds = list(RECIPES).index(recipe.card.name), recipe.seconds_at(scale)
    rows = []
    for part_number, part in enumerate(recipe.parts):
        for number in range(part.count(scale)):
            sound = recipe.make(Clip(part, number, seconds, (seed, task, part_number)))
            path = f"audio/{part.name}-{number:03d}.wav"
            write_wave(folder / path, sound.samples)
            split = {"split": part.split} if part.split else {}
            rows.append({"path": path, "label": part.label, **split, **sound.columns, "synthetic": "true"})
    return rows


def _write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
