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

from earmark.classifiers import list_classifiers
from earmark.evaluation.fusion import FUSIONS
from earmark.evaluation.metrics import INTERVAL
from earmark.evaluation.solvers import SOLVERS
from earmark.evaluation.splits import SPLITS, SplitSettings
from earmark.evaluation.system import LIKELIHOODS

if TYPE_CHECKING:
    from earmark.datasets import Dataset
    from earmark.embeddings import EmbeddingModel
    from earmark.evaluation.comparison import FoldSet
    from earmark.evaluation.leaks import LeakCheck

__all__ = ["describe_dataset", "describe_protocol", "versions"]

_PACKAGES = ("earmark", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "soundfile", "soxr", "torch", "openvino")


def describe_protocol(
    *,
    models: Sequence[EmbeddingModel],
    classifiers: Sequence[str],
    fusions: Sequence[str],
    fold_sets: Sequence[FoldSet],
    train_fractions: Sequence[float | None],
    settings: SplitSettings,
    likelihoods: str,
    solver: str,
    leak_checks: Sequence[LeakCheck],
) -> dict[str, Any]:
    """Write the protocol of a comparison down.

    Returns
    -------
    dict
        Ready for JSON.
    """
    cards = {card.name: card for card in list_classifiers()}
    splits = list(dict.fromkeys(fold_set.split for fold_set in fold_sets))
    return {
        "name": "earmark",
        "splits": {split: SPLITS[split] for split in splits},
        "folds": "as given" if set(splits) <= {"official", "fixed"} else settings.folds,
        "repeats": settings.repeats,
        "train_fractions": ["all that is left" if share is None else share for share in train_fractions],
        "validation_fraction": settings.validation_fraction,
        "balanced_test": settings.balanced_test,
        "scaling": "each embedding value to [0, 1] by minimum and maximum of the training rows",
        "fusions": {fusion: FUSIONS[fusion] for fusion in fusions},
        "likelihoods": f"{likelihoods}: {LIKELIHOODS[likelihoods]}",
        "solver": f"{solver}: {SOLVERS[solver]}",
        "classifiers": {name: dict(cards[name].settings) for name in classifiers},
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
    content = sorted(f"{digest} {label}\n" for digest, label in zip(sha256, dataset.labels.tolist(), strict=True))
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
