"""What every embedding model must keep to, as checks that anybody can run.

``earmark embeddings check NAME`` runs them, and so do earmark's own tests over every model in the registry. `CHECKS`
are for all models; modules that follow HEAR are also put to those of `earmark.embeddings.hear_contract`.

A check is a function of a model that returns nothing, or raises `ContractBroken`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.embeddings.hear_api import foreign_code
from earmark.embeddings.hear_module import LONGEST_SECONDS, HearModel
from earmark.errors import AudioError, EarmarkError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.embeddings.model import EmbeddingModel, FrameEmbeddings

__all__ = ["CHECKS", "Check", "ContractBroken", "Finding", "checks_for", "require", "run_checks"]

LONG_SECONDS = 1200
SHORT_SECONDS = (0.001, 0.05, 0.5)
RATES = (8000, 44100, 192000)
# How far the numbers of one frame may lie apart when other frames were worked on beside it.
CLOSE = 1e-5


class ContractBroken(Exception):  # noqa: N818 - it says what happened to the contract
    """A model does something else than it must.

    Parameters
    ----------
    expected, found : str
        What it must do, and what it does.
    """

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"expected {expected}; found {found}")


@dataclass(frozen=True)
class Check:
    """One thing that a model must keep to.

    Attributes
    ----------
    name : str
        The promise, in words.
    run : callable
        Raises `ContractBroken` if a model does not keep it.
    remark : bool
        Whether it is worth a remark only if it is not kept.
    """

    name: str
    run: Callable[[EmbeddingModel], None]
    remark: bool = False


@dataclass(frozen=True)
class Finding:
    """What a check came to.

    Attributes
    ----------
    check : Check
        What was checked.
    verdict : {"ok", "remark", "broken"}
        Whether the model keeps to it.
    found : str
        What was found where it does not; else empty.
    """

    check: Check
    verdict: Literal["ok", "remark", "broken"]
    found: str = ""


def checks_for(model: EmbeddingModel, *, quick: bool = False) -> tuple[Check, ...]:
    """Return the checks that a model must pass.

    Parameters
    ----------
    model : EmbeddingModel
        One of ours, of another package, or a HEAR module.
    quick : bool
        Whether a clip that is just too long to be worked on at once takes the place of one of 20 minutes.
    """
    if not isinstance(model, HearModel):
        return CHECKS + (QUICK if quick else THOROUGH)
    from earmark.embeddings.hear_contract import MODULE_CHECKS

    # Whether a module looks at the whole clip is its own affair; its user should know.
    ours = (Check(each.name, each.run, remark=each.run is _later_does_not_matter) for each in CHECKS)
    return (*MODULE_CHECKS, *ours, *(QUICK if quick else THOROUGH))


def run_checks(model: EmbeddingModel, checks: Sequence[Check]) -> Iterator[Finding]:
    """Run checks one after the other.

    Parameters
    ----------
    model : EmbeddingModel
        What is checked.
    checks : sequence of Check
        Such as `checks_for` gives.

    Yields
    ------
    Finding
        For each check; a model that raises an error has not passed.
    """
    for check in checks:
        try:
            check.run(model)
        except (ContractBroken, EarmarkError) as error:
            yield Finding(check, "remark" if check.remark else "broken", str(error))
        else:
            yield Finding(check, "ok")


def _noise(seconds: float, rate: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, max(1, round(seconds * rate))).astype(np.float32)


def _few_frames(model: EmbeddingModel) -> float:
    """Return seconds that hold a few frames and end within one."""
    few = model.card.window_seconds + 3.3 * model.card.hop_seconds
    return max(few, 1.33) if isinstance(model, HearModel) else few or 3.3


def _embed(model: EmbeddingModel, samples: NDArray[np.generic], rate: int) -> FrameEmbeddings:
    with foreign_code(model.card.name, f"failed on {len(samples)} samples at {rate} Hz", EarmarkError):
        return model(samples, rate)  # type: ignore[arg-type]  # wrong types are part of the checks


def require(kept: bool, expected: str, found: str) -> None:
    """Raise `ContractBroken` unless it is kept."""
    if not kept:
        raise ContractBroken(expected, found)


def _require_equal(model: EmbeddingModel, one: FrameEmbeddings, other: FrameEmbeddings, expected: str) -> None:
    require(len(one) == len(other), f"{expected}: equal numbers of frames", f"{len(one)} and {len(other)}")
    scale = max(1.0, float(np.abs(one.values).max()))
    apart = float(np.abs(one.values - other.values).max()) / scale
    require(apart <= CLOSE, f"{expected}: the same numbers to {CLOSE:g}", f"values {apart:.3g} apart")
    require(np.array_equal(one.times, other.times), f"{expected}: the same times", "other times")


def _shapes_and_types(model: EmbeddingModel) -> None:
    found = _embed(model, _noise(_few_frames(model), model.card.sample_rate), model.card.sample_rate)
    frames, dimension = len(found.values), model.card.dimension
    require(
        found.values.shape == (frames, dimension) and frames > 0 and found.values.dtype == np.float32,
        f"float32 values of shape (frames, {dimension})",
        f"{found.values.dtype} of shape {found.values.shape}",
    )
    require(
        found.times.shape == (frames,) and found.times.dtype == np.float64,
        f"float64 times of shape ({frames},)",
        f"{found.times.dtype} of shape {found.times.shape}",
    )
    require(bool(np.isfinite(found.values).all()), "finite values", "NaN or infinite ones")


def _duration(model: EmbeddingModel) -> None:
    for rate in (model.card.sample_rate, 44100):
        clip = _noise(_few_frames(model), rate)
        found = _embed(model, clip, rate).duration_seconds
        require(abs(found - len(clip) / rate) < 1e-6, f"a duration of {len(clip) / rate:g} s", f"{found:g} s")


def _same_bits(model: EmbeddingModel) -> None:
    clip = _noise(_few_frames(model), model.card.sample_rate)
    before = clip.copy()
    one, other = (_embed(model, clip, model.card.sample_rate) for _ in range(2))
    require(np.array_equal(clip, before), "a clip that is left as it is", "samples changed in place")
    apart = np.abs(one.values - other.values).max() if one.values.shape == other.values.shape else np.inf
    require(apart == 0, "the same bits for the same clip", f"values {apart:.3g} apart (is it in training mode?)")


def _several_threads(model: EmbeddingModel) -> None:
    rate = model.card.sample_rate
    clips = [_noise(_few_frames(model), rate, seed) for seed in range(2)]
    alone = [_embed(model, clip, rate) for clip in clips]
    with ThreadPoolExecutor(len(clips)) as pool:
        together = list(pool.map(lambda clip: _embed(model, clip, rate), clips))
    for one, other in zip(alone, together, strict=True):
        _require_equal(model, one, other, "clips embedded by several threads")


def _later_does_not_matter(model: EmbeddingModel) -> None:
    card, rate = model.card, model.card.sample_rate
    if not card.hop_seconds:
        return  # a frame is the whole clip
    # A network may hear a little of what lies beyond the window of a frame. That of a HEAR module is not known; two
    # seconds are enough for most.
    after = 2.0 if isinstance(model, HearModel) else 1.5 * card.window_seconds + 2 * card.hop_seconds
    part_seconds = after + max(after, 8 * card.hop_seconds)
    clip = _noise(part_seconds + 8 * card.hop_seconds, rate)
    whole, part = _embed(model, clip, rate), _embed(model, clip[: round(part_seconds * rate)], rate)
    inner = int(np.searchsorted(part.times, part.duration_seconds - after))  # the others hear the end of the part
    apart = np.abs(whole.values[:inner] - part.values[:inner]).max(initial=0) / max(1.0, np.abs(part.values).max())
    require(apart <= CLOSE, "frames that do not depend on what comes later", f"values {apart:.3g} apart")


def _blocks_leave_no_trace(model: EmbeddingModel) -> None:
    rate = 44100
    clip = _noise(_few_frames(model), rate)
    with foreign_code(model.card.name, "failed on a clip in blocks", EarmarkError):
        blocks = model.embed_blocks(np.array_split(clip, 7), rate)
    _require_equal(model, _embed(model, clip, rate), blocks, "a clip in seven blocks")


def _short(model: EmbeddingModel) -> None:
    for seconds in SHORT_SECONDS:
        found = _embed(model, _noise(seconds, model.card.sample_rate), model.card.sample_rate)
        kept = len(found) >= 1 and bool(np.isfinite(found.values).all())
        require(kept, f"finite frames for {seconds:g} s", f"{len(found)} frames")


def _one_sample(model: EmbeddingModel) -> None:
    for rate in (model.card.sample_rate, *RATES):
        found = _embed(model, np.ones(1, np.float32), rate)
        require(len(found) >= 1, f"a frame for one sample at {rate} Hz", "none")


def _silence(model: EmbeddingModel) -> None:
    rate = model.card.sample_rate
    found = _embed(model, np.zeros(round(_few_frames(model) * rate), np.float32), rate)
    require(bool(np.isfinite(found.values).all()), "finite values for silence", "NaN or infinite ones")


def _other_rates(model: EmbeddingModel) -> None:
    seconds = _few_frames(model)
    frames = len(_embed(model, _noise(seconds, model.card.sample_rate), model.card.sample_rate))
    for rate in RATES:
        found = len(_embed(model, _noise(seconds, rate), rate))
        require(abs(found - frames) <= 1, f"{frames} frames, give or take one, at {rate} Hz", f"{found}")


def _times(model: EmbeddingModel) -> None:
    rate = model.card.sample_rate
    found = _embed(model, _noise(_few_frames(model), rate), rate)
    _require_times(model, found.times, found.duration_seconds)


def _require_times(model: EmbeddingModel, times: NDArray[np.float64], duration: float) -> None:
    """Require times that lie on the card's grid, begin and end with the clip, as far as it is padded."""
    card, ends = model.card, f"times from {times[0]:g} to {times[-1]:g} s for {duration:g} s"
    if not card.hop_seconds:
        require(len(times) == 1 and 0 <= times[0] <= duration, "one frame within the clip", f"{len(times)}: {ends}")
        return
    half, hop = card.window_seconds / 2, card.hop_seconds
    # HEAR modules give milliseconds as float32; times of ours are exact.
    off = np.abs(np.diff(times) - hop).max(initial=0)
    require(off <= (1e-3 if isinstance(model, HearModel) else 1e-9), f"a frame every {hop:g} s", f"{off:g} s off")
    # Zeros in front of a clip may move a frame's centre before it, as long as half of what it hears is sound.
    require(-half <= times[0] <= half + hop, f"the first frame from {-half:g} to {half + hop:g} s", ends)
    latest = max(duration, card.window_seconds) + max(half, hop)
    require(times[-1] <= latest, f"the last frame not after {latest:g} s", ends)
    earliest = duration - 2 * half - hop
    require(times[-1] >= earliest, f"the last frame not before {earliest:g} s", ends)


