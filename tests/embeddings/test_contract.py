"""Every registered embedding model keeps the contract: the public checks, and what files and the store need."""

import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from earmark import list_embeddings, load_embedding
from earmark.embeddings.contract import CHECKS, QUICK
from earmark.embeddings.options import split_name
from earmark.errors import AudioError, SettingsError
from earmark.store import EmbeddingStore, embed_clips
from embeddings.models import ALIKE, MODELS, made

NAMES = [card.name for card in list_embeddings()]


def make(name, request):
    assert name in MODELS, f"tests/embeddings/models.py must say how {name} is made without a download"
    if name == "yamnet":
        request.getfixturevalue("yamnet_weights")
    return MODELS[name]()


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return make(request.param, request)


@pytest.mark.parametrize("check", [*CHECKS, *QUICK], ids=lambda check: check.name)
@pytest.mark.parametrize("model", [name for name in NAMES if name not in ALIKE], indirect=True, scope="module")
def test_the_contract_is_kept(model, check):
    check.run(model)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("openl3-music-mel128-512", {"hop": 0.12345678}),
        ("openl3-music-linear-512", {"center": False, "hop": 1.7}),
        ("edgel3-sea-64", {"hop": 0.12345678, "layers": ("conv3",)}),
        ("panns-cnn14", {"hop": 0.12345678, "window": 0.7777}),
        ("panns-cnn14", {"window": "clip"}),
        ("yamnet-float", {"hop": 0.47, "layers": ("layer1", "layer9")}),
        ("vggish", {"hop": 2.51, "layers": ("conv3_1", "conv4_2")}),
        ("kumar", {"padding": "reference", "layers": ("layer4", "layer16")}),
        ("soundnet-conv5", {"layers": ("conv2", "conv5")}),
        ("soundnet-conv7", {"layers": ("conv1", "conv7"), "resampler": "resampy-0.2"}),
    ],
    ids=str,
)
def test_the_contract_is_kept_with_options(name, options):
    model = made(name, **options)
    for check in CHECKS:
        check.run(model)


def test_models_that_are_passed_over_are_others_but_for_their_weights():
    for name, other in ALIKE.items():
        one, two = MODELS[name](), MODELS[other]()
        assert type(one) is type(two)
        assert one.front_end_facts == two.front_end_facts
        assert one.grid == two.grid


def test_made_again_a_model_gives_the_same_bits_and_has_the_same_fingerprint(model, request):
    again = make(split_name(model.card.name)[0], request)
    assert again.fingerprint == model.fingerprint
    assert again.fingerprint.key == model.fingerprint.key
    seconds = model.card.window_seconds + model.card.hop_seconds
    clip = np.random.default_rng(0).uniform(-0.3, 0.3, round(seconds * model.card.sample_rate)).astype(np.float32)
    found, expected = again(clip, model.card.sample_rate), model(clip, model.card.sample_rate)
    np.testing.assert_array_equal(found.values, expected.values)


@pytest.mark.parametrize("model", ["yamnet"], indirect=True, scope="module")
def test_files_that_hold_no_sound_are_refused_by_name(model, write_sound):
    path = write_sound("a.wav", samples=np.full(16000, 3e38), subtype="FLOAT")
    with pytest.raises(AudioError, match=r"samples reach 3e\+38") as caught:
        model.embed_file(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_files_are_embedded_and_stored_whatever_bytes_their_names_are(model, write_sound, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    write_sound("a.wav").rename(path)
    store = EmbeddingStore(tmp_path / "store", model.fingerprint)
    assert embed_clips([path], model, store).embedded == 1
    (shard,) = store.folder.glob("*.parquet")
    assert pq.read_table(shard, columns=["source"])["source"].to_pylist() == [rf"{tmp_path}/caf\xe9.wav"]


def test_unknown_names_are_refused_with_a_hint():
    with pytest.raises(SettingsError, match="Did you mean 'yamnet'"):
        load_embedding("yamnett")


def test_names_are_matched_by_pattern():
    assert list_embeddings("no-such-*") == []
    assert [card.name for card in list_embeddings("yamnet")] == ["yamnet"]
