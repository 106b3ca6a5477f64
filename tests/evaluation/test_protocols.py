"""Protocols by name: what they fix, what may be chosen, and that contradictions are refused."""

import dataclasses
import json

import numpy as np
import pytest

from earmark.classifiers import SCALINGS, make_classifier
from earmark.errors import SettingsError
from earmark.evaluation import (
    FUSIONS,
    LIKELIHOODS,
    PROTOCOLS,
    SPLITS,
    Clips,
    FoldSet,
    System,
    describe_protocol,
    make_folds,
    make_plan,
    protocol_named,
)

OTHERS = [name for name in PROTOCOLS if name != "earmark"]


def clips(count=60, **known):
    labels = np.array(["buzz", "hum", "knock"])[np.arange(count) % 3]
    return Clips(labels, np.arange(count).astype(str), **known)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS.keys())
def test_what_a_protocol_names_is_there(protocol):
    assert protocol.version >= 1
    assert protocol.scaling in SCALINGS
    assert set(protocol.splits) <= set(SPLITS)
    assert set(protocol.fusions or ()) <= set(FUSIONS)
    assert protocol.likelihoods in (None, *LIKELIHOODS)
    for names in (protocol.classifiers or {}).values():
        for name in names:
            make_classifier(name, seed=0)
            for fusion in protocol.fusions:
                System(name, fusion, scaling=protocol.scaling)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS.keys())
def test_what_is_chosen_on_validation_clips_has_some(protocol):
    if any(len(names) > 1 for names in (protocol.classifiers or {}).values()):
        assert protocol.validation_fold


def test_protocols_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PROTOCOLS["hear"].folds = 3
    with pytest.raises(TypeError):
        PROTOCOLS["hear"] = PROTOCOLS["evar"]
    with pytest.raises(TypeError):
        PROTOCOLS["hear"].classifiers["mlp"] = ("svm",)


def test_an_unknown_protocol_lists_those_there_are():
    with pytest.raises(SettingsError, match="no protocol 'dcase'") as caught:
        make_plan("dcase")
    assert all(name in str(caught.value) for name in PROTOCOLS)


def test_without_a_protocol_everything_may_be_chosen():
    plan = make_plan(
        classifiers=["svm:C=0.1"],
        fusions=["early-std"],
        folds=3,
        repeats=4,
        validation_fraction=0.2,
        balanced_test=True,
    )
    assert (plan.protocol.name, plan.classifiers, plan.fusions) == (
        "earmark",
        {"svm:C=0.1": ("svm:C=0.1",)},
        ("early-std",),
    )
    assert (plan.settings.folds, plan.settings.repeats, plan.settings.validation_fraction) == (3, 4, 0.2)
    assert plan.settings.balanced_test


def test_the_defaults_are_those_of_today():
    plan = make_plan()
    assert (list(plan.classifiers), plan.fusions, plan.likelihoods) == (["svm"], ("late",), "auto")
    assert (plan.settings.folds, plan.settings.repeats, plan.settings.validation_fraction) == (5, 1, 0.0)
    assert not plan.settings.balanced_test
    assert plan.train_fractions == (None,)


def test_eusipco2020_is_the_protocol_of_the_paper():
    plan = make_plan("eusipco2020")
    assert plan.protocol.scaling == "minmax"
    assert list(plan.classifiers) == ["svm", "d128", "d512"]
    assert plan.fusions == ("late", "early")
    folds = make_folds(clips(90), "clips", plan.settings)
    assert len(folds) == 20
    for fold in folds:
        assert [len(part) for part in (fold.train, fold.validation, fold.test)] == [72, 9, 9]
    counts = [np.unique(clips(90).labels[fold.test], return_counts=True)[1] for fold in folds]
    assert all(len(set(each.tolist())) == 1 for each in counts)


def test_eusipco2020_sets_a_fifth_of_a_fixed_training_set_aside():
    parts = np.where(np.arange(60) < 45, "train", "test")
    known = clips(splits=parts)
    plan = make_plan("eusipco2020")
    assert plan.splits_of(known) == ("fixed",)
    folds = make_folds(known, "fixed", plan.settings)
    assert [(len(fold.train), len(fold.validation), len(fold.test)) for fold in folds] == [(36, 9, 15)] * 2
    assert not np.array_equal(folds[0].train, folds[1].train)


