"""Killed at any moment, an extraction loses nothing that was committed and is finished by the next run."""

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_model import SmallModel

from earmark.audio import file_sha256
from earmark.store import EmbeddingStore

SCRIPT = Path(__file__).with_name("small_model.py")
CLIPS, KILLS = 60, 10
#: Calls before the first shard: those of the shard of the warm-up and of the fingerprints that lie beside shards.
WARM_UP = {"os.fsync": 1, "pathlib.Path.replace": 3}
SECONDS_A_CLIP, SHARD_SECONDS = 0.2, 0.05


@pytest.fixture
def clips(tmp_path, write_sound):
    return [write_sound(f"clips/{number:02}.wav", 0.5, 8000, seed=number) for number in range(CLIPS)]


def start(store, clips, seconds_a_clip):
    arguments = ["embed", store, clips[0].parent, seconds_a_clip, SHARD_SECONDS]
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(store, clips):
    """Run to the end and return how many clips were embedded."""
    out, _ = start(store, clips, 0).communicate(timeout=60)
    return int(out.split()[-1])


def committed(folder, digests):
    store = EmbeddingStore(folder, SmallModel().fingerprint)
    return {digest for digest in digests if digest in store}


def rows(folder):
    """Every row of every shard: digest, frames, times."""
    found = []
    for shard in EmbeddingStore(folder, SmallModel().fingerprint).folder.glob("[!.]*.parquet"):
        for row in pq.read_table(shard).to_pylist():
            frames, times = np.array(row["frames"], np.float32), np.array(row["times"])
            found.append((row["clip_sha256"], frames.tobytes(), times.tobytes()))
    return found


def test_ten_kills_lose_nothing_and_embed_nothing_twice(tmp_path, clips):
    digests = [file_sha256(path) for path in clips]
    generator = np.random.default_rng(2020)
    folder, before, killed, later = tmp_path / "store", set(), 0, 0
    for _ in range(KILLS):
        with start(folder, clips, SECONDS_A_CLIP) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(generator.uniform(0, 0.6))
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
        after = committed(folder, digests)
        assert before <= after
        later += before < after
        before = after
    assert killed >= KILLS // 2, "the runs ended before they could be killed"
    assert later >= 2, "every kill came before the first shard"

    assert finish(folder, clips) == CLIPS - len(before)
    assert finish(tmp_path / "undisturbed", clips) == CLIPS
    assert sorted(rows(folder)) == sorted(rows(tmp_path / "undisturbed"))
    assert set(Counter(digest for digest, *_ in rows(folder)).values()) == {1}
    again = EmbeddingStore(folder, SmallModel().fingerprint)
    assert len(again.read(digests)) == CLIPS


@pytest.mark.parametrize("moment", ["os.fsync", "pathlib.Path.replace"])
def test_killed_between_writing_and_renaming_a_shard_is_not_seen(tmp_path, clips, moment, run_python):
    # The process kills itself when it has come to the moment for the second shard.
    code = f"""
import os, pathlib, signal, sys, small_model
from earmark.store import store
kept, calls = {moment}, []
def hold(*arguments):
    calls.append(arguments)
    if len(calls) > {WARM_UP[moment] + 1}:
        os.kill(os.getpid(), signal.SIGKILL)
    return kept(*arguments)
{moment} = hold
if not os.fork():
    small_model.embed(*sys.argv[1:], "0.01", "0")
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    folder = tmp_path / "store"
    assert run_python(code, folder, clips[0].parent).split()[-1] == str(-signal.SIGKILL)
    store = EmbeddingStore(folder, SmallModel().fingerprint)
    left = [path for path in store.folder.iterdir() if path.name.startswith(".")]
    assert len(left) == 1
    assert 0 < len(store) < CLIPS
    assert finish(folder, clips) == CLIPS - len(store)
    assert left[0].exists(), "only old leftovers are cleared away: this one could belong to a living process"
    assert len(rows(folder)) == CLIPS
