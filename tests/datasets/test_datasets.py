"""Folders, tables and names become data sets; whatever cannot be one is refused with a remedy."""

import os
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


def test_folder_follows_links_with_the_label_of_the_class_they_lie_in(sounds, tmp_path):
    shutil.copytree(sounds / "hum", tmp_path / "set" / "hum")
    shutil.copytree(sounds / "buzz", tmp_path / "elsewhere")
    (tmp_path / "set" / "whistle").mkdir()
    (tmp_path / "set" / "whistle" / "sub").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "whistle" / "loop").symlink_to("..")
    dataset = load_dataset(tmp_path / "set")
    assert dataset.labels.tolist() == ["hum"] * 10 + ["whistle"] * 10
    assert [note.split(":")[1].strip() for note in dataset.notes] == ["whistle/loop"]


@pytest.mark.parametrize("locked", [".", "whistle", "whistle/sub"])
def test_folders_that_may_not_be_read_are_never_left_out_in_silence(sounds, tmp_path, without_rights, locked):
    folder = tmp_path / "set"
    shutil.copytree(sounds, folder)
    shutil.copytree(sounds / "whistle", folder / "whistle" / "sub")
    (folder / locked).chmod(0)
    said = without_rights(f"from earmark import load_dataset; load_dataset({str(folder)!r})")
    (folder / locked).chmod(0o700)
    assert f"DatasetError: {folder / locked}: cannot be searched" in said


@pytest.mark.parametrize("data", ["set", "clips.csv"])
def test_what_lies_in_a_folder_that_may_not_be_entered_says_so(clips, tmp_path, without_rights, data):
    locked = tmp_path / "locked"
    (locked / "set").mkdir(parents=True)
    clips.to_csv(locked / "clips.csv", index=False)
    locked.chmod(0)
    said = without_rights(f"from earmark import load_dataset; load_dataset({str(locked / data)!r})")
    locked.chmod(0o700)
    assert f"DatasetError: {locked / data}" in said
    assert "Permission denied" in said


def test_clips_of_a_table_that_may_not_be_reached_are_named(clips, tmp_path, without_rights):
    clips.to_csv(tmp_path / "clips.csv", index=False)
    (tmp_path / "audio").chmod(0)
    said = without_rights(f"from earmark import load_dataset; load_dataset({str(tmp_path / 'clips.csv')!r})")
    (tmp_path / "audio").chmod(0o700)
    assert "DatasetError" in said
    assert "cannot be reached" in said


@pytest.mark.parametrize("name", [b"set/hum/caf\xe9.wav", b"set/hum\xe9/0.wav", b"set\xe9/hum/0.wav"])
def test_names_that_are_not_utf_8_are_to_be_changed(sounds, tmp_path, name):
    file = tmp_path / os.fsdecode(name)
    shutil.copytree(sounds, file.parents[1])
    file.parent.mkdir(exist_ok=True)
    shutil.copy(sounds / "buzz" / "0.wav", file)
    with pytest.raises(DatasetError, match=r"\\xe9.*Rename this file"):
        load_dataset(file.parents[1])


def test_other_files_may_have_any_name(sounds, tmp_path):
    shutil.copytree(sounds, tmp_path / "set")
    (tmp_path / os.fsdecode(b"set/hum/caf\xe9.txt")).touch()
    assert [note.split(":")[1].strip() for note in load_dataset(tmp_path / "set").notes] == [r"hum/caf\xe9.txt"]


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
        "duplicate path in other words": pd.concat([table, table.iloc[:1].replace(r"^audio", "./audio", regex=True)]),
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
        ("duplicate path in other words", r"listed twice, the first is \./audio/a0\.wav"),
        ("one class", "one label 'a'"),
        ("empty label", "3 rows have no label, the first is line 5"),
        ("no rows", "holds no clips. List clips"),
        ("odd split", "may hold train, validation and test"),
    ],
)
def test_unusable_tables_are_refused(clips, tmp_path, how, says):
    broken(clips, how).to_csv(tmp_path / "clips.csv", index=False)
    with pytest.raises(DatasetError, match=says) as caught:
        load_dataset(tmp_path / "clips.csv")
    assert str(caught.value).startswith(f"{tmp_path / 'clips.csv'}: ")


@pytest.mark.parametrize("lines", ["all", "first", "last"])
@pytest.mark.parametrize("surplus", [",", ",surplus"])
def test_lines_with_more_fields_than_the_header_are_refused(clips, tmp_path, lines, surplus):
    file = tmp_path / "clips.csv"
    header, *rows = clips.to_csv(index=False).splitlines()
    longer = {"all": range(len(rows)), "first": [0], "last": [len(rows) - 1]}[lines]
    file.write_text("\n".join([header, *(row + surplus * (i in longer) for i, row in enumerate(rows))]))
    with pytest.raises(DatasetError, match=r"more fields than|Expected 2 fields in line 7, saw 3"):
        load_dataset(file)


def test_an_index_of_a_parquet_table_changes_no_name(clips, tmp_path):
    file = tmp_path / "clips.parquet"
    clips.replace({"audio/a1.wav": "audio/nowhere.wav"}).set_index(pd.Index([7, 0, 1, 2, 3, 4])).to_parquet(file)
    with pytest.raises(DatasetError, match=r"the first is row 2 \(audio/nowhere\.wav\)"):
        load_dataset(file)
    clips.set_index("path").to_parquet(file)
    assert load_dataset(file).column("path").tolist() == clips["path"].tolist()


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


def test_check_finds_integers_saved_as_float(clips, write_sound, tmp_path):
    write_sound("audio/a0.wav", samples=np.sin(np.arange(16000)) * 20000, subtype="FLOAT")
    clips.to_csv(tmp_path / "clips.csv", index=False)
    report = check_dataset(load_dataset(tmp_path / "clips.csv"), folds=3)
    assert [(finding.kind, finding.subject) for finding in report.findings] == [("out of range", "audio/a0.wav")]
    assert report.serious


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
