"""Options in names: one name for one setting, and errors that say what to write instead."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import list_embeddings, load_embedding
from earmark.embeddings import embedding_options, on_runtime
from earmark.embeddings.options import flag, hop, layers, spelled, split_name
from earmark.errors import SettingsError
from earmark.runtime import RUNTIMES

OPENL3 = "openl3-music-mel256-512"
OPTIONS = {"center": flag(True, "centred"), "hop": hop(0.48), "layers": layers(["conv1", "conv2", "conv3"])}


def name_of(name, **options):
    return load_embedding(name, **options).card.name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("yamnet:hop=0.50", "yamnet:hop=0.5"),
        ("yamnet:hop=5e-1", "yamnet:hop=0.5"),
        ("yamnet:hop = 0.5 ", "yamnet:hop=0.5"),
        ("yamnet : Hop=0.5", "yamnet:hop=0.5"),
        ("yamnet:hop=0.48", "yamnet"),
        ("yamnet:runtime=openvino:hop=0.480", "yamnet"),
        ("soundnet-conv5:layers=conv5+conv3", "soundnet-conv5:layers=conv3+conv5"),
        ("soundnet-conv5:layers=conv5 + conv3", "soundnet-conv5:layers=conv3+conv5"),
        (f"{OPENL3}:hop=0.5:frontend=0.4:center=FALSE", f"{OPENL3}:center=false:frontend=0.4:hop=0.5"),
    ],
)
def test_two_spellings_of_one_setting_are_one_name(one, other):
    assert name_of(one) == name_of(other) == other


@settings(deadline=None)
@given(
    chosen=st.fixed_dictionaries(
        {},
        optional={
            "hop": st.sampled_from([0.24, 0.48, 0.5, 1]),
            "center": st.booleans(),
            "layers": st.permutations(["conv1", "conv2", "conv3"]).map(lambda names: names[:2]),
        },
    ),
    order=st.permutations(["hop", "center", "layers"]),
)
def test_what_a_name_spells_is_read_as_what_was_chosen_whatever_the_order(chosen, order):
    (card,) = list_embeddings("yamnet")
    read = {key: OPTIONS[key].read(value) for key, value in chosen.items()}
    at_once = spelled(card, OPTIONS, **{key: read[key] for key in order if key in read})
    one_by_one = card
    for key in order:
        if key in read:
            one_by_one = spelled(one_by_one, OPTIONS, **{key: read[key]})
    assert one_by_one == at_once
    base, said = split_name(at_once.name)
    assert base == "yamnet"
    assert {key: OPTIONS[key].read(text) for key, text in said.items()} == {
        key: value for key, value in read.items() if value != OPTIONS[key].default
    }


def test_the_title_names_the_options_that_were_chosen():
    assert load_embedding("soundnet-conv5").card.title == "SoundNet, conv5"
    assert load_embedding("soundnet-conv5:layers=conv5+conv3").card.title == "SoundNet, conv5 (layers=conv3+conv5)"
    both = load_embedding(f"{OPENL3}:frontend=0.4:hop=0.5").card.title
    assert both.endswith(" (frontend=0.4, hop=0.5)")
    assert both.count("(") == load_embedding(OPENL3).card.title.count("(") + 1


def test_words_may_come_as_numbers_and_are_quoted_in_errors():
    assert name_of(OPENL3, frontend=0.4) == name_of(f"{OPENL3}:frontend=0.4")
    with pytest.raises(SettingsError, match=r"is one of 'trained', '0\.4'; got 0\.5\."):
        load_embedding(OPENL3, frontend=0.5)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("yamnet:hop", r"option 'hop' of yamnet has no value\. Write yamnet:hop=0\.48"),
        ("yamnet:Hop", r"option 'hop' of yamnet has no value\. Write yamnet:hop=0\.48"),
        ("yamnet:hop=", r"option 'hop' of yamnet has no value\. Write yamnet:hop=0\.48"),
        ("yamnet:layers", r"Write yamnet:layers=layer1"),
        ("yamnet:layers=layer3:hop", r"option 'hop' of yamnet has no value\. Write yamnet:hop=0\.48"),
        ("yamnet:hop:runtime=openvino", r"option 'hop' of yamnet has no value\. Write yamnet:hop=0\.48"),
        ("yamnet:", r"a colon in yamnet: has nothing behind it\. .* as in yamnet:hop=0\.48"),
        ("yamnet:hop=0.5:", r"a colon in yamnet: has nothing behind it"),
        ("yamnet:0.24", r"'0\.24' is no option of yamnet\. .* as in yamnet:hop=0\.48"),
        ("hear:package.module:weights", r"option 'weights' of hear:package\.module has no value"),
        ("yamnet:hope=1", r"no option 'hope'\. Did you mean 'hop'\? Its options: hop, layers"),
        ("yamnet:hop-size=1", r"no option 'hop-size'"),
        ("yamnet:hop=1:Hop=2", r"gives an option twice"),
        ("yamnet:hop=0,5", r"written 0\.5; got '0,5'"),
        ("yamnet:hop=,5", r"written 0\.5; got ',5'"),
        ("soundnet-conv5:layers=conv3,conv5", r"joined by \+, not by commas: conv3\+conv5"),
        ("soundnet-conv5:layers=conv3+conv9", r"one or more of 'conv1', .*, joined by \+; got 'conv3\+conv9'"),
        ("soundnet-conv5:layers=conv3+conv3", r"names no layer twice"),
        ("yamnet:runtime=x", r"one of 'openvino', 'openvino-bfloat16', 'torch', 'cuda', 'cuda-bfloat16'; got 'x'"),
        ("openl3-env-linear-512:center=x", r"is true or false; got 'x'"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_with_what_to_write(name, says):
    with pytest.raises(SettingsError, match=says):
        load_embedding(name)


def test_options_know_the_words_that_they_take():
    options = embedding_options("soundnet-conv5")
    assert options["runtime"].words == tuple(RUNTIMES)
    assert "conv5" in options["layers"].words
    assert embedding_options("yamnet")["hop"].words == ()


@pytest.mark.parametrize("value", [[["conv1"]], ["conv9"], [], 3, None])
def test_layers_that_are_none_are_refused_whatever_they_are(value):
    with pytest.raises(SettingsError, match="is one or more of 'conv1'"):
        load_embedding("soundnet-conv5", layers=value)


@pytest.mark.parametrize(
    ("name", "runtime", "expected"),
    [
        ("yamnet", "openvino", "yamnet"),
        ("yamnet", "torch", "yamnet:runtime=torch"),
        ("yamnet:hop=0.24", "torch", "yamnet:hop=0.24:runtime=torch"),
        ("yamnet:runtime=torch", "torch", "yamnet:runtime=torch"),
        ("yamnet:runtime=torch", "openvino", "yamnet:runtime=torch"),
        ("hear:some.module", "openvino", "hear:some.module"),
    ],
)
def test_a_runtime_is_taken_unless_the_name_has_one(name, runtime, expected):
    assert on_runtime(name, runtime) == expected


def test_a_name_that_asks_for_another_runtime_is_refused():
    with pytest.raises(SettingsError, match="Leave out the one or the other"):
        on_runtime("yamnet:runtime=torch", "openvino-bfloat16")


def test_models_that_run_in_their_own_way_refuse_a_runtime():
    with pytest.raises(SettingsError, match="in its own way"):
        on_runtime("hear:some.module", "torch")
