"""`earmark weights` as users meet it: real files, from a real server, into a cache of their own."""

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from earmark.cli.main import app
from earmark.embeddings import Registration, load_embedding, registry
from earmark.weights import RECIPES, Digest, Recipe, UrlSource, WeightsFile, cached_file, load_weights

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


def network(kernel):
    """An HDF5 file, gzipped, as Keras models are published."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["kernel"] = kernel
    return gzip.compress(buffer.getvalue(), mtime=0)


def convert(contents):
    with h5py.File(io.BytesIO(gzip.decompress(contents[0]))) as file:
        return {"kernel": file["kernel"][()]}


def blob_id(content):
    return Digest("git-blob", hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.pages.get(self.path)
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def pages(monkeypatch):
    """What a local server has: path to content; `url` is its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.pages = Pages()
        server.pages.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.pages
        server.shutdown()
        thread.join()


class Pages(dict):
    url = ""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EARMARK_OFFLINE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def known(pages, cache, monkeypatch):
    """Three weights `tiny-a`, `tiny-b`, `tiny-c`, each behind an address; nothing lies at that of `tiny-c`."""
    for number, letter in enumerate("abc"):
        content = network(KERNEL + number)
        if letter != "c":
            pages[f"/{letter}.h5.gz"] = content
        source = UrlSource((f"{pages.url}/{letter}.h5.gz",), blob_id(content), f"tiny-{letter}.h5.gz")
        recipe = Recipe(
            id=f"tiny-{letter}",
            files=(WeightsFile(source, convert),),
            shapes={"kernel": (2, 3)},
            licence="CC0 (by nobody)",
            origin="counted by hand",
            note="Too small to hear anything.",
        )
        monkeypatch.setitem(RECIPES, recipe.id, recipe)
    return pages


