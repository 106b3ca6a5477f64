"""The three formats of one table, which must never disagree."""

import io
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from earmark.errors import SettingsError
from earmark.report import to_latex, to_markdown, to_rich
from earmark.report.tables import percent, table_text


def shown(table) -> str:
    """What a wide terminal shows of a Rich table."""
    console = Console(file=io.StringIO(), width=400)
    console.print(table)
    return console.file.getvalue()


def numbers(line: str) -> list[str]:
    """The decimal numbers of a line: accuracy, deviation, interval, balanced accuracy, macro F1."""
    return re.findall(r"\d+\.\d", line)


def row_numbers(text: str, names: list[str]) -> list[list[str]]:
    lines = [line for line in text.splitlines() if any(name in line for name in names)]
    return [numbers(line) for line in lines if len(numbers(line)) >= 6]


def test_three_formats_agree_number_for_number(run):
    names = list(run.summary["embedding"])
    texts = shown(to_rich(run.summary, width=400)), to_markdown(run.summary), to_latex(run.summary)
    rich, markdown, latex = (row_numbers(text, names) for text in texts)
    assert len(rich) == len(run.summary)
    assert rich == markdown == latex


def test_numbers_are_those_of_the_summary(run):
    best = run.summary.sort_values("accuracy_mean", ascending=False).iloc[0]
    keys = ["accuracy_mean", "accuracy_std", "accuracy_low", "accuracy_high", "balanced_accuracy_mean", "macro_f1_mean"]
    first = row_numbers(to_markdown(run.summary), list(run.summary["embedding"]))[0]
    assert first == [f"{100 * best[key]:.1f}" for key in keys]


def test_rows_are_sorted_by_accuracy_inside_each_setting(make_run):
    run = make_run(splits={"clips": 1.0, "groups": 0.7})
    text = table_text(run.summary.sample(frac=1, random_state=3))
    split, accuracy = text.headers.index("Split"), text.headers.index("Accuracy")
    for name in ("clips", "groups"):
        values = [float(row[accuracy].split(" ")[0]) for row in text.rows if row[split] == name]
        assert values == sorted(values, reverse=True)


def test_best_row_is_bold_in_every_format(run):
    text = table_text(run.summary)
    assert text.best == (True, *[False] * 5)
    assert to_markdown(run.summary).count("| **openl3-music-mel256-512** |") == 1
    assert to_latex(run.summary).count(r"\textbf{openl3-music-mel256-512}") == 1
    assert [row.style for row in to_rich(run.summary).rows] == ["bold", *[None] * 5]


def test_constant_columns_move_to_the_title(run):
    text = table_text(run.summary)
    assert not {"Data set", "Train fraction", "Split", "Clips"} & {*text.headers}
    for said in ("ESC-10", "train fraction 0.8", "official", "200 clips"):
        assert said in text.title


def test_classifier_that_all_rows_share_stands_in_the_title(make_run):
    text = table_text(make_run(systems=[("yamnet", "svm", "late", 0.9), ("vggish", "svm", "late", 0.8)]).summary)
    assert "Classifier" not in text.headers
    assert ", svm, late fusion," in text.title


def test_columns_that_vary_stay(make_run):
    text = table_text(make_run(splits={"clips": 1.0, "groups": 0.7}).summary)
    assert "Split" in text.headers
    assert sum(text.best) >= 2


@pytest.mark.parametrize("dataset", ["synthetic-tones", "tones"])
def test_synthetic_data_sets_say_so_everywhere(make_run, dataset):
    summary = make_run(dataset).summary
    for text in (shown(to_rich(summary, synthetic={"tones"})), to_markdown(summary, synthetic={"tones"}),
                 to_latex(summary, synthetic={"tones"})):  # fmt: skip
        assert text.lower().count("synthetic") >= 2, "title and caption"


