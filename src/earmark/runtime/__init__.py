"""How a network is executed: batches of arrays in, arrays out, the framework hidden."""

from earmark.runtime.network import Network, TorchNetwork
from earmark.runtime.threads import one_thread

__all__ = ["Network", "TorchNetwork", "one_thread"]
