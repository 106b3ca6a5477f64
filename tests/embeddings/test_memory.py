"""Long recordings are streamed: memory does not grow with their length."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

CODE = """
import resource, sys
from earmark import load_embedding
embedded = load_embedding("yamnet").embed_file(sys.argv[1])
print(len(embedded), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.usefixtures("yamnet_weights")
def test_memory_does_not_grow_with_the_recording(tmp_path):
    rate, second = 44100, 0.1 * np.random.default_rng(0).standard_normal((44100, 4))

    def peak_mb(seconds):
        path = tmp_path / f"{seconds}.wav"
        with soundfile.SoundFile(path, "w", rate, channels=4, subtype="PCM_16") as file:
            for _ in range(seconds):
                file.write(second)
        said = subprocess.run([sys.executable, "-c", CODE, path], capture_output=True, text=True, check=True).stdout
        frames, megabytes = said.split()
        assert int(frames) == -(-(seconds * 16000 - 15600) // 7680) + 1
        return float(megabytes)

    # Six minutes are 254 MB once decoded to four channels; their embeddings are 3 MB.
    assert peak_mb(400) - peak_mb(40) < 60
