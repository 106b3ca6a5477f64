"""The models that are measured: a cache with their weights, and the plain loop that they are measured against.

Where real weights cannot be had, random ones of the same size take their place: a network takes the same time and
memory whatever its weights are. They are those of the tests (``tests/seeded.py``), lie in a cache of the benchmark's
own, from which models are loaded by name as ever, and every figure that was measured with them says so.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measuring import ROOT, Measured

#: Real weights, by the first word of the models' names.
REAL = {"yamnet": "yamnet-w8a8", "soundnet": "soundnet", "edgel3": "edgel3-sea-64"}
#: Weights that random ones stand in for, and their names in ``tests/seeded.py``.
RANDOM = {"openl3-mel256-music": "openl3", "vggish": "vggish", "kumar": "kumar", "panns-cnn14": "cnn14"}

#: Rows that the plain loop runs at once.
PLAIN_BATCH = 32


def titled(name: str) -> str:
    """Name a model in figures, and say if its weights are random."""
    return name if _family(name) in REAL else f"{name} (random weights)"


def known(names: Iterable[str], cache: Path) -> list[str]:
    """Leave out the models whose weights could not be had."""
    return [each for each in names if _family(each) not in REAL or _file(cache, REAL[_family(each)]).exists()]


def fill_cache(cache: Path) -> list[Measured]:
    """Put all weights into a new cache; real ones that the user's cache does not have are fetched into that first.

    Those that cannot be had are left out, which is said.
    """
    from earmark.errors import WeightsError
    from earmark.weights import RECIPES, get_weights, tensors_digest
    from earmark.weights.safetensors_file import FileFacts, write_tensors

    (cache / "weights").mkdir(parents=True)
    for name in REAL.values():
        try:
            _file(cache, name).symlink_to(get_weights(name).resolve())
        except WeightsError as error:
            print(f"left out: {error}", file=sys.stderr)
    for name, seeded in RANDOM.items():
        made = from_tests("seeded").weights(seeded)
        tensors = {each: made[each] for each in RECIPES[name].shapes}
        facts = FileFacts(tensors_digest(tensors), source_sha256="", source="random numbers of tests/seeded.py")
        write_tensors(_file(cache, name), tensors, facts)
    return []


def _family(name: str) -> str:
    return name.partition("-")[0]


def _file(cache: Path, weights: str) -> Path:
    return cache / "weights" / f"{weights}.safetensors"


def from_tests(module: str) -> Any:
    """Import a module of the tests."""
    sys.path.append(str(ROOT / "tests"))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.pop()


def pipeline(model: Any, paths: Sequence[Path]) -> list[NDArray[np.float32]]:
    """Embed files as earmark does, but for the store: one array a file."""
    from earmark.embeddings import embed_recordings
    from earmark.errors import AudioError
    from earmark.parallel import cores
    from earmark.store import PART_BYTES

    found: dict[Path, list[NDArray[np.float32]]] = {path: [] for path in paths}
    for path, part in embed_recordings(model, [(path, path) for path in paths], cores(), PART_BYTES):
        if isinstance(part, AudioError):
            raise part
        found[path].append(part.embeddings.values)
    return [np.concatenate(parts) for parts in found.values()]


class PlainLoop:
    """Embed files as one would write it down first.

    One clip after another is decoded, its spectrograms are made (by the same front end), and the network runs in
    PyTorch as it is defined: float32, maps laid out with channels first, 32 rows at once, on as many threads as PyTorch
    takes by itself. Clips are short: all pieces of one have the same shape.
    """

    def __init__(self, name: str) -> None:
        from earmark.embeddings import load_embedding

        self._model: Any = load_embedding(name, runtime="torch")
        network: Any = self._model.network
        self.network = network._module  # by itself, for TorchNetwork runs it on one thread

    def __call__(self, paths: Sequence[Path]) -> list[NDArray[np.float32]]:
        """Give one array a file."""
        return [self._embed(path) for path in paths]

    def _embed(self, path: Path) -> NDArray[np.float32]:
        import torch

        from earmark.audio import load

        samples, sample_rate = load(path)
        hearing = self._model.hear([samples], sample_rate)
        pieces = list(iter(hearing.next, None))
        rows = torch.from_numpy(np.concatenate([piece.rows for piece in pieces]))
        with torch.inference_mode():
            parts = [self.network(rows[at : at + PLAIN_BATCH]) for at in range(0, len(rows), PLAIN_BATCH)]
        borders = np.cumsum([len(piece.rows) for piece in pieces])[:-1]
        frames = []
        for piece, outputs in zip(pieces, np.split(torch.cat(parts).numpy(), borders), strict=True):
            frames += hearing.take(piece, outputs)
        return np.concatenate(frames + hearing.end())


def smallest_cosine(ours: Sequence[NDArray[np.float32]], theirs: Sequence[NDArray[np.float32]]) -> float:
    """Smallest cosine over clips between two embeddings of the same clips, the frames of each in one vector."""
    pairs = [(a.ravel().astype(np.float64), b.ravel().astype(np.float64)) for a, b in zip(ours, theirs, strict=True)]
    return float(min(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairs))
