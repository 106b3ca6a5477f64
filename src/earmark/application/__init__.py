"""What users hold in their hands: a comparison, and a trained classifier, each as one thing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from earmark.application.classifier import AudioClassifier, Predictions
    from earmark.application.comparison import Comparison, compare

__all__ = ["AudioClassifier", "Comparison", "Predictions", "compare"]

_HOMES = {
    "AudioClassifier": "classifier",
    "Comparison": "comparison",
    "Predictions": "classifier",
    "compare": "comparison",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
