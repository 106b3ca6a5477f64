"""What users hold in their hands: a comparison, and a trained classifier, each as one thing."""

from typing import TYPE_CHECKING

from earmark.lazy import names_from

if TYPE_CHECKING:
    from earmark.application.classifier import AudioClassifier, Predictions
    from earmark.application.comparison import compare
    from earmark.application.result import Comparison

__all__ = ["AudioClassifier", "Comparison", "Predictions", "compare"]

_HOMES = {
    "AudioClassifier": "classifier",
    "Comparison": "result",
    "Predictions": "classifier",
    "compare": "comparison",
}

__getattr__ = names_from(__name__, _HOMES)
