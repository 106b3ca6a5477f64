"""The networks of the baselines: what their layers compute, and how a step moves them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.classifiers.baselines import baseline_features, find_baseline, list_baselines, load_acmus
from earmark.classifiers.baselines.network import decayed, fresh_parameters, logits
from earmark.classifiers.baselines.training import Descent
from earmark.errors import SettingsError, WeightsError
from earmark.store import ClipFrames

NAMES = [card.name for card in list_baselines()]
SHARED = Path(__file__).resolve().parents[3] / "shared"
RELEASED = {"cnn-ensemble": "ensemble", "cnn-speech-music": "speech_music"}


def seeded(number=0):
    return torch.Generator().manual_seed(number)


def patches_of(card, count=2, seed=0):
    shape = count, card.patch_frames, card.front_end.dimension
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def lively(card, classes=4, seed=0):
    """Parameters of which none is zero or one, as if they had been trained."""
    generator, parameters = np.random.default_rng(seed), fresh_parameters(card, classes, seeded(seed))
    for name, tensor in parameters.items():
        if not name.endswith(".weight"):
            tensor.copy_(torch.from_numpy(generator.uniform(0.2, 0.8, tensor.shape).astype(np.float32)))
    return parameters


def calm(card, **changes):
    """The card without anything that is drawn."""
    return replace(
        card, layers=tuple(layer for layer in card.layers if layer[0] not in ("noise", "dropout")), **changes
    )


# Layer by layer, in NumPy and float64, in the order in which the card has them


def convolution(x, own, filters):
    assert own["weight"].shape[0] == filters
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, own["weight"]) + own["bias"][:, None, None]


def dense(x, own, units):
    assert own["weight"].shape[0] == units
    return x @ own["weight"].T + own["bias"]


def max_pooling(x, own, size):
    count, channels, height, width = x.shape
    x = x[:, :, : height // size * size, : width // size * size]
    return x.reshape(count, channels, height // size, size, width // size, size).max(axis=(3, 5))


def batch_normalisation(x, own):
    mean, variance, scale, shift = (
        own[part].reshape(-1, *[1] * (x.ndim - 2)) for part in ("mean", "variance", "scale", "shift")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


LAYERS = {
    "convolution": convolution,
    "dense": dense,
    "max pooling": max_pooling,
    "batch normalisation": batch_normalisation,
    "relu": lambda x, own: np.where(x > 0, x, 0),
    "leaky relu": lambda x, own, slope: np.where(x > 0, x, slope * x),
    "global max pooling": lambda x, own: x.max(axis=(2, 3)),
    "flatten": lambda x, own: x.reshape(len(x), -1),
    "noise": lambda x, own, deviation: x,
    "dropout": lambda x, own, share: x,
}


def written_out(card, parameters, patches):
    arrays = {name: tensor.detach().numpy().astype(np.float64) for name, tensor in parameters.items()}
    x = patches[:, None].astype(np.float64)
    for number, (kind, *numbers) in enumerate(card.layers):
        own = {name.split(".")[1]: array for name, array in arrays.items() if name.startswith(f"{number}.")}
        x = LAYERS[kind](x, own, *numbers)
    return dense(x, {"weight": arrays["out.weight"], "bias": arrays["out.bias"]}, len(arrays["out.bias"]))


@pytest.mark.parametrize("name", NAMES)
def test_prediction_is_that_of_the_layers_written_out_in_numpy(name):
    card = find_baseline(name)
    parameters, patches = lively(card), patches_of(card)
    found = logits(card, parameters, torch.from_numpy(patches)).numpy()
    expected = written_out(card, parameters, patches)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_the_network_of_the_authors_has_as_many_weights_as_theirs():
    parameters = fresh_parameters(find_baseline("cnn-speech-music"), 4, seeded())
    assert sum(tensor.numel() for tensor in parameters.values()) == 105_668


@pytest.mark.parametrize("name", NAMES)
def test_kernels_begin_glorot_uniform_and_biases_at_zero(name):
    card = find_baseline(name)
    for key, tensor in fresh_parameters(card, 5, seeded()).items():
        if key.endswith(".bias"):
            assert not tensor.any()
        if key.endswith(".weight"):
            outputs, inputs = tensor.shape[:2]
            limit = np.sqrt(6 / (tensor[0, 0].numel() * (inputs + outputs)))
            assert 0.9 * limit < float(tensor.abs().max()) <= limit


# What is drawn


def bare(*layers):
    """A card whose network gives what its layers make of a patch of 12 x 257 values."""
    card = replace(find_baseline("cnn-ensemble"), patch_frames=12, layers=(*layers, ("flatten",)))
    return card, {"out.weight": torch.eye(3084), "out.bias": torch.zeros(3084)}


def test_noise_has_its_deviation_in_training_and_is_off_in_prediction():
    card, parameters = bare(("noise", 0.1))
    zeros = torch.zeros(8, 12, 257)
    noise = logits(card, parameters, zeros, seeded())
    assert float(noise.std()) == pytest.approx(0.1, rel=0.03)
    assert float(noise.mean()) == pytest.approx(0, abs=0.003)
    assert not logits(card, parameters, zeros).any()


def test_dropout_drops_its_share_and_grows_the_others_in_training_only():
    card, parameters = bare(("dropout", 0.25))
    ones = torch.ones(8, 12, 257)
    dropped = logits(card, parameters, ones, seeded())
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    np.testing.assert_allclose(dropped[dropped != 0], 4 / 3, rtol=1e-6)
    assert bool((logits(card, parameters, ones) == 1).all())


def test_batch_normalisation_normalises_by_the_batch_in_training_and_by_averages_in_prediction():
    card = replace(find_baseline("cnn-plastics"), layers=(("batch normalisation",), ("global max pooling",)))
    parameters = fresh_parameters(card, 1, seeded()) | {"out.weight": torch.ones(1, 1), "out.bias": torch.zeros(1)}
    patches = 3 + 2 * torch.randn(64, 43, 64, generator=seeded())
    largest = logits(card, parameters, patches, seeded())
    np.testing.assert_allclose(largest[:, 0], (patches.amax((1, 2)) - patches.mean()) / patches.std(), atol=1e-3)
    assert float(parameters["0.mean"]) == pytest.approx(0.3, abs=0.01)  # a tenth of the batch's
    assert float(parameters["0.variance"]) == pytest.approx(0.9 + 0.4, abs=0.02)


# A step


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("name", ["cnn-speech-music", "cnn-plastics", "net-engine"])
def test_two_steps_are_those_of_autograd_and_of_adam_as_keras_has_it(name, l2, clip_norm):
    card = calm(find_baseline(name), l2=l2, clip_norm=clip_norm)
    card = replace(card, patch_frames=min(card.patch_frames, 16))  # sooner done
    codes, weights = torch.tensor([0, 1, 2]), torch.tensor([0.5, 2.0, 1.0])
    patches = torch.from_numpy(patches_of(card, 3))
    parameters = fresh_parameters(card, 4, seeded())
    expected = {key: tensor.double() for key, tensor in parameters.items()}
    learned = [tensor.requires_grad_() for key, tensor in expected.items() if key.split(".")[1] not in MOVING]
    averages = [[torch.zeros_like(tensor), torch.zeros_like(tensor)] for tensor in learned]
    descent = Descent(card, parameters)
    for number in (1, 2):
        descent.step(patches, codes, weights, seeded())
        losses = torch.nn.functional.cross_entropy(
            logits(card, expected, patches.double(), seeded()), codes, reduction="none"
        )
        loss = (losses * weights).mean() + l2 * sum((kernel**2).sum() for kernel in decayed(expected))
        keras_adam(learned, torch.autograd.grad(loss, learned), averages, number, clip_norm)
    for key, tensor in expected.items():
        np.testing.assert_allclose(parameters[key].detach(), tensor.detach(), rtol=0, atol=2e-5, err_msg=key)


MOVING = ("mean", "variance")


def keras_adam(tensors, gradients, averages, number, clip_norm):
    for tensor, gradient, (mean, square) in zip(tensors, gradients, averages, strict=True):
        length = float(gradient.norm())
        if clip_norm is not None and length > clip_norm:
            gradient = gradient / length * clip_norm
        mean.copy_(0.9 * mean + 0.1 * gradient)
        square.copy_(0.999 * square + 0.001 * gradient**2)
        rate = 1e-3 * (1 - 0.999**number) ** 0.5 / (1 - 0.9**number)
        with torch.no_grad():
            tensor -= rate * mean / (square.sqrt() + 1e-7)


def test_all_kernels_but_the_last_are_decayed_and_no_bias_is():
    parameters = fresh_parameters(find_baseline("cnn-ensemble"), 5, seeded())
    assert [tuple(kernel.shape[:2]) for kernel in decayed(parameters)] == [
        *((16, 1), (32, 16), (64, 32), (128, 64)),
        (64, 128),
    ]


# The authors' own weights


def shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name}, which does not lie beside this checkout")
    return path


def released(name):
    stem = RELEASED[name]
    return load_acmus(name, shared(f"weights/acmus/{stem}.h5"), shared(f"weights/acmus/{stem}.npz"))


@pytest.mark.parametrize("name", RELEASED)
def test_the_features_are_those_of_the_authors(name):
    golden, card = np.load(shared("golden/acmus.npz")), find_baseline(name)
    expected = golden[f"{RELEASED[name]}/features"]
    frames = baseline_features(name)(golden[f"{RELEASED[name]}/input"], card.front_end.sample_rate).values
    found = [frames[start : start + card.patch_frames] for start in range(0, len(frames), card.patch_hop)]
    np.testing.assert_allclose(np.stack(found[: len(expected)]), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", RELEASED)
def test_the_released_weights_give_the_softmax_of_the_authors(name):
    golden, fitted = np.load(shared("golden/acmus.npz")), released(name)
    frames = baseline_features(name)(golden[f"{RELEASED[name]}/input"], fitted.card.front_end.sample_rate).values
    expected = golden[f"{RELEASED[name]}/softmax"]
    clips = ClipFrames.from_list([frames])
    found = fitted.patch_likelihoods(clips)
    assert found.shape == expected.shape  # the frames behind the last complete patch are dropped
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(fitted.likelihoods(clips)[0], expected.mean(axis=0), rtol=0, atol=1e-5)


def test_the_weights_of_the_other_network_are_refused():
    with pytest.raises(WeightsError, match=r"speech_music\.h5.*not the finite ones of cnn-ensemble"):
        load_acmus("cnn-ensemble", shared("weights/acmus/speech_music.h5"), shared("weights/acmus/ensemble.npz"))
    with pytest.raises(WeightsError, match=r"speech_music\.npz.*normMat"):
        load_acmus("cnn-ensemble", shared("weights/acmus/ensemble.h5"), shared("weights/acmus/speech_music.npz"))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"absent\.h5"):
        load_acmus("cnn-ensemble", tmp_path / "absent.h5", tmp_path / "absent.npz")


@pytest.mark.parametrize("part", ["h5", "npz"])
def test_a_file_of_another_kind_is_refused_by_its_name(part, tmp_path):
    other = tmp_path / f"other.{part}"
    other.write_bytes(b"neither HDF5 nor a zip file")
    files = {kind: shared(f"weights/acmus/ensemble.{kind}") for kind in ("h5", "npz")} | {part: other}
    with pytest.raises(WeightsError, match=rf"other\.{part}: "):
        load_acmus("cnn-ensemble", **files)


def test_only_two_networks_have_been_released(tmp_path):
    with pytest.raises(SettingsError, match="only of: cnn-ensemble, cnn-speech-music"):
        load_acmus("net-engine", tmp_path / "x.h5", tmp_path / "x.npz")
