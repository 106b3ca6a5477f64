"""One shard of the store: its columns, how it is written and how it is read.

A row is a clip, or a piece of a long one. The rows of a clip follow each other in one shard, and each says at which
frame of the clip it begins; so nobody has to hold a long clip as a whole, neither who writes it nor who reads it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from earmark.embeddings import Fingerprint, FrameEmbeddings
from earmark.errors import StoreError
from earmark.files import TEMPORARY_PREFIX, advice, replacing

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["PART_BYTES", "ClipPlace", "ClipRow", "ShardWriter", "read_cells", "read_places"]

#: A recording with more bytes of values than this is written to a shard of its own, part by part: half a minute of 6144
#: values every 0.1 s.
PART_BYTES = 8 << 20

_STALE_SECONDS = 24 * 3600
#: A row group, which is unpacked as a whole, holds so many rows or bytes at most, but at least one row.
_GROUP_ROWS = 64
_GROUP_BYTES = 4 << 20
#: A row holds so many bytes of values at most, but at least one frame. Packing or unpacking one takes ten times
#: that, and larger ones are no faster.
_ROW_BYTES = 2 << 20


@dataclass(frozen=True)
class ClipRow:
    """One clip on its way into the store, or a part of a long one.

    Attributes
    ----------
    sha256 : str
        Digest of the file's bytes.
    source : str
        Path at which it was heard; for people, not part of the key.
    embeddings : FrameEmbeddings
        Its frames. The times of a part count from the start of the clip; its seconds are those that it adds to the
        length of the clip.
    first_frame : int
        Where in the clip the part begins; 0 for a whole clip.
    """

    sha256: str
    source: str
    embeddings: FrameEmbeddings
    first_frame: int = 0


@dataclass
class ClipPlace:
    """Where a clip lies, the row of the shard where it begins and how many it takes, and how long it is."""

    shard: Path
    row: int
    rows: int
    frames: int
    duration_seconds: float


class ShardWriter:
    """A shard that is being written; `EmbeddingStore.shard` makes, finishes and discards it.

    Parameters
    ----------
    path : Path
        The shard: there as soon as it is finished, and not before.
    fingerprint : Fingerprint
        Whose embeddings.
    """

    def __init__(self, path: Path, fingerprint: Fingerprint) -> None:
        self.path = path
        self.places: dict[str, ClipPlace] = {}
        self._fingerprint = fingerprint
        self._files = ExitStack()
        self._open: tuple[BinaryIO, pq.ParquetWriter] | None = None
        self._failed: StoreError | None = None

    def add(self, rows: Sequence[ClipRow]) -> None:
        """Write rows to the file; nothing of them is held afterwards.

        Parameters
        ----------
        rows : sequence of ClipRow
            Whole clips, best many at a time because they are packed together, and parts of clips. The parts of a clip
            follow each other, in one call or in several.

        Raises
        ------
        StoreError
            If they cannot be written, for example because the disk is full, or if a part does not begin where the one
            before ended. The shard cannot be finished then.
        """
        try:
            pieces = [piece for row in rows for piece in _cut(row)]
            for row in pieces:
                clip = row.embeddings
                _add_up(self.places, self.path, row.sha256, row.first_frame, len(clip), clip.duration_seconds)
            for group in _groups(pieces):
                dimension = group[0].embeddings.values.shape[1]
                _, parquet = self._open = self._open or self._begin(dimension)
                parquet.write_table(_to_table(group, self._fingerprint.key))
        except OSError as error:
            self._failed = self._unwritten(error)
            raise self._failed from error
        except ValueError as error:
            reason = str(error).splitlines()[0]
            self._failed = StoreError(
                f"{self.path}: these rows make no shard ({reason}). Give the rows of a clip one after the other, from "
                "frame 0 on, each from where the one before ended, and all with as many values a frame."
            )
            raise self._failed from error

    def finish(self) -> None:
        """Make the shard visible, whole and safe from a power cut; without any rows none is made.

        Raises
        ------
        StoreError
            If it cannot be written to its end, or if `add` failed.
        """
        if self._failed is not None:
            raise self._failed
        if self._open is None:
            return
        file, parquet = self._open
        try:
            parquet.close()
            file.flush()
            os.fsync(file.fileno())
            self._files.close()
        except OSError as error:
            raise self._unwritten(error) from error

    def discard(self) -> None:
        """Leave nothing behind, unless the shard is finished."""
        unfinished = StoreError(f"{self.path}: is not finished.")
        with suppress(OSError):  # of a full disk, which takes no end of the file either
            self._files.__exit__(StoreError, unfinished, None)

    def _begin(self, dimension: int) -> tuple[BinaryIO, pq.ParquetWriter]:
        import pyarrow.parquet as pq

        _make_folder(self.path.parent, self._fingerprint)
        temporary = self._files.enter_context(replacing(self.path))
        file = self._files.enter_context(temporary.open("wb"))
        parquet = pq.ParquetWriter(
            file,
            _schema(dimension).with_metadata(_facts(self._fingerprint)),
            compression="zstd",
            use_dictionary=["fingerprint"],  # of floats that never repeat it is slow and large
            write_page_checksum=True,
        )
        return file, self._files.enter_context(parquet)

    def _unwritten(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.path}: the embeddings of {len(self.places)} clips could not be written "
            f"({os.strerror(error.errno) if error.errno else error}). {advice(error)}, or name another "
            "folder with --store (or EARMARK_CACHE); what was written before is kept."
        )


def read_places(shard: Path) -> dict[str, ClipPlace]:
    """Find out which clips a shard holds, and where.

    Raises
    ------
    StoreError
        If the shard is damaged; if the rows of a clip do not fit together, it is.
    """
    places: dict[str, ClipPlace] = {}
    with _opened(shard) as file:
        table = file.read(columns=["clip_sha256", "first_frame", "n_frames", "duration_seconds"])
        columns = (table[name].to_pylist() for name in ("clip_sha256", "n_frames", "duration_seconds"))
        for first_frame, (sha256, frames, seconds) in zip(
            _first_frames(table), zip(*columns, strict=True), strict=True
        ):
            _add_up(places, shard, sha256, first_frame, frames, seconds)
    return places


def read_cells(shard: Path, name: str, places: Mapping[str, ClipPlace]) -> Iterator[tuple[str, int, pa.Array]]:
    """Read what clips of a shard have in one column of lists, row by row; only row groups that hold them are read.

    Yields
    ------
    tuple of str, int and pyarrow.Array
        A clip, the frame where the row begins, and what stands in the row. The rows of a clip come in their order.

    Raises
    ------
    StoreError
        If the shard is damaged.
    """
    rows = {place.row + part: sha256 for sha256, place in places.items() for part in range(place.rows)}
    due = dict.fromkeys(places, 0)
    with _opened(shard) as file:
        sizes = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
        for group, (start, stop) in enumerate(pairwise(accumulate(sizes, initial=0))):
            wanted = sorted(rows.keys() & range(start, stop))
            if not wanted:
                continue
            table = file.read_row_group(group, columns=["clip_sha256", "first_frame", name])
            clips, first_frames = table["clip_sha256"].to_pylist(), _first_frames(table)
            for row in wanted:
                sha256, cell = rows[row], table[name][row - start].values
                if (clips[row - start], first_frames[row - start]) != (sha256, due[sha256]):
                    raise ValueError(f"its row {row} is not that of frame {due[sha256]} of clip {sha256}")
                due[sha256] += len(cell)
                if due[sha256] > places[sha256].frames:
                    raise ValueError(f"clip {sha256} has more than its {places[sha256].frames} frames in it")
                yield sha256, due[sha256] - len(cell), cell
        left = sum(due[sha256] < place.frames for sha256, place in places.items())
        if left:
            raise ValueError(f"{left} of its clips cannot be found in it")


def _add_up(
    places: dict[str, ClipPlace], shard: Path, sha256: str, first_frame: int, frames: int, seconds: float
) -> None:
    """Count the next row of a shard to its clip.

    Raises
    ------
    ValueError
        If it does not go on where the clip ended.
    """
    last = next(reversed(places.values()), None)
    place = places.get(sha256)
    if place is None:
        place = places[sha256] = ClipPlace(shard, last.row + last.rows if last else 0, 0, 0, 0.0)
    elif place is not last:
        raise ValueError(f"the rows of clip {sha256} do not follow each other")
    if first_frame != place.frames:
        raise ValueError(f"a row of clip {sha256} begins at frame {first_frame} where frame {place.frames} is due")
    place.rows += 1
    place.frames += frames
    place.duration_seconds += seconds


@contextmanager
def _opened(shard: Path) -> Iterator[pq.ParquetFile]:
    """Open a shard, and turn what pyarrow raises over a broken file into an error that says what to do."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(shard, page_checksum_verification=True) as file:
            # Checksums guard the pages but not the footer, which names the columns.
            frames = file.schema_arrow.field("frames").type
            whole = _schema(getattr(getattr(frames, "value_type", None), "list_size", 0))
            before_parts = whole.remove(whole.get_field_index("first_frame"))
            if not (file.schema_arrow.equals(whole) or file.schema_arrow.equals(before_parts)):
                raise pa.ArrowInvalid("its columns are not those of an embedding store")
            yield file
    except (pa.ArrowException, OSError, LookupError, ValueError) as error:
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


