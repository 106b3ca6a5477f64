"""One contract over all data sets known by name, and what only one of them promises."""

import json
import re
import shutil
from dataclasses import asdict

import pandas as pd
import pytest

from earmark.datasets import (
    can_get,
    check_dataset,
    dataset_card,
    dataset_folder,
    dataset_layout,
    get_dataset,
    list_datasets,
    load_dataset,
    read_dataset,
)
from earmark.errors import DatasetError, MissingDatasetError
from excerpts import classes_of, write_clip, write_esc, write_excerpt, write_table

RECORDED = [name for name in list_datasets() if not dataset_card(name).synthetic]
OF_KNOWN_CLASSES = [name for name in RECORDED if dataset_card(name).expected.class_names]
WITH_TEST_SET = [name for name in RECORDED if dataset_card(name).expected.fixed_test_set]
TABLE_I = {
    "T1": (185, 5, 70),
    "T2": (50, 5, 310),
    "T3": (7527, 4, 577),
    "T4": (2378, 3, 42),
    "T5": (1521, 3, 10),
    "T6": (150, 5, 150),
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    return tmp_path / "cache"


@pytest.mark.parametrize("name", RECORDED)
class TestEveryNamedDataset:
    """The contract."""

    def test_the_card_says_what_a_user_must_know(self, name):
        card = dataset_card(name)
        assert card.name == name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert card.title
        assert card.citation
        assert card.origin
        assert card.licence_known == bool(card.licence)
        assert not card.synthetic
        assert card.expected.clips >= card.expected.classes >= 2
        assert card.expected.minutes > 0
        assert card.expected.source
        assert len(card.expected.class_names) in (0, card.expected.classes)

    def test_the_card_can_be_kept_in_a_result(self, name):
        kept = asdict(dataset_card(name))
        assert json.loads(json.dumps(kept)) == {
            **kept,
            "expected": {**kept["expected"], "class_names": list(kept["expected"]["class_names"])},
        }

    def test_an_excerpt_in_the_documented_layout_reads_back(self, name, tmp_path):
        dataset = read_dataset(name, write_excerpt(name, tmp_path / name))
        assert dataset.card == dataset_card(name)
        assert set(dataset.classes) == set(classes_of(name))
        assert all(path.is_file() for path in dataset.paths)
        assert not check_dataset(dataset, folds=2).serious

    def test_it_is_found_by_its_name_below_the_data_root(self, name, tmp_path, cache):
        with pytest.raises(MissingDatasetError):
            load_dataset(name, tmp_path)
        here = load_dataset(name, write_excerpt(name, tmp_path / name).parent)
        shutil.copytree(tmp_path / name, cache / "datasets" / name)
        assert load_dataset(name).clips.equals(here.clips)
        assert dataset_folder(name) == cache / "datasets" / name

    @pytest.mark.parametrize("file", ["NAME.csv", "clips.csv"])
    def test_a_table_does_as_well(self, name, file, tmp_path):
        file = file.replace("NAME", name)
        dataset = read_dataset(name, write_table(name, tmp_path / name, file, group="one", humidity="high"))
        assert dataset.where == tmp_path / name / file
        assert set(dataset.classes) == set(classes_of(name))
        assert set(dataset.column("group")) == {"one"}
        assert set(dataset.column("humidity")) == {"high"}

    def test_other_counts_than_published_are_told(self, name, tmp_path):
        dataset = read_dataset(name, write_excerpt(name, tmp_path / name))
        expected = dataset.card.expected
        assert f"holds {len(dataset)} clips; {expected.clips} were expected ({expected.source})" in dataset.notes

    def test_a_folder_that_is_not_there_is_missing_and_not_broken(self, name, tmp_path):
        with pytest.raises(MissingDatasetError) as caught:
            load_dataset(name, tmp_path)
        said, card = str(caught.value), dataset_card(name)
        assert said.startswith(f"{tmp_path / name}: ")
        assert card.origin in said
        assert card.licence in said
        assert card.licence_known or "licence: not known" in said
        assert dataset_layout(name) in said
        assert ("earmark data get" in said) == can_get(name)

    def test_an_empty_folder_is_broken_and_says_how_it_should_be_laid_out(self, name, tmp_path):
        (tmp_path / name).mkdir()
        with pytest.raises(DatasetError, match=re.escape(dataset_layout(name).split("; or ")[-1])) as caught:
            load_dataset(name, tmp_path)
        assert not isinstance(caught.value, MissingDatasetError)

    def test_without_an_archive_it_is_said_how_to_get_it_by_hand(self, name, tmp_path):
        with pytest.raises(MissingDatasetError) as caught:
            get_dataset(name, tmp_path)
        assert not list(tmp_path.glob(name))
        if not can_get(name):
            assert f"Put it into {tmp_path / name} yourself" in str(caught.value)
            assert dataset_card(name).origin in str(caught.value)


@pytest.mark.parametrize("name", OF_KNOWN_CLASSES)
class TestKnownClasses:
    """What holds where the names of the classes are known."""

    def test_a_wrong_class_is_told(self, name, tmp_path):
        write_table(name, tmp_path / name, "clips.csv")
        table = pd.read_csv(tmp_path / name / "clips.csv", dtype=str)
        table.loc[0, "label"] = "theremin"
        table.to_csv(tmp_path / name / "clips.csv", index=False)
        with pytest.raises(DatasetError, match="found the classes theremin") as caught:
            load_dataset(name, tmp_path)
        assert ", ".join(dataset_card(name).expected.class_names) in str(caught.value)

    def test_a_missing_class_is_told(self, name, tmp_path):
        write_table(name, tmp_path / name, "clips.csv")
        table = pd.read_csv(tmp_path / name / "clips.csv", dtype=str)
        first = dataset_card(name).expected.class_names[0]
        table[table["label"] != first].to_csv(tmp_path / name / "clips.csv", index=False)
        with pytest.raises(DatasetError, match=f"no clips of {first}"):
            load_dataset(name, tmp_path)

    def test_upper_case_and_underscores_make_no_difference(self, name, tmp_path):
        write_table(name, tmp_path / name, "clips.csv")
        table = pd.read_csv(tmp_path / name / "clips.csv", dtype=str)
        table["label"] = table["label"].str.upper().str.replace(" ", "_")
        table.to_csv(tmp_path / name / "clips.csv", index=False)
        assert set(load_dataset(name, tmp_path).classes) == set(dataset_card(name).expected.class_names)


@pytest.mark.parametrize("name", WITH_TEST_SET)
class TestFixedTestSet:
    """What holds where the paper tests on a fixed test set."""

    def test_training_and_test_clips_are_told_apart(self, name, tmp_path):
        dataset = read_dataset(name, write_excerpt(name, tmp_path / name))
        for path, part in zip(dataset.column("path"), dataset.column("split"), strict=True):
            assert path.startswith(part)

    def test_a_folder_without_test_clips_is_refused(self, name, tmp_path):
        folder = write_excerpt(name, tmp_path / name)
        shutil.rmtree(next(folder.glob("test*")))
        with pytest.raises(DatasetError, match=r"lacks the folder test.*fixed test set"):
            load_dataset(name, tmp_path)

    @pytest.mark.parametrize("how", ["no column", "all train"])
    def test_a_table_without_test_clips_is_refused(self, name, how, tmp_path):
        write_table(name, tmp_path / name, "clips.csv")
        table = pd.read_csv(tmp_path / name / "clips.csv", dtype=str)
        table = table.drop(columns="split") if how == "no column" else table.assign(split="train")
        table.to_csv(tmp_path / name / "clips.csv", index=False)
        with pytest.raises(DatasetError, match=r"no clip that it is for test.*column split|for test or train"):
            load_dataset(name, tmp_path)


def test_the_cards_of_the_tasks_have_the_counts_of_the_paper():
    cards = [dataset_card(name) for name in RECORDED if dataset_card(name).task]
    found = {card.task: (card.expected.clips, card.expected.classes, card.expected.minutes) for card in cards}
    assert found == TABLE_I
    assert {card.task for card in cards if card.expected.fixed_test_set} == {"T4", "T5", "T6"}


@pytest.mark.parametrize("name", ["idmt-metal-balls", "idmt-pucks"])
def test_another_number_of_classes_is_refused_where_their_names_are_not_known(name, tmp_path):
    folder = write_excerpt(name, tmp_path)
    expected = dataset_card(name).expected.classes
    for part in ("train", "test"):
        write_clip(folder / part / "another" / "0.wav", 100 + len(part))
    with pytest.raises(
        DatasetError, match=rf"holds {expected + 1} classes \(another, .*{name} has {expected} \(Table I"
    ):
        read_dataset(name, folder)


@pytest.mark.parametrize(
    ("name", "spelt", "label"),
    [
        ("acmus-mir", "large", "large ensemble"),
        ("acmus-mir", "Large_Ensemble", "large ensemble"),
        ("db-mtc", "Voice", "vocal"),
        ("field-recordings", "instrumental", "music"),
        ("idmt-electric-engine", "engine3_heavyload", "heavy load"),
        ("esc10", "dog_bark", "dog"),
    ],
)
def test_documented_spellings_get_the_name_of_the_class(name, spelt, label, tmp_path):
    write_table(name, tmp_path, "clips.csv")
    table = pd.read_csv(tmp_path / "clips.csv", dtype=str).replace({"label": {label: spelt}})
    assert spelt in set(table["label"])
    table.to_csv(tmp_path / "clips.csv", index=False)
    assert set(read_dataset(name, tmp_path).classes) == set(classes_of(name))


@pytest.mark.parametrize(
    ("file", "noise"),
    [
        ("pure_12.wav", "none"),
        ("talking_2_7.wav", "talking"),
        ("atmo_low_0.wav", "atmosphere low"),
        ("atmo_medium_0.wav", "atmosphere medium"),
        ("atmo_high_31.wav", "atmosphere high"),
        ("whitenoise_low_3.wav", "white noise"),
        ("stresstest_44.wav", "stress test"),
        ("Atmo-High-1.wav", "atmosphere high"),
        ("recording_1.wav", "unknown"),
    ],
)
def test_the_name_of_an_engine_clip_tells_its_noise(file, noise, tmp_path):
    folder = write_excerpt("idmt-electric-engine", tmp_path)
    write_clip(folder / "test_cut" / "engine1_good" / file, 1)
    dataset = read_dataset("idmt-electric-engine", folder)
    row = dataset.clips[dataset.clips["path"] == f"test_cut/engine1_good/{file}"].iloc[0]
    assert (row["noise"], row["label"], row["split"]) == (noise, "good", "test")
    said = [note for note in dataset.notes if "do not tell their noise" in note]
    assert said == (
        [f"the names of 1 clips do not tell their noise, the first is {row['path']}"] * (noise == "unknown")
    )


def test_uncut_engine_recordings_are_not_read(tmp_path):
    folder = write_excerpt("idmt-electric-engine", tmp_path)
    write_clip(folder / "train" / "engine1_good" / "pure.wav", 1)
    assert set(read_dataset("idmt-electric-engine", folder).column("path")) == {
        path.relative_to(folder).as_posix() for path in folder.glob("*_cut/*/*.wav")
    }


def test_a_copy_of_the_repository_of_field_recordings_is_read(tmp_path):
    letters = ["s", "1", "2", "i", "x", "s"]
    for number, _ in enumerate(letters, start=1):
        write_clip(tmp_path / "samples" / f"{number:05}.wav", number)
    lines = "".join(f"{number:05}.wav\t{letter}\n" for number, letter in enumerate(letters, start=1))
    (tmp_path / "samples" / "sample labels.txt").write_text(f"Filename\tLabel\n{lines}")
    dataset = read_dataset("field-recordings", tmp_path)
    assert dataset.labels.tolist() == ["speech", "solo singing", "choir", "music", "speech"]
    assert dataset.notes[0].startswith("1 clips labelled x (noise) were passed over")
    assert all(path.is_file() for path in dataset.paths)


def test_a_clip_that_the_field_recordings_list_and_do_not_have_is_named_by_its_line(tmp_path):
    for number in range(1, 5):
        write_clip(tmp_path / "samples" / f"{number}.wav", number)
    rows = "1.wav\ts\n9.wav\tx\n2.wav\t1\n3.wav\t2\n4.wav\ti\n5.wav\ti\n"
    (tmp_path / "samples" / "sample labels.txt").write_text(f"Filename\tLabel\n{rows}")
    with pytest.raises(DatasetError, match=r"1 of 5 files do not exist.*line 7 \(5\.wav\)"):
        read_dataset("field-recordings", tmp_path)


def test_esc_brings_its_folds_and_the_recordings_that_clips_were_cut_from(tmp_path):
    dataset = read_dataset("esc50", write_esc(tmp_path, classes_of("esc50"), clips=5))
    assert sorted(set(dataset.column("fold"))) == ["1", "2", "3", "4", "5"]
    for _, clip in dataset.clips.iterrows():
        fold, source, take, target = re.fullmatch(r"audio/(\d)-(\d+)-(\w)-(\d+)\.wav", clip["path"]).groups()
        assert (clip["fold"], clip["group"], clip["take"], clip["target"]) == (fold, source, take, target)


def test_esc10_is_what_the_archive_marks_and_needs_no_other_files(tmp_path):
    tens = classes_of("esc10")
    others = tuple(label for label in classes_of("esc50") if label not in tens)
    folder = write_esc(tmp_path / "a", tens)
    other = write_esc(tmp_path / "b", others, esc10="False", first=10)
    rows = (other / "meta" / "esc50.csv").read_text().split("\n", 1)[1]
    with (folder / "meta" / "esc50.csv").open("a") as table:
        table.write(rows)
    assert set(read_dataset("esc10", folder).classes) == set(tens)
    with pytest.raises(DatasetError, match="80 of 100 files do not exist"):
        read_dataset("esc50", folder)


@pytest.mark.parametrize("name", ["esc10", "esc50"])
def test_esc_without_its_folds_is_refused(name, tmp_path):
    write_table(name, tmp_path, "clips.csv")
    pd.read_csv(tmp_path / "clips.csv").drop(columns="fold").to_csv(tmp_path / "clips.csv", index=False)
    with pytest.raises(DatasetError, match="lacks the column fold"):
        read_dataset(name, tmp_path)


@pytest.mark.real
def test_the_real_esc10_is_what_was_published(shared_data, tmp_path):
    dataset = read_dataset("esc10", shared_data("esc10/esc10.csv").parent)
    assert dataset.notes == ()
    assert set(dataset.classes) == set(dataset_card("esc10").expected.class_names)
    counts = dataset.clips.groupby(["label", "fold"]).size()
    assert len(counts) == 50
    assert set(counts) == {8}


def test_a_name_that_also_lies_here_is_not_guessed_at(sounds, tmp_path, monkeypatch):
    shutil.copytree(sounds, tmp_path / "pucks")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=r"is the name of a data set, and also lies here.*Write \./pucks"):
        load_dataset("pucks")
    assert load_dataset("./pucks").classes == ["buzz", "hum", "whistle"]
    assert load_dataset(tmp_path / "pucks").classes == ["buzz", "hum", "whistle"]


