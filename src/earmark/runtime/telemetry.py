"""OpenVINO without its reports.

OpenVINO reports its use to a web service: one event when it is imported, several for each model that is converted. It
does so unless the user has declined: where nobody was asked, consent is taken for granted, and a client's number is
written into the home folder (``openvino_telemetry/main.py`` and ``openvino/tools/ovc/telemetry_utils.py`` of OpenVINO
2026.4). earmark sends nothing anywhere, so it imports OpenVINO as if the package ``openvino_telemetry`` were not
installed; OpenVINO then takes a stand-in of its own, whose methods do nothing. The user's consent file is neither read
nor written.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from earmark.errors import SettingsError

__all__ = ["silent_openvino"]

REPORTER = "openvino_telemetry"

_importing = threading.RLock()


@contextmanager
def silent_openvino() -> Iterator[Any]:
    """Give the module ``openvino``, which reports nothing: not at its import, not within this block, not afterwards.

    One thread at a time is in such a block.

    Raises
    ------
    SettingsError
        If OpenVINO is not installed, or cannot be loaded.
    """
    with _importing, _hidden(REPORTER):
        try:
            openvino = importlib.import_module("openvino")
        except ImportError as error:
            raise SettingsError(
                f"the OpenVINO runtime cannot be loaded: {error}. Install it with pip install openvino, or choose the "
                "runtime torch."
            ) from error
        _take_stand_ins()
        yield openvino


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let imports of a module fail, as if it were not installed."""
    before = sys.modules.pop(name, None)
    sys.modules[name] = None  # type: ignore[assignment]  # how an import is made to fail
    try:
        yield
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before


def _take_stand_ins() -> None:
    """Replace what reports in OpenVINO's modules, in case someone else had imported them before."""
    stand_in = importlib.import_module("openvino.tools.ovc.telemetry_stub")
    for name, module in tuple(sys.modules.items()):
        if name.startswith("openvino.tools.") and "tm" in vars(module):
            vars(module)["tm"] = stand_in