def _first_frames(table: pa.Table) -> list[int]:
    # Shards were written without this column before clips had parts.
    return table["first_frame"].to_pylist() if "first_frame" in table.column_names else [0] * len(table)


def _make_folder(folder: Path, fingerprint: Fingerprint) -> None:
    """Make the folder, describe it, and clear away what processes killed long ago left unfinished."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = folder / "_fingerprint.json"
    if not facts.exists():
        with replacing(facts) as temporary:
            temporary.write_text(fingerprint.to_json() + "\n", encoding="utf-8")
    for left in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(OSError):  # another writer has just renamed it, or another user owns it
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                left.unlink()


def _schema(dimension: int) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        {
            "clip_sha256": pa.string(),
            "fingerprint": pa.string(),
            "source": pa.string(),
            "duration_seconds": pa.float64(),
            "first_frame": pa.int32(),
            "n_frames": pa.int32(),
            "times": pa.list_(pa.float64()),
            "frames": pa.list_(pa.list_(pa.float32(), dimension)),
        }
    )


def _facts(fingerprint: Fingerprint) -> dict[str, str]:
    """Say in the metadata of a shard what made it."""
    from importlib.metadata import version

    import soundfile
    import soxr

    return {
        "earmark": version("earmark"),
        "fingerprint": fingerprint.to_json(),
        "decoder": f"libsndfile {soundfile.__libsndfile_version__}",
        "resampler": f"soxr {soxr.__version__}" if "soxr" in fingerprint.resampler else fingerprint.resampler,
    }


def _cut(row: ClipRow) -> Iterator[ClipRow]:
    """Cut a clip, or a part of one, into rows of `_ROW_BYTES` at most."""
    clip = row.embeddings
    most = max(1, _ROW_BYTES // (clip.values.itemsize * clip.values.shape[1]))
    for start in range(0, max(1, len(clip)), most):
        stop = start + most
        seconds = clip.duration_seconds if stop >= len(clip) else 0.0
        frames = FrameEmbeddings(clip.values[start:stop], clip.times[start:stop], seconds)
        yield replace(row, embeddings=frames, first_frame=row.first_frame + start)


def _groups(rows: Sequence[ClipRow]) -> Iterator[list[ClipRow]]:
    """Cut rows into row groups."""
    group: list[ClipRow] = []
    size = 0
    for row in rows:
        row_bytes = row.embeddings.values.nbytes
        if group and (len(group) == _GROUP_ROWS or size + row_bytes > _GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(row)
        size += row_bytes
    if group:
        yield group


def _to_table(rows: Sequence[ClipRow], key: str) -> pa.Table:
    import pyarrow as pa

    clips = [row.embeddings for row in rows]
    dimension = clips[0].values.shape[1]
    values = clips[0].values if len(clips) == 1 else np.concatenate([clip.values for clip in clips])
    flat = pa.array(values.reshape(-1), pa.float32())
    borders = pa.array(np.concatenate([[0], np.cumsum([len(clip) for clip in clips])]), pa.int32())
    times = pa.array(np.concatenate([clip.times for clip in clips]), pa.float64())
    columns = {
        "clip_sha256": [row.sha256 for row in rows],
        "fingerprint": [key] * len(rows),
        "source": [os.fsencode(row.source).decode("utf-8", "backslashreplace") for row in rows],
        "duration_seconds": [clip.duration_seconds for clip in clips],
        "first_frame": [row.first_frame for row in rows],
        "n_frames": [len(clip) for clip in clips],
        "times": pa.ListArray.from_arrays(borders, times),
        "frames": pa.ListArray.from_arrays(borders, pa.FixedSizeListArray.from_arrays(flat, dimension)),
    }
    return pa.table(columns, _schema(dimension))
