"""Modules that follow HEAR as embedding models: what is made of good ones, and what is said of others."""

import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, invalidate_caches

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import AudioClassifier, load_embedding
from earmark.audio import resample
from earmark.embeddings import embedding_options
from earmark.embeddings.hear_module import hear_registration
from earmark.errors import AudioError, SettingsError
from earmark.store import EmbeddingStore, embed_clips
from embeddings.hear_modules import GOOD, SINGLE, UNEVEN, WINDOWS

RATE = 16000


@pytest.fixture(scope="module")
def good(write_model):
    return write_model(GOOD)


def noise(samples, seed=0):
    return np.random.default_rng(seed).uniform(-0.3, 0.3, samples).astype(np.float32)


def in_one_piece(model, samples):
    """What the module itself gives for a clip as a whole: values, and times in seconds."""
    module = import_module(model.card.name.removeprefix("hear:"))
    with torch.inference_mode():
        values, stamps = module.get_timestamp_embeddings(torch.tensor(samples)[None], module.load_model())
    return values[0].numpy(), stamps[0].double().numpy() / 1000


def test_the_numbers_are_those_of_the_module(good):
    found, clip = good(noise(3 * RATE), RATE), noise(3 * RATE)
    values, times = in_one_piece(good, clip)
    np.testing.assert_allclose(found.values, values, atol=1e-6)
    np.testing.assert_allclose(found.times, times)
    assert found.values.dtype == np.float32
    assert found.times.dtype == np.float64
    assert found.duration_seconds == 3


def test_other_rates_come_resampled_to_the_module(good):
    clip = noise(2 * 44100)
    values, times = in_one_piece(good, resample(clip, 44100, RATE))
    found = good(clip, 44100)
    np.testing.assert_allclose(found.values, values, atol=1e-6)
    np.testing.assert_allclose(found.times, times)
    assert found.duration_seconds == 2


@settings(max_examples=20, deadline=None, derandomize=True)
@given(samples=st.integers(RATE, 100 * RATE), pieces=st.integers(1, 9))
def test_long_clips_in_pieces_come_out_as_in_one(good, samples, pieces):
    clip = noise(samples)
    values, times = in_one_piece(good, clip)
    found = good.embed_blocks(np.array_split(clip, pieces), RATE)
    np.testing.assert_allclose(found.times, times, atol=1e-6)
    np.testing.assert_allclose(found.values, values, atol=1e-5)


@pytest.mark.parametrize("source", [GOOD, UNEVEN, WINDOWS], ids=["good", "uneven", "windows"])
@pytest.mark.parametrize("extra", [0, 1, 12345, 1323000])
def test_pieces_fit_together_whatever_the_hop(write_model, source, extra):
    model = write_model(source)
    clip = noise(30 * model.card.sample_rate + extra)
    values, times = in_one_piece(model, clip)
    found = model(clip, model.card.sample_rate)
    np.testing.assert_allclose(found.times, times, atol=1e-6)
    np.testing.assert_allclose(found.values, values, atol=1e-5)


def test_a_module_of_one_frame_gives_one_for_every_half_minute(write_model):
    model = write_model(SINGLE)
    assert model.card.hop_seconds == 0
    np.testing.assert_allclose(model(noise(2 * RATE), RATE).times, [1.0])
    np.testing.assert_allclose(model(noise(70 * RATE), RATE).times, [15, 45, 65])


def test_what_the_module_hears_is_bounded(write_model):
    model = write_model(
        GOOD.replace(
            "    embeddings = model(audio)", "    assert audio.shape[1] <= 480000\n    embeddings = model(audio)"
        )
    )
    blocks = (noise(10 * RATE, seed) for seed in range(12))
    times = model.embed_blocks(blocks, RATE).times
    np.testing.assert_allclose(np.diff(times), 0.05, atol=1e-6)
    assert times[-1] == pytest.approx(120)


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (800, 2), (8000, 11)])
def test_short_clips_are_filled_up_to_a_second_whose_frames_do_not_count(write_model, samples, frames):
    needs_a_second = (
        '    if audio.shape[1] < 16000:\n        raise ValueError("too short")\n    embeddings = model(audio)'
    )
    found = write_model(GOOD.replace("    embeddings = model(audio)", needs_a_second))(noise(samples), RATE)
    assert len(found) == frames
    assert found.duration_seconds == samples / RATE


