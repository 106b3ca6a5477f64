"""What the shell offers after TAB: names of embeddings with their options, of classifiers, fusions, splits and more.

Typer calls these functions with what was typed so far. They never end in an error, for the shell would show it in the
middle of a line, and need nothing heavy, for the user waits.

Bash breaks words at ``:`` and ``=`` before it asks (its manual, "Programmable Completion", on COMP_WORDBREAKS) and puts
what it is told in the place of the last piece only; `completing` puts the pieces together and takes the answer apart.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout

from earmark.errors import EarmarkError

__all__ = [
    "baselines",
    "classifier",
    "classifiers",
    "combinations",
    "completing",
    "dataset",
    "embedding",
    "embeddings",
    "fusion",
    "fusions",
    "protocol",
    "splits",
    "weights",
]

_BREAKS = ":="


def embedding(incomplete: str) -> list[str]:
    """Offer names of embeddings, and behind a colon their options.

    Parameters
    ----------
    incomplete : str
        What was typed so far.

    Returns
    -------
    list of str
        What it may become, in full.

    Examples
    --------
    >>> embedding("yam")
    ['yamnet', 'yamnet-float']
    >>> embedding("yamnet:r")
    ['yamnet:resampler=', 'yamnet:runtime=']
    """
    from earmark.embeddings import PREFIX

    name, colon, option = incomplete.rpartition(":")
    offered = _options(name, option) if colon else [*_names(), PREFIX]
    return _starting(f"{name}{colon}", option, offered)


def embeddings(incomplete: str) -> list[str]:
    """Offer names of embeddings behind the last comma; see `embedding`."""
    return _behind_comma(incomplete, embedding)


def classifier(incomplete: str) -> list[str]:
    """Offer names of classifiers that a file can hold; see `embedding`."""
    from earmark.classifiers import list_classifiers
    from earmark.classifiers.tensors import SAVED

    savable = (card.name for card in list_classifiers() if card.settings["estimator"] in SAVED)
    return _starting("", incomplete, savable)


def classifiers(incomplete: str) -> list[str]:
    """Offer names of classifiers behind the last comma; see `embedding`."""
    from earmark.classifiers import list_classifiers

    return _behind_comma(incomplete, lambda name: _starting("", name, (card.name for card in list_classifiers())))


def fusion(incomplete: str) -> list[str]:
    """Offer names of fusions; see `embedding`."""
    from earmark.evaluation.fusion import FUSIONS

    return _starting("", incomplete, FUSIONS)


def fusions(incomplete: str) -> list[str]:
    """Offer names of fusions behind the last comma; see `embedding`."""
    return _behind_comma(incomplete, fusion)


def protocol(incomplete: str) -> list[str]:
    """Offer names of protocols; see `embedding`."""
    from earmark.evaluation.protocols import PROTOCOLS

    return _starting("", incomplete, PROTOCOLS)


def baselines(incomplete: str) -> list[str]:
    """Offer names of baselines behind the last comma; see `embedding`."""
    from earmark.classifiers.baselines.cards import list_baselines

    return _behind_comma(incomplete, lambda name: _starting("", name, [card.name for card in list_baselines()]))


def combinations(incomplete: str) -> list[str]:
    """Offer ways of combining embeddings behind the last comma; see `embedding`."""
    from earmark.evaluation.combination import COMBINATIONS

    return _behind_comma(incomplete, lambda name: _starting("", name, COMBINATIONS))


def splits(incomplete: str) -> list[str]:
    """Offer ways of splitting behind the last comma; see `embedding`."""
    from earmark.evaluation.splits import SPLITS

    return _behind_comma(incomplete, lambda name: _starting("", name, SPLITS))


def weights(incomplete: str) -> list[str]:
    """Offer names of weights, and of the embeddings that are made with them; see `embedding`."""
    from earmark.weights import RECIPES

    return _starting("", incomplete, sorted({*RECIPES, *_names()}))


def dataset(incomplete: str) -> list[str]:
    """Offer names of data sets; see `embedding`."""
    from earmark.datasets import list_datasets

    return _starting("", incomplete, list_datasets())


def completing(run: Callable[[], None]) -> None:
    """Run the command line; where bash asks what may follow, with our words in the place of its pieces.

    Parameters
    ----------
    run : callable
        The command line. It finds in the environment what bash, or another shell, asks.
    """
    if os.environ.get("_EARMARK_COMPLETE") != "complete_bash":
        run()
        return
    pieces, place = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
    words = _words(pieces[: place + 1])
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(words), str(len(words) - 1)
    whole = words[-1] == "=" or words[-1].startswith("-")
    known = 0 if whole else 1 + max(words[-1].rfind(sign) for sign in _BREAKS)
    answer = io.StringIO()
    try:
        with redirect_stdout(answer):
            run()
    finally:
        sys.stdout.write("".join(f"{line[known:]}\n" for line in answer.getvalue().splitlines()))


def _words(pieces: Sequence[str]) -> list[str]:
    """Put together what bash broke, and drop what stands between an option such as ``--embeddings`` and its value."""
    words, glue = [""], False
    for place, piece in enumerate(pieces, start=1):
        breaks = bool(piece) and not piece.strip(_BREAKS)
        if breaks and words[-1].startswith("-"):
            if place == len(pieces):
                words.append(piece)
        elif breaks or (glue and piece):
            words[-1] += piece
            glue = breaks
        else:
            words.append(piece)
            glue = False
    return words[1:]


def _names() -> list[str]:
    from earmark.embeddings import list_embeddings

    try:
        return [card.name for card in list_embeddings()]
    except EarmarkError:  # a package adds models that cannot be listed; any other command says so
        return []


def _options(name: str, typed: str) -> list[str]:
    """Offer options that a name does not have yet, or the words of one."""
    from earmark.embeddings import embedding_options
    from earmark.embeddings.options import split_name

    try:
        options, given = embedding_options(name), split_name(name)[1]
    except EarmarkError:  # there is no such embedding, which the command itself will say
        return []
    key, equals, value = typed.partition("=")
    if not equals:
        return [f"{option}=" for option in sorted(options) if option not in given]
    if key not in options:
        return []
    before, plus, _ = value.rpartition("+") if isinstance(options[key].default, tuple) else ("", "", value)
    return [f"{key}={before}{plus}{word}" for word in options[key].words if word not in before.split("+")]


def _behind_comma(incomplete: str, offer: Callable[[str], list[str]]) -> list[str]:
    before, comma, typed = incomplete.rpartition(",")
    return [f"{before}{comma}{offered}" for offered in offer(typed) if offered not in before.split(",")]


def _starting(before: str, typed: str, offered: Iterable[str]) -> list[str]:
    return [before + each for each in offered if each.startswith(typed)]
