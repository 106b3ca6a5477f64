"""A study runs, goes on where it was stopped, and is shown again without computing anything."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from earmark.errors import DatasetError, SettingsError
from earmark.reproduce import Settings, Study, Task, Unit, render_study, run_study
from earmark.reproduce.study import FROM_SCRATCH, Bar, Chart, Panel
from earmark.reproduce.table2 import table2_grid
from excerpts import write_excerpt

TASK = Task("T5", "Metal surfaces", "standin-t5", "fixed")
UNITS = (
    Unit("T5", "yamnet", "svm", ("late", "early"), (0.8, 0.4), experiments=(1, 2)),
    Unit("T5", "yamnet", "d128", experiments=(1,)),
    Unit("T5", FROM_SCRATCH, "net-engine", train_fractions=(0.8, 0.4), experiments=(1, 3)),
)
CHART = Chart("figure1", "Figure 1", (Panel("Fusions", (Bar("early", "yamnet", "early"), Bar("late", "yamnet"))),))
SETTINGS = Settings("earmark", 2, 1, 0.1, 0.2, balanced_test=True, net_epochs=2, baseline_epochs=2)
STUDY = Study("toy", 1, "A toy study", (TASK,), UNITS, SETTINGS, (CHART,), synthetic=True, scale=0.1)


@pytest.fixture(scope="module")
def done(yamnet_weights, tmp_path_factory):
    """A finished study and its folder."""
    folder = tmp_path_factory.mktemp("study")
    results = run_study(STUDY, folder / "out", store=folder / "store", workers=2)
    render_study(results, folder / "out", "earmark reproduce toy")
    return results, folder / "out"


def files_of(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (folder / "units").rglob("*") if path.is_file()}


def test_every_unit_is_measured_with_all_fusions_and_fractions(done):
    results, _ = done
    assert [results.state(unit) for unit in UNITS] == ["measured"] * 3
    for unit in UNITS:
        for fusion in unit.fusions:
            for fraction in unit.train_fractions:
                assert 0 <= results.score(unit, fusion, fraction)["accuracy_mean"] <= 1


def test_tables_figures_and_one_page_come_out(done):
    _, folder = done
    for name in ("table2.txt", "table2.md", "table2.tex", "systems.md", "report.html"):
        assert "synthetic" in (folder / name).read_text().lower(), name
    assert (folder / "figure1.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "figure1.png").read_bytes().startswith(b"\x89PNG")
    assert "synthetic" in (folder / "figure1.svg").read_text()
    assert pd.read_csv(folder / "table2.csv")["synthetic"].all()


def test_the_page_stands_alone(done):
    page = (done[1] / "report.html").read_text()
    assert "<script" not in page
    assert 'src="http' not in page
    assert "Which differences are real" in page


def test_a_finished_study_is_shown_again_without_its_sounds_or_its_store(done, tmp_path):
    import shutil

    results, folder = done
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("sounds", "*.html", "table2*", "figure*"))
    before = files_of(copy)
    again = run_study(STUDY, copy, store=tmp_path / "no-store", data_root=tmp_path / "nowhere")
    render_study(again, copy, "earmark reproduce toy")
    assert files_of(copy) == before
    assert not (tmp_path / "no-store").exists()
    for name in ("table2.md", "table2.csv", "systems.md", "figure1.svg", "figure1.pdf"):
        assert (copy / name).read_bytes() == (folder / name).read_bytes(), name
    pd.testing.assert_frame_equal(again.results, results.results)


def test_an_experiment_can_be_chosen_and_what_is_kept_stays_in_the_tables(done, tmp_path):
    results = run_study(STUDY, tmp_path / "new", experiments=[3], store=tmp_path / "store")
    assert [unit.key for unit in results.units] == [UNITS[2].key]
    results = run_study(STUDY, done[1], experiments=[3])
    assert [results.state(unit) for unit in results.units] == ["measured"] * 3
    with pytest.raises(SettingsError, match="no experiment 9"):
        run_study(STUDY, done[1], experiments=[9])


def test_data_and_weights_that_are_not_there_are_said_and_all_else_is_measured(yamnet_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    units = (UNITS[0], Unit("T5", "panns-cnn14", "svm"))
    study = replace(STUDY, units=units)
    results = run_study(study, tmp_path / "out", store=tmp_path / "store")
    assert [results.state(unit) for unit in units] == ["measured", "missing weights"]
    elsewhere = replace(study, synthetic=False, tasks=(replace(TASK, dataset="idmt-metal-balls"),))
    from earmark.errors import EarmarkError

    with pytest.raises(EarmarkError, match=r"nothing could be measured:\n.*idmt-metal-balls"):
        run_study(elsewhere, tmp_path / "real", data_root=tmp_path / "sets")


def test_another_number_of_clips_than_published_is_refused_unless_it_is_meant(tmp_path):
    task = Task("T5", "Metal surfaces", "idmt-metal-balls", "fixed")
    units = (Unit("T5", FROM_SCRATCH, "net-engine"),)
    study = replace(STUDY, tasks=(task,), units=units, synthetic=False, published=True)
    write_excerpt("idmt-metal-balls", tmp_path / "sets" / "idmt-metal-balls", clips=5)
    where = {"data_root": tmp_path / "sets", "store": tmp_path / "store"}
    with pytest.raises(DatasetError, match=r"holds 30 clips, and T5 has 1521 .*--other-counts"):
        run_study(study, tmp_path / "out", **where)
    results = run_study(study, tmp_path / "out", other_counts=True, **where)
    assert any("holds 30 clips; 1521 were expected" in note for note in table2_grid(results).notes)


CODE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from reproduce.test_running import STUDY
from earmark.reproduce import run_study
run_study(STUDY, Path(sys.argv[1]) / "out", store=Path(sys.argv[1]) / "store", workers=1)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_study_goes_on_and_ends_in_the_same_numbers(done, tmp_path):
    results, _ = done
    tests = Path(__file__).parents[1]
    process = subprocess.Popen([sys.executable, "-c", CODE, str(tmp_path), str(tests)], env=os.environ)
    first = tmp_path / "out" / "units" / UNITS[0].key
    while not first.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert first.exists()
    kept = files_of(tmp_path / "out")
    again = run_study(STUDY, tmp_path / "out", store=tmp_path / "store", workers=2)
    assert kept.items() <= files_of(tmp_path / "out").items()
    columns = ["embedding", "classifier", "fusion", "train_fraction", "repeat", "fold", "accuracy"]
    pd.testing.assert_frame_equal(again.results[columns], results.results[columns])
