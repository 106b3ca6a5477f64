"""What TAB offers; and what the commands make of names and commas, which is typed where there is no TAB."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earmark.cli import completion
from earmark.cli.compare import _embeddings
from earmark.cli.main import app
from earmark.errors import SettingsError

PROGRAM = """\
import sys
from earmark.cli.completion import completing
from earmark.cli.main import app
sys.argv[0] = "earmark"
completing(app)
"""


@pytest.mark.parametrize(
    ("offer", "typed", "offered"),
    [
        (completion.embedding, "yam", ["yamnet", "yamnet-float"]),
        (completion.embedding, "he", ["hear:"]),
        (completion.embedding, "yamnet:", ["yamnet:hop=", "yamnet:layers=", "yamnet:resampler=", "yamnet:runtime="]),
        (completion.embedding, "yamnet:hop=0.5:r", ["yamnet:hop=0.5:resampler=", "yamnet:hop=0.5:runtime="]),
        (completion.embedding, "yamnet:hop=0.5:h", []),
        (completion.embedding, "yamnet:runtime=o", ["yamnet:runtime=openvino", "yamnet:runtime=openvino-bfloat16"]),
        (completion.embedding, "soundnet-conv5:layers=conv3+conv", None),
        (completion.embedding, "hear:package.module:", ["hear:package.module:weights="]),
        (completion.embeddings, "yamnet,kum", ["yamnet,kumar"]),
        (completion.embeddings, "yamnet,yam", ["yamnet,yamnet-float"]),
        (completion.embeddings, "kumar,yamnet:h", ["kumar,yamnet:hop="]),
        (completion.classifier, "d", ["d128", "d512"]),
        (completion.classifiers, "svm,d", ["svm,d128", "svm,d512"]),
        (completion.classifier, "sv", ["svm"]),  # what no model file can hold is not offered
        (completion.classifiers, "sv", ["svm", "svc"]),
        (completion.protocol, "e", ["earmark", "eusipco2020", "evar"]),
        (completion.baselines, "net-engine,cnn-p", ["net-engine,cnn-plastics"]),
        (completion.combinations, "summed,", ["summed,concatenated"]),
        (completion.fusion, "early-m", ["early-mean", "early-mean-std", "early-max-mean"]),
        (completion.fusions, "late,early-d", ["late,early-deltas"]),
        (completion.splits, "groups,c", ["groups,clips"]),
        (completion.weights, "yamnet-", ["yamnet-float", "yamnet-w8a8"]),
    ],
)
def test_what_was_begun_is_completed(offer, typed, offered):
    found = offer(typed)
    assert found == offered if offered is not None else len(found) > 1
    assert all(each.startswith(typed) for each in found)


@pytest.mark.parametrize(
    "typed", ["", ":", ",", "=", "zz", "zz:", "yamnet:x=", "hear:", "hear::", "hear:..:", "a:b=1:b=2:"]
)
def test_nothing_that_is_typed_ends_in_an_error(typed):
    for name in set(completion.__all__) - {"completing"}:
        assert all(each.startswith(typed) for each in getattr(completion, name)(typed))


def ask(words, shell="bash"):
    """Ask for what may follow, as the scripts of the shells do."""
    asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    if shell == "zsh":
        asked = {"_TYPER_COMPLETE_ARGS": " ".join(words)}
    environment = os.environ | asked | {"_EARMARK_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment)
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["embed", "x", "-e", "yam"], ["yamnet", "yamnet-float"]),
        (["embed", "x", "-e", "yamnet", ":", "r"], ["resampler=", "runtime="]),
        (["embed", "x", "-e", "yamnet", ":"], ["hop=", "layers=", "resampler=", "runtime="]),
        (["embed", "x", "-e", "yamnet", ":", "runtime", "=", "o"], ["openvino", "openvino-bfloat16"]),
        (["train", "--embedding", "=", "yam"], ["yamnet", "yamnet-float"]),
        (["train", "--embedding", "="], None),
        (["train", "--embeddings", "=", "yamnet", ":", "h"], ["hop="]),
        (["compare", "x", "-e", "kumar", ":", "padding", "=", "silence,yamnet", ":", "h"], ["hop="]),
        (["compare", "x", "--splits", "groups,c"], ["groups,clips"]),
        (["train", "-c", "s"], ["svm"]),
    ],
)
def test_bash_which_breaks_words_at_colons_is_answered_in_pieces(words, offered):
    found = ask(["earmark", *words])
    assert found == offered if offered is not None else "yamnet" in found


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_the_script_for_bash_completes_options_of_embeddings(tmp_path: Path):
    program = tmp_path / "earmark"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o755)
    shown = subprocess.run(
        [program], env=os.environ | {"_EARMARK_COMPLETE": "source_bash"}, capture_output=True, text=True, check=True
    ).stdout
    script = f"""{shown}
