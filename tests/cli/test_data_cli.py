"""`earmark data` as users meet it."""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from typer.testing import CliRunner

from earmark.cli.main import app
from earmark.datasets import dataset_card, list_datasets
from excerpts import write_clip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    return tmp_path / "cache"


def run(*args):
    result = CliRunner().invoke(app, ["data", *map(str, args)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def write_instruments(folder, clips=2):
    generator = np.random.default_rng(0)
    for label in dataset_card("db-mtc").expected.class_names:
        (folder / label).mkdir(parents=True)
        for clip in range(clips):
            soundfile.write(folder / label / f"{clip}.wav", 0.3 * generator.uniform(-1, 1, 8000), 8000)
    return folder


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_list_has_every_data_set_in_full(monkeypatch, columns, tmp_path):
    monkeypatch.setenv("COLUMNS", columns)
    write_instruments(tmp_path / "db-mtc")
    shown = run("list", "--data-root", tmp_path).stdout
    assert max(map(len, shown.splitlines())) <= int(columns)
    rows = {line.split()[0]: line for line in shown.splitlines() if line[1:2].strip()}  # wrapped ones begin with blanks
    assert set(list_datasets()) <= set(rows)
    assert re.search(r"T1 +185 +5 +not known +no ", rows["acmus-mir"])
    assert re.search(r"T2 +50 +5 +not known +yes ", rows["db-mtc"])
    assert re.search(r"CC0-1\.0 +made ", rows["pucks"])


@pytest.mark.parametrize("name", list_datasets())
def test_info_says_all_that_the_card_says(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    shown, card = run("info", name).stdout, dataset_card(name)
    for said in (card.title, card.licence or "not known", card.citation, card.origin, card.task):
        assert said in shown
    if card.expected:
        names = f": {', '.join(card.expected.class_names)}" if card.expected.class_names else ", names not known"
        assert re.search(rf"classes +{card.expected.classes}{names}", shown)
        assert re.search(rf"clips +{card.expected.clips}\b", shown)


@pytest.mark.parametrize("command", ["info", "get", "check"])
def test_an_unknown_name_is_answered_with_the_known_ones(command):
    done = run(command, "esc11")
    assert done.exit_code == 1
    assert "Did you mean 'esc10'?" in done.stderr


def test_get_says_how_to_get_by_hand_what_cannot_be_fetched(tmp_path):
    done = run("get", "acmus-mir", "--data-root", tmp_path)
    assert done.exit_code == 1
    assert f"Put it into {tmp_path / 'acmus-mir'} yourself" in done.stderr
    assert "https://zenodo.org/record/3268961" in done.stderr


def test_get_makes_what_is_made_by_code(tmp_path):
    done = run("get", "pucks", "--data-root", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"pucks: {tmp_path / 'pucks'} (150 clips)\n"
    assert "CC0-1.0" in done.stderr


def test_get_of_what_lies_there_reads_it_and_tells_what_differs(tmp_path):
    write_instruments(tmp_path / "db-mtc")
    done = run("get", "db-mtc", "--data-root", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "holds 10 clips; 50 were expected" in done.stderr
    assert "licence of the recordings: not known" in done.stderr


def test_check_sets_what_was_found_beside_what_was_published(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    done = run("check", "db-mtc", "--path", write_instruments(tmp_path / "mine", clips=10))
    assert done.exit_code == 0, done.stderr
    assert "db-mtc: 50 clips" in done.stdout
    assert re.search(r"clips +50 +50\b", done.stdout)
    assert re.search(r"classes +5 +5\b", done.stdout)
    assert re.search(r"minutes +1 +310\b", done.stdout)


def test_check_fails_on_clips_that_cannot_be_used(tmp_path):
    folder = write_instruments(tmp_path / "mine", clips=10)
    (folder / "brass" / "0.wav").write_bytes(b"not a sound")
    done = run("check", "db-mtc", "--path", folder)
    assert done.exit_code == 1
    assert "unreadable" in done.stdout


def test_check_fails_on_another_data_set(tmp_path):
    folder = write_instruments(tmp_path / "mine")
    (folder / "brass").rename(folder / "theremin")
    done = run("check", "db-mtc", "--path", folder)
    assert done.exit_code == 1
    assert "found the classes theremin" in done.stderr


def test_check_looks_in_the_data_root_where_no_path_is_named(tmp_path, cache):
    done = run("check", "db-mtc")
    assert done.exit_code == 1
    assert f"{cache / 'datasets' / 'db-mtc'}: the data set db-mtc is not here" in done.stderr
    write_instruments(tmp_path / "db-mtc", clips=10)
    assert run("check", "db-mtc", "--data-root", tmp_path).exit_code == 0


def test_check_counts_the_clips_of_a_fixed_test_set(tmp_path):
    rows = []
    for part, clips in (("train", 3), ("test", 2)):
        for label in ("first", "second", "third"):
            for clip in range(clips):
                path = f"{label}-{part}-{clip}.wav"
                soundfile.write(tmp_path / path, np.random.default_rng(len(rows)).uniform(-0.3, 0.3, 4000), 8000)
                rows.append((path, label, part))
    pd.DataFrame(rows, columns=["path", "label", "split"]).to_csv(tmp_path / "clips.csv", index=False)
    done = run("check", "idmt-metal-balls", "--path", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert re.search(r"train clips +9\b", done.stdout)
    assert re.search(r"test clips +6\b", done.stdout)


def test_names_are_completed():
    from earmark.cli import completion

    assert completion.dataset("esc") == ["esc10", "esc50"]


@pytest.mark.parametrize("command", [[], ["list"], ["info"], ["get"], ["check"]])
def test_every_command_explains_itself(command):
    done = run(*command, "--help")
    assert done.exit_code == 0
    assert "Usage" in done.stdout


def test_help_stays_light():
    heavy = ["numpy", "torch", "rich", "requests", "pandas", "soundfile"]
    code = f"import sys, earmark.cli.data; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


def test_check_asks_for_ten_folds_where_the_paper_does_and_else_for_five(tmp_path):
    labels = dataset_card("cwru").expected.class_names
    rows = [(f"{label}{number}.wav", label, f"{label}-{number}") for label in labels for number in range(7)]
    for seed, (name, *_) in enumerate(rows):
        write_clip(tmp_path / name, seed)
    lines = ["path,label,group", *map(",".join, rows)]
    (tmp_path / "cwru.csv").write_text("\n".join(lines))
    assert run("check", "cwru", "--path", tmp_path).exit_code == 0
