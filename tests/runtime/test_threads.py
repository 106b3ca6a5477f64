"""One thread here leaves the number of threads elsewhere, and afterwards, as it was."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from earmark.runtime import TorchNetwork, one_thread


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def in_a_new_thread():
    """Return the number of threads with which a new Python thread starts."""
    with ThreadPoolExecutor(1) as fresh:
        return fresh.submit(torch.get_num_threads).result()


def test_a_block_runs_on_one_thread_and_those_who_start_meanwhile_keep_theirs():
    with one_thread():
        assert torch.get_num_threads() == 1
        assert in_a_new_thread() == 3
    assert torch.get_num_threads() == 3
    assert in_a_new_thread() == 3


def test_blocks_may_lie_within_each_other():
    with one_thread():
        with one_thread():
            assert in_a_new_thread() == 3
        assert torch.get_num_threads() == 1
        assert in_a_new_thread() == 3
    assert torch.get_num_threads() == in_a_new_thread() == 3


def test_an_error_in_the_block_changes_nothing():
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert torch.get_num_threads() == in_a_new_thread() == 3


def test_a_thread_with_a_number_of_its_own_keeps_it_for_itself():
    def own():
        with one_thread():
            pass
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as other:
        other.submit(torch.get_num_threads).result()  # PyTorch forgets a number that is set before it is used
        other.submit(torch.set_num_threads, 2).result()
        torch.set_num_threads(3)
        assert other.submit(own).result() == 2
    assert in_a_new_thread() == 3


def test_many_workers_at_once_leave_the_process_as_it_was():
    network, start = TorchNetwork(torch.nn.Linear(4, 2)), threading.Barrier(4)

    def work(_):
        start.wait()
        for _ in range(20):
            network(np.ones((3, 4), np.float32))
        return torch.get_num_threads()

    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(work, range(4))) == [3] * 4
    assert torch.get_num_threads() == in_a_new_thread() == 3
