"""What is known of an embedding model before any of it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.embeddings.model import EmbeddingModel
    from earmark.embeddings.options import Option

__all__ = ["EmbeddingCard", "Registration"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingCard:
    """Facts about one embedding model.

    Attributes
    ----------
    name : str
        Its name in the registry, such as ``"yamnet"``, with the options that are not as by default.
    version : int
        Raised whenever a number that the model gives would change.
    title : str
        One line for people.
    sample_rate : int
        Rate at which the model hears, in Hz.
    window_seconds, hop_seconds : float
        Length of a frame and step from one to the next, in seconds; 0 where a frame is the whole clip.
    dimension : int
        Values in an embedding.
    padding : str
        What happens at the end of a clip and to clips shorter than a window.
    weights_ids : tuple of str
        Names of its weights in the weights room; none if the model brings its own.
    code_licence, weights_licence : str
        SPDX names where there are any, with remarks where they need one.
    paper : str
        Citation.
    origin : str
        Where the weights come from.
    note : str
        What a user should know before trusting the numbers; may be empty.
    """

    name: str
    version: int
    title: str
    sample_rate: int
    window_seconds: float
    hop_seconds: float
    dimension: int
    padding: str
    weights_ids: tuple[str, ...]
    code_licence: str
    weights_licence: str
    paper: str
    origin: str
    note: str = ""


@dataclass(frozen=True)
class Registration:
    """A card, and how to make the model it speaks of.

    Attributes
    ----------
    card : EmbeddingCard
        Facts about the model.
    load : callable
        Makes the model; called with the options that were chosen.
    options : mapping of str to Option
        What its user may choose.
    """

    card: EmbeddingCard
    load: Callable[..., EmbeddingModel]
    options: Mapping[str, Option] = field(default_factory=dict)
