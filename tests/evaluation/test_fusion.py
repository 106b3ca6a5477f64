"""Fusion: the same as a plain loop over the clips, whatever their lengths and the order of their frames."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earmark.errors import SettingsError
from earmark.evaluation import FUSIONS, fuse_late, is_late, pool
from earmark.store import ClipFrames

quickly = settings(max_examples=60, deadline=None)

values = st.floats(-1000, 1000, width=32)
ragged_clips = st.integers(1, 4).flatmap(
    lambda dimension: st.lists(
        st.integers(1, 6).flatmap(lambda frames: arrays(np.float32, (frames, dimension), elements=values)),
        min_size=1,
        max_size=6,
    )
)

# What the names promise, one clip at a time.
PLAIN = {
    "early": lambda clip: clip.max(axis=0),
    "early-mean": lambda clip: clip.mean(axis=0, dtype=np.float64),
    "early-std": lambda clip: np.std(clip, 0, np.float64),
    "early-mean-std": lambda clip: np.concatenate([clip.mean(axis=0, dtype=np.float64), np.std(clip, 0, np.float64)]),
    "early-max-mean": lambda clip: np.concatenate([clip.max(axis=0), clip.mean(axis=0, dtype=np.float64)]),
}


@st.composite
def ragged_likelihoods(draw):
    """Likelihoods of every frame, and which clip the frames belong to."""
    counts = draw(st.lists(st.integers(1, 6), min_size=1, max_size=6))
    raw = draw(arrays(np.float64, (sum(counts), draw(st.integers(2, 4))), elements=st.floats(0.01, 1)))
    return raw / raw.sum(axis=1, keepdims=True), ClipFrames.from_list([np.zeros((n, 1), np.float32) for n in counts])


@pytest.mark.parametrize("fusion", PLAIN)
@given(clips=ragged_clips)
@quickly
def test_pooling_is_that_of_a_plain_loop(fusion, clips):
    pooled = pool(ClipFrames.from_list(clips), fusion)
    assert pooled.values.dtype == np.float32
    assert pooled.counts.tolist() == [1] * len(clips)
    assert np.allclose(pooled.values, [PLAIN[fusion](clip) for clip in clips], rtol=1e-5, atol=1e-4)


@given(clips=ragged_clips)
@quickly
def test_late_fusion_leaves_the_frames_as_they_are(clips):
    frames = ClipFrames.from_list(clips)
    assert pool(frames, "late") is pool(frames, "late-decision") is frames


@pytest.mark.parametrize("fusion", PLAIN)
@given(clips=ragged_clips, seed=st.integers(0, 1000))
@quickly
def test_the_order_of_frames_does_not_matter_to_pooling(fusion, clips, seed):
    generator = np.random.default_rng(seed)
    one, other = (
        pool(ClipFrames.from_list(some), fusion) for some in (clips, [generator.permutation(clip) for clip in clips])
    )
    assert np.allclose(one.values, other.values, rtol=1e-5, atol=1e-4)


@given(ragged_likelihoods())
@quickly
def test_late_fusion_is_the_normalised_sum_of_a_plain_loop(drawn):
    likelihoods, frames = drawn
    fused = fuse_late(likelihoods, frames)
    sums = [likelihoods[start:end].sum(axis=0) for start, end in zip(frames.offsets, frames.offsets[1:], strict=False)]
    assert np.allclose(fused, [summed / summed.sum() for summed in sums])


@given(ragged_likelihoods())
@quickly
def test_fused_likelihoods_of_a_clip_sum_to_1(drawn):
    fused = fuse_late(*drawn)
    assert np.allclose(fused.sum(axis=1), 1)
    assert (fused >= 0).all()


@given(ragged_likelihoods())
@quickly
def test_dividing_by_the_number_of_frames_changes_no_decision(drawn):
    likelihoods, frames = drawn
    sums = np.add.reduceat(likelihoods, frames.offsets[:-1], axis=0)
    top = np.sort(sums, axis=1)
    clear = top[:, -1] - top[:, -2] > 1e-9
    assert np.array_equal(fuse_late(likelihoods, frames).argmax(axis=1)[clear], sums.argmax(axis=1)[clear])


@given(ragged_likelihoods(), st.integers(0, 1000))
@quickly
def test_the_order_of_frames_does_not_matter_to_late_fusion(drawn, seed):
    likelihoods, frames = drawn
    generator = np.random.default_rng(seed)
    rows = [
        generator.permutation(np.arange(start, end))
        for start, end in zip(frames.offsets, frames.offsets[1:], strict=False)
    ]
    assert np.allclose(fuse_late(likelihoods[np.concatenate(rows)], frames), fuse_late(likelihoods, frames))


@given(arrays(np.float64, (5, 3), elements=st.floats(0, 1)))
@quickly
def test_late_fusion_of_clips_of_one_frame_changes_nothing(likelihoods):
    frames = ClipFrames(np.zeros((5, 1), np.float32), np.arange(6))
    assert np.array_equal(fuse_late(likelihoods, frames), likelihoods)


def test_a_fusion_of_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(SettingsError, match="no fusion 'median'") as caught:
        pool(ClipFrames.from_list([np.zeros((1, 1), np.float32)]), "median")
    assert all(name in str(caught.value) for name in FUSIONS)


@given(clips=ragged_clips)
@quickly
def test_deltas_are_mean_deviation_and_mean_size_of_the_changes(clips):
    pooled = pool(ClipFrames.from_list(clips), "early-deltas").values
    for row, clip in zip(pooled, clips, strict=True):
        exact = clip.astype(np.float64)
        changes = [abs(after - before) for before, after in pairwise(exact)]
        expected = [exact.mean(axis=0), exact.std(axis=0), np.mean(changes, axis=0) if changes else 0 * exact[0]]
        assert np.allclose(row, np.concatenate(expected), rtol=1e-5, atol=1e-4)


def test_deltas_tell_a_slow_change_from_a_fast_one():
    slow, fast = np.float32([[0], [0], [1], [1]]), np.float32([[0], [1], [0], [1]])
    one, other = pool(ClipFrames.from_list([slow, fast]), "early-deltas").values
    assert np.allclose(one[:2], other[:2])
    assert (one[2], other[2]) == (np.float32(1 / 3), 1)


def test_the_seven_statistics_are_those_of_scipy():
    from scipy.stats import kurtosis, skew

    clip = np.random.default_rng(0).gamma(2, size=(40, 3)).astype(np.float32)
    row = pool(ClipFrames.from_list([clip]), "early-stats").values[0].reshape(7, 3)
    exact = clip.astype(np.float64)
    expected = [
        exact.min(0),
        exact.max(0),
        np.median(exact, 0),
        exact.mean(0),
        exact.var(0),
        skew(exact),
        kurtosis(exact),
    ]
    assert np.allclose(row, expected, rtol=1e-5)


@given(clip=arrays(np.float32, (1, 3), elements=values))
@quickly
def test_a_single_frame_has_no_spread_no_change_and_no_shape(clip):
    frames = ClipFrames.from_list([clip])
    assert not pool(frames, "early-std").values.any()
    assert not pool(frames, "early-deltas").values[0, 3:].any()
    assert np.array_equal(
        pool(frames, "early-stats").values[0].reshape(7, 3),
        np.vstack([np.repeat(clip, 4, 0), 0 * clip, 0 * clip, 0 * clip]),
    )


def test_a_value_that_does_not_vary_has_skewness_and_kurtosis_of_zero():
    clip = np.full((7, 1), np.float32(0.1))
    assert pool(ClipFrames.from_list([clip]), "early-stats").values[0, 5:].tolist() == [0, 0]


@pytest.mark.parametrize("fusion", [fusion for fusion in FUSIONS if not is_late(fusion)])
def test_several_embeddings_are_put_one_behind_the_other_once_pooled(fusion):
    generator = np.random.default_rng(0)
    one = ClipFrames.from_list([generator.normal(size=(n, 3)).astype(np.float32) for n in (4, 1, 2)])
    other = ClipFrames.from_list([generator.normal(size=(n, 2)).astype(np.float32) for n in (7, 5, 1)])
    both = pool([one, other], fusion)
    assert np.array_equal(both.values, np.hstack([pool(one, fusion).values, pool(other, fusion).values]))
    assert both.counts.tolist() == [1, 1, 1]


@pytest.mark.parametrize("fusion", [fusion for fusion in FUSIONS if is_late(fusion)])
def test_frames_of_several_embeddings_are_not_put_together(fusion):
    frames = ClipFrames.from_list([np.zeros((2, 1), np.float32)])
    with pytest.raises(SettingsError, match="cannot be concatenated"):
        pool([frames, frames], fusion)


@given(ragged_likelihoods())
@quickly
def test_decision_values_of_two_classes_are_averaged_too(drawn):
    rows, frames = drawn
    assert np.allclose(fuse_late(rows[:, 0], frames), fuse_late(rows, frames)[:, 0])
