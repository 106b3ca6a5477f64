"""Room: where pre-trained weights come from.

Sources (`sources`) give files proven by their digests (`originals`), `archive` and the readers take tensors out of
them without running any of their code, `recipes` says which weights there are. `making` and `importing` keep the
result in the user's cache (`safetensors_file`), from where `loading` reads it without any network.
"""

from __future__ import annotations

from earmark.weights.archive import read_member
from earmark.weights.cache import cache_directory, offline
from earmark.weights.catalogue import (
    CardFacts,
    cache_state,
    cached_facts,
    cached_file,
    card_facts,
    find_recipe,
    is_cached,
)
from earmark.weights.digests import NAMES, Digest, sha256
from earmark.weights.downloads import OtherFile, SourceUnreachable
from earmark.weights.importing import import_weights
from earmark.weights.loading import Weights, load_weights, verify_weights, weights_sha256
from earmark.weights.making import get_weights
from earmark.weights.onnx_reader import Layer, read_layers
from earmark.weights.originals import Member, Original
from earmark.weights.recipes import RECIPES, Recipe, Shapes, Tensors, WeightsFile
from earmark.weights.safetensors_file import FileFacts, tensors_digest
from earmark.weights.sources import RegistrySource, Source, UrlSource, download_directory, fetch

__all__ = [
    "NAMES",
    "RECIPES",
    "CardFacts",
    "Digest",
    "FileFacts",
    "Layer",
    "Member",
    "Original",
    "OtherFile",
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
    "cache_state",
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
    "read_layers",
    "read_member",
    "sha256",
    "tensors_digest",
    "verify_weights",
    "weights_sha256",
]
