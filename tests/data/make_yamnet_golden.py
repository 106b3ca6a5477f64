"""Cut the golden vectors that the tests need out of the reference run, and say where they come from.

Usage: ``python tests/data/make_yamnet_golden.py GOLDEN_FOLDER`` with the folder that holds ``yamnet.npz`` (outputs of
tensorflow/models' YAMNet code, TensorFlow 2.20, with weights seeded by ``seeded.py``: tensor k is PCG64(4000 + k)).
"""

import sys
from pathlib import Path

import numpy as np


def main(golden: Path) -> None:
    """Keep what the tests need."""
    source = np.load(golden / "yamnet.npz")
    keep = {"meta": source["meta"]}
    for name in ("sig_16000", "short_16000", "silence_16000"):
        for key in (f"input/{name}", f"{name}/log_mel", f"{name}/embeddings"):
            keep[key] = source[key]
    np.savez_compressed(Path(__file__).parent / "yamnet_golden.npz", **keep)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
