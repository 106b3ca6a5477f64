"""``earmark reproduce`` refuses what cannot be, and says what is missing."""

import pytest
from typer.testing import CliRunner

from earmark.cli.main import app


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(app, [*map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, " ".join(result.output.split())

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["eusipco2021"], "There are: eusipco2020, few-labels"),
        (["eusipco2020", "--scale", "0.2"], "give --standin too"),
        (["eusipco2020", "--standin", "--data-root", "sets"], "leave out one of both"),
        (["eusipco2020", "--experiments", "one"], "takes numbers by commas"),
        (["eusipco2020", "--experiments", "4"], "no experiment 4"),
        (["eusipco2020", "--tasks", "T9"], "no task T9"),
        (["few-labels", "--standin"], "has no stand-in suite"),
        (["eusipco2020", "--standin", "--scale", "0"], "scale"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(run, tmp_path, arguments, message):
    code, said = run("reproduce", *arguments)
    assert code != 0
    assert message in said
    assert not (tmp_path / "study" / "units").exists()


def test_a_study_without_any_data_says_where_each_set_belongs(run, tmp_path):
    code, said = run("reproduce", "eusipco2020", "--data-root", tmp_path / "sets")
    assert code != 0
    for name in ("acmus-mir", "db-mtc", "field-recordings", "idmt-electric-engine", "idmt-metal-balls", "idmt-pucks"):
        assert name in said
    assert "nothing could be measured" in said


def test_a_folder_of_something_else_is_left_alone(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    code, said = run("reproduce", "eusipco2020", "-o", tmp_path / "mine")
    assert code != 0
    assert "holds no study" in said
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]
