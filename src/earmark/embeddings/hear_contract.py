"""What a module that follows HEAR must keep to, as checks.

The first half is what the validator of HEAR asks for (hearbenchmark/hear-validator, hearvalidator/validate.py: clips of
1.07, 1.98 and 4 s of uniform noise, two at once; scenes of 2.74 s, four at once). The second half is what it does not
look at, and what modules in the wild got wrong: state left in training mode, timestamps that differ within a batch,
clips that have an influence on each other.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from earmark.embeddings.contract import CLOSE, Check, ContractBroken, require
from earmark.embeddings.hear_api import RATES, SCENE, TIMESTAMPS, described
from earmark.embeddings.hear_module import HearModel
from earmark.errors import EarmarkError

if TYPE_CHECKING:
    import torch

    from earmark.embeddings.model import EmbeddingModel

__all__ = ["MODULE_CHECKS"]

CLIP_SECONDS = (1.07, 1.98, 4.0)
SCENE_SECONDS = 2.74
HOP_MS = 50.0
IRREGULAR_MS = 1.0


def _noise(model: HearModel, clips: int, seconds: float) -> torch.Tensor:
    import torch

    generator = torch.Generator().manual_seed(0)
    return torch.rand((clips, round(seconds * model.module.sample_rate)), generator=generator) * 2 - 1


def _frames(model: HearModel, audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings and timestamps of a batch, of the shapes and types that HEAR wants."""
    import torch

    given = model.module.run(TIMESTAMPS, audio)
    pair = isinstance(given, tuple | list) and len(given) == 2 and all(torch.is_tensor(each) for each in given)
    require(pair, "two tensors, embeddings and timestamps", described(given))
    values, stamps = given
    kept = (
        values.ndim == 3
        and values.shape == (len(audio), stamps.shape[-1] if stamps.ndim else 0, model.module.timestamp_size)
        and stamps.shape == values.shape[:2]
        and values.dtype == torch.float32
    )
    require(
        kept,
        f"float32 embeddings ({len(audio)}, frames, {model.module.timestamp_size}) and timestamps "
        f"({len(audio)}, frames)",
        described(given),
    )
    require(bool(torch.isfinite(values).all() and torch.isfinite(stamps).all()), "finite numbers", "NaN or infinite")
    return values, stamps


def _of_each_length(model: HearModel) -> list[tuple[float, list[float]]]:
    """Length in milliseconds and timestamps of the first clip, for each length that the validator tries."""
    lengths = []
    for seconds in CLIP_SECONDS:
        audio = _noise(model, 2, seconds)
        _, stamps = _frames(model, audio)
        lengths.append((1000 * audio.shape[1] / model.module.sample_rate, stamps[0].double().tolist()))
    return lengths


def _rate(model: HearModel) -> None:
    expected = f"a sample_rate of {', '.join(map(str, RATES))}"
    require(model.module.sample_rate in RATES, expected, str(model.module.sample_rate))


def _timestamp_shapes(model: HearModel) -> None:
    _of_each_length(model)


def _regular(model: HearModel) -> None:
    for length, stamps in _of_each_length(model):
        steps = [later - earlier for earlier, later in pairwise(stamps)]
        if steps:
            mean = sum(steps) / len(steps)
            off = max(abs(step - mean) for step in steps)
            require(off <= IRREGULAR_MS, f"steps within {IRREGULAR_MS:g} ms of their mean", f"one {off:.3g} ms off")
            require(min(steps) > 0, "increasing timestamps", f"a step of {min(steps):g} ms in {length:g} ms")


def _within(model: HearModel) -> None:
    for length, stamps in _of_each_length(model):
        require(stamps[-1] <= length, f"no timestamp after the {length:g} ms of the clip", f"{stamps[-1]:g} ms")
        require(stamps[0] >= 0, "no timestamp before the clip", f"{stamps[0]:g} ms")


def _short_hop(model: HearModel) -> None:
    for _, stamps in _of_each_length(model):
        hop = (stamps[-1] - stamps[0]) / max(1, len(stamps) - 1)
        require(hop <= HOP_MS + IRREGULAR_MS, f"a hop of {HOP_MS:g} ms or less, as HEAR advises", f"{hop:g} ms")


def _covering(model: HearModel) -> None:
    for length, stamps in _of_each_length(model):
        if len(stamps) > 1:
            hop = (stamps[-1] - stamps[0]) / (len(stamps) - 1)
            require(stamps[0] <= hop, f"the first timestamp within a hop of {hop:g} ms", f"{stamps[0]:g} ms")
            last = length - max(hop, HOP_MS)
            require(stamps[-1] >= last, f"the last timestamp not before {last:g} ms", f"{stamps[-1]:g} ms")