def test_the_card_says_what_the_module_says_and_what_is_not_known(good):
    card = good.card
    assert (card.sample_rate, card.dimension, card.hop_seconds, card.window_seconds) == (16000, 8, 0.05, 0.05)
    assert card.weights_ids == ()
    assert card.code_licence == card.weights_licence == "unknown, see the package"


def test_nothing_is_imported_before_the_model_is_used(write_module):
    name = write_module(GOOD)
    model = load_embedding(f"hear:{name}")
    assert set(embedding_options(f"hear:{name}")) == {"weights"}
    assert hear_registration(name).card.name == f"hear:{name}"
    assert name not in sys.modules
    model.prepare()
    assert name in sys.modules


def test_dropout_is_switched_off(write_model):
    drops = GOOD.replace("Model().eval()", "Model()").replace(
        "torch.tanh(windows @ self.matrix)",
        "torch.nn.functional.dropout(windows @ self.matrix, training=self.training)",
    )
    model, clip = write_model(drops), noise(RATE)
    np.testing.assert_array_equal(model(clip, RATE).values, model(clip, RATE).values)
    assert model.module.came_in_training


def test_a_module_that_writes_into_its_audio_does_no_harm(write_model):
    model, clip = (
        write_model(GOOD.replace("    embeddings = model(audio)", "    embeddings = model(audio.mul_(0.5))")),
        noise(RATE),
    )
    before = clip.copy()
    model(clip, RATE)
    np.testing.assert_array_equal(clip, before)


def test_one_clip_is_worked_on_at_a_time(write_model):
    model = write_model(
        GOOD.replace(
            "    embeddings = model(audio)",
            "    assert not getattr(model, 'busy', False)\n    model.busy = True\n    import time\n"
            "    time.sleep(0.02)\n    embeddings = model(audio)\n    model.busy = False",
        )
    )
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda seed: model(noise(RATE, seed), RATE), range(8)))) == 8


def test_weights_are_handed_to_the_module_and_enter_name_and_fingerprint(good, write_module, tmp_path):
    name, path = write_module(GOOD), tmp_path / "other:weights.pt"
    torch.save({"matrix": torch.zeros(1600, 8)}, path)
    plain, other = load_embedding(f"hear:{name}"), load_embedding(f"hear:{name}:weights={path}")
    assert other.card.name == f"hear:{name}:weights={path}"
    assert not other(noise(RATE), RATE).values.any()
    assert plain(noise(RATE), RATE).values.any()
    assert other.fingerprint.weights_sha256 != plain.fingerprint.weights_sha256


@pytest.mark.parametrize("path", ["folder:epoch=3.pt", "one,two.pt", "", 3])
def test_paths_of_weights_that_could_not_be_told_from_options_are_refused(path):
    with pytest.raises(SettingsError, match="the option weights of hear:a is a path"):
        load_embedding("hear:a", weights=path)


def test_a_path_has_one_spelling(tmp_path):
    read = embedding_options("hear:a")["weights"].read
    assert read(tmp_path / "b") == read(f"{tmp_path}/../{tmp_path.name}/b") == f"{tmp_path}/b"


def test_fingerprints_are_stable_and_change_with_source_and_weights(write_module):
    name = write_module(GOOD)
    one, again = (load_embedding(f"hear:{name}").fingerprint for _ in range(2))
    assert one == again
    edited = load_embedding(f"hear:{write_module(GOOD.replace('tanh', 'sin'))}").fingerprint
    assert edited.weights_sha256 == one.weights_sha256
    assert edited.front_end != one.front_end
    seeded = load_embedding(f"hear:{write_module(GOOD.replace('seed(0)', 'seed(1)'))}").fingerprint
    assert seeded.weights_sha256 != one.weights_sha256


