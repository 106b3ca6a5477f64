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
    texts = shown(to_rich(run.summary)), to_markdown(run.summary), to_latex(run.summary)
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
