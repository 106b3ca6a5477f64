"""The folder of a study: a part for each unit that has been measured, and what keeps studies from being mixed.

::

    OUT/
    ├── study.json        what must agree for results to stand in one folder
    ├── missing.json      units that could not be measured, and why
    ├── units/T1/yamnet/svm/{results,predictions}.parquet, protocol.json
    ├── sounds/           the stand-in suite
    └── tables, figures and the report, made of units/ alone

A unit appears whole or not at all, so a killed run loses the one that it was at.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.application import Comparison
from earmark.errors import EarmarkError, SettingsError
from earmark.files import TEMPORARY_PREFIX, advice, replacing
from earmark.reproduce.study import Study, Unit

__all__ = ["Missing", "StudyFolder"]

_STUDY, _MISSING, _UNITS = "study.json", "missing.json", "units"


@dataclass(frozen=True)
class Missing:
    """Why a unit could not be measured.

    Attributes
    ----------
    what : {"data", "weights"}
        What is not there.
    reason : str
        Where it was looked for and how to get it.
    """

    what: str
    reason: str


class StudyFolder:
    """Where a study's results are kept.

    Parameters
    ----------
    folder : Path
        Made if need be.
    study : Study
        The study.

    Raises
    ------
    SettingsError
        If the folder holds results of another study or version, or something else altogether.
    EarmarkError
        If it cannot be read or written.
    """

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder = folder
        wanted = study.describe()
        try:
            if (folder / _STUDY).exists():
                _check_same(folder, json.loads((folder / _STUDY).read_text(encoding="utf-8")), wanted)
                return
            if folder.exists() and any(not each.name.startswith(TEMPORARY_PREFIX) for each in folder.iterdir()):
                raise SettingsError(
                    f"{folder}: is not empty and holds no study (there is no {_STUDY}). Name a new folder with -o; "
                    "nothing was touched."
                )
            folder.mkdir(parents=True, exist_ok=True)
            _write_json(folder / _STUDY, wanted)
        except OSError as error:
            raise EarmarkError(
                f"{folder}: cannot be used for results ({error.strerror}). {advice(error)}, or name another folder."
            ) from error
        except ValueError as error:
            if isinstance(error, EarmarkError):
                raise
            raise EarmarkError(
                f"{folder / _STUDY}: is damaged ({error}). Put it back from a copy, or name another folder with -o; "
                "nothing was touched."
            ) from error

    def __contains__(self, unit: Unit) -> bool:
        return self.path(unit).is_dir()

    def path(self, unit: Unit) -> Path:
        """Where a unit is kept."""
        return self.folder / _UNITS / unit.key

    def keep(self, unit: Unit, comparison: Comparison) -> None:
        """Keep what was measured of a unit; it appears whole or not at all. What is kept already stays."""
        place = self.path(unit)
        temporary = place.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
        try:
            comparison.save_tables(temporary)
            temporary.rename(place)
        except OSError as error:
            if unit in self:  # another run in the same folder was quicker
                return
            raise EarmarkError(f"{place}: cannot be written ({error.strerror}). {advice(error)}.") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def load(self, unit: Unit) -> Comparison:
        """Read what was measured of a unit.

        Raises
        ------
        EarmarkError
            If it is damaged; all others are left as they are.
        """
        try:
            comparison = Comparison.load(self.path(unit))
            _check_unit(unit, comparison)
        except (EarmarkError, LookupError, TypeError, AttributeError) as error:
            raise EarmarkError(
                f"{self.path(unit)}: is damaged or was half copied ({error.__cause__ or error}). Remove this folder "
                "and run the command again: it alone is measured anew."
            ) from error
        return comparison

    @property
    def missing(self) -> dict[str, Missing]:
        """Units that could not be measured when it was last tried, by their keys."""
        try:
            stated = json.loads((self.folder / _MISSING).read_text(encoding="utf-8"))
            return {key: Missing(**each) for key, each in stated.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise EarmarkError(
                f"{self.folder / _MISSING}: is damaged ({error}). Remove it: the next run writes it again."
            ) from error

    def note_missing(self, missing: dict[str, Missing]) -> None:
        """Note which units cannot be measured, and why."""
        _write_json(self.folder / _MISSING, {key: vars(each) for key, each in sorted(missing.items())})


def _check_unit(unit: Unit, comparison: Comparison) -> None:
    """Refuse results that are another unit's: they are shown under the name of their folder."""
    protocol, results, predictions = comparison.protocol, comparison.results, comparison.predictions
    for name in ("created", "versions", "left_out", "embeddings"):
        protocol[name]
    for name in ("digest", "clips", "notes"):
        protocol["dataset"][name]
    for name in ("path", "label", "predicted"):
        predictions[name]
    for what, there, wanted in (
        ("embedding", set(map(_plain, results["embedding"])), {_plain(unit.label)}),
        ("classifier", {name.split(":")[0] for name in results["classifier"]}, {unit.classifier}),
        ("fusion", set(results["fusion"]), set(unit.fusions)),
        ("number of train fractions", {len(protocol["train_fractions"])}, {len(unit.train_fractions)}),
    ):
        if there != wanted:
            raise EarmarkError(f"the {what} is not that of {unit.key}")


def _plain(embedding: str) -> tuple[str, bool]:
    """Give a name without its options, which results spell out, and whether its weights are random."""
    return re.split("[: ]", embedding)[0], embedding.endswith("(random weights)")


def _check_same(folder: Path, found: Any, wanted: dict[str, Any]) -> None:
    """Refuse results that were made in another way."""
    if not isinstance(found, dict) or "study" not in found:
        raise SettingsError(f"{folder / _STUDY}: describes no study. Name a new folder with -o; nothing was touched.")
    wanted = json.loads(json.dumps(wanted))
    if found == wanted:
        return
    differs = next(key for key in (*wanted, *found) if found.get(key) != wanted.get(key))
    raise SettingsError(
        f"{folder}: holds results of {found['study']}, protocol version {found.get('version')}, with {differs} "
        f"{_short(found.get(differs))}; this run has {_short(wanted.get(differs))}. Results of both cannot stand "
        "together: name another folder with -o. Nothing was touched."
    )


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _write_json(file: Path, content: object) -> None:
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
