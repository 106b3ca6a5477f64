"""Deterministic weights of every network, made on the spot: no file, no network, the same bits everywhere.

Tests import it as ``from seeded import weights``. Under pytest's importlib import mode the folder `tests` must be on
the path for that: ``pythonpath = ["tests"]`` under ``[tool.pytest.ini_options]`` in pyproject.toml, or
``pytest -o pythonpath=tests``.

``weights("openl3")`` gives ``{name: float32 array}`` in canonical order and torch layout: convolution
(out, in / groups, height, width), linear (out, in), batch normalisation as weight, bias, running_mean, running_var.

The scheme is section 1 of the model specification, with which the golden vectors were made: tensor `k` of a model is
``low + (high - low) * u``, one float32 multiplication and one float32 addition, with `u` the upper 24 bits of the raw
stream of PCG64 seeded with the model's base plus `k`. NumPy guarantees that stream (NEP 19), unlike those of
`Generator` methods. `DIGESTS` are the specification's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]
Entry = tuple[str, tuple[int, ...], Range]  # name, shape, range of values
Array = NDArray[np.float32]

DIGESTS = {
    "openl3": "8f67d753d009f72448747ea92c91625b6c0044dd63baf8747d1c98e17ef404ef",
    "vggish": "455f4b1b0c8df2c3b654717d60a65476fe03e032ab2aa66f75924198badce2bc",
    "kumar": "6828901f3fb9cd7c335658c2ff50cedea8618e2b0231cd0e9d4ce991c814f900",
    "yamnet": "0621076d435b7dfb790ad3421de258e1ab8cf44d111801b4cd63e4cfd2798d7f",
    "cnn14": "285832741e4af9661d628f67ba94afd4bd4c7a69ce8cf8a3046173d7199429d2",
}
"""`digest` of each model's weights, as the specification states it."""


def weights(model: str, prefix: str = "") -> dict[str, Array]:
    """Make the seeded tensors of `openl3`, `vggish` (with its PCA), `kumar`, `yamnet` (unfolded) or `cnn14`.

    With a `prefix` only those whose names begin with it.
    """
    base, entries = _MODELS[model]
    return {
        name: _uniform(base + k, shape, *bounds)
        for k, (name, shape, bounds) in enumerate(entries())
        if name.startswith(prefix)
    }


