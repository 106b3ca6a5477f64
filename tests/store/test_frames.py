"""Many clips in one matrix: nothing is lost, nothing is mixed up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.store import ClipFrames


@st.composite
def clip_lists(draw):
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=8))
    dimension = draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    return [generator.normal(size=(count, dimension)).astype(np.float32) for count in counts]


@given(clip_lists())
def test_each_clip_is_found_as_it_was_put_in(clips):
    frames = ClipFrames.from_list(clips)
    assert len(frames) == len(clips)
    for index, clip in enumerate(clips):
        np.testing.assert_array_equal(frames[index], clip)
        np.testing.assert_array_equal(frames[index - len(clips)], clip)


@given(clip_lists())
def test_counts_and_offsets_tell_the_same(clips):
    frames = ClipFrames.from_list(clips)
    assert frames.counts.tolist() == [len(clip) for clip in clips]
    assert frames.offsets[0] == 0
    assert frames.offsets[-1] == len(frames.values)
    assert frames.offsets.dtype == np.int64
    assert frames.values.dtype == np.float32


@given(clip_lists(), st.data())
def test_take_gives_clips_in_the_order_asked_for_repeats_included(clips, data):
    indices = data.draw(st.lists(st.integers(0, len(clips) - 1), min_size=1, max_size=12))
    taken = ClipFrames.from_list(clips).take(np.array(indices))
    assert len(taken) == len(indices)
    for position, index in enumerate(indices):
        np.testing.assert_array_equal(taken[position], clips[index])


@given(clip_lists())
def test_iterating_gives_every_clip_once(clips):
    assert [len(clip) for clip in ClipFrames.from_list(clips)] == [len(clip) for clip in clips]


@pytest.mark.parametrize("clip", [2, -3, 99])
def test_a_clip_that_is_not_there_raises(clip):
    frames = ClipFrames.from_list([np.zeros((3, 2), np.float32), np.ones((1, 2), np.float32)])
    with pytest.raises(IndexError):
        frames[clip]
