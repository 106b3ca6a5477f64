"""earmark as a HEAR module: what HEAR's validator asks for, and what it does not look at."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from earmark import hear, list_embeddings, load_embedding
from earmark.embeddings.hear_contract import MODULE_CHECKS
from earmark.embeddings.hear_module import HearModel
from earmark.errors import AudioError, SettingsError
from embeddings.models import ALIKE, MODELS

#: The rates, lengths and sizes of batches are those of hearvalidator.
RATES = (16000, 22050, 32000, 44100, 48000)
#: YAMNet has no frame centred in the first half of its window of 975 ms.
APPLICABLE = [check for check in MODULE_CHECKS if check.name != "module: timestamps cover the clip"]
NAMES = [card.name for card in list_embeddings() if card.name not in ALIKE]


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    if request.param == "yamnet":
        request.getfixturevalue("yamnet_weights")
    return hear.HearEmbedding(MODELS[request.param]())


@pytest.fixture(scope="module")
def yamnet(yamnet_weights):
    return hear.load_model()


def noise(model, clips, seconds):
    generator = torch.Generator().manual_seed(0)
    return torch.rand((clips, round(seconds * model.sample_rate)), generator=generator) * 2 - 1


def test_a_model_carries_what_hear_wants_to_see(model):
    assert isinstance(model, torch.nn.Module)
    assert not model.training
    assert model.sample_rate in RATES
    assert model.sample_rate >= min(model.embedding.card.sample_rate, 48000)
    assert type(model.timestamp_embedding_size) is type(model.scene_embedding_size) is int


@pytest.mark.parametrize("seconds", [1.07, 1.98, 4.0])
def test_timestamp_embeddings_are_as_the_validator_wants_them(model, seconds):
    audio = noise(model, 2, seconds)
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
    assert embeddings.dtype == timestamps.dtype == torch.float32
    assert embeddings.shape == (2, timestamps.shape[1], model.timestamp_embedding_size)
    assert timestamps.shape[0] == 2
    assert (timestamps[0] == timestamps[1]).all()
    steps = timestamps[0].double().diff()
    if len(steps):
        assert (steps - steps.mean()).abs().max() < 1
    card = model.embedding.card
    assert 0 <= timestamps[0, 0] <= 1000 * (card.window_seconds / 2 + card.hop_seconds)
    assert timestamps[0, -1] <= 1000 * audio.shape[1] / model.sample_rate
    assert torch.isfinite(embeddings).all()


def test_scene_embeddings_are_as_the_validator_wants_them(model):
    audio = noise(model, 4, 2.74)
    scenes = hear.get_scene_embeddings(audio, model)
    assert scenes.dtype == torch.float32
    assert scenes.shape == (4, model.scene_embedding_size)
    frames, _ = hear.get_timestamp_embeddings(audio[3:], model)
    torch.testing.assert_close(scenes[3], frames[0].mean(dim=0))


def test_a_clip_has_the_same_embeddings_in_any_batch(model):
    audio = noise(model, 2, 1.2)
    audio[1] *= 0.01
    together, _ = hear.get_timestamp_embeddings(audio, model)
    assert (hear.get_timestamp_embeddings(audio[1:], model)[0][0] == together[1]).all()


def test_the_numbers_are_those_of_the_embedding(yamnet):
    audio = noise(yamnet, 1, 3)
    frames = load_embedding("yamnet")(audio[0].numpy(), 16000)
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, yamnet)
    inside = frames.times <= 3
    np.testing.assert_array_equal(embeddings[0].numpy(), frames.values[inside])
    np.testing.assert_array_equal(timestamps[0].numpy(), (1000 * frames.times[inside]).astype(np.float32))


@pytest.mark.usefixtures("yamnet_weights")
def test_options_stand_in_the_name():
    model = hear.load_model("yamnet:hop=0.05:resampler=resampy-0.2")
    _, timestamps = hear.get_timestamp_embeddings(noise(model, 1, 2), model)
    np.testing.assert_allclose(timestamps[0].diff().numpy(), 50, atol=1e-3)


@pytest.mark.parametrize("samples", [1, 100, 7799, 7800, 8000])
def test_the_last_time_is_never_beyond_the_clip(yamnet, samples):
    _, timestamps = hear.get_timestamp_embeddings(torch.zeros(1, samples), yamnet)
    assert timestamps.shape == (1, 1)
    assert float(timestamps[0, 0]) <= 1000 * samples / 16000


def test_rates_that_hear_does_not_know_are_resampled_inside():
    model = hear.HearEmbedding(MODELS["edgel3-sea-64"]())  # at 8 kHz
    assert model.sample_rate == 16000
    audio = noise(model, 1, 2)
    expected = model.embedding(audio[0].numpy(), 16000).values[:20]
    np.testing.assert_array_equal(hear.get_timestamp_embeddings(audio, model)[0][0].numpy()[:20], expected)


WRONG = {
    "one axis": (torch.zeros(16000), r"of shape \(sounds, samples\), mono, got of shape \(16000,\)"),
    "three axes": (torch.zeros(1, 2, 16000), r"\(1, 2, 16000\)"),
    "an array": (np.zeros((1, 16000), np.float32), "ndarray"),
    "integers": (torch.zeros(1, 16000, dtype=torch.int16), r"got torch\.int16"),
    "doubles": (torch.zeros(1, 16000, dtype=torch.float64), r"got torch\.float64"),
    "no samples": (torch.zeros(2, 0), "no samples"),
    "no clips": (torch.zeros(0, 16000), "no samples"),
    "NaN": (torch.full((1, 16000), torch.nan), "NaN"),
    "gradients": (torch.zeros(1, 16000, requires_grad=True), "requires gradients"),
}


@pytest.mark.parametrize(("audio", "says"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("function", [hear.get_timestamp_embeddings, hear.get_scene_embeddings])
def test_other_audio_is_refused(yamnet, function, audio, says):
    with pytest.raises(AudioError, match=says):
        function(audio, yamnet)


def test_other_models_are_refused():
    with pytest.raises(SettingsError, match=r"the model is a Linear\. Make it with earmark\.hear\.load_model"):
        hear.get_scene_embeddings(torch.zeros(1, 16000), torch.nn.Linear(1, 1))
    with pytest.raises(SettingsError, match="no embedding 'yamnett'"):
        hear.load_model("yamnett")


@pytest.mark.usefixtures("yamnet_weights")
@pytest.mark.parametrize("check", APPLICABLE, ids=lambda check: check.name)
def test_earmark_passes_its_own_checks_of_modules(check):
    check.run(HearModel("earmark.hear", weights="yamnet:hop=0.05"))


@pytest.mark.usefixtures("yamnet_weights")
def test_there_and_back_again_the_numbers_are_the_same():
    clip = np.random.default_rng(0).uniform(-0.3, 0.3, 16000 * 5).astype(np.float32)
    there, back = load_embedding("yamnet")(clip, 16000), load_embedding("hear:earmark.hear")(clip, 16000)
    np.testing.assert_array_equal(back.values, there.values[: len(back)])
    np.testing.assert_allclose(back.times, there.times[: len(back)], atol=1e-6)


def test_earmark_itself_does_not_import_torch():
    code = "import sys, earmark, earmark.embeddings; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_who_looks_at_its_weights_sees_which_embedding_it_is():
    names = ("yamnet", "yamnet:hop=0.24")
    states = [hear.load_model(name).state_dict()["fingerprint"].numpy().tobytes().hex() for name in names]
    assert states == [load_embedding(name).fingerprint.key for name in names]
