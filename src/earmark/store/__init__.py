"""Embeddings on disk, keyed by what was heard (SHA-256 of the file) and by what heard it (fingerprint)."""

from earmark.store.export import export_npz, export_parquet
from earmark.store.extraction import Extraction, embed_clips
from earmark.store.frames import ClipFrames
from earmark.store.shard import PART_BYTES, ClipRow
from earmark.store.store import EmbeddingStore, default_store_folder

__all__ = [
    "PART_BYTES",
    "ClipFrames",
    "ClipRow",
    "EmbeddingStore",
    "Extraction",
    "default_store_folder",
    "embed_clips",
    "export_npz",
    "export_parquet",
]
