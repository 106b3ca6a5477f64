"""The main job from Python: a folder of sounds in, an honest comparison out."""

import contextlib
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import earmark
from earmark.embeddings.untrained import load_untrained
from earmark.errors import ClipsLeftOut, DatasetError, EarmarkError, SettingsError

pytestmark = pytest.mark.usefixtures("yamnet_weights")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def comparison(sounds, store):
    return earmark.compare(sounds, fusions=["late", "early"], folds=5, repeats=2, store=store)


def test_results_have_a_row_for_each_system_and_fold(comparison):
    results = comparison.results
    assert len(results) == 2 * 2 * 5
    expected = "dataset embedding classifier fusion train_fraction split repeat fold n_train n_test accuracy"
    assert list(results) == [*expected.split(), "balanced_accuracy", "macro_f1", "seconds"]
    assert set(results["n_train"]) == {24}
    assert (results["accuracy"] > 0.6).all()


def test_predictions_have_a_row_for_each_test_clip(comparison):
    predictions = comparison.predictions
    assert len(predictions) == 2 * 2 * 30
    likelihoods = predictions.filter(like="likelihood:")
    assert list(likelihoods) == ["likelihood:buzz", "likelihood:hum", "likelihood:whistle"]
    np.testing.assert_allclose(likelihoods.sum(axis=1), 1)
    assert (likelihoods.idxmax(axis=1).str.removeprefix("likelihood:") == predictions["predicted"]).all()


def test_a_second_run_embeds_nothing_and_gives_the_same(comparison, sounds, store):
    again = earmark.compare(sounds, fusions=["late", "early"], folds=5, repeats=2, store=store, workers=1)
    assert again.extractions["yamnet"].embedded == 0
    pd.testing.assert_frame_equal(again.predictions, comparison.predictions)


def test_saved_results_are_complete_and_come_back(comparison, tmp_path):
    report = comparison.save(tmp_path / "results")
    names = {file.name for file in (tmp_path / "results").iterdir()}
    assert names == {
        *("results.parquet", "predictions.parquet", "protocol.json", "report.html", "table.md", "table.tex"),
        *("comparisons.csv", "comparisons.md"),
    }
    assert report.read_text().startswith("<!DOCTYPE html>")
    loaded = earmark.Comparison.load(tmp_path / "results")
    pd.testing.assert_frame_equal(loaded.results, comparison.results)
    pd.testing.assert_frame_equal(loaded.predictions, comparison.predictions)
    pd.testing.assert_frame_equal(loaded.table(), comparison.table())
    metadata = pq.read_schema(tmp_path / "results" / "results.parquet").metadata
    assert json.loads(metadata[b"earmark_protocol"]) == loaded.protocol


def test_the_protocol_says_everything_that_decides_a_score(comparison):
    protocol = comparison.protocol
    assert protocol["seed"] == 0
    assert protocol["repeats"] == 2
    assert protocol["classifiers"]["svm"]["C"] == 1.0
    assert set(protocol["fusions"]) == {"late", "early"}
    assert protocol["embeddings"][0]["fingerprint"]["resampler"] == "soxr-HQ"
    assert protocol["leak_check"]["ok"]
    assert protocol["dataset"]["classes"] == {"buzz": 10, "hum": 10, "whistle": 10}
    assert protocol["versions"]["earmark"] == earmark.__version__


def test_clips_that_cannot_be_read_stop_the_run_but_lose_nothing(sounds, tmp_path, write_sound):
    rows = [(str(path), path.parent.name) for path in sorted(sounds.rglob("*.wav"))]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    pd.DataFrame([*rows, (bad, "hum")], columns=["path", "label"]).to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(ClipsLeftOut, match=r"bad\.wav") as caught:
        earmark.compare(tmp_path / "c.csv", store=tmp_path / "store")
    assert [failure.path for failure in caught.value.failures] == [bad]
    skipped = earmark.compare(tmp_path / "c.csv", store=tmp_path / "store", on_error="skip")
    assert skipped.extractions["yamnet"].embedded == 0  # the first run had embedded and kept all others
    assert [failure.path for failure in skipped.failures] == [bad]
    assert "bad.wav" in skipped.to_html()


