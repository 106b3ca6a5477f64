"""From an address to an embedding: files of the official formats, served by a real web server in all its moods."""

from dataclasses import replace

import numpy as np
import pytest

import official_formats
from earmark.embeddings.kumar import Kumar
from earmark.embeddings.openl3 import OpenL3, Variant
from earmark.embeddings.vggish import PCA_CARD, Vggish
from earmark.embeddings.yamnet import FLOAT_CARD, Yamnet
from earmark.errors import WeightsError
from earmark.weights import RECIPES, UrlSource, get_weights, is_cached, load_weights
from earmark.weights.digests import sha256
from earmark.weights.recipes import fold_yamnet
from seeded import weights

CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, 48000).astype(np.float32)


@pytest.fixture
def published(cache, server, digest, monkeypatch):
    """Let a recipe's own file lie at addresses of the test's server, its digest stated."""

    def publish(weights_id: str, content: bytes, *urls: str) -> None:
        file = RECIPES[weights_id].files[0]
        source = UrlSource(urls, sha256(digest(content)), file.source.filename)
        recipe = replace(RECIPES[weights_id], files=(replace(file, source=source),))
        monkeypatch.setitem(RECIPES, weights_id, recipe)

    return publish


def test_openl3_is_embedded_with_what_was_downloaded(published, server):
    content, variant = official_formats.openl3_file(), Variant("music", "mel128", 512)
    published("openl3-mel128-music", content, server.put("/openl3.h5.gz", content))
    ours = OpenL3(variant, hop=0.5)(CLIP, 48000).values
    np.testing.assert_array_equal(ours, OpenL3(variant, hop=0.5, tensors=weights("openl3"))(CLIP, 48000).values)


def test_yamnet_is_embedded_with_what_was_downloaded(published, server):
    content = official_formats.yamnet_file()
    published("yamnet-float", content, server.put("/yamnet.h5", content))
    tensors = fold_yamnet(weights("yamnet"))
    np.testing.assert_array_equal(
        Yamnet(FLOAT_CARD)(CLIP, 16000).values, Yamnet(FLOAT_CARD, tensors=tensors)(CLIP, 16000).values
    )


def test_kumar_is_embedded_with_what_was_downloaded_through_a_redirection(published, server):
    content = official_formats.kumar_file()
    server.put("/raw/weights.pkl", content)
    moved = server.put("/weights.pkl", status=302, headers={"Location": "/raw/weights.pkl"})
    published("kumar", content, moved)
    np.testing.assert_array_equal(Kumar()(CLIP, 44100).values, Kumar(tensors=weights("kumar"))(CLIP, 44100).values)


def test_a_model_of_two_files_gets_both(published, server, monkeypatch):
    tensors = weights("vggish")
    small = {"a": np.zeros(1, np.float32)}  # in place of 288 MB: only the parameters of the PCA matter here
    content = official_formats.pca_file()
    published("vggish-pca-params", content, server.put("/pca.npz", content))
    monkeypatch.setitem(RECIPES, "vggish", replace(RECIPES["vggish"], shapes={"a": (1,)}))
    packed = official_formats.npz_file(small)
    published("vggish", packed, server.put("/small.npz", packed))
    file = replace(RECIPES["vggish"].files[0], convert=lambda contents: small)
    monkeypatch.setitem(RECIPES, "vggish", replace(RECIPES["vggish"], files=(file,)))
    Vggish(PCA_CARD).fetch()
    assert is_cached("vggish")
    np.testing.assert_array_equal(load_weights("vggish-pca-params").tensors["pca_means"], tensors["pca_means"])


@pytest.mark.parametrize(
    "mood",
    [{}, {"cuts": [1000, 2_000_000]}, {"ranges": False, "cuts": [5000]}, {"pause_seconds": 1e-5}],
    ids=["whole", "cut short twice", "cut short, no ranges", "slow"],
)
def test_whatever_the_server_does_the_weights_come_out_the_same(published, server, mood):
    content = official_formats.kumar_file()
    published("kumar", content, server.put("/weights.pkl", content, **mood))
    ours, theirs = load_weights("kumar").tensors, weights("kumar")
    assert ours.keys() == RECIPES["kumar"].shapes.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name])


def test_the_second_address_is_asked_if_the_first_has_nothing(published, server):
    content = official_formats.kumar_file()
    published("kumar", content, server.url("/gone.pkl"), server.put("/copy.pkl", content))
    assert get_weights("kumar").is_file()
    assert [path for path, _ in server.asked] == ["/gone.pkl", "/copy.pkl"]


def test_a_corrupted_file_is_refused_with_both_digests_and_nothing_is_cached(published, server, digest):
    content = official_formats.kumar_file()
    corrupted = content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]
    published("kumar", content, server.put("/weights.pkl", corrupted))
    with pytest.raises(WeightsError) as caught:
        get_weights("kumar")
    assert digest(content) in str(caught.value)
    assert digest(corrupted) in str(caught.value)
    assert "--sha256" in str(caught.value)
    assert not is_cached("kumar")
