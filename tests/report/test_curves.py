"""Learning curves in a report: drawn whole, with a sentence that owns up to what was not measured."""

import pandas as pd
import pytest

from earmark.evaluation import learning_curves
from earmark.report import curve_figure, to_svg
from earmark.report.curves import curve_sections

LONG = "soundnet-with-a-name-that-takes-forty-chars:layers=conv3+conv5"


@pytest.fixture
def fractions(make_run):
    """Make the tables of a run with several train fractions: the fewer, the worse."""

    def make(shares=(0.8, 0.4, 0.2, 0.1), systems=(("yamnet", "svm", "late", 0.97), (LONG, "svm", "early", 0.9))):
        runs = []
        for number, share in enumerate(shares):
            worse = [(*names, accuracy - 0.06 * number) for *names, accuracy in systems]
            run = make_run(systems=worse, clips=200, seed=number)
            sizes = {"train_fraction": share, "n_train": round(200 * share)}
            runs.append([run.results.assign(**sizes), run.predictions.assign(train_fraction=share)])
        return (pd.concat(tables, ignore_index=True) for tables in zip(*runs, strict=True))

    return make


def test_the_section_says_what_was_measured_and_what_twice_the_labels_would_bring(fractions):
    results, predictions = fractions()
    (section,) = curve_sections(results, predictions)
    gain = learning_curves(results, predictions)[0].gain_of_doubling()
    measured, promised = section.sentences
    assert "with 2 labelled clips per class" in measured
    assert "with 16." in measured
    assert f"Twice as many labels, 32 per class, would bring it about {100 * gain.gain:.1f} points more" in promised
    assert "not measured" in promised


def test_the_table_has_the_gain_of_every_system(fractions):
    (section,) = curve_sections(*fractions())
    assert [row[0] for row in section.table.rows] == ["yamnet", LONG]
    assert all(len(row) == len(section.table.headers) == len(section.table.numeric) for row in section.table.rows)


def test_two_fractions_are_drawn_but_nothing_is_promised(fractions):
    (section,) = curve_sections(*fractions((0.8, 0.1)))
    assert "cannot be said from 2 train fractions" in section.sentences[1]
    assert section.table is None
    assert "not measured" not in section.figure


def test_one_fraction_or_no_predictions_have_no_section(run, fractions):
    assert curve_sections(run.results, run.predictions) == []
    results, predictions = fractions()
    assert curve_sections(results, predictions.iloc[:0]) == []


@pytest.mark.parametrize("number", [1, 2, 9])
def test_the_figure_is_not_cut_and_the_same_every_time(fractions, number):
    systems = [(f"{LONG}-{place}", "svm", "late", 0.9 - place / 50) for place in range(number)]
    curves = learning_curves(*fractions(systems=systems))
    figure = curve_figure(curves)
    figure.draw_without_rendering()
    inner = figure.get_tightbbox()
    assert inner.x0 >= -0.02
    assert inner.y0 >= -0.02
    assert inner.x1 <= figure.get_figwidth() + 0.02
    assert inner.y1 <= figure.get_figheight() + 0.02
    first, second = (to_svg(curve_figure(curves)) for _ in range(2))
    assert first == second


def test_more_systems_than_colours_are_counted_in_a_sentence(fractions):
    systems = [(f"model-{place}", "svm", "late", 0.9 - place / 50) for place in range(8)]
    (section,) = curve_sections(*fractions(systems=systems))
    assert "The figure has the 6 best of 8 systems." in section.sentences
    assert len(section.table.rows) == 8


def test_synthetic_data_say_so_in_the_figure_and_the_table(fractions):
    (section,) = curve_sections(*fractions(), synthetic={"ESC-10"})
    assert "ESC-10 (synthetic)" in section.figure
    assert "ESC-10 (synthetic)" in section.table.title


def test_each_axis_names_its_unit(fractions):
    shown = to_svg(curve_figure(learning_curves(*fractions())))
    assert "Labelled clips per class" in shown
    assert "Correctly classified clips, %" in shown
