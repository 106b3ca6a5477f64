"""How a stand-in task is described: its parts, how many clips each has, and who makes their sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from earmark.datasets.dataset import DatasetCard
from earmark.datasets.pucks import generator_of
from earmark.datasets.standin.synthesis import Curve

__all__ = ["Clip", "Part", "Recipe", "Sound", "standin_card"]


def standin_card(task: str, title: str) -> DatasetCard:
    """Return the card of a stand-in, such as that of "t1"."""
    return DatasetCard(
        name=f"standin-{task}",
        title=f"{title[0].upper()}{title[1:]}",
        licence="CC0-1.0 (made by code)",
        citation=f"The earmark developers: standin-{task}, {title}, made by earmark itself.",
        synthetic=True,
    )


@dataclass(frozen=True)
class Part:
    """Clips of one class, and where there is a fixed test set, of one side of it under one condition.

    Attributes
    ----------
    label : str
        Class of the clips.
    clips : int
        How many there are at scale 1.
    least : int
        How many there are at any scale: what the protocol of the paper needs.
    split : str
        ``"train"`` or ``"test"``; empty without a fixed test set.
    condition : str
        Condition of recording; may be empty.
    """

    label: str
    clips: int
    least: int
    split: str = ""
    condition: str = ""

    def count(self, scale: float) -> int:
        """Return the number of clips at a scale."""
        return max(self.least, round(scale * self.clips))

    @property
    def name(self) -> str:
        """Beginning of the names of its files."""
        return "-".join(filter(None, (self.label, self.split, self.condition)))


@dataclass(frozen=True)
class Clip:
    """What decides how a clip sounds, apart from its class.

    Attributes
    ----------
    part : Part
        The part that it belongs to.
    number : int
        Its number within the part, from 0.
    seconds : float
        How long it shall be, or the longest that it may be.
    key : tuple of int
        Seed of the data set, and numbers of the task and the part within it.
    """

    part: Part
    number: int
    seconds: float
    key: tuple[int, int, int]

    def own(self) -> np.random.Generator:
        """Return the generator of this clip alone; it does not depend on how many clips there are."""
        return generator_of(*self.key, 0, self.number)

    def shared(self, among: int) -> np.random.Generator:
        """Return the generator of the player or object of the clip: each part has `among` of them, taken in turn."""
        return generator_of(*self.key, 1, self.number % among)


@dataclass(frozen=True)
class Sound:
    """A clip as made.

    Attributes
    ----------
    samples : ndarray, shape (samples,)
        Within [-1, 1].
    columns : dict of str to str
        Further columns of the table, the same ones for every clip of a task.
    """

    samples: Curve
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A stand-in task.

    Attributes
    ----------
    card : DatasetCard
        Facts about it.
    parts : tuple of Part
        Its parts; each class stands in at least one.
    seconds, least_seconds : float
        Length of a clip (of the longest clip, where lengths differ) at scale 1, and at the least.
    make : callable
        Makes the sound of a clip.
    """

    card: DatasetCard
    parts: tuple[Part, ...]
    seconds: float
    least_seconds: float
    make: Callable[[Clip], Sound]

    def seconds_at(self, scale: float) -> float:
        """Return the length of clips: shorter where fewer clips would be needed than the protocol allows."""
        wanted = scale * sum(part.clips for part in self.parts)
        share = min(1.0, wanted / sum(part.least for part in self.parts))
        return max(self.least_seconds, self.seconds * share)
