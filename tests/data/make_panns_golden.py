"""Cut the golden vectors that the tests need out of the reference run, and say where they come from.

Usage: ``python tests/data/make_panns_golden.py GOLDEN_FOLDER`` with the folder that holds ``panns_cnn14.npz`` (outputs
of audioset_tagging_cnn d2f4b8c with torchlibrosa 0.1.0, one embedding a clip, with the weights that ``seeded.py``
makes: tensor k is PCG64(5000 + k)).
"""

import sys
from pathlib import Path

import numpy as np


def main(golden: Path) -> None:
    """Keep what the tests need."""
    source = np.load(golden / "panns_cnn14.npz")
    keep = {"meta": source["meta"]}
    for name in ("sig_32000", "silence_32000"):
        for key in (f"input/{name}", f"{name}/log_mel", f"{name}/embedding"):
            keep[key] = source[key]
    np.savez_compressed(Path(__file__).parent / "panns_golden.npz", **keep)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