def _long(model: EmbeddingModel, seconds: float | None = None) -> None:
    """Embed a clip that comes in blocks of ten seconds, longer than what is worked on at a time."""
    card, rate = model.card, model.card.sample_rate
    at_once = LONGEST_SECONDS + 5 if isinstance(model, HearModel) else card.window_seconds + 70 * card.hop_seconds
    length = seconds or at_once or LONGEST_SECONDS
    sizes = np.diff([*range(0, round(length * rate), 10 * rate), round(length * rate)])
    with foreign_code(card.name, f"failed on {length:g} s", EarmarkError):
        found = model.embed_blocks((_noise(size / rate, rate, seed) for seed, size in enumerate(sizes)), rate)
    require(bool(np.isfinite(found.values).all()), "finite values", "NaN or infinite ones")
    _require_times(model, found.times, found.duration_seconds)


def _refused(what: str, samples: NDArray[np.generic], rate: int | None = None) -> Check:
    """Return the check that something is refused."""

    def run(model: EmbeddingModel) -> None:
        try:
            with foreign_code(model.card.name, f"raises something else than an AudioError for {what}", EarmarkError):
                found = model(samples, model.card.sample_rate if rate is None else rate)  # type: ignore[arg-type]
        except AudioError:
            return
        raise ContractBroken(f"an AudioError for {what}", f"{len(found)} frames")

    return Check(f"{what} is refused", run)


