"""SoundNet against the definition of its layers: no golden vectors of its reference exist."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio import FrameGrid
from earmark.embeddings.convolutional import Cell, least_rows, receptive_field
from earmark.embeddings.soundnet import CARDS, CONVOLUTIONS, LAYERS, OUTPUTS, SoundNet, slidings
from earmark.errors import AudioError

CARD = {card.name: card for card in CARDS}
NAMES = sorted(CARD)
#: Name of the layer, filters, their length, pool behind it: the paper's table.
TABLE = (
    ("1", 16, 64, 8),
    ("2", 32, 32, 8),
    ("3", 64, 16, 1),
    ("4", 128, 8, 1),
    ("5", 256, 4, 4),
    ("6", 512, 4, 1),
    ("7", 1024, 4, 1),
)


def random_weights():
    generator, tensors, before = np.random.default_rng(12), {}, 1
    uniform = generator.uniform
    for number, channels, width, _ in TABLE:
        bound = np.sqrt(6 / (before * width))
        tensors[f"conv{number}.weight"] = uniform(-bound, bound, (channels, before, width))
        tensors[f"conv{number}.bias"] = uniform(-0.1, 0.1, channels)
        tensors[f"bn{number}.weight"] = uniform(0.7, 1.3, channels)
        tensors[f"bn{number}.bias"] = uniform(-0.2, 0.2, channels)
        tensors[f"bn{number}.running_mean"] = uniform(-0.2, 0.2, channels)
        loudness = 1000.0 if number == "1" else 1.0  # the first hears samples times 256
        tensors[f"bn{number}.running_var"] = loudness * uniform(0.5, 1.5, channels)
        before = channels
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


TENSORS = random_weights()


def network(name, **options):
    return SoundNet(CARD[name], tensors=TENSORS, **options)


def noise(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def activations_by_definition(samples):
    """Every convolution's and pool's activations (channels, time) in float64, without a framework."""
    found, maps = {}, 256.0 * samples.astype(np.float64)[np.newaxis]
    for number, _, width, pool in TABLE:
        weight = {name.partition(".")[2]: TENSORS[name].astype(np.float64) for name in TENSORS if f"bn{number}" in name}
        kernel = TENSORS[f"conv{number}.weight"].astype(np.float64)
        padded = np.pad(maps, ((0, 0), (width // 2, width // 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)[:, ::2]  # (in, time, width)
        maps = np.einsum("itw,oiw->ot", windows, kernel) + TENSORS[f"conv{number}.bias"][:, np.newaxis]
        scale = weight["weight"] / np.sqrt(weight["running_var"] + 1e-5)
        maps = (maps - weight["running_mean"][:, np.newaxis]) * scale[:, np.newaxis] + weight["bias"][:, np.newaxis]
        maps = found[f"conv{number}"] = np.maximum(maps, 0)
        if pool > 1:
            whole = maps[:, : maps.shape[1] // pool * pool]
            maps = found[f"pool{number}"] = whole.reshape(len(maps), -1, pool).max(axis=2)
    return found


def natural_outputs(samples, stage):
    for layer in slidings(stage).values():
        samples = (samples + 2 * layer.padding - layer.width) // layer.stride + 1
    return samples


def test_the_network_is_that_of_the_paper():
    assert [(f"conv{n}", c, w, p) for n, c, w, p in TABLE] == [
        (name, layer.channels, layer.width, layer.pool) for name, layer in CONVOLUTIONS.items()
    ]


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_every_layer_is_what_its_definition_says(layer):
    samples = noise(60_000)
    model = network("soundnet-conv7")
    model.cells = {layer: Cell()}  # every activation, as it is
    ours = model.network(samples[np.newaxis] * np.float32(256))[0].T
    theirs = activations_by_definition(samples)[layer]
    assert ours.shape == theirs.shape
    assert np.abs(theirs).max() < 20
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=3e-5)


@pytest.mark.parametrize("name", NAMES)
def test_whole_chain_is_what_its_definition_says(name):
    samples = noise(150_000)
    theirs = activations_by_definition(samples)[OUTPUTS[name]].T
    np.testing.assert_allclose(network(name)(samples, 22050).values, theirs, rtol=1e-5, atol=3e-5)


def test_receptive_fields_are_known():
    conv5, conv7 = (receptive_field(slidings(OUTPUTS[name]).values()) for name in NAMES)
    assert (conv5.width, conv5.stride, conv5.width / 2 - conv5.lead) == (17438, 8192, 2287)
    assert (conv7.width, conv7.stride, conv7.width / 2 - conv7.lead) == (91166, 32768, -10001)


@pytest.mark.parametrize(("name", "first", "hop"), [("soundnet-conv5", 2287, 8192), ("soundnet-conv7", -10001, 32768)])
def test_times_are_the_centres_of_the_receptive_fields(name, first, hop):
    times = network(name)(noise(200_000), 22050).times
    np.testing.assert_array_equal(times, (first + hop * np.arange(len(times))) / 22050)


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_hears_its_receptive_field_and_nothing_else(name):
    ones = {key: np.ones_like(tensor) for key, tensor in TENSORS.items()}  # whatever is heard comes out
    zeros = {key: np.zeros_like(tensor) for key, tensor in TENSORS.items() if key.endswith(("bias", "mean"))}
    model = SoundNet(CARD[name], tensors=ones | zeros)
    frame = 2
    start = frame * model.grid.hop - model.grid.lead
    clip = np.zeros(start + model.grid.window + 10, np.float32)

    def is_heard(sample):
        clip[sample] = 1e-6
        heard = model(clip, 22050).values[frame].any()
        clip[sample] = 0
        return heard

    assert is_heard(start)
    assert is_heard(start + model.grid.window - 1)
    assert not is_heard(start - 1)
    assert not is_heard(start + model.grid.window)


@pytest.mark.parametrize("name", NAMES)
def test_clips_too_short_for_a_frame_are_completed_with_zeros(name):
    least = least_rows(slidings(OUTPUTS[name]).values(), 1)
    assert least == 4574
    model = network(name)
    for samples in (1, 1000, least - 1):
        short = model(noise(samples), 22050)
        full = model(np.pad(noise(samples), (0, least - samples)), 22050)
        assert len(short) == len(full) == 1
        np.testing.assert_array_equal(short.values, full.values)
        assert short.duration_seconds == samples / 22050


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [22050, 48000])
def test_nothing_is_not_padded_to_a_clip(name, rate):
    with pytest.raises(AudioError, match="empty"):
        network(name).embed_blocks([], rate)


@given(st.sampled_from(NAMES), st.integers(1, 300_000))
@settings(max_examples=20, deadline=None)
def test_every_output_of_the_network_is_a_frame(name, samples):
    outputs = natural_outputs(max(samples, 4574), OUTPUTS[name])
    assert len(network(name)(np.zeros(samples, np.float32), 22050)) == outputs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layered", [False, True])
@given(
    samples=st.integers(1, 400_000),
    cuts=st.lists(st.integers(0, 400_000), max_size=4),
    steps_per_block=st.integers(1, 4),
)
@settings(max_examples=8, deadline=None)
def test_blocks_give_the_numbers_of_the_clip_in_one_piece(name, layered, samples, cuts, steps_per_block):
    model, clip = network(name, layers=LAYERS[name] if layered else ()), noise(samples)
    model.steps_per_block = 1000
    whole = model(clip, 22050)
    model.steps_per_block = steps_per_block
    blocks = model.embed_blocks(np.split(clip, sorted(min(cut, samples) for cut in cuts)), 22050)
    np.testing.assert_allclose(blocks.values, whole.values, rtol=1e-5, atol=1e-5 * whole.values.max())
    np.testing.assert_array_equal(blocks.times, whole.times)


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_averaged_over_the_activations_that_are_centred_in_the_frame(name):
    hop = network(name).grid.hop
    samples = noise(3 * hop + 100)
    embedded = network(name, layers=LAYERS[name])(samples, 22050)
    found = activations_by_definition(np.pad(samples, (0, 4 * hop - len(samples))))
    np.testing.assert_array_equal(embedded.times, (np.arange(4) + 0.5) * hop / 22050)
    at = 0
    for layer in LAYERS[name]:
        field, maps = receptive_field(slidings(layer).values()), found[layer]
        centres = np.arange(maps.shape[1]) * field.stride + field.width / 2 - field.lead
        for frame in range(4):
            inside = (centres >= frame * hop) & (centres < (frame + 1) * hop)
            ours = embedded.values[frame, at : at + len(maps)]
            np.testing.assert_allclose(ours, maps[:, inside].mean(axis=1), rtol=1e-4, atol=1e-5, err_msg=layer)
        at += len(maps)
    assert at == embedded.values.shape[1]


@given(samples=st.integers(1, 200_000))
@settings(max_examples=10, deadline=None)
def test_all_layers_have_the_same_frames(samples):
    clip = noise(samples)
    for name in NAMES:
        hop = network(name).grid.hop
        counts = {len(network(name, layers=(layer,))(clip, 22050)) for layer in LAYERS[name]}
        assert counts == {FrameGrid(22050, hop, hop).count(samples)}


def test_conv7_as_a_layer_is_the_embedding_without_the_frame_that_is_centred_before_the_clip():
    samples = noise(6 * 32768)
    own, layer = network("soundnet-conv7")(samples, 22050), network("soundnet-conv7", layers=("conv7",))(samples, 22050)
    np.testing.assert_allclose(own.values[1:], layer.values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layered", [False, True])
def test_openvino_agrees_for_clips_of_any_length(name, layered):
    make = partial(network, name, layers=LAYERS[name] if layered else ())
    torch_model, openvino_model = (make(runtime=each) for each in ("torch", "openvino"))
    for samples in (100, 50_000, 900_000):
        ours, theirs = torch_model(noise(samples), 22050).values, openvino_model(noise(samples), 22050).values
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)
