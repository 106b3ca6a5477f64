"""The trained classifier: a scikit-learn estimator over paths, in a file that runs no code."""

import json
import pickle

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import earmark
from earmark.errors import ClipsLeftOut, DatasetError, ModelFileError, SettingsError

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


def rewritten(source, target, change, drop=()):
    """Copy a model file with another header."""
    from safetensors import safe_open

    with safe_open(source, framework="numpy") as file:
        header = json.loads(file.metadata()["earmark"])
    change(header)
    tensors = {name: array for name, array in load_file(source).items() if name not in drop}
    save_file(tensors, target, {"earmark": json.dumps(header)})
    return target


@pytest.mark.parametrize(
    ("change", "drop", "says"),
    [
        (lambda header: header.update(format=2), (), "format 2"),
        (lambda header: header.update(fusion="middle"), (), "unknown fusion"),
        (lambda header: header.pop("classifier"), (), "lacks 'classifier'"),
        (lambda header: header.pop("estimator"), (), "lacks 'estimator'"),
        (lambda header: header["embedding"]["fingerprint"].update(hop=1), (), "hop was 1"),
        (lambda header: header["estimator"].update(embedding="other"), (), "no embedding 'other'"),
        (lambda header: None, ("scaling.scale",), "lacks 'scaling.scale'"),
        (lambda header: None, ("classifier.coef",), "coef"),
    ],
)
def test_damaged_or_foreign_model_files_are_refused(trained, tmp_path, change, drop, says):
    file = rewritten(trained.save(tmp_path / "good.earmark"), tmp_path / "bad.earmark", change, drop)
    with pytest.raises((ModelFileError, SettingsError), match=says):
        earmark.AudioClassifier.load(file)


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
