"""The command line as users meet it."""

import io
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from earmark.cli.main import app

pytestmark = pytest.mark.usefixtures("yamnet_weights")
COMMANDS = ("compare", "check", "train", "predict", "embed", "embeddings", "demo")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def model(sounds, store, tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "model.earmark"
    assert run("train", sounds, "--store", store, "-o", file).exit_code == 0
    return file


def run(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def process(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "earmark", *map(str, args)], capture_output=True, text=True, check=False, **options
    )


def test_compare_prints_a_table_and_writes_a_folder(sounds, store, tmp_path):
    done = run("compare", sounds, "-c", "svm", "--fusion", "late,early", "--store", store, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "File-wise accuracy" in done.stdout
    assert "Leak check: passed" in done.stdout
    assert (tmp_path / "out" / "report.html").exists()
    protocol = json.loads((tmp_path / "out" / "protocol.json").read_text())
    assert protocol["dataset"]["clips"] == 30
    table = (tmp_path / "out" / "table.md").read_text()
    assert "| late |" in table.replace("**", "")


def test_compare_lists_clips_left_out_and_fails_unless_told_to_skip(sounds, store, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(sounds, folder)
    (folder / "hum" / "broken.wav").write_bytes(b"RIFF")
    stopped = run("compare", folder, "--store", store, "-o", tmp_path / "out")
    assert stopped.exit_code == 1
    assert "broken.wav" in stopped.stderr
    assert "--on-error skip" in stopped.stderr
    assert not (tmp_path / "out").exists()
    skipped = run("compare", folder, "--store", store, "-o", tmp_path / "out", "--on-error", "skip")
    assert skipped.exit_code == 0
    assert "1 of 31 clips left out" in skipped.stderr
    assert "broken.wav" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("nowhere",), "there is no such folder or file"),
        (("SOUNDS", "-e", "yamet"), "Did you mean 'yamnet'"),
        (("SOUNDS", "-c", "forest"), "no classifier 'forest'"),
        (("SOUNDS", "--folds", "11"), "--folds 10"),
        (("SOUNDS", "--train-fraction", "many"), "takes numbers by commas"),
        (("SOUNDS", "--splits", "groups"), "needs the column group"),
    ],
)
def test_errors_say_what_to_do_and_exit_with_one(sounds, args, says):
    done = run("compare", *(sounds if arg == "SOUNDS" else arg for arg in args))
    assert done.exit_code == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_predict_prints_a_table(model, sounds, store):
    done = run("predict", model, sounds / "hum", "--store", store)
    assert done.exit_code == 0
    assert "likelihood" in done.stdout


def test_predict_prints_csv_and_json_that_programs_can_read(model, sounds, store):
    csv = pd.read_csv(io.StringIO(run("predict", model, sounds, "--store", store, "--format", "csv").stdout))
    assert (csv["predicted"] == [path.split("/")[-2] for path in csv["path"]]).all()
    rows = json.loads(run("predict", model, sounds, "--store", store, "--format", "json", "--frames").stdout)
    assert {"path", "time", "predicted", "likelihood:hum"} <= set(rows[0])
    assert len(rows) > len(csv)


def test_predict_fails_on_unreadable_recordings_unless_told_to_skip(model, sounds, store, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"")
    recordings = (sounds / "hum" / "0.wav", tmp_path / "bad.wav")
    assert run("predict", model, *recordings, "--store", store).exit_code == 1
    skipped = run("predict", model, *recordings, "--store", store, "--on-error", "skip", "--format", "csv")
    assert skipped.exit_code == 0
    assert len(skipped.stdout.splitlines()) == 2
    assert "bad.wav" in skipped.stderr


@pytest.mark.parametrize("name", ["npz", "parquet"])
def test_embed_writes_files(sounds, store, tmp_path, name):
    done = run("embed", sounds / "hum", "--store", store, "-o", tmp_path / "out", "--format", name)
    assert done.exit_code == 0
    if name == "npz":
        files = sorted((tmp_path / "out").glob("*.npz"))
        assert len(files) == 10
        with np.load(files[0]) as arrays:
            assert arrays["embedding"].shape == (len(arrays["timestamps"]), 1024)
    else:
        assert len(pd.read_parquet(tmp_path / "out" / "embeddings.parquet")) == 10


