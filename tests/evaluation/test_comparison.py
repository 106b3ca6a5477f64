"""The comparison: complete tables, the same whatever the workers, from which every later number follows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earmark.datasets import Dataset, DatasetCard
from earmark.evaluation import (
    INTERVAL,
    SYSTEM,
    Clips,
    FoldSet,
    SplitSettings,
    System,
    accuracy_interval,
    compare_systems,
    make_folds,
    pool,
    score,
    summarise,
)
from earmark.store import ClipFrames

CLASSES = ["buzz", "hum", "knock"]
RESULT_COLUMNS = [*SYSTEM, "repeat", "fold", "n_train", "n_test"]
RESULT_COLUMNS += ["accuracy", "balanced_accuracy", "macro_f1", "seconds"]
PREDICTION_COLUMNS = [*SYSTEM, "repeat", "fold", "path", "group", "label", "predicted"]
PREDICTION_COLUMNS += [f"likelihood:{name}" for name in CLASSES]


def recordings(per_class=12, grouped=True, seed=0):
    """A data set of three classes that overlap, and the frames of its clips."""
    generator = np.random.default_rng(seed)
    labels = np.tile(CLASSES, per_class)
    table = pd.DataFrame({"path": [f"{label}/{clip}.wav" for clip, label in enumerate(labels)], "label": labels})
    if grouped:
        table["group"] = [f"{label} {clip // 6}" for clip, label in enumerate(labels)]
    table["microphone"] = "left"  # metadata, which stays out of the results
    places = 2.5 * np.eye(3, 8)
    frames = [
        (places[CLASSES.index(label)] + generator.normal(size=(generator.integers(1, 5), 8))).astype(np.float32)
        for label in labels
    ]
    return Dataset(DatasetCard(name="overlapping"), Path("sounds"), table), ClipFrames.from_list(frames)


def folds_of(dataset, split="clips", fraction=0.8, **settings):
    groups = dataset.column("group") if dataset.has("group") else None
    clips = Clips(dataset.labels, dataset.column("path"), groups)
    return FoldSet(split, fraction, tuple(make_folds(clips, split, SplitSettings(**settings))))


def compare(dataset, frames, fold_sets, classifiers=("svm",), fusions=("late", "early"), **options):
    return compare_systems(dataset, "embedding-8", frames, classifiers, fusions, fold_sets, **options)


@pytest.fixture(scope="module")
def made():
    """Two fusions on two kinds of folds: four systems of 5, 5, 2 and 2 fits a repeat."""
    dataset, frames = recordings()
    fold_sets = [folds_of(dataset, repeats=2), folds_of(dataset, "groups", 0.4, folds=2, train_fraction=0.4)]
    return dataset, frames, fold_sets, compare(dataset, frames, fold_sets, workers=1)


# The tables


def test_the_tables_have_the_promised_columns_in_their_order(made):
    *_, outcome = made
    assert list(outcome.results.columns) == RESULT_COLUMNS
    assert list(outcome.predictions.columns) == PREDICTION_COLUMNS
    assert not outcome.results.isna().any(axis=None)
    assert not outcome.predictions.isna().any(axis=None)


def test_without_groups_the_predictions_have_no_column_for_them():
    dataset, frames = recordings(grouped=False)
    outcome = compare(dataset, frames, [folds_of(dataset)], fusions=["early"], workers=1)
    assert list(outcome.predictions.columns) == [name for name in PREDICTION_COLUMNS if name != "group"]


def test_results_have_one_row_for_each_system_and_fold(made):
    _, _, fold_sets, outcome = made
    expected = [
        ("overlapping", "embedding-8", "svm", fusion, folds.train_fraction, folds.split, fold.repeat, fold.name)
        for fusion in ("late", "early")
        for folds in fold_sets
        for fold in folds.folds
    ]
    assert list(outcome.results[[*SYSTEM, "repeat", "fold"]].itertuples(index=False, name=None)) == expected
    sizes = [(len(fold.train), len(fold.test)) for _ in range(2) for folds in fold_sets for fold in folds.folds]
    assert list(outcome.results[["n_train", "n_test"]].itertuples(index=False, name=None)) == sizes
    assert (outcome.results["seconds"] > 0).all()


def test_predictions_have_one_row_for_each_test_clip(made):
    dataset, _, fold_sets, outcome = made
    tested = [fold.test for _ in range(2) for folds in fold_sets for fold in folds.folds]
    expected = dataset.clips.iloc[np.concatenate(tested)].reset_index(drop=True)
    for column in ("path", "group", "label"):
        assert outcome.predictions[column].tolist() == expected[column].tolist()
    names = outcome.predictions.groupby([*SYSTEM, "repeat", "fold"], sort=False).size()
    assert names.tolist() == [len(test) for test in tested]


def test_what_is_predicted_is_the_likeliest_class(made):
    *_, outcome = made
    likelihoods = outcome.predictions[[f"likelihood:{name}" for name in CLASSES]].to_numpy()
    assert np.allclose(likelihoods.sum(axis=1), 1)
    assert outcome.predictions["predicted"].tolist() == np.array(CLASSES)[likelihoods.argmax(axis=1)].tolist()


def test_scores_of_a_fold_follow_from_its_predictions(made):
    *_, outcome = made
    assert 0.5 < outcome.results["accuracy"].mean() < 1  # neither easy nor hopeless
    keys = [*SYSTEM, "repeat", "fold"]
    for names, clips in outcome.predictions.groupby(keys, sort=False):
        (result,) = outcome.results[(outcome.results[keys] == pd.Series(names, keys)).all(axis=1)].to_dict("records")
        expected = score(clips["label"], clips["predicted"])
        assert (result["accuracy"], result["balanced_accuracy"], result["macro_f1"]) == pytest.approx(
            (expected.accuracy, expected.balanced_accuracy, expected.macro_f1)
        )


def test_a_row_says_what_its_system_says_of_its_fold(made):
    dataset, frames, fold_sets, outcome = made
    fold, rows = fold_sets[0].folds[3], pool(frames, "late")
    system = System("svm", "late").fit(rows.take(fold.train), dataset.labels[fold.train])
    here = outcome.predictions.query("fusion == 'late' and split == 'clips' and repeat == 0 and fold == '4'")
    likelihoods = here[[f"likelihood:{name}" for name in CLASSES]]
    assert np.allclose(likelihoods, system.likelihoods(rows.take(fold.test)), atol=1e-3)  # liblinear stops early


def test_validation_clips_are_neither_trained_nor_tested_on_but_scale_likelihoods():
    dataset, frames = recordings()
    folds = folds_of(dataset, validation_fraction=0.2)
    outcome = compare(dataset, frames, [folds], fusions=["late"], workers=1, platt=True)
    fold, rows = folds.folds[0], frames
    held = (rows.take(fold.validation), dataset.labels[fold.validation])
    system = System("svm", "late").fit(rows.take(fold.train), dataset.labels[fold.train]).calibrate(*held)
    here = outcome.predictions.query("fold == '1'")
    assert set(here["path"]) == set(dataset.clips["path"].iloc[fold.test])
    likelihoods = here[[f"likelihood:{name}" for name in CLASSES]]
    assert np.allclose(likelihoods, system.likelihoods(rows.take(fold.test)), atol=1e-3)


# What they do not depend on


def test_the_numbers_do_not_depend_on_the_workers(made):
    dataset, frames, fold_sets, alone = made
    together = compare(dataset, frames, fold_sets, workers=3)
    pd.testing.assert_frame_equal(
        alone.results.drop(columns="seconds"), together.results.drop(columns="seconds"), check_exact=True
    )
    pd.testing.assert_frame_equal(alone.predictions, together.predictions, check_exact=True)


def test_both_solvers_write_the_same_tables(made):
    dataset, frames, fold_sets, batched = made
    one_by_one = compare(dataset, frames, fold_sets, solver="sklearn")
    for name in ("results", "predictions"):
        one, other = getattr(batched, name), getattr(one_by_one, name)
        assert one.columns.tolist() == other.columns.tolist()
        assert one.dtypes.tolist() == other.dtypes.tolist()
    keys = [*SYSTEM, "repeat", "fold", "path"]
    pd.testing.assert_frame_equal(batched.predictions[keys], one_by_one.predictions[keys])
    likelihoods = [f"likelihood:{name}" for name in CLASSES]
    assert np.allclose(batched.predictions[likelihoods], one_by_one.predictions[likelihoods], atol=2e-3)


def test_dense_nets_depend_on_the_seed_and_not_on_the_workers():
    dataset, frames = recordings(per_class=3)
    folds = [folds_of(dataset, folds=2)]
    first, again, other = (
        compare(dataset, frames, folds, ["d128"], ["early"], workers=workers, seed=seed)
        for workers, seed in ((1, 7), (3, 7), (1, 8))
    )
    pd.testing.assert_frame_equal(first.predictions, again.predictions, check_exact=True)
    likelihoods = [f"likelihood:{name}" for name in CLASSES]
    assert not np.allclose(first.predictions[likelihoods], other.predictions[likelihoods], atol=1e-6)


def test_progress_hears_of_every_fit():
    class Listener:
        heard = 0

        def step(self, title, total, unit):
            self.title, self.total, self.unit = title, total, unit
            return self

        def __enter__(self):
            return lambda fits: setattr(self, "heard", self.heard + fits)

        def __exit__(self, *_):
            pass

    (dataset, frames), listener = recordings(), Listener()
    compare(dataset, frames, [folds_of(dataset)], progress=listener, workers=1)
    assert (listener.title, listener.unit) == ("Training and testing on embedding-8", "fits")
    assert listener.total == listener.heard == 10


# The summary


def test_the_summary_has_one_row_for_each_system_in_the_order_of_the_results(made):
    *_, outcome = made
    summary = summarise(outcome.results, outcome.predictions)
    assert list(summary.columns) == [
        *SYSTEM,
        "accuracy_mean",
        "accuracy_std",
        "accuracy_low",
        "accuracy_high",
        "interval",
        "bootstrap_low",
        "bootstrap_high",
        "balanced_accuracy_mean",
        "macro_f1_mean",
        "clips",
        "folds",
        "repeats",
        "seconds",
    ]
    pd.testing.assert_frame_equal(summary[SYSTEM], outcome.results[SYSTEM].drop_duplicates(ignore_index=True))
    assert summary[["clips", "folds", "repeats"]].to_numpy().tolist() == [[36, 5, 2], [36, 2, 1]] * 2
    assert set(summary["interval"]) == {INTERVAL}


def test_means_and_deviations_are_those_of_the_rows(made):
    *_, outcome = made
    for row in summarise(outcome.results, outcome.predictions).to_dict("records"):
        own = [all(result[name] == row[name] for name in SYSTEM) for result in outcome.results.to_dict("records")]
        folds = outcome.results[own]
        assert row["accuracy_mean"] == pytest.approx(np.mean(folds["accuracy"].to_numpy()))
        assert row["accuracy_std"] == pytest.approx(np.std(folds["accuracy"].to_numpy()))
        assert row["balanced_accuracy_mean"] == pytest.approx(np.mean(folds["balanced_accuracy"].to_numpy()))
        assert row["macro_f1_mean"] == pytest.approx(np.mean(folds["macro_f1"].to_numpy()))
        assert row["seconds"] == pytest.approx(np.sum(folds["seconds"].to_numpy()))


def test_the_interval_of_a_summary_knows_groups_and_repeats(made):
    *_, outcome = made
    for row in summarise(outcome.results, outcome.predictions).to_dict("records"):
        own = [all(clip[name] == row[name] for name in SYSTEM) for clip in outcome.predictions.to_dict("records")]
        clips = outcome.predictions[own]
        interval = accuracy_interval(clips["label"] == clips["predicted"], clips["group"], clips["path"])
        assert (row["accuracy_low"], row["accuracy_high"]) == (interval.low, interval.high)
        assert interval.effective_clips <= 36


def test_repeats_do_not_make_a_summary_surer_than_its_clips_allow():
    dataset, frames = recordings(grouped=False)
    outcome = compare(dataset, frames, [folds_of(dataset, repeats=6)], fusions=["early"], workers=1)
    (row,) = summarise(outcome.results, outcome.predictions).to_dict("records")
    share = (outcome.predictions["label"] == outcome.predictions["predicted"]).mean()
    once = accuracy_interval([True] * round(share * 36) + [False] * round((1 - share) * 36), range(36))
    assert row["accuracy_high"] - row["accuracy_low"] >= 0.95 * (once.high - once.low)


# Choice on validation clips, and several embeddings


def test_each_fold_tests_the_candidate_that_is_best_on_its_validation_clips():
    dataset, frames = recordings()
    folds = folds_of(dataset, validation_fold=1)
    names = ["svm:C=0.0001", "svm:C=1", "svm:C=100"]
    outcome = compare(dataset, frames, [folds], ["chosen-svm"], ["early"], candidates={"chosen-svm": names})
    rows = pool(frames, "early")
    for fold, result in zip(folds.folds, outcome.results.to_dict("records"), strict=True):
        held, right, tested = rows.take(fold.validation), {}, {}
        for name in names:
            system = System(name, "early").fit(rows.take(fold.train), dataset.labels[fold.train])
            said, true = system.classes[system.likelihoods(held).argmax(axis=1)], dataset.labels[fold.validation]
            right[name] = score(true, said).accuracy
            likelihoods = system.likelihoods(rows.take(fold.test))
            tested[name] = score(dataset.labels[fold.test], system.classes[likelihoods.argmax(axis=1)]).accuracy
        assert result["chosen"] == max(names, key=right.__getitem__)  # of equals the first
        assert result["accuracy"] == tested[result["chosen"]]
        assert result["classifier"] == "chosen-svm"


def test_one_candidate_gives_its_settings_to_a_name():
    dataset, frames = recordings()
    folds = [folds_of(dataset)]
    short = compare(dataset, frames, folds, fusions=["late"], candidates={"svm": ["svm:C=0.01"]}, scaling="standard")
    full = compare(dataset, frames, folds, ["svm:C=0.01"], ["late"], scaling="standard")
    columns = [f"likelihood:{name}" for name in CLASSES]
    pd.testing.assert_frame_equal(short.predictions[columns], full.predictions[columns])
    assert set(short.results["classifier"]) == {"svm"}
    assert "chosen" not in short.results


def test_concatenated_embeddings_are_scaled_value_by_value():
    dataset, frames = recordings()
    louder = ClipFrames(1000 * frames.values, frames.offsets)
    folds = [folds_of(dataset)]
    one, other = (compare(dataset, [frames, second], folds, fusions=["early"]) for second in (frames, louder))
    columns = [f"likelihood:{name}" for name in CLASSES]
    np.testing.assert_allclose(one.predictions[columns], other.predictions[columns], atol=1e-3)
