"""The embedding store: a folder of Parquet shards that any program can read.

::

    store/
    └── yamnet-0123456789abcdef/         one folder a fingerprint
        ├── _fingerprint.json            its fields in full
        └── 5f0c….parquet                shards; a shard never changes once it is there

A shard is written under a temporary name and renamed, so a reader sees all of it or nothing, any number of processes
may write at once, and a process that is killed loses only the shard in hand. Each row is one clip: what was heard,
what heard it, the frames as a list of fixed-size float32 lists, their times.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.embeddings import Fingerprint, FrameEmbeddings
from earmark.errors import StoreError
from earmark.files import TEMPORARY_PREFIX, advice, replacing
from earmark.store.frames import ClipFrames

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

__all__ = ["ClipRow", "EmbeddingStore", "default_store_folder"]

_STALE_SECONDS = 24 * 3600
#: A row group, which is unpacked as a whole, holds so many clips or bytes at most, but at least one clip.
_GROUP_ROWS = 64
_GROUP_BYTES = 4 << 20


def default_store_folder() -> Path:
    """Return where embeddings are kept unless another folder is named: ``$EARMARK_CACHE/store``."""
    from earmark.weights import cache_directory

    return cache_directory() / "store"


@dataclass(frozen=True)
class ClipRow:
    """One clip on its way into the store.

    Attributes
    ----------
    sha256 : str
        Digest of the file's bytes.
    source : str
        Path at which it was heard; for people, not part of the key.
    embeddings : FrameEmbeddings
        Its frames.
    """

    sha256: str
    source: str
    embeddings: FrameEmbeddings


@dataclass(frozen=True)
class _Place:
    shard: Path
    frames: int
    duration_seconds: float


class EmbeddingStore:
    """The embeddings of one fingerprint below a store folder.

    Parameters
    ----------
    folder : str or Path
        The store's folder; made when the first shard is written.
    fingerprint : Fingerprint
        Whose embeddings.

    Raises
    ------
    StoreError
        If a shard is damaged or the folder cannot be read.
    """

    def __init__(self, folder: str | Path, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        # Options in a name bring characters that some file systems do not take.
        name = re.sub(r"[^\w.+=-]+", "_", fingerprint.card)[:100]
        self.folder = Path(folder) / f"{name}-{fingerprint.key[:16]}"
        self._index: dict[str, _Place] = {}
        self._seen: set[Path] = set()
        self.refresh()

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._index

    def __len__(self) -> int:
        return len(self._index)

    def duration_seconds(self, sha256: str) -> float:
        """Length of a stored clip in seconds.

        Raises
        ------
        StoreError
            If the clip is not in the store.
        """
        self._check_held([sha256])
        return self._index[sha256].duration_seconds

    def refresh(self) -> None:
        """Take up the shards that other processes have written since."""
        for shard in self._shards():
            if shard not in self._seen:
                self._enter(shard, self._read(shard, ["clip_sha256", "n_frames", "duration_seconds"]))

    def write(self, rows: Sequence[ClipRow]) -> Path:
        """Write a shard and make it visible at once.

        Parameters
        ----------
        rows : sequence of ClipRow
            At least one clip.

        Returns
        -------
        Path
            The shard.

        Raises
        ------
        StoreError
            If it cannot be written, for example because the disk is full; nothing is left behind.
        """
        import pyarrow.parquet as pq

        table = _to_table(rows, self.fingerprint)
        shard = self.folder / f"{uuid.uuid4().hex}.parquet"
        try:
            self._make_folder()
            with replacing(shard) as temporary, temporary.open("wb") as file:
                pq.write_table(
                    table,
                    file,
                    row_group_size=max(1, min(_GROUP_ROWS, _GROUP_BYTES * len(rows) // table.nbytes)),
                    compression="zstd",
                    use_dictionary=["fingerprint"],  # of floats that never repeat it is slow and large
                    write_page_checksum=True,
                )
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"{shard}: the embeddings of {len(rows)} clips could not be written "
                f"({os.strerror(error.errno) if error.errno else error}). {advice(error)}, or name another "
                "folder with --store (or EARMARK_CACHE); what was written before is kept."
            ) from error
        self._enter(shard, table)
        return shard

    def read(self, sha256s: Sequence[str]) -> ClipFrames:
        """Read the frames of clips into one matrix.

        Memory is that of the result and of a few clips: shards are read row group by row group.

        Parameters
        ----------
        sha256s : sequence of str
            Digests of stored clips, in the wanted order; one may come several times.

        Returns
        -------
        ClipFrames

        Raises
        ------
        StoreError
            If a clip is not in the store or a shard is damaged.
        """
        self._check_held(sha256s)
        counts = [self._index[sha256].frames for sha256 in sha256s]
        offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        places: dict[str, list[int]] = {}
        for position, sha256 in enumerate(sha256s):
            places.setdefault(sha256, []).append(position)
        values: np.ndarray[tuple[int, int], np.dtype[np.float32]] | None = None
        for sha256, frames in self._column("frames", places.keys()):
            clip = frames.flatten().to_numpy().reshape(len(frames), -1)
            if values is None:
                values = np.empty((int(offsets[-1]), clip.shape[1]), np.float32)
            for position in places[sha256]:
                values[offsets[position] : offsets[position + 1]] = clip
        return ClipFrames(np.empty((0, 0), np.float32) if values is None else values, offsets)

    def times(self, sha256s: Sequence[str]) -> NDArray[np.float64]:
        """Read the times of the frames of clips, in seconds, one clip after the other; shape (frames,).

        Raises
        ------
        StoreError
            If a clip is not in the store or a shard is damaged.
        """
        self._check_held(sha256s)
        found = {sha256: times.to_numpy() for sha256, times in self._column("times", set(sha256s))}
        return np.concatenate([np.empty(0), *(found[sha256] for sha256 in sha256s)])

    def _check_held(self, sha256s: Sequence[str]) -> None:
        missing = [sha256 for sha256 in sha256s if sha256 not in self._index]
        if missing:
            raise StoreError(
                f"{self.folder}: holds no embeddings of {len(missing)} clips, the first is {missing[0]}. "
                "Embed them first."
            )

    def _column(self, name: str, sha256s: Set[str]) -> Iterator[tuple[str, pa.Array]]:
        """Read what clips have in one column of lists, shard by shard; each clip comes once."""
        wanted: dict[Path, set[str]] = {}
        for sha256 in sha256s:
            wanted.setdefault(self._index[sha256].shard, set()).add(sha256)
        for shard, left in sorted(wanted.items()):
            with _opened(shard) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=["clip_sha256", name])
                    for sha256, cell in zip(table["clip_sha256"].to_pylist(), table[name], strict=True):
                        if sha256 in left and len(cell) == self._index[sha256].frames:
                            left.remove(sha256)
                            yield sha256, cell.values
                if left:
                    raise ValueError(f"{len(left)} of its clips cannot be found in it")

    def _read(self, shard: Path, columns: list[str]) -> pa.Table:
        with _opened(shard) as file:
            return file.read(columns=columns)

    def _shards(self) -> list[Path]:
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(
                f"{self.folder}: this folder of the embedding store cannot be read ({error.strerror}). Allow reading "
                "it, or name another folder with --store (or EARMARK_CACHE)."
            ) from error
        return [
            self.folder / name
            for name in sorted(names)
            if name.endswith(".parquet") and not name.startswith(TEMPORARY_PREFIX)
        ]

    def _enter(self, shard: Path, table: pa.Table) -> None:
        columns = (table[name].to_pylist() for name in ("clip_sha256", "n_frames", "duration_seconds"))
        for sha256, frames, duration in zip(*columns, strict=True):
            self._index.setdefault(sha256, _Place(shard, frames, duration))
        self._seen.add(shard)

    def _make_folder(self) -> None:
        """Make the folder, describe it, and clear away what processes killed long ago left unfinished."""
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = self.folder / "_fingerprint.json"
        if not facts.exists():
            with replacing(facts) as temporary:
                temporary.write_text(self.fingerprint.to_json() + "\n", encoding="utf-8")
        for left in self.folder.glob(f"{TEMPORARY_PREFIX}*"):
            with suppress(OSError):  # another writer has just renamed it, or another user owns it
                if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                    left.unlink()


@contextmanager
def _opened(shard: Path) -> Iterator[pq.ParquetFile]:
    """Open a shard, and turn what pyarrow raises over a broken file into an error that says what to do."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(shard, page_checksum_verification=True) as file:
            # Checksums guard the pages but not the footer, which names the columns.
            frames = file.schema_arrow.field("frames").type
            dimension = getattr(getattr(frames, "value_type", None), "list_size", 0)
            if not file.schema_arrow.equals(_schema(dimension)):
                raise pa.ArrowInvalid("its columns are not those of an embedding store")
            yield file
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise StoreError(
                f"{shard}: this shard of the embedding store cannot be read ({os.strerror(error.errno)}). "
                "Allow reading it, or name another folder with --store (or EARMARK_CACHE)."
            ) from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(
            f"{shard}: this shard of the embedding store is damaged ({reason}). Delete this one file and run again: "
            "only the clips it held are embedded anew, all other shards stay as they are."
        ) from error


