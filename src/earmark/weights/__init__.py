"""Room: where pre-trained weights come from.

Sources (`sources`) give files proven by their SHA-256, `archive` and `onnx_reader` take tensors out of them without
running any of their code, `recipes` says which weights there are, and `loading` keeps the result in the user's
cache, from where it is read without any network.
"""

from __future__ import annotations

from earmark.weights.archive import read_member
from earmark.weights.cache import cache_directory, offline
from earmark.weights.loading import (
    CardFacts,
    Weights,
    card_facts,
    is_cached,
    load_weights,
    tensors_digest,
    weights_sha256,
)
from earmark.weights.onnx_reader import Layer, read_layers
from earmark.weights.recipes import RECIPES, Recipe, Tensors
from earmark.weights.sources import (
    LocalSource,
    Member,
    RegistrySource,
    Source,
    UrlSource,
    download_directory,
    fetch,
    read_source,
)

__all__ = [
    "RECIPES",
    "CardFacts",
    "Layer",
    "LocalSource",
    "Member",
    "Recipe",
    "RegistrySource",
    "Source",
    "Tensors",
    "UrlSource",
    "Weights",
    "cache_directory",
    "card_facts",
    "download_directory",
    "fetch",
    "is_cached",
    "load_weights",
    "offline",
    "read_layers",
    "read_member",
    "read_source",
    "tensors_digest",
    "weights_sha256",
]
