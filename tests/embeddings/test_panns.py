"""PANNs Cnn14 against golden vectors of its reference implementation, with seeded weights.

What does not depend on the weights is shown on a thin Cnn14: the same layers, with a few channels each.
"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.embeddings import load_embedding
from earmark.embeddings.layers import stages_of
from earmark.embeddings.panns import BLOCKS, LEAST_SAMPLES, REACH, ClipCnn14, SlidingCnn14, cnn14_stages, panns_cnn14
from earmark.errors import SettingsError
from seeded import weights

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "panns_golden.npz")
SIGNALS = ("sig_32000", "silence_32000")
RATE = 32000


@pytest.fixture(scope="module")
def seeded_weights():
    return weights("cnn14")


@pytest.fixture(scope="module")
def clip_model(seeded_weights):
    return ClipCnn14(tensors=seeded_weights)


@pytest.fixture(scope="module")
def window_model(seeded_weights):
    """A window as long as the first signal, and a block's activations before the embedding."""
    seconds = len(waveform("sig_32000")) / RATE
    return SlidingCnn14(tensors=seeded_weights, runtime="torch", window=seconds, layers=("conv_block2", "fc1"))


def waveform(name):
    return GOLDEN[f"input/{name}"].astype(np.float32) / np.float32(32768)


def noise(samples, seed=0):
    return np.random.default_rng(seed).uniform(-0.3, 0.3, samples).astype(np.float32)


def thin_weights(channels=6, seed=0, low=-1.0):
    """Weights of a Cnn14 with few channels; with `low` 0 everything it computes is positive."""
    generator = np.random.default_rng(seed)
    tensors, into = {}, 1
    shapes = {}
    for block in BLOCKS:
        for number in (1, 2):
            shapes[f"{block}.conv{number}.weight"] = (channels, into, 3, 3)
            into = channels
    shapes["fc1.weight"], shapes["fc1.bias"] = (channels, channels), (channels,)
    for name, shape in shapes.items():
        bound = np.sqrt(6 / np.prod(shape[1:]))
        tensors[name] = generator.uniform(low * bound, bound, shape).astype(np.float32)
        if "conv" in name:
            tensors |= normalisation(name.replace("conv1.w", "bn1.w").replace("conv2.w", "bn2.w"), channels)
    return tensors | normalisation("bn0.weight", 64, mean=-30.0, variance=400.0)


def normalisation(weight, channels, mean=0.0, variance=1.0):
    values = {"weight": 1.0, "bias": 0.1, "running_mean": mean, "running_var": variance}
    name = weight.removesuffix(".weight")
    return {f"{name}.{part}": np.full(channels, value, np.float32) for part, value in values.items()}


@pytest.mark.parametrize("name", SIGNALS)
def test_log_mel_agrees_with_the_reference(clip_model, name):
    golden = GOLDEN[f"{name}/log_mel"]
    ours = np.concatenate(list(clip_model.rows(np.array_split(waveform(name), 9))))
    assert ours.shape == golden.shape
    np.testing.assert_allclose(ours, golden, atol=0.02)


@pytest.mark.parametrize("name", SIGNALS)
def test_network_agrees_with_the_reference_given_its_log_mel(window_model, name):
    ours = window_model.network(GOLDEN[f"{name}/log_mel"][np.newaxis])[0, 128:]
    np.testing.assert_allclose(ours, GOLDEN[f"{name}/embedding"], atol=2e-4)


@pytest.mark.parametrize("name", SIGNALS)
def test_whole_chain_over_a_whole_clip_agrees_with_the_reference(clip_model, name):
    samples = waveform(name)
    ours = clip_model(samples, RATE)
    assert ours.values.shape == (1, 2048)
    off = np.abs(ours.values[0] - GOLDEN[f"{name}/embedding"])
    assert off.mean() < 1e-4
    assert off.max() < 1e-3
    np.testing.assert_array_equal(ours.times, [len(samples) / 2 / RATE])


def test_a_window_over_the_whole_clip_agrees_with_the_reference(window_model):
    values = window_model(waveform("sig_32000"), RATE).values
    assert values.shape == (1, window_model.card.dimension) == (1, 128 + 2048)
    np.testing.assert_allclose(values[0, 128:], GOLDEN["sig_32000/embedding"], atol=1e-3)


@settings(max_examples=12, deadline=None)
@given(
    samples=st.integers(1, 6 * RATE),
    steps_per_block=st.integers(1, 6),
    blocks=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_blocks_of_a_clip_leave_no_trace(samples, steps_per_block, blocks, seed):
    clip, tensors = noise(samples, seed), thin_weights(seed=seed)
    whole, pieces = ClipCnn14(tensors=tensors, runtime="torch"), ClipCnn14(tensors=tensors, runtime="torch")
    pieces.steps_per_block = steps_per_block
    expected = whole(clip, RATE).values
    found = pieces.embed_blocks(np.array_split(clip, blocks), RATE).values
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected).max()))


def test_blocks_leave_no_trace_with_all_channels(seeded_weights, clip_model):
    samples = waveform("sig_32000")
    pieces = ClipCnn14(tensors=seeded_weights)
    pieces.__dict__["network"], pieces._dense, pieces.steps_per_block = clip_model.network, clip_model._dense, 2
    expected = clip_model(samples, RATE).values
    np.testing.assert_allclose(pieces(samples, RATE).values, expected, rtol=1e-5, atol=1e-5)