def _scenes(model: HearModel) -> None:
    import torch

    given = model.module.run(SCENE, _noise(model, 4, SCENE_SECONDS))
    shape = (4, model.module.scene_size)
    kept = torch.is_tensor(given) and given.shape == shape and given.dtype == torch.float32
    require(kept, f"a float32 tensor of shape {shape}", described(given))
    require(bool(torch.isfinite(given).all()), "finite numbers", "NaN or infinite ones")


def _stamp_type(model: HearModel) -> None:
    import torch

    _, stamps = _frames(model, _noise(model, 2, CLIP_SECONDS[0]))
    require(stamps.dtype == torch.float32, "float32 timestamps, as HEAR advises", str(stamps.dtype))


def _equal_stamps(model: HearModel) -> None:
    _, stamps = _frames(model, _noise(model, 3, CLIP_SECONDS[1]))
    require(bool((stamps == stamps[:1]).all()), "the same timestamps for every clip of a batch", "others")


def _batch_invariance(model: HearModel) -> None:
    audio = _noise(model, 3, CLIP_SECONDS[1])
    audio[1:] *= 0.01  # whoever normalises over the batch is found out
    alone, together = audio[1:2], audio
    for function in (TIMESTAMPS, SCENE):
        one, all_of_them = (_values(model.module.run(function, each)) for each in (alone, together))
        apart = float((one[0] - all_of_them[1]).abs().max() / max(1.0, float(one.abs().max())))
        require(apart <= 10 * CLOSE, f"{function} to be the same with others in the batch", f"{apart:.3g} apart")


def _same_bits(model: HearModel) -> None:
    audio = _noise(model, 2, CLIP_SECONDS[0])
    before = audio.clone()
    for function in (TIMESTAMPS, SCENE):
        one, other = (_values(model.module.run(function, audio)) for _ in range(2))
        require(bool((audio == before).all()), "audio that is left as it is", f"{function} changed it in place")
        apart = float((one - other).abs().max())
        require(apart == 0, f"the same bits from {function} for the same clips", f"values {apart:.3g} apart")


def _values(given: Any) -> Any:
    return given[0] if isinstance(given, tuple | list) else given


def _stays_in_evaluation(model: HearModel) -> None:
    model.module.run(TIMESTAMPS, _noise(model, 1, CLIP_SECONDS[0]))
    training = [name or "the model" for name, part in model.module.model.named_modules() if part.training]
    require(not training, "evaluation mode throughout", f"training mode of {', '.join(training[:3])}")


def _comes_in_evaluation(model: HearModel) -> None:
    require(
        not model.module.came_in_training,
        "a model in evaluation mode from load_model (earmark sets it, HEAR's evaluation kit does not)",
        "training mode",
    )


def _same_again(model: HearModel) -> None:
    one, other = model.fingerprint, model.reloaded().fingerprint
    require(one.weights_sha256 == other.weights_sha256, "the same weights from load_model every time", "other ones")


def _very_short(model: HearModel) -> None:
    import torch

    for samples in (1, model.module.sample_rate // 20):
        model.module.run(TIMESTAMPS, torch.full((1, samples), 0.1))


def _wrong_shapes(model: HearModel) -> None:
    import torch

    second = model.module.sample_rate
    for shape in ((second,), (1, 2, second)):
        try:
            given = model.module.run(TIMESTAMPS, torch.full(shape, 0.1))
        except EarmarkError:
            continue
        raise ContractBroken(f"an error for audio of shape {shape}", described(given))


def _check(name: str, run: Callable[[HearModel], None], *, remark: bool = False) -> Check:
    def of_module(model: EmbeddingModel) -> None:
        assert isinstance(model, HearModel)
        run(model)

    return Check(f"module: {name}", of_module, remark)


MODULE_CHECKS = (
    _check("its sample rate is one of HEAR's", _rate),
    _check("timestamp embeddings have their shapes and types", _timestamp_shapes),
    _check("timestamps are regular to a millisecond", _regular),
    _check("timestamps lie within the clip", _within),
    _check("timestamps cover the clip", _covering, remark=True),
    _check("timestamps are 50 ms apart at most", _short_hop, remark=True),
    _check("timestamps are float32", _stamp_type, remark=True),
    _check("timestamps are the same for every clip of a batch", _equal_stamps),
    _check("scene embeddings have their shape and type", _scenes),
    _check("clips of a batch have no influence on each other", _batch_invariance),
    _check("the same clips give the same bits", _same_bits),
    _check("it comes in evaluation mode", _comes_in_evaluation, remark=True),
    _check("it stays in evaluation mode", _stays_in_evaluation),
    _check("it loads the same weights every time", _same_again),
    _check("very short clips do not make it fail", _very_short, remark=True),
    _check("audio of wrong shapes is refused", _wrong_shapes, remark=True),
)
"""Checks of the module itself; without it, `earmark.embeddings.contract` looks at what earmark makes of it."""