def _far_too_large(model: EmbeddingModel) -> None:
    clip = np.full(model.card.sample_rate, 3e38, np.float32)
    try:
        found = _embed(model, clip, model.card.sample_rate)
    except AudioError:
        return
    require(bool(np.isfinite(found.values).all()), "an AudioError, or finite values", "NaN or infinite ones")


def _complete_card(model: EmbeddingModel) -> None:
    facts = asdict(model.card)
    may_be_empty = {"note", "weights_ids", "window_seconds", "hop_seconds"}
    missing = sorted(name for name, value in facts.items() if not value and name not in may_be_empty)
    require(not missing, "a complete card", f"nothing about {', '.join(missing)}")
    require(min(model.card.window_seconds, model.card.hop_seconds) >= 0, "no negative seconds", "some")


def _stable_fingerprint(model: EmbeddingModel) -> None:
    one, other = model.fingerprint, model.fingerprint
    require(one == other and one.key == other.key, "the same fingerprint every time", "another one")
    require(one.card == model.card.name, f"the card's name {model.card.name} in the fingerprint", one.card)
    require(one.version == model.card.version, "the card's version in the fingerprint", str(one.version))
    digits = len(one.weights_sha256) == 64 and set(one.weights_sha256) <= set("0123456789abcdef")
    require(digits, "a SHA-256 of the weights in the fingerprint", repr(one.weights_sha256))
    hop = one.hop / model.card.sample_rate
    require(abs(hop - model.card.hop_seconds) <= 1 / model.card.sample_rate, "the card's hop", f"{hop:g} s")


