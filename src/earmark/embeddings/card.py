"""What is known of an embedding model before any of it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.embeddings.model import EmbeddingModel

__all__ = ["EmbeddingCard", "Registration"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingCard:
    """Facts about one embedding model.

    Attributes
    ----------
    name : str
        Its name in the registry, such as ``"yamnet"``.
    version : int
        Raised whenever a number that the model gives would change.
    title : str
        One line for people.
    sample_rate : int
        Rate at which the model hears, in Hz.
    window_seconds, hop_seconds : float
        Length of a frame and step from one to the next, in seconds.
    dimension : int
        Values in an embedding.
    padding : str
        What happens at the end of a clip and to clips shorter than a window.
    weights_id : str
        Name of its weights in the weights room.
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
    weights_id: str
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
        Makes the model; called without arguments.
    """

    card: EmbeddingCard
    load: Callable[[], EmbeddingModel]
