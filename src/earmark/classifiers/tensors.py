"""A fitted classifier as plain tensors and plain facts, for the model file.

Nothing is pickled: the arrays go where the file keeps its tensors, the facts (settings and classes) are
JSON. What comes back from a file is checked before it is used, because a file may be damaged, cut off
or not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from earmark.classifiers.registry import classifier_settings
from earmark.errors import ModelFileError, SettingsError

if TYPE_CHECKING:
    from earmark.classifiers.dense import DenseNet
    from earmark.classifiers.linear import LinearClassifier
    from earmark.classifiers.logistic import SoftmaxRegression
    from earmark.classifiers.registry import Classifier
    from earmark.classifiers.svm import LinearSVM

    Saved: TypeAlias = LinearSVM | SoftmaxRegression | DenseNet

__all__ = ["SAVED", "check_savable", "from_tensors", "to_tensors"]

#: The estimators that a model file can hold.
SAVED = ("LinearSVM", "SoftmaxRegression", "DenseNet")

_CLASS_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
_REFIT = "Write the model file again from a fitted classifier."


def check_savable(name: str) -> None:
    """Refuse a classifier that no model file can hold, before it is trained.

    Parameters
    ----------
    name : str
        As of `make_classifier`.

    Raises
    ------
    SettingsError
        It is one, or there is none of that name.
    """
    if (kind := classifier_settings(name)["estimator"]) not in SAVED:
        raise SettingsError(
            f"the classifier {name!r} can be compared, but a model file cannot hold a {kind}. Train another one, such "
            "as svm."
        )


def to_tensors(classifier: Classifier) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Take a fitted classifier apart.

    Parameters
    ----------
    classifier : one of `SAVED`
        Fitted.

    Returns
    -------
    tensors : dict of str to ndarray
        "coef" and "intercept" (float64), or "weight.0", "bias.0", "weight.1", ... (float32).
    facts : dict of str to JSON-able
        "classifier", "settings", "classes", "class_type". A `random_state` that is a generator object
        is kept as None: prediction does not need it, and its state has moved on.

    Raises
    ------
    ModelFileError
        The classifier is not fitted, is of another kind, or its classes are neither text nor numbers.
    """
    from earmark.classifiers.dense import DenseNet
    from earmark.classifiers.linear import LinearClassifier

    kind = type(classifier).__name__
    if not isinstance(classifier, (LinearClassifier, DenseNet)):
        raise ModelFileError(f"Cannot save a {kind}: only {', '.join(SAVED)} can be saved as tensors.")
    if not hasattr(classifier, "classes_"):
        raise ModelFileError(f"Cannot save this {kind}: it is not fitted. Call fit first.")
    if isinstance(classifier, LinearClassifier):
        tensors = {"coef": np.asarray(classifier.coef_), "intercept": np.asarray(classifier.intercept_)}
    else:
        tensors = {}
        for index, (weight, bias) in enumerate(classifier.weights_):
            tensors[f"weight.{index}"], tensors[f"bias.{index}"] = weight, bias
    classes = classifier.classes_.tolist()
    return tensors, {
        "classifier": kind,
        "settings": _plain_settings(classifier),
        "classes": classes,
        "class_type": _class_type(classes),
    }


