"""How a network is executed: batches of arrays in, arrays out, the framework hidden."""

from earmark.runtime.choice import RUNTIMES, make_network
from earmark.runtime.network import Network, TorchNetwork
from earmark.runtime.openvino import OpenVinoNetwork
from earmark.runtime.threads import one_thread

__all__ = ["RUNTIMES", "Network", "OpenVinoNetwork", "TorchNetwork", "make_network", "one_thread"]
