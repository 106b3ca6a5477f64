"""Which pre-trained audio embedding, with which classifier, works for your recordings.

The public names load what they need when they are first used, so that ``import earmark`` itself is quick.

Examples
--------
>>> import earmark
>>> earmark.load_embedding("yamnet").card.dimension
1024
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from earmark.application import AudioClassifier, Comparison, compare
    from earmark.datasets import Dataset, load_dataset
    from earmark.embeddings import FrameEmbeddings, list_embeddings, load_embedding
    from earmark.errors import EarmarkError

__version__ = "0.1.0"

__all__ = [
    "AudioClassifier",
    "Comparison",
    "Dataset",
    "EarmarkError",
    "FrameEmbeddings",
    "__version__",
    "compare",
    "list_embeddings",
    "load_dataset",
    "load_embedding",
]

_HOMES = {
    "AudioClassifier": "application",
    "Comparison": "application",
    "Dataset": "datasets",
    "EarmarkError": "errors",
    "FrameEmbeddings": "embeddings",
    "compare": "application",
    "list_embeddings": "embeddings",
    "load_dataset": "datasets",
    "load_embedding": "embeddings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'earmark' has no attribute {name!r}")
    return getattr(import_module(f"earmark.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