def _schema(dimension: int) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        {
            "clip_sha256": pa.string(),
            "fingerprint": pa.string(),
            "source": pa.string(),
            "duration_seconds": pa.float64(),
            "n_frames": pa.int32(),
            "times": pa.list_(pa.float64()),
            "frames": pa.list_(pa.list_(pa.float32(), dimension)),
        }
    )


def _to_table(rows: Sequence[ClipRow], fingerprint: Fingerprint) -> pa.Table:
    from importlib.metadata import version

    import pyarrow as pa
    import soundfile
    import soxr

    clips = [row.embeddings for row in rows]
    dimension = clips[0].values.shape[1]
    # A long recording comes alone in its shard: it is not copied.
    values = clips[0].values if len(clips) == 1 else np.concatenate([clip.values for clip in clips])
    flat = pa.array(values.reshape(-1), pa.float32())
    borders = pa.array(np.concatenate([[0], np.cumsum([len(clip) for clip in clips])]), pa.int32())
    times = pa.array(np.concatenate([clip.times for clip in clips]), pa.float64())
    columns = {
        "clip_sha256": [row.sha256 for row in rows],
        "fingerprint": [fingerprint.key] * len(rows),
        "source": [os.fsencode(row.source).decode("utf-8", "backslashreplace") for row in rows],
        "duration_seconds": [clip.duration_seconds for clip in clips],
        "n_frames": [len(clip) for clip in clips],
        "times": pa.ListArray.from_arrays(borders, times),
        "frames": pa.ListArray.from_arrays(borders, pa.FixedSizeListArray.from_arrays(flat, dimension)),
    }
    table = pa.table(columns, _schema(dimension))
    return table.replace_schema_metadata(
        {
            "earmark": version("earmark"),
            "fingerprint": fingerprint.to_json(),
            "decoder": f"libsndfile {soundfile.__libsndfile_version__}",
            "resampler": f"soxr {soxr.__version__}" if "soxr" in fingerprint.resampler else fingerprint.resampler,
        }
    )
