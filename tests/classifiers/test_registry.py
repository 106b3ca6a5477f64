"""Classifiers by name, and what their cards promise."""

import dataclasses
import json

import pytest

from earmark.classifiers import check_savable, classifier_settings, list_classifiers, make_classifier
from earmark.errors import SettingsError


def test_the_three_classifiers_of_the_paper_are_known():
    assert [card.name for card in list_classifiers()][:3] == ["svm", "d128", "d512"]


@pytest.mark.parametrize("card", list_classifiers(), ids=lambda card: card.name)
def test_a_card_tells_every_setting_of_its_classifier(card):
    classifier = make_classifier(card.name, seed=7)
    settings = {"estimator": type(classifier).__name__, **classifier.get_params()}
    seed = settings.pop("random_state", 7)
    assert seed == 7
    assert settings == dict(card.settings)
    json.dumps(dict(card.settings))


def test_the_dense_nets_are_those_of_the_paper():
    for name, hidden in (("d128", (128,)), ("d512", (512, 128))):
        net = make_classifier(name, seed=0)
        assert (net.hidden, net.dropout, net.learning_rate) == (hidden, 0.5, 1e-3)
        assert (net.batch_size, net.epochs, net.class_weight) == (256, 500, "balanced")


def test_cards_cannot_be_changed():
    card = list_classifiers()[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        card.name = "other"
    with pytest.raises(TypeError):
        card.settings["C"] = 2.0


@pytest.mark.parametrize(("typed", "meant"), [("SVM", "svm"), ("d-128", "d128"), ("d5l2", "d512")])
def test_an_unknown_name_lists_the_known_and_the_nearest(typed, meant):
    with pytest.raises(SettingsError, match=f"Known are: svm, d128, d512, .*Did you mean '{meant}'"):
        make_classifier(typed, seed=0)


def test_a_name_near_nothing_gets_no_guess():
    with pytest.raises(SettingsError, match=r"Known are: svm, d128, d512, .*svc\.$"):
        make_classifier("knn", seed=0)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("svm:C=0.01", "C", 0.01),
        ("svm:c=10", "C", 10.0),
        ("svm:class_weight=none", "class_weight", None),
        ("logistic:class_weight=balanced", "class_weight", "balanced"),
        ("mlp:hidden=1024+512:epochs=3", "hidden", (1024, 512)),
        ("mlp:hidden=1024+512:epochs=3", "epochs", 3),
        ("svc:kernel=linear", "kernel", "linear"),
    ],
)
def test_settings_may_stand_behind_colons(name, key, value):
    assert getattr(make_classifier(name, seed=0), key) == value
    assert classifier_settings(name)[key] == value


def test_a_setting_in_a_name_leaves_the_others_and_the_card_as_they_are():
    assert classifier_settings("svm:C=3") == dict(list_classifiers()[0].settings) | {"C": 3.0}
    assert list_classifiers()[0].settings["C"] == 1.0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("svm:c0.01", r"svm has no setting 'c0\.01'\. It has: C, class_weight, tol, max_iter"),
        ("svm:kernel=rbf", "svm has no setting 'kernel'"),
        ("svm:estimator=DenseNet", "svm has no setting 'estimator'"),
        ("svm:C=much", "the setting C of svm cannot be 'much'"),
        ("svm:C=-1", "C is -1.0. It must be a finite number above 0"),
        ("svm:class_weight=some", "the setting class_weight of svm cannot be 'some'"),
        ("mlp:hidden=8+", r"the setting hidden of mlp cannot be '8\+'"),
        ("mlp:epochs=1.5", "the setting epochs of mlp cannot be '1.5'"),
        ("svc:kernel=cosine", "kernel is 'cosine'. Choose one of rbf"),
    ],
)
def test_settings_that_cannot_be_are_refused(name, says):
    with pytest.raises(SettingsError, match=says):
        make_classifier(name, seed=0)


def test_what_a_model_file_cannot_hold_is_said_before_training():
    check_savable("logistic:C=0.1")
    with pytest.raises(SettingsError, match="model file cannot hold a KernelSVM"):
        check_savable("svc")


def test_a_setting_that_is_given_twice_is_refused():
    with pytest.raises(SettingsError, match="gives 'c' twice"):
        make_classifier("svm:C=1:C=2", seed=0)