def from_tensors(tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Saved:
    """Put a fitted classifier together again; it predicts bit for bit as before.

    Parameters
    ----------
    tensors : mapping of str to ndarray
    facts : mapping of str to JSON-able
        Both as `to_tensors` gave them; the facts may have been through JSON.

    Returns
    -------
    LinearSVM, SoftmaxRegression or DenseNet
        Fitted.

    Raises
    ------
    ModelFileError
        Something is missing, superfluous or does not fit together.
    """
    from earmark.classifiers.dense import DenseNet
    from earmark.classifiers.logistic import SoftmaxRegression
    from earmark.classifiers.svm import LinearSVM

    kinds: dict[Any, type[Saved]] = {kind.__name__: kind for kind in (LinearSVM, SoftmaxRegression, DenseNet)}
    kind = facts.get("classifier")
    if not isinstance(kind, str) or kind not in kinds:
        raise ModelFileError(f"The model holds a classifier {kind!r}, which this version does not know. {_REFIT}")
    classifier = kinds[kind](**_settings_from(facts, kinds[kind]))
    classes = _classes_from(facts)
    if not isinstance(classifier, DenseNet):
        _restore_linear(classifier, tensors, len(classes))
    else:
        _restore_net(classifier, tensors, len(classes))
    classifier.classes_ = classes
    return classifier


def _restore_linear(classifier: LinearClassifier, tensors: Mapping[str, NDArray[Any]], classes: int) -> None:
    machines = 1 if classes == 2 else classes
    _check_names(tensors, ["coef", "intercept"])
    columns = np.shape(tensors["coef"])[-1] if np.ndim(tensors["coef"]) == 2 else -1
    classifier.coef_ = _checked(tensors, "coef", (machines, columns), np.float64)
    classifier.intercept_ = _checked(tensors, "intercept", (machines,), np.float64)
    classifier.n_features_in_ = columns


def _restore_net(classifier: DenseNet, tensors: Mapping[str, NDArray[Any]], classes: int) -> None:
    outputs = [*classifier.hidden, classes]
    _check_names(tensors, [f"{part}.{index}" for index in range(len(outputs)) for part in ("weight", "bias")])
    inputs = columns = np.shape(tensors["weight.0"])[0] if np.ndim(tensors["weight.0"]) == 2 else -1
    layers = []
    for index, units in enumerate(outputs):
        weight = _checked(tensors, f"weight.{index}", (inputs, units), np.float32)
        layers.append((weight, _checked(tensors, f"bias.{index}", (units,), np.float32)))
        inputs = units
    classifier.weights_, classifier.n_features_in_ = layers, columns


def _check_names(tensors: Mapping[str, NDArray[Any]], expected: list[str]) -> None:
    if set(tensors) != set(expected):
        raise ModelFileError(
            f"The model's tensors are {sorted(tensors)}, but its settings ask for {sorted(expected)}. {_REFIT}"
        )


def _checked(
    tensors: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...], dtype: type[np.floating[Any]]
) -> NDArray[Any]:
    tensor = np.asarray(tensors[name])
    if tensor.shape != shape or tensor.dtype != dtype or 0 in shape:
        raise ModelFileError(
            f"The model's tensor {name!r} is {tensor.dtype} of the shape {tensor.shape}, but its settings and classes "
            f"ask for {np.dtype(dtype)} of the shape {shape}. {_REFIT}"
        )
    if not np.isfinite(tensor).all():
        raise ModelFileError(f"The model's tensor {name!r} has values that are not finite. {_REFIT}")
    return np.array(tensor, order="C")  # a copy of our own: the file's memory may be read-only or mapped


def _plain_settings(classifier: LinearClassifier | DenseNet) -> dict[str, Any]:
    """Return the parameters as JSON can keep them; a class-weight mapping becomes [label, weight] pairs."""
    settings = dict(classifier.get_params(deep=False))
    if isinstance(settings["class_weight"], Mapping):
        weights = settings["class_weight"].items()
        settings["class_weight"] = [[_plain(label), float(weight)] for label, weight in weights]
    if "random_state" in settings:
        seed = settings["random_state"]
        settings["random_state"] = int(seed) if isinstance(seed, (int, np.integer)) else None
    if "hidden" in settings:
        settings["hidden"] = [int(units) for units in settings["hidden"]]
    return {name: _plain(value) for name, value in settings.items()}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _settings_from(facts: Mapping[str, Any], kind: type[Saved]) -> dict[str, Any]:
    settings = facts.get("settings")
    expected = kind().get_params(deep=False)
    if not isinstance(settings, Mapping) or set(settings) != set(expected):
        raise ModelFileError(
            f"The model's settings are {settings!r}, but a {kind.__name__} has {sorted(expected)}. {_REFIT}"
        )
    restored = dict(settings)
    if isinstance(restored["class_weight"], list):
        if not all(
            isinstance(pair, list) and len(pair) == 2 and np.isscalar(pair[0]) for pair in restored["class_weight"]
        ):
            raise ModelFileError(f"The model's class_weight is {restored['class_weight']!r}, not pairs. {_REFIT}")
        restored["class_weight"] = dict(restored["class_weight"])
    if "hidden" in restored:
        hidden = restored["hidden"]
        if not isinstance(hidden, (list, tuple)) or not all(type(units) is int and units > 0 for units in hidden):
            raise ModelFileError(f"The model's hidden layers are {hidden!r}, not a list of unit counts. {_REFIT}")
        restored["hidden"] = tuple(hidden)
    return restored


def _class_type(classes: list[Any]) -> str:
    for name, kind in _CLASS_TYPES.items():
        if _all_of(classes, kind):
            return name
    raise ModelFileError(
        f"Cannot save a classifier with the classes {classes!r}: labels must be all text or all numbers."
    )


def _all_of(values: list[Any], kind: type) -> TypeGuard[list[Any]]:
    return all(type(value) is kind for value in values)


def _classes_from(facts: Mapping[str, Any]) -> NDArray[Any]:
    classes, name = facts.get("classes"), facts.get("class_type")
    kind = _CLASS_TYPES.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(classes, list) or len(classes) < 2 or not _all_of(classes, kind):
        raise ModelFileError(
            f"The model's classes are {classes!r} of the type {name!r}, not a list of labels. {_REFIT}"
        )
    if sorted(set(classes)) != classes:
        raise ModelFileError(f"The model's classes are {classes!r}, neither sorted nor all different. {_REFIT}")
    return np.array(classes)
