"""The diagram of average ranks: every system named in full, only over several data sets."""

import pandas as pd
import pytest

from earmark.evaluation import average_ranks
from earmark.report import rank_figure, to_svg
from earmark.report.ranks import rank_sections, rank_table
from earmark.report.systems import read_scores


@pytest.fixture
def scores(make_run):
    """Scores of the same systems on four data sets."""
    return [score for seed in range(4) for score in read_scores(make_run(f"T{seed}", clips=100, seed=seed).summary)]


def test_accuracies_stand_by_data_set_and_system(scores):
    table, left_out = rank_table(scores)
    assert table.shape == (4, 6)
    assert left_out == 0
    for score in scores:
        assert table.loc[score.dataset, score.name] == score.accuracy


def test_systems_that_were_not_tried_on_every_data_set_are_counted_not_ranked(scores):
    table, left_out = rank_table(scores[1:])
    assert table.shape == (4, 5)
    assert left_out == 1
    (section,) = rank_sections(scores[1:])
    assert section.left_out == 1


def test_of_several_splits_the_strictest_counts(make_run):
    both = read_scores(make_run(splits={"clips": 1.0, "groups": 0.7}).summary)
    table, _ = rank_table(both)
    assert table.loc["ESC-10"].to_dict() == {score.name: score.accuracy for score in both if score.split == "groups"}


def test_one_data_set_or_one_system_has_no_ranks(run, scores):
    assert rank_sections(read_scores(run.summary)) == []
    assert rank_sections([score for score in scores if score.name == scores[0].name]) == []


def test_the_sentence_says_whether_systems_differ(scores):
    (section,) = rank_sections(scores)
    assert "Over 4 data sets, not all systems are equally good" in section.sentence
    assert "has the best average rank" in section.sentence


def test_systems_that_are_not_shown_to_differ_are_joined_by_one_line(make_run):
    ranks = average_ranks(pd.DataFrame([[0.9, 0.8, 0.7], [0.7, 0.8, 0.9]], columns=["a", "b", "c"]))
    assert ranks.p > 0.05
    figure = rank_figure(ranks)
    joining = [line for line in figure.axes[0].lines if line.get_linewidth() == 2.6]
    assert [list(line.get_ydata()) for line in joining] == [[-0.25, 2.25]]


@pytest.mark.parametrize("number", [2, 6, 20])
def test_the_diagram_names_all_and_nothing_is_cut(number):
    names = [f"soundnet-with-a-long-name-{place}:layers=conv3+conv5 with svm, late" for place in range(number)]
    table = pd.DataFrame([[0.9 - place / 100 for place in range(number)]] * 5, columns=names)
    ranks = average_ranks(table)
    figure = rank_figure(ranks, title="Train fraction 0.8")
    figure.draw_without_rendering()
    inner = figure.get_tightbbox()
    assert inner.x0 >= -0.02
    assert inner.x1 <= figure.get_figwidth() + 0.02
    assert inner.y1 <= figure.get_figheight() + 0.02
    shown, again = (to_svg(rank_figure(ranks, title="Train fraction 0.8")) for _ in range(2))
    assert shown == again
    assert all(f"soundnet-with-a-long-name-{place}:" in shown for place in range(number))


def test_a_critical_difference_beyond_the_axis_is_written_not_drawn():
    ranks = average_ranks(pd.DataFrame([[0.9, 0.8], [0.8, 0.9]], columns=["a", "b"]))
    assert "more than any two ranks can differ" in to_svg(rank_figure(ranks))