COMP_WORDS=(earmark embed x -e yamnet : la); COMP_CWORD=6
_earmark_completion earmark
printf '%s\\n' "${{COMPREPLY[@]}}" """
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["layers="]


def test_other_shells_get_whole_words():
    assert ask(["earmark", "embed", "x", "-e", "yamnet:h"], shell="zsh") == [
        "_arguments",
        "'*:",
        r':(("yamnet\\:hop="))' + "'",
    ]


def test_completion_is_quick_and_imports_nothing_heavy():
    heavy = ("torch", "openvino", "sklearn", "scipy", "pandas", "pyarrow", "matplotlib")
    code = f"""
import sys
from earmark.cli import completion
for name in set(completion.__all__) - {{"completing"}}:
    getattr(completion, name)("")
completion.embedding("yamnet:")
print([name for name in {heavy} if name in sys.modules])"""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - started < 5  # half a second when nothing else runs


def said(*args):
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    assert done.exit_code == 1
    return done.stderr


def test_compare_takes_patterns_with_options_behind_them():
    assert _embeddings("soundnet-*:layers=conv3, yamnet,soundnet-conv5") == [
        "soundnet-conv5:layers=conv3",
        "soundnet-conv7:layers=conv3",
        "yamnet",
        "soundnet-conv5",
    ]
    assert len(_embeddings("openl3*,openl3-music*")) == 12


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("zz*", "no embedding matches 'zz\\*'"),
        ("OPENL3*", "Did you mean 'openl3\\*'"),
        ("yamnet:hop=0,5", "a comma separates embeddings; write 0\\.5"),
        ("kumar,yamnet:hop=0,5:runtime=torch", "a comma separates embeddings; write 0\\.5"),
        ("soundnet-conv5:layers=conv1,conv3,conv5", "joined by \\+: write soundnet-conv5:layers=conv1\\+conv3\\+conv5"),
    ],
)
def test_compare_says_what_a_comma_or_pattern_does(text, says):
    with pytest.raises(SettingsError, match=says):
        _embeddings(text)


@pytest.mark.parametrize("command", ["embed", "train"])
@pytest.mark.parametrize("names", ["yamnet,soundnet-conv5", "yamnet:hop=0.5,vggish", "yamnet:hop=0.5,hear:a.b"])
def test_commands_that_take_one_embedding_say_so(command, names, tmp_path):
    assert f"`earmark {command}` takes one embedding, got '{names}'" in said(
        command, tmp_path, "-e", names, "-o", tmp_path / "out"
    )


@pytest.mark.parametrize("command", ["embed", "train"])
def test_commands_that_take_one_embedding_take_no_pattern(command, tmp_path):
    assert "`earmark embeddings 'vgg*'` lists those that match" in said(
        command, tmp_path, "-e", "vgg*:hop=0.5", "-o", tmp_path / "out"
    )


@pytest.mark.parametrize("command", ["embed", "train", "compare"])
@pytest.mark.parametrize("option", ["-e", "--embedding", "--embeddings"])
def test_the_option_may_be_written_in_singular_and_plural(command, option, sounds, tmp_path):
    assert "Did you mean 'yamnet'" in said(command, sounds, option, "yamnett", "-o", tmp_path / "out" / "file")


@pytest.mark.parametrize("command", ["embed", "train", "compare"])
def test_help_says_how_options_are_written_and_where_they_are_listed(command):
    shown = " ".join(CliRunner().invoke(app, [command, "-h"]).stdout.split())
    assert "options behind colons, such as yamnet:hop=0.24; `earmark embeddings` lists" in shown
