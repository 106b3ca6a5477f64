"""Figures: the same bytes every time, no global state, and nothing cut off."""

import re
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import matplotlib as mpl
import pytest

from earmark.errors import SettingsError
from earmark.report import accuracy_figure, confusion_figure, folds_figure, to_svg
from earmark.report.mistakes import class_scores, confusion_counts, find_mistakes
from earmark.report.svg import inline_svg
from earmark.report.systems import read_scores, rows_of


def of_best(run):
    return rows_of(run.predictions, read_scores(run.summary)[0], "predictions")


def figures(run):
    return [accuracy_figure(run.summary), confusion_figure(of_best(run)), folds_figure(run.results, run.summary)]


def test_svg_is_deterministic(run):
    first, second = ([to_svg(figure) for figure in figures(run)] for _ in range(2))
    assert first == second
    assert not any("<dc:date>" in text for text in first)


def test_figures_leave_no_global_state(run):
    before = dict(mpl.rcParams)
    pyplot_was_loaded = "matplotlib.pyplot" in sys.modules
    for figure in figures(run):
        to_svg(figure)
    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == pyplot_was_loaded


@pytest.mark.parametrize("classes", [2, 3, 10, 20])
def test_labels_are_not_cut(make_run, classes):
    names = [f"a class with a long name {index}" for index in range(classes)]
    run = make_run(classes=names, clips=5 * classes, splits={"clips": 1.0, "groups": 0.7})
    for figure in figures(run):
        figure.draw_without_rendering()
        inner = figure.get_tightbbox()
        assert inner.x0 >= -0.02
        assert inner.y0 >= -0.02
        assert inner.x1 <= figure.get_figwidth() + 0.02
        assert inner.y1 <= figure.get_figheight() + 0.02


def test_confusion_counts_add_up(run):
    rows = of_best(run)
    classes, counts = confusion_counts(rows)
    assert counts.sum() == len(rows)
    assert counts.trace() == (rows["label"] == rows["predicted"]).sum()
    assert [score.tests for score in class_scores(rows)] == counts.sum(axis=1).tolist()
    assert classes == sorted(classes)


def test_classes_with_numbers_sort_by_number(run):
    rows = of_best(run).head(3).assign(label=["c10", "c2", "1c"], predicted=["c10", "c2", "c9"])
    assert confusion_counts(rows)[0] == ["1c", "c2", "c9", "c10"]


def test_confusion_of_several_systems_is_an_error(run):
    with pytest.raises(SettingsError, match="6"):
        confusion_figure(run.predictions)


TWINS = [f"soundnet-with-a-name-that-takes-forty-chars:layers={layer}" for layer in ("conv3", "conv3+conv5")]
STEMS = ["a-name-without-options-of-more-than-forty-characters-" + end for end in ("x", "y")]


@pytest.mark.parametrize("names", [TWINS, STEMS])
def test_systems_that_differ_late_in_their_names_have_labels_that_differ(make_run, names):
    run = make_run(systems=[(name, "svm", "late", 0.9) for name in names])
    for figure in (accuracy_figure(run.summary), folds_figure(run.results, run.summary)):
        shown = "".join(ET.fromstring(to_svg(figure)).itertext())
        for name in names:
            assert re.sub(r"\s", "", name) + "·svm" in re.sub(r"\s", "", shown), "the name stands there in full"


def test_long_names_are_not_cut_off_and_lines_do_not_overlap(make_run):
    run = make_run(systems=[(name, "svm", "late", 0.9) for name in [*TWINS, *STEMS]])
    figure = accuracy_figure(run.summary)
    figure.draw_without_rendering()
    assert figure.get_tightbbox().x0 >= -0.02
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_ha() == "right"]
    tops = sorted(box.y0 + box.height / 2 for box in boxes)
    assert all(after - before >= 10 for before, after in pairwise(tops))


def test_classes_that_differ_late_in_their_names_have_labels_that_differ(make_run):
    names = ["engine, bearing damaged at the inner ring", "engine, bearing damaged at the outer ring"]
    shown = to_svg(confusion_figure(of_best(make_run(classes=names, clips=20))))
    assert all(name in shown for name in names)


def test_synthetic_data_say_so_in_the_figure(make_run):
    run = make_run("tones")
    assert "tones (synthetic)" in to_svg(accuracy_figure(run.summary, synthetic={"tones"}))


def test_names_with_markup_stay_text(make_run):
    hostile = ["$x_1$", "<script>alert(1)</script>", "寺 & -->"]
    run = make_run(classes=hostile, clips=30)
    text = to_svg(confusion_figure(of_best(run)))
    found = "".join(ET.fromstring(text).itertext())
    for name in ("$x_1$", "<script>alert(1)</sc", "寺 & -->"):
        assert name in found


def test_inline_svgs_share_no_identifier(run):
    parts = [inline_svg(figure, prefix=f"p{n}", title="t", description="d") for n, figure in enumerate(figures(run))]
    ids = [element.get("id") for part in parts for element in ET.fromstring(part).iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_mistakes_are_sorted_by_confidence_and_complete(make_run):
    rows = of_best(make_run(repeats=3))
    wrong = rows[rows["label"] != rows["predicted"]]
    mistakes = find_mistakes(rows)
    assert {mistake.path for mistake in mistakes} == {*wrong["path"]}
    assert sum(mistake.wrong for mistake in mistakes) == len(wrong)
    assert all(mistake.tests == 3 for mistake in mistakes)
    likelihoods = [mistake.likelihood for mistake in mistakes]
    assert likelihoods == sorted(likelihoods, reverse=True)
