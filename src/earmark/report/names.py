"""Long names, broken where a reader expects it and never cut so that two of them look the same.

Names of embeddings carry options (``soundnet-conv5:layers=conv3+conv5``), and what tells two of them apart
often stands at their end. They are broken only after ``:`` and ``+``: by new lines in terminals and figures, and
by ``<wbr>`` (HTML Living Standard, "The wbr element") in pages, which leaves nothing invisible in copied text.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

_AFTER_COLON = re.compile(r"(?<=:)(?=\S)")
_BREAKS = re.compile(r"(?<=[:+])(?=\S)")


def break_name(name: str, width: int, *, indent: str = "", anywhere: bool = False) -> list[str]:
    """Break a name into lines of `width`, after ``:`` where that is enough, else after ``+`` too.

    Parameters
    ----------
    name : str
    width : int
        Characters a line, more only where a part of the name has more.
    indent : str, optional
        Put before every line but the first.
    anywhere : bool, optional
        Whether parts longer than a line are broken as well: after a hyphen, or where the line ends.

    Returns
    -------
    list of str
        Joined again, without the indents, they are the name.

    Examples
    --------
    >>> break_name("soundnet-conv5:layers=conv3+conv5", 20)
    ['soundnet-conv5:', 'layers=conv3+conv5']
    """
    parts: list[str] = []
    for option in _AFTER_COLON.split(name):  # lists inside options stay together where they fit
        for part in [option] if len(option) <= width else _BREAKS.split(option):
            parts += textwrap.wrap(part, width, drop_whitespace=False) if anywhere and part else [part]
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) <= width:
            lines[-1] += part
        else:
            lines.append(indent + part)
    return lines


def wrap_words(text: str, width: int) -> str:
    """Wrap a text between words, and names longer than a line after ``:`` or ``+``."""
    lines = textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False)
    return "\n".join(part for line in lines for part in (break_name(line, width) if len(line) > width else [line]))


def breakable(text: str) -> Markup:
    """Escape a text for HTML, and let browsers break its names after ``:`` and ``+``."""
    from markupsafe import Markup

    return Markup("<wbr>").join(_BREAKS.split(text))


def shorten(text: str, longest: int) -> str:
    """Cut `text` to at most `longest` characters, with an ellipsis in the place of the rest."""
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"


def short_labels(names: Sequence[str], longest: int) -> list[str]:
    """Shorten names to `longest` characters, but leave those whole that would then look the same."""
    short = [shorten(name, longest) for name in names]
    count = Counter(short)
    return [label if count[label] == 1 else name for name, label in zip(names, short, strict=True)]
