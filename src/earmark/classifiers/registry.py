"""The classifiers that earmark compares, by name, with every setting that decides a score.

The support vector machine and the two dense nets are those of Grollmisch et al., EUSIPCO 2020: C = 1, 500 epochs. The
others belong to further protocols (see `earmark.evaluation.protocols`). Behind colons a name may set what its card
sets otherwise, such as ``svm:C=0.01``, so that a name is enough to make a classifier again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from earmark.errors import SettingsError

if TYPE_CHECKING:
    from earmark.classifiers.dense import DenseNet
    from earmark.classifiers.kernel_svm import KernelSVM
    from earmark.classifiers.logistic import SoftmaxRegression
    from earmark.classifiers.svm import LinearSVM

    Classifier: TypeAlias = LinearSVM | DenseNet | SoftmaxRegression | KernelSVM

__all__ = ["ClassifierCard", "classifier_settings", "list_classifiers", "make_classifier"]

PAPER = (
    "S. Grollmisch, E. Cano, C. Kehling, M. Taenzer: Analyzing the Potential of Pre-Trained Embeddings "
    "for Audio Classification Tasks. European Signal Processing Conference (EUSIPCO), 2020"
)
_HEAR = "J. Turian et al.: HEAR: Holistic Evaluation of Audio Representations. PMLR 176, 2022"
_EVAR = "D. Niizumi et al.: BYOL for Audio: Exploring Pre-Trained General-Purpose Audio Representations. TASLP 31, 2023"
_L3 = (
    "J. Cramer, H.-H. Wu, J. Salamon, J. P. Bello: Look, Listen, and Learn More: Design Choices for Deep Audio "
    "Embeddings. ICASSP, 2019"
)
_HOMES = {"LinearSVM": "svm", "DenseNet": "dense", "SoftmaxRegression": "logistic", "KernelSVM": "kernel_svm"}


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


def _dense_settings(*hidden: int, **others: Any) -> Mapping[str, Any]:
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
        | others
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
    ClassifierCard(
        "logistic",
        "Linear softmax classifier",
        MappingProxyType(
            {"estimator": "SoftmaxRegression", "C": 1.0, "class_weight": None, "tol": 1e-5, "max_iter": 2000}
        ),
        _EVAR,
    ),
    ClassifierCard(
        "mlp",
        "Dense net, 1024 ReLU units, without class weights",
        _dense_settings(1024, dropout=0.1, batch_size=1024, epochs=200, class_weight=None),
        _HEAR,
    ),
    ClassifierCard(
        "svc",
        "Support vector machine with a kernel, one class against another",
        MappingProxyType({"estimator": "KernelSVM", "kernel": "rbf", "C": 1.0, "class_weight": None, "tol": 1e-3}),
        _L3,
    ),
)


def list_classifiers() -> tuple[ClassifierCard, ...]:
    """Return the cards of all classifiers.

    Returns
    -------
    tuple of ClassifierCard

    Examples
    --------
    >>> [card.name for card in list_classifiers()]
    ['svm', 'd128', 'd512', 'logistic', 'mlp', 'svc']
    """
    return _CARDS


def classifier_settings(name: str) -> dict[str, Any]:
    """Return every setting of a classifier, with the estimator's class under "estimator".

    Parameters
    ----------
    name : str
        A card's name, with settings behind colons.

    Raises
    ------
    SettingsError
        No card has this name, it has no such setting, or a value cannot be read.

    Examples
    --------
    >>> classifier_settings("svm:C=0.01")["C"]
    0.01
    >>> classifier_settings("mlp:hidden=1024+1024")["hidden"]
    (1024, 1024)
    """
    base, *parts = (part.strip() for part in str(name).split(":"))
    cards = {card.name: card for card in _CARDS}
    if base not in cards:
        close = get_close_matches(base.lower(), cards, n=1, cutoff=0.4)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SettingsError(f"There is no classifier {base!r}. Known are: {', '.join(cards)}.{hint}")
    settings = dict(cards[base].settings)
    known = {key.lower(): key for key in settings if key != "estimator"}
    given = [part.partition("=")[0].strip().lower() for part in parts]
    if twice := [said for said in given if given.count(said) > 1]:
        raise SettingsError(f"{name}: gives {twice[0]!r} twice. Give it once.")
    for part in parts:
        said, _, value = (piece.strip() for piece in part.partition("="))
        if said.lower() not in known:
            raise SettingsError(f"{name}: {base} has no setting {said!r}. It has: {', '.join(known.values())}.")
        key = known[said.lower()]
        try:
            settings[key] = _READERS.get(key, float)(value)
        except ValueError as error:
            raise SettingsError(f"{name}: the setting {key} of {base} cannot be {value!r}.") from error
    return settings


def make_classifier(name: str, seed: int) -> Classifier:
    """Return a fresh classifier with the settings of its card, and those in its name.

    Parameters
    ----------
    name : str
        A card's name, with settings behind colons.
    seed : int
        Seeds the dense nets; the others draw no random numbers.

    Returns
    -------
    LinearSVM, DenseNet, SoftmaxRegression or KernelSVM
        Not fitted yet.

    Raises
    ------
    SettingsError
        No card has this name, it has no such setting, or a value cannot be used.

    Examples
    --------
    >>> make_classifier("d512", seed=3)
    DenseNet(hidden=(512, 128), random_state=3)
    >>> make_classifier("svm:C=0.01", seed=0)
    LinearSVM(C=0.01)
    """
    settings = classifier_settings(name)
    kind = settings.pop("estimator")
    if kind == "DenseNet":
        settings["random_state"] = seed
    made: Classifier = getattr(import_module(f"earmark.classifiers.{_HOMES[kind]}"), kind)(**settings)
    made._check_settings()
    return made


def _weighting(text: str) -> str | None:
    if text not in ("balanced", "none"):
        raise ValueError
    return None if text == "none" else text


# How values in a name are read; all others are numbers.
_READERS: dict[str, Callable[[str], Any]] = {
    "hidden": lambda text: tuple(int(units) for units in text.split("+")),
    "class_weight": _weighting,
    "kernel": str,
    "batch_size": int,
    "epochs": int,
    "max_iter": int,
}