def test_with_a_data_root_names_come_first(tmp_path, monkeypatch):
    write_excerpt("esc10", tmp_path / "esc10")
    monkeypatch.chdir(tmp_path)
    assert load_dataset("esc10", ".").has("fold")


def test_what_is_made_by_code_lies_below_the_data_root_like_any_other(tmp_path, cache):
    dataset = load_dataset("pucks", tmp_path)
    assert dataset.where == tmp_path / "pucks" / "pucks.csv"
    before = dataset.where.stat().st_mtime_ns
    assert get_dataset("pucks", tmp_path) == tmp_path / "pucks"
    assert dataset.where.stat().st_mtime_ns == before
    assert not cache.exists()


@pytest.mark.parametrize("ask", [dataset_card, dataset_folder, dataset_layout, can_get, get_dataset])
def test_unknown_names_are_answered_with_the_known_ones(ask):
    with pytest.raises(DatasetError, match=r"there is no data set of that name\. Did you mean 'esc10'\?.*pucks"):
        ask("esc11")


@pytest.mark.parametrize("name", ["pucks", "standin-t1"])
def test_what_is_made_is_not_mixed_with_files_of_the_user(name, tmp_path):
    (tmp_path / name / "audio").mkdir(parents=True)
    (tmp_path / name / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match=rf"holds mine\.txt, which is no part of {name}"):
        load_dataset(name, tmp_path)
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["audio", "mine.txt"]


def test_what_has_not_been_made_says_the_command_that_makes_it_there(tmp_path):
    with pytest.raises(MissingDatasetError, match=rf"earmark data get pucks --data-root {re.escape(str(tmp_path))}\."):
        read_dataset("pucks", tmp_path / "pucks")
