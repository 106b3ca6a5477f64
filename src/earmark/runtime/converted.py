"""Converted networks on disk.

Importing PyTorch, building a network and converting it takes seconds and twice the memory of its weights; compiling
what came of it some hundredths of a second. So that is kept: a folder with OpenVINO's file of the graph, that of the
weights, which is mapped and not read, and the SHA-256 of both. One that is damaged is made anew: nothing is lost but
time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from earmark.files import TEMPORARY_PREFIX

__all__ = ["keep_network", "kept_network"]

_GRAPH, _WEIGHTS, _DIGESTS = "network.xml", "network.bin", "sha256.json"


def kept_network(folder: Path) -> Path | None:
    """Find a network that is kept.

    Parameters
    ----------
    folder : Path
        Where it was kept.

    Returns
    -------
    Path or None
        OpenVINO's file of it; None if there is none, or it is damaged.
    """
    try:
        stated = json.loads((folder / _DIGESTS).read_bytes())
        return folder / _GRAPH if stated == _digests(folder) else None
    except (OSError, ValueError):
        return None


def keep_network(folder: Path, openvino: Any, model: Any) -> Path | None:
    """Keep a network, in the place of a damaged one if need be.

    Parameters
    ----------
    folder : Path
        Where; appears whole or not at all.
    openvino : module
    model : openvino.Model
        The network.

    Returns
    -------
    Path or None
        OpenVINO's file of it; None if it cannot be written, and the next process will convert it again.
    """
    temporary = folder.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}-{folder.name}")
    try:
        temporary.mkdir(parents=True)
        openvino.save_model(model, str(temporary / _GRAPH), compress_to_fp16=False)
        (temporary / _DIGESTS).write_text(json.dumps(_digests(temporary)))
        if kept_network(folder) is None:  # else another process was first, and may be reading it
            shutil.rmtree(folder, ignore_errors=True)
            temporary.rename(folder)
        else:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, RuntimeError):  # the latter is what OpenVINO raises
        shutil.rmtree(temporary, ignore_errors=True)
        return kept_network(folder)  # another process may have been first
    return folder / _GRAPH


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for name in (_GRAPH, _WEIGHTS):
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
