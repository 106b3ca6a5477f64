"""Public names that load what they need when they are first used (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["names_from"]


def names_from(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package.

    Parameters
    ----------
    package : str
        Name of the package.
    homes : mapping of str to str
        Public name to the module, inside the package, that defines it.

    Returns
    -------
    callable
        Imports the module of a name and gives the name.

    Examples
    --------
    >>> names_from("earmark", {"FrameGrid": "audio"})("FrameGrid").__name__
    'FrameGrid'
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return get
