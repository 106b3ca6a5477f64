"""Make `vggish_golden.npz` from the full golden vectors: the parts that tests need.

Origin: outputs of torchvggish (github.com/harritaylor/torchvggish, commit f3f9096) with seeded weights (`seeded.py`);
`tf_slim_*` of the TensorFlow definition in tensorflow/models with the same weights. `real_weights/*` is what
torchvggish's notebook prints of the official TensorFlow model for a sine of 1 kHz, resampled by resampy 0.2.2.

    python tests/data/make_vggish_golden.py FOLDER_OF_THE_FULL_VECTORS
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def main(folder: Path) -> None:
    full = np.load(folder / "vggish.npz")
    keys = ["meta", "sig_16000/log_mel", "mel_matrix", "input/sig_44100", "input/short_16000"]
    for signal in ("sig_16000", "silence_16000"):
        keys += [f"input/{signal}", f"{signal}/tf_slim_embedding_preact"]
    for signal in ("sig_16000", "silence_16000", "sig_44100"):
        keys += [f"{signal}/{what}" for what in ("examples", "embedding_preact", "post_trunc_preact")]
    keys += ["real_weights/sine1000_3s_44100/example0_first3_last3_rows_first3_last3_cols"]
    np.savez_compressed(HERE / "vggish_golden.npz", **{key: full[key] for key in keys})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
