"""Weight files in the formats of their publishers, made on the spot from arrays.

Tests import it as ``from official_formats import keras_file``; see `seeded` for what that needs.

`files` gives a whole file for each network whose weights `seeded` makes; the writers below it make the formats:
Keras HDF5, TensorFlow V1 checkpoints, PyTorch's old and new state dicts, and pickles as Python 2 wrote them.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from seeded import to_keras, weights

Array = NDArray[Any]
Layer = tuple[str, list[Array]]

KERAS_NORM = ["gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"]
VGGISH_VARIABLES = {
    "features.0": "vggish/conv1",
    "features.3": "vggish/conv2",
    "features.6": "vggish/conv3/conv3_1",
    "features.8": "vggish/conv3/conv3_2",
    "features.11": "vggish/conv4/conv4_1",
    "features.13": "vggish/conv4/conv4_2",
    "embeddings.0": "vggish/fc1/fc1_1",
    "embeddings.2": "vggish/fc1/fc1_2",
    "embeddings.4": "vggish/fc2",
}


# ---------------------------------------------------------------- whole files


def openl3_file(nested: bool = False, first: Sequence[Layer] = ()) -> bytes:
    """`openl3_audio_*-v0_4_0.h5.gz`; `first` are layers in front, such as a spectrogram's."""
    return gzip.compress(keras_file([*first, *keras_layers(weights("openl3"))], nested), 1)


def yamnet_file() -> bytes:
    """`yamnet.h5`."""
    return keras_file(keras_layers(weights("yamnet")))


def kumar_file() -> bytes:
    """`mx-h64-1024_0d3-1.17.pkl`: saved from a DataParallel model by an old PyTorch."""
    return torch_file({f"module.{name}": tensor for name, tensor in weights("kumar").items()}, old=True)


def cnn14_file(tensors: Mapping[str, Array] | None = None) -> bytes:
    """`Cnn14_mAP=0.431.pth`: a checkpoint with the state dict under `model`, buffers of the spectrogram included."""
    tensors = dict(weights("cnn14") if tensors is None else tensors)
    buffers = {
        "spectrogram_extractor.stft.conv_real.weight": np.zeros((513, 1, 8), np.float32),
        "logmel_extractor.melW": np.zeros((513, 64), np.float32),
    }
    counters = {"bn0.num_batches_tracked": np.array(3)}
    return torch_file({"iteration": 1, "model": _tensors(buffers | counters | tensors)})


def vggish_checkpoint(tensors: Mapping[str, Array] | None = None) -> bytes:
    """`vggish_model.ckpt`, a counter beside the weights; 288 MB, unless other tensors are given."""
    named = {}
    for name, tensor in (weights("vggish") if tensors is None else tensors).items():
        layer, _, part = name.rpartition(".")
        if layer in VGGISH_VARIABLES:
            named[f"{VGGISH_VARIABLES[layer]}/{'weights' if part == 'weight' else 'biases'}"] = to_keras(name, tensor)
    return checkpoint_file({**named, "global_step": np.array(7, np.int64)})


def pca_file() -> bytes:
    """`vggish_pca_params.npz`."""
    return npz_file(weights("vggish", "pca"))


# ---------------------------------------------------------------- HDF5 as Keras writes it


def keras_layers(tensors: Mapping[str, Array]) -> list[Layer]:
    """Arrays by layer in Keras' layout, the layers in the order of the tensors."""
    layers: dict[str, list[Array]] = {}
    for name, tensor in tensors.items():
        layers.setdefault(name.rpartition(".")[0], []).append(to_keras(name, tensor))
    return list(layers.items())


