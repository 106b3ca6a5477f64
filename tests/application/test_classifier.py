"""The trained classifier: a scikit-learn estimator over paths, in a file that runs no code."""

import copy
import hashlib
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

import earmark
from earmark.errors import ClipsLeftOut, DatasetError, ModelFileError, SettingsError
from earmark.weights import tensors_digest

pytestmark = pytest.mark.usefixtures("yamnet_weights")


@pytest.fixture(scope="module")
def data(sounds):
    paths = sorted(sounds.rglob("*.wav"))
    return paths, [path.parent.name for path in paths]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def trained(data, store):
    return earmark.AudioClassifier(store=store).fit(*data)


def test_it_predicts_classes_and_likelihoods(trained, data):
    paths, labels = data
    likelihoods = trained.predict_proba(paths)
    assert likelihoods.shape == (30, 3)
    np.testing.assert_allclose(likelihoods.sum(axis=1), 1)
    assert (trained.predict(paths) == labels).mean() == 1


def test_it_is_a_scikit_learn_estimator(data, store):
    classifier = earmark.AudioClassifier(fusion="early", store=store)
    assert clone(classifier).get_params() == classifier.get_params()
    assert cross_val_score(classifier, *data, cv=3).mean() > 0.8


@pytest.mark.parametrize(("classifier", "fusion"), [("svm", "late"), ("svm", "early-mean-std"), ("d128", "early")])
def test_what_was_saved_predicts_the_same_bits(data, store, tmp_path, classifier, fusion):
    paths, labels = data
    model = earmark.AudioClassifier(classifier=classifier, fusion=fusion, store=store).fit(paths, labels)
    file = model.save(tmp_path / "model.earmark")
    loaded = earmark.AudioClassifier.load(file, store=store)
    np.testing.assert_array_equal(loaded.predict_proba(paths), model.predict_proba(paths))
    assert loaded.get_params() == model.get_params() | {"store": store}
    assert (loaded.failures_, loaded.trained_on_) == ((), model.trained_on_)


def test_frames_have_times_and_likelihoods(trained, data):
    table = trained.classify(data[0][:2], frames=True).table
    assert list(table)[:3] == ["path", "time", "predicted"]
    assert table["time"].iloc[0] == pytest.approx(0.4875)
    np.testing.assert_allclose(table.filter(like="likelihood:").sum(axis=1), 1)


def test_frames_need_late_fusion(data, store):
    early = earmark.AudioClassifier(fusion="early", store=store).fit(*data)
    with pytest.raises(SettingsError, match="no frames to show"):
        early.classify(data[0], frames=True)


def test_unreadable_recordings_stop_or_are_listed(trained, data, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"")
    with pytest.raises(ClipsLeftOut, match="empty"):
        trained.predict([data[0][0], bad])
    done = trained.classify([data[0][0], bad], on_error="skip")
    assert len(done.table) == 1
    assert [failure.path for failure in done.failures] == [bad]
    assert trained.classify([bad], on_error="skip").table.empty


def test_training_needs_two_classes_and_a_class_for_each_path(data, store):
    with pytest.raises(DatasetError, match="at least two classes"):
        earmark.AudioClassifier(store=store).fit(data[0][:3], ["a", "a", "a"])
    with pytest.raises(SettingsError, match="one class for each recording"):
        earmark.AudioClassifier(store=store).fit(data[0], ["a"])


LABELS = {"text": str, "number": ["buzz", "hum", "whistle"].index, "bool": "hum".__eq__}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("container", [list, np.array, pd.Series])
def test_labels_keep_their_type_also_through_a_file(data, store, tmp_path, kind, container):
    paths, y = data[0], container([LABELS[kind](label) for label in data[1]])
    model = earmark.AudioClassifier(fusion="early", store=store).fit(paths, y)
    assert model.classes_.tolist() == np.unique(y).tolist()
    assert model.score(paths, y) == 1
    loaded = earmark.AudioClassifier.load(model.save(tmp_path / "model.earmark"), store=store)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.trained_on_ == model.trained_on_
    assert [type(label) for label in loaded.trained_on_] == [type(label) for label in model.trained_on_]
    np.testing.assert_array_equal(loaded.predict(paths), model.predict(paths))


def test_numbers_as_labels_go_through_cross_validation(data, store):
    numbers = [LABELS["number"](label) for label in data[1]]
    assert cross_val_score(earmark.AudioClassifier(fusion="early", store=store), data[0], numbers, cv=3).mean() > 0.8


