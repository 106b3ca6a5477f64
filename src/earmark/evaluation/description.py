"""Everything that decides a score, in full, to be kept inside every result."""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from earmark.classifiers import SCALINGS, classifier_settings
from earmark.classifiers.baselines import baseline_features, find_baseline
from earmark.evaluation.combination import COMBINATIONS
from earmark.evaluation.fusion import FUSIONS
from earmark.evaluation.metrics import INTERVAL
from earmark.evaluation.solvers import SOLVERS
from earmark.evaluation.splits import SPLITS, VALIDATION_OF_FIXED
from earmark.evaluation.system import LIKELIHOODS

if TYPE_CHECKING:
    from earmark.datasets import Dataset
    from earmark.embeddings import EmbeddingModel
    from earmark.evaluation.comparison import FoldSet
    from earmark.evaluation.leaks import LeakCheck
    from earmark.evaluation.plan import Plan

__all__ = ["describe_dataset", "describe_protocol", "versions"]

_PACKAGES = ("earmark", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "soundfile", "soxr", "torch", "openvino")


def describe_protocol(
    plan: Plan,
    *,
    models: Sequence[EmbeddingModel],
    baselines: Sequence[str] = (),
    epochs: int | None = None,
    combinations: Sequence[str],
    fold_sets: Sequence[FoldSet],
    likelihoods: str,
    solver: str,
    leak_checks: Sequence[LeakCheck],
) -> dict[str, Any]:
    """Write the protocol of a comparison down.

    Parameters
    ----------
    plan : Plan
        What was done.
    models : sequence of EmbeddingModel
        What was compared.
    baselines : sequence of str
        Networks trained from scratch beside them.
    epochs : int, optional
        For how many epochs at most, if not for as many as their cards say.
    combinations : sequence of str
        How embeddings were combined; some of `COMBINATIONS`.
    fold_sets : sequence of FoldSet
        On which folds.
    likelihoods, solver : str
        Some of `LIKELIHOODS` and `SOLVERS`.
    leak_checks : sequence of LeakCheck
        One for each split.

    Returns
    -------
    dict
        Ready for JSON.
    """
    protocol, settings = plan.protocol, plan.settings
    splits = list(dict.fromkeys(fold_set.split for fold_set in fold_sets))
    return {
        "name": protocol.name,
        "version": protocol.version,
        "title": protocol.title,
        "source": protocol.source,
        "simplified": protocol.simplified,
        "splits": {split: SPLITS[split] for split in splits},
        "folds": "as given" if set(splits) <= {"official", "fixed"} else settings.folds,
        "repeats": settings.repeats,
        "train_fractions": ["all that is left" if share is None else share for share in plan.train_fractions],
        "validation": _describe_validation(plan),
        "balanced_test": settings.balanced_test,
        "scaling": f"{protocol.scaling}: {SCALINGS[protocol.scaling]}",
        "fusions": {fusion: FUSIONS[fusion] for fusion in plan.fusions},
        "combinations": {name: COMBINATIONS[name] for name in combinations},
        "likelihoods": f"{likelihoods}: {LIKELIHOODS[likelihoods]}",
        "solver": f"{solver}: {SOLVERS[solver]}",
        "classifiers": {} if baselines and not models else _describe_classifiers(plan),
        "baselines": {name: _describe_baseline(name, epochs) for name in baselines},
        "metrics": "file-wise accuracy, balanced accuracy, macro F1; mean and deviation over folds and repeats",
        "interval": INTERVAL,
        "seed": settings.seed,
        "leak_check": {
            "ok": all(check.ok for check in leak_checks),
            "sentences": [sentence for check in leak_checks for sentence in check.sentences],
        },
        "embeddings": [_describe_embedding(model) for model in models],
        "versions": versions(),
        "created": datetime.now(UTC).date().isoformat(),
    }


def describe_dataset(dataset: Dataset, sha256: Sequence[str], seconds: float) -> dict[str, Any]:
    """Write down what was compared on.

    Parameters
    ----------
    dataset : Dataset
        The clips that were used.
    sha256 : sequence of str
        Digest of each clip's bytes.
    seconds : float
        Their length in all.
    """
    counts = Counter(dataset.labels.tolist())
    facts = [name for name in ("label", "group", "fold", "split") if dataset.has(name)]
    columns = zip(sha256, *(dataset.column(name) for name in facts), strict=True)
    content = sorted(" ".join(map(str, row)) + "\n" for row in columns)
    return asdict(dataset.card) | {
        "root": str(dataset.root.resolve()),
        "clips": len(dataset),
        "classes": {label: counts[label] for label in dataset.classes},
        "hours": seconds / 3600,
        "groups": len(set(dataset.column("group"))) if dataset.has("group") else None,
        "digest": hashlib.sha256("".join(content).encode()).hexdigest(),
        "notes": list(dataset.notes),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages whose numbers enter a result."""
    return {"python": platform.python_version()} | {package: version(package) for package in _PACKAGES}


def _describe_validation(plan: Plan) -> str:
    settings = plan.settings
    if not settings.validation_fold:
        return f"{settings.validation_fraction:g} of all clips"
    return (
        f"the fold {abs(settings.validation_fold)} {'after' if settings.validation_fold > 0 else 'before'} the tested "
        f"one; of a fixed training set without validation clips {VALIDATION_OF_FIXED:g}"
    )


def _describe_classifier(candidates: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a classifier, or of all among which validation clips choose."""
    if len(candidates) == 1:
        return classifier_settings(candidates[0])
    return {
        "chosen": "by accuracy on the validation clips of each fold; of equals the first",
        "candidates": {name: classifier_settings(name) for name in candidates},
    }


def _describe_classifiers(plan: Plan) -> dict[str, Any]:
    return {name: _describe_classifier(candidates) for name, candidates in plan.classifiers.items()}


def _describe_baseline(name: str, epochs: int | None) -> dict[str, Any]:
    """Write down what decides the numbers of a network trained from scratch."""
    settings = find_baseline(name).settings
    key = baseline_features(name).fingerprint.key
    return settings | {"epochs": epochs or settings["epochs"], "features": key}


def _describe_embedding(model: EmbeddingModel) -> dict[str, Any]:
    card = model.card
    return {
        "name": card.name,
        "title": card.title,
        "version": card.version,
        "dimension": card.dimension,
        "sample_rate": card.sample_rate,
        "window_seconds": card.window_seconds,
        "hop_seconds": card.hop_seconds,
        "padding": card.padding,
        "licence": card.weights_licence,
        "origin": card.origin,
        "paper": card.paper,
        "note": card.note,
        "fingerprint": asdict(model.fingerprint) | {"key": model.fingerprint.key},
    }