def run(*args):
    result = CliRunner().invoke(app, ["weights", *map(str, args)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def test_what_was_got_is_there_offline(known, cache, monkeypatch):
    done = run("get", "tiny-a")
    assert done.exit_code == 0, done.stderr
    assert f"tiny-a: {cached_file('tiny-a')} (" in done.stdout
    assert "CC0 (by nobody)" in done.stderr
    known.clear()
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    np.testing.assert_array_equal(load_weights("tiny-a").tensors["kernel"], KERNEL)
    again = run("get", "tiny-a")
    assert again.exit_code == 0
    assert "tiny-a: cached already, nothing to fetch" in again.stdout


def test_names_may_be_patterns_and_one_that_fails_does_not_stop_the_others(known):
    done = run("get", "tiny-c", "tiny-[ab]")
    assert done.exit_code == 1
    assert "Error: The weights tiny-c cannot be had" in done.stderr
    assert "404" in done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["tiny-a", "tiny-b"]


@pytest.mark.parametrize("command", ["get", "verify", "path", "list", "import"])
def test_an_unknown_name_is_answered_with_the_known_ones(known, tmp_path, command):
    done = run(command, "tini-a", *([tmp_path] if command == "import" else []))
    assert done.exit_code == 1
    assert "There are no weights 'tini-a'. Did you mean 'tiny-a'? There are:" in done.stderr


def test_weights_are_found_by_the_name_of_their_embedding(known, cache, monkeypatch):
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    done = run("get", "yamnet")
    assert done.exit_code == 1
    assert "The weights yamnet-w8a8 cannot be had" in done.stderr


def test_an_embedding_that_brings_its_weights_needs_no_download(known, monkeypatch):
    card = replace(load_embedding("yamnet").card, name="own", weights_ids=())
    monkeypatch.setitem(registry._all(), "own", Registration(card, lambda: None))
    done = run("get", "own")
    assert done.exit_code == 0
    assert done.stdout == "own: needs no download, brings its own weights\n"


def test_a_file_that_is_not_the_expected_one_needs_the_users_digest(known):
    content = network(KERNEL * 3)
    known["/a.h5.gz"] = content
    digest = hashlib.sha256(content).hexdigest()
    refused = run("get", "tiny-a")
    assert refused.exit_code == 1
    assert f"earmark weights get tiny-a --sha256 {digest}" in refused.stderr
    accepted = run("get", "tiny-a", "--sha256", digest)
    assert accepted.exit_code == 0, accepted.stderr
    np.testing.assert_array_equal(load_weights("tiny-a").tensors["kernel"], KERNEL * 3)
    word = f"own file: accepted by its SHA-256 {digest}"
    assert "own file" in run("list", "tiny*").stdout
    assert word in " ".join(run("list", "tiny-a").stdout.split())
    known["/a.h5.gz"] = network(KERNEL)
    again = run("get", "tiny-a")
    assert "tiny-a: own file, cached already" in again.stdout
    for done in (accepted, again):
        assert word in " ".join(done.stderr.split())
    assert run("get", "tiny-a", "--force").exit_code == 0
    np.testing.assert_array_equal(load_weights("tiny-a").tensors["kernel"], KERNEL)


def test_one_digest_is_for_one_file(known):
    done = run("get", "tiny-*", "--sha256", "0" * 64)
    assert done.exit_code == 1
    assert "Name one" in done.stderr


def test_a_file_at_hand_is_imported(known, tmp_path):
    (tmp_path / "mine.h5.gz").write_bytes(network(KERNEL))
    done = run("import", "tiny-a", tmp_path / "mine.h5.gz")
    assert done.exit_code == 0, done.stderr
    assert str(cached_file("tiny-a")) in done.stdout
    other = tmp_path / "other.h5.gz"
    other.write_bytes(network(KERNEL * 7))
    refused = run("import", "tiny-a", other)
    assert refused.exit_code == 1
    digest = re.search(r"pass --sha256 ([0-9a-f]{64})", refused.stderr)[1]
    assert "--force" in run("import", "tiny-a", other, "--sha256", digest).stderr
    forced = run("import", "tiny-a", other, "--sha256", digest, "--force")
    assert forced.exit_code == 0
    assert "tiny-a: own file, " in forced.stdout
    np.testing.assert_array_equal(load_weights("tiny-a").tensors["kernel"], KERNEL * 7)


def test_verify_finds_the_damaged_one_among_the_sound(known):
    run("get", "tiny-a", "tiny-b")
    sound = run("verify")
    assert sound.exit_code == 0
    assert sound.stdout.count(": sound") == 2
    path = cached_file("tiny-a")
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    done = run("verify", "tiny-*")
    assert done.exit_code == 1
    assert f"{path} are damaged" in done.stderr
    assert done.stdout.startswith("tiny-b: sound")


def test_verify_of_what_is_not_there_fails_unless_nothing_was_named(known):
    assert run("verify").exit_code == 0
    assert run("verify", "tiny-*").exit_code == 1
    named = run("verify", "tiny-a")
    assert named.exit_code == 1
    assert "earmark weights get tiny-a" in named.stderr


def test_path_prints_what_scripts_need(known, cache):
    assert run("path").stdout == f"{cache}\n"
    assert run("path", "tiny-a").exit_code == 1
    run("get", "tiny-a", "-q")
    assert run("path", "tiny-a").stdout == f"{cached_file('tiny-a')}\n"


def test_a_damaged_file_is_not_called_cached_and_the_way_out_works(known):
    run("get", "tiny-a")
    cached_file("tiny-a").write_bytes(b"spoilt")
    done = run("get", "tiny-a")
    assert done.exit_code == 1
    assert "already" not in done.stdout
    assert "earmark weights get tiny-a --force" in done.stderr
    assert run("get", "tiny-a", "--force").exit_code == 0
    assert run("verify", "tiny-a").exit_code == 0


def test_a_name_that_is_no_text_is_imported(known, tmp_path):
    path = tmp_path / os.fsdecode(b"b\xffd.h5.gz")
    path.write_bytes(network(KERNEL))
    assert run("import", "tiny-a", path).exit_code == 0
    assert "b\N{REPLACEMENT CHARACTER}d.h5.gz" in run("list", "tiny-a").stdout


def test_the_list_takes_the_names_of_embeddings(known):
    one = run("list", "yamnet").stdout  # one set of weights: all about it
    assert re.match(r"name +yamnet-w8a8\b", one)
    assert RECIPES["yamnet-w8a8"].tensors_sha256 in one
    both = run("list", "vggish-pca").stdout
    assert [line.split()[0] for line in both.splitlines() if "vggish" in line] == ["vggish", "vggish-pca-params"]


def test_a_download_is_shown_under_its_name_alone(known):
    assert re.search(r"(?m)^tiny-a\.h5\.gz: ", run("get", "tiny-a", "-v").stderr)


def test_sizes_are_said_in_units_that_people_read(known):
    assert re.search(
        r"tiny-a\.h5\.gz: (\d+ bytes|[\d.]+ [kM]B) in [\d.]+ s \([\d.]+ [kM]?B", run("get", "tiny-a", "-v").stderr
    )


def test_quiet_says_nothing_but_results_and_errors(known):
    assert run("get", "tiny-a", "--quiet").stderr == ""


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_list_keeps_names_whole_and_says_what_is_cached(known, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    run("get", "tiny-a")
    lines = run("list").stdout.splitlines()
    rows = {line.split()[0]: line for line in lines if line.strip()}
    assert set(RECIPES) <= set(rows)
    assert max(map(len, lines)) <= int(columns)
    assert re.search(r"yes +\d+ bytes +CC0 +127.0.0.1", rows["tiny-a"])
    assert re.search(r"no +CC0 +127.0.0.1", rows["tiny-b"])
    assert "openl3-mel256-music" in rows


def test_the_list_shows_a_damaged_file_as_such(known):
    run("get", "tiny-a")
    cached_file("tiny-a").write_bytes(b"spoilt")
    assert re.search(r"tiny-a +damaged", run("list", "tiny*").stdout)


def test_one_name_shows_everything_about_it(known, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    before = run("list", "tiny-a").stdout
    assert RECIPES["tiny-a"].files[0].source.digest.value in before
    assert f"{known.url}/a.h5.gz" in before
    assert "counted by hand" in before
    assert "no, fetched at the first use" in before
    run("get", "tiny-a")
    after = run("list", "tiny-a").stdout
    assert load_weights("tiny-a").sha256 in after
    digest = hashlib.sha256(known["/a.h5.gz"]).hexdigest()
    blob = RECIPES["tiny-a"].files[0].source.digest.value
    flat = " ".join(after.split())  # a digest stands beside the first line of its name, never broken itself
    assert f"git blob id of {blob} the file" in flat
    assert f"SHA-256 of the {load_weights('tiny-a').sha256} tensors" in flat
    assert f"SHA-256 of {digest} what it was made of" in flat
    assert f"known by git blob id {blob}" in flat


def test_help_stays_light():
    heavy = ["numpy", "torch", "rich", "h5py", "requests", "safetensors", "onnx"]
    code = f"import sys, earmark.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [[], ["list"], ["get"], ["import"], ["verify"], ["path"]])
def test_every_command_explains_itself(command):
    done = run(*command, "--help")
    assert done.exit_code == 0
    assert "Usage" in done.stdout
