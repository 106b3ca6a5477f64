"""Fitted classifiers as tensors and facts, there and back, and every way a file can be wrong."""

import json

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from earmark.classifiers import DenseNet, KernelSVM, LinearSVM, SoftmaxRegression, from_tensors, to_tensors
from earmark.errors import ModelFileError

LABELS = {
    "text": np.array(["a", "bee", "ζ"]),
    "objects": np.array(["a", "bee", "ζ"], dtype=object),
    "two": np.array(["no", "yes"]),
    "numbers": np.array([3, 10, 200]),
    "truth": np.array([False, True]),
}


def fitted(make, labels=LABELS["text"]):
    generator = np.random.default_rng(0)
    codes = np.arange(60) % len(labels)
    X = (generator.random((60, 6)) + np.eye(3, 6)[codes]).astype(np.float32)
    return make().fit(X, labels[codes]), X


def svm():
    return LinearSVM(C=0.5)


def net():
    return DenseNet(hidden=(5, 4), epochs=3, random_state=1)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize("make", [svm, net, SoftmaxRegression])
def test_what_comes_back_predicts_bit_for_bit_the_same(make, labels):
    classifier, X = fitted(make, labels)
    tensors, facts = to_tensors(classifier)
    again = from_tensors(tensors, json.loads(json.dumps(facts)))
    assert np.array_equal(again.predict_proba(X), classifier.predict_proba(X))
    assert again.predict(X).tolist() == classifier.predict(X).tolist()
    assert again.get_params() == classifier.get_params()
    assert again.n_features_in_ == 6


@pytest.mark.parametrize("make", [svm, net])
def test_class_weights_by_label_survive_json(make):
    classifier, _ = fitted(lambda: make().set_params(class_weight={3: 2.0, 10: 0.5}), LABELS["numbers"])
    tensors, facts = to_tensors(classifier)
    assert from_tensors(tensors, json.loads(json.dumps(facts))).class_weight == {3: 2.0, 10: 0.5}


def test_a_machine_with_a_kernel_is_not_saved():
    with pytest.raises(ModelFileError, match="Cannot save a KernelSVM: only LinearSVM, SoftmaxRegression, DenseNet"):
        to_tensors(fitted(KernelSVM)[0])


def test_a_generator_object_is_forgotten():
    classifier, _ = fitted(lambda: DenseNet(epochs=1, random_state=np.random.RandomState(0)))
    assert to_tensors(classifier)[1]["settings"]["random_state"] is None


def test_what_comes_back_shares_no_memory_with_the_file():
    tensors, facts = to_tensors(fitted(net)[0])
    for tensor in tensors.values():
        tensor.setflags(write=False)
    again = from_tensors(tensors, facts)
    assert not np.shares_memory(again.weights_[0][0], tensors["weight.0"])


def changed(part, **changes):
    return lambda tensors, facts: {"tensors": tensors, "facts": facts}[part].update(changes)


def dropped(part, name):
    return lambda tensors, facts: {"tensors": tensors, "facts": facts}[part].pop(name)


def changed_setting(**changes):
    return lambda tensors, facts: facts["settings"].update(changes)


BOTH = [
    (dropped("facts", "classifier"), "does not know"),
    (changed("facts", classifier="Pickle"), "does not know"),
    (changed("facts", classifier=["DenseNet"]), "does not know"),
    (dropped("facts", "settings"), "settings"),
    (changed_setting(colour="red"), "settings"),
    (dropped("facts", "classes"), "classes"),
    (changed("facts", classes=["a"]), "classes"),
    (changed("facts", classes=["a", "bee"]), "tensor"),
    (changed("facts", classes=["bee", "a", "c"]), "sorted"),
    (changed("facts", classes=["a", "a", "c"]), "different"),
    (changed("facts", classes=["a", 1, None]), "classes"),
    (changed("facts", class_type="object"), "classes"),
    (changed("facts", class_type=["str"]), "classes"),
    (changed_setting(class_weight=[["a"]]), "pairs"),
    (changed_setting(class_weight=[[["a"], 1.0]]), "pairs"),
    (changed("tensors", extra=np.zeros(3)), "extra"),
]
SVM_ONLY = [
    (dropped("tensors", "coef"), "coef"),
    (changed("tensors", coef=np.zeros((3, 0))), "coef"),
    (changed("tensors", coef=np.zeros(3)), "coef"),
    (changed("tensors", coef=np.zeros((3, 6), dtype=np.float32)), "float32"),
    (changed("tensors", coef=np.full((3, 6), np.nan)), "finite"),
    (changed("tensors", intercept=np.zeros(1)), "intercept"),
]
NET_ONLY = [
    (dropped("tensors", "bias.1"), "bias.1"),
    (changed_setting(hidden=[5]), "ask for"),
    (changed_setting(hidden="5"), "hidden"),
    (changed_setting(hidden=[5, True]), "hidden"),
    (changed("tensors", **{"weight.0": np.zeros((6, 4), dtype=np.float32)}), "weight.0"),
    (changed("tensors", **{"weight.0": np.zeros((0, 5), dtype=np.float32)}), "weight.0"),
    (changed("tensors", **{"weight.0": np.float32(3)}), "weight.0"),
    (changed("tensors", **{"weight.1": np.zeros((5, 4))}), "float64"),
    (changed("tensors", **{"bias.2": np.full(3, np.inf, dtype=np.float32)}), "finite"),
]


@pytest.mark.parametrize(
    ("make", "damage", "message"),
    [(make, *case) for make in (svm, net) for case in BOTH]
    + [(svm, *case) for case in SVM_ONLY]
    + [(net, *case) for case in NET_ONLY],
)
def test_what_does_not_fit_together_is_refused(make, damage, message):
    tensors, facts = to_tensors(fitted(make)[0])
    damage(tensors, facts)
    with pytest.raises(ModelFileError, match=message):
        from_tensors(tensors, facts)


@pytest.mark.parametrize("make", [svm, net])
def test_what_is_not_fitted_cannot_be_saved(make):
    with pytest.raises(ModelFileError, match="not fitted"):
        to_tensors(make())


def test_what_is_not_ours_cannot_be_saved():
    with pytest.raises(ModelFileError, match="LinearSVC"):
        to_tensors(LinearSVC())


def test_labels_of_no_plain_type_cannot_be_saved():
    days = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    classifier, _ = fitted(svm, days)
    with pytest.raises(ModelFileError, match="labels must be"):
        to_tensors(classifier)
