"""Converting a large network in a process of its own.

That takes PyTorch and twice the memory of the weights, and what a process once had it seldom gives back: VGGish's would
stay 200 MB larger than it need be. So a child does it and ends; what it made lies in the cache.
"""

from __future__ import annotations

import os
import subprocess
import sys

__all__ = ["convert_in_child"]

#: Set in the child, which converts by itself.
CHILD = "EARMARK_CONVERTS"
_CODE = "import sys; from earmark.embeddings import load_embedding; load_embedding(sys.argv[1]).prepare()"


def convert_in_child(name: str) -> None:
    """Have a child convert the networks of an embedding and keep them in the cache.

    It may fail: then nothing is there, and the caller, which converts the network itself, meets the reason.

    Parameters
    ----------
    name : str
        Name of the embedding, options included.
    """
    if CHILD in os.environ or not sys.executable:
        return
    places = os.pathsep.join(filter(None, sys.path))  # where this process finds earmark, the child does too
    try:
        subprocess.run(  # noqa: S603 - no shell; the name is one that was loaded here
            [sys.executable, "-P", "-c", _CODE, name],
            env=os.environ | {CHILD: "1", "PYTHONPATH": places},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return
