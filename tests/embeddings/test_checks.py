"""The checks of the contract find what they look for, each the fault that is meant for it."""

import threading

import numpy as np
import pytest

from earmark.audio import FrameGrid
from earmark.embeddings import EmbeddingCard, FramedModel, FrameEmbeddings
from earmark.embeddings.contract import checks_for, run_checks
from embeddings.hear_modules import GOOD

RATE = 8000
FACTS = {"title": "A", "padding": "zeros", "code_licence": "MIT", "weights_licence": "MIT", "paper": "none"}


class Model(FramedModel):
    """Four values every 0.1 s; keeps the contract."""

    def __init__(self, **facts):
        card = {
            "name": "a",
            "version": 1,
            "sample_rate": RATE,
            "window_seconds": 0.2,
            "hop_seconds": 0.1,
            "origin": "x",
        }
        card |= {"dimension": 4, "weights_ids": ()} | FACTS | facts
        matrix = np.random.default_rng(0).normal(size=(1600, 4)).astype(np.float32) / 40
        super().__init__(EmbeddingCard(**card), FrameGrid(RATE, 1600, 800), {}, tensors={"matrix": matrix})

    def front_end(self, samples, frames):
        return np.lib.stride_tricks.sliding_window_view(samples, 1600)[::800][:frames]

    def build_network(self, tensors):
        # Row by row, so that the numbers of a frame do not depend on how many there are.
        return lambda batch: np.einsum("fs,sd->fd", batch, tensors["matrix"])

    def altered(self, frames):
        return frames

    def embed_blocks(self, blocks, sample_rate):
        return self.altered(super().embed_blocks(blocks, sample_rate))


def with_values(frames, values):
    return FrameEmbeddings(values, frames.times, frames.duration_seconds)


def with_times(frames, times):
    return FrameEmbeddings(frames.values, times, frames.duration_seconds)


class Unknown(Model):
    def __init__(self):
        super().__init__(paper="", origin="")


class Double(Model):
    def altered(self, frames):
        return with_values(frames, frames.values.astype(np.float64))


class WrongDuration(Model):
    def altered(self, frames):
        return FrameEmbeddings(frames.values, frames.times, frames.times[-1])


class Random(Model):
    generator = np.random.default_rng(0)

    def altered(self, frames):
        noise = 1e-7 * self.generator.standard_normal(frames.values.shape)
        return with_values(frames, (frames.values + noise).astype(np.float32))


class Stateful(Model):
    def front_end(self, samples, frames):
        self.state = samples
        self.meeting = getattr(self, "meeting", None) or threading.Barrier(2)
        try:
            self.meeting.wait(0.05)  # so that two threads are here at once, if ever they are
        except threading.BrokenBarrierError:
            self.meeting.reset()
        return super().front_end(self.state, frames)


class LooksAhead(Model):
    def altered(self, frames):
        return with_values(frames, frames.values - frames.values.mean(axis=0))


class NoticesBlocks(Model):
    def embed_blocks(self, blocks, sample_rate):
        return super().embed_blocks(
            (block - block.mean() if len(block) > 1 else block for block in blocks), sample_rate
        )


class DropsShort(Model):
    def altered(self, frames):
        kept = frames.times < frames.duration_seconds
        return FrameEmbeddings(frames.values[kept], frames.times[kept], frames.duration_seconds)


class FailsOnSilence(Model):
    def front_end(self, samples, frames):
        rows = super().front_end(samples, frames)
        return rows / (rows.max(axis=1, keepdims=True) if rows.any() else np.zeros(0))


class IgnoresRates(Model):
    def embed_blocks(self, blocks, sample_rate):
        frames = super().embed_blocks(blocks, RATE)
        return FrameEmbeddings(frames.values, frames.times, frames.duration_seconds * RATE / sample_rate)


class LeftEdges(Model):
    def altered(self, frames):
        return with_times(frames, frames.times * 1.001)


