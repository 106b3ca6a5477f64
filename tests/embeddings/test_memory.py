"""Long recordings are streamed: memory does not grow with their length, whichever model embeds them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

CODE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from embeddings.models import made
embedded = made(sys.argv[2], **eval(sys.argv[3])).embed_file(sys.argv[4])
print(len(embedded), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
RATE, SHORT, LONG = 44100, 40, 400


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A short and a long recording of four channels."""
    folder = tmp_path_factory.mktemp("long")
    second = 0.1 * np.random.default_rng(0).standard_normal((RATE, 4))
    paths = {seconds: folder / f"{seconds}.wav" for seconds in (SHORT, LONG)}
    for seconds, path in paths.items():
        with soundfile.SoundFile(path, "w", RATE, channels=4, subtype="PCM_16") as file:
            for _ in range(seconds):
                file.write(second)
    return paths


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("yamnet-float", {}),
        ("yamnet-float", {"resampler": "resampy-0.2"}),
        ("yamnet-float", {"hop": 30.0}),
        ("vggish", {}),
        ("kumar", {}),  # whose clip-wide maximum takes two passes
        ("soundnet-conv5", {}),
        ("soundnet-conv7", {}),
        ("soundnet-conv5", {"layers": ("conv1", "conv5")}),
        ("panns-cnn14", {"window": "clip"}),
        ("panns-cnn14", {}),
        ("openl3-music-mel128-512", {"hop": 1.0}),
        ("edgel3-sea-64", {"hop": 1.0}),
    ],
    ids=str,
)
def test_memory_does_not_grow_with_the_recording(recordings, name, options):
    def peak_mb(seconds):
        words = [Path(__file__).parents[1], name, repr(options), recordings[seconds]]
        said = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=True).stdout
        frames, megabytes = said.split()
        assert (
            int(frames) == 1
            if options.get("window") == "clip"
            else int(frames) > seconds / max(2, options.get("hop", 0) + 1)
        )
        return float(megabytes)

    # Six minutes are 254 MB once decoded to four channels; their embeddings are 3 MB.
    assert peak_mb(LONG) - peak_mb(SHORT) < 60