def digest(tensors: dict[str, Array]) -> str:
    """SHA-256 over every tensor's name and little-endian float32 bytes, in order."""
    total = hashlib.sha256()
    for name, tensor in tensors.items():
        total.update(name.encode())
        total.update(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
    return total.hexdigest()


def to_keras(name: str, tensor: Array) -> Array:
    """Layout of the same tensor in Keras and TensorFlow: HWIO kernels, (height, width, channel, 1) depthwise ones."""
    if tensor.ndim == 4:
        axes = (2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0)
        return np.ascontiguousarray(tensor.transpose(axes))
    return np.ascontiguousarray(tensor.T) if tensor.ndim == 2 else tensor


def _uniform(seed: int, shape: tuple[int, ...], low: float, high: float) -> Array:
    raw = np.random.PCG64(seed).random_raw(math.prod(shape))
    share = (raw >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
    return np.float32(low) + (np.float32(high) - np.float32(low)) * share.reshape(shape)


def _kernel(name: str, *shape: int) -> Entry:
    bound = float(np.sqrt(6.0 / math.prod(shape[1:])))  # He: uniform over the fan-in
    return name, shape, (-bound, bound)


def _bias(name: str, size: int) -> Entry:
    return name, (size,), (-0.1, 0.1)


def _norm(
    name: str, size: int, mean: Range = (-0.2, 0.2), variance: Range = (0.5, 1.5), scaled: bool = True
) -> Iterator[Entry]:
    if scaled:
        yield f"{name}.weight", (size,), (0.7, 1.3)
    yield f"{name}.bias", (size,), (-0.2, 0.2)
    yield f"{name}.running_mean", (size,), mean
    yield f"{name}.running_var", (size,), variance


def _openl3() -> Iterator[Entry]:
    yield from _norm("bn0", 1, mean=(-55.0, -35.0), variance=(200.0, 400.0))
    filters = (1, 64, 64, 128, 128, 256, 256, 512, 512)
    for i in range(1, 9):
        yield _kernel(f"conv{i}.weight", filters[i], filters[i - 1], 3, 3)
        yield _bias(f"conv{i}.bias", filters[i])
        if i < 8:
            yield from _norm(f"bn{i}", filters[i])


def _vggish() -> Iterator[Entry]:
    filters = (1, 64, 128, 256, 256, 512, 512)
    for i, place in enumerate((0, 3, 6, 8, 11, 13)):
        yield _kernel(f"features.{place}.weight", filters[i + 1], filters[i], 3, 3)
        yield _bias(f"features.{place}.bias", filters[i + 1])
    for place, inputs, outputs in ((0, 12288, 4096), (2, 4096, 4096), (4, 4096, 128)):
        yield _kernel(f"embeddings.{place}.weight", outputs, inputs)
        yield _bias(f"embeddings.{place}.bias", outputs)
    yield "pca_eigen_vectors", (128, 128), (-0.03, 0.03)
    yield "pca_means", (128,), (-0.5, 0.5)


def _kumar() -> Iterator[Entry]:
    layers = (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 18)
    filters = (1, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024)
    for i, layer in enumerate(layers):
        width = 2 if layer == 18 else 3
        yield _kernel(f"layer{layer}.0.weight", filters[i + 1], filters[i], width, width)
        yield _bias(f"layer{layer}.0.bias", filters[i + 1])
        if layer == 1:  # it sees raw decibels
            yield from _norm("layer1.1", 16, mean=(-20.0, 20.0), variance=(1200.0, 3600.0))
        else:
            yield from _norm(f"layer{layer}.1", filters[i + 1])
    yield _kernel("layer19.0.weight", 527, 1024, 1, 1)
    yield _bias("layer19.0.bias", 527)


def _yamnet() -> Iterator[Entry]:
    filters = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    yield _kernel("layer1.conv.weight", 32, 1, 3, 3)
    yield from _norm("layer1.bn", 32, scaled=False)
    for i in range(2, 15):
        inputs, outputs = filters[i - 2 : i]
        yield _kernel(f"layer{i}.depthwise_conv.weight", inputs, 1, 3, 3)
        yield from _norm(f"layer{i}.depthwise_bn", inputs, scaled=False)
        yield _kernel(f"layer{i}.pointwise_conv.weight", outputs, inputs, 1, 1)
        yield from _norm(f"layer{i}.pointwise_bn", outputs, scaled=False)
    yield _kernel("classifier.weight", 521, 1024)
    yield _bias("classifier.bias", 521)


def _cnn14() -> Iterator[Entry]:
    yield from _norm("bn0", 64, mean=(-45.0, -25.0), variance=(200.0, 600.0))
    filters = (1, 64, 128, 256, 512, 1024, 2048)
    for block in range(1, 7):
        for j, inputs in ((1, filters[block - 1]), (2, filters[block])):
            yield _kernel(f"conv_block{block}.conv{j}.weight", filters[block], inputs, 3, 3)
            yield from _norm(f"conv_block{block}.bn{j}", filters[block])
    yield _kernel("fc1.weight", 2048, 2048)
    yield _bias("fc1.bias", 2048)
    yield _kernel("fc_audioset.weight", 527, 2048)
    yield _bias("fc_audioset.bias", 527)


_MODELS = {
    "openl3": (1000, _openl3),
    "vggish": (2000, _vggish),
    "kumar": (3000, _kumar),
    "yamnet": (4000, _yamnet),
    "cnn14": (5000, _cnn14),
}
