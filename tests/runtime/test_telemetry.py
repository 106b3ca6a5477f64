"""OpenVINO reports nothing to anyone when earmark uses it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from earmark.errors import SettingsError
from earmark.runtime import OpenVinoNetwork

# Writes down, in this process and those it forks, every event by which something could be sent, and lets none happen.
WATCH = """
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
def watch(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        os.write(log, f"{event}\\n".encode())
        raise OSError("nothing leaves this process")
    if event in ("os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "subprocess.Popen"):
        os.write(log, f"{event}\\n".encode())
import torch
sys.addaudithook(watch)
"""
EARMARK = """
from earmark.runtime import OpenVinoNetwork
import numpy as np
network = OpenVinoNetwork(lambda: torch.nn.Linear(3, 2), (3,))
assert network(np.ones((5, 3), np.float32)).shape == (5, 2)
"""
OPENVINO = """
import openvino
openvino.convert_model(torch.nn.Linear(3, 2), example_input=torch.ones(1, 3))
"""
OPENVINO_BEFORE = """
import time, openvino, openvino_telemetry
while openvino_telemetry.Telemetry().sender.queue_size:
    time.sleep(0.01)
os.ftruncate(log, 0)
"""


def watched(code: str, folder: Path) -> tuple[list[str], list[Path]]:
    """Run code in a process with an empty home, and return what it tried to send and the files it made there."""
    log, home = folder / "events", folder / "home"
    log.touch()
    home.mkdir()
    declining = ("CI", "TF_BUILD", "JENKINS_URL")  # in a continuous integration job OpenVINO reports nothing anyway
    environment = {name: value for name, value in os.environ.items() if name not in declining}
    homes = dict.fromkeys(("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), str(home))
    command = [sys.executable, "-W", "ignore", "-c", WATCH + code, str(log)]
    subprocess.run(command, env=environment | homes, check=True, timeout=120)
    return log.read_text().split(), [path for path in home.rglob("*") if path.is_file()]


def test_earmark_converts_and_runs_a_network_without_a_word_to_anyone(tmp_path):
    assert watched(EARMARK, tmp_path) == ([], [])


def test_earmark_stays_silent_where_openvino_was_imported_by_someone_else(tmp_path):
    events, _ = watched(OPENVINO_BEFORE + EARMARK, tmp_path)
    assert events == []


def test_this_watch_hears_openvino_report_by_itself(tmp_path):
    events, files = watched(OPENVINO, tmp_path)
    assert [event for event in events if event.startswith("socket.")]
    assert files


def test_openvino_that_is_missing_is_asked_for(monkeypatch):
    for name in [name for name in sys.modules if re.match(r"openvino(\.|$)", name)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(SettingsError, match="pip install openvino, or choose the runtime torch"):
        OpenVinoNetwork(lambda: torch.nn.Linear(3, 2), (3,))
