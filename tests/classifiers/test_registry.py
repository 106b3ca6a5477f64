"""Classifiers by name, and what their cards promise."""

import dataclasses
import json

import pytest

from earmark.classifiers import list_classifiers, make_classifier
from earmark.errors import SettingsError


def test_the_three_classifiers_of_the_paper_are_known():
    assert [card.name for card in list_classifiers()] == ["svm", "d128", "d512"]


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
    with pytest.raises(SettingsError, match=f"Known are: svm, d128, d512. Did you mean '{meant}'"):
        make_classifier(typed, seed=0)


def test_a_name_near_nothing_gets_no_guess():
    with pytest.raises(SettingsError, match=r"Known are: svm, d128, d512\.$"):
        make_classifier("forest", seed=0)
