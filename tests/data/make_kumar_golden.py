"""Cut the golden vectors that the tests need out of the reference run, and say where they come from.

Usage: ``python tests/data/make_kumar_golden.py GOLDEN_FOLDER`` with the folder that holds ``kumar.npz`` (outputs of
anuragkr90/weak_feature_extractor, its syntax brought to Python 3, with librosa 0.6.0, resampy 0.2.2 and weights seeded
by ``seeded.py``: tensor k is PCG64(3000 + k)).
"""

import sys
from pathlib import Path

import numpy as np


def main(golden: Path) -> None:
    """Keep what the tests need."""
    source = np.load(golden / "kumar.npz")
    left_out = ("/scores", "mel_filterbank", "input/sig_48000")  # what is resampled is kept as it was resampled
    keep = {key: source[key] for key in source.files if not key.endswith(left_out)}
    np.savez_compressed(Path(__file__).parent / "kumar_golden.npz", **keep)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