def test_the_fingerprint_covers_the_whole_package(folder):
    for name in ("small_hear_package", "small_hear_package/inner"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
    (folder / "small_hear_package" / "inner" / "model.py").write_text(GOOD)
    (folder / "small_hear_package" / "other.py").write_text("SCALE = 1\n")
    invalidate_caches()
    one = load_embedding("hear:small_hear_package.inner.model").fingerprint
    (folder / "small_hear_package" / "other.py").write_text("SCALE = 2\n")
    assert load_embedding("hear:small_hear_package.inner.model").fingerprint != one


def test_weights_of_any_type_are_known_by_their_numbers(write_model):
    many = GOOD.replace(
        "        generator =",
        "        self.short = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))\n"
        "        self.register_buffer('count', torch.tensor(7))\n        generator =",
    )
    one, other = write_model(many), write_model(many.replace("torch.ones(3,", "2 * torch.ones(3,"))
    assert one.fingerprint.weights_sha256 != other.fingerprint.weights_sha256


def test_clips_are_stored_and_classified_with_it(good, sounds, tmp_path):
    paths = sorted(sounds.glob("*/*.wav"))
    store = EmbeddingStore(tmp_path / "store", good.fingerprint)
    assert embed_clips(paths, good, store).embedded == 30
    labels = [path.parent.name for path in paths]
    classifier = AudioClassifier(good.card.name, store=tmp_path / "store").fit(paths, labels)
    classifier.save(tmp_path / "a.earmark")
    loaded = AudioClassifier.load(tmp_path / "a.earmark", store=tmp_path / "store", trust_module=True)
    assert (loaded.predict(paths) == classifier.predict(paths)).all()


WRONG = {
    "no function": (("def get_scene_embeddings", "def another"), "it has no function get_scene_embeddings"),
    "import fails": (("import torch\n", "import torch\nraise OSError('no disk')\n"), r"be imported \(OSError"),
    "dependency": (("import torch\n", "import torch\nimport no_such_thing\n"), "No module named 'no_such_thing'"),
    "loading fails": (("    model = Model()", "    model = Model(1)"), "could not load its model"),
    "no model": (("    return model\n", "    return None\n"), "its load_model gave NoneType"),
    "rate missing": (("sample_rate = 16000", "rate = 16000"), "sample_rate of its model is None"),
    "rate of 0": (("sample_rate = 16000", "sample_rate = 0"), "sample_rate of its model is 0"),
    "rate is a flag": (("sample_rate = 16000", "sample_rate = True"), "sample_rate of its model is True"),
    "size is a float": (("timestamp_embedding_size = 8", "timestamp_embedding_size = 8.0"), "is 8.0, expected an int"),
    "size is wrong": (("timestamp_embedding_size = 8", "timestamp_embedding_size = 9"), r"Tensor \(1, 81, 8\)"),
    "not a pair": (("return embeddings, timestamps", "return embeddings"), r"gave Tensor \(1, 81, 8\) torch.float32"),
    "stereo": (("return embeddings, timestamps", "return embeddings[None], timestamps"), r"\(1, 1, 81, 8\)"),
    "too few times": (("return embeddings, timestamps", "return embeddings, timestamps[:, 1:]"), r"\(1, 80\)"),
    "integers": (("return embeddings, timestamps", "return embeddings.int(), timestamps"), "torch.int32"),
    "seconds": (("50.0 *", "0.05 *"), "timestamps from 0 to 4 ms for 4 s of audio"),
    "samples": (("50.0 *", "800.0 *"), "timestamps from 0 to 64000 ms for 4 s"),
    "backwards": (("50.0 *", "4000 - 50.0 *"), "not increasing"),
    "not finite": (("50.0 *", "float('nan') *"), "not increasing"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), WRONG.values(), ids=WRONG)
def test_a_module_that_breaks_the_contract_is_refused_by_name(write_model, change, says):
    assert change[0] in GOOD
    model = write_model(GOOD.replace(*change))
    with pytest.raises(SettingsError, match=says) as caught:
        model(noise(4 * RATE), RATE)
    assert str(caught.value).startswith("hear:small_hear_")


def test_a_missing_module_is_said_to_be_missing():
    with pytest.raises(SettingsError, match="there is no Python module no_such_package"):
        load_embedding("hear:no_such_package.module").prepare()


@pytest.mark.parametrize("name", ["hear:", "hear:a b", "hear:../a", "hear:a..b"])
def test_what_cannot_be_a_module_is_refused_at_once(name):
    with pytest.raises(SettingsError, match="is not the name of a Python module"):
        load_embedding(name)


def test_a_module_of_tensorflow_is_refused_as_such(folder, write_model):
    (folder / "tensorflow.py").write_text("class Module:\n    pass\n")
    sys.modules.pop("tensorflow", None)
    model = write_model(
        "import tensorflow\n"
        + GOOD.replace("(torch.nn.Module)", "(tensorflow.Module)")
        .replace("        super().__init__()\n", "")
        .replace(".eval()", "")
    )
    try:
        with pytest.raises(SettingsError, match="is made with TensorFlow"):
            model.prepare()
    finally:
        sys.modules.pop("tensorflow", None)
        (folder / "tensorflow.py").unlink()


def test_what_the_module_raises_on_a_clip_is_an_error_of_that_clip(write_model, write_sound):
    model = write_model(
        GOOD.replace(
            "    embeddings = model(audio)",
            "    if audio[0, 0] > 0.9:\n        {}['too loud']\n    embeddings = model(audio)",
        )
    )
    path = write_sound("loud.wav", samples=np.ones(RATE))
    with pytest.raises(
        AudioError, match=r"get_timestamp_embeddings on audio of shape \(1, 16000\) \(KeyError"
    ) as caught:
        model.embed_file(path)
    assert str(caught.value).startswith(f"{path}: hear:small_hear_")
    model(noise(RATE), RATE)


def test_embeddings_that_are_not_finite_are_an_error_of_that_clip(write_model):
    model = write_model(GOOD.replace("torch.tanh(windows @ self.matrix)", "(windows @ self.matrix).log()"))
    with pytest.raises(AudioError, match="gives no finite embedding"):
        model(-np.ones(RATE, np.float32), RATE)


def test_frames_that_move_with_the_length_are_refused_for_long_clips_alone(write_model):
    model = write_model(
        GOOD.replace(
            "50.0 * torch.arange(embeddings.shape[1])",
            "torch.linspace(5, 1000 * audio.shape[1] / 16000 - 5, embeddings.shape[1])",
        )
    )
    assert len(model(noise(20 * RATE), RATE)) == 401
    with pytest.raises(SettingsError, match="cannot be used for clips of more than 30 s"):
        model(noise(40 * RATE), RATE)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ('def load_model(model_file_path=""):\n', SettingsError),
        ("def get_timestamp_embeddings(audio, model):\n", AudioError),
    ],
)
def test_a_module_that_ends_the_process_does_not_end_it(write_model, place, error):
    model = write_model(GOOD.replace(place, f"{place}    raise SystemExit(0)\n"))
    with pytest.raises(error, match="SystemExit"):
        model(np.zeros(16000, np.float32), 16000)


def test_gradients_that_a_module_insists_on_are_let_go(write_model):
    source = GOOD.replace(
        "    embeddings = model(audio)\n",
        "    with torch.inference_mode(False):\n"
        "        embeddings = model(audio).clone() * torch.ones(1, requires_grad=True)\n",
    )
    clip = np.random.default_rng(0).uniform(-0.3, 0.3, 16000).astype(np.float32)
    np.testing.assert_array_equal(write_model(source)(clip, 16000).values, write_model(GOOD)(clip, 16000).values)