def keras_file(layers: Sequence[Layer], nested: bool = False) -> bytes:
    """Make an `.h5` file with the layers on the root, or under `model_weights`; layers without weights lie between."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as opened:
        root = opened.create_group("model_weights") if nested else opened
        names = []
        for number, (_, arrays) in enumerate(layers):
            kind = "batch_normalization" if len(arrays) in (3, 4) else "conv2d"
            names += [f"{kind}_{number}", f"activation_{number}"]
            weight_names = (
                KERAS_NORM[-len(arrays) :] if len(arrays) in (3, 4) else ["kernel:0", "bias:0"][: len(arrays)]
            )
            group = root.create_group(names[-2])
            group.attrs["weight_names"] = [f"{names[-2]}/{name}".encode() for name in weight_names]
            for name, array in zip(weight_names, arrays, strict=True):
                group[f"{names[-2]}/{name}"] = array
            root.create_group(names[-1]).attrs["weight_names"] = np.zeros(0, "S1")
        root.attrs["layer_names"] = [name.encode() for name in names]
        root.attrs["backend"] = b"tensorflow"
    return buffer.getvalue()


# ---------------------------------------------------------------- PyTorch, NumPy


def torch_file(content: Any, old: bool = False) -> bytes:
    """What `torch.save` writes, in the format of today or in that before version 1.6."""
    if isinstance(content, Mapping) and all(isinstance(value, np.ndarray) for value in content.values()):
        content = _tensors(content)
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def npz_file(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _tensors(arrays: Mapping[str, Array]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}


# ---------------------------------------------------------------- TensorFlow V1 checkpoints


def checkpoint_file(variables: Mapping[str, Array]) -> bytes:
    """A table of protocol buffers: one block for what there is, one for each variable, an index and a footer."""
    types = {np.dtype(np.float32): 1, np.dtype(np.int64): 9}
    announced = [
        field(1, name.encode()) + field(2, _shape(array)) + field(3, types[array.dtype]) + field(4, b"")
        for name, array in variables.items()
    ]
    entries = [(b"", field(1, b"".join(field(1, each) for each in announced)))]
    for name, array in variables.items():
        if array.dtype == np.float32:
            proto = field(1, 1) + field(5, array.astype("<f4").tobytes())
        else:
            proto = field(1, 9) + field(10, varint(int(array)))
        whole = b"".join(field(1, b"") for _ in array.shape)
        entries.append((name.encode(), field(2, field(1, name.encode()) + field(2, whole) + field(3, proto))))
    return table(entries)


def table(entries: Sequence[tuple[bytes, bytes]], compression: int = 0) -> bytes:
    """A sorted table with one block for each entry; the check sums are left zero."""
    content, handles = [], []
    place = 0
    for key, value in entries:
        block = _block([(key, value)])
        handles.append((key, varint(place) + varint(len(block))))
        content.append(block + bytes([compression]) + bytes(4))
        place += len(content[-1])
    meta, index = _block([]), _block(handles)
    content += [meta, bytes(5), index, bytes(5)]
    footer = varint(place) + varint(len(meta)) + varint(place + len(meta) + 5) + varint(len(index))
    return b"".join(content) + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def field(number: int, value: bytes | int) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _shape(array: Array) -> bytes:
    return b"".join(field(2, field(1, size)) for size in array.shape)


def _block(entries: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in entries)
    return body + struct.pack("<II", 0, 1)


# ---------------------------------------------------------------- pickles as Python 2 wrote them


def soundnet_file(layers: Mapping[str, Mapping[str, Array]]) -> bytes:
    """`sound8.npy`: a `.npy` file whose one value is a dictionary, protocol 2, texts of bytes."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(69) + b"\n"
    body = pickled_object_array(pickled_dict({layer: pickled_arrays(arrays) for layer, arrays in layers.items()}))
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + pickled(body)


def pickled(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def pickled_arrays(arrays: Mapping[str, Array]) -> bytes:
    return pickled_dict({name: pickled_array(array) for name, array in arrays.items()})


def pickled_dict(values: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(_text(name) + value for name, value in values.items()) + b"u"


def pickled_object_array(value: bytes) -> bytes:
    return _reconstruct() + b"(K\x01)" + pickled_type("O8", "|", flags=63) + b"\x89](" + value + b"etb"


def pickled_array(array: Array, type_: Callable[[], bytes] | None = None) -> bytes:
    column_major = array.flags.f_contiguous and not array.flags.c_contiguous
    shape = b"(" + b"".join(b"J" + struct.pack("<i", size) for size in array.shape) + b"t"
    kind = pickled_type(array.dtype.str[1:], array.dtype.str[0]) if type_ is None else type_()
    order = b"\x88" if column_major else b"\x89"
    raw = array.tobytes("F" if column_major else "C")
    return _reconstruct() + b"(K\x01" + shape + kind + order + b"T" + struct.pack("<i", len(raw)) + raw + b"tb"


def pickled_type(code: str, order: str, flags: int = 0) -> bytes:
    state = b"(K\x03" + _text(order) + b"NNN" + 2 * b"J\xff\xff\xff\xff" + b"K" + bytes([flags]) + b"t"
    return b"cnumpy\ndtype\n" + _text(code) + b"K\x00K\x01\x87R" + state + b"b"


def _reconstruct() -> bytes:
    return b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"


def _text(text: str) -> bytes:
    raw = text.encode("latin1")
    return b"U" + bytes([len(raw)]) + raw
