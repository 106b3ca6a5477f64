"""What a study is: tasks, and the systems that are tried on them.

A study is data. `earmark.reproduce.running` carries it out, `earmark.reproduce.gathering` reads what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from earmark.errors import SettingsError
from earmark.evaluation import FROM_SCRATCH

__all__ = ["FROM_SCRATCH", "Bar", "Chart", "Panel", "Settings", "Study", "Task", "Unit", "chosen", "merged"]


@dataclass(frozen=True)
class Task:
    """A data set with the way in which it is split.

    Attributes
    ----------
    name : str
        Short, for tables: ``"T1"``.
    title : str
        What is to be told apart.
    dataset : str
        Name of the data set, or of a table in the data root.
    split : str
        One of `earmark.evaluation.SPLITS`.
    """

    name: str
    title: str
    dataset: str
    split: str


@dataclass(frozen=True)
class Unit:
    """The smallest piece of work that is kept: a system on a task, with all fusions and train fractions.

    Attributes
    ----------
    task : str
        Name of the task.
    embedding : str
        Name of the embedding, or `FROM_SCRATCH`.
    classifier : str
        Name of the classifier, or of the baseline that is trained from scratch.
    fusions : tuple of str
        Names of fusions.
    train_fractions : tuple of float
        Shares of the clips to train on, the largest first; where the test set is fixed, shares of the clips outside it.
    untrained : bool
        Whether the embedding has random weights.
    experiments : tuple of int
        The experiments that need it, sorted.
    """

    task: str
    embedding: str
    classifier: str
    fusions: tuple[str, ...] = ("late",)
    train_fractions: tuple[float, ...] = (0.8,)
    untrained: bool = False
    experiments: tuple[int, ...] = (1,)

    @property
    def label(self) -> str:
        """Name of the embedding in tables."""
        return f"{self.embedding} (random weights)" if self.untrained else self.embedding

    @property
    def system(self) -> str:
        """Name of embedding and classifier in tables; networks trained from scratch share one."""
        return FROM_SCRATCH if self.embedding == FROM_SCRATCH else f"{self.label} + {self.classifier}"

    @property
    def key(self) -> str:
        """Where it is kept, below the folder of all units: a path of three parts."""
        parts = (self.task, self.embedding, self.classifier)
        return "/".join(re.sub(r"[^\w.=+-]+", "_", part) for part in parts)


@dataclass(frozen=True)
class Bar:
    """One bar in each group of a chart.

    Attributes
    ----------
    title : str
        For the legend.
    embedding : str
        As in a unit; with `FROM_SCRATCH`, each task has its own baseline.
    fusion : str
        Name of the fusion.
    train_fraction : float
        As in a unit.
    """

    title: str
    embedding: str
    fusion: str = "late"
    train_fraction: float = 0.8


@dataclass(frozen=True)
class Panel:
    """A group of bars for each task, and one for their average; the classifier is the linear SVM."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Chart:
    """A figure: panels one below the other."""

    name: str
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a study beside its tasks and units; None leaves it to the protocol.

    Attributes
    ----------
    protocol : str
        Name of a protocol, see `earmark.evaluation.PROTOCOLS`.
    folds, repeats : int, optional
        Of cross-validation, where neither folds nor the test set are given.
    validation_fraction : float, optional
        Share of the clips that is set aside for early stopping of networks trained from scratch.
    fixed_validation_fraction : float, optional
        The same where the test set is fixed, as a share of the clips outside it.
    balanced_test : bool, optional
        Whether test sets are balanced at random.
    net_epochs, baseline_epochs : int, optional
        Epochs of dense nets and, at most, of networks trained from scratch; by default their own.
    seed : int
        Of everything random.
    """

    protocol: str = "earmark"
    folds: int | None = None
    repeats: int | None = None
    validation_fraction: float | None = None
    fixed_validation_fraction: float | None = None
    balanced_test: bool | None = None
    net_epochs: int | None = None
    baseline_epochs: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Study:
    """Tasks and the systems that are tried on them.

    Attributes
    ----------
    name : str
        As in ``earmark reproduce NAME``.
    version : int
        Raised when the same settings no longer give the same numbers.
    title : str
        For reports.
    tasks : tuple of Task
        In the order of tables.
    units : tuple of Unit
        In the order in which they are worked on.
    settings : Settings
        What else decides the numbers.
    charts : tuple of Chart
        Its figures.
    published : bool
        Whether published numbers may stand beside its own.
    synthetic : bool
        Whether its sounds are made by code.
    scale : float
        Size of synthetic tasks.
    """

    name: str
    version: int
    title: str
    tasks: tuple[Task, ...]
    units: tuple[Unit, ...]
    settings: Settings
    charts: tuple[Chart, ...] = ()
    published: bool = False
    synthetic: bool = False
    scale: float = 1.0

    def describe(self) -> dict[str, Any]:
        """Write down what must agree for results to stand in one folder, ready for JSON."""
        facts = {"study": self.name, "version": self.version, "synthetic": self.synthetic, "scale": self.scale}
        return facts | {"settings": asdict(self.settings), "tasks": [asdict(task) for task in self.tasks]}

    def task(self, name: str) -> Task:
        """Find a task by its name."""
        return next(task for task in self.tasks if task.name == name)


def merged(units: Iterable[Unit]) -> tuple[Unit, ...]:
    """Bring together what several experiments ask of one system on one task, in the order of the first."""
    found: dict[str, Unit] = {}
    for unit in units:
        before = found.get(unit.key, unit)
        found[unit.key] = replace(
            unit,
            fusions=tuple(sorted({*before.fusions, *unit.fusions}, reverse=True)),
            train_fractions=tuple(sorted({*before.train_fractions, *unit.train_fractions}, reverse=True)),
            experiments=tuple(sorted({*before.experiments, *unit.experiments})),
        )
    return tuple(found.values())


def chosen(study: Study, experiments: Iterable[int] = (), tasks: Iterable[str] = ()) -> tuple[Unit, ...]:
    """Choose the units of some experiments and tasks.

    Parameters
    ----------
    study : Study
    experiments : iterable of int
        Their numbers; none for all.
    tasks : iterable of str
        Their names; none for all.

    Raises
    ------
    SettingsError
        If there is no such experiment or task.
    """
    experiments, tasks = tuple(experiments), tuple(tasks)
    known = sorted({number for unit in study.units for number in unit.experiments})
    names = [task.name for task in study.tasks]
    for what, wanted, there in (("experiment", experiments, known), ("task", tasks, names)):
        if odd := [each for each in wanted if each not in there]:
            raise SettingsError(
                f"the study {study.name} has no {what} {odd[0]}. There are: {', '.join(map(str, there))}."
            )
    return tuple(
        unit
        for unit in study.units
        if (not experiments or set(unit.experiments) & set(experiments)) and (not tasks or unit.task in tasks)
    )
