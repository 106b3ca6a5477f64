"""A trained classifier in one file: ``model.earmark``.

The file is in the safetensors format: a JSON header and plain arrays. There is no pickle in it, and loading one runs no
code of it. The header says with which embedding (fingerprint in full) it was trained, so that it is never fed with
anything else.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.classifiers import from_tensors, to_tensors
from earmark.errors import ModelFileError
from earmark.evaluation import FUSIONS, System
from earmark.files import replacing

if TYPE_CHECKING:
    from earmark.embeddings import EmbeddingModel

__all__ = ["check_fingerprint", "read_model_file", "write_model_file"]

_FORMAT = 1
_HEADER = "earmark"


def write_model_file(path: Path, system: System, model: EmbeddingModel, facts: dict[str, Any]) -> None:
    """Write a trained system.

    Parameters
    ----------
    path : Path
        The file; replaced at once when all is written.
    system : System
        Trained.
    model : EmbeddingModel
        What it was trained on.
    facts : dict
        Further facts for the header (estimator parameters, training data), ready for JSON.

    Raises
    ------
    ModelFileError
        If the file cannot be written.
    """
    from safetensors.numpy import save

    tensors, classifier = to_tensors(system.model)
    arrays = {f"classifier.{name}": np.ascontiguousarray(array) for name, array in tensors.items()}
    arrays |= {"scaling.minimum": system.minimum, "scaling.scale": system.scale}
    header = facts | {
        "format": _FORMAT,
        "fusion": system.fusion,
        "classifier": classifier,
        "embedding": {"name": model.card.name, "fingerprint": json.loads(model.fingerprint.to_json())},
    }
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(save(arrays, {_HEADER: json.dumps(header, ensure_ascii=False)}))
    except OSError as error:
        raise ModelFileError(
            f"{path}: the classifier could not be written ({error.strerror}). Make room, or name another file."
        ) from error


def read_model_file(path: Path) -> tuple[System, dict[str, Any]]:
    """Read a trained system.

    Parameters
    ----------
    path : Path
        Written by `write_model_file`.

    Returns
    -------
    system : System
        Ready to classify.
    header : dict
        Everything else that the file says.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not a model file, or of a later format.
    """
    arrays, header = _open(path)
    try:
        if header["format"] != _FORMAT:
            raise ModelFileError(
                f"{path}: is of format {header['format']}, this version of earmark reads format {_FORMAT}. "
                "Update earmark, or train the classifier again."
            )
        if header["fusion"] not in FUSIONS:
            raise ModelFileError(f"{path}: names the unknown fusion {header['fusion']!r}. Train the classifier again.")
        minimum, scale = arrays.pop("scaling.minimum"), arrays.pop("scaling.scale")
        tensors = {name.removeprefix("classifier."): array for name, array in arrays.items()}
        model = from_tensors(tensors, header["classifier"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{path}: is damaged: it lacks {error}. Train the classifier again.") from error
    for name, array in (("minimum", minimum), ("scale", scale)):
        if array.shape != (model.n_features_in_,) or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ModelFileError(
                f"{path}: is damaged: its scaling ({name}) does not fit {model.n_features_in_} values. "
                "Train the classifier again."
            )
    return System.restore(model, header["fusion"], minimum, scale), header


def check_fingerprint(path: Path, header: dict[str, Any], model: EmbeddingModel) -> None:
    """Refuse to feed a classifier with other embeddings than those it was trained on.

    Raises
    ------
    ModelFileError
        If the installed embedding model gives other numbers than that of the file.
    """
    then = header["embedding"]["fingerprint"]
    now = json.loads(json.dumps(asdict(model.fingerprint)))
    changed = [name for name in now if now[name] != then.get(name)]
    if changed:
        name = changed[0]
        raise ModelFileError(
            f"{path}: was trained on embeddings of {model.card.name} that this version does not make "
            f"({name} was {then.get(name)!r}, is {now[name]!r}). Train it again, or use the version it was made with."
        )


def _open(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelFileError(f"{path}: no such file. Train a classifier first: earmark train DATA -o {path.name}.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        return arrays, json.loads(metadata[_HEADER])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{path}: is not a classifier that earmark wrote, or is damaged ({error}). Train it again."
        ) from error
