"""What the tests of this room share: a small real model, its store, and processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for small_model, which other processes import too

from small_model import SmallModel  # noqa: E402

from earmark.store import EmbeddingStore  # noqa: E402


@pytest.fixture
def model() -> SmallModel:
    return SmallModel()


@pytest.fixture
def store(tmp_path, model) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "store", model.fingerprint)


@pytest.fixture
def run_python():
    """Run Python code in a process of its own and return what it prints."""

    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))

    def run(code: str, *arguments) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
