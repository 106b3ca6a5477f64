"""Whether a device is there that PyTorch can work on."""

from __future__ import annotations

import re

from earmark.errors import SettingsError

__all__ = ["check_device"]


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Parameters
    ----------
    device : str
        ``"cpu"``, ``"cuda"`` for an NVIDIA GPU, or ``"cuda:1"`` for the second one.

    Raises
    ------
    SettingsError
        If there is no device of that name, or PyTorch does not see it.
    """
    if device == "cpu":
        return
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise SettingsError(f"there is no device {device!r}. Choose cpu, cuda, or cuda:1 for the second GPU.")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) < count:
        return
    reason = f"sees {count or 'no'} GPUs here" if torch.version.cuda else "is built for processors alone"
    raise SettingsError(
        f"the device {device} was asked for, but PyTorch {torch.__version__} {reason}. Choose the device cpu, or check "
        "the driver with nvidia-smi and install a PyTorch that is built for CUDA."
    )
