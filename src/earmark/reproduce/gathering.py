"""All that a study measured, in two tidy tables; everything that is shown is computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from earmark.errors import EarmarkError
from earmark.evaluation import summarise
from earmark.reproduce.keeping import Missing, StudyFolder
from earmark.reproduce.study import FROM_SCRATCH, Study, Unit

if TYPE_CHECKING:
    import pandas as pd

    from earmark.application import Comparison

__all__ = ["StudyResults", "gather"]


@dataclass(frozen=True)
class StudyResults:
    """What a study measured.

    Attributes
    ----------
    study : Study
        The study.
    units : tuple of Unit
        The units that were asked for.
    results, predictions : DataFrame
        The tables of all comparisons (see `Comparison`), where the data set is the task, and the train fraction that
        of the unit.
    missing : mapping of str to Missing
        Units that could not be measured, by their keys.
    protocols : mapping of str to dict
        How each unit was measured, by its key.
    """

    study: Study
    units: tuple[Unit, ...]
    results: pd.DataFrame
    predictions: pd.DataFrame
    missing: Mapping[str, Missing]
    protocols: Mapping[str, dict[str, Any]]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each system on each task; see `summarise`."""
        return summarise(self.results, self.predictions)

    @property
    def synthetic(self) -> list[str]:
        """Tasks whose sounds are made by code."""
        return [task.name for task in self.study.tasks] if self.study.synthetic else []

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks that were asked for, in the order of the study."""
        return [task.name for task in self.study.tasks if any(unit.task == task.name for unit in self.units)]

    @cached_property
    def remarks(self) -> list[str]:
        """What was odd about the clips of each task: not those that were expected, or some left out."""
        found: dict[str, None] = {}
        for unit in self.units:
            if (protocol := self.protocols.get(unit.key)) is None:
                continue
            found |= dict.fromkeys(f"{unit.task}: {note}." for note in protocol["dataset"]["notes"])
            if left_out := len(protocol["left_out"]):
                found[f"{unit.task}, {unit.label}: {left_out} clips could not be read and are left out."] = None
        return list(found)

    def find(self, task: str, embedding: str, classifier: str = "svm") -> Unit | None:
        """Find a unit; networks trained from scratch are found whatever the classifier is called."""
        return next(
            (
                unit
                for unit in self.units
                if (unit.task, unit.embedding) == (task, embedding)
                and (embedding == FROM_SCRATCH or unit.classifier == classifier)
            ),
            None,
        )

    def score(self, unit: Unit | None, fusion: str = "late", train_fraction: float = 0.8) -> Mapping[str, Any] | None:
        """Return the row of the summary of a unit with a fusion and a train fraction, or None if there is none."""
        if unit is None:
            return None
        return self._rows.get((unit.task, unit.label, unit.classifier, fusion, train_fraction))

    @cached_property
    def _rows(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        names = ("dataset", "embedding", "classifier", "fusion", "train_fraction")
        rows: list[dict[Any, Any]] = self.summary.to_dict("records")
        return {tuple(row[name] for name in names): row for row in rows}

    def state(self, unit: Unit) -> str:
        """Tell whether a unit is ``"measured"``, ``"missing data"``, ``"missing weights"`` or ``"not measured"``."""
        if unit.key in self.protocols:
            return "measured"
        return f"missing {self.missing[unit.key].what}" if unit.key in self.missing else "not measured"


def gather(study: Study, kept: StudyFolder, units: Sequence[Unit]) -> StudyResults:
    """Read what is kept of a study; nothing is computed but tables.

    Raises
    ------
    EarmarkError
        If nothing was measured, a unit is damaged, or two units of a task were measured on different clips, or two of
        an embedding with different weights.
    """
    import pandas as pd

    missing = kept.missing
    comparisons = {unit.key: kept.load(unit) for unit in units if unit in kept}
    if not comparisons:
        reasons = sorted({each.reason for unit in units if (each := missing.get(unit.key))})
        raise EarmarkError("\n".join(["nothing could be measured:", *reasons]))
    _check_agree(kept, units, comparisons)
    tables = [_of_unit(unit, comparisons[unit.key]) for unit in units if unit.key in comparisons]
    results, predictions = (pd.concat(each, ignore_index=True) for each in zip(*tables, strict=True))
    protocols = {key: comparison.protocol for key, comparison in comparisons.items()}
    # Noted when it was last tried: what has been measured since is not missing any more.
    missing = {unit.key: missing[unit.key] for unit in units if unit.key in missing and unit.key not in protocols}
    return StudyResults(study, tuple(units), results, predictions, missing, protocols)


def _of_unit(unit: Unit, comparison: Comparison) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Name task and fractions as the study does: it may count fractions of what is not the test set's."""
    asked = comparison.protocol["train_fractions"]
    nominal = dict(zip(asked, unit.train_fractions, strict=True))
    tables = []
    for table in (comparison.results, comparison.predictions):
        fractions = [nominal[min(asked, key=lambda each: abs(each - found))] for found in table["train_fraction"]]
        tables.append(
            table.assign(dataset=unit.task, embedding=unit.label, classifier=unit.classifier, train_fraction=fractions)
        )
    return tables[0], tables[1]


def _check_agree(kept: StudyFolder, units: Sequence[Unit], comparisons: Mapping[str, Comparison]) -> None:
    """Refuse to set side by side what was measured on different clips, or by different networks of one name."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for unit in units:
        if unit.key not in comparisons:
            continue
        protocol = comparisons[unit.key].protocol
        facts = {("clips", unit.task): protocol["dataset"]["digest"]}
        for embedding in protocol["embeddings"]:
            facts["weights or settings", embedding["name"]] = embedding["fingerprint"]["key"]
        for (what, of), digest in facts.items():
            before, key = first.setdefault((what, of), (digest, unit.key))
            if before != digest:
                raise EarmarkError(
                    f"{kept.path(unit)}: was measured with other {what} of {of} than {key}. Remove whichever is "
                    "out of date and run the command again: what was removed is measured anew."
                )
