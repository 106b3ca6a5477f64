"""Cut the golden vectors of front ends and resampling out of the reference runs, and say where they come from.

Usage: ``python tests/data/make_front_end_golden.py GOLDEN_FOLDER`` with the folder that holds ``openl3.npz`` (openl3
0.4.2 and 0.3.1 with kapre and resampy 0.2.2), ``vggish.npz`` (torchvggish f3f9096), ``kumar.npz``
(weak_feature_extractor 4786d6f, librosa 0.6.0), ``edgel3_sea64.npz`` (edgel3 b05892c) and ``panns_cnn14.npz``
(audioset_tagging_cnn d2f4b8c). Their signals are synthetic, their weights play no part here.
"""

import sys
from pathlib import Path

import numpy as np

RESAMPLED = {
    ("sig_44100", 48000): ("openl3", "resampled_48000/sig_44100"),
    ("sig_44100", 16000): ("vggish", "sig_44100/resampled_16000"),
    ("sig_44100", 8000): ("edgel3_sea64", "sig_44100/resampled_8000"),
    ("sig_48000", 44100): ("kumar", "sig_48000/resampled_44100"),
    ("sig_48000", 16000): ("vggish", "sig_48000/resampled_16000"),
    ("sig_48000", 8000): ("edgel3_sea64", "sig_48000/resampled_8000"),
}

#: Every bank as (bins, bands).
BANKS = {
    "slaney/48000/2048/256": ("openl3", "mel_filterbank/mel256", True),
    "slaney/48000/2048/128": ("openl3", "mel_filterbank/mel128", True),
    "slaney/44100/1024/128": ("kumar", "mel_filterbank", True),
    "slaney/32000/1024/64": ("panns_cnn14", "mel_matrix", False),
    "htk/8000/1024/64": ("edgel3_sea64", "mel_filterbank", False),
    "audioset/16000/512/64": ("vggish", "mel_matrix", False),
}

#: Decibels of one window: of short_48000 its only one (half a second of zeros before it, zeros after it), of sig_48000
#: the twelfth, which begins at sample 28800.
WINDOWS = {
    "openl3-0.4/mel256": "mel256/short_48000/db",
    "openl3-0.3/mel128": "legacy031_frontend/mel128/sig_48000/db",
    "openl3-0.4/linear": "linear/sig_48000/db",
}


def main(golden: Path) -> None:
    """Keep what the tests need."""
    models = ("openl3", "vggish", "kumar", "edgel3_sea64", "panns_cnn14")
    source = {name: np.load(golden / f"{name}.npz") for name in models}
    keep = {f"meta/{name}": source[name]["meta"] for name in models}
    keep["sig_44100"] = source["openl3"]["input/sig_44100"]
    keep["sig_48000"] = source["openl3"]["input/sig_48000"]
    keep["short_48000"] = source["openl3"]["input/short_48000"]
    keep["sig_16000"] = source["vggish"]["input/sig_16000"][:16000]
    for (signal, rate), (model, key) in RESAMPLED.items():
        output = source[model][key]
        # The beginning, the noise burst at 1.75 s (it has something near every Nyquist frequency) and the end.
        for start in (0, int(1.75 * rate), len(output) - 300):
            keep[f"resampled/{signal}/{rate}/{start}"] = output[start : start + (300 if start > 2 * rate else 2000)]
        keep[f"resampled/{signal}/{rate}/length"] = np.array(len(output))
    for name, (model, key, turned) in BANKS.items():
        bank = source[model][key]
        keep[f"bank/{name}"] = bank.T if turned else bank
    for name, key in WINDOWS.items():
        (decibels,) = source["openl3"][key]
        keep[f"db/{name}"] = decibels[:, ::5]
    keep["db/kumar"] = source["kumar"]["sig_44100/db"][::8]
    keep["log_mel/vggish"] = source["vggish"]["sig_16000/log_mel"][:98:4]
    np.savez_compressed(Path(__file__).parent / "front_end_golden.npz", **keep)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
