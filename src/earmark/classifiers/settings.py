"""What numbers among an estimator's settings must be."""

from __future__ import annotations

import numbers

import numpy as np

from earmark.errors import SettingsError

__all__ = ["check_count", "check_positive"]


def check_positive(name: str, value: object) -> None:
    """Refuse what is not a finite number above 0.

    Raises
    ------
    SettingsError
        It is not.
    """
    if not isinstance(value, numbers.Real) or not 0 < float(value) < np.inf:
        raise SettingsError(f"{name} is {value!r}. It must be a finite number above 0.")


def check_count(name: str, value: object) -> None:
    """Refuse what is not a whole number of at least 1.

    Raises
    ------
    SettingsError
        It is not.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or int(value) < 1:
        raise SettingsError(f"{name} is {value!r}. It must be a whole number of at least 1.")
