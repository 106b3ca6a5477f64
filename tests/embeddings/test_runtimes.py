"""PyTorch and OpenVINO give the same embeddings, for every network that earmark has."""

import numpy as np
import pytest

from embeddings.models import ALIKE, REGISTRATIONS, made

NAMES = sorted(REGISTRATIONS.keys() - ALIKE.keys())
TOLERANCE = 1e-4


def clip(rate, seconds=3.3):
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, len(time))
    return (0.3 * np.sin(2 * np.pi * 220 * time * (1 + time)) + noise).astype(np.float32)


def apart(name, **options):
    """Largest difference between the two, as a share of the largest value if that is above 1."""
    theirs, ours = (made(name, runtime=runtime, **options) for runtime in ("torch", "openvino"))
    samples = clip(theirs.card.sample_rate)
    wanted = theirs(samples, theirs.card.sample_rate).values
    assert np.ptp(wanted) > 0.01
    return np.abs(ours(samples, ours.card.sample_rate).values - wanted).max() / max(1.0, np.abs(wanted).max())


@pytest.mark.parametrize("name", NAMES)
def test_the_runtimes_agree(name):
    if name == "vggish-pca":
        theirs, ours = (made(name, runtime=runtime)(clip(16000), 16000).values for runtime in ("torch", "openvino"))
        assert np.abs(ours - theirs).max() <= 1  # whole numbers: a value on the border may fall to either side
    else:
        assert apart(name) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("panns-cnn14", {"window": "clip"}),
        ("openl3-music-mel256-512", {"layers": ("conv1", "conv4", "conv8")}),
        ("kumar", {"layers": ("layer1", "layer18")}),
        ("soundnet-conv5", {"layers": ("conv2", "conv5")}),
        ("yamnet-float", {"layers": ("layer1", "layer14")}),
        ("vggish", {"layers": ("conv4_2", "fc1_2")}),
    ],
    ids=str,
)
def test_the_runtimes_agree_on_other_outputs(name, options):
    assert apart(name, **options) < TOLERANCE
