"""The embedding store: a folder of Parquet shards that any program can read.

::

    store/
    └── yamnet-0123456789abcdef/         one folder a fingerprint
        ├── _fingerprint.json            its fields in full
        └── 5f0c….parquet                shards; a shard never changes once it is there

A shard is written under a temporary name and renamed, so a reader sees all of it or nothing, any number of processes
may write at once, and a process that is killed loses only the shard in hand. Each row is one clip: what was heard,
what heard it, the frames as a list of fixed-size float32 lists, their times. A long clip has several rows.
"""

from __future__ import annotations

import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.embeddings import Fingerprint
from earmark.errors import StoreError
from earmark.files import TEMPORARY_PREFIX
from earmark.store.frames import ClipFrames, in_one_file, in_one_matrix
from earmark.store.shard import ClipPlace, ClipRow, ShardWriter, read_cells, read_places

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["ClipRow", "EmbeddingStore", "default_store_folder"]


def default_store_folder() -> Path:
    """Return where embeddings are kept unless another folder is named: ``$EARMARK_CACHE/store``."""
    from earmark.weights import cache_directory

    return cache_directory() / "store"


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
        self._index: dict[str, ClipPlace] = {}
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

    def n_frames(self, sha256: str) -> int:
        """Return the number of frames of a stored clip.

        Raises
        ------
        StoreError
            If the clip is not in the store.
        """
        self._check_held([sha256])
        return self._index[sha256].frames

    def n_parts(self, sha256: str) -> int:
        """Return the number of parts of a stored clip: 1, or more if it is long.

        Raises
        ------
        StoreError
            If the clip is not in the store.
        """
        self._check_held([sha256])
        return self._index[sha256].rows

    def refresh(self) -> None:
        """Take up the shards that other processes have written since."""
        for shard in self._shards():
            if shard not in self._seen:
                self._enter(shard, read_places(shard))

    def write(self, rows: Sequence[ClipRow]) -> Path:
        """Write a shard and make it visible at once.

        Parameters
        ----------
        rows : sequence of ClipRow
            Its clips, whole or in parts.

        Returns
        -------
        Path
            The shard. Without rows none is written.

        Raises
        ------
        StoreError
            If it cannot be written, for example because the disk is full, or if the parts of a clip do not fit
            together; nothing is left behind.
        """
        with self.shard() as shard:
            shard.add(rows)
        return shard.path

    @contextmanager
    def shard(self) -> Iterator[ShardWriter]:
        """Write a shard piece by piece, so that no clip has to be in memory as a whole.

        Yields
        ------
        ShardWriter
            Its `add` takes rows any number of times. At the end of the block the shard becomes visible; if the block
            fails, nothing is left behind.

        Raises
        ------
        StoreError
            If the shard cannot be written, for example because the disk is full.

        Examples
        --------
        ::

            with store.shard() as shard:
                for first_frame, part in parts:  # of one recording
                    shard.add([ClipRow(sha256, path, part, first_frame)])
        """
        shard = ShardWriter(self.folder / f"{uuid.uuid4().hex}.parquet", self.fingerprint)
        try:
            yield shard
            shard.finish()
        finally:
            shard.discard()
        self._enter(shard.path, shard.places)

    def read(self, sha256s: Sequence[str], *, in_memory: bool = True) -> ClipFrames:
        """Read the frames of clips into one matrix.

        Memory is that of the result and of a few clips, or parts of long ones: shards are read row group by row group.

        Parameters
        ----------
        sha256s : sequence of str
            Digests of stored clips, in the wanted order; one may come several times.
        in_memory : bool
            False puts the matrix into a temporary file, so that it may be larger than the memory: `values` is a
            `numpy.memmap` of which the system keeps in memory what is in use. The file has no name and is gone with
            the matrix. It lies on the disk of the store, or among the temporary files of the system if the store may
            not be written to, and needs 4 bytes a value there.

        Returns
        -------
        ClipFrames

        Raises
        ------
        StoreError
            If a clip is not in the store, a shard is damaged or there is no room for the temporary file.
        """
        self._check_held(sha256s)
        counts = [self._index[sha256].frames for sha256 in sha256s]
        offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        parts = self._placed(sha256s, offsets)
        if in_memory:
            return ClipFrames(in_one_matrix(parts, int(offsets[-1])), offsets)
        folder = self.folder if os.access(self.folder, os.W_OK) else Path(tempfile.gettempdir())
        return ClipFrames(in_one_file(parts, int(offsets[-1]), folder), offsets)

    def parts(self, sha256: str) -> Iterator[NDArray[np.float32]]:
        """Read the frames of one clip part by part, as they were written, each of shape (frames, dimension).

        Memory is that of a part. The arrays cannot be written to.

        Raises
        ------
        StoreError
            If the clip is not in the store or its shard is damaged.
        """
        self._check_held([sha256])
        return (part for _, _, part in self._frames({sha256}))

    def times(self, sha256s: Sequence[str]) -> NDArray[np.float64]:
        """Read the times of the frames of clips, in seconds, one clip after the other; shape (frames,).

        Raises
        ------
        StoreError
            If a clip is not in the store or a shard is damaged.
        """
        self._check_held(sha256s)
        found: dict[str, list[NDArray[np.float64]]] = {}
        for sha256, _, times in self._column("times", set(sha256s)):
            found.setdefault(sha256, []).append(times.to_numpy())
        return np.concatenate([np.empty(0), *(times for sha256 in sha256s for times in found[sha256])])

    def _check_held(self, sha256s: Sequence[str]) -> None:
        missing = [sha256 for sha256 in sha256s if sha256 not in self._index]
        if missing:
            raise StoreError(
                f"{self.folder}: holds no embeddings of {len(missing)} clips, the first is {missing[0]}. "
                "Embed them first."
            )

    def _placed(self, sha256s: Sequence[str], offsets: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Read the frames of clips part by part, each with the row where it belongs in the matrix of all."""
        begins: dict[str, list[int]] = {}
        for sha256, offset in zip(sha256s, offsets[:-1].tolist(), strict=True):
            begins.setdefault(sha256, []).append(offset)
        for sha256, first_frame, part in self._frames(begins.keys()):
            for begin in begins[sha256]:
                yield begin + first_frame, part

    def _frames(self, sha256s: Set[str]) -> Iterator[tuple[str, int, NDArray[np.float32]]]:
        for sha256, first_frame, frames in self._column("frames", sha256s):
            yield sha256, first_frame, frames.flatten().to_numpy().reshape(-1, frames.type.list_size)

    def _column(self, name: str, sha256s: Set[str]) -> Iterator[tuple[str, int, pa.Array]]:
        """Read what clips have in one column of lists, shard by shard; see `read_cells`."""
        wanted: dict[Path, dict[str, ClipPlace]] = {}
        for sha256 in sha256s:
            place = self._index[sha256]
            wanted.setdefault(place.shard, {})[sha256] = place
        for shard, places in sorted(wanted.items()):
            yield from read_cells(shard, name, places)

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

    def _enter(self, shard: Path, places: Mapping[str, ClipPlace]) -> None:
        for sha256, place in places.items():
            self._index.setdefault(sha256, place)
        self._seen.add(shard)
