"""What the tests of this room share: modules that follow HEAR, written to a folder from which they can be imported."""

import sys
from importlib import invalidate_caches
from itertools import count

import pytest

from earmark import load_embedding


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder from which modules can be imported."""
    path = tmp_path_factory.mktemp("modules")
    sys.path.insert(0, str(path))
    yield path
    sys.path.remove(str(path))
    for name in [name for name in sys.modules if name.startswith("small_hear")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def write_module(folder):
    """Write a module and give its name."""

    numbers = count()

    def write(source):
        name = f"small_hear_{next(numbers)}"
        (folder / f"{name}.py").write_text(source)
        invalidate_caches()
        return name

    return write


@pytest.fixture(scope="module")
def write_model(write_module):
    """Write a module and give its model."""
    return lambda source: load_embedding(f"hear:{write_module(source)}")
