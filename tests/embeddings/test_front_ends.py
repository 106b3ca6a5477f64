"""Front ends of all families: what a window gives is its own, and what they hold meanwhile is little."""

import tracemalloc

import numpy as np
import pytest

from embeddings.models import made

FRAMED = [
    ("openl3-music-mel256-512", {}),
    ("openl3-music-mel128-512", {"frontend": "0.4"}),
    ("openl3-env-linear-512", {}),
    ("edgel3-sea-64", {}),
    ("yamnet-float", {}),
    ("vggish", {"hop": 0.48}),
    ("panns-cnn14", {}),
]
STREAMED = [("kumar", {}), ("panns-cnn14", {"window": "clip"})]


def noise(samples):
    return (0.1 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize(("name", "options"), FRAMED, ids=str)
def test_a_window_gives_the_same_alone_as_among_others(name, options):
    model = made(name, **options)
    frames, grid = 19, model.grid
    samples = noise(grid.span(frames))
    together = model.front_end(samples, frames)
    for frame in (0, 7, frames - 1):
        alone = model.front_end(samples[frame * grid.hop :][: grid.window], 1)
        # 1e-6 of a power are 4e-6 dB.
        np.testing.assert_allclose(together[frame], alone[0], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(("name", "options"), STREAMED, ids=str)
def test_a_spectrogram_is_the_same_in_whatever_blocks_the_samples_come(name, options):
    model = made(name, **options)
    samples = noise(20 * model.card.sample_rate)
    whole, blocks = ([samples], np.array_split(samples, 13))
    ours, cut = (np.concatenate(list(model.rows(stream))) for stream in (whole, blocks))
    np.testing.assert_array_equal(ours, cut)


@pytest.mark.parametrize(("name", "options"), FRAMED, ids=str)
def test_a_run_of_windows_takes_a_few_megabytes_beside_its_result(name, options):
    model = made(name, **options)
    samples = noise(model.grid.span(model.frames_per_run))
    model.front_end(samples, model.frames_per_run)  # what is made once and kept
    tracemalloc.start()
    try:
        result = model.front_end(samples, model.frames_per_run)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All transforms of a run at once are up to 78 MB.
    assert peak - result.nbytes < 6e6
