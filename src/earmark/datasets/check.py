"""Listen to every clip of a data set once, before anything is built on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.audio import file_sha256, open_recording
from earmark.datasets.dataset import Dataset
from earmark.errors import AudioError
from earmark.parallel import cores, side_by_side
from earmark.progress import SILENT, Progress

__all__ = ["CheckReport", "Finding", "check_dataset"]

#: A clip whose loudest sample is below this is silent: one step of 16 bits.
SILENT_PEAK = 1 / 32768
#: Samples at or above this are at full scale, for integer formats of at least 16 bits.
FULL_SCALE = 32767 / 32768
#: Neighbouring samples at full scale that make a clip clipped.
CLIPPED_RUN = 3
#: No sound in [-1, 1] has a sample above this, whatever a resampler or a mix added to it.
ABSURD_PEAK = 8.0
#: Clips shorter than this hold too little for any embedding here, in seconds.
SHORT_SECONDS = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing found wrong or odd.

    Attributes
    ----------
    kind : str
        ``"unreadable"``, ``"silent"``, ``"clipped"``, ``"out of range"``, ``"too short"``, ``"duplicate"``,
        ``"conflicting labels"``, ``"group straddles labels"``, ``"few clips"``, ``"few groups"`` or ``"note"``.
    subject : str
        Path of the clip, or name of the class or group.
    detail : str
        What was found.
    serious : bool
        Whether results would be wrong or impossible because of it.
    """

    kind: str
    subject: str
    detail: str
    serious: bool


@dataclass(frozen=True)
class CheckReport:
    """What `check_dataset` found.

    Attributes
    ----------
    clips : dict of str to int
        Number of clips of each class.
    hours : float
        Length of all clips that could be decoded.
    sample_rates : dict of int to int
        Number of clips of each sample rate in Hz.
    findings : tuple of Finding
        Serious ones first.
    """

    clips: dict[str, int]
    hours: float
    sample_rates: dict[int, int]
    findings: tuple[Finding, ...]

    @property
    def serious(self) -> bool:
        """Whether anything serious was found."""
        return any(finding.serious for finding in self.findings)


@dataclass(frozen=True)
class _Heard:
    sha256: str
    seconds: float
    sample_rate: int
    peak: float
    longest_full_scale_run: int


def check_dataset(
    dataset: Dataset, *, folds: int = 5, workers: int | None = None, progress: Progress = SILENT
) -> CheckReport:
    """Decode every clip once and report what is wrong or odd.

    Parameters
    ----------
    dataset : Dataset
        The data set.
    folds : int
        Folds that cross-validation will use: a class with fewer clips is reported.
    workers : int, optional
        Clips decoded at once; by default one a core.
    progress : Progress
        Hears of the steps.

    Returns
    -------
    CheckReport
    """
    names = dict(zip(dataset.paths, dataset.clips["path"], strict=True))
    labels = dict(zip(dataset.clips["path"], dataset.clips["label"], strict=True))
    heard: dict[str, _Heard] = {}
    findings = [Finding("note", str(dataset.where), note, serious=False) for note in dataset.notes]
    with progress.step("Checking", len(names), "clips") as advance:
        for path, outcome in side_by_side(_listen, names, workers or cores()):
            name = names[path]
            if isinstance(outcome, AudioError):
                findings.append(Finding("unreadable", name, str(outcome).removeprefix(f"{path}: "), serious=True))
                advance()
                continue
            heard[name] = outcome
            findings += _clip_findings(name, outcome)
            advance(1, outcome.seconds)
    findings += _duplicates(heard, labels) + _straddling_groups(dataset)
    counts = Counter(dataset.labels.tolist())
    findings += _few(dataset, folds)
    findings.sort(key=lambda finding: (not finding.serious, finding.kind, finding.subject))
    return CheckReport(
        {label: counts[label] for label in dataset.classes},
        sum(clip.seconds for clip in heard.values()) / 3600,
        dict(Counter(clip.sample_rate for clip in heard.values())),
        tuple(findings),
    )


def _listen(path: Path) -> _Heard | AudioError:
    try:
        with open_recording(path) as recording:
            peak, longest, run, samples = 0.0, 0, 0, 0
            for block in recording.blocks():
                loud = np.abs(block)
                peak = max(peak, float(loud.max()))
                block_longest, run = _full_scale_runs(loud >= FULL_SCALE, run)
                longest = max(longest, block_longest)
                samples += len(block)
            rate = recording.info.sample_rate
        return _Heard(file_sha256(path), samples / rate, rate, peak, longest)
    except AudioError as error:
        return error


def _full_scale_runs(full: np.ndarray, run: int) -> tuple[int, int]:
    """Longest run of true values, when `run` of them came just before, and the run at the end."""
    quiet = np.flatnonzero(~full)
    if not len(quiet):
        return run + len(full), run + len(full)
    inner = int(np.diff(quiet).max(initial=1)) - 1
    at_end = len(full) - 1 - int(quiet[-1])
    return max(run + int(quiet[0]), inner, at_end), at_end


def _clip_findings(name: str, clip: _Heard) -> list[Finding]:
    findings = []
    if clip.peak < SILENT_PEAK:
        findings.append(Finding("silent", name, "no sample above one step of 16 bits", serious=False))
    if clip.peak > ABSURD_PEAK:
        detail = f"samples reach {clip.peak:.3g} instead of 1 at most: integers saved as float? Export the file again"
        findings.append(Finding("out of range", name, detail, serious=True))
    elif clip.longest_full_scale_run >= CLIPPED_RUN:
        detail = f"{clip.longest_full_scale_run} samples in a row at full scale"
        findings.append(Finding("clipped", name, detail, serious=False))
    if clip.seconds < SHORT_SECONDS:
        findings.append(Finding("too short", name, f"{clip.seconds:.3f} s", serious=False))
    return findings


def _duplicates(heard: dict[str, _Heard], labels: dict[str, str]) -> list[Finding]:
    copies: dict[str, list[str]] = defaultdict(list)
    for name, clip in sorted(heard.items()):
        copies[clip.sha256].append(name)
    findings = []
    for names in (names for names in copies.values() if len(names) > 1):
        classes = sorted({labels[name] for name in names})
        if len(classes) > 1:
            detail = f"same bytes as {', '.join(names[1:])}, but labelled {' and '.join(classes)}"
            findings.append(Finding("conflicting labels", names[0], detail, serious=True))
        else:
            findings.append(Finding("duplicate", names[0], f"same bytes as {', '.join(names[1:])}", serious=False))
    return findings


def _few(dataset: Dataset, folds: int) -> list[Finding]:
    """Find classes with fewer clips (or groups) than folds, unless the data set brings its folds."""
    if dataset.has("fold") or dataset.has("split"):
        return []
    unit, what = ("group", "groups") if dataset.has("group") else ("path", "clips")
    return [
        Finding(f"few {what}", str(label), f"{count} {what} for {folds} folds", serious=True)
        for label, count in dataset.clips.groupby("label")[unit].nunique().items()
        if count < folds
    ]


def _straddling_groups(dataset: Dataset) -> list[Finding]:
    if not dataset.has("group"):
        return []
    classes = dataset.clips.groupby("group")["label"].unique()
    return [
        Finding("group straddles labels", str(group), f"has clips of {', '.join(sorted(labels))}", serious=False)
        for group, labels in classes.items()
        if len(labels) > 1
    ]
