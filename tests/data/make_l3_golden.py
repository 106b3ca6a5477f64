"""Make `openl3_golden.npz` and `edgel3_golden.npz` from the full golden vectors: the parts that tests need.

Origin: outputs of the reference implementations. openl3 0.4.2 (github.com/marl/openl3, commit b0bf9b6) with kapre
0.3.7 on TensorFlow 2.20, and the front end of openl3 0.3.1 with kapre 0.1.4, both with seeded weights (`seeded.py`);
EdgeL3 (github.com/ksangeeta2429/edgel3, commit b05892c) with its published SEA-64 weights.

    python tests/data/make_l3_golden.py FOLDER_OF_THE_FULL_VECTORS
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
REPRESENTATIONS = ("mel256", "mel128", "linear")


def main(folder: Path) -> None:
    full = np.load(folder / "openl3.npz")
    keys = ["meta", "input/sig_48000", "input/short_48000", "input/silence_48000", "input/sig_44100", "ts/sig_48000"]
    keys += ["mel256/sig_44100/emb512"]
    for each in REPRESENTATIONS:
        keys += [f"{each}/sig_48000/{what}" for what in ("emb512", "emb6144", "rows6144", "nocenter_hop0.5/emb512")]
        keys += [f"{each}/{signal}/emb512" for signal in ("short_48000", "silence_48000")]
        keys += [f"legacy031_frontend/{each}/sig_48000/emb512"]
    kept = {key: full[key] for key in keys if key in full.files}
    for each in REPRESENTATIONS:  # one window each: the tenth of the signal's parts
        kept[f"{each}/sig_48000/db"] = full[f"{each}/sig_48000/db"][-1:]
        kept[f"{each}/sig_48000/db_rows"] = full[f"{each}/sig_48000/db_rows"][-1:]
        if each != "linear":  # whose front end never changed
            kept[f"legacy031_frontend/{each}/sig_48000/db"] = full[f"legacy031_frontend/{each}/sig_48000/db"]
    np.savez_compressed(HERE / "openl3_golden.npz", **kept)

    full = np.load(folder / "edgel3_sea64.npz")
    keys = ["meta", "sig_8000/nocenter_hop0.5/emb", "mel_filterbank"]
    for signal in ("sig_8000", "short_8000", "silence_8000", "sig_48000"):
        keys += [f"input/{signal}", f"{signal}/emb", f"{signal}/ts"]
    kept = {key: full[key] for key in keys} | {"sig_8000/db": full["sig_8000/db"][::6]}
    np.savez_compressed(HERE / "edgel3_golden.npz", **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
