"""A download survives cuts, silence, redirections and SIGKILL, and never joins what does not belong together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.progress import SILENT
from earmark.weights.downloads import Patience, SourceUnreachable, alone, discard, download, part_of, without_login

CONTENT = bytes(range(256)) * 400
OTHER = bytes(reversed(CONTENT))
QUICK = Patience(silence_seconds=0.3, resumes=3, pause_seconds=0.0)
ONCE = Patience(silence_seconds=0.3, resumes=0, pause_seconds=0.0)
DATED = {"Last-Modified": "Mon, 03 Aug 2020 10:00:00 GMT"}


@pytest.fixture
def part(tmp_path):
    return part_of(tmp_path / "w.bin")


@pytest.fixture
def bring(part):
    def bring(url, patience=QUICK, progress=SILENT, limit_bytes=2**20):
        with requests.Session() as session:
            return download(session, url, part, limit_bytes, progress, patience)

    return bring


def notes(part):
    return part.with_name(part.name + ".json")


# Whole


def test_a_whole_file_comes_in_one_answer_with_its_bytes_counted(server, part, bring, ear):
    assert bring(server.put("/w.bin", CONTENT), progress=ear) is False
    assert part.read_bytes() == CONTENT
    assert ear.steps == [["w.bin", len(CONTENT), "bytes", len(CONTENT)]]
    assert ear.said == []
    assert server.ranges == [None]


def test_an_empty_file_is_a_file(server, part, bring):
    bring(server.put("/w.bin", b""))
    assert part.read_bytes() == b""


def test_a_packed_file_comes_as_it_is_even_if_the_server_calls_that_an_encoding(server, part, bring):
    import gzip

    packed = gzip.compress(CONTENT)
    bring(server.put("/w.h5.gz", packed, headers={"Content-Encoding": "gzip"}))
    assert part.read_bytes() == packed
    assert server.asked[0][1]["Accept-Encoding"] == "identity"


def test_what_was_whole_before_the_process_died_is_not_asked_for_again(server, part, bring):
    url = server.put("/w.bin", CONTENT)
    bring(url)
    assert bring(url) is True
    assert len(server.asked) == 1


# Cut


@pytest.mark.parametrize("validators", [None, DATED], ids=["tag", "date"])
def test_a_cut_download_goes_on_where_it_was_cut(server, part, bring, ear, validators):
    url = server.put("/w.bin", CONTENT, cuts=[500, 70_000], validators=validators)
    assert bring(url, progress=ear) is True
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=500-", "bytes=70500-"]
    assert [(step[1], step[3]) for step in ear.steps] == [(len(CONTENT), come) for come in (500, 70_500, len(CONTENT))]
    assert ear.said == ["w.bin: the connection was cut; trying to go on."] * 2


def test_a_server_that_sends_less_than_the_rest_is_asked_for_the_rest_of_it(server, part, bring):
    half = len(CONTENT) // 2
    bring(server.put("/w.bin", CONTENT, cuts=[500], longest_range=half))
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=500-", f"bytes={500 + half}-"]


def test_a_connection_that_is_cut_again_and_again_is_given_up_and_gone_on_from_by_the_next_call(server, part, bring):
    url = server.put("/w.bin", CONTENT, cuts=[100, 100, 100, 100])
    with pytest.raises(SourceUnreachable) as caught:
        bring(url)
    assert str(caught.value) == (
        f"the connection was cut, 4 times (400 of {len(CONTENT)} bytes came, and the same command goes on from there)"
    )
    assert bring(url) is True
    assert part.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=400-"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=3), ranges=st.booleans())
def test_wherever_it_is_cut_the_file_comes_out_the_same(server, part, bring, cuts, ranges):
    discard(part)
    bring(server.put("/w.bin", CONTENT, cuts=list(cuts), ranges=ranges))
    assert part.read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(server, part, bring):
    url = server.put("/w.bin", CONTENT, cuts=[500], ranges=False)
    bring(url)
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=500-"]


@pytest.mark.parametrize("validators", [{}, {"ETag": 'W/"weak"'}], ids=["none", "weak tag"])
def test_without_something_to_know_the_bytes_by_all_is_asked_for_again(server, part, bring, validators):
    url = server.put("/w.bin", CONTENT, cuts=[500, 600], validators=validators)
    bring(url)
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, None, None]


def test_what_cannot_be_gone_on_from_is_not_left_lying(server, part, bring):
    url = server.put("/w.bin", CONTENT, cuts=[500], validators={})
    with pytest.raises(SourceUnreachable, match=r"^the connection was cut, 1 times$"):
        bring(url, ONCE)
    assert list(part.parent.iterdir()) == []


# Changed between two attempts


@pytest.mark.parametrize("honours", [True, False], ids=["honours If-Range", "ignores If-Range"])
@pytest.mark.parametrize(
    "new", [OTHER, OTHER[:2000], OTHER[:300], OTHER * 2], ids=["same", "shorter", "tiny", "longer"]
)
def test_a_file_that_changed_after_a_cut_is_never_joined_with_the_old_one(server, part, bring, honours, new):
    url = server.put("/w.bin", CONTENT, cuts=[500])
    with pytest.raises(SourceUnreachable, match="500 of"):
        bring(url, ONCE)
    server.put("/w.bin", new, honours_if_range=honours)
    bring(url)
    assert part.read_bytes() == new


def test_a_rest_from_elsewhere_than_asked_for_is_not_joined(server, part, bring):
    url = server.put("/w.bin", CONTENT, cuts=[500])
    with pytest.raises(SourceUnreachable):
        bring(url, ONCE)
    server.pages["/w.bin"].told_range = f"bytes 499-{len(CONTENT) - 1}/{len(CONTENT)}"
    bring(url)
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=500-", None]


def test_a_range_that_nobody_asked_for_is_no_file(server, part, bring):
    with pytest.raises(SourceUnreachable, match=r"^206 "):
        bring(server.put("/w.bin", CONTENT, status=206))
    assert list(part.parent.iterdir()) == []


def test_another_address_does_not_go_on_from_the_part_of_the_first(server, part, bring):
    with pytest.raises(SourceUnreachable):
        bring(server.put("/w.bin", CONTENT, cuts=[500]), ONCE)
    bring(server.put("/mirror/w.bin", OTHER))
    assert part.read_bytes() == OTHER
    assert server.ranges == [None, None]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"url": 1}', b'{"surprise": 1}'])
def test_damaged_notes_lead_to_a_new_start(server, part, bring, damage):
    url = server.put("/w.bin", CONTENT, cuts=[500])
    with pytest.raises(SourceUnreachable):
        bring(url, ONCE)
    notes(part).write_bytes(damage)
    bring(url)
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, None]


# Too large


def test_a_file_that_is_said_to_be_too_large_is_not_received(server, part, bring):
    url = server.put("/w.bin", CONTENT, pause_seconds=0.1)
    with pytest.raises(SourceUnreachable, match=f"said to have {len(CONTENT)} bytes, more than the 9999 admitted"):
        bring(url, limit_bytes=9999)
    assert list(part.parent.iterdir()) == []


def test_what_never_ends_is_given_up_at_the_limit_and_not_kept(server, part, bring):
    url = server.put("/w.bin", CONTENT, undeclared=True)
    with pytest.raises(SourceUnreachable, match=r"^more than the 70000 bytes admitted came$"):
        bring(url, limit_bytes=70_000)
    assert list(part.parent.iterdir()) == []
    bring(url, limit_bytes=len(CONTENT))
    assert part.read_bytes() == CONTENT


def test_a_part_that_was_begun_is_given_up_at_the_limit_too(server, part, bring):
    url = server.put("/w.bin", CONTENT, cuts=[60_000])
    with pytest.raises(SourceUnreachable, match="60000 of"):
        bring(url, ONCE)
    with pytest.raises(SourceUnreachable, match="said to have"):
        bring(url, limit_bytes=70_000)
    assert list(part.parent.iterdir()) == []


# Out of reach


def test_silence_before_an_answer_is_given_up(server, bring):
    started = time.monotonic()
    with pytest.raises(SourceUnreachable, match=r"^timed out: no answer within 0.3 s$"):
        bring(server.url("/stall"))
    assert time.monotonic() - started < 5


def test_silence_amid_a_file_counts_as_a_cut(server, part, bring):
    url = server.put("/w.bin", CONTENT, pause_seconds=1.0)
    with pytest.raises(SourceUnreachable, match=r"^the server fell silent, 1 times"):
        bring(url, ONCE)
    server.pages["/w.bin"].pause_seconds = 0.0
    bring(url)
    assert part.read_bytes() == CONTENT


def test_a_slow_server_is_waited_for(server, part, bring):
    bring(server.put("/w.bin", CONTENT, pause_seconds=0.02))
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 500, 503, 204])
def test_an_answer_other_than_the_file_is_named(server, part, bring, status):
    with pytest.raises(SourceUnreachable, match=rf"^{status} "):
        bring(server.put("/w.bin", status=status))
    assert list(part.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9/w.bin", "Connection refused"),
        ("http://no-such-host.invalid/w.bin", "resolve|resolution|Name|name"),
        ("file:///etc/passwd", "only http and https are spoken here"),
        ("ftp://127.0.0.1/w.bin", "only http and https are spoken here"),
        ("no address", "Invalid URL|Failed to parse"),
        ("http://", "Invalid URL"),
    ],
)
def test_an_address_that_cannot_be_reached_is_named_with_the_reason(server, part, bring, url, reason):
    with pytest.raises(SourceUnreachable, match=reason):
        bring(url)
    assert list(part.parent.iterdir()) == []


def test_redirections_are_followed_also_by_what_goes_on(server, part, bring):
    server.put("/deep/w.bin", CONTENT, cuts=[500])
    url = server.put("/w.bin", status=302, headers={"Location": "/deep/w.bin"})
    bring(url)
    assert part.read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["/w.bin", "/deep/w.bin"] * 2
    assert server.ranges[-1] == "bytes=500-"


@pytest.mark.parametrize("location", ["http://[::1", "http://\u00e9/"])
def test_a_redirection_to_what_is_no_address_is_named(server, part, bring, location):
    with pytest.raises(SourceUnreachable, match=r"Invalid|parse|decode"):
        bring(server.put("/w.bin", status=302, headers={"Location": location}))
    assert list(part.parent.iterdir()) == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/w.bin", "data:,evil"])
def test_a_redirection_out_of_the_web_is_refused(server, part, bring, location):
    with pytest.raises(SourceUnreachable, match="only http and https are spoken here"):
        bring(server.put("/w.bin", status=302, headers={"Location": location}))
    assert list(part.parent.iterdir()) == []


def test_redirections_in_a_circle_end(server, bring):
    with pytest.raises(SourceUnreachable, match="Exceeded 30 redirects"):
        bring(server.put("/w.bin", status=302, headers={"Location": "/w.bin"}))


# The user's network


def test_the_proxy_of_the_environment_is_used(server, part, bring, monkeypatch):
    # Any web server that is asked for a whole address acts as a proxy; ours serves the file under its path.
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    server.put("/w.bin", CONTENT)
    monkeypatch.setenv("http_proxy", server.url(""))
    bring("http://weights.invalid/w.bin")
    assert part.read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["http://weights.invalid/w.bin"]


def test_a_proxy_out_of_reach_is_called_one(bring, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(SourceUnreachable, match="this is the proxy that"):
        bring("http://weights.invalid/w.bin")


def test_certificates_that_are_not_there_are_named(bring, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(SourceUnreachable, match=r"none\.pem"):
        bring("https://127.0.0.1:9/w.bin")


def test_a_login_is_neither_shown_nor_stored(server, part, bring):
    url = server.put("/w.bin", CONTENT, cuts=[500]).replace("//", "//user:secret@")
    with pytest.raises(SourceUnreachable) as caught:
        bring(url, ONCE)
    assert "secret" not in str(caught.value) + notes(part).read_text()
    assert server.asked[0][1]["Authorization"].startswith("Basic ")
    bring(url)
    assert part.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=500-"]
    assert without_login("http://a:b@host:1/x?y#z") == "http://host:1/x?y#z"


# Others at the same work


def test_one_at_a_time_downloads_a_file(tmp_path, ear):
    target, inside = tmp_path / "w.bin", []

    def work(number):
        with alone(target, ear):
            inside.append(number)
            time.sleep(0.1)
            assert inside.pop() == number
            assert not inside

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert set(ear.said) == {"Another process is downloading w.bin; waiting for it."}


FETCH = """
import sys
from earmark.weights.digests import sha256
from earmark.weights.sources import UrlSource, fetch
fetch(UrlSource((sys.argv[1],), sha256(sys.argv[2]), "w.bin"))
"""


def fetching(url, digest, content=CONTENT):
    return subprocess.Popen([sys.executable, "-c", FETCH, url, digest(content)])


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited for nothing")


def test_a_killed_download_leaves_nothing_wrong_and_the_next_one_asks_for_the_rest_only(cache, server, digest):
    big = os.urandom(1 << 20)
    url = server.put("/w.bin", big, pause_seconds=0.005)
    part = part_of(cache / "downloads" / "w.bin")
    with fetching(url, digest, big) as process:
        wait_for(lambda: part.exists() and part.stat().st_size > 100_000)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    there = part.stat().st_size
    assert 0 < there < len(big)
    assert not (cache / "downloads" / "w.bin").exists()
    assert json.loads(notes(part).read_text())["total"] == len(big)
    server.pages["/w.bin"].pause_seconds = 0.0
    with fetching(url, digest, big) as process:
        assert process.wait() == 0
    path = cache / "downloads" / "w.bin"
    assert path.read_bytes() == big
    assert server.ranges == [None, f"bytes={there}-"]
    assert [left.name for left in path.parent.glob("[!.]*")] == ["w.bin"]


def test_two_processes_that_want_the_same_file_ask_for_it_once(cache, server, digest):
    url = server.put("/w.bin", CONTENT, pause_seconds=0.05)
    with fetching(url, digest) as first, fetching(url, digest) as second:
        assert (first.wait(), second.wait()) == (0, 0)
    assert (cache / "downloads" / "w.bin").read_bytes() == CONTENT
    assert len(server.asked) == 1
