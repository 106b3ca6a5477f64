"""The studies by name."""

from __future__ import annotations

from collections.abc import Callable

from earmark.errors import SettingsError
from earmark.reproduce.eusipco2020 import eusipco2020, standin
from earmark.reproduce.few_labels import few_labels
from earmark.reproduce.study import Study

__all__ = ["list_studies", "make_study"]

_STUDIES: dict[str, Callable[[], Study]] = {"eusipco2020": eusipco2020, "few-labels": few_labels}


def list_studies() -> list[str]:
    """List the names of studies.

    Examples
    --------
    >>> list_studies()
    ['eusipco2020', 'few-labels']
    """
    return list(_STUDIES)


def make_study(name: str, *, synthetic: bool = False, scale: float = 1.0) -> Study:
    """Make a study by its name.

    Parameters
    ----------
    name : str
        One of `list_studies`.
    synthetic : bool
        Whether it runs on the stand-in suite.
    scale : float
        Size of the stand-in suite.

    Raises
    ------
    SettingsError
        If there is none of that name, or it has no stand-in suite.
    """
    if name not in _STUDIES:
        raise SettingsError(f"there is no study {name!r}. There are: {', '.join(_STUDIES)}.")
    if not synthetic:
        return _STUDIES[name]()
    if name != "eusipco2020":
        raise SettingsError(f"the study {name} has no stand-in suite; eusipco2020 has. Leave out --standin.")
    return standin(scale)
