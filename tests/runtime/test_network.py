"""Networks run row by row, whatever the batch."""

import numpy as np
import torch

from earmark.runtime import TorchNetwork


def test_rows_do_not_depend_on_the_batch():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten())
    batch = np.random.default_rng(0).standard_normal((37, 1, 12, 12)).astype(np.float32)
    whole = TorchNetwork(module, batch_rows=64)(batch)
    parts = TorchNetwork(module, batch_rows=5)(batch)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(TorchNetwork(module)(batch[3:4]), whole[3:4], rtol=1e-5, atol=1e-6)


def test_modules_run_in_evaluation_mode():
    dropout = TorchNetwork(torch.nn.Dropout(0.9))
    ones = np.ones((4, 10), np.float32)
    np.testing.assert_array_equal(dropout(ones), ones)