@pytest.mark.parametrize("y", [["a"] * 29 + [1], ["a"] * 29 + [float("nan")], [0.5] * 30, [None] * 30])
def test_labels_of_mixed_or_odd_types_are_refused(data, store, y):
    with pytest.raises(SettingsError, match="all text, all whole numbers or all bools"):
        earmark.AudioClassifier(store=store).fit(data[0], y)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_of_a_trained_classifier_predict_the_same(trained, data, copied):
    trained.predict(data[0][:1])
    np.testing.assert_array_equal(copied(trained).predict_proba(data[0]), trained.predict_proba(data[0]))


def test_parameters_set_after_training_wait_for_the_next_training(trained, data, store, tmp_path):
    changed = copy.deepcopy(trained)
    changed.set_params(fusion="early-mean-std", embedding="other", classifier="d128", random_state=None)
    loaded = earmark.AudioClassifier.load(changed.save(tmp_path / "model.earmark"), store=store)
    for model in (changed, loaded):
        np.testing.assert_array_equal(model.predict_proba(data[0]), trained.predict_proba(data[0]))
    assert loaded.get_params() == trained.get_params()


def test_only_trained_classifiers_predict_and_are_saved(data, tmp_path):
    for call in (
        lambda model: model.predict(data[0]),
        lambda model: model.predict_proba(data[0]),
        lambda model: model.classify(data[0]),
        lambda model: model.save(tmp_path / "model.earmark"),
    ):
        with pytest.raises(NotFittedError):
            call(earmark.AudioClassifier())


@pytest.mark.parametrize(
    ("X", "says"),
    [
        ([], "at least one recording"),
        ("hum.wav", "Pass a list of paths"),
        (Path("hum.wav"), "Pass a list of paths"),
        ([["hum.wav"]], "which is no path"),
    ],
)
def test_what_is_no_list_of_recordings_is_refused(trained, X, says):
    for call in (trained.predict, trained.classify, lambda X: clone(trained).fit(X, [])):
        with pytest.raises(SettingsError, match=says):
            call(X)


@pytest.mark.parametrize(
    "settings",
    [{"workers": 0}, {"workers": -1}, {"workers": 1.5}, {"random_state": -1}, {"random_state": None}],
)
def test_settings_that_cannot_be_are_refused(data, store, settings):
    with pytest.raises(SettingsError, match=f"{next(iter(settings))} is"):
        earmark.AudioClassifier(store=store, **settings).fit(*data)


def test_errors_cannot_be_ignored(trained, data):
    with pytest.raises(SettingsError, match="on_error is 'ignore'"):
        trained.classify(data[0], on_error="ignore")
    with pytest.raises(SettingsError, match="on_error is 'ignore'"):
        clone(trained).fit(*data, on_error="ignore")


