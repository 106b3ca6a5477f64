"""What tests of unreadable folders share."""

import os
import shutil
import subprocess
import sys

import pytest

DROP = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


@pytest.fixture
def without_rights():
    """Run Python code that is held to file permissions even where the tests run as root; gives what it printed."""
    prefix = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root reads everything, and setpriv, which would give that right up, is not there")
        prefix = DROP

    def run(code):
        done = subprocess.run([*prefix, sys.executable, "-c", code], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return run
