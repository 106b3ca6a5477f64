"""Long names: broken where a reader expects it, never cut so that two look the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.report.names import break_name, breakable, short_labels, wrap_words

NAMES = st.text(alphabet="ab3-:+=.", min_size=1, max_size=60)


@given(NAMES, st.integers(4, 40), st.booleans())
def test_broken_names_joined_are_the_name(name, width, anywhere):
    lines = break_name(name, width, indent="  ", anywhere=anywhere)
    assert "".join(line.removeprefix("  ") for line in lines) == name


@given(NAMES, st.integers(4, 40))
def test_names_are_broken_only_after_colon_or_plus(name, width):
    assert all(line.endswith((":", "+")) for line in break_name(name, width)[:-1])


@given(NAMES, st.integers(4, 40))
def test_no_line_is_longer_than_asked_where_any_break_will_do(name, width):
    assert max(map(len, break_name(name, width, anywhere=True))) <= width


def test_options_stay_together_where_they_fit():
    name = "soundnet-conv5:layers=conv3+conv5"
    assert break_name(name, 33) == [name]
    assert break_name(name, 30, indent="  ") == ["soundnet-conv5:", "  layers=conv3+conv5"]
    assert break_name(name, 14) == ["soundnet-conv5:", "layers=conv3+", "conv5"]


@given(st.lists(st.text(alphabet="ab ", min_size=1, max_size=12).map(str.strip), unique=True), st.integers(2, 8))
def test_short_labels_of_different_names_differ(names, longest):
    names = [name for name in names if "  " not in name]
    assert len(set(short_labels(names, longest))) == len(names)


def test_pages_may_break_names_and_still_escape_them():
    assert str(breakable("a:b+<c>: d")) == "a:<wbr>b+<wbr>&lt;c&gt;: d"


@pytest.mark.parametrize("width", [20, 30, 80])
def test_titles_break_between_words_before_names(width):
    title = "File-wise accuracy in %, openl3-music-mel256-6144:frontend=0.4:hop=0.5, svm"
    lines = wrap_words(title, width).splitlines()
    assert re.sub(r"\s", "", "".join(lines)) == title.replace(" ", "")
    assert all(" " not in line or len(line) <= width for line in lines)
