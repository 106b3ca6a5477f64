"""PyTorch on one thread, without a trace in the rest of the process.

`torch.set_num_threads` sets two numbers: that of the calling Python thread, and that with which Python threads start
that have not used PyTorch yet (``ParallelOpenMP.cpp`` of PyTorch keeps the first thread by thread, the second once).
Only the first is wanted here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

__all__ = ["one_thread"]

_setting = threading.Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Run PyTorch on one thread within this block, in the calling Python thread alone."""
    import torch

    before = torch.get_num_threads()  # asking comes first: the first question of a thread resets its number
    _set_here(1)
    try:
        yield
    finally:
        _set_here(before)


def _set_here(number: int) -> None:
    """Set the number of the calling thread, and leave that of threads to come as it is.

    A thread that is new to PyTorch knows the number of threads to come, and puts it back.
    """
    import torch

    # One at a time, else one could take the passing number of another for that of threads to come.
    with _setting, ThreadPoolExecutor(1) as newcomer:
        of_newcomers = newcomer.submit(torch.get_num_threads).result()
        torch.set_num_threads(number)
        newcomer.submit(torch.set_num_threads, of_newcomers).result()
