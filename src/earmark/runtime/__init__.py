"""How a network is executed: batches of arrays in, arrays out, the framework hidden."""

from earmark.runtime.choice import (
    DEVICES,
    PRECISIONS,
    RUNTIMES,
    Runtime,
    check_runtime,
    make_network,
    runtime_for,
    runtime_named,
)
from earmark.runtime.device import check_device
from earmark.runtime.network import Network, TorchNetwork
from earmark.runtime.openvino import OpenVinoNetwork
from earmark.runtime.processor import bfloat16_gain
from earmark.runtime.threads import one_thread

__all__ = [
    "DEVICES",
    "PRECISIONS",
    "RUNTIMES",
    "Network",
    "OpenVinoNetwork",
    "Runtime",
    "TorchNetwork",
    "bfloat16_gain",
    "check_device",
    "check_runtime",
    "make_network",
    "one_thread",
    "runtime_for",
    "runtime_named",
]
