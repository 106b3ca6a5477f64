"""The paired tests: published formulas by hand, exact references, error rates, and no number where there is none."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_rel

from earmark.errors import SettingsError
from earmark.evaluation import compare_pairs, holm, mcnemar, nadeau_bengio

quickly = settings(max_examples=80, deadline=None)
differences = st.lists(st.integers(-20, 20).map(lambda n: n / 100), min_size=2, max_size=20)
p_lists = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12)


# The corrected resampled t-test


def test_it_is_the_formula_of_nadeau_and_bengio_by_hand():
    # Differences 1, 2, 3, 4 points: mean 2.5, variance 5/3; with a ratio of 1/3, (1/4 + 1/3) 5/3 = 0.97222.
    test = nadeau_bengio([0.01, 0.02, 0.03, 0.04], 1 / 3)
    assert test.mean == pytest.approx(0.025)
    assert test.t == pytest.approx(2.5 / math.sqrt(0.972222222), rel=1e-6)
    half = 3.182446305 * math.sqrt(0.972222222) / 100  # 97.5 % point of Student's t on 3 degrees of freedom
    assert (test.low, test.high) == pytest.approx((0.025 - half, 0.025 + half), rel=1e-6)


@given(differences.filter(lambda values: np.ptp(values) > 0))
@quickly
def test_without_shared_training_clips_it_is_the_paired_t_test(values):
    expected = ttest_rel(values, np.zeros(len(values)))
    test = nadeau_bengio(values, 0)
    assert (test.t, test.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (test.low, test.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


@given(differences, st.floats(0, 2), st.floats(0.01, 2))
@quickly
def test_the_more_is_shared_the_more_careful_it_is(values, ratio, more):
    little, much = nadeau_bengio(values, ratio), nadeau_bengio(values, ratio + more)
    assert math.isnan(little.p) == math.isnan(much.p)
    assert math.isnan(little.p) or much.p >= little.p


@given(differences)
@quickly
def test_its_interval_contains_the_mean_and_excludes_zero_just_when_p_is_below_5_percent(values):
    test = nadeau_bengio(values, 0.25)
    if not math.isnan(test.low) and abs(test.p - 0.05) > 1e-9:
        assert test.low <= test.mean <= test.high
        assert (test.p < 0.05) == (not test.low <= 0 <= test.high)


def test_the_same_difference_in_every_fold_has_no_spread_to_test_against():
    test = nadeau_bengio([0.1 * 3 - 0.2, 0.1, 0.1], 0.25)  # equal but for rounding
    assert test.mean == pytest.approx(0.1)
    assert np.isnan([test.t, test.p, test.low, test.high]).all()


def test_no_difference_in_any_fold_gives_p_1():
    test = nadeau_bengio([0.0] * 5, 0.25)
    assert (test.mean, test.t, test.p) == (0, 0, 1)


def test_a_single_difference_has_no_test():
    test = nadeau_bengio([0.1], 0.25)
    assert test.mean == 0.1
    assert np.isnan([test.t, test.p, test.low, test.high]).all()


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [0.1, math.inf], [[0.1, 0.2]]])
def test_differences_that_are_no_list_of_finite_numbers_are_an_error(values):
    with pytest.raises(SettingsError, match="finite differences"):
        nadeau_bengio(values, 0.25)


@pytest.mark.parametrize("ratio", [-0.1, math.nan, math.inf])
def test_a_ratio_that_is_none_is_an_error(ratio):
    with pytest.raises(SettingsError, match="ratio"):
        nadeau_bengio([0.1, 0.2], ratio)


# McNemar


def decisions_of(only_a, only_b, both=5, none=2):
    a = [True] * only_a + [False] * only_b + [True] * both + [False] * none
    b = [False] * only_a + [True] * only_b + [True] * both + [False] * none
    return a, b


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (1, 6), (8, 2), (12, 12), (0, 24), (15, 9)])
def test_below_25_discordant_clips_it_is_the_exact_binomial_test(only_a, only_b):
    expected = binomtest(only_a, only_a + only_b).pvalue
    assert mcnemar(*decisions_of(only_a, only_b)) == pytest.approx(expected)


@pytest.mark.parametrize(("only_a", "only_b"), [(20, 5), (40, 25), (0, 30), (300, 240)])
def test_from_25_discordant_clips_on_it_is_mid_p(only_a, only_b):
    # Fagerland, Lydersen and Laake (2013): the exact p minus the probability of what was observed.
    number, fewer = only_a + only_b, min(only_a, only_b)
    observed = math.comb(number, fewer) / 2**number
    assert mcnemar(*decisions_of(only_a, only_b)) == pytest.approx(binomtest(fewer, number).pvalue - observed)


def test_it_gives_the_p_of_the_published_example_of_fagerland():
    # Their Table 1, airway hyper-responsiveness of 21 children before and after: 1 and 7 discordant pairs, exact
    # conditional test p = 0.070.
    assert mcnemar(*decisions_of(1, 7, both=1, none=12)) == pytest.approx(0.0703, abs=5e-5)


def test_clusters_are_flipped_whole():
    generator = np.random.default_rng(2)
    a, b, clusters = generator.random(30) < 0.8, generator.random(30) < 0.5, np.arange(30) % 7
    sums = np.array([(a[clusters == c].astype(int) - b[clusters == c]).sum() for c in range(7)])
    flips = [abs(np.dot(signs, sums)) >= abs(sums.sum()) for signs in itertools.product([-1, 1], repeat=7)]
    assert mcnemar(a, b, clusters) == pytest.approx(np.mean(flips))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 9)), min_size=1, max_size=80))
@quickly
def test_which_system_comes_first_does_not_matter(rows):
    a, b, clusters = zip(*rows, strict=True)
    p = mcnemar(a, b, clusters)
    assert 0 <= p <= 1
    assert p == pytest.approx(mcnemar(b, a, clusters))


def test_repeats_that_say_the_same_tell_no_more():
    a, b = (np.array(column) for column in decisions_of(9, 3))
    assert mcnemar(np.tile(a, 5), np.tile(b, 5), np.tile(np.arange(len(a)), 5)) == pytest.approx(mcnemar(a, b))


@pytest.mark.parametrize(("a", "b"), [([], []), ([True], [True, False])])
def test_decisions_that_are_not_of_the_same_clips_are_an_error(a, b):
    with pytest.raises(SettingsError, match="on the same clips"):
        mcnemar(a, b)


# Holm


def test_it_gives_the_adjusted_values_of_r():
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") in R.
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]).tolist() == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


@given(p_lists)
@quickly
def test_adjusted_values_keep_their_order_are_no_smaller_and_at_most_1(values):
    raw, adjusted = np.array(values), holm(values)
    known = ~np.isnan(raw)
    np.testing.assert_array_equal(np.isnan(adjusted), ~known)
    assert (adjusted[known] >= raw[known]).all()
    assert (adjusted[known] <= np.minimum(1, known.sum() * raw[known])).all()
    order = np.argsort(raw[known])
    assert (np.diff(adjusted[known][order]) >= 0).all()


@pytest.mark.parametrize("values", [[-0.1], [0.5, 1.1]])
def test_values_outside_0_to_1_are_an_error(values):
    with pytest.raises(SettingsError, match="lie in"):
        holm(values)


# Pairs of a comparison

SYSTEMS = [("yamnet", "svm", "late"), ("yamnet", "svm", "early"), ("vggish", "svm", "late")]


def tables(accuracies=(0.9, 0.8, 0.7), folds=5, repeats=1, clips=60, fractions=(0.8,), groups=None, seed=0):
    """Results and predictions of systems that are right at random."""
    generator, results, predictions = np.random.default_rng(seed), [], []
    for fraction, (system, accuracy), repeat in itertools.product(
        fractions, zip(SYSTEMS, accuracies, strict=False), range(repeats)
    ):
        right = generator.random(clips) < accuracy
        names = dict(zip(("embedding", "classifier", "fusion"), system, strict=True))
        names = {"dataset": "bells", **names, "train_fraction": fraction, "split": "clips", "repeat": repeat}
        for fold in range(folds):
            tested = np.arange(clips)[np.arange(clips) % folds == fold]
            sizes = {"n_train": round(fraction * clips), "n_test": len(tested)}
            results.append({**names, "fold": str(fold), **sizes, "accuracy": right[tested].mean()})
            for clip in tested:
                known = {} if groups is None else {"group": f"bell {clip // groups}"}
                predictions.append(
                    {**names, "fold": str(fold), "path": f"{clip}.wav", **known, "label": "ding"}
                    | {"predicted": "ding" if right[clip] else "dong"}
                )
    return pd.DataFrame(results), pd.DataFrame(predictions)


def test_each_pair_has_the_tests_of_its_folds_and_clips():
    results, predictions = tables()
    row = compare_pairs(results, predictions).iloc[1]
    assert (row["embedding_a"], row["fusion_a"]) == ("yamnet", "late")
    assert (row["embedding_b"], row["fusion_b"]) == ("vggish", "late")
    folds = results["accuracy"].to_numpy().reshape(3, 5)
    expected = nadeau_bengio(folds[0] - folds[2], 12 / 48)
    assert row["difference_points"] == pytest.approx(100 * expected.mean)
    assert row["p_ttest"] == pytest.approx(expected.p)
    assert (row["low_points"], row["high_points"]) == pytest.approx((100 * expected.low, 100 * expected.high))
    right = (predictions["predicted"] == "ding").to_numpy().reshape(3, 60)
    assert row["p_mcnemar"] == pytest.approx(mcnemar(right[0], right[2]))
    assert row["only_a_right"] == (right[0] & ~right[2]).sum()
    assert row["only_b_right"] == (right[2] & ~right[0]).sum()
    assert row["folds"] == 5


def test_p_values_are_adjusted_within_each_train_fraction():
    pairs = compare_pairs(*tables(fractions=(0.8, 0.4)))
    assert len(pairs) == 6
    for _, part in pairs.groupby("train_fraction"):
        for name in ("p_ttest", "p_mcnemar"):
            assert part[f"{name}_holm"].tolist() == pytest.approx(holm(part[name]).tolist())


def test_fewer_training_clips_do_not_blind_the_test():
    # What folds share does not grow when clips are left out of training.
    pairs = [compare_pairs(*tables(fractions=(fraction,))).loc[1, "p_ttest"] for fraction in (0.8, 0.1)]
    assert pairs[0] == pytest.approx(pairs[1])


def test_the_other_way_round_signs_change_and_p_values_do_not():
    results, predictions = tables()
    pairs = compare_pairs(results, predictions)
    turned = compare_pairs(results[::-1], predictions[::-1])[::-1].reset_index(drop=True)
    assert turned["embedding_a"].tolist() == pairs["embedding_b"].tolist()
    np.testing.assert_allclose(turned["difference_points"], -pairs["difference_points"])
    np.testing.assert_allclose(turned["low_points"], -pairs["high_points"])
    for name in ("p_ttest", "p_mcnemar", "p_ttest_holm", "p_mcnemar_holm"):
        np.testing.assert_allclose(turned[name], pairs[name])


@pytest.mark.parametrize("repeats", [1, 4])
def test_one_test_set_has_no_test_over_folds_however_often_it_is_repeated(repeats):
    pairs = compare_pairs(*tables(folds=1, repeats=repeats))
    assert pairs[["p_ttest", "p_ttest_holm", "low_points", "high_points"]].isna().to_numpy().all()
    assert pairs["p_mcnemar"].notna().all()
    assert pairs["difference_points"].notna().all()
    assert (pairs["folds"] == 1).all()


def test_repeats_of_official_folds_are_no_further_folds():
    once = [table.assign(split="official") for table in tables()]
    often = [pd.concat([table.assign(repeat=repeat) for repeat in range(10)]) for table in once]
    names = ["low_points", "high_points", "p_ttest", "p_ttest_holm", "p_mcnemar", "folds"]
    np.testing.assert_allclose(compare_pairs(*often)[names], compare_pairs(*once)[names])


def test_a_data_set_with_groups_beside_it_changes_nothing_for_one_without():
    alone, grouped = tables(repeats=3), [table.assign(dataset="gongs") for table in tables(groups=6)]
    both = [pd.concat(each, ignore_index=True) for each in zip(grouped, alone, strict=True)]
    pairs = compare_pairs(*both)
    pd.testing.assert_frame_equal(pairs[pairs["dataset"] == "bells"].reset_index(drop=True), compare_pairs(*alone))


def test_groups_are_flipped_whole_where_they_are_known():
    results, predictions = tables(groups=6)
    right = (predictions["predicted"] == "ding").to_numpy().reshape(3, 60)
    groups = predictions["group"].to_numpy().reshape(3, 60)[0]
    assert compare_pairs(results, predictions).loc[0, "p_mcnemar"] == pytest.approx(mcnemar(right[0], right[1], groups))


def test_systems_that_never_differ_are_not_told_apart():
    results, predictions = tables(accuracies=(1.0, 1.0))
    (row,) = compare_pairs(results, predictions).to_dict("records")
    assert (row["difference_points"], row["p_ttest"], row["p_mcnemar"]) == (0, 1, 1)


def test_a_single_system_has_no_pairs_but_the_columns():
    pairs = compare_pairs(*tables(accuracies=(0.9,)))
    assert pairs.empty
    assert {"difference_points", "p_ttest_holm", "p_mcnemar_holm"} <= {*pairs.columns}


def test_without_predictions_only_folds_are_tested():
    results, predictions = tables()
    pairs = compare_pairs(results, predictions.iloc[:0])
    assert pairs["p_mcnemar"].isna().all()
    assert pairs["p_ttest"].notna().all()


def test_systems_that_were_tested_on_other_folds_are_not_compared():
    results, predictions = tables()
    with pytest.raises(SettingsError, match="same folds"):
        compare_pairs(results.iloc[1:], predictions)


def test_systems_that_were_tested_on_other_clips_are_not_compared():
    results, predictions = tables()
    with pytest.raises(SettingsError, match="same clips"):
        compare_pairs(results, predictions.iloc[1:])


def test_the_same_fold_twice_is_an_error():
    results, predictions = tables()
    with pytest.raises(SettingsError, match="tested once"):
        compare_pairs(pd.concat([results, results.iloc[:1]]), predictions)


# Error rates


def cross_validated(generator, clips, folds, repeats, drawn):
    """Accuracies per fold of two classifiers by nearest mean, equally good by design: each has features of its own."""
    labels = np.repeat([0, 1], clips // 2)
    features = generator.normal(size=(2, clips, 10)) + 0.5 * labels[:, None]
    found = []
    for _ in range(repeats):
        fold = np.concatenate([generator.permutation(clips // 2) % folds for _ in range(2)])
        for number in range(folds):
            train, test = fold != number, fold == number
            chosen = [generator.permutation(np.flatnonzero(train & (labels == label)))[:drawn] for label in (0, 1)]
            distances = [
                ((features[:, test] - features[:, index].mean(axis=1, keepdims=True)) ** 2).sum(axis=2)
                for index in chosen
            ]
            found.append(((distances[1] < distances[0]) == labels[test]).mean(axis=1))
    return np.array(found)


@pytest.mark.parametrize(("repeats", "drawn"), [(4, 40), (4, 8)])
def test_the_corrected_test_keeps_its_level_where_the_plain_one_does_not(repeats, drawn):
    generator, corrected, plain = np.random.default_rng(5), 0, 0
    for _ in range(150):
        a, b = cross_validated(generator, 100, 5, repeats, drawn).T
        corrected += nadeau_bengio(a - b, 0.25).p < 0.05
        plain += nadeau_bengio(a - b, 0).p < 0.05
    assert corrected <= 0.08 * 150
    assert plain >= 0.15 * 150


@pytest.mark.parametrize("number", [30, 200])
def test_mcnemar_keeps_its_level(number):
    generator = np.random.default_rng(6)
    wrong = sum(mcnemar(*(generator.random((2, number)) < 0.8)) < 0.05 for _ in range(600))
    assert wrong <= 0.07 * 600


def test_clusters_keep_the_level_where_clips_on_their_own_do_not():
    generator, together, alone = np.random.default_rng(7), 0, 0
    for _ in range(300):
        right = np.repeat(generator.random((2, 20)) < 0.7, 6, axis=1)
        together += mcnemar(*right, np.repeat(np.arange(20), 6)) < 0.05
        alone += mcnemar(*right) < 0.05
    assert together <= 0.07 * 300
    assert alone >= 0.2 * 300
