"""The protocol in a reader's words: keys without underscores, numbers with units, no rows without a value.

The protocol is a dict as the evaluation wrote it (``protocol.json`` keeps every digit). Here its leaves become
short texts; what it nests stays nested, and the page lays it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SECONDS = "_seconds"
#: On a card, 0 s says that a frame is the whole clip.
_WHOLE_CLIP = ("window_seconds", "hop_seconds")


def filled(item: Any) -> Any:
    """Drop what says nothing (None, empty texts and collections) from mappings, and from those inside.

    A list of pairs of a name and a value, as a front end is written in a fingerprint, counts as a mapping.
    """
    if _is_pairs(item):
        item = dict(item)
    if not isinstance(item, Mapping):
        return item
    inner = {key: filled(value) for key, value in item.items()}
    return {key: value for key, value in inner.items() if value is not None and value not in ("", (), [], {})}


def readable(key: object) -> str:
    """Turn a key into words: ``hop_seconds`` into ``hop``, since its value is shown with the unit."""
    return str(key).removesuffix(_SECONDS).replace("_", " ")


def worded(value: object, key: object = "") -> str:
    """Write a single value of a protocol as text.

    Parameters
    ----------
    value : object
    key : object, optional
        What it is called there; names that end in ``_seconds`` give it a unit.

    Returns
    -------
    str

    Examples
    --------
    >>> worded(0.7908390022675736, "window_seconds")
    '0.7908 s'
    >>> worded(0.0, "hop_seconds")
    'whole clip'
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return str(value)
    if key in _WHOLE_CLIP and value == 0:
        return "whole clip"
    if str(key).endswith(_SECONDS):
        return f"{_four_digits(value)} s"
    return _four_digits(value) if key == "hours" else f"{value:.12g}" if isinstance(value, float) else str(value)


def _four_digits(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"


def _is_pairs(item: object) -> bool:
    return (
        isinstance(item, (list, tuple))
        and bool(item)
        and all(isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) for pair in item)
    )