def test_a_step_is_reached_by_the_rows_that_the_layers_say():
    import torch

    stages = cnn14_stages(thin_weights(channels=2, low=0.0))
    convolutions = stages_of({name: stages[name] for name in ("bands", *BLOCKS, "over bands")}).eval().double()
    rows = torch.zeros(1, 32 * 14, 64, dtype=torch.float64, requires_grad=True)
    convolutions(rows)[0, 6].sum().backward()
    reached = np.flatnonzero(rows.grad[0].abs().sum(1).numpy())
    assert (reached[0], reached[-1]) == (6 * 32 - 126, 6 * 32 + 157)
    assert REACH.stride == 32
    assert REACH.before == 4 * 32  # 126, up to whole steps
    assert REACH.after == 158


def test_long_clips_are_held_a_block_at_a_time():
    model = ClipCnn14(tensors=thin_weights(channels=1), runtime="torch")
    model.steps_per_block = 8
    network, sizes = model.network, []

    def recording(rows):
        sizes.append(rows.shape[1])
        return network(rows)

    model.__dict__["network"] = recording
    model.embed_blocks((noise(RATE, second) for second in range(90)), RATE)
    assert len(sizes) > 30
    assert max(sizes) <= REACH.before + 2 * 8 * REACH.stride + REACH.after


def test_each_window_is_treated_as_a_clip_of_its_own():
    tensors, samples = thin_weights(), noise(2 * RATE + 5)
    frames = panns_cnn14(tensors=tensors, runtime="torch", window=0.7, hop=0.3)(samples, RATE)
    window, hop = round(0.7 * RATE), round(0.3 * RATE)
    clip_model = panns_cnn14(tensors=tensors, runtime="torch", window="clip")
    padded = np.pad(samples, (0, window))
    assert len(frames) == 1 + -(-(len(samples) - window) // hop)
    for number, (value, time) in enumerate(zip(frames.values, frames.times, strict=True)):
        alone = clip_model(padded[number * hop : number * hop + window], RATE)
        np.testing.assert_allclose(value, alone.values[0], rtol=1e-5, atol=1e-5)
        assert time == pytest.approx(number * 0.3 + 0.35)


@pytest.mark.parametrize("window", [1.0, "clip"])
@pytest.mark.parametrize("samples", [1, 511, 5000])
def test_short_clips_are_padded_with_zeros(window, samples):
    model, clip = panns_cnn14(tensors=thin_weights(), runtime="torch", window=window), noise(samples)
    least = LEAST_SAMPLES if window == "clip" else RATE
    out = model(clip, RATE)
    assert len(out) == 1
    np.testing.assert_array_equal(out.values, model(np.pad(clip, (0, least - samples)), RATE).values)
    assert out.times[0] == (0.5 if window == 1.0 else samples / 2 / RATE)


def test_layers_are_averages_over_time_and_frequency():
    import torch

    tensors, samples = thin_weights(), noise(RATE)
    model = SlidingCnn14(tensors=tensors, runtime="torch", layers=("conv_block1", "conv_block3"))
    stages = cnn14_stages(tensors)
    rows, means = torch.from_numpy(model.front_end(samples, 1)), []
    with torch.inference_mode():
        for name in ("bands", "conv_block1", "conv_block2", "conv_block3"):
            rows = stages[name].eval()(rows)
            means.append(rows.numpy().mean(axis=(2, 3)))
    expected = np.concatenate([means[1], means[3]], axis=1)
    np.testing.assert_allclose(model(samples, RATE).values, expected, rtol=1e-5, atol=1e-5)


def test_openvino_agrees_with_pytorch():  # of whole clips see the comparison with the reference, at full size
    tensors, samples = thin_weights(channels=16), noise(3 * RATE)
    ours = {
        runtime: panns_cnn14(tensors=tensors, window=0.5, runtime=runtime)(samples, RATE).values
        for runtime in ("torch", "openvino")
    }
    np.testing.assert_allclose(ours["openvino"], ours["torch"], atol=1e-4)


def test_cards_and_fingerprints_tell_windows_from_whole_clips():
    clip = load_embedding("panns-cnn14:window=clip")
    assert clip.card.name == "panns-cnn14:window=clip"
    assert (clip.card.window_seconds, clip.card.hop_seconds) == (0, 0)
    sliding = load_embedding("panns-cnn14", window=2, hop=0.25)
    assert sliding.card.name == "panns-cnn14:hop=0.25:window=2.0"
    assert (sliding.card.window_seconds, sliding.card.hop_seconds) == (2, 0.25)
    assert (sliding.grid.window, sliding.grid.hop) == (2 * RATE, RATE // 4)
    tensors = thin_weights()
    whole, half = (panns_cnn14(tensors=tensors, window=window).fingerprint for window in ("clip", 0.5))
    assert (whole.window, whole.hop) == (0, 0)
    assert (half.window, half.hop) == (RATE // 2, RATE // 2)
    assert whole.key != half.key


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("panns-cnn14:window=clip:hop=0.5", "hop=0.5 does not go with window=clip"),
        ("panns-cnn14:window=clip:layers=fc1", "layers=fc1 does not go with window=clip"),
        ("panns-cnn14:window=0.3", "a window is 0.31 s"),
        ("panns-cnn14:window=61", "to 60 s, not 61 s"),
        ("panns-cnn14:window=whole", "or clip; got 'whole'"),
        ("panns-cnn14:hop=0.00001", "shorter than a sample"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name, says):
    with pytest.raises(SettingsError, match=says):
        load_embedding(name)


def test_the_shortest_window_passes_the_network():
    assert len(SlidingCnn14(tensors=thin_weights(), window=0.31)(noise(LEAST_SAMPLES), RATE)) == 1
