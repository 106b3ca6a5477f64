"""The classifiers that earmark compares, by name, with every setting that decides a score.

Source of the settings: Grollmisch et al., EUSIPCO 2020, section on classifiers: a linear SVM with
C = 1, and two dense nets. A card's settings go into the protocol of each result as they are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from earmark.errors import SettingsError

if TYPE_CHECKING:
    from earmark.classifiers.dense import DenseNet
    from earmark.classifiers.svm import LinearSVM

__all__ = ["ClassifierCard", "list_classifiers", "make_classifier"]

PAPER = (
    "S. Grollmisch, E. Cano, C. Kehling, M. Taenzer: Analyzing the Potential of Pre-Trained Embeddings "
    "for Audio Classification Tasks. European Signal Processing Conference (EUSIPCO), 2020"
)


@dataclass(frozen=True)
class ClassifierCard:
    """What is known of a classifier before it is made.

    Attributes
    ----------
    name : str
        The name users type.
    title : str
        What it is, in a line.
    settings : mapping of str to JSON-able
        The estimator's class under "estimator", and its parameters.
    paper : str
        Where the settings come from.
    """

    name: str
    title: str
    settings: Mapping[str, Any]
    paper: str = PAPER


def _dense_settings(*hidden: int) -> Mapping[str, Any]:
    return MappingProxyType(
        {
            "estimator": "DenseNet",
            "hidden": hidden,
            "dropout": 0.5,
            "learning_rate": 1e-3,
            "batch_size": 256,
            "epochs": 500,
            "class_weight": "balanced",
        }
    )


_CARDS = (
    ClassifierCard(
        "svm",
        "Linear support vector machine, squared hinge, one against rest",
        MappingProxyType(
            {"estimator": "LinearSVM", "C": 1.0, "class_weight": "balanced", "tol": 1e-4, "max_iter": 1000}
        ),
    ),
    ClassifierCard("d128", "Dense net, 128 ReLU units", _dense_settings(128)),
    ClassifierCard("d512", "Dense net, 512 and 128 ReLU units", _dense_settings(512, 128)),
)


def list_classifiers() -> tuple[ClassifierCard, ...]:
    """Return the cards of all classifiers.

    Returns
    -------
    tuple of ClassifierCard

    Examples
    --------
    >>> [card.name for card in list_classifiers()]
    ['svm', 'd128', 'd512']
    """
    return _CARDS


def make_classifier(name: str, seed: int) -> LinearSVM | DenseNet:
    """Return a fresh classifier with the settings of its card.

    Parameters
    ----------
    name : str
        A card's name.
    seed : int
        Seeds the dense nets; the support vector machine draws no random numbers.

    Returns
    -------
    LinearSVM or DenseNet
        Not fitted yet.

    Raises
    ------
    SettingsError
        No card has this name.

    Examples
    --------
    >>> make_classifier("d512", seed=3)
    DenseNet(hidden=(512, 128), random_state=3)
    """
    cards = {card.name: card for card in _CARDS}
    if name not in cards:
        close = get_close_matches(str(name).lower(), cards, n=1, cutoff=0.4)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SettingsError(f"There is no classifier {name!r}. Known are: {', '.join(cards)}.{hint}")
    settings = dict(cards[name].settings)
    if settings.pop("estimator") == "LinearSVM":
        from earmark.classifiers.svm import LinearSVM

        return LinearSVM(**settings)
    from earmark.classifiers.dense import DenseNet

    return DenseNet(**settings, random_state=seed)
