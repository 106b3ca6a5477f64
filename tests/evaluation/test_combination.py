"""The likelihoods of several embeddings' systems, summed."""

import numpy as np
import pandas as pd
import pytest

from earmark.errors import SettingsError
from earmark.evaluation import Outcome, combined_name, score, sum_likelihoods

CLASSES = ["a", "b", "c"]


def outcome(embedding, seed, fusions=("late", "early"), folds=2, clips=6):
    generator, results, predictions = np.random.default_rng(seed), [], []
    for fusion in fusions:
        for fold in range(folds):
            names = {"dataset": "d", "embedding": embedding, "classifier": "svm", "fusion": fusion}
            names |= {"train_fraction": 0.8, "split": "clips", "repeat": 0, "fold": str(fold)}
            labels = np.array(CLASSES)[np.arange(clips) % 3]
            likelihoods = generator.dirichlet(np.ones(3), clips)
            predicted = np.array(CLASSES)[likelihoods.argmax(axis=1)]
            results.append(names | vars(score(labels, predicted)) | {"seconds": 1.0})
            for clip in range(clips):
                row = {"path": f"{fold}-{clip}", "label": labels[clip], "predicted": predicted[clip]}
                predictions.append(
                    names | row | dict(zip(map("likelihood:{}".format, CLASSES), likelihoods[clip], strict=True))
                )
    return Outcome(pd.DataFrame(results), pd.DataFrame(predictions))


def test_likelihoods_are_averaged_clip_by_clip_and_scored_again():
    one, other = outcome("yamnet", 0), outcome("soundnet", 1)
    summed = sum_likelihoods([one, other], "both")
    columns = [f"likelihood:{name}" for name in CLASSES]
    expected = (one.predictions[columns].to_numpy() + other.predictions[columns].to_numpy()) / 2
    np.testing.assert_allclose(summed.predictions[columns], expected)
    assert summed.predictions["predicted"].tolist() == [CLASSES[index] for index in expected.argmax(axis=1)]
    assert set(summed.predictions["embedding"]) == set(summed.results["embedding"]) == {"both"}
    for _, row in summed.results.iterrows():
        clips = summed.predictions[
            (summed.predictions["fusion"] == row["fusion"]) & (summed.predictions["fold"] == row["fold"])
        ]
        assert row["accuracy"] == (clips["label"] == clips["predicted"]).mean()
    assert set(summed.results["seconds"]) == {2.0}


def test_what_was_summed_stays_as_it_was():
    one, other = outcome("yamnet", 0), outcome("soundnet", 1)
    sum_likelihoods([one, other], "both")
    pd.testing.assert_frame_equal(one.predictions, outcome("yamnet", 0).predictions)
    pd.testing.assert_frame_equal(one.results, outcome("yamnet", 0).results)


def test_a_system_summed_with_itself_is_itself():
    one = outcome("yamnet", 0)
    pd.testing.assert_frame_equal(sum_likelihoods([one, one], "yamnet").predictions, one.predictions)


@pytest.mark.parametrize(
    "other",
    [outcome("soundnet", 1, folds=3), outcome("soundnet", 1, fusions=("late",)), outcome("soundnet", 1, clips=9)],
)
def test_predictions_of_something_else_are_refused(other):
    with pytest.raises(SettingsError, match="different clips, folds or systems"):
        sum_likelihoods([outcome("yamnet", 0), other], "both")


def test_one_embedding_cannot_be_combined():
    with pytest.raises(SettingsError, match="at least two embeddings"):
        sum_likelihoods([outcome("yamnet", 0)], "both")


def test_the_name_says_what_and_how():
    assert combined_name(["yamnet", "soundnet-conv5"], "concatenated") == "yamnet+soundnet-conv5 (concatenated)"
