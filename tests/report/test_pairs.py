"""Which differences are real: the best system against the others, with the numbers of the tests and honest words."""

import math

import pandas as pd
import pytest

from earmark.errors import SettingsError
from earmark.evaluation import compare_pairs
from earmark.report import pairs_to_latex, pairs_to_markdown, pairs_to_rich
from earmark.report.pairs import Rival, find_standings, p_text, pair_text, standings
from earmark.report.systems import read_scores


def standing_of(run):
    (standing,) = find_standings(run.results, run.predictions, run.summary)
    return standing


def test_each_rival_is_behind_the_best_by_the_difference_of_their_accuracies(run):
    standing = standing_of(run)
    assert standing.best == read_scores(run.summary)[0]
    assert [rival.score for rival in standing.rivals] == read_scores(run.summary)[1:]
    for rival in standing.rivals:
        assert rival.behind == pytest.approx(100 * (standing.best.accuracy - rival.score.accuracy))
        assert rival.low <= rival.behind <= rival.high
        assert rival.best_alone - rival.rival_alone == round(rival.behind / 100 * 200)


def test_p_values_are_those_of_the_tests_adjusted_for_all_pairs(run):
    pairs, standing = compare_pairs(run.results, run.predictions), standing_of(run)
    best = standing.best.system
    names = ["embedding", "classifier", "fusion"]
    for rival in standing.rivals:
        found = [
            row for row in pairs.to_dict("records")
            if {tuple(row[f"{n}_a"] for n in names), tuple(row[f"{n}_b"] for n in names)} == {best, rival.score.system}
        ]  # fmt: skip
        (row,) = found
        assert (rival.p_folds, rival.p_clips) == (row["p_ttest_holm"], row["p_mcnemar_holm"])
        assert rival.pairs == 15


@pytest.mark.parametrize(
    ("p_folds", "p_clips", "folds", "verdict"),
    [
        (0.01, 0.01, 5, "yes"),
        (0.01, 0.20, 5, "in one test"),
        (0.20, 0.01, 5, "in one test"),
        (0.20, 0.20, 5, "not shown"),
        (math.nan, 0.01, 5, "in one test"),
        (math.nan, 0.01, 1, "yes"),
        (math.nan, 0.20, 1, "not shown"),
        (0.01, math.nan, 5, "yes"),
        (math.nan, math.nan, 1, "–"),
    ],
)
def test_a_difference_is_real_when_every_test_that_there_is_says_so(run, p_folds, p_clips, folds, verdict):
    score = read_scores(run.summary)[1]
    assert Rival(score, 5.0, 1.0, 9.0, p_folds, p_clips, 8, 2, folds, 1).verdict == verdict


def test_the_sentence_counts_what_the_table_says(run):
    standing = standing_of(run)
    real = sum(rival.verdict == "yes" for rival in standing.rivals)
    assert 0 < real < 5
    assert f"is ahead of {real} of the other 5 systems by more than chance" in standing.sentence


def test_systems_that_are_equally_good_are_not_called_different(make_run):
    run = make_run(systems=[("yamnet", "svm", "late", 0.8), ("vggish", "svm", "late", 0.8)], clips=100)
    assert "is not shown to be ahead of any other system" in standing_of(run).sentence


def test_one_test_set_says_that_there_is_no_test_over_folds(make_run):
    run = make_run(splits={"fixed": 1.0}, folds=1)
    text = pair_text(standing_of(run))
    assert "There is one test set" in text.caption
    place = text.headers.index("p, folds")
    assert {row[place] for row in text.rows} == {"–"}
    assert {row[text.headers.index("95 % interval")] for row in text.rows} == {"–"}


def test_a_long_table_is_cut_and_says_how_many_are_left(make_run):
    systems = [(f"model-{number}", "svm", "late", 0.95 - number / 40) for number in range(16)]
    text = pair_text(standing_of(make_run(systems=systems, clips=60)))
    assert len(text.rows) == 12
    assert "3 more systems are further behind; comparisons.csv has all pairs." in text.caption


def test_every_setting_is_tested_for_itself(make_run):
    run = make_run(splits={"clips": 1.0, "groups": 0.7})
    found = find_standings(run.results, run.predictions, run.summary)
    assert [standing.best.split for standing in found] == ["clips", "groups"]
    assert {rival.score.split for rival in found[1].rivals} == {"groups"}


def test_markdown_latex_and_rich_show_the_same_numbers(run):
    from rich.console import Console

    pairs = compare_pairs(run.results, run.predictions)
    console = Console(width=160)
    with console.capture() as capture:
        console.print(*pairs_to_rich(pairs, run.summary, width=160))
    shown = capture.get(), pairs_to_markdown(pairs, run.summary), pairs_to_latex(pairs, run.summary)
    for rival in standing_of(run).rivals:
        assert all(f"{rival.behind:.1f}" in text for text in shown)
    assert shown[1].count("\n| ") == 2 + 5
    assert r"\toprule" in shown[2]


def test_a_narrow_terminal_cuts_no_number(run):
    (table,) = pairs_to_rich(compare_pairs(run.results, run.predictions), run.summary, width=60)
    assert len(table.columns) == 9


def test_latex_writes_a_real_minus_sign(run):
    text = pairs_to_latex(compare_pairs(run.results, run.predictions), run.summary)
    assert "−" not in text
    assert "$-$" in text


def test_synthetic_data_say_so(make_run):
    run = make_run("tones")
    pairs = compare_pairs(run.results, run.predictions)
    assert "tones (synthetic)" in pairs_to_markdown(pairs, run.summary, synthetic={"tones"})


def test_one_system_has_no_difference_to_test(small_run):
    pairs = compare_pairs(small_run.results, small_run.predictions)
    assert standings(pairs, read_scores(small_run.summary)) == []
    assert "one system only" in pairs_to_markdown(pairs, small_run.summary)


def test_results_without_sizes_of_folds_are_an_error(run):
    with pytest.raises(SettingsError, match="n_train"):
        find_standings(run.results.drop(columns="n_train"), run.predictions, run.summary)


def test_p_values_are_never_shown_as_zero():
    assert [p_text(p) for p in (0.0, 0.0009, 0.0351, 1.0, math.nan)] == ["<0.001", "<0.001", "0.035", "1.000", "–"]


def test_pairs_read_back_from_csv_give_the_same_table(run, tmp_path):
    pairs = compare_pairs(run.results, run.predictions)
    pairs.to_csv(tmp_path / "comparisons.csv", index=False)
    again = pd.read_csv(tmp_path / "comparisons.csv")
    assert pairs_to_markdown(again, run.summary) == pairs_to_markdown(pairs, run.summary)
