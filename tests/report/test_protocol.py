"""The protocol in a reader's words."""

import math

import pytest

from earmark.report.protocol import filled, readable, worded


@pytest.mark.parametrize(("key", "value", "text"), [
    ("window_seconds", 0.7908390022675736, "0.7908 s"),
    ("hop_seconds", 0.5, "0.5 s"),
    ("window_seconds", 0.0, "whole clip"),
    ("hop_seconds", 0, "whole clip"),
    ("lead_seconds", 0.0, "0 s"),
    ("hours", 0.08334714033761648, "0.08335"),
    ("hours", 12345.6, "12346"),
    ("tol", 1e-4, "0.0001"),
    ("C", 1.0, "1"),
    ("share", 1 / 3, "0.333333333333"),
    ("repeats", 3, "3"),
    ("balanced_test", False, "no"),
    ("groups", None, "none"),
    ("note", "as it is", "as it is"),
    ("x", math.inf, "inf"),
])  # fmt: skip
def test_values_read_as_a_person_would_write_them(key, value, text):
    assert worded(value, key) == text


def test_keys_are_words():
    assert readable("window_seconds") == "window"
    assert readable("sample_rate") == "sample rate"


def test_rows_without_a_value_are_dropped_and_zeros_and_noes_kept():
    described = {"licence": "", "notes": [], "groups": None, "inner": {"empty": ""}, "hop": 0, "synthetic": False}
    assert filled(described) == {"hop": 0, "synthetic": False}


def test_front_end_written_as_pairs_loses_its_empty_options():
    fingerprint = {"front_end": [["layers", ""], ["scale", 256.0]], "key": "1d17"}
    assert filled(fingerprint) == {"front_end": {"scale": 256.0}, "key": "1d17"}
