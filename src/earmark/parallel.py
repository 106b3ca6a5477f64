"""Work done side by side in threads, each worker on one core.

Linear algebra runs on one thread within each worker: the cores do not fight, and the numbers do not depend on how
many of them there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

__all__ = ["cores", "side_by_side"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(
    function: Callable[[Item], Outcome], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Outcome]]:
    """Map a function over items in threads and give each result as it comes.

    Parameters
    ----------
    function : callable
        Called once for each item; what it raises is raised here.
    items : iterable
        Taken one by one: no more than two a worker are under way, whatever their number.
    workers : int
        Number of threads.

    Yields
    ------
    tuple of (item, result)
        In the order in which they end.

    Examples
    --------
    >>> sorted(side_by_side(abs, [-2, 1], workers=2))
    [(-2, 2), (1, 1)]
    """
    from threadpoolctl import threadpool_limits

    rest, under_way = iter(items), dict[Future[Outcome], Item]()
    pool = ThreadPoolExecutor(workers, "earmark")
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            while True:
                for item in islice(rest, 2 * workers - len(under_way)):
                    under_way[pool.submit(function, item)] = item
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(future), future.result()
    finally:
        # After an error or Ctrl-C nobody waits for what is under way; it ends by itself and is dropped.
        pool.shutdown(wait=False, cancel_futures=True)
