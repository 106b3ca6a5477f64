"""A trained classifier in one file: ``model.earmark``.

The file is in the safetensors format: a JSON header and plain arrays. There is no pickle in it, and loading one runs no
code of it. The header says with which embedding (fingerprint in full) it was trained, so that it is never fed with
anything else. Two SHA-256 digests, of the arrays (in the header) and of the header (beside it), tell a damaged file;
what is in the file is checked all the same, for it may come from anywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classifiers import classifier_settings, from_tensors, to_tensors
from earmark.embeddings import PREFIX, Fingerprint, load_embedding
from earmark.errors import ModelFileError, SettingsError
from earmark.evaluation import System, pool, versions
from earmark.files import replacing
from earmark.store import ClipFrames
from earmark.weights import tensors_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TrainedModel", "read_model_file", "write_model_file"]

_FORMAT = 1
_HEADER, _DIGEST = "earmark", "earmark_sha256"


@dataclass(frozen=True)
class TrainedModel:
    """What a model file holds.

    Attributes
    ----------
    system : System
        Trained: scaling, classifier and fusion.
    fingerprint : Fingerprint
        Of the embedding that it was trained on.
    classifier : str
        Name of the classifier.
    random_state : int
        Seed of the training.
    trained_on : dict of class to int
        Number of training clips of each class.
    """

    system: System
    fingerprint: Fingerprint
    classifier: str
    random_state: int
    trained_on: dict[Any, int]


def write_model_file(path: Path, trained: TrainedModel) -> None:
    """Write a trained classifier.

    Parameters
    ----------
    path : Path
        The file; replaced at once when all is written.
    trained : TrainedModel
        What to write.

    Raises
    ------
    ModelFileError
        If the file cannot be written.
    """
    from safetensors.numpy import save

    system, card = trained.system, load_embedding(trained.fingerprint.card).card
    tensors, classifier = to_tensors(system.model)
    arrays = {f"classifier.{name}": np.ascontiguousarray(array) for name, array in tensors.items()}
    arrays |= {"scaling.minimum": system.offset, "scaling.scale": system.scale}
    header = {
        "format": _FORMAT,
        "embedding": json.loads(trained.fingerprint.to_json()),
        "fusion": system.fusion,
        "classifier": classifier | {"name": trained.classifier, "random_state": int(trained.random_state)},
        "trained_on": {str(label): count for label, count in trained.trained_on.items()},
        "tensors_sha256": tensors_digest(arrays),
        "versions": versions(),
        "licences": {"embedding code": card.code_licence, "embedding weights": card.weights_licence},
    }
    text = json.dumps(header, ensure_ascii=False)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(save(arrays, {_HEADER: text, _DIGEST: _sha256(text)}))
    except OSError as error:
        raise ModelFileError(
            f"{path}: the classifier could not be written ({error.strerror}). Make room, or name another file."
        ) from error


def read_model_file(path: Path, *, trust_module: bool = False) -> TrainedModel:
    """Read a trained classifier.

    Parameters
    ----------
    path : Path
        Written by `write_model_file`.
    trust_module : bool
        Whether the code of a module that its embedding names (``hear:module``) may be run.

    Returns
    -------
    TrainedModel
        Its system is ready to classify.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not a model file, of a later format, was trained on embeddings that this
        version does not make, or on those of a module that is not trusted.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file. Train a classifier first: earmark train DATA -o {path.name}.")
    arrays, header = _open(path)
    try:
        if header["format"] != _FORMAT:
            raise ModelFileError(
                f"is of format {header['format']!r}, this version of earmark reads format {_FORMAT}. Update earmark."
            )
        if header["tensors_sha256"] != tensors_digest(arrays):
            raise ModelFileError("is damaged: its arrays are not those that were written.")
        fingerprint, dimension = _embedding(header["embedding"], trust_module)
        system = _system(arrays, header["classifier"], header["fusion"], dimension)
        name, seed = _settings(header["classifier"])
        trained_on = {label: int(header["trained_on"][str(label)]) for label in system.classes.tolist()}
    except _UntrustedError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except (ModelFileError, SettingsError) as error:
        raise ModelFileError(f"{path}: {error} Train the classifier again.") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(
            f"{path}: is damaged: its header is not as earmark writes it ({type(error).__name__}: {error}). "
            "Train the classifier again."
        ) from error
    return TrainedModel(system, fingerprint, name, seed, trained_on)


def _open(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        if metadata[_DIGEST] != _sha256(metadata[_HEADER]):
            raise ValueError("its header is not the one that was written")
        header = json.loads(metadata[_HEADER])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"{path}: is not a classifier that earmark wrote, or is damaged ({error}). Train it again."
        ) from error
    return arrays, header


class _UntrustedError(ModelFileError):
    """A file asks for code of a module to be run."""


def _embedding(then: Mapping[str, Any], trust_module: bool) -> tuple[Fingerprint, int]:
    """Refuse embeddings that this version does not make; return the fingerprint and the values of a frame."""
    if not isinstance(then["card"], str):
        raise TypeError(f"embedding {then['card']!r}")
    if then["card"].startswith(PREFIX) and not trust_module:
        raise _UntrustedError(
            f"was trained on embeddings of {then['card']}, and to use it runs the code of that module. If you trust "
            "both the file and the module, say so: trust_module=True, or --trust-module on the command line."
        )
    model = load_embedding(then["card"])
    now = json.loads(model.fingerprint.to_json())
    for name in now:
        if now[name] != then[name]:
            raise ModelFileError(
                f"was trained on embeddings of {model.card.name} that this version does not make "
                f"({name} was {then[name]!r}, is {now[name]!r})."
            )
    return model.fingerprint, model.card.dimension


def _system(arrays: dict[str, NDArray[Any]], facts: Mapping[str, Any], fusion: str, dimension: int) -> System:
    """Put the trained parts together, having checked that they fit each other and the embedding."""
    offset, scale = arrays.pop("scaling.minimum"), arrays.pop("scaling.scale")
    model = from_tensors({name.removeprefix("classifier."): array for name, array in arrays.items()}, facts)
    one_frame = ClipFrames.from_list([np.zeros((1, dimension), np.float32)])
    values = pool(one_frame, fusion).values.shape[1]
    if model.n_features_in_ != values:
        raise ModelFileError(
            f"its classifier takes {model.n_features_in_} values, but its embedding with {fusion} fusion has {values}."
        )
    for name, array in (("minimum", offset), ("scale", scale)):
        if array.shape != (values,) or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ModelFileError(f"its scaling ({name}) does not fit {values} values.")
    return System.restore(model, fusion, offset, scale)


def _settings(facts: Mapping[str, Any]) -> tuple[str, int]:
    """Return the name and the seed of the classifier."""
    name, seed = facts["name"], facts["random_state"]
    if classifier_settings(name)["estimator"] != facts["classifier"]:
        raise ModelFileError(f"it names the classifier {name!r} but holds a {facts['classifier']}.")
    if type(seed) is not int or seed < 0:
        raise ModelFileError(f"its random_state is {seed!r}, not a whole number of at least 0.")
    return name, seed


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
