"""Room: where pre-trained weights come from.

Sources (`sources`) give files proven by their digests, `archive` and the readers take tensors out of them without
running any of their code, `recipes` says which weights there are. `making` and `importing` keep the result in the
user's cache (`safetensors_file`), from where `loading` reads it without any network.
"""

from __future__ import annotations

from earmark.weights.archive import read_member
from earmark.weights.cache import cache_directory, offline
from earmark.weights.catalogue import CardFacts, cached_facts, cached_file, card_facts, find_recipe, is_cached
from earmark.weights.digests import Digest, sha256
from earmark.weights.importing import import_weights
from earmark.weights.loading import Weights, load_weights, verify_weights, weights_sha256
from earmark.weights.making import ACCEPTED, get_weights, origin_of, stated_digest
from earmark.weights.onnx_reader import Layer, read_layers
from earmark.weights.recipes import RECIPES, Recipe, Shapes, Tensors, WeightsFile
from earmark.weights.safetensors_file import FileFacts, tensors_digest
from earmark.weights.sources import (
    LocalSource,
    Member,
    RegistrySource,
    Source,
    SourceUnreachable,
    UrlSource,
    download_directory,
    fetch,
    read_source,
)

__all__ = [
    "ACCEPTED",
    "RECIPES",
    "CardFacts",
    "Digest",
    "FileFacts",
    "Layer",
    "LocalSource",
    "Member",
    "Recipe",
    "RegistrySource",
    "Shapes",
    "Source",
    "SourceUnreachable",
    "Tensors",
    "UrlSource",
    "Weights",
    "WeightsFile",
    "cache_directory",
    "cached_facts",
    "cached_file",
    "card_facts",
    "download_directory",
    "fetch",
    "find_recipe",
    "get_weights",
    "import_weights",
    "is_cached",
    "load_weights",
    "offline",
    "origin_of",
    "read_layers",
    "read_member",
    "read_source",
    "sha256",
    "stated_digest",
    "tensors_digest",
    "verify_weights",
    "weights_sha256",
]
