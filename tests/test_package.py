"""Promises of the package as a whole."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import earmark

SOURCES = sorted((Path(earmark.__file__).parent).rglob("*.py"))


def test_every_public_name_is_there():
    assert all(getattr(earmark, name) is not None for name in earmark.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = earmark.nothing


def test_errors_have_one_root():
    from earmark import errors

    for name in errors.__all__:
        kind = getattr(errors, name)
        assert name == "ClipFailure" or issubclass(kind, errors.EarmarkError)


def test_importing_everything_reaches_no_network(tmp_path):
    code = f"""
import socket, sys, pkgutil, importlib
def refuse(*args, **kwargs):
    raise AssertionError("network at import")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.path.insert(0, {str(Path(earmark.__file__).parents[1])!r})
import earmark
for module in pkgutil.walk_packages(earmark.__path__, "earmark."):
    if module.name != "earmark.__main__":
        importlib.import_module(module.name)
"""
    env = {"HOME": str(tmp_path / "no-home"), "PATH": "", "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "no-home").exists()


#: Modules that read weights which exist as pickles only, without running what is in them.
READ_PICKLES = {"pickle_reader", "torch_reader"}
#: Modules that run code of others, of which nobody can know what it raises.
RUN_FOREIGN_CODE = {"hear_api"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_module_loads_pickles_or_catches_everything(source):
    tree = ast.parse(source.read_text())
    imported = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for name in node.names
    }
    pickling = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}
    assert source.stem in READ_PICKLES or not imported & pickling
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            named = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
            assert source.stem in RUN_FOREIGN_CODE or not named & {"Exception", "BaseException"}
