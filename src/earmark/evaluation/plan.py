"""What a comparison is going to do: a protocol, and what the user chose where it leaves a choice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from earmark.classifiers import make_classifier
from earmark.errors import SettingsError
from earmark.evaluation.fusion import FUSIONS
from earmark.evaluation.protocols import Protocol, protocol_named
from earmark.evaluation.splits import SPLITS, Clips, SplitSettings, default_split
from earmark.evaluation.system import LIKELIHOODS, System

__all__ = ["Plan", "make_plan"]

Value = TypeVar("Value")


@dataclass(frozen=True)
class Plan:
    """Everything that decides a score, but for data and embeddings.

    Attributes
    ----------
    protocol : Protocol
    classifiers : mapping of str to tuple of str
        For each name in the tables, the classifiers among which validation clips choose; see `Protocol`.
    fusions : tuple of str
    splits : tuple of str
        Those that were asked for; none leaves the choice to the data set.
    settings : SplitSettings
        Of training on all that is left.
    train_fractions : tuple of float or None
        None for all that is left.
    likelihoods : str
        One of `LIKELIHOODS`, or ``"auto"``.
    """

    protocol: Protocol
    classifiers: Mapping[str, tuple[str, ...]]
    fusions: tuple[str, ...]
    splits: tuple[str, ...]
    settings: SplitSettings
    train_fractions: tuple[float | None, ...]
    likelihoods: str

    def splits_of(self, clips: Clips) -> tuple[str, ...]:
        """Return the splits asked for, else the first of the protocol's that the data set allows."""
        return self.splits or (default_split(clips, self.protocol.splits),)


def make_plan(
    protocol: str = "earmark",
    *,
    classifiers: Sequence[str] | None = None,
    fusions: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    train_fractions: Sequence[float] | None = None,
    validation_fraction: float | None = None,
    balanced_test: bool | None = None,
    likelihoods: str = "auto",
    seed: int = 0,
) -> Plan:
    """Bring a protocol and what was chosen together.

    Parameters
    ----------
    protocol : str
        Name of a protocol.
    classifiers, fusions, splits, folds, repeats, train_fractions, validation_fraction, balanced_test, likelihoods, seed
        As of `earmark.compare`; None (of likelihoods, ``"auto"``) leaves them to the protocol.

    Returns
    -------
    Plan

    Raises
    ------
    SettingsError
        If a name or number cannot be used, or contradicts the protocol.
    """
    chosen = protocol_named(protocol)
    settings = SplitSettings(
        folds=_settled(chosen, "--folds", folds, chosen.folds, 5),
        repeats=_settled(chosen, "--repeats", repeats, chosen.repeats, 1),
        validation_fraction=_validation_fraction(chosen, validation_fraction),
        balanced_test=_settled(chosen, "--balanced-test", balanced_test, chosen.balanced_test, False),
        seed=seed,
        validation_fold=chosen.validation_fold or 0,
    )
    if train_fractions and not chosen.train_fractions:
        raise SettingsError(
            f"--train-fraction {_text(train_fractions)} contradicts the protocol {protocol}, which trains on all that "
            f"is left. {_ADVICE}"
        )
    given = None if likelihoods == "auto" else likelihoods
    plan = Plan(
        chosen,
        _classifiers(chosen, classifiers),
        _among(chosen, "fusion", "--fusion", fusions, chosen.fusions, FUSIONS, ("late",)),
        _among(chosen, "split", "--splits", splits, chosen.splits, SPLITS, ()) if splits else (),
        settings,
        tuple(dict.fromkeys(train_fractions or (None,))),
        _settled(chosen, "--likelihoods", given, chosen.likelihoods, "auto"),
    )
    if plan.likelihoods not in ("auto", *LIKELIHOODS):
        raise SettingsError(f"likelihoods must be 'auto', 'sigmoid' or 'platt', got {likelihoods!r}.")
    for names in plan.classifiers.values():
        for fusion in plan.fusions:
            System(names[0], fusion)  # refuses a fusion that the classifier cannot do
    return plan


_ADVICE = "Leave it out, or choose freely with --protocol earmark."


def _settled(protocol: Protocol, option: str, given: Value | None, fixed: Value | None, default: Value) -> Value:
    """Return what the protocol fixes, else what was given, else the default."""
    if fixed is None:
        return default if given is None else given
    if given is not None and given != fixed:
        raise SettingsError(
            f"{option} {_text(given)} contradicts the protocol {protocol.name}, where it is {_text(fixed)}. {_ADVICE}"
        )
    return fixed


def _validation_fraction(protocol: Protocol, given: float | None) -> float:
    """Return the share of all clips to validate on; protocols with a validation fold have none."""
    if protocol.validation_fold is None:
        return given or 0.0
    if given is not None:
        how = "sets a fold aside for validation" if protocol.validation_fold else "has no validation clips"
        raise SettingsError(
            f"--validation-fraction {given:g} contradicts the protocol {protocol.name}, which {how}. {_ADVICE}"
        )
    return 0.0


def _classifiers(protocol: Protocol, given: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    if protocol.classifiers is not None:
        names = _among(protocol, "classifier", "--classifiers", given, tuple(protocol.classifiers), (), ())
        return {name: protocol.classifiers[name] for name in names}
    names = _names("classifier", ("svm",) if given is None else given)
    for name in names:
        make_classifier(name, seed=0)
    return {name: (name,) for name in names}


def _among(
    protocol: Protocol,
    what: str,
    option: str,
    given: Sequence[str] | None,
    allowed: tuple[str, ...] | None,
    known: Collection[str],
    default: tuple[str, ...],
) -> tuple[str, ...]:
    """Return the names that were given, or all that the protocol has; refuse what is unknown or not its own."""
    if given is None:
        return default if allowed is None else allowed
    names = _names(what, given)
    for name in names:
        if known and name not in known:
            raise SettingsError(f"there is no {what} {name!r}. There are: {', '.join(known)}.")
        if allowed is not None and name not in allowed:
            raise SettingsError(
                f"{option} {name} contradicts the protocol {protocol.name}, which has {', '.join(allowed)}. {_ADVICE}"
            )
    return names


def _names(what: str, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not names:
        raise SettingsError(f"needs a list of at least one {what}, got {names!r}.")
    return tuple(dict.fromkeys(names))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
