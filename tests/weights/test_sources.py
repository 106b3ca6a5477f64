"""A source gives the file it states, proven by its digest, or says how to do without it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.errors import SettingsError, WeightsError
from earmark.weights.digests import Digest, sha256
from earmark.weights.downloads import OtherFile, Patience, SourceUnreachable
from earmark.weights.originals import Original, read_file
from earmark.weights.sources import RegistrySource, UrlSource, downloaded, fetch

CONTENT = b"weights " * 1000
QUICK = Patience(silence_seconds=0.3, resumes=1, pause_seconds=0.0)
CLOSED = "http://127.0.0.1:9/w.bin"


def left_in(cache):
    """What lies in the download folder, but for the empty lock files."""
    return sorted(path.name for path in (cache / "downloads").rglob("[!.]*"))


def from_url(*urls, content=CONTENT, said=False):
    return UrlSource(urls, sha256(hashlib.sha256(content).hexdigest(), said=said), "w.bin")


# Addresses


def test_a_url_is_downloaded_once(cache, server, ear):
    source = from_url(server.put("/w.bin", CONTENT))
    assert downloaded(source) is None
    found = fetch(source, progress=ear)
    assert found == Original("w.bin", source.urls[0], source.digest, source.digest.value, (CONTENT,))
    assert ear.steps == [["w.bin", 8000, "bytes", 8000]]
    server.pages.clear()
    assert fetch(source) == downloaded(source) == found
    assert left_in(cache) == ["w.bin"]
    assert (cache / "downloads" / "w.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "digest",
    [
        Digest("git-blob", hashlib.sha1(b"blob 8000\0" + CONTENT).hexdigest()),
        Digest("sha256-start", hashlib.sha256(CONTENT).hexdigest()[:8]),
    ],
    ids=lambda digest: digest.algorithm,
)
def test_whatever_the_publisher_states_proves_the_file(cache, server, digest):
    found = fetch(UrlSource((server.put("/w.bin", CONTENT),), digest, "w.bin"))
    assert found.contents == (CONTENT,)
    assert found.proof == digest
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    server.put("/w.bin", CONTENT + b"!")
    with pytest.raises(WeightsError, match=rf"w2.bin has .*SHA-256 .* expected {digest}: cut short"):
        fetch(UrlSource((server.url("/w.bin"),), digest, "w2.bin"))


@pytest.mark.parametrize(
    "first",
    [
        "closed port",
        "404",
        "503",
        "silent",
        "no address",
        "redirected to nowhere",
        "redirected to no address",
        "too large",
        "endless",
    ],
)
def test_the_next_mirror_is_tried_when_one_cannot_be_reached(cache, server, first):
    urls = {
        "closed port": CLOSED,
        "404": server.url("/w.bin"),
        "503": server.put("/503", status=503),
        "silent": server.url("/stall"),
        "no address": "no address",
        "redirected to nowhere": server.put("/302", status=302, headers={"Location": CLOSED}),
        "redirected to no address": server.put("/badly", status=302, headers={"Location": "http://[::1"}),
        "too large": server.put("/large", CONTENT, declared=2**30 + 1),
        "endless": server.put("/endless", CONTENT * 100, undeclared=True),
    }
    source = replace(from_url(urls[first], server.put("/mirror/w.bin", CONTENT)), limit_bytes=100_000)
    found = fetch(source, patience=QUICK)
    assert found.contents == (CONTENT,)


def test_the_second_mirror_is_left_alone_when_the_first_answers(cache, server, second_server):
    fetch(from_url(server.put("/w.bin", CONTENT), second_server.put("/w.bin", CONTENT)))
    assert second_server.asked == []


def test_a_mirror_that_is_cut_for_good_is_followed_by_the_next(cache, server, second_server):
    cut = server.put("/w.bin", CONTENT, cuts=[500, 500])
    assert fetch(from_url(cut, second_server.put("/w.bin", CONTENT)), patience=QUICK).contents == (CONTENT,)
    assert second_server.ranges == [None]
    assert left_in(cache) == ["w.bin"]


def test_when_all_mirrors_fail_each_is_named_with_its_reason_and_the_way_round(cache, server, digest):
    cut = server.put("/cut", CONTENT, cuts=[500, 500])
    missing = server.url("/w.bin")
    with pytest.raises(SourceUnreachable) as caught:
        fetch(from_url(missing, server.url("/stall"), cut, CLOSED), patience=QUICK)
    for part in (
        f"w.bin could not be downloaded from {missing}: 404 Not Found; ",
        f"from {server.url('/stall')}: timed out: no answer within 0.3 s; ",
        f"from {cut}: the connection was cut, 2 times (1000 of 8000 bytes came, and the same command goes on",
        f"from {CLOSED}: ",
        f"get the file w.bin with SHA-256 {digest(CONTENT)} by other means and put it into {cache / 'downloads'}",
    ):
        assert part in str(caught.value)
    assert left_in(cache) == ["w.bin.part", "w.bin.part.json"]
    assert fetch(from_url(cut)).contents == (CONTENT,)
    assert server.ranges[-1] == "bytes=1000-"
    assert left_in(cache) == ["w.bin"]


# Digests


def test_another_content_is_refused_not_kept_and_does_not_fall_through_to_the_next_mirror(
    cache, server, second_server, digest
):
    source = from_url(server.put("/w.bin", b"evil"), second_server.put("/w.bin", CONTENT))
    with pytest.raises(OtherFile) as caught:
        fetch(source)
    found = digest(b"evil")
    assert f"w.bin has SHA-256 {found}, expected SHA-256 {digest(CONTENT)}: cut short, altered" in str(caught.value)
    assert caught.value.refused == found
    assert "third party" not in str(caught.value)
    assert left_in(cache) == []
    assert second_server.asked == []


def test_a_digest_that_was_only_said_is_called_so(cache, server):
    with pytest.raises(WeightsError, match=r"expected SHA-256 \w+ \(a third party says so; nobody here could compare"):
        fetch(from_url(server.put("/w.bin", b"other"), said=True))
    assert fetch(from_url(server.put("/w.bin", CONTENT), said=True)).contents == (CONTENT,)


def test_the_users_own_digest_replaces_the_stated_one(cache, server, digest):
    source = from_url(server.put("/w.bin", b"other"), said=True)
    found = fetch(source, accept_sha256=digest(b"other").upper())
    assert found == Original("w.bin", source.urls[0], None, digest(b"other"), (b"other",))
    with pytest.raises(WeightsError, match=f"expected SHA-256 {digest(b'third')}"):
        fetch(source, accept_sha256=digest(b"third"))
    with pytest.raises(SettingsError, match="cannot be sha256: that has 64 hexadecimal digits"):
        fetch(source, accept_sha256=digest(b"other")[:-1])


def test_parts_that_do_not_fit_together_are_fetched_anew_before_anything_is_said_of_the_file(cache, server, ear):
    old = CONTENT.replace(b"w", b"W")
    same = {"Last-Modified": "Mon, 03 Aug 2020 10:00:00 GMT"}  # a server that lies about its file having changed
    url = server.put("/w.bin", old, cuts=[500, 500], validators=same)
    with pytest.raises(SourceUnreachable, match="1000 of 8000"):
        fetch(from_url(url), patience=QUICK)
    server.put("/w.bin", CONTENT, validators=same)
    assert fetch(from_url(url), progress=ear).contents == (CONTENT,)
    assert ear.said == ["w.bin: the parts do not make the right file; downloading it from the start."]
    assert server.ranges[-2:] == ["bytes=1000-", None]


def test_a_wrong_file_in_the_download_folder_is_fetched_anew(cache, server, digest):
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / "w.bin").write_bytes(b"other")
    missing = from_url(server.url("/w.bin"))
    with pytest.raises(
        SourceUnreachable, match=f"lying there has SHA-256 {digest(b'other')} and was not used"
    ) as caught:
        fetch(missing)
    assert caught.value.refused == digest(b"other")
    assert left_in(cache) == ["w.bin"]
    assert fetch(missing, accept_sha256=digest(b"other")).contents == (b"other",)
    server.put("/w.bin", CONTENT)
    assert fetch(missing).contents == (CONTENT,)


@pytest.mark.parametrize("filename", ["", ".", "..", "../w.bin", "/etc/w.bin", "a/b", "a\\b"])
def test_a_file_name_cannot_leave_the_download_folder(filename, digest):
    with pytest.raises(SettingsError, match="plain file name"):
        UrlSource(("http://127.0.0.1/w",), sha256(digest(b"")), filename)
    with pytest.raises(SettingsError, match="plain file name"):
        RegistrySource("madeup==1.0", filename, digest(b""), ())


def test_a_source_without_addresses_is_none(digest):
    for urls in ((), "http://127.0.0.1/w"):
        with pytest.raises(SettingsError, match="Give a tuple of at least one"):
            UrlSource(urls, sha256(digest(b"")), "w.bin")


def test_a_download_folder_that_cannot_be_made_is_named(cache, server):
    cache.write_bytes(b"")
    with pytest.raises(WeightsError, match=rf"Cannot write {cache}/downloads/w.bin: .*EARMARK_CACHE"):
        fetch(from_url(server.put("/w.bin", CONTENT)))


def on_a_full_disk(url, digest):
    """Fetch where files cannot grow beyond 100000 bytes, in a process of its own; gives what was said."""
    script = f"""
