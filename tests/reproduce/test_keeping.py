"""Results of a study are kept whole, never mixed with another's, and never lost."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from earmark.errors import EarmarkError, SettingsError
from earmark.reproduce.gathering import gather
from earmark.reproduce.keeping import Missing, StudyFolder
from reproduce.made_results import STUDY, UNITS, comparison


@pytest.fixture
def kept(tmp_path):
    folder = StudyFolder(tmp_path / "out", STUDY)
    for unit in UNITS:
        folder.keep(unit, comparison(unit))
    return folder


def test_a_unit_comes_back_as_it_was_kept(kept):
    found, wanted = kept.load(UNITS[0]), comparison(UNITS[0])
    pd.testing.assert_frame_equal(found.results, wanted.results)
    pd.testing.assert_frame_equal(found.predictions, wanted.predictions)
    assert found.protocol == wanted.protocol


def test_a_folder_opens_again_for_the_same_study_only(kept):
    assert UNITS[0] in StudyFolder(kept.folder, STUDY)
    with pytest.raises(SettingsError, match=r"protocol version 1, with version 1; this run has 2.*Nothing was touched"):
        StudyFolder(kept.folder, replace(STUDY, version=2))
    with pytest.raises(SettingsError, match="with synthetic false; this run has true"):
        StudyFolder(kept.folder, replace(STUDY, synthetic=True))
    assert UNITS[0] in StudyFolder(kept.folder, STUDY)


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SettingsError, match=r"holds no study.*nothing was touched"):
        StudyFolder(tmp_path, STUDY)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_damaged_description_is_an_error_and_stays(kept):
    (kept.folder / "study.json").write_text("{")
    with pytest.raises(EarmarkError, match=r"study\.json: is damaged"):
        StudyFolder(kept.folder, STUDY)
    assert (kept.folder / "study.json").read_text() == "{"


@pytest.mark.parametrize("file", ["results.parquet", "predictions.parquet", "protocol.json"])
def test_a_half_copied_unit_is_named_and_the_others_stay(kept, file):
    (kept.path(UNITS[1]) / file).write_bytes(b"PAR1")
    with pytest.raises(EarmarkError, match=r"T1.vggish.svm: is damaged.*Remove this folder"):
        gather(STUDY, kept, UNITS)
    assert len(kept.load(UNITS[0]).results)


def test_a_unit_that_was_removed_is_open_again(kept):
    import shutil

    shutil.rmtree(kept.path(UNITS[1]))
    assert UNITS[1] not in kept
    assert gather(STUDY, kept, UNITS).state(UNITS[1]) == "not measured"


def test_what_is_missing_is_remembered_with_its_reason(kept):
    kept.note_missing({"T1/a/svm": Missing("data", "not there")})
    assert StudyFolder(kept.folder, STUDY).missing == {"T1/a/svm": Missing("data", "not there")}
    (kept.folder / "missing.json").write_text("[1]")
    with pytest.raises(EarmarkError, match=r"missing\.json: is damaged"):
        _ = kept.missing


def test_units_measured_on_different_clips_do_not_stand_together(kept):
    import shutil

    shutil.rmtree(kept.path(UNITS[1]))
    kept.keep(UNITS[1], comparison(UNITS[1], digest="other"))
    with pytest.raises(EarmarkError, match="measured with other clips of T1"):
        gather(STUDY, kept, UNITS)


def test_a_study_without_any_result_says_why(tmp_path):
    folder = StudyFolder(tmp_path / "out", STUDY)
    folder.note_missing({unit.key: Missing("data", "put it into /data") for unit in UNITS})
    with pytest.raises(EarmarkError, match="nothing could be measured:\nput it into /data"):
        gather(STUDY, folder, UNITS)


def test_the_description_is_readable(kept):
    described = json.loads((kept.folder / "study.json").read_text())
    assert described["study"] == "eusipco2020"
    assert described["tasks"][0]["dataset"] == "acmus-mir"


def test_fractions_and_tasks_are_named_as_in_the_study(tmp_path):
    folder = StudyFolder(tmp_path / "out", STUDY)
    unit = UNITS[0]
    made = comparison(replace(unit, train_fractions=(0.56, 0.07)))  # as of a data set with a fixed test set
    folder.keep(unit, made)
    results = gather(STUDY, folder, [unit])
    assert set(results.results["train_fraction"]) == {0.8, 0.1}
    assert set(results.results["dataset"]) == {"T1"}
    assert results.score(unit, "early", 0.1) is not None


@pytest.mark.parametrize("protocol", ["[]", "{}", '{"dataset": {"digest": "d"}, "embeddings": []}'])
def test_a_protocol_that_lacks_something_is_damage_too(kept, protocol):
    (kept.path(UNITS[1]) / "protocol.json").write_text(protocol)
    with pytest.raises(EarmarkError, match=r"T1.vggish.svm: is damaged.*Remove this folder"):
        gather(STUDY, kept, UNITS)


def test_results_of_one_unit_are_never_shown_as_those_of_another(kept):
    import shutil

    shutil.rmtree(kept.path(UNITS[1]))
    shutil.copytree(kept.path(UNITS[0]), kept.path(UNITS[1]))
    with pytest.raises(EarmarkError, match=r"T1.vggish.svm: .*the embedding is not that of T1/vggish/svm"):
        gather(STUDY, kept, UNITS)


def test_random_weights_are_never_shown_as_trained_ones(kept):
    with pytest.raises(EarmarkError, match="the embedding is not that of"):
        kept.load(replace(UNITS[1], untrained=True))


def test_of_two_runs_in_one_folder_the_quicker_one_keeps_the_unit(kept):
    kept.keep(UNITS[0], comparison(UNITS[0], accuracy=0.1))
    pd.testing.assert_frame_equal(kept.load(UNITS[0]).results, comparison(UNITS[0]).results)
    assert not list(kept.folder.rglob(".writing-*"))


def test_a_run_that_was_killed_before_its_description_was_there_leaves_the_folder_usable(tmp_path):
    (tmp_path / ".writing-0-study.json").write_text("{")
    StudyFolder(tmp_path, STUDY)
    assert (tmp_path / "study.json").exists()


def test_what_has_been_measured_since_is_not_missing(kept):
    kept.note_missing({unit.key: Missing("data", "not there") for unit in UNITS})
    assert gather(STUDY, kept, UNITS).missing == {}
