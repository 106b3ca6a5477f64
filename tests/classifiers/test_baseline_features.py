"""Spectrograms of the baselines: those of the authors, finite whatever is heard, made once and kept."""

import numpy as np
import pytest

from earmark.classifiers.baselines import baseline_features, list_baselines
from earmark.embeddings import list_embeddings
from earmark.embeddings.contract import checks_for, run_checks
from earmark.errors import AudioError, SettingsError
from earmark.store import EmbeddingStore, embed_clips

NAMES = [card.name for card in list_baselines()]
# The clip is divided by its peak, wherever that is: so later samples do matter.
EXCEPT = {"frames do not depend on what comes later"}


def noise(seconds, rate, seed=0):
    return np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * rate)).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_they_keep_to_the_contract_of_embedding_models(name):
    model = baseline_features(name)
    checks = [check for check in checks_for(model, quick=True) if check.name not in EXCEPT]
    found = [f"{finding.check.name}: {finding.found}" for finding in run_checks(model, checks) if finding.found]
    assert not found


@pytest.mark.parametrize("name", NAMES)
def test_they_are_written_out(name):
    """The formula on the page, in float64, frame by frame."""
    card = next(card for card in list_baselines() if card.name == name)
    front, clip = card.front_end, noise(0.5, card.front_end.sample_rate)
    mirrored = np.pad((clip / np.abs(clip).max()).astype(np.float64), front.fft_size // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(front.fft_size) / front.fft_size)
    found = baseline_features(name)(clip, front.sample_rate).values
    assert len(found) == 1 + len(clip) // front.hop
    for number in (0, 3, len(found) - 1):
        piece = mirrored[number * front.hop : number * front.hop + front.fft_size]
        expected = np.abs(np.fft.rfft(piece * window))
        if front.bands:
            expected = expected @ slaney_bank(front)
        np.testing.assert_allclose(found[number], np.log1p(front.gain * expected), rtol=0, atol=1e-5)


def slaney_bank(front):
    from earmark.audio import mel_bank

    return mel_bank(front.sample_rate, front.fft_size, front.bands, 0.0, front.sample_rate / 2).astype(np.float64)


@pytest.mark.parametrize("name", NAMES)
def test_silence_is_zero_throughout(name):
    model = baseline_features(name)
    found = model(np.zeros(model.card.sample_rate, np.float32), model.card.sample_rate)
    assert not found.values.any()


@pytest.mark.parametrize("loudness", [1e-30, 0.01, 1000.0])
def test_loudness_does_not_matter(loudness):
    model = baseline_features("cnn-ensemble")
    clip = noise(1.0, 12000)
    quiet = model((clip * np.float64(loudness)).astype(np.float32), 12000)
    np.testing.assert_allclose(quiet.values, model(clip, 12000).values, rtol=0, atol=2e-4)


def test_samples_far_too_large_are_refused_with_what_to_do():
    clip = np.full(48000, 3e38, np.float32)
    clip[::2] *= -1
    with pytest.raises(AudioError, match="Scale or export"):
        baseline_features("cnn-speech-music")(clip, 21000)


def test_they_are_no_embeddings_that_users_choose_from():
    listed = {card.name for card in list_embeddings()}
    assert not listed & {baseline_features(name).card.name for name in NAMES}


def test_each_has_a_fingerprint_of_its_own():
    assert len({baseline_features(name).identify().key for name in NAMES}) == len(NAMES)


def test_what_is_in_the_store_is_not_made_again(tmp_path, write_sound):
    paths = [write_sound(f"{number}.wav", seconds=0.5, seed=number) for number in range(3)]
    model = baseline_features("cnn-ensemble")
    store = EmbeddingStore(tmp_path / "store", model.identify())
    assert embed_clips(paths, model, store, workers=1).embedded == 3
    again = EmbeddingStore(tmp_path / "store", model.identify())
    extraction = embed_clips(paths, model, again, workers=1)
    assert extraction.embedded == 0
    np.testing.assert_array_equal(
        again.read([extraction.sha256[path] for path in paths])[1], model.embed_file(paths[1]).values
    )


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(SettingsError, match="Did you mean 'cnn-ensemble'"):
        baseline_features("cnn-ensembel")
