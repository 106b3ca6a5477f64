"""Every number that was measured is in a table, with its interval, whatever was asked first."""

from earmark.evaluation import compare_pairs
from earmark.reproduce.advantage import Advantage, advantage_sentences, advantages
from earmark.reproduce.gathering import gather
from earmark.reproduce.keeping import StudyFolder
from earmark.reproduce.systems import fraction_grids, system_grid
from reproduce.made_results import STUDY, UNITS, comparison, standin


def results_of(tmp_path, study=STUDY, accuracy=0.8):
    folder = StudyFolder(tmp_path / "out", study)
    for unit in UNITS:
        folder.keep(unit, comparison(unit, accuracy if unit.embedding != "from scratch" else 0.4, clips=80))
    return gather(study, folder, study.units)


def test_every_system_fusion_and_fraction_has_its_row(tmp_path):
    grid = system_grid(results_of(tmp_path), "All")
    assert grid.headers == ("", "Fusion", "Train fraction", "T1", "T2")
    rows = {(row[0][0], row[1][0], row[2][0]) for row in grid.rows}
    assert len(rows) == len(grid.rows) == 2 * 2 + 1 + 2
    assert all(len(cell) == 2 for row in grid.rows for cell in row[3:] if cell != ("–",))


def test_a_task_with_several_train_fractions_has_a_table_of_its_own(tmp_path):
    grids = fraction_grids(results_of(tmp_path))
    assert [grid.title.partition(":")[0] for grid in grids] == ["T1", "T2"]
    assert grids[0].headers == ("", "Fusion", "80 %", "10 %")
    vggish = next(row for row in grids[0].rows if row[0] == ("vggish + svm",))
    assert vggish[3] == ("–",)


def test_tables_of_stand_in_tasks_say_so(tmp_path):
    results = results_of(tmp_path, standin())
    assert "synthetic" in system_grid(results, "All").title
    assert all("synthetic" in grid.title for grid in fraction_grids(results))


def test_pre_training_is_ahead_where_its_interval_is_above_zero(tmp_path):
    results = results_of(tmp_path)
    found = advantages(compare_pairs(results.results, results.predictions))
    assert {each.embedding for each in found} == {"kumar", "vggish"}
    assert all(each.points > 30 for each in found)
    assert all(each.verdict == "ahead" for each in found if each.low > 0)
    sentences = advantage_sentences(results, found)
    assert sentences[0].startswith("With 10 % of the clips")
    assert "ahead of the network trained from scratch in 2 of 2 comparisons" in sentences[0]


def test_a_lead_without_an_interval_is_not_counted(tmp_path):
    lone = Advantage("T1", "kumar", 0.8, 30.0, float("nan"), float("nan"), 1)
    assert lone.verdict == "not told apart"
    assert advantage_sentences(results_of(tmp_path), [lone]) == []
