"""Table II says what was measured, what the paper has, and why a cell is empty."""

import math
from dataclasses import replace

import pytest

from earmark.reproduce.gathering import gather
from earmark.reproduce.grid import Grid, to_latex, to_markdown, to_rich, to_text
from earmark.reproduce.keeping import Missing, StudyFolder
from earmark.reproduce.table2 import table2_entries, table2_frame, table2_grid
from reproduce.made_results import STUDY, UNITS, comparison, standin


def results_of(tmp_path, study, units=UNITS, missing=()):
    folder = StudyFolder(tmp_path / "out", study)
    for unit in units:
        folder.keep(unit, comparison(unit))
    folder.note_missing({unit.key: Missing("data", "nowhere") for unit in missing})
    return gather(study, folder, study.units)


def test_a_measured_cell_stands_beside_the_published_number(tmp_path):
    rows = table2_entries(results_of(tmp_path, STUDY))
    kumar = next(row for row in rows if row[0].system == "kumar + svm")
    assert kumar[0].accuracy == pytest.approx(0.8)
    assert kumar[0].published == 0.795
    assert kumar[0].low < 0.8 < kumar[0].high
    text = to_text(table2_grid(results_of(tmp_path / "again", STUDY)))
    assert "paper 79.5 (+0.5)" in text


def test_networks_trained_from_scratch_come_first(tmp_path):
    assert table2_entries(results_of(tmp_path, STUDY))[0][0].system == "from scratch"


def test_a_cell_without_data_says_so_and_the_average_says_of_how_many(tmp_path):
    grid = table2_grid(results_of(tmp_path, STUDY, UNITS[:3], missing=UNITS[3:]))
    row = next(row for row in grid.rows if row[0] == ("vggish + svm",))
    assert row[2][0] == "no data"
    assert "of 1 tasks" in row[3]
    assert any("3 of 6 systems lack their data" in note for note in grid.notes)


def test_an_incomplete_average_is_not_compared_with_the_published_one(tmp_path):
    frame = table2_frame(results_of(tmp_path, STUDY, UNITS[:3], missing=UNITS[3:]))
    averages = frame[frame["task"] == "average"]
    assert averages["published"].isna().all()
    assert (averages["tasks"] == 1).all()


def test_synthetic_numbers_never_stand_beside_published_ones(tmp_path):
    results = results_of(tmp_path, standin())
    grid = table2_grid(results)
    for text in (to_text(grid), to_markdown(grid), to_latex(grid), to_text(table2_grid(results, brief=True))):
        assert "synthetic" in text.lower()
        assert "paper" not in text
    frame = table2_frame(results)
    assert frame["published"].isna().all()
    assert frame["synthetic"].all()


def test_the_average_is_the_mean_over_tasks(tmp_path):
    for row in table2_entries(results_of(tmp_path, STUDY)):
        *tasks, average = row
        assert average.accuracy == pytest.approx(sum(each.accuracy for each in tasks) / len(tasks))
        assert math.isnan(average.low)


def test_every_format_has_every_line_of_every_cell():
    grid = Grid("A & B", ("", "T_1"), ((("a_b",), ("84.2 ± 3.1", "[78.1, 89.0]")),), ("50 % of it.",))
    assert "84.2 ± 3.1" in to_text(grid)
    assert "84.2 ± 3.1<br>[78.1, 89.0]" in to_markdown(grid)
    latex = to_latex(grid)
    assert r"\shortstack[r]{84.2 $\pm$ 3.1 \\ [78.1, 89.0]}" in latex
    assert r"A \& B" in latex
    assert r"T\_1" in latex
    assert to_rich(grid).row_count == 1


def test_a_system_that_was_tried_on_one_task_stands_in_the_column_of_that_task(tmp_path):
    units = (UNITS[0], UNITS[3], UNITS[4])
    grid = table2_grid(results_of(tmp_path, replace(STUDY, units=units), units))
    assert grid.headers == ("", "T1", "T2", "Average")
    row = next(row for row in grid.rows if row[0] == ("vggish + svm",))
    assert row[1] == ("–",)
    assert row[2][0].startswith("80.0")


def test_a_table_says_that_the_clips_are_not_those_that_were_expected(tmp_path):
    folder = StudyFolder(tmp_path, STUDY)
    odd = comparison(UNITS[0])
    odd.protocol["dataset"]["notes"] = ["holds 40 clips; 185 were expected"]
    odd.protocol["left_out"] = [{"path": "a.wav", "reason": "cut"}]
    folder.keep(UNITS[0], odd)
    grid = table2_grid(gather(STUDY, folder, UNITS), brief=True)
    assert "T1: holds 40 clips; 185 were expected." in grid.notes
    assert "T1, kumar: 1 clips could not be read and are left out." in grid.notes
