"""Work side by side: complete, bounded, and honest about what goes wrong."""

import threading
import time
from itertools import count, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from earmark.parallel import cores, side_by_side


class Taken:
    """An iterator that knows how many items were taken from it."""

    def __init__(self, items):
        self.items = iter(items)
        self.count = 0

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        self.count += 1
        return item


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(), max_size=40), st.integers(1, 4))
def test_every_item_comes_back_with_its_own_result(items, workers):
    got = list(side_by_side(lambda number: 2 * number, items, workers))
    assert sorted(got) == sorted((number, 2 * number) for number in items)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_more_than_two_items_a_worker_are_taken_ahead(workers):
    items = Taken(range(50))
    for given_out, _ in enumerate(side_by_side(lambda number: number, items, workers)):
        assert items.count <= given_out + 2 * workers
    assert items.count == 50


def test_an_endless_supply_is_worked_through_as_far_as_wanted():
    items = Taken(count())
    assert len(list(islice(side_by_side(abs, items, 2), 7))) == 7
    assert items.count < 7 + 4


def test_no_more_threads_than_workers_are_at_work():
    lock, at_work, most = threading.Lock(), 0, 0

    def work(_):
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.01)
        with lock:
            at_work -= 1

    list(side_by_side(work, range(20), 3))
    assert most == 3


def test_what_the_function_raises_is_raised_and_nothing_more_is_begun():
    begun = []

    def work(number):
        begun.append(number)
        if number == 3:
            raise ZeroDivisionError("three")
        time.sleep(0.02)
        return number

    items = Taken(range(1000))
    with pytest.raises(ZeroDivisionError, match="three"):
        list(side_by_side(work, items, 2))
    settled = len(begun)
    time.sleep(0.1)
    assert len(begun) == settled
    assert items.count < 20


def test_what_the_items_raise_is_raised():
    def items():
        yield 1
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        list(side_by_side(abs, items(), 2))


def test_an_interrupt_in_the_consumer_stops_the_work():
    ended = []

    def consume():
        for _ in side_by_side(ended.append, count(), 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    settled = len(ended)
    time.sleep(0.05)
    assert len(ended) == settled


def test_linear_algebra_runs_on_one_thread_in_each_worker_and_as_before_afterwards():
    def threads(_=None):
        _ = np.eye(2) @ np.eye(2)
        return sorted(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    before = threads()
    for _, inside in side_by_side(threads, range(4), 2):
        assert set(inside) <= {1}
    assert threads() == before


def test_there_is_at_least_one_core():
    assert cores() >= 1
