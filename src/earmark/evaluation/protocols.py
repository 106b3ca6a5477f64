"""Protocols by name: what others fixed before they published a number, so that ours can be set beside it.

A protocol fixes what decides a score: splits, scaling, fusions, classifiers with their settings. ``earmark`` fixes
little: it is what `compare` does unless told otherwise, and every option may change it. The others may not be
changed, for then they would be something else; what they leave open is said by each. ``docs/protocols.md`` has them
as a table.

Sources: Grollmisch et al., EUSIPCO 2020 (section III); Turian et al., *HEAR*, PMLR 176, 2022, and its hear-eval-kit;
Niizumi et al., *BYOL for Audio*, TASLP 31, 2023, and their evaluation package EVAR; Aytar, Vondrick, Torralba,
*SoundNet*, NIPS 2016, and its eval_esc50.lua; Cramer et al., *Look, Listen, and Learn More*, ICASSP 2019, and its
l3embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from earmark.errors import SettingsError

__all__ = ["PROTOCOLS", "Protocol", "protocol_named"]


@dataclass(frozen=True)
class Protocol:
    """What decides a score, by name. None stands for what the user decides.

    Attributes
    ----------
    name : str
        The name users type.
    version : int
        Grows whenever something changes that changes a score; written into results.
    title, source : str
        What it is, in a line, and where it comes from.
    classifiers : mapping of str to tuple of str, or None
        For each name in the tables, the classifiers (see `make_classifier`) among which the validation clips of a fold
        choose; one leaves nothing to choose. All are used unless the user takes some of them.
    fusions : tuple of str or None
        Names of fusions, likewise.
    splits : tuple of str
        Ways of splitting that it allows; the first that a data set allows is used unless the user takes others.
    folds, repeats : int or None
        Number of folds unless they are given, and of repeats.
    validation_fold : int or None
        As of `SplitSettings`.
    balanced_test : bool or None
        Whether test clips are balanced at random.
    scaling : str
        One of `SCALINGS`.
    likelihoods : str or None
        One of `LIKELIHOODS`.
    train_fractions : bool
        Whether the user may train on less than what is left.
    simplified : str
        What is done otherwise than in the source.
    """

    name: str
    version: int
    title: str
    source: str
    classifiers: Mapping[str, tuple[str, ...]] | None = None
    fusions: tuple[str, ...] | None = None
    splits: tuple[str, ...] = ("fixed", "official", "groups", "clips")
    folds: int | None = None
    repeats: int | None = None
    validation_fold: int | None = None
    balanced_test: bool | None = None
    scaling: str = "minmax"
    likelihoods: str | None = None
    train_fractions: bool = False
    simplified: str = ""

    @property
    def free(self) -> bool:
        """Whether the user decides everything."""
        return self.classifiers is None


def _of(**classifiers: str | tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({name: (each,) if isinstance(each, str) else each for name, each in classifiers.items()})


_EARMARK = Protocol(
    "earmark",
    1,
    "Everything may be chosen: splits, fusions, classifiers and their settings",
    "earmark; scaling, classifiers and fusions after Grollmisch et al., EUSIPCO 2020",
    train_fractions=True,
)
_EUSIPCO2020 = Protocol(
    "eusipco2020",
    1,
    "10 folds 80/10/10 or a fixed test set, everything twice, balanced tests, values in [0, 1]",
    "Grollmisch, Cano, Kehling, Taenzer: Analyzing the Potential of Pre-Trained Embeddings for Audio Classification "
    "Tasks, EUSIPCO 2020",
    _of(svm="svm", d128="d128", d512="d512"),
    ("late", "early"),
    splits=("fixed", "groups", "clips"),
    folds=10,
    repeats=2,
    validation_fold=1,
    balanced_test=True,
    likelihoods="sigmoid",
    train_fractions=True,
    simplified="Nothing is chosen on the validation clips. The paper splits by file; here groups stay together where "
    "the data set has them, unless the split by clips is asked for.",
)
_HEAR = Protocol(
    "hear",
    1,
    "Mean over time, nets of one or two layers of 1024 units, chosen on the validation fold",
    "Turian et al.: HEAR: Holistic Evaluation of Audio Representations, PMLR 176, 2022 (hear-eval-kit)",
    _of(
        mlp=tuple(
            f"mlp:hidden={hidden}:learning_rate={rate}"
            for hidden in ("1024", "1024+1024")
            for rate in ("0.0032", "0.001", "0.00032", "0.0001")
        )
    ),
    ("early-mean",),
    folds=5,
    repeats=1,
    validation_fold=1,
    balanced_test=False,
    scaling="standard",
    likelihoods="sigmoid",
    simplified="Standardised embeddings in the place of batch normalisation in the hidden layers; 200 epochs in the "
    "place of early stopping; one way of initialisation, and all 8 nets in the place of 8 drawn out of 16; chosen for "
    "each fold, not on the first fold for all. Embeddings of frames are averaged, with the hop of their model.",
)
_EVAR = Protocol(
    "evar",
    1,
    "Mean over time, standardised, a linear softmax classifier, its penalty chosen on the validation fold",
    "Niizumi et al.: BYOL for Audio, TASLP 31, 2023 (EVAR)",
    _of(logistic=tuple(f"logistic:C={penalty}" for penalty in ("0.0001", "0.001", "0.01", "0.1", "1"))),
    ("early-mean",),
    folds=5,
    repeats=1,
    validation_fold=1,
    balanced_test=False,
    scaling="standard",
    likelihoods="sigmoid",
    simplified="Solved to its optimum with an L2 penalty, in the place of a learning rate and early stopping, so that "
    "there are no three runs to average. Clips keep their lengths.",
)
_SOUNDNET = Protocol(
    "soundnet",
    1,
    "Frames as they are, linear SVM with C = 0.01, mean decision value",
    "Aytar, Vondrick, Torralba: SoundNet, NIPS 2016 (eval_esc50.lua)",
    _of(svm="svm:C=0.01:class_weight=none"),
    ("late-decision",),
    folds=5,
    repeats=1,
    validation_fold=0,
    balanced_test=False,
    scaling="none",
    likelihoods="sigmoid",
    simplified="Frames are those of the embedding; the original's last 1 s and move by one step of the layer, with "
    "clips repeated to 10 s.",
)
_L3 = Protocol(
    "l3",
    1,
    "Standardised, SVM with or without a kernel, mean likelihood of frames or seven statistics",
    "Cramer, Wu, Salamon, Bello: Look, Listen, and Learn More, ICASSP 2019 (l3embedding)",
    _of(svc="svc", svm="svm:class_weight=none"),
    ("late", "early-stats"),
    folds=5,
    repeats=1,
    validation_fold=-1,
    balanced_test=False,
    scaling="standard",
    likelihoods="sigmoid",
    simplified="Likelihoods come from logistic functions of the decision values, not from an inner cross-validation; "
    "the linear SVM sets one class against the rest, with the squared hinge. Nothing is chosen on the validation fold.",
)

#: Protocols by name, the default first.
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {protocol.name: protocol for protocol in (_EARMARK, _EUSIPCO2020, _HEAR, _EVAR, _SOUNDNET, _L3)}
)


def protocol_named(name: str) -> Protocol:
    """Look a protocol up.

    Raises
    ------
    SettingsError
        If there is none of that name.

    Examples
    --------
    >>> protocol_named("eusipco2020").folds
    10
    """
    if name not in PROTOCOLS:
        listed = "; ".join(f"{each.name}: {each.title}" for each in PROTOCOLS.values())
        raise SettingsError(f"there is no protocol {name!r}. There are: {listed}.")
    return PROTOCOLS[name]
