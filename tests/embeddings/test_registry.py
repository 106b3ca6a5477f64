"""Names that are none are refused with what was meant, in few words, and nothing foreign is run for it."""

import sys

import pytest

import earmark
from earmark import list_embeddings, load_embedding
from earmark.embeddings import registry
from earmark.errors import SettingsError


def refusal(name):
    with pytest.raises(SettingsError) as caught:
        load_embedding(name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("YAMNET", "Did you mean 'yamnet'?"),
        ("VGGish", "Did you mean 'vggish'?"),
        ("VGG-ish", "Did you mean 'vggish'?"),
        ("YAMNET:hop=0.5", "Did you mean 'yamnet'?"),
        ("yamnett", "Did you mean 'yamnet'?"),
        ("yamet:hop", "Did you mean 'yamnet'?"),
        ("openl3", "These start so: openl3-env-linear-512, openl3-env-linear-6144, openl3-env-mel128-512 and 9 more."),
        ("OpenL3", "These start so: openl3-env-"),
        ("soundnet", "These start so: soundnet-conv5, soundnet-conv7."),
        ("panns", "Did you mean 'panns-cnn14'?"),
        ("cnn14", "Did you mean 'panns-cnn14'?"),
        ("openl3-mel256-music-512", "Did you mean 'openl3-music-mel256-512'?"),
        ("openl3_music_mel256_512", "Did you mean 'openl3-music-mel256-512'?"),
        ("openl3-mel256-musik-512", "Did you mean 'openl3-music-mel256-512'?"),
        ("openl3-mel256-music", "all of its parts: openl3-music-mel256-512, openl3-music-mel256-6144."),
        ("yamnet-w8a8", "Did you mean 'yamnet'?"),
        ("hear21passt.base", "A HEAR module? Write hear:hear21passt.base."),
        ("hear21passt", "A HEAR module? Write hear:hear21passt."),
        ("HEAR:hear21passt.base", "hear:hear21passt.base."),
        ("openl3*", "`earmark embeddings 'openl3*'` lists those that match."),
        ("yamnet,soundnet-conv5", "more than one name"),
    ],
)
def test_what_was_meant_is_said(name, says):
    assert says in refusal(name)


@pytest.mark.parametrize("name", ["", "zzz", "...", "wav2vec2"])
def test_what_resembles_nothing_gets_no_guess(name):
    assert refusal(name) == f"there is no embedding {name!r}. `earmark embeddings` lists all {len(list_embeddings())}."


@pytest.mark.parametrize("name", ["", "o", "openl3", "mel256", "openl3-", "512", "*", "nothing", "net"])
def test_an_error_never_lists_them_all(name):
    said = refusal(name)
    assert len(said) < 250
    assert sum(card.name in said for card in list_embeddings()) <= 6  # a name is part of another's


def test_a_module_is_not_imported_to_give_a_hint(tmp_path, monkeypatch):
    (tmp_path / "heard_by_nobody.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    assert "Write hear:heard_by_nobody." in refusal("heard_by_nobody")
    assert "heard_by_nobody" not in sys.modules


def test_a_package_whose_models_cannot_be_loaded_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken_models.py").write_text("1 / 0")
    metadata = tmp_path / "broken_models-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-models\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[earmark.embeddings]\nbroken = broken_models:REGISTRATION\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._all.cache_clear()
    try:
        with pytest.raises(SettingsError, match=r"entry point 'broken_models:REGISTRATION'.*ZeroDivisionError"):
            list_embeddings()
    finally:
        registry._all.cache_clear()


def test_help_speaks_of_what_can_be_found():
    said = earmark.load_embedding.__doc__
    assert "earmark.embeddings.embedding_options" in said
    assert "WeightsError" in said
