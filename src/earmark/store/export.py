"""Embeddings out of the store, as files for other programs; a long recording is never in memory as a whole."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from earmark.errors import StoreError
from earmark.files import advice, replacing
from earmark.store.store import EmbeddingStore

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["export_npz", "export_parquet"]

#: Short clips are packed together, so they are read many at a time: so many, or so many frames, at most.
_CLIPS = 64
_FRAMES = 1024


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
    for path, parts, times in _clips(store, sha256):
        file = folder / names[path]
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as temporary, temporary.open("wb") as out:
                _write_npz(out, parts, times)
        except OSError as error:
            raise _unwritten(file, error) from error
    return folder


def export_parquet(store: EmbeddingStore, sha256: Mapping[Path, str], folder: Path) -> Path:
    """Write one Parquet file with a row for each recording: ``path``, ``first_frame``, ``times`` (s), ``frames``.

    A long recording has several rows, one after the other as in the store, each with the frame where it begins.

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


def _write_npz(out: IO[bytes], parts: Iterable[NDArray[np.float32]], times: NDArray[np.float64]) -> None:
    """Write what `numpy.savez` would, part by part."""
    with zipfile.ZipFile(out, "w") as archive:
        with archive.open("embedding.npy", "w", force_zip64=True) as member:
            for number, part in enumerate(parts):
                if number == 0:
                    shape = (len(times), part.shape[1])
                    header = {"descr": np.lib.format.dtype_to_descr(part.dtype), "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(member, header)
                member.write(part.data)
        with archive.open("timestamps.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, times, allow_pickle=False)


def _rows(store: EmbeddingStore, sha256: Mapping[Path, str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    for path, parts, times in _clips(store, sha256):
        first = 0
        for part in parts:
            frames = pa.FixedSizeListArray.from_arrays(pa.array(part.reshape(-1)), part.shape[1])
            borders = pa.array([0, len(part)], pa.int32())
            yield pa.table(
                {
                    "path": [str(path)],
                    "first_frame": pa.array([first], pa.int32()),
                    "times": pa.ListArray.from_arrays(borders, pa.array(times[first : first + len(part)])),
                    "frames": pa.ListArray.from_arrays(borders, frames),
                }
            ).replace_schema_metadata({"fingerprint": store.fingerprint.to_json()})
            first += len(part)


def _unwritten(file: Path, error: OSError) -> StoreError:
    reason = os.strerror(error.errno) if error.errno else error
    return StoreError(f"{file}: cannot be written ({reason}). {advice(error)}, or name another folder.")


def _clips(
    store: EmbeddingStore, sha256: Mapping[Path, str]
) -> Iterator[tuple[Path, Iterable[NDArray[np.float32]], NDArray[np.float64]]]:
    """Give each recording with its frames, in parts if it is long, and their times."""
    for batch in _batches(store, sha256):
        digests = [sha256[path] for path in batch]
        if len(batch) == 1:
            yield batch[0], store.parts(digests[0]), store.times(digests)
            continue
        frames, times = store.read(digests), store.times(digests)
        for clip, path in enumerate(batch):
            yield path, [frames[clip]], times[frames.offsets[clip] : frames.offsets[clip + 1]]


def _batches(store: EmbeddingStore, sha256: Mapping[Path, str]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    frames = 0
    for path, digest in sha256.items():
        more = store.n_frames(digest) if store.n_parts(digest) == 1 else _FRAMES + 1  # a long clip comes alone
        if batch and (len(batch) == _CLIPS or frames + more > _FRAMES):
            yield batch
            batch, frames = [], 0
        batch.append(path)
        frames += more
    if batch:
        yield batch


def _names(paths: list[Path]) -> dict[Path, Path]:
    """Name an output file for each recording, relative to the folder that all recordings share."""
    # Not resolved: links to recordings keep the names under which they were given.
    whole = {path: Path(os.path.abspath(path)) for path in paths}
    common = Path(os.path.commonpath([path.parent for path in whole.values()])) if paths else Path()
    short = {path: file.relative_to(common).with_suffix(".npz") for path, file in whole.items()}
    long = {path: short[path].with_name(f"{path.name}.npz") for path in paths}
    taken = Counter([*short.values(), *long.values()])
    return {path: long[path] if taken[short[path]] > 1 else short[path] for path in paths}
