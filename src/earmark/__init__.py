"""Which pre-trained audio embedding, with which classifier, works for your recordings.

The public names load what they need when they are first used, so that ``import earmark`` itself is quick.

Examples
--------
>>> import earmark
>>> earmark.load_embedding("yamnet").card.dimension
1024
"""

from typing import TYPE_CHECKING

from earmark.lazy import names_from

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

__getattr__ = names_from(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