class Milliseconds(Model):
    def altered(self, frames):
        return with_times(frames, frames.times * 1000)


class HearsAnything(Model):
    def __call__(self, samples, sample_rate):
        flat = np.nan_to_num(np.asarray(samples, np.float64), posinf=1, neginf=-1).clip(-1, 1).ravel()
        return self.embed_blocks([flat.astype(np.float32)], sample_rate)


class GivesAnything(Model):
    def embed_blocks(self, blocks, sample_rate):
        frames = super().embed_blocks((np.minimum(block, 1e30) for block in blocks), sample_rate)
        return with_values(frames, np.where(np.abs(frames.values) > 1e20, np.inf, frames.values))


class OtherName(Model):
    @property
    def fingerprint(self):
        self.calls = getattr(self, "calls", 0) + 1
        return type(super().fingerprint)(**(vars(super().fingerprint) | {"version": self.calls}))


class Crashes(Model):
    def front_end(self, samples, frames):
        raise IndexError("list index out of range")


FAULTS = [
    (Unknown, "the card is complete"),
    (OtherName, "the fingerprint is stable"),
    (Double, "values and times have their shapes and types"),
    (WrongDuration, "the duration is that of the clip"),
    (LeftEdges, "times are regular, and within the padded clip"),
    (Milliseconds, "times are regular, and within the padded clip"),
    (Random, "the same clip gives the same bits"),
    (Stateful, "several threads at once change nothing"),
    (LooksAhead, "frames do not depend on what comes later"),
    (NoticesBlocks, "it does not matter in which blocks a clip comes"),
    (DropsShort, "short clips have finite frames"),
    (DropsShort, "a single sample has a frame, at any rate"),
    (FailsOnSilence, "silence has finite values"),
    (IgnoresRates, "other sample rates are resampled"),
    *((HearsAnything, f"{what} is refused") for what in ("a stereo clip", "a clip with NaN", "a clip of integers")),
    *(
        (HearsAnything, f"{what} is refused")
        for what in ("a clip with infinite values", "a clip too large for float32")
    ),
    (GivesAnything, "samples far too large are refused, or give finite values"),
    (LeftEdges, "clips too long to be worked on at once give regular frames"),
    (Crashes, "values and times have their shapes and types"),
]


def findings(model):
    return {found.check.name: found for found in run_checks(model, checks_for(model, quick=True))}


def test_a_model_that_keeps_the_contract_passes():
    assert {found.verdict for found in findings(Model()).values()} == {"ok"}


@pytest.mark.parametrize(("fault", "check"), FAULTS, ids=[f"{fault.__name__}-{check}" for fault, check in FAULTS])
def test_each_fault_is_found_by_its_check(fault, check):
    model = fault()
    found = next(run_checks(model, [each for each in checks_for(model, quick=True) if each.name == check]))
    assert found.verdict == "broken"
    assert found.found


def test_it_is_said_what_a_model_raises():
    found = findings(Crashes())["the same clip gives the same bits"]
    assert "IndexError: list index out of range" in found.found


def test_twenty_minutes_are_checked_unless_in_a_hurry():
    def names(quick):
        return {each.name for each in checks_for(Model(), quick=quick)}

    assert names(quick=False) - names(quick=True) == {"20 minutes give regular frames"}
    (long,) = (each for each in checks_for(Model()) if each.name == "20 minutes give regular frames")
    long.run(Model())