def test_groups_and_clips_are_set_side_by_side(sounds, store, tmp_path):
    paths = sorted(sounds.rglob("*.wav"))
    table = pd.DataFrame({"path": paths, "label": [p.parent.name for p in paths]})
    table["group"] = table["label"] + [str(int(path.stem) // 2) for path in paths]
    table.to_csv(tmp_path / "grouped.csv", index=False)
    both = earmark.compare(tmp_path / "grouped.csv", splits=["groups", "clips"], store=store)
    assert set(both.table()["split"]) == {"groups", "clips"}
    assert not both.protocol["leak_check"]["ok"]
    assert "points" in both.to_html()
    alone = earmark.compare(tmp_path / "grouped.csv", store=store)
    assert alone.protocol["leak_check"]["ok"]
    assert list(alone.protocol["splits"]) == ["groups"]


def test_train_fractions_and_platt_scaling(sounds, store):
    small = earmark.compare(sounds, train_fractions=[0.6, 0.1], validation_fraction=0.2, store=store)
    assert sorted(set(small.results["n_train"])) == [3, 18]
    assert small.protocol["likelihoods"].startswith("platt")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"embeddings": ["yamet"]}, "Did you mean 'yamnet'"),
        ({"classifiers": ["svn"]}, "Did you mean 'svm'"),
        ({"fusions": ["middle"]}, "no fusion 'middle'"),
        ({"splits": ["random"]}, "no split 'random'"),
        ({"folds": 1}, "at least 2 folds"),
        ({"on_error": "ignore"}, "must be 'raise' or 'skip'"),
        ({"classifiers": []}, "at least one classifier"),
        ({"embeddings": []}, "at least one embedding"),
        ({"embeddings": "yamnet"}, "a list of at least one embedding"),
        ({"baselines": "net-engine"}, "a list of baselines"),
        ({"baselines": ["net-engine"], "epochs": 0}, "epochs is 0"),
        ({"epochs": 5}, "epochs=5 is for baselines"),
        ({"folds": 2.5}, "at least 2 folds"),
        ({"likelihoods": "certain"}, "'auto', 'sigmoid' or 'platt'"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(sounds, tmp_path, options, says):
    with pytest.raises(SettingsError, match=says):
        earmark.compare(sounds, store=tmp_path / "store", **options)
    assert not (tmp_path / "store").exists()


def test_two_embeddings_of_one_name_are_refused(sounds, tmp_path):
    both = [load_untrained("yamnet", seed) for seed in (0, 1)]
    with pytest.raises(SettingsError, match=r"two different embeddings are called 'yamnet \(random weights\)'"):
        earmark.compare(sounds, both, store=tmp_path / "store")


def test_too_many_folds_are_refused_before_any_work(sounds, tmp_path):
    with pytest.raises(DatasetError, match="--folds 10"):
        earmark.compare(sounds, folds=11, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(EarmarkError, match="holds no comparison"):
        earmark.Comparison.load(tmp_path)


def test_likelihoods_are_chosen_and_said(sounds, store):
    said = []

    class Listener:
        def say(self, message):
            said.append(message)

        def step(self, title, total, unit):
            return contextlib.nullcontext(lambda done=1, audio_seconds=0.0: None)

    platt = earmark.compare(sounds, validation_fraction=0.2, store=store, progress=Listener())
    assert platt.protocol["likelihoods"].startswith("platt")
    assert "as few as 2 validation clips" in said[0]
    plain = earmark.compare(sounds, validation_fraction=0.2, likelihoods="sigmoid", store=store)
    assert plain.protocol["likelihoods"].startswith("sigmoid")
    with pytest.raises(SettingsError, match="needs validation clips"):
        earmark.compare(sounds, likelihoods="platt", store=store)


def test_a_table_may_say_that_it_is_synthetic(sounds, store, tmp_path):
    paths = sorted(sounds.rglob("*.wav"))
    table = pd.DataFrame({"path": paths, "label": [path.parent.name for path in paths], "synthetic": "true"})
    table.to_csv(tmp_path / "made.csv", index=False)
    comparison = earmark.compare(tmp_path / "made.csv", store=store)
    comparison.save(tmp_path / "out")
    assert "synthetic" in (tmp_path / "out" / "table.md").read_text()


def test_what_is_named_twice_is_done_once(sounds, store):
    comparison = earmark.compare(sounds, classifiers=["svm", "svm"], train_fractions=[0.5, 0.5], store=store)
    assert len(comparison.results) == 5


# Protocols and combinations


def test_a_protocol_is_written_into_the_results_by_name_and_version(sounds, store, tmp_path):
    comparison = earmark.compare(sounds, protocol="soundnet", store=store)
    assert set(comparison.results["classifier"]) == {"svm"}
    assert set(comparison.results["fusion"]) == {"late-decision"}
    comparison.save(tmp_path / "out")
    protocol = earmark.Comparison.load(tmp_path / "out").protocol
    assert (protocol["name"], protocol["version"]) == ("soundnet", 1)
    assert protocol["classifiers"]["svm"]["C"] == 0.01
    assert protocol["scaling"].startswith("none")
    assert "Protocol: soundnet" in (tmp_path / "out" / "report.html").read_text()


def test_the_paper_s_protocol_has_ten_folds_twice(sounds, store):
    comparison = earmark.compare(sounds, classifiers=["svm"], protocol="eusipco2020", fusions=["early"], store=store)
    assert len(comparison.results) == 20
    assert set(comparison.results["n_train"]) == {24}
    assert set(comparison.results["n_test"]) == {3}


def test_a_choice_on_validation_clips_is_kept_for_each_fold(sounds, store):
    comparison = earmark.compare(sounds, protocol="evar", store=store)
    assert set(comparison.results["classifier"]) == {"logistic"}
    assert all(name.startswith("logistic:C=") for name in comparison.results["chosen"])
    assert set(comparison.results["chosen"]) <= set(comparison.protocol["classifiers"]["logistic"]["candidates"])
    assert len(comparison.table()) == 1


def test_what_contradicts_a_protocol_is_refused_before_any_work(sounds, tmp_path):
    with pytest.raises(SettingsError, match="--folds 5 contradicts the protocol eusipco2020"):
        earmark.compare(sounds, protocol="eusipco2020", folds=5, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_too_few_groups_for_a_protocol_do_not_advise_another_number_of_folds_alone(sounds, tmp_path):
    paths = sorted(sounds.rglob("*.wav"))
    table = pd.DataFrame({"path": paths, "label": [p.parent.name for p in paths]})
    table["group"] = table["label"] + [str(int(path.stem) // 2) for path in paths]
    table.to_csv(tmp_path / "grouped.csv", index=False)
    with pytest.raises(DatasetError, match="use --protocol earmark or --splits clips"):
        earmark.compare(tmp_path / "grouped.csv", protocol="eusipco2020", store=tmp_path / "store")


def test_embeddings_are_combined_beside_each_alone(sounds, store, tmp_path):
    names = ["yamnet", "yamnet:hop=0.24"]  # of different frame rates
    both = earmark.compare(sounds, names, fusions=["late", "early"], combine=["concatenated", "summed"], store=store)
    joined = "+".join(names)
    systems = both.table().groupby("embedding")["fusion"].apply(sorted).to_dict()
    assert systems[f"{joined} (summed)"] == ["early", "late"]
    assert systems[f"{joined} (concatenated)"] == ["early"]
    assert set(systems) >= set(names)
    assert set(both.protocol["combinations"]) == {"concatenated", "summed"}
    assert both.save(tmp_path / "out").exists()
    alone = earmark.compare(sounds, names, fusions=["late", "early"], store=store)
    kept = both.predictions[both.predictions["embedding"].isin(names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, alone.predictions)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"combine": ["summed"]}, "at least two embeddings can be combined, got yamnet alone"),
        ({"combine": ["stacked"]}, "no combination 'stacked'. There are: concatenated, summed"),
        ({"combine": ["concatenated"], "fusions": ["late"]}, "concatenated for early fusions only"),
        ({"protocol": "paper"}, "no protocol 'paper'"),
        ({"classifiers": ["d128"], "fusions": ["late-decision"]}, "needs decision values"),
    ],
)
def test_combinations_and_protocols_that_cannot_be_are_refused(sounds, tmp_path, options, says):
    with pytest.raises(SettingsError, match=says):
        earmark.compare(sounds, store=tmp_path / "store", **options)
    assert not (tmp_path / "store").exists()
