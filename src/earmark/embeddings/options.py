"""Options of embedding models, and how they are written into a name.

A model with options is called by its name with the options behind it: ``vggish:hop=0.48:resampler=resampy-0.2``.
So it can be named wherever an embedding is named, on the command line, in tables and in trained classifiers, and two
settings of one model stand side by side in a comparison. However a setting is typed, a model's card spells it in one
way: by `spelled`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

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
    "misread",
    "read_options",
    "seconds",
    "spelled",
    "split_name",
    "steps",
]

Value = float | bool | str | tuple[str, ...]

# The value may hold colons, as in paths of Windows; a colon counts only where an option follows.
_BEFORE_OPTION = re.compile(r":(?=\s*[A-Za-z_]\w*\s*=)")


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
    words : tuple of str
        The words that values are made of, if they are; for completion in the shell.
    """

    default: Value
    says: str
    read: Callable[[object], Value]
    words: tuple[str, ...] = ()


def choice(default: str, *others: str, says: str) -> Option:
    """Return an option that is one of some words."""
    words = (default, *others)

    def read(value: object) -> str:
        said = str(value).lower()  # "0.4" may come as a number
        if said not in words:
            raise ValueError(f"is one of {', '.join(map(repr, words))}")
        return said

    return Option(default, f"{says}: {', '.join(words)}", read, words)


def flag(default: bool, says: str) -> Option:
    """Return an option that is true or false."""

    def read(value: object) -> bool:
        said = str(value).lower()
        if said not in ("true", "false"):
            raise ValueError("is true or false")
        return said == "true"

    return Option(default, f"{says}: true, false", read, ("true", "false"))


def seconds(default: float, says: str) -> Option:
    """Return an option that is a positive number of seconds."""

    def read(value: object) -> float:
        try:
            number = float(str(value))
        except ValueError:
            number = 0.0
        if not 0 < number < 3600:
            comma = re.fullmatch(r"(\d*),(\d+)", str(value))
            hint = f", written {comma[1] or 0}.{comma[2]}" if comma else ""
            raise ValueError(f"is a number of seconds, above 0 and below 3600{hint}")
        return number

    return Option(default, f"{says}, in seconds", read)


def hop(default: float) -> Option:
    """Return the option of the step from one frame to the next."""
    return seconds(default, "step from one frame to the next")


def layers(known: Iterable[str]) -> Option:
    """Return the option of the layers whose activations are the embedding, instead of the network's own output."""
    names = tuple(known)

    def read(value: object) -> tuple[str, ...]:
        wanted = tuple(part.strip() for part in value.split("+")) if isinstance(value, str) else value
        if isinstance(value, str) and "," in value:
            raise ValueError(f"is joined by +, not by commas: {'+'.join(re.findall('[^+, ]+', value))}")
        if not isinstance(wanted, tuple | list) or not wanted or not all(each in names for each in wanted):
            raise ValueError(f"is one or more of {', '.join(map(repr, names))}, joined by +")
        if len(set(wanted)) < len(wanted):
            raise ValueError("names no layer twice")
        return tuple(name for name in names if name in wanted)

    return Option((), f"activations to use instead, joined by +: {', '.join(names)}", read, names)


RESAMPLER = choice(*RESAMPLERS, says="how other sample rates are converted")
RUNTIME = choice(*RUNTIMES, says="what runs the network")


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """Take a name apart into that of the model and its options.

    Spaces around a part do not count, nor does the case of an option's name.

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
    said = {key.strip().lower(): value.strip() for key, _, value in pairs}
    if len(said) < len(pairs):
        raise SettingsError(f"{name!r} gives an option twice. Give each once.")
    return base.strip(), said


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
            raise SettingsError(_no_such_option(name, key, options))
        try:
            values[key] = options[key].read(value)
        except ValueError as error:
            if (unread := _unread(key, value, options)) is not None:
                raise SettingsError(misread(name, unread, options)) from error
            raise SettingsError(f"the option {key} of {name} {error}; got {value!r}.") from error
    return values


def _unread(key: str, value: object, options: Mapping[str, Option]) -> str | None:
    """Find in a wrong value what was meant as an option and has no value, if anything was."""
    if value == "" and options[key].default != "":
        return key
    _, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    return rest if colon and rest.strip().lower() in ("", *options) else None


def misread(name: str, rest: str, options: Mapping[str, Option]) -> str:
    """Say what is wrong with what follows a colon in a name and is no option with a value.

    Parameters
    ----------
    name : str
        Name of the model.
    rest : str
        What follows the colon.
    options : mapping of str to Option
        Those of the model.

    Returns
    -------
    str
        A message, with what to write instead.

    Examples
    --------
    >>> misread("yamnet", "hop", {"hop": hop(0.48)})
    "the option 'hop' of yamnet has no value. Write yamnet:hop=0.48, for instance."
    """
    part = rest.split(":")[0].strip()
    key, equals, _ = part.partition("=")
    key = key.strip().lower()
    if equals and key not in options:
        return _no_such_option(name, key, options)
    if key in options:
        return f"the option {key!r} of {name} has no value. Write {name}:{_example(key, options[key])}, for instance."
    example = f", as in {name}:{_example(*min(options.items()))}" if options else f", and {name} has none"
    if not part:
        return f"a colon in {name}: has nothing behind it. An option follows a colon{example}. Else leave it out."
    return f"{part!r} is no option of {name}. Options are written with their values{example}."


def _no_such_option(name: str, key: str, options: Mapping[str, Option]) -> str:
    close = get_close_matches(key.lower(), options, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{name} has no option {key!r}.{hint} Its options: {', '.join(sorted(options)) or 'none'}."


def _example(key: str, option: Option) -> str:
    """Write an option with its default, or with the first of its words."""
    return f"{key}={_written(option.default) or next(iter(option.words), 'VALUE')}"


def spelled(card: EmbeddingCard, options: Mapping[str, Option], **values: Value) -> EmbeddingCard:
    """Return the card with the options in its name and title that are not as by default.

    Parameters
    ----------
    card : EmbeddingCard
        Of the model; some of its options may be spelled already.
    options : mapping of str to Option
        With their defaults.
    **values
        As the options' `read` gives them.

    Returns
    -------
    EmbeddingCard
        Its name is the same however the options were typed: in the order of the alphabet, defaults left out.

    Examples
    --------
    >>> from earmark.embeddings import list_embeddings
    >>> (card,) = list_embeddings("yamnet")
    >>> spelled(card, {"hop": hop(0.48)}, hop=0.24).name
    'yamnet:hop=0.24'
    """
    base, before = split_name(card.name)
    now = {key: _written(value) for key, value in values.items() if value != options[key].default}
    chosen = [f"{key}={value}" for key, value in sorted((before | now).items())]
    title = card.title.removesuffix(_bracketed(f"{key}={value}" for key, value in before.items()))
    return replace(card, name=":".join([base, *chosen]), title=title + _bracketed(chosen))


def _bracketed(chosen: Iterable[str]) -> str:
    said = ", ".join(chosen)
    return f" ({said})" if said else ""


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