def test_embeddings_lists_cards_and_shows_one():
    assert "yamnet" in run("embeddings").stdout
    assert "8-bit grid" in run("embeddings", "yamnet").stdout.replace("\n", " ")
    assert run("embeddings", "nothing*").exit_code == 1


def test_check_passes_good_sounds_and_fails_bad_ones(sounds, tmp_path):
    assert run("check", sounds).exit_code == 0
    folder = tmp_path / "set"
    shutil.copytree(sounds, folder)
    (folder / "hum" / "broken.wav").write_bytes(b"RIFF")
    done = run("check", folder)
    assert done.exit_code == 1
    assert "unreadable" in done.stdout


def test_demo_ends_with_a_table_and_the_path_of_a_report(tmp_path):
    done = run("demo", "-o", tmp_path / "demo", "--clips", "10")
    assert done.exit_code == 0
    assert "synthetic" in done.stdout
    assert f"Report: {tmp_path / 'demo' / 'results' / 'report.html'}" in done.stdout.replace("\n", "")


def test_quiet_says_nothing_but_results(sounds, store, tmp_path):
    done = run("compare", sounds, "--quiet", "--store", store, "-o", tmp_path / "out")
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command):
    done = run(*([command] if command else []), "--help")
    assert done.exit_code == 0
    assert "Usage" in done.stdout


def test_help_and_import_stay_light():
    heavy = "numpy pandas torch sklearn matplotlib pyarrow rich soundfile onnx"
    for module in ("earmark", "earmark.cli.main"):
        code = f"import sys, {module}; print([m for m in {heavy.split()!r} if m in sys.modules])"
        assert process_output(code) in ("[]", "['rich']")