import resource, signal
from earmark.errors import WeightsError
from earmark.weights.digests import sha256
from earmark.weights.sources import UrlSource, fetch
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    fetch(UrlSource(({url!r},), sha256({digest!r}), "w.bin"))
except WeightsError as error:
    print(error)
"""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def test_a_disk_that_takes_no_more_is_named_and_what_came_is_kept(cache, server, digest):
    url = server.put("/w.bin", bytes(200_000))
    said = on_a_full_disk(url, digest(bytes(200_000)))
    assert said.startswith(f"Cannot write {cache}/downloads/w.bin: File too large. Make room")
    assert left_in(cache) == ["w.bin.part", "w.bin.part.json"]
    assert fetch(from_url(url, content=bytes(200_000))).contents == (bytes(200_000),)
    assert server.ranges[-1] == "bytes=100000-"


def test_what_a_full_disk_took_is_removed_if_nobody_can_go_on_from_it(cache, server, digest):
    url = server.put("/w.bin", bytes(200_000), validators={})
    assert "File too large" in on_a_full_disk(url, digest(bytes(200_000)))
    assert left_in(cache) == []


# Offline


def test_offline_nothing_is_asked_and_the_message_says_what_to_do(cache, server, digest, monkeypatch):
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    monkeypatch.setenv("PIP_INDEX_URL", server.put_project({"madeup-1.0.tar.gz": CONTENT}))
    from_registry = RegistrySource("madeup==1.0", "madeup-1.0.tar.gz", digest(CONTENT), ())
    for source in (from_url(server.put("/w.bin", CONTENT)), from_registry):
        with pytest.raises(SourceUnreachable, match=rf"EARMARK_OFFLINE forbids.*get the file {source.filename} with"):
            fetch(source)
        assert not cache.exists()
    assert server.asked == []
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / "w.bin").write_bytes(CONTENT)
    assert fetch(from_url(CLOSED)).contents == (CONTENT,)


# Files that are none


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "w.bin is empty, expected"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE html><title>Log in</title>", "w.bin is a web page or a message of a server"),
    ],
)
def test_what_is_clearly_no_file_of_weights_is_called_what_it_is_and_never_offered(cache, server, content, said):
    with pytest.raises(OtherFile, match=said) as caught:
        fetch(from_url(server.put("/w.bin", content)))
    assert caught.value.refused == ""
    (cache / "downloads" / "w.bin").write_bytes(content)
    with pytest.raises(SourceUnreachable, match=rf"of that name lying there {said[6:].split(',')[0]}") as caught:
        fetch(from_url(CLOSED))
    assert caught.value.refused == ""


def test_a_pipe_or_a_device_is_not_read(cache, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(WeightsError, match=f"Cannot read {path}: it is no regular file"):
            read_file(path)
    (cache / "downloads").mkdir(parents=True)
    os.mkfifo(cache / "downloads" / "w.bin")
    with pytest.raises(WeightsError, match="no regular file"):
        fetch(from_url(CLOSED))


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    (tmp_path / "w.bin").write_bytes(CONTENT)
    assert read_file(tmp_path / "w.bin", len(CONTENT)) == CONTENT
    with pytest.raises(WeightsError, match="it has 8000 bytes, more than the 7999 admitted"):
        read_file(tmp_path / "w.bin", len(CONTENT) - 1)


def test_importing_the_room_reaches_for_no_network_library():
    script = (
        "import sys; import earmark.weights.sources; print({'requests', 'pypi_simple', 'filelock'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
