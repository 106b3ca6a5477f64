"""Folders, tables and names become data sets; whatever cannot be one is refused with a remedy."""

import shutil

import numpy as np
import pandas as pd
import pytest

from earmark.datasets import check_dataset, load_dataset
from earmark.errors import DatasetError


@pytest.fixture
def clips(write_sound, tmp_path):
    """Six clips of two classes, and the rows that list them."""
    rows = [(f"audio/{label}{i}.wav", label) for label in ("a", "b") for i in range(3)]
    for seed, (path, _) in enumerate(rows):
        write_sound(path, seconds=0.3, seed=seed)
    return pd.DataFrame(rows, columns=["path", "label"])


def test_folder_names_are_labels_also_of_nested_files(sounds):
    dataset = load_dataset(sounds)
    assert dataset.classes == ["buzz", "hum", "whistle"]
    assert len(dataset) == 30
    assert dataset.card.name == sounds.name
    assert all(path.is_file() for path in dataset.paths)


def test_folder_passes_hidden_files_over_and_mentions_others(sounds, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(sounds, folder)
    (folder / "hum" / ".hidden.wav").write_bytes(b"")
    (folder / "hum" / "notes.txt").write_text("recorded on Monday")
    (folder / "loose.wav").write_bytes(b"")
    (folder / "empty").mkdir()
    dataset = load_dataset(folder)
    assert len(dataset) == 30
    assert [note.split(":")[1].strip() for note in dataset.notes] == ["hum/notes.txt", "loose.wav", "empty"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_tables_keep_known_columns_and_metadata(clips, tmp_path, suffix):
    file = tmp_path / f"clips{suffix}"
    table = clips.assign(group=["x", "x", "y", "z", "z", "w"], fold=[1, 2, 3, 1, 2, 3], rpm=1730)
    write = {".csv": table.to_csv, ".tsv": lambda f, index: table.to_csv(f, sep="\t", index=index)}
    write.get(suffix, table.to_parquet)(file, index=False)
    dataset = load_dataset(file)
    assert dataset.column("fold").tolist() == ["1", "2", "3", "1", "2", "3"]
    assert dataset.column("group").tolist() == ["x", "x", "y", "z", "z", "w"]
    assert dataset.column("rpm").tolist() == ["1730"] * 6
    assert dataset.card.name == "clips"


def broken(table, how):
    return {
        "missing column": table.drop(columns="label"),
        "unknown path": table.replace({"audio/a1.wav": "audio/nowhere.wav"}),
        "duplicate path": pd.concat([table, table.iloc[:1]]),
        "one class": table[table["label"] == "a"],
        "empty label": table.replace({"b": ""}),
        "no rows": table.iloc[:0],
        "odd split": table.assign(split="somewhere"),
    }[how]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("missing column", "lacks the column label"),
        ("unknown path", r"line 3 \(audio/nowhere\.wav\)"),
        ("duplicate path", r"listed twice, the first is audio/a0\.wav"),
        ("one class", "one label 'a'"),
        ("empty label", "3 rows have no label, the first is line 5"),
        ("no rows", "holds no clips"),
        ("odd split", "may hold train, validation and test"),
    ],
)
def test_unusable_tables_are_refused(clips, tmp_path, how, says):
    broken(clips, how).to_csv(tmp_path / "clips.csv", index=False)
    with pytest.raises(DatasetError, match=says) as caught:
        load_dataset(tmp_path / "clips.csv")
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b""), ("a.csv", b"\xff\xfe\x00path"), ("a.csv", b'path,label\n"a,b\n'), ("a.parquet", b"no parquet")],
)
def test_files_that_are_no_tables_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=name):
        load_dataset(tmp_path / name)


def test_what_is_nothing_is_refused_with_a_hint(tmp_path):
    with pytest.raises(DatasetError, match="Did you mean 'pucks'"):
        load_dataset("puck")
    with pytest.raises(DatasetError, match="found no audio files"):
        load_dataset(tmp_path)
    (tmp_path / "sound.wav").write_bytes(b"")
    with pytest.raises(DatasetError, match="neither a folder nor a table"):
        load_dataset(tmp_path / "sound.wav")


def test_check_finds_nothing_wrong_with_good_clips(sounds):
    report = check_dataset(load_dataset(sounds))
    assert report.findings == ()
    assert report.clips == {"buzz": 10, "hum": 10, "whistle": 10}
    assert report.sample_rates == {16000: 30}
    assert 15 < report.hours * 3600 < 60


def test_check_names_everything_that_is_wrong(clips, write_sound, tmp_path):
    write_sound("audio/a0.wav", samples=np.zeros(16000))
    write_sound("audio/a1.wav", samples=np.clip(np.sin(np.arange(16000) / 9) * 3, -1, 1))
    write_sound("audio/a2.wav", seconds=0.05)
    (tmp_path / "audio/b0.wav").write_bytes(b"not a sound")
    shutil.copy(tmp_path / "audio/b1.wav", tmp_path / "audio/b2.wav")
    rows = [*clips.itertuples(index=False), ("audio/c.wav", "a")]
    shutil.copy(tmp_path / "audio/b1.wav", tmp_path / "audio/c.wav")
    table = pd.DataFrame(rows, columns=["path", "label"]).assign(group=["x", "x", "x", "x", "y", "y", "y"])
    table.to_csv(tmp_path / "clips.csv", index=False)
    report = check_dataset(load_dataset(tmp_path / "clips.csv"), folds=5)
    found = {(finding.kind, finding.subject) for finding in report.findings}
    assert found == {
        ("silent", "audio/a0.wav"),
        ("clipped", "audio/a1.wav"),
        ("too short", "audio/a2.wav"),
        ("unreadable", "audio/b0.wav"),
        ("conflicting labels", "audio/b1.wav"),
        ("group straddles labels", "x"),
        ("group straddles labels", "y"),
        ("few groups", "a"),
        ("few groups", "b"),
    }
    assert report.serious
    assert [finding.serious for finding in report.findings] == sorted(
        (finding.serious for finding in report.findings), reverse=True
    )


def test_clipping_is_seen_across_blocks(write_sound, tmp_path):
    from earmark.audio import decode

    samples = np.zeros(decode.BLOCK_VALUES + 1000)
    samples[decode.BLOCK_VALUES - 2 : decode.BLOCK_VALUES + 1] = 1.0
    write_sound("set/a/long.wav", samples=samples)
    write_sound("set/b/other.wav")
    report = check_dataset(load_dataset(tmp_path / "set"), folds=1)
    assert [finding.detail for finding in report.findings if finding.kind == "clipped"] == [
        "3 samples in a row at full scale"
    ]


def test_pucks_are_a_data_set_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path))
    dataset = load_dataset("pucks")
    assert dataset.card.synthetic
    assert dataset.has("group")
    assert len(dataset.classes) == 5
