"""Samples in, frame embeddings out: a registry of model cards and one file for each model family."""

from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.convolutional import ConvolutionalModel, Reach
from earmark.embeddings.hear_module import PREFIX
from earmark.embeddings.model import EmbeddingModel, Fingerprint, FrameEmbeddings
from earmark.embeddings.network_model import FramedModel, NetworkModel
from earmark.embeddings.options import Option
from earmark.embeddings.pipeline import Part, embed_recordings
from earmark.embeddings.registry import embedding_options, list_embeddings, load_embedding, on_runtime
from earmark.embeddings.untrained import load_untrained

__all__ = [
    "PREFIX",
    "ConvolutionalModel",
    "EmbeddingCard",
    "EmbeddingModel",
    "Fingerprint",
    "FrameEmbeddings",
    "FramedModel",
    "NetworkModel",
    "Option",
    "Part",
    "Reach",
    "Registration",
    "embed_recordings",
    "embedding_options",
    "list_embeddings",
    "load_embedding",
    "load_untrained",
    "on_runtime",
]
