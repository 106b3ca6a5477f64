"""The networks that the paper's authors have released: `cnn-ensemble` and `cnn-speech-music`, trained by them.

From github.com/ACMUS-MIR/ACMus-Models (MIT licence): ``ensemble.h5`` and ``speech_music.h5``, which Keras wrote, with
the normalisation beside them in ``ensemble.npz`` and ``speech_music.npz``. The names of the classes stand in
``ensemble_size_inference_main.py`` and ``speech_music_inference_main.py`` there. No code of these files is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.classifiers.baselines.cards import BaselineCard, find_baseline
from earmark.classifiers.baselines.fitted import FittedBaseline
from earmark.classifiers.baselines.network import fresh_parameters
from earmark.errors import SettingsError, WeightsError
from earmark.weights.hdf5_reader import KerasLayer, read_keras_layers
from earmark.weights.npz_reader import read_npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load_acmus"]

_CLASSES = {
    "cnn-ensemble": ("solo", "duo", "trio", "quartet", "large ensemble"),
    "cnn-speech-music": ("speech", "choir", "solo singing", "music"),
}


def load_acmus(name: str, h5: str | Path, npz: str | Path) -> FittedBaseline:
    """Read a network that the authors have trained.

    Parameters
    ----------
    name : {"cnn-ensemble", "cnn-speech-music"}
        Which baseline it is.
    h5 : path
        Weights: ``ensemble.h5`` or ``speech_music.h5``.
    npz : path
        Normalisation: ``ensemble.npz`` or ``speech_music.npz``.

    Returns
    -------
    FittedBaseline
        With the classes in the authors' order.

    Raises
    ------
    SettingsError
        There is no released network of this baseline.
    WeightsError
        A file cannot be read, or does not hold this network.
    """
    import torch

    card = find_baseline(name)
    if name not in _CLASSES:
        raise SettingsError(f"No trained network of {name!r} has been released, only of: {', '.join(_CLASSES)}.")
    arrays = [array for layer in _layers(Path(h5)) for array in _in_torch_layout(layer)]
    expected = fresh_parameters(card, len(_CLASSES[name]), torch.Generator())
    found, wanted = ([tuple(each.shape) for each in tensors] for tensors in (arrays, expected.values()))
    if found != wanted or not all(np.isfinite(array).all() for array in arrays):
        raise WeightsError(
            f"{h5}: holds arrays of the shapes {found}, not the finite ones of {name}, which are {wanted}. "
            "Fetch the right file anew."
        )
    weights = dict(zip(expected, arrays, strict=True))
    mean, deviation = _normalisation(card, Path(npz))
    return FittedBaseline(card, np.array(_CLASSES[name]), mean, deviation, weights)


def _layers(path: Path) -> tuple[KerasLayer, ...]:
    try:
        return read_keras_layers(_content(path))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def _in_torch_layout(layer: KerasLayer) -> list[NDArray[np.float32]]:
    """Bring the kernel and bias of a layer from Keras' order of axes into PyTorch's: outputs, inputs, then places."""
    turned = {4: (3, 2, 0, 1), 2: (1, 0)}
    return [np.ascontiguousarray(array.transpose(turned.get(array.ndim))) for array in layer.arrays]


def _normalisation(card: BaselineCard, path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    try:
        matrix = read_npz(_content(path), ["normMat"])["normMat"]
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    shape = (2, card.patch_frames, card.front_end.dimension, 1)
    if matrix.shape != shape or not np.isfinite(matrix).all() or not (matrix[1] > 0).all():
        raise WeightsError(
            f"{path}: its array normMat has the shape {matrix.shape}; {card.name} needs finite means and positive "
            f"deviations of the shape {shape}. Fetch the right file."
        )
    mean, deviation = matrix[..., 0].astype(np.float32)
    return mean, deviation


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror}). Name the file that lies on this machine."
        ) from error