def test_validation_clips_that_a_fixed_split_names_are_taken_as_they_are():
    parts = np.array(["train", "train", "validation", "test"])[np.arange(60) // 15]
    [fold, _] = make_folds(clips(splits=parts), "fixed", make_plan("eusipco2020").settings)
    assert np.array_equal(fold.validation, np.flatnonzero(parts == "validation"))
    assert np.array_equal(fold.train, np.flatnonzero(parts == "train"))


def test_eusipco2020_keeps_groups_together_and_leaves_official_folds_alone():
    groups, folds = (np.arange(60) // 3).astype(str), (np.arange(60) % 5).astype(str)
    plan = make_plan("eusipco2020")
    assert plan.splits_of(clips(folds=folds)) == ("clips",)
    assert plan.splits_of(clips(folds=folds, groups=groups)) == ("groups",)
    assert make_plan("eusipco2020", splits=["clips"]).splits_of(clips(groups=groups)) == ("clips",)
    assert make_plan("hear").splits_of(clips(folds=folds, groups=groups)) == ("official",)


@pytest.mark.parametrize(("protocol", "step"), [("hear", 1), ("l3", -1)])
def test_a_neighbouring_fold_validates(protocol, step):
    official = (np.arange(60) % 5).astype(str)
    folds = make_folds(clips(folds=official), "official", make_plan(protocol).settings)
    for fold in folds:
        assert set(official[fold.test]) == {fold.name}
        assert set(official[fold.validation]) == {str((int(fold.name) + step) % 5)}
        assert set(official[fold.train]) == set("01234") - set(official[fold.test]) - set(official[fold.validation])


def test_a_validation_fold_takes_at_least_three_folds():
    with pytest.raises(SettingsError, match=r"2 folds leave none to train on\. It takes at least 3"):
        make_folds(clips(folds=(np.arange(60) % 2).astype(str)), "official", make_plan("hear").settings)


@pytest.mark.parametrize(
    ("protocol", "options", "says"),
    [
        ("eusipco2020", {"folds": 5}, "--folds 5 contradicts the protocol eusipco2020, where it is 10"),
        ("eusipco2020", {"repeats": 1}, "--repeats 1 contradicts the protocol eusipco2020, where it is 2"),
        ("hear", {"balanced_test": True}, "--balanced-test on contradicts the protocol hear, where it is off"),
        ("hear", {"validation_fraction": 0.2}, "--validation-fraction 0.2 contradicts the protocol hear, which sets"),
        ("soundnet", {"validation_fraction": 0.2}, "contradicts the protocol soundnet, which has no validation clips"),
        ("l3", {"likelihoods": "platt"}, "--likelihoods platt contradicts the protocol l3, where it is sigmoid"),
        ("evar", {"train_fractions": [0.1]}, "--train-fraction 0.1 contradicts the protocol evar"),
        ("evar", {"classifiers": ["svm"]}, "--classifiers svm contradicts the protocol evar, which has logistic"),
        ("soundnet", {"classifiers": ["svm:C=1"]}, "--classifiers svm:C=1 contradicts the protocol soundnet"),
        ("soundnet", {"fusions": ["late"]}, "--fusion late contradicts the protocol soundnet, which has late-decision"),
        ("eusipco2020", {"splits": ["official"]}, "--splits official contradicts the protocol eusipco2020"),
    ],
)
def test_what_contradicts_a_protocol_is_refused_and_says_what_to_do(protocol, options, says):
    with pytest.raises(SettingsError, match=says) as caught:
        make_plan(protocol, **options)
    assert "--protocol earmark" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"folds": 10, "repeats": 2, "balanced_test": True, "likelihoods": "sigmoid"},
        {"train_fractions": [0.8, 0.1]},
        {"classifiers": ["svm"], "fusions": ["early"], "splits": ["clips"]},
        {"seed": 7},
    ],
)
def test_what_a_protocol_allows_may_be_said(options):
    plan = make_plan("eusipco2020", **options)
    assert plan.protocol is protocol_named("eusipco2020")
    assert list(plan.classifiers) == options.get("classifiers", ["svm", "d128", "d512"])


@pytest.mark.parametrize(("fusion", "classifier"), [("late-decision", "d128"), ("late-decision", "svc")])
def test_a_fusion_that_a_classifier_cannot_do_is_refused_before_any_work(fusion, classifier):
    with pytest.raises(SettingsError, match="needs decision values"):
        make_plan(classifiers=["svm", classifier], fusions=["late", fusion])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_description_names_the_version_and_every_setting(name):
    plan = make_plan(name)
    [split] = plan.splits_of(clips())
    folds = FoldSet(split, 0.8, tuple(make_folds(clips(), split, plan.settings)))
    described = describe_protocol(
        plan, models=[], combinations=[], fold_sets=[folds], likelihoods="sigmoid", solver="batched", leak_checks=[]
    )
    assert json.loads(json.dumps(described))["name"] == name
    assert described["version"] == PROTOCOLS[name].version
    assert described["scaling"].startswith(PROTOCOLS[name].scaling)
    assert set(described["fusions"]) == set(plan.fusions)
    for classifier, candidates in plan.classifiers.items():
        said = described["classifiers"][classifier]
        settings = said["candidates"].values() if len(candidates) > 1 else [said]
        made = [make_classifier(each, seed=0).get_params() for each in candidates]
        for one, parameters in zip(settings, made, strict=True):
            assert {key: value for key, value in one.items() if key != "estimator"}.items() <= parameters.items()
