"""Samples in, frame embeddings out: a registry of model cards and one file for each model family."""

from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.model import EmbeddingModel, Fingerprint, FramedModel, FrameEmbeddings
from earmark.embeddings.registry import list_embeddings, load_embedding

__all__ = [
    "EmbeddingCard",
    "EmbeddingModel",
    "Fingerprint",
    "FrameEmbeddings",
    "FramedModel",
    "Registration",
    "list_embeddings",
    "load_embedding",
]
