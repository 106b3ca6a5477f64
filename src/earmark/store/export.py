"""Embeddings out of the store, as files for other programs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import StoreError
from earmark.files import advice, replacing
from earmark.store.store import EmbeddingStore

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["export_npz", "export_parquet"]

#: Clips held in memory at a time.
_CLIPS = 64


def export_npz(store: EmbeddingStore, sha256: Mapping[Path, str], folder: Path) -> Path:
    """Write one ``.npz`` for each recording: ``embedding`` (frames, dimension) float32, ``timestamps`` (frames,) in s.

    Parameters
    ----------
    store : EmbeddingStore
        Holds the clips.
    sha256 : mapping of Path to str
        Recordings and their digests.
    folder : Path
        Made if need be; folders of the recordings are kept below their common one. Two recordings that differ only in
        their ending keep it in the name.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        If a file cannot be written.
    """
    names = _names(list(sha256))
    for path, values, times in _clips(store, sha256):
        file = folder / names[path]
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as temporary, temporary.open("wb") as out:
                np.savez(out, embedding=values, timestamps=times)
        except OSError as error:
            raise _unwritten(file, error) from error
    return folder


def export_parquet(store: EmbeddingStore, sha256: Mapping[Path, str], folder: Path) -> Path:
    """Write one Parquet file with a row for each recording: ``path``, ``times`` (s), ``frames``.

    Parameters
    ----------
    store : EmbeddingStore
        Holds the clips.
    sha256 : mapping of Path to str
        Recordings and their digests.
    folder : Path
        Made if need be.

    Returns
    -------
    Path
        The file, ``embeddings.parquet`` in the folder; its metadata hold the fingerprint. Without recordings none is
        written.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    import pyarrow.parquet as pq

    file = folder / "embeddings.parquet"
    if not sha256:
        return file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary, temporary.open("wb") as out, ExitStack() as stack:
            writer: pq.ParquetWriter | None = None
            for row in _rows(store, sha256):
                writer = writer or stack.enter_context(
                    pq.ParquetWriter(out, row.schema, compression="zstd", use_dictionary=False)
                )
                writer.write_table(row)
    except OSError as error:
        raise _unwritten(file, error) from error
    return file


def _rows(store: EmbeddingStore, sha256: Mapping[Path, str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    for path, values, times in _clips(store, sha256):
        frames = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        yield pa.table(
            {
                "path": [str(path)],
                "times": pa.array([times.tolist()], pa.list_(pa.float64())),
                "frames": pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), frames),
            }
        ).replace_schema_metadata({"fingerprint": store.fingerprint.to_json()})


def _unwritten(file: Path, error: OSError) -> StoreError:
    reason = os.strerror(error.errno) if error.errno else error
    return StoreError(f"{file}: cannot be written ({reason}). {advice(error)}, or name another folder.")


def _clips(
    store: EmbeddingStore, sha256: Mapping[Path, str]
) -> Iterator[tuple[Path, NDArray[np.float32], NDArray[np.float64]]]:
    for part in _parts(list(sha256)):
        digests = [sha256[path] for path in part]
        frames, times = store.read(digests), store.times(digests)
        for clip, path in enumerate(part):
            yield path, frames[clip], times[frames.offsets[clip] : frames.offsets[clip + 1]]


def _parts(paths: list[Path]) -> Iterator[list[Path]]:
    for start in range(0, len(paths), _CLIPS):
        yield paths[start : start + _CLIPS]


def _names(paths: list[Path]) -> dict[Path, Path]:
    """Name an output file for each recording, relative to the folder that all recordings share."""
    # Not resolved: links to recordings keep the names under which they were given.
    whole = {path: Path(os.path.abspath(path)) for path in paths}
    common = Path(os.path.commonpath([path.parent for path in whole.values()])) if paths else Path()
    short = {path: file.relative_to(common).with_suffix(".npz") for path, file in whole.items()}
    long = {path: short[path].with_name(f"{path.name}.npz") for path in paths}
    taken = Counter([*short.values(), *long.values()])
    return {path: long[path] if taken[short[path]] > 1 else short[path] for path in paths}
