"""Whether pre-training wins is said of trained embeddings, of the same ones with few labels and with many."""

from dataclasses import replace

import pandas as pd

from earmark.evaluation import compare_pairs
from earmark.reproduce.advantage import advantage_grid, advantage_sentences, advantages
from earmark.reproduce.gathering import gather
from earmark.reproduce.keeping import StudyFolder
from earmark.reproduce.page import study_page
from reproduce.made_results import STUDY, UNITS, comparison


def shown(tmp_path, units, right=None):
    """The results of some units, and the leads over networks trained from scratch."""
    study = replace(STUDY, units=tuple(units))
    folder = StudyFolder(tmp_path, study)
    for unit in units:
        folder.keep(
            unit, comparison(replace(unit, embedding=unit.label), **({} if right is None else {"accuracy": right}))
        )
    results = gather(study, folder, units)
    return results, advantages(compare_pairs(results.results, results.predictions))


def test_random_weights_do_not_count_as_pre_training(tmp_path):
    random = replace(UNITS[0], untrained=True)
    results, found = shown(tmp_path, [random, UNITS[2]])
    assert {each.embedding for each in found} == {"kumar (random weights)"}
    assert advantage_sentences(results, found) == []


def test_few_labels_and_many_are_told_of_the_same_embeddings(tmp_path):
    results, found = shown(tmp_path, UNITS[:3])
    assert {each.embedding for each in found} == {"kumar", "vggish"}
    sentences = advantage_sentences(results, found)
    assert len(sentences) == 2
    assert all("linear SVM (kumar) are" in each and "of 1 comparisons" in each for each in sentences)


def test_systems_that_are_always_right_were_not_tested_on_one_test_set_only(tmp_path):
    results, found = shown(tmp_path, [UNITS[0], UNITS[2]], right=1.0)
    cells = [cell for row in advantage_grid(results, found).rows for cell in row[2:]]
    assert cells == [("+0.0", "the same on all folds")] * 2
    assert all("of 1 comparisons" in each for each in advantage_sentences(results, found))


def test_the_page_names_the_system_of_each_confusion_matrix_and_the_task_of_each_sentence(tmp_path):
    results, _ = shown(tmp_path, [replace(UNITS[0], untrained=True), replace(UNITS[3], untrained=True)])
    page = study_page(results, compare_pairs(results.results, results.predictions))
    assert "T2: kumar (random weights) with svm, " in page
    assert "T2, train fraction 0.1: kumar (random weights)" in page


def test_published_tables_say_whether_their_sounds_are_synthetic(tmp_path):
    from earmark.reproduce import render_study
    from reproduce.made_results import standin

    study = standin()
    folder = StudyFolder(tmp_path, study)
    folder.keep(UNITS[0], comparison(UNITS[0]))
    render_study(gather(study, folder, UNITS), tmp_path)
    for name in ("results", "predictions"):
        assert pd.read_parquet(tmp_path / f"{name}.parquet")["synthetic"].all()
