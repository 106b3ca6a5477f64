"""Studies as data: what they ask for, and what they refuse."""

import pytest

from earmark.errors import SettingsError
from earmark.reproduce import Unit, list_studies, make_study
from earmark.reproduce.published import published
from earmark.reproduce.study import FROM_SCRATCH, chosen, merged


def test_the_paper_is_there_with_its_stand_in():
    assert "eusipco2020" in list_studies()
    real, standin = make_study("eusipco2020"), make_study("eusipco2020", synthetic=True)
    assert [task.name for task in real.tasks] == [task.name for task in standin.tasks] == [f"T{n}" for n in range(1, 7)]
    assert real.published
    assert not standin.published
    assert standin.synthetic


def test_every_cell_of_table_2_has_a_unit_and_a_published_number():
    study = make_study("eusipco2020")
    units = chosen(study, [1])
    assert len(units) == 6 * (3 * 3 + 1)
    for unit in units:
        assert published(unit.task, unit.embedding, unit.classifier) is not None, unit


def test_experiment_2_asks_for_both_fusions():
    assert all({"early", "late"} <= set(unit.fusions) for unit in chosen(make_study("eusipco2020"), [2]))


def test_experiment_3_asks_for_domain_size_and_amount():
    units = [unit for unit in chosen(make_study("eusipco2020"), [3]) if unit.task == "T1"]
    names = {unit.embedding for unit in units}
    assert names == {"openl3-music-mel256-512", "openl3-env-mel256-512", "openl3-music-mel256-6144", FROM_SCRATCH}
    assert {unit.embedding for unit in units if 0.1 in unit.train_fractions} == {
        "openl3-music-mel256-512",
        FROM_SCRATCH,
    }


def test_the_stand_in_has_random_weights_for_all_that_cannot_be_had():
    study = make_study("eusipco2020", synthetic=True)
    trained = {unit.embedding for unit in study.units if not unit.untrained}
    assert trained == {"yamnet", "soundnet-conv5", FROM_SCRATCH}
    assert all(unit.label.endswith("(random weights)") for unit in study.units if unit.untrained)


@pytest.mark.parametrize("name", ["eusipco2020", "few-labels"])
def test_no_two_units_are_kept_in_one_place(name):
    keys = [unit.key.lower() for unit in make_study(name).units]
    assert len(set(keys)) == len(keys)


def test_what_experiments_ask_of_one_system_is_brought_together():
    first = Unit("T1", "kumar", "svm", ("late",), (0.8,), experiments=(1,))
    second = Unit("T1", "kumar", "svm", ("late", "early"), (0.1,), experiments=(3,))
    (both,) = merged([first, second])
    assert set(both.fusions) == {"late", "early"}
    assert both.train_fractions == (0.8, 0.1)
    assert both.experiments == (1, 3)


def test_published_numbers_are_those_of_the_paper():
    assert published("T6", FROM_SCRATCH, "cnn-plastics") == 0.891
    assert published("average", "openl3-music-mel256-512", "svm", train_fraction=0.1) == 0.826
    assert published("T1", "yamnet", "svm") is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"experiments": [4]}, "no experiment 4. There are: 1, 2, 3"),
        ({"tasks": ["T7"]}, "no task T7. There are: T1"),
    ],
)
def test_unknown_experiments_and_tasks_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        chosen(make_study("eusipco2020"), **arguments)


def test_unknown_studies_are_refused():
    with pytest.raises(SettingsError, match="There are: eusipco2020, few-labels"):
        make_study("eusipco2021")
    with pytest.raises(SettingsError, match="has no stand-in suite"):
        make_study("few-labels", synthetic=True)
