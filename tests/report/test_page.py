"""The HTML page: it stands alone, says what is true, and survives hostile names."""

import base64
import html
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import soundfile

from earmark.errors import SettingsError
from earmark.report import render_page, write_page
from earmark.report.players import HIGHEST_RATE, MOST_CHARACTERS, MOST_PLAYERS
from earmark.report.systems import read_scores
from earmark.report.wording import neighbours

VOID = {"meta", "br", "link", "img", "input", "hr", "wbr"}


class Page(HTMLParser):
    """Reads a page and notes what is fetched, what is left open, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.targets, self.tags, self.ids, self.words = [], [], [], [], [], []
        self.feed(text)
        self.close()
        # What a reader reads: numbers and their percent signs are joined by no-break spaces.
        self.text = re.sub(r"\s+", " ", "".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}:
                self.targets.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def read(run, **more) -> Page:
    return Page(render_page(run.results, run.summary, run.predictions, run.protocol, **more))


def best_and_all(run):
    scores = read_scores(run.summary)
    return next(score for score in scores if score.embedding == "yamnet"), scores


@pytest.fixture
def clip(tmp_path):
    """A stereo file of 12 s at 44.1 kHz: noise, which compresses badly."""
    path = tmp_path / "clip.wav"
    noise = np.random.default_rng(5).uniform(-0.5, 0.5, (12 * 44_100, 2))
    soundfile.write(path, noise.astype(np.float32), 44_100)
    return path


def players(text: str) -> list[str]:
    return re.findall(r'src="(data:audio/flac;base64,[^"]+)"', text)


def test_page_stands_alone_and_every_tag_is_closed(run, clip):
    text = render_page(*run[:3], run.protocol, audio=lambda path: clip)
    page = Page(text)
    assert not page.open
    assert not page.wrong
    assert "script" not in page.tags
    assert all(target.startswith(("#", "data:")) for target in page.targets)
    assert not re.search(r"@import|url\((?!#)", text)
    assert "default-src 'none'" in text


def test_identifiers_are_unique_and_links_lead_somewhere(make_run):
    page = read(make_run(splits={"clips": 1.0, "groups": 0.7}))
    assert len(page.ids) == len(set(page.ids))
    assert {target[1:] for target in page.targets if target.startswith("#")} <= {*page.ids}


def test_headline_names_best_system_accuracy_interval_and_clips(run):
    best = run.summary.sort_values("accuracy_mean", ascending=False).iloc[0]
    shown = [f"{100 * best[key]:.1f}" for key in ("accuracy_mean", "accuracy_low", "accuracy_high")]
    expected = (
        f"{best.embedding} with {best.classifier}, {best.fusion} fusion, is right on {shown[0]} % of 200 clips "
        f"(95 % interval {shown[1]} to {shown[2]} %)."
    )
    text = read(run).text
    assert expected in text
    assert "Always answering with the largest class would be right on 10.0 %." in text


def test_only_systems_with_overlapping_intervals_are_called_near(run):
    rows = run.summary.sort_values("accuracy_mean", ascending=False)
    near = (rows["accuracy_high"] >= rows["accuracy_low"].iloc[0]).sum() - 1
    assert 0 < near < 5
    assert f"of {near} of the other 5 systems" in read(run).text


def test_two_splits_stand_side_by_side_and_the_grouped_one_speaks(make_run):
    run = make_run(splits={"clips": 1.0, "groups": 0.66})
    table = run.summary.set_index(["split", "embedding", "classifier"])["accuracy_mean"]
    system = table["groups"].idxmax()
    page = read(run, comparison_notes=["By clip and by group are far apart."])
    difference = 100 * (table["groups"][system] - table["clips"][system])
    assert f"−{abs(difference):.1f}" in page.text
    assert f"is right on {100 * table['groups'][system]:.1f} % of 200 clips from groups it was not" in page.text
    assert "the honest one" in page.text
    assert "By clip and by group are far apart." in page.text
    assert page.text.count("Recall by class") == 2


def test_paired_tests_have_a_section_once_there_are_two_systems(run, small_run):
    assert "Which differences are real" in read(run).text
    assert "by more than chance" in read(run).text
    assert "Which differences are real" not in read(small_run).text


def test_train_fractions_and_data_sets_have_sections_of_their_own(make_run):
    runs = [make_run(name, clips=60, seed=seed) for seed, name in enumerate(["bells", "drums", "gongs"])]
    tables = [pd.concat(parts, ignore_index=True) for parts in zip(*(run[:3] for run in runs), strict=True)]
    page = Page(render_page(*tables, {}))
    assert not page.wrong
    assert "Over 3 data sets" in page.text
    assert "What more labels would bring" not in page.text
    fewer = [table.assign(train_fraction=0.4) for table in runs[0][:3]]
    both = [pd.concat(parts, ignore_index=True) for parts in zip(runs[0][:3], fewer, strict=True)]
    both[0]["n_train"] = (both[0]["train_fraction"] * 60).round().astype(int)
    page = Page(render_page(*both, {}))
    assert "cannot be said from 2 train fractions" in page.text
    assert "Over all data sets" not in page.text
    assert len(page.ids) == len(set(page.ids))


def test_one_split_has_no_comparison_of_splits(run):
    assert "Splits side by side" not in read(run).text


def test_hostile_names_and_paths_are_shown_not_run(make_run):
    attack = "<script>alert(1)</script>"
    run = make_run(attack, classes=[attack, '"><img src=x onerror=alert(1)>', "a&b"], clips=60)
    run.protocol["left_out"] = [{"path": f"{attack}.wav", "reason": attack}]
    run.protocol["command"] = f"earmark compare '{attack}'"
    run.protocol[attack] = {attack: [attack]}
    page = read(run, comparison_notes=[attack])
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert attack in page.text
    assert not page.wrong


def test_one_system_has_nobody_to_be_compared_with(small_run):
    assert "No other system was compared" in read(small_run).text


def test_zero_errors_are_said(make_run):
    page = read(make_run(systems=[("yamnet", "svm", "late", 1.0)]))
    assert "None: every clip was given its class." in page.text
    assert "audio" not in page.tags


def test_class_never_confused_has_full_recall_and_a_dash(make_run):
    run = make_run(classes=["ok", "broken"], systems=[("yamnet", "svm", "late", 0.8)], clips=40)
    run.predictions.loc[run.predictions["label"] == "ok", "predicted"] = "ok"
    row = re.search(r'<th scope="row">ok</th>.*?</tr>', render_page(*run[:3], run.protocol), re.DOTALL).group()
    assert "100.0" in row
    assert "–" in row


def test_clip_left_out_is_listed_with_its_reason(small_run):
    small_run.protocol["left_out"] = [{"path": "audio/broken.wav", "reason": "It ends after 12 bytes."}]
    text = read(small_run).text
    assert "1 clip could not be used and is in none" in text
    assert "audio/broken.wav" in text
    assert "It ends after 12 bytes." in text


@pytest.mark.parametrize("change", [
    {"dataset": {"name": "ESC-10", "synthetic": True}},
    {"embeddings": [{"name": "openl3", "note": "random weights, for tests only"}]},
])  # fmt: skip
def test_numbers_not_to_be_quoted_get_a_badge(small_run, change):
    assert 'class="badge"' not in render_page(*small_run[:3], small_run.protocol)
    assert 'class="badge"' in render_page(*small_run[:3], {**small_run.protocol, **change})


def test_empty_protocol_and_no_predictions_still_make_a_page(small_run):
    page = Page(render_page(small_run.results, small_run.summary, small_run.predictions.iloc[:0], {}))
    assert not page.wrong
    assert "The protocol does not say whether clips were left out." in page.text
    assert "Recall by class" not in page.text


@pytest.mark.parametrize("key", ["splits", "classifiers", "leak_check", "dataset", "embeddings", "versions", "command"])
def test_every_protocol_key_may_be_missing(small_run, key):
    del small_run.protocol[key]
    assert not read(small_run).wrong


def test_protocol_is_printed_in_full(run):
    text = read(run).text
    for said in ("paper-2020", "20200824", "Platt scaling", "0.5", "Adam, 1e-3", "3f9a0c77d2b1", "0.28", "2.4.1"):
        assert said in text
    assert run.protocol["command"] in text
    assert "No leak was found." in text


def test_protocol_shows_no_raw_floats_and_no_empty_rows(small_run):
    small_run.protocol["dataset"] |= {"hours": 0.08334714033761648, "licence": "", "citation": ""}
    small_run.protocol["embeddings"] = [
        {"name": "soundnet:layers=conv3", "window_seconds": 0.7908390022675736, "hop_seconds": 0.37151927, "note": "",
         "fingerprint": {"front_end": [["layers", ""], ["scale", 256.0]], "key": "1d17655959eb9b07"}},
        {"name": "whole", "window_seconds": 0.0, "hop_seconds": 0.0},
    ]  # fmt: skip
    page = read(small_run)
    for said in ("0.08335", "window0.7908 s", "hop0.3715 s", "windowwhole clip", "hopwhole clip", "scale256"):
        assert said in page.text
    for unsaid in ("0.790839", "0.083347", "citation", "licence", "note", "layers,"):
        assert unsaid not in page.text
    assert not page.wrong


def test_each_embedding_has_a_list_of_its_own(run):
    page = read(run)
    names = {embedding["name"] for embedding in run.protocol["embeddings"]}
    assert page.tags.count("h4") == len(names)


def test_long_names_in_tables_may_break_after_colon_and_plus(make_run):
    run = make_run(systems=[("soundnet-conv5:layers=conv3+conv5", "svm", "late", 0.9), ("yamnet", "svm", "late", 0.8)])
    text = render_page(*run[:3], run.protocol)
    assert '<td class="name">soundnet-conv5:<wbr>layers=conv3+<wbr>conv5</td>' in text
    assert "\u200b" not in text


def test_sentences_name_each_embedding_once(make_run):
    long = "soundnet-conv5:layers=conv3+conv5"
    rivals = [(long, classifier, fusion, 0.9) for classifier in ("svm", "d128") for fusion in ("late", "early")]
    sentence = neighbours(*best_and_all(make_run(systems=[("yamnet", "svm", "late", 0.93), *rivals], clips=40)))
    assert sentence.count(long) == 1
    for said in ("svm (", "d128 (", "late fusion", "early fusion"):
        assert said in sentence


def test_players_stay_within_number_and_size(make_run, clip):
    run = make_run(systems=[("yamnet", "svm", "late", 0.5)], clips=120)
    text = render_page(*run[:3], run.protocol, audio=lambda path: clip)
    found = players(text)
    assert 0 < len(found) <= MOST_PLAYERS
    assert sum(map(len, found)) <= MOST_CHARACTERS
    assert "listed by path alone" in text
    wrong = run.predictions[run.predictions["label"] != run.predictions["predicted"]]
    assert all(path in html.unescape(text) for path in wrong["path"])


def test_players_are_short_mono_16_bit_flac(small_run, clip):
    found = players(render_page(*small_run[:3], small_run.protocol, audio=lambda path: clip))
    info = soundfile.info(io.BytesIO(base64.b64decode(found[0].partition(",")[2])))
    assert (info.channels, info.samplerate, info.format, info.subtype) == (1, HIGHEST_RATE, "FLAC", "PCM_16")
    assert info.duration <= 10.0


def test_both_splits_get_players(make_run, tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(4_000, dtype=np.float32), 16_000)
    run = make_run(splits={"clips": 0.9, "groups": 0.6})
    parts = render_page(*run[:3], run.protocol, audio=lambda name: path).split("Recall by class")[1:]
    assert [len(players(part)) > 0 for part in parts] == [True, True]
    assert sum(len(players(part)) for part in parts) <= MOST_PLAYERS


def test_unreadable_audio_is_reported_not_hidden(small_run, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    text = read(small_run, audio=lambda path: broken).text
    assert "Clips that could not be embedded as sound" in text
    assert "broken.wav" in text


def test_page_is_deterministic(small_run, clip):
    first, second = (render_page(*small_run[:3], small_run.protocol, audio=lambda path: clip) for _ in range(2))
    assert first == second


def test_page_is_written_whole_or_not_at_all(small_run, tmp_path):
    target = tmp_path / "report.html"
    assert write_page(target, render_page(*small_run[:3], small_run.protocol)) == target
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert target.read_text(encoding="utf-8").endswith("</html>")
    with pytest.raises(SettingsError, match="cannot be written"):
        write_page(tmp_path / "absent" / "report.html", "a page")


def test_path_that_is_no_text_can_be_written(small_run, tmp_path):
    small_run.protocol["left_out"] = [{"path": "audio/\udcff.wav", "reason": "unreadable"}]
    assert "\\udcff.wav" in write_page(tmp_path / "r.html", render_page(*small_run[:3], small_run.protocol)).read_text(
        encoding="utf-8"
    )


def test_browser_shows_headline_and_table(run, clip, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on PATH")
    page = write_page(tmp_path / "report.html", render_page(*run[:3], run.protocol, audio=lambda path: clip))
    flags = (
        "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
        f"disable-component-update disable-sync user-data-dir={tmp_path}/profile dump-dom"
    ).split(" ")
    command = [chromium, *(f"--{flag}" for flag in flags), page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    dom = Page(done.stdout)
    assert "is right on" in dom.text
    assert "File-wise accuracy in %, ESC-10" in dom.text
    assert dom.tags.count("table") == Page(page.read_text(encoding="utf-8")).tags.count("table")
    assert dom.tags.count("svg") == 3
