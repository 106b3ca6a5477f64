"""Classifiers for frame embeddings: scikit-learn estimators with the settings of the paper; and its baselines.

The names below load on first use (PEP 562), so that importing this room costs nothing: scikit-learn
is imported when a classifier is made, PyTorch when a dense net is fitted.

"The paper" is Grollmisch, Cano, Kehling, Taenzer, *Analyzing the Potential of Pre-Trained Embeddings
for Audio Classification Tasks*, EUSIPCO 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.lazy import names_from

if TYPE_CHECKING:
    from earmark.classifiers.baselines import (
        BaselineClassifier,
        FittedBaseline,
        baseline_features,
        fit_baseline,
        list_baselines,
        load_acmus,
    )
    from earmark.classifiers.batched_nets import FittedNet, fit_nets
    from earmark.classifiers.batched_svm import FittedSVM, fit_svms
    from earmark.classifiers.dense import DenseNet
    from earmark.classifiers.kernel_svm import KernelSVM
    from earmark.classifiers.likelihoods import normalised_sigmoids
    from earmark.classifiers.logistic import SoftmaxRegression
    from earmark.classifiers.registry import ClassifierCard, classifier_settings, list_classifiers, make_classifier
    from earmark.classifiers.sets import SCALINGS
    from earmark.classifiers.svm import LinearSVM
    from earmark.classifiers.tensors import check_savable, from_tensors, to_tensors

__all__ = [
    "SCALINGS",
    "BaselineClassifier",
    "ClassifierCard",
    "DenseNet",
    "FittedBaseline",
    "FittedNet",
    "FittedSVM",
    "KernelSVM",
    "LinearSVM",
    "SoftmaxRegression",
    "baseline_features",
    "check_savable",
    "classifier_settings",
    "fit_baseline",
    "fit_nets",
    "fit_svms",
    "from_tensors",
    "list_baselines",
    "list_classifiers",
    "load_acmus",
    "make_classifier",
    "normalised_sigmoids",
    "to_tensors",
]

_HOMES = {
    "BaselineClassifier": "baselines",
    "SCALINGS": "sets",
    "ClassifierCard": "registry",
    "DenseNet": "dense",
    "FittedBaseline": "baselines",
    "FittedNet": "batched_nets",
    "FittedSVM": "batched_svm",
    "KernelSVM": "kernel_svm",
    "LinearSVM": "svm",
    "baseline_features": "baselines",
    "fit_baseline": "baselines",
    "SoftmaxRegression": "logistic",
    "check_savable": "tensors",
    "classifier_settings": "registry",
    "fit_nets": "batched_nets",
    "fit_svms": "batched_svm",
    "from_tensors": "tensors",
    "list_baselines": "baselines",
    "list_classifiers": "registry",
    "load_acmus": "baselines",
    "make_classifier": "registry",
    "normalised_sigmoids": "likelihoods",
    "to_tensors": "tensors",
}

__getattr__ = names_from(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
