"""Baselines in a comparison: the tables of the systems beside them, whatever the workers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earmark.classifiers.baselines import fit_baseline
from earmark.datasets import Dataset, DatasetCard
from earmark.errors import SettingsError
from earmark.evaluation import Clips, FoldSet, SplitSettings, compare_baselines, compare_systems, make_folds, summarise
from earmark.store import ClipFrames

CLASSES = ["buzz", "hum", "knock"]


@pytest.fixture(scope="module")
def recordings():
    """A data set of three classes, and the frames of its clips for the net on single frames."""
    generator = np.random.default_rng(0)
    labels = np.tile(CLASSES, 8)
    table = pd.DataFrame({"path": [f"{number}.wav" for number in range(24)], "label": labels})
    table["group"] = [str(number // 3) for number in range(24)]
    places = 2 * np.eye(3, 128)
    frames = [
        (places[CLASSES.index(label)] + generator.random((generator.integers(1, 5), 128))).astype(np.float32)
        for label in labels
    ]
    return Dataset(DatasetCard(name="overlapping"), Path("sounds"), table), ClipFrames.from_list(frames)


def folds_of(dataset, fraction=None, **settings):
    clips = Clips(dataset.labels, dataset.column("path"))
    chosen = SplitSettings(folds=2, train_fraction=fraction, **settings)
    return FoldSet("clips", fraction or 0.5, tuple(make_folds(clips, "clips", chosen)))


@pytest.fixture(scope="module")
def outcome(recordings):
    dataset, frames = recordings
    sets = [folds_of(dataset, repeats=2), folds_of(dataset, 0.25)]
    return compare_baselines(dataset, "net-engine", frames, sets, seed=1, epochs=20, workers=1), sets


def test_the_tables_are_those_of_the_systems(recordings, outcome):
    dataset, frames = recordings
    found, sets = outcome
    systems = compare_systems(dataset, "embedding", frames, ["svm"], ["late"], sets, workers=1)
    assert list(found.results.columns) == list(systems.results.columns)
    assert list(found.predictions.columns) == list(systems.predictions.columns)
    same = ["dataset", "fusion", "train_fraction", "split", "repeat", "fold", "n_train", "n_test"]
    pd.testing.assert_frame_equal(found.results[same], systems.results[same])
    same = ["train_fraction", "repeat", "fold", "path", "group", "label"]
    pd.testing.assert_frame_equal(found.predictions[same], systems.predictions[same])


def test_a_baseline_stands_in_the_tables_by_its_name(outcome):
    results = outcome[0].results
    assert set(results["embedding"]) == {"from scratch"}
    assert set(results["classifier"]) == {"net-engine"}
    assert (results["seconds"] > 0).all()


def test_it_can_be_summarised_beside_systems(recordings, outcome):
    dataset, frames = recordings
    found, sets = outcome
    systems = compare_systems(dataset, "embedding", frames, ["svm"], ["late"], sets, workers=1)
    summary = summarise(
        pd.concat([systems.results, found.results], ignore_index=True),
        pd.concat([systems.predictions, found.predictions], ignore_index=True),
    )
    assert set(summary["classifier"]) == {"svm", "net-engine"}


def test_neither_order_nor_numbers_depend_on_the_workers(recordings, outcome):
    dataset, frames = recordings
    found, sets = outcome
    again = compare_baselines(dataset, "net-engine", frames, sets, seed=1, epochs=20, workers=3)
    pd.testing.assert_frame_equal(found.predictions, again.predictions)
    pd.testing.assert_frame_equal(found.results.drop(columns="seconds"), again.results.drop(columns="seconds"))


def test_each_fold_and_repeat_draws_numbers_of_its_own(recordings, outcome):
    dataset, frames = recordings
    found, sets = outcome
    other = compare_baselines(dataset, "net-engine", frames, sets, seed=2, epochs=20, workers=1)
    column = "likelihood:hum"
    assert not np.array_equal(found.predictions[column], other.predictions[column])


def test_validation_clips_of_a_fold_decide_when_to_stop(recordings):
    """They are used and not trained on: the network is that of a fit that was given them."""
    dataset, frames = recordings
    sets = [folds_of(dataset, validation_fraction=0.25)]
    found = compare_baselines(dataset, "net-engine", frames, sets, epochs=5, workers=1)
    fold, labels = sets[0].folds[0], dataset.labels
    assert len(fold.validation)
    seed = int(np.random.SeedSequence([0, 0, 0]).generate_state(1)[0] % 2**31)
    train, held = frames.take(fold.train), frames.take(fold.validation)
    fitted = fit_baseline("net-engine", train, labels[fold.train], held, labels[fold.validation], seed=seed, epochs=5)
    rows = found.predictions[found.predictions["fold"] == fold.name]
    likelihoods = rows[[f"likelihood:{name}" for name in CLASSES]].to_numpy()
    np.testing.assert_array_equal(likelihoods, fitted.likelihoods(frames.take(fold.test)))


def test_progress_hears_of_every_fit(recordings):
    dataset, frames = recordings
    steps = []

    class Listener:
        def step(self, title, total, unit):
            from contextlib import nullcontext

            steps.append([title, total, 0])
            return nullcontext(lambda done=1, audio_seconds=0.0: steps[-1].__setitem__(2, steps[-1][2] + done))

        def say(self, message):
            raise AssertionError(message)

    compare_baselines(dataset, "net-engine", frames, [folds_of(dataset)], epochs=1, workers=2, progress=Listener())
    assert steps == [["Training net-engine from scratch", 2, 2]]


def test_an_unknown_baseline_is_refused_before_anything_is_trained(recordings):
    dataset, frames = recordings
    with pytest.raises(SettingsError, match="no baseline 'svm'"):
        compare_baselines(dataset, "svm", frames, [folds_of(dataset)])