CHECKS = (
    Check("the card is complete", _complete_card),
    Check("the fingerprint is stable", _stable_fingerprint),
    Check("values and times have their shapes and types", _shapes_and_types),
    Check("the duration is that of the clip", _duration),
    Check("times are regular, and within the padded clip", _times),
    Check("the same clip gives the same bits", _same_bits),
    Check("several threads at once change nothing", _several_threads),
    Check("frames do not depend on what comes later", _later_does_not_matter),
    Check("it does not matter in which blocks a clip comes", _blocks_leave_no_trace),
    Check("short clips have finite frames", _short),
    Check("a single sample has a frame, at any rate", _one_sample),
    Check("silence has finite values", _silence),
    Check("other sample rates are resampled", _other_rates),
    _refused("an empty clip", np.zeros(0, np.float32)),
    _refused("a clip with NaN", np.full(100, np.nan, np.float32)),
    _refused("a clip with infinite values", np.full(100, np.inf)),
    _refused("a clip too large for float32", np.full(100, 1e300)),
    _refused("a stereo clip", np.zeros((100, 2), np.float32)),
    _refused("a clip of integers", np.zeros(100, np.int16)),
    _refused("a sample rate of 0", np.zeros(100, np.float32), rate=0),
    Check("samples far too large are refused, or give finite values", _far_too_large),
)
"""Checks for every model, but for that of long clips."""

THOROUGH = (Check("20 minutes give regular frames", partial(_long, seconds=LONG_SECONDS)),)
QUICK = (Check("clips too long to be worked on at once give regular frames", _long),)
