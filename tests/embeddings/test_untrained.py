"""Embeddings with random weights say what they are, and are the same every time."""

import numpy as np
import pytest

from earmark.embeddings import load_untrained
from earmark.errors import SettingsError
from earmark.report.systems import random_embeddings


def heard(seed):
    samples = np.random.default_rng(1).standard_normal(44100).astype(np.float32) * 0.1
    return load_untrained("kumar:runtime=torch", seed)(samples, 44100).values


def test_the_name_says_that_weights_are_random():
    model = load_untrained("openl3-music-mel256-512:hop=1")
    assert model.card.name == "openl3-music-mel256-512:hop=1.0 (random weights)"
    described = {"name": model.card.name, "note": ""}
    assert random_embeddings([], {"embeddings": [described]}) == [model.card.name]


def test_same_seed_gives_the_same_embedding_and_another_seed_another():
    np.testing.assert_array_equal(heard(0), heard(0))
    assert not np.allclose(heard(0), heard(1))


def test_embeddings_differ_from_sound_to_sound():
    model = load_untrained("kumar:runtime=torch")
    time = np.arange(44100) / 44100
    low, high = (np.float32(0.1 * np.sin(2 * np.pi * pitch * time)) for pitch in (200, 3000))
    a, b = model(low, 44100).values[0], model(high, 44100).values[0]
    assert np.isfinite(a).all()
    assert np.abs(a - b).max() > 0.01 * np.abs(a).max()


def test_trained_and_random_weights_never_share_a_place_in_the_store():
    from earmark import load_embedding

    assert load_untrained("yamnet").fingerprint.key != load_embedding("yamnet").fingerprint.key


def test_a_model_that_brings_its_own_weights_is_refused():
    with pytest.raises(SettingsError, match="brings its own weights"):
        load_untrained("hear:earmark.hear")


def test_two_networks_of_one_shape_have_different_weights():
    from earmark.embeddings.untrained import random_tensors

    music, environment = (random_tensors(f"openl3-mel256-{content}") for content in ("music", "env"))
    assert music.keys() == environment.keys()
    name = next(name for name, tensor in music.items() if tensor.ndim > 1)
    assert not np.allclose(music[name], environment[name])
