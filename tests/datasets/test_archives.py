"""Archives are fetched from a real server, proven, and unpacked whole or not at all."""

import hashlib
import io
import stat
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from earmark.datasets import esc50, get_dataset, load_dataset, registry
from earmark.datasets.archives import Archive, fetch_archive
from earmark.errors import DatasetError, MissingDatasetError
from earmark.weights.downloads import Patience
from excerpts import classes_of, write_esc

ONCE = Patience(silence_seconds=2.0, resumes=0, pause_seconds=0.0)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content, tag = self.server.content, '"the tag"'
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.server.asked.append(start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", tag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        body = content[start:]
        self.wfile.write(body[: self.server.cuts.pop(0)] if self.server.cuts else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.cuts, server.content = [], [], b""
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EARMARK_OFFLINE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def content(tmp_path):
    """An archive of ESC-50 as GitHub makes it, with something that is not wanted."""
    folder = write_esc(tmp_path / "source", classes_of("esc50"), clips=1)
    (folder / "tests").mkdir()
    (folder / "tests" / "test.py").write_text("assert True")
    return zip_of(
        {f"top/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    )


def zip_of(members, packed=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as archive:
        for member, data in dict(members).items() if isinstance(members, dict) else members:
            archive.writestr(member, data)
    return buffer.getvalue()


@pytest.fixture
def fetch(server, cache, tmp_path):
    """Serve these bytes, and fetch them into tmp_path/root/esc50."""

    def fetch(content, algorithm="sha256", read=esc50.read, **other):
        server.content = content
        archive = Archive(
            url=f"http://127.0.0.1:{server.server_address[1]}/a.zip",
            filename="a.zip",
            algorithm=algorithm,
            digest=other.get("digest") or hashlib.new(algorithm, content).hexdigest(),
            stated_by="this test",
            size_bytes=len(content),
            top=other.get("top", "top/"),
            wanted=other.get("wanted", ("meta/", "audio/")),
        )
        folder = tmp_path / "root" / "esc50"
        fetch_archive(archive, folder, read, patience=ONCE)
        return folder

    return fetch


def left_over(folder):
    """What lies beside the folder, except the lock."""
    return [path for path in folder.parent.iterdir() if path != folder and path.suffix != ".lock"]


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_an_archive_becomes_a_folder_that_reads_as_its_data_set(fetch, content, algorithm):
    folder = fetch(content, algorithm)
    assert len(esc50.read(folder)) == 50
    assert sorted(path.name for path in folder.iterdir()) == ["audio", "meta"]
    assert left_over(folder) == []


def test_get_fetches_what_is_missing_once_and_load_finds_it(server, cache, content, tmp_path, monkeypatch):
    server.content = content
    address, digest = f"http://127.0.0.1:{server.server_address[1]}/a.zip", hashlib.sha256(content).hexdigest()
    archive = replace(esc50.ARCHIVE, url=address, digest=digest, top="top/")
    monkeypatch.setitem(registry._RECORDED, "esc50", replace(esc50.ENTRY, archive=archive))
    assert get_dataset("esc50", tmp_path / "sets") == tmp_path / "sets" / "esc50"
    server.content = b""
    get_dataset("esc50", tmp_path / "sets")
    assert server.asked == [0]
    assert len(load_dataset("esc50", tmp_path / "sets")) == 50


def test_a_proven_archive_is_not_fetched_again_and_may_be_put_there_by_hand(fetch, content, server, cache, monkeypatch):
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / "a.zip").write_bytes(content)
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    assert len(esc50.read(fetch(content))) == 50
    assert server.asked == []


def test_a_cut_download_is_gone_on_from_by_the_next_call(fetch, content, server, tmp_path):
    server.cuts = [1000]
    with pytest.raises(MissingDatasetError, match="the same command goes on from there"):
        fetch(content)
    assert not (tmp_path / "root").exists()
    fetch(content)
    assert server.asked == [0, 1000]


def test_another_file_is_refused_and_leaves_nothing(fetch, content, cache, tmp_path):
    with pytest.raises(DatasetError, match=r"has sha256 [0-9a-f]{64}, expected 0{64} \(stated by this test\)"):
        fetch(content, digest="0" * 64)
    assert not (tmp_path / "root").exists()
    assert [path.name for path in (cache / "downloads").iterdir() if path.suffix != ".lock"] == []


def test_without_a_network_it_is_said_where_to_put_the_file(fetch, content, cache, monkeypatch):
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    with pytest.raises(MissingDatasetError, match=f"put it into {cache / 'downloads'} as a.zip"):
        fetch(content)


@pytest.mark.parametrize(
    "name", ["top/audio/../../../../evil", "/etc/evil", "top/audio/..\\evil", "C:/evil", "../evil", "top/audio/../evil"]
)
def test_names_that_lead_out_of_the_folder_are_refused(fetch, name, tmp_path):
    with pytest.raises(DatasetError, match="leads out of the folder"):
        fetch(zip_of({"top/audio/good.wav": b"", name: b"evil"}))
    assert not list(tmp_path.rglob("evil*"))
    assert not (tmp_path / "root" / "esc50").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(fetch, kind, tmp_path):
    member = zipfile.ZipInfo("top/audio/link.wav")
    member.create_system, member.external_attr = 3, (kind | 0o644) << 16
    with pytest.raises(DatasetError, match="is a link or a device"):
        fetch(zip_of({member: b"/etc/passwd"}))
    assert not (tmp_path / "root" / "esc50").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names", [["audio/a.wav", "audio/a.wav"], ["audio/a", "audio/a/b.wav"], ["audio/a.wav", "audio/./a.wav"]]
)
def test_files_that_cannot_lie_side_by_side_are_refused(fetch, names, tmp_path):
    with pytest.raises(DatasetError, match="a name twice, or one that is a file and a folder"):
        fetch(zip_of([(f"top/{name}", b"") for name in names]))
    assert left_over(tmp_path / "root" / "esc50") == []


@pytest.mark.parametrize("packed", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_rare_ways_of_packing_are_refused(fetch, packed):
    with pytest.raises(DatasetError, match="packed in a rare way"):
        fetch(zip_of({"top/audio/a.wav": b""}, packed))


def test_an_archive_laid_out_otherwise_says_what_it_holds(fetch, content):
    with pytest.raises(DatasetError, match=r"has none of meta/, audio/; at its top it holds top\."):
        fetch(content, top="other/")


def test_of_two_that_get_a_data_set_at_once_both_have_it(server, cache, content, tmp_path, monkeypatch):
    server.content = content
    address, digest = f"http://127.0.0.1:{server.server_address[1]}/a.zip", hashlib.sha256(content).hexdigest()
    archive, both = replace(esc50.ARCHIVE, url=address, digest=digest, top="top/"), threading.Barrier(2)

    def bring(*arguments):
        both.wait()  # neither begins before the other has found that nothing is there
        fetch_archive(*arguments)

    monkeypatch.setitem(registry._RECORDED, "esc50", replace(esc50.ENTRY, archive=archive))
    monkeypatch.setattr(registry, "fetch_archive", lambda *arguments, progress: bring(*arguments))
    with ThreadPoolExecutor(2) as pool:
        folders = [pool.submit(get_dataset, "esc50", tmp_path / "sets") for _ in range(2)]
        assert [each.result() for each in folders] == [tmp_path / "sets" / "esc50"] * 2


def test_a_damaged_archive_is_refused_and_leaves_nothing(fetch, content, tmp_path):
    # A byte within the first member, whose checksum then differs.
    damaged = bytearray(content)
    damaged[120] ^= 0xFF
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        fetch(bytes(damaged))
    assert left_over(tmp_path / "root" / "esc50") == []
    assert not (tmp_path / "root" / "esc50").exists()


def test_no_archive_at_all_is_refused(fetch):
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        fetch(b"<html>come back later</html>")


def test_what_is_not_the_data_set_never_appears_under_its_name(fetch, content, tmp_path):
    with pytest.raises(DatasetError, match=r"a\.zip: what was unpacked is not the data set: found no meta/esc50\.csv"):
        fetch(content, wanted=("audio/",))
    assert not (tmp_path / "root" / "esc50").exists()
    assert left_over(tmp_path / "root" / "esc50") == []


def test_what_a_killed_process_left_is_swept_away(fetch, content, tmp_path):
    stale = tmp_path / "root" / ".writing-0123-esc50"
    (stale / "audio").mkdir(parents=True)
    folder = fetch(content)
    assert not stale.exists()
    assert len(esc50.read(folder)) == 50


def test_a_folder_that_cannot_be_written_is_told(fetch, content, tmp_path):
    (tmp_path / "root").write_text("a file in the way")
    with pytest.raises(DatasetError, match=r"cannot be written.*--data-root"):
        fetch(content)
