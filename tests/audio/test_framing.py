"""Frames cover every sample, their times come from integers, and blocks leave no trace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.audio import FrameGrid
from earmark.errors import AudioError, SettingsError


def grids(tails=("pad", "drop")):
    sizes = {"sample_rate": st.integers(1, 48000), "window": st.integers(1, 50), "hop": st.integers(1, 70)}
    return st.builds(FrameGrid, **sizes, lead=st.integers(0, 30), tail=st.sampled_from(tails))


@given(grids(["pad"]), st.integers(1, 2000))
def test_every_clip_has_a_frame_and_its_end_is_covered(grid, samples):
    frames = grid.count(samples)
    assert frames >= 1
    assert grid.span(frames) >= grid.lead + samples or grid.hop > grid.window
    assert frames == 1 or grid.span(frames - 1) < grid.lead + samples  # and not one frame more than that takes


@given(grids(["drop"]), st.integers(1, 2000))
def test_frames_that_the_clip_does_not_fill_are_dropped_but_the_first(grid, samples):
    frames = grid.count(samples)
    assert frames == 1 or grid.span(frames) <= grid.lead + samples
    assert grid.span(frames + 1) > grid.lead + samples


@given(grids(), st.integers(1, 500), st.integers(1, 9), st.data())
def test_runs_of_any_blocks_give_the_frames_of_the_whole(grid, samples, frames_per_run, data):
    clip = np.arange(1, samples + 1, dtype=np.float32)
    cuts = sorted(data.draw(st.lists(st.integers(0, samples), max_size=6)))
    runs = list(grid.runs(np.split(clip, cuts), frames_per_run))
    frames = [run[i * grid.hop : i * grid.hop + grid.window] for run, n in runs for i in range(n)]
    padded = np.pad(clip, (grid.lead, grid.window + grid.hop))
    expected = [padded[i * grid.hop : i * grid.hop + grid.window] for i in range(grid.count(samples))]
    np.testing.assert_array_equal(frames, expected)


@given(grids(), st.integers(1, 500))
def test_times_are_centres(grid, frames):
    starts = np.arange(frames) * grid.hop - grid.lead
    np.testing.assert_allclose(grid.times(frames), (starts + grid.window / 2) / grid.sample_rate)


def test_times_do_not_drift_over_an_hour():
    grid = FrameGrid(sample_rate=44100, window=44100, hop=1103)
    frames = grid.count(3600 * 44100)
    assert grid.times(frames)[-1] == ((frames - 1) * 1103 + 22050) / 44100


def test_empty_clips_and_impossible_grids_are_refused():
    with pytest.raises(AudioError, match="empty"):
        FrameGrid(16000, 400, 160).count(0)
    with pytest.raises(AudioError, match="empty"):
        list(FrameGrid(16000, 400, 160).runs([], 4))
    with pytest.raises(SettingsError, match="at least 1"):
        FrameGrid(16000, 400, 0)
    with pytest.raises(SettingsError, match="the lead 0"):
        FrameGrid(16000, 400, 160, lead=-1)


@given(grids(), st.integers(1, 40), st.integers(0, 60))
def test_samples_are_cut_into_the_frames_over_them(grid, frames, more):
    samples = np.arange(grid.span(frames) + more, dtype=np.float32)
    expected = [samples[i * grid.hop : i * grid.hop + grid.window] for i in range(frames)]
    np.testing.assert_array_equal(grid.cut(samples, frames), expected)
