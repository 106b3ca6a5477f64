"""What the processor can do with bfloat16, the number format with the range of float32 and half its bits.

Processors with AVX512-BF16 multiply it about twice as fast as float32, those with AMX many times as fast.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from earmark.errors import SettingsError
from earmark.runtime.telemetry import silent_openvino

__all__ = ["bfloat16_gain", "check_bfloat16"]

#: How much faster OpenL3's network ran in bfloat16 than in float32: benchmarks/results/extraction.csv for AVX512-BF16,
#: two cores of an Intel Xeon for AMX.
GAIN_AVX512, GAIN_AMX = 2.0, 6.5


def check_bfloat16() -> None:
    """Refuse bfloat16 on a processor that would have to imitate it.

    Raises
    ------
    SettingsError
        If it does not have it.
    """
    if not _has_bfloat16():
        raise SettingsError(
            "this processor does not compute in bfloat16: that takes AVX512-BF16 or AMX. Choose float32, or the "
            "runtime openvino."
        )


def bfloat16_gain() -> float:
    """How many times as fast as float32 a large network runs in bfloat16 on this processor, about; 1 without it."""
    if not _has_bfloat16():
        return 1.0
    return GAIN_AMX if "amx_bf16" in _flags() else GAIN_AVX512


@lru_cache(maxsize=1)
def _has_bfloat16() -> bool:
    with silent_openvino() as openvino:
        return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _flags() -> frozenset[str]:
    """Return what Linux says of the processor; nothing elsewhere, where no processor has AMX."""
    said = Path("/proc/cpuinfo")
    lines = said.read_text().splitlines() if said.is_file() else []
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