MODULE_FAULTS = {
    "its sample rate is one of HEAR's": ("sample_rate = 16000", "sample_rate = 8000"),
    "timestamp embeddings have their shapes and types": ("return embeddings, ", "return embeddings.double(), "),
    "timestamps are regular to a millisecond": ("50.0 *", "49.9 * torch.arange(embeddings.shape[1]) ** 1.01 + 0 *"),
    "timestamps lie within the clip": ("timestamps = (50.0", "timestamps = (25 + 50.0"),
    "timestamps cover the clip": ("timestamps = (50.0", "timestamps = (51 + 48.0"),
    "timestamps are 50 ms apart at most": ("embeddings, timestamps\n", "embeddings[:, ::2], timestamps[:, ::2]\n"),
    "timestamps are float32": ("(50.0 *", "(50 *"),
    "timestamps are the same for every clip of a batch": (".expand(len(audio), -1)", "+ torch.rand(len(audio), 1)"),
    "scene embeddings have their shape and type": (".mean(dim=1)", ".mean(dim=2)"),
    "clips of a batch have no influence on each other": ("model(audio)", "model(audio / audio.abs().max())"),
    "the same clips give the same bits": ("model(audio)", "model(audio) + 1e-6 * torch.rand(())"),
    "it comes in evaluation mode": ("Model().eval()", "Model()"),
    "it stays in evaluation mode": ("model(audio)", "model.train()(audio)"),
    "it loads the same weights every time": ("manual_seed(0)", "manual_seed(torch.seed())"),
    "very short clips do not make it fail": ("model(audio)", "model(audio) if audio.shape[1] > 999 else None"),
    "audio of wrong shapes is refused": ("if audio.ndim != 2:", "audio = audio.reshape(-1, 16000)\n    if 0:"),
}  # fmt: skip
REMARKS = {
    "timestamps cover the clip",
    "timestamps are 50 ms apart at most",
    "timestamps are float32",
    "it comes in evaluation mode",
    "very short clips do not make it fail",
    "audio of wrong shapes is refused",
}


def test_a_good_module_passes(write_model):
    found = findings(write_model(GOOD)).values()
    assert {(each.check.name, each.verdict, each.found) for each in found if each.verdict != "ok"} == set()
    assert {f"module: {name}" for name in MODULE_FAULTS} <= {each.check.name for each in found}


@pytest.mark.parametrize(("check", "change"), MODULE_FAULTS.items(), ids=MODULE_FAULTS)
def test_each_fault_of_a_module_is_found_by_its_check(write_model, check, change):
    assert change[0] in GOOD
    model = write_model(GOOD.replace(*change))
    (meant,) = (each for each in checks_for(model) if each.name == f"module: {check}")
    found = next(run_checks(model, [meant]))
    assert found.verdict == ("remark" if check in REMARKS else "broken"), found.found


def test_that_a_module_looks_at_the_whole_clip_is_worth_a_remark(write_model):
    model = write_model(GOOD.replace("torch.tanh(windows @ self.matrix)", "(windows @ self.matrix).cumsum(1).flip(1)"))
    assert findings(model)["frames do not depend on what comes later"].verdict == "remark"


def test_what_is_no_embedding_at_all_breaks_every_check_that_needs_one(write_model):
    found = findings(write_model(GOOD.replace("return embeddings, timestamps", "return embeddings")))
    broken = [name for name, each in found.items() if each.verdict == "broken"]
    assert "module: timestamp embeddings have their shapes and types" in broken
    assert "silence has finite values" in broken
    assert found["module: scene embeddings have their shape and type"].verdict == "broken"


class Weightless(FramedModel):
    """The loudest sample of every 0.1 s: a model that has nothing to load."""

    def front_end(self, samples, frames):
        return np.abs(np.lib.stride_tricks.sliding_window_view(samples, 800)[::800][:frames])

    def build_network(self, tensors):
        return lambda batch: batch.max(axis=1, keepdims=True)


def test_a_model_needs_no_weights():
    facts = FACTS | {"name": "loudest", "version": 1, "sample_rate": RATE, "origin": "x", "dimension": 1}
    card = EmbeddingCard(**facts, window_seconds=0.1, hop_seconds=0.1, weights_ids=())
    model = Weightless(card, FrameGrid(RATE, 800, 800), {})
    assert {finding.verdict for finding in run_checks(model, checks_for(model, quick=True))} == {"ok"}