def process_output(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def ctrl_c():
    """Let children hear of Ctrl-C even where a shell has started these tests in the background, deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.SIGINT
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_keeps_what_was_finished_and_says_how_to_go_on(write_sound, tmp_path, ctrl_c):
    for clip in range(90):
        write_sound(f"set/{'ab'[clip % 2]}/{clip}.wav", seconds=20, seed=clip)
    command = [sys.executable, "-m", "earmark", "compare", str(tmp_path / "set"), "--store", str(tmp_path / "store")]
    with subprocess.Popen([*command, "-o", str(tmp_path / "out")], stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "store").rglob("[0-9a-f]*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(ctrl_c)
        said = running.communicate(timeout=120)[1]
    assert running.returncode == 130
    assert "run the same command again to go on" in said
    again = process(*command[3:], "-o", tmp_path / "out", "-v", env=os.environ)
    assert again.returncode == 0
    assert "clips from the store" in again.stderr


def test_a_closed_pipe_is_no_error(sounds, store, model):
    command = f"{sys.executable} -m earmark predict {model} {sounds} --store {store} --format csv --frames | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("path,time")
    assert "Traceback" not in done.stderr


def test_a_fixed_test_set_is_compared_and_reported(sounds, store, tmp_path):
    paths = sorted(sounds.rglob("*.wav"))
    table = pd.DataFrame({"path": paths, "label": [path.parent.name for path in paths]})
    table["split"] = ["test" if int(path.stem) > 6 else "train" for path in paths]
    table.to_csv(tmp_path / "fixed.csv", index=False)
    done = run("compare", tmp_path / "fixed.csv", "--fusion", "late", "--store", store, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "±" not in done.stdout.partition("Interval")[0]
    assert (tmp_path / "out" / "report.html").exists()


def test_nothing_readable_is_an_error_even_when_skipping(model, store, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"")
    for command in (("predict", model, tmp_path / "bad.wav"), ("embed", tmp_path / "bad.wav", "-o", tmp_path / "out")):
        assert run(*command, "--store", store, "--on-error", "skip").exit_code == 1


def test_results_are_written_before_they_are_printed(sounds, store, tmp_path):
    command = f"{sys.executable} -m earmark compare {sounds} --store {store} -o {tmp_path / 'out'} | true"
    subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert (tmp_path / "out" / "report.html").exists()


def test_a_terminal_without_unicode_is_served(sounds, store, tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = process("compare", sounds, "--store", store, "-o", tmp_path / "out", env=environment)
    assert done.returncode == 0, done.stderr
    assert "Report:" in done.stdout


@pytest.mark.parametrize("command", ["compare", "train", "embed"])
def test_a_place_that_cannot_be_written_is_said_before_the_work(sounds, tmp_path, command):
    (tmp_path / "file").write_text("not a folder")
    target = tmp_path / "file" / "model.earmark" if command == "train" else tmp_path / "file"
    done = run(command, sounds, "--store", tmp_path / "store", "-o", target)
    assert done.exit_code == 1
    assert "is a file" in done.stderr
    assert not (tmp_path / "store").exists()


def test_train_makes_the_folder_of_its_file(sounds, store, tmp_path):
    assert run("train", sounds, "--store", store, "-o", tmp_path / "new" / "model.earmark").exit_code == 0


def test_names_that_look_like_markup_are_shown_as_they_are(sounds, store, tmp_path):
    folder = tmp_path / "set"
    for number, label in enumerate(("[red]", "[b]x")):
        shutil.copytree(sounds / ("hum", "buzz")[number], folder / label)
    assert "[b]x" in run("check", folder).stdout
    assert run("train", folder, "--store", store, "-o", tmp_path / "m.earmark").exit_code == 0
    said = run("predict", tmp_path / "m.earmark", folder / "[red]", "--store", store).stdout
    assert "[red]" in said.replace("\n", "")


def test_narrow_terminals_keep_accuracy_and_interval(sounds, store, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    done = run("compare", sounds, "--store", store, "-o", tmp_path / "out")
    assert re.search(r"\[\d+\.\d, \d+\.\d\]", done.stdout)
    assert "balanced accuracy, macro F1" in " ".join(done.stdout.split())


def test_predict_runs_the_code_of_a_module_only_if_told_to(sounds, tmp_path):
    mark, source = tmp_path / "mark", Path(__file__).parents[1] / "embeddings" / "hear_modules.py"
    good = runpy.run_path(str(source))["GOOD"]
    (tmp_path / "leaves_a_mark.py").write_text(f"open({str(mark)!r}, 'w').close()\n{good}")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    file, options = tmp_path / "model.earmark", ("--store", tmp_path / "store")
    trained = process("train", sounds, "-e", "hear:leaves_a_mark", "-o", file, *options, env=environment)
    assert trained.returncode == 0, trained.stderr
    mark.unlink()
    refused = process("predict", file, sounds / "hum", *options, env=environment)
    assert refused.returncode == 1
    assert "--trust-module" in refused.stderr
    assert not mark.exists()
    assert process("predict", file, sounds / "hum", "--trust-module", *options, env=environment).returncode == 0
    assert mark.exists()


def test_compare_by_a_protocol_says_which(sounds, store, tmp_path):
    done = run("compare", sounds, "--protocol", "soundnet", "--store", store, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "Protocol: soundnet, version 1" in " ".join(done.stderr.split())
    assert json.loads((tmp_path / "out" / "protocol.json").read_text())["name"] == "soundnet"


def test_options_that_contradict_a_protocol_are_refused(sounds):
    done = run("compare", sounds, "--protocol", "eusipco2020", "--folds", "5")
    assert done.exit_code == 1
    assert "--folds 5 contradicts the protocol eusipco2020" in " ".join(done.stderr.split())


def test_embeddings_are_combined(sounds, store, tmp_path):
    names = "yamnet,yamnet:hop=0.24"
    done = run("compare", sounds, "-e", names, "--combine", "summed", "--store", store, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "yamnet+yamnet:hop=0.24 (summed)" in (tmp_path / "out" / "table.md").read_text()


def test_a_classifier_that_no_file_can_hold_is_not_trained(sounds, tmp_path):
    done = run("train", sounds, "-c", "svc", "-o", tmp_path / "model.earmark", "--store", tmp_path / "store")
    assert done.exit_code == 1
    assert "model file cannot hold" in " ".join(done.stderr.split())
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(("classifier", "fusion"), [("logistic", "early-deltas"), ("svm:C=0.1", "late-decision")])
def test_new_classifiers_and_fusions_are_trained_and_used(sounds, store, tmp_path, classifier, fusion):
    file = tmp_path / "model.earmark"
    assert run("train", sounds, "-c", classifier, "--fusion", fusion, "-o", file, "--store", store).exit_code == 0
    csv = pd.read_csv(io.StringIO(run("predict", file, sounds, "--store", store, "--format", "csv").stdout))
    assert (csv["predicted"] == [path.split("/")[-2] for path in csv["path"]]).mean() > 0.9
