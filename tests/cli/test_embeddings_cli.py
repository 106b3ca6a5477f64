"""``earmark embeddings`` as users meet it."""

import hashlib
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from earmark.cli.main import app
from earmark.weights import RECIPES, cached_file, import_weights
from embeddings.hear_modules import GOOD
from official_formats import npz_file


def run(*args, columns="120"):
    result = CliRunner().invoke(app, ["embeddings", *map(str, args)], env={"COLUMNS": columns})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module that follows HEAR, and give its name as that of an embedding."""

    def write(source):
        (tmp_path / "module_of_this_test.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        return "hear:module_of_this_test"

    yield write
    sys.modules.pop("module_of_this_test", None)


@pytest.mark.parametrize("args", [(), ("list",), ("*",)])
def test_all_are_listed_by_full_name_also_on_a_narrow_terminal(args):
    said = run(*args, columns="70").stdout
    assert "openl3-music-mel256-512 " in said
    assert "edgel3-sea-64" in said


def test_a_pattern_lists_some():
    said = run("vggish*").stdout
    assert "vggish-pca" in said
    assert "yamnet" not in said


@pytest.mark.parametrize("args", [("yamnet",), ("list", "yamnet")])
def test_a_name_shows_the_card_and_the_options(args):
    said = run(*args).stdout
    for part in ("1024 a frame", "16000 Hz", "0.975 s", "Apache-2.0", "Plakal", "yamnet-w8a8", "cached"):
        assert part in said
    assert "option hop" in said
    assert "by default 0.48" in said


def test_weights_that_are_no_others_than_the_users_word_are_shown_as_such(tmp_path, monkeypatch):
    content = npz_file({"pca_eigen_vectors": np.eye(128), "pca_means": np.zeros(128)})
    (tmp_path / "mine.npz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    assert "no, fetched at the first use" in run("vggish-pca").stdout
    import_weights("vggish-pca-params", tmp_path / "mine.npz", accept_sha256=digest)
    assert "no, fetched at the first use" in run("vggish-pca").stdout  # the other of the two is not there
    small = replace(RECIPES["vggish"], shapes={"pca_means": (128,)}, files=RECIPES["vggish-pca-params"].files)
    monkeypatch.setitem(RECIPES, "vggish", small)
    import_weights("vggish", tmp_path / "mine.npz", accept_sha256=digest)
    card = " ".join(run("vggish-pca", columns="200").stdout.split())
    assert f"yes; vggish, own file: accepted by its SHA-256 {digest}; vggish-pca-params, own file" in card
    assert re.search(r"vggish-pca .*own file", run("vggish*").stdout)
    cached_file("vggish").write_bytes(b"spoilt")
    assert re.search(r"vggish-pca .*damaged", run("vggish*").stdout)
    assert "damaged" in run("vggish").stdout


def test_a_name_with_options_shows_the_card_that_it_has_then():
    assert "0.24 s" in run("yamnet:hop=0.24").stdout


def test_what_there_is_not_is_an_error_with_a_hint():
    for name in ("yamnett", "nothing*", "yamnet:hope=1"):
        assert run(name).exit_code == 1
    assert "Did you mean 'yamnet'" in run("yamnett").stderr


def test_help_speaks_of_both():
    said = run("--help").stdout
    assert "list" in said
    assert "check" in said


def test_the_card_of_a_module_says_what_it_brings(module):
    said = run(module(GOOD)).stdout
    for part in ("8 a frame", "0.05 s", "unknown, see the package", "brings its own", "option weights"):
        assert part in said


def test_a_module_that_keeps_the_contract_passes(module):
    name = module(GOOD)
    done = run("check", name, "--quick")
    assert done.exit_code == 0, done.stdout
    assert f"{name} keeps all that it must." in done.stdout
    assert "broken" not in done.stdout


def test_a_module_that_breaks_the_contract_is_told_how_and_fails(module):
    done = run("check", module(GOOD.replace("timestamps = (50.0", "timestamps = (25 + 50.0")), "--quick", columns="200")
    assert done.exit_code == 1
    (line,) = (line for line in done.stdout.splitlines() if "timestamps lie within the clip" in line)
    assert "broken" in line
    assert "no timestamp after the" in line


def test_remarks_do_not_fail(module):
    done = run("check", module(GOOD.replace("Model().eval()", "Model()")), "--quick")
    assert done.exit_code == 0
    assert "remark" in done.stdout


def test_what_cannot_be_loaded_cannot_be_checked():
    done = run("check", "hear:no_such_module")
    assert done.exit_code == 1
    assert "there is no Python module no_such_module" in done.stderr


@pytest.mark.usefixtures("yamnet_weights")
def test_our_own_pass():
    assert "yamnet keeps all that it must." in run("check", "yamnet", "--quick").stdout
