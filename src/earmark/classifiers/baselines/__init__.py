"""Baselines: networks trained from scratch on the task alone, against which pre-trained embeddings are compared.

`cards` says what each is and where it comes from, `features` makes its spectrogram (kept in the store like
embeddings), `patches` cuts that, `network` runs it, `training` trains it, `fitted` and `estimator` are what users
hold, `acmus` reads the weights that the paper's authors have released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.lazy import names_from

if TYPE_CHECKING:
    from earmark.classifiers.baselines.acmus import load_acmus
    from earmark.classifiers.baselines.cards import BaselineCard, FrontEnd, check_epochs, find_baseline, list_baselines
    from earmark.classifiers.baselines.estimator import BaselineClassifier
    from earmark.classifiers.baselines.features import BaselineFeatures, baseline_features
    from earmark.classifiers.baselines.fitted import FittedBaseline, fit_baseline

__all__ = [
    "BaselineCard",
    "BaselineClassifier",
    "BaselineFeatures",
    "FittedBaseline",
    "FrontEnd",
    "baseline_features",
    "check_epochs",
    "find_baseline",
    "fit_baseline",
    "list_baselines",
    "load_acmus",
]

_HOMES = {
    "BaselineCard": "cards",
    "BaselineClassifier": "estimator",
    "BaselineFeatures": "features",
    "FittedBaseline": "fitted",
    "FrontEnd": "cards",
    "baseline_features": "features",
    "check_epochs": "cards",
    "find_baseline": "cards",
    "fit_baseline": "fitted",
    "list_baselines": "cards",
    "load_acmus": "acmus",
}

__getattr__ = names_from(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