class Intruder:
    """Would create a file if it were ever unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


def test_a_pickle_is_refused_and_runs_no_code(tmp_path):
    target = tmp_path / "intruded"
    (tmp_path / "evil.earmark").write_bytes(pickle.dumps(Intruder(target)))
    with pytest.raises(ModelFileError, match=r"evil\.earmark: is not a classifier"):
        earmark.AudioClassifier.load(tmp_path / "evil.earmark")
    assert not target.exists()


def parts_of(file):
    """Return the header and the tensors of a model file."""
    with safe_open(file, framework="numpy") as opened:
        return json.loads(opened.metadata()["earmark"]), load_file(file)


def rewritten(target, header, tensors):
    """Write a model file whose digests are right, whatever else is not."""
    if isinstance(header, dict) and "tensors_sha256" in header:
        header["tensors_sha256"] = tensors_digest(tensors)
    text = json.dumps(header)
    save_file(tensors, target, {"earmark": text, "earmark_sha256": hashlib.sha256(text.encode()).hexdigest()})
    return target


def refused(file):
    """Load a file that must be refused, and return why."""
    with pytest.raises(ModelFileError) as refusal:
        earmark.AudioClassifier.load(file)
    assert str(file) in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("change", "drop", "says"),
    [
        (lambda header: header.update(format=2), (), "format 2"),
        (lambda header: header.update(fusion="middle"), (), "no fusion 'middle'"),
        (lambda header: header.update(fusion="early-mean-std"), (), "takes 1024 values, but .* has 2048"),
        (lambda header: header.pop("classifier"), (), "'classifier'"),
        (lambda header: header["classifier"].update(name="d128"), (), "names the classifier 'd128'"),
        (lambda header: header["classifier"].update(random_state=-1), (), "random_state"),
        (lambda header: header.pop("embedding"), (), "'embedding'"),
        (lambda header: header.update(embedding="yamnet"), (), "not as earmark writes it"),
        (lambda header: header["embedding"].update(hop=1), (), "hop was 1"),
        (lambda header: header["embedding"].pop("hop"), (), "'hop'"),
        (lambda header: header["embedding"].update(card="other"), (), "no embedding 'other'"),
        (lambda header: None, ("scaling.scale",), "'scaling.scale'"),
        (lambda header: None, ("classifier.coef",), "coef"),
    ],
)
def test_damaged_or_foreign_model_files_are_refused_by_name(trained, tmp_path, change, drop, says):
    header, tensors = parts_of(trained.save(tmp_path / "good.earmark"))
    change(header)
    kept = {name: array for name, array in tensors.items() if name not in drop}
    message = refused(rewritten(tmp_path / "bad.earmark", header, kept))
    assert re.search(says, message)
    assert "Train" in message


@pytest.mark.parametrize("name", ["scaling.scale", "scaling.minimum", "classifier.coef", "classifier.intercept"])
@pytest.mark.parametrize(
    "spoil", [lambda array: array * np.nan, lambda array: array[..., :-1], lambda array: array > 0]
)
def test_arrays_that_do_not_fit_are_refused_by_name(trained, tmp_path, name, spoil):
    header, tensors = parts_of(trained.save(tmp_path / "good.earmark"))
    tensors[name] = np.ascontiguousarray(spoil(tensors[name]))
    refused(rewritten(tmp_path / "bad.earmark", header, tensors))


def places(value, place=()):
    """Give the place of every value within a header."""
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*place, key))


def put(header, place, junk):
    """Return a copy of the header with something else at that place."""
    if not place:
        return junk
    changed = copy.deepcopy(header)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = junk
    return changed


@pytest.mark.parametrize("classifier", ["svm", "d128"])
def test_whatever_stands_in_the_header_is_refused_or_does_no_harm(data, store, tmp_path, classifier):
    model = earmark.AudioClassifier(classifier=classifier, fusion="early", store=store).fit(*data)
    header, tensors = parts_of(model.save(tmp_path / "good.earmark"))
    expected = model.model_.system.model.predict_proba(np.eye(3, 1024))
    bad, count = tmp_path / "bad.earmark", 0
    for place in places(header):
        for junk in (None, "x", -1.5, [], [[]], {}):
            try:
                loaded = earmark.AudioClassifier.load(rewritten(bad, put(header, place, junk), tensors))
            except ModelFileError as error:
                assert str(bad) in str(error)  # noqa: PT017 - most of them raise, those that do not are looked at
                count += 1
            else:
                np.testing.assert_array_equal(loaded.model_.system.model.predict_proba(np.eye(3, 1024)), expected)
    assert count > 100


def test_any_flipped_byte_is_noticed(trained, tmp_path):
    file = trained.save(tmp_path / "model.earmark")
    whole = file.read_bytes()
    for place in [*np.random.default_rng(0).integers(0, len(whole), 60).tolist(), 1000, len(whole) - 9]:
        damaged = bytearray(whole)
        damaged[place] ^= 1
        file.write_bytes(damaged)
        refused(file)


def test_truncated_and_missing_model_files_are_refused(trained, tmp_path):
    file = trained.save(tmp_path / "cut.earmark")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match="damaged"):
        earmark.AudioClassifier.load(file)
    with pytest.raises(ModelFileError, match="no such file"):
        earmark.AudioClassifier.load(tmp_path / "nowhere.earmark")


def test_a_folder_that_is_not_there_is_an_error_of_ours(trained, tmp_path):
    with pytest.raises(ModelFileError, match="could not be written"):
        trained.save(tmp_path / "nowhere" / "model.earmark")


@pytest.fixture(scope="module")
def trained_on_a_module(data, store, tmp_path_factory):
    """A classifier that was trained on embeddings of a module which follows HEAR: ours."""
    model = earmark.AudioClassifier("hear:earmark.hear", store=store).fit(*data)
    return model.save(tmp_path_factory.mktemp("module") / "model.earmark")


def test_a_file_that_names_a_module_runs_its_code_only_if_that_is_trusted(trained_on_a_module, data, store):
    code = f"""
import sys, earmark
try:
    earmark.AudioClassifier.load({str(trained_on_a_module)!r})
except earmark.EarmarkError as error:
    print(error)
print("imported" if "earmark.hear" in sys.modules else "not imported")
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "trust_module=True" in said
    assert said.endswith("not imported\n")
    trusted = earmark.AudioClassifier.load(trained_on_a_module, store=store, trust_module=True)
    assert (trusted.predict(data[0]) == data[1]).mean() == 1


def test_the_options_of_an_embedding_are_kept_with_the_classifier(data, store, tmp_path):
    model = earmark.AudioClassifier("yamnet:hop=0.24", store=store).fit(*data)
    again = earmark.AudioClassifier.load(model.save(tmp_path / "model.earmark"), store=store)
    assert again.embedding == "yamnet:hop=0.24"
    assert again.model_.fingerprint.hop == 3840
    np.testing.assert_array_equal(again.predict_proba(data[0]), model.predict_proba(data[0]))
