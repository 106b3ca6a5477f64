"""Options of embedding models, and how they are written into a name.

A model with options is called by its name with the options behind it: ``vggish:hop=0.48:resampler=resampy-0.2``.
So it can be named wherever an embedding is named, on the command line, in tables and in trained classifiers, and two
settings of one model stand side by side in a comparison.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from earmark.audio import RESAMPLERS
from earmark.embeddings.card import EmbeddingCard
from earmark.errors import SettingsError
from earmark.runtime import RUNTIMES

__all__ = [
    "RESAMPLER",
    "RUNTIME",
    "Option",
    "Value",
    "choice",
    "flag",
    "hop",
    "layers",
    "read_options",
    "seconds",
    "spelled",
    "split_name",
    "steps",
]

Value = float | bool | str | tuple[str, ...]

# The value may hold colons, as in paths of Windows; a colon counts only where an option follows.
_BEFORE_OPTION = re.compile(r":(?=[a-z_]+=)")


@dataclass(frozen=True)
class Option:
    """Something about a model that its user may choose.

    Attributes
    ----------
    default : float, bool, str or tuple of str
        What it is unless chosen.
    says : str
        What it decides and which values there are, in a line.
    read : callable
        Turns text, or a value itself, into a value; raises `ValueError` for what is none.
    """

    default: Value
    says: str
    read: Callable[[object], Value]


def choice(default: str, *others: str, says: str) -> Option:
    """Return an option that is one of some words."""
    words = (default, *others)

    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"is one of {', '.join(words)}")
        return str(value)

    return Option(default, f"{says}: {', '.join(words)}", read)


def flag(default: bool, says: str) -> Option:
    """Return an option that is true or false."""

    def read(value: object) -> bool:
        said = str(value).lower()
        if said not in ("true", "false"):
            raise ValueError("is true or false")
        return said == "true"

    return Option(default, f"{says}: true, false", read)


def seconds(default: float, says: str) -> Option:
    """Return an option that is a positive number of seconds."""

    def read(value: object) -> float:
        try:
            number = float(str(value))
        except ValueError:
            number = 0.0
        if not 0 < number < 3600:
            raise ValueError("is a number of seconds, above 0 and below 3600")
        return number

    return Option(default, f"{says}, in seconds", read)


def hop(default: float) -> Option:
    """Return the option of the step from one frame to the next."""
    return seconds(default, "step from one frame to the next")


def layers(known: Iterable[str]) -> Option:
    """Return the option of the layers whose activations are the embedding, instead of the network's own output."""
    names = tuple(known)

    def read(value: object) -> tuple[str, ...]:
        wanted = tuple(value.split("+")) if isinstance(value, str) else value
        if not isinstance(wanted, tuple | list) or not wanted or set(wanted) - set(names):
            raise ValueError(f"is one or more of {', '.join(names)}, joined by +")
        if len(set(wanted)) < len(wanted):
            raise ValueError("names no layer twice")
        return tuple(name for name in names if name in wanted)

    return Option((), f"activations to use instead, joined by +: {', '.join(names)}", read)


RESAMPLER = choice(*RESAMPLERS, says="how other sample rates are converted")
RUNTIME = choice(*RUNTIMES, says="what runs the network")


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """Take a name apart into that of the model and its options.

    Raises
    ------
    SettingsError
        If an option is given twice.

    Examples
    --------
    >>> split_name("vggish:hop=0.48")
    ('vggish', {'hop': '0.48'})
    """
    base, *parts = _BEFORE_OPTION.split(name)
    pairs = [part.partition("=") for part in parts]
    said = {key: value for key, _, value in pairs}
    if len(said) < len(pairs):
        raise SettingsError(f"{name!r} gives an option twice. Give each once.")
    return base, said


def read_options(name: str, options: Mapping[str, Option], said: Mapping[str, object]) -> dict[str, Value]:
    """Check what was said of a model's options and give the values.

    Raises
    ------
    SettingsError
        If there is no such option, or a value is none of its values.
    """
    values = {}
    for key, value in said.items():
        if key not in options:
            known = ", ".join(sorted(options)) or "none"
            raise SettingsError(f"{name} has no option {key!r}. Its options: {known}.")
        try:
            values[key] = options[key].read(value)
        except ValueError as error:
            raise SettingsError(f"the option {key} of {name} {error}; got {value!r}.") from error
    return values


def spelled(card: EmbeddingCard, options: Mapping[str, Option], **values: Value) -> EmbeddingCard:
    """Return the card with the options in its name that are not as by default.

    Examples
    --------
    >>> from earmark.embeddings import list_embeddings
    >>> (card,) = list_embeddings("yamnet")
    >>> spelled(card, {"hop": hop(0.48)}, hop=0.24).name
    'yamnet:hop=0.24'
    """
    chosen = (f":{key}={_written(values[key])}" for key in sorted(values) if values[key] != options[key].default)
    return replace(card, name=card.name + "".join(chosen))


def _written(value: Value) -> str:
    if isinstance(value, tuple):
        return "+".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def steps(hop_seconds: float, stft_hop: int, sample_rate: int) -> int:
    """Return how many steps of a spectrogram a hop is.

    Raises
    ------
    SettingsError
        If it is no whole number of them, at least one.
    """
    exact = hop_seconds * sample_rate / stft_hop
    if round(exact) < 1 or abs(exact - round(exact)) > 1e-6:
        raise SettingsError(
            f"the hop is {hop_seconds:g} s, but frames here start at multiples of {stft_hop / sample_rate:g} s. "
            "Choose one of those."
        )
    return round(exact)