def test_hostile_names_are_escaped(run):
    summary = run.summary.assign(embedding=["a_b&c%{x}", "[red]x[/red]", "p|q", "<script>", "**b**", "[a](b)"])
    latex, markdown = to_latex(summary), to_markdown(summary)
    assert r"a\_b\&c\%\{x\}" in latex
    assert not re.search(r"^\s*\[", latex, re.MULTILINE), "a row must not start with a bracket after a line break"
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in markdown.splitlines() if line.startswith("|")}
    assert len(widths) == 1, "a pipe in a name must not make a column"
    assert "<script>" not in markdown.replace("\\<", "")
    assert "[red]x[/red]" in shown(to_rich(summary))


LONG = ["soundnet-conv5:layers=conv3+conv5", "openl3-music-mel256-6144:frontend=0.4:hop=0.5", "yamnet"]


def long_run(make_run, classifiers=("svm",), splits=None, names=LONG):
    systems = [(name, classifier, fusion, 0.9) for name in names for classifier in classifiers
               for fusion in ("late", "early")]  # fmt: skip
    return make_run(systems=systems, clips=50, splits=splits).summary


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("classifiers", [("svm",), ("svm", "d128")])
@pytest.mark.parametrize("splits", [None, {"clips": 1.0, "groups": 0.7}])
def test_terminal_tables_fit_and_break_names_only_after_colon_or_plus(make_run, width, classifiers, splits):
    names = LONG if not splits else LONG[::2]
    text = shown(to_rich(long_run(make_run, classifiers, splits, names), width=width))
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    pieces = {piece for name in names for piece in re.split(r"(?<=[:+])", name)}
    for line in text.splitlines():
        for word in line.split():
            if any(word.startswith(name[:6]) for name in names):
                assert set(re.split(r"(?<=[:+])", word)) - {""} <= pieces
    assert text.count("[") == len(names) * len(classifiers) * 2 * len(splits or [1]), "every interval is whole"


def test_balanced_accuracy_and_f1_go_only_where_breaking_names_is_not_enough(make_run):
    summary = long_run(make_run, ("svm", "d128"))
    wide, narrow = shown(to_rich(summary, width=120)), shown(to_rich(summary, width=80))
    assert "Macro F1" in wide
    assert "Left out" not in wide
    assert "Macro F1" not in narrow
    assert "balanced accuracy, macro F1" in " ".join(narrow.split())
    assert "Balanced" in shown(to_rich(long_run(make_run), width=80)), "one classifier stands in the title"


def test_terminal_table_is_whole_where_the_console_is_narrower(make_run):
    console = Console(file=io.StringIO(), width=40)
    console.print(to_rich(long_run(make_run), width=40), crop=False)
    assert console.file.getvalue().count("]") == 6
    assert "…" not in console.file.getvalue()


def test_breaks_of_names_stay_in_the_terminal(make_run):
    summary = long_run(make_run, ("svm", "d128"))
    for text in (to_markdown(summary), to_latex(summary)):
        assert text.replace("\\_", "_").count(LONG[1]) == 4
        assert text.replace("\n", "").isprintable()


def test_unknown_values_are_dashes_not_nan(run):
    summary = run.summary.assign(accuracy_std=float("nan"), accuracy_low=float("nan"))
    for text in (to_markdown(summary), to_latex(summary), shown(to_rich(summary))):
        assert "nan" not in text.lower().replace("balanced", "")
        assert "±" not in text
        assert r"\pm" not in text


def test_missing_column_is_named(run):
    with pytest.raises(SettingsError, match="accuracy_low"):
        to_markdown(run.summary.drop(columns="accuracy_low"))


def test_empty_summary_is_an_error(run):
    with pytest.raises(SettingsError, match="no rows"):
        to_rich(pd.DataFrame(columns=run.summary.columns))


@given(st.floats(0, 1))
def test_percent_is_within_half_a_tenth(share):
    assert abs(float(percent(share)) - 100 * share) <= 0.05 + 1e-9
