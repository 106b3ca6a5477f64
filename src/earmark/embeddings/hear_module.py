"""Any Python module that follows the HEAR API, as an embedding model: ``hear:package.module``.

`earmark.embeddings.hear_api` says what the API is and calls the module; here a clip of any length and rate becomes
what such a module can take: resampled, one clip at a time, in overlapping pieces of bounded length.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import resample_blocks, resampler_name
from earmark.embeddings import options
from earmark.embeddings.card import EmbeddingCard, Registration
from earmark.embeddings.hear_api import PREFIX, HearModule, file_sha256, package_of, source_sha256, state_sha256
from earmark.embeddings.model import EmbeddingModel, Fingerprint, FrameEmbeddings, Heard
from earmark.errors import AudioError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PREFIX", "HearModel", "hear_registration"]

#: A module hears at most this much at a time, and at least this much (zeros are put behind shorter clips).
LONGEST_SECONDS, SHORTEST_SECONDS = 30, 1
#: Frames so near to a place where a long clip is cut are taken from the piece that has them further inside.
CONTEXT_SECONDS = 2.0
#: Length of the noise that shows which hop a module has.
PROBE_SECONDS = 4
#: HEAR calls frames regular if no interval is further than this from their mean.
REGULAR_SECONDS = 1e-3

UNKNOWN = "unknown, see the package"


def _read_weights(value: object) -> str:
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise ValueError("is a path")
    path = os.path.normpath(os.fspath(value))  # one spelling for each file
    if options.split_name(path)[1] or "," in path:
        raise ValueError(
            "is a path without a comma, and in which no colon, word and = follow each other, for that is how names "
            "and options are written"
        )
    return path


OPTIONS = {"weights": options.Option("", "path of weights, handed to the module's load_model", _read_weights)}


def hear_registration(module_name: str) -> Registration:
    """Card and maker of the model that a HEAR module gives.

    Parameters
    ----------
    module_name : str
        As in ``import module_name``; nothing is imported before the model is used.

    Returns
    -------
    Registration
        Rate, hop and dimension in its card are 0, because only the loaded module knows them; the model's own card
        has them.

    Raises
    ------
    SettingsError
        If this cannot be the name of a module.
    """
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise SettingsError(
            f"{PREFIX}{module_name}: {module_name!r} is not the name of a Python module. Write it as after import, "
            f"such as {PREFIX}package.module."
        )
    return Registration(_card(module_name), partial(HearModel, module_name), OPTIONS)


class HearModel(EmbeddingModel):
    """The timestamp embeddings of a HEAR module.

    One clip is worked on at a time, whatever the number of threads: modules may keep state while they run.

    Parameters
    ----------
    module_name : str
        Name of the module.
    weights : str
        Handed to the module's ``load_model``, unless empty.
    """

    def __init__(self, module_name: str, *, weights: str = "") -> None:
        self._name, self._weights = module_name, weights
        self._loaded: HearModule | None = None
        self._alone = RLock()

    def __repr__(self) -> str:
        return f"<embedding model {PREFIX}{self._name}>"  # the card would have to be loaded

    @property
    def module(self) -> HearModule:
        """The module, loaded at the first use; raises what `HearModule` raises."""
        with self._alone:
            if self._loaded is None:
                self._loaded = HearModule(self._name, self._weights)
            return self._loaded

    def reloaded(self) -> HearModel:
        """Return the same model, not yet loaded."""
        return HearModel(self._name, weights=self._weights)

    @cached_property
    def card(self) -> EmbeddingCard:  # type: ignore[override]  # it takes the loaded module to know it
        """What is known of the model; loads it."""
        module = self.module
        hop = float(self._hop / module.sample_rate)
        return _card(self._name, self._weights, module.sample_rate, hop, module.timestamp_size)

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Everything that decides the model's numbers: loads it, for its weights are known to itself alone.

        The source is that of the whole package in which the module lies; of other packages that it uses, and of
        numbers outside its ``state_dict``, nothing is known.
        """
        facts: dict[str, float | int | str] = {
            "context_seconds": CONTEXT_SECONDS,
            "longest_seconds": LONGEST_SECONDS,
            "package": package_of(self._name),
            "sample_rate": self.module.sample_rate,
            "source_sha256": source_sha256(self._name),
            "weights_file_sha256": file_sha256(Path(self._weights)) if Path(self._weights).is_file() else "",
        }
        return Fingerprint(
            card=self.card.name,
            version=self.card.version,
            weights_sha256=state_sha256(self.module.model),
            front_end=tuple(sorted(facts.items())),
            resampler=resampler_name("soxr"),
            window=round(self._hop),
            hop=round(self._hop),
            lead=0,
            padding=self.card.padding,
            runtime="torch",
            precision="float32",
        )

    def prepare(self) -> None:
        """Load the module, which fetches by itself what it needs; see `HearModule` for what is raised."""
        _ = self.card

    def embed_blocks(self, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> FrameEmbeddings:
        """Embed a stream of blocks; see `EmbeddingModel.embed_blocks`.

        Raises
        ------
        AudioError
            If there are no samples, the module fails on the clip, or its embeddings are not finite.
        SettingsError
            If what it gives is not what the HEAR API says.
        """
        heard = Heard(blocks)
        with self._alone, np.errstate(over="ignore", invalid="ignore"):  # refused below, if it comes to that
            parts = list(self._pieces(resample_blocks(heard, sample_rate, self.module.sample_rate)))
        values, times = (np.concatenate(each) for each in zip(*parts, strict=True))
        if not np.isfinite(values).all():
            raise AudioError(
                f"samples reach {heard.peak:.3g}, for which {self.card.name} gives no finite embedding. "
                "Listen to the recording; if it is sound, tell the module's authors."
            )
        return FrameEmbeddings(values, times, heard.samples / sample_rate)

    @cached_property
    def _hop(self) -> Fraction:
        """Step from frame to frame in samples, 0 if the module gives one frame whatever it hears."""
        return self._probed[0]

    @cached_property
    def _probed(self) -> tuple[Fraction, float]:
        """Hop in samples and time of the first frame in seconds, as the module's own timestamps have them."""
        rate, times = self.module.sample_rate, np.zeros(1)
        # Noise, because some modules divide by the loudness of what they hear.
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, LONGEST_SECONDS * rate).astype(np.float32)
        for seconds in (PROBE_SECONDS, LONGEST_SECONDS):
            with self._alone:
                _, times = self.module.frames(noise[: seconds * rate])
            if len(times) > 1:
                hop = (times[-1] - times[0]) / (len(times) - 1) * rate
                # Float32 milliseconds blur the hop by less than 0.005 samples; hops are simple fractions of samples.
                return Fraction(float(hop)).limit_denominator(100), float(times[0])
        return Fraction(0), float(times[0])

    def _pieces(
        self, stream: Iterable[NDArray[np.float32]]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
        """Embed a stream at the module's rate in overlapping pieces, and give the frames of each that count."""
        rate = self.module.sample_rate
        longest, held, blocks = LONGEST_SECONDS * rate, np.zeros(0, np.float32), iter(stream)
        frames_before, start, full = 0, 0, 0
        while True:
            held = _filled(held, blocks, longest + 1)  # one sample more tells whether the clip goes on
            goes_on = len(held) > longest
            values, times = self._piece(held[:longest])
            if not start and not goes_on:
                yield values, times
                return
            self._check_grid(times)
            full = full or len(times)
            if goes_on and len(times) != full:
                raise self.module.broken(f"{full} and {len(times)} frames for equal lengths", "equal numbers")
            context, step = self._layout(full)
            counts = slice(context if start else 0, context + step if goes_on else None)
            yield values[counts], times[counts] + start / rate
            if not goes_on:
                return
            frames_before += step
            following = round(frames_before * (self._hop or longest))
            held, start = held[following - start :], following

    def _piece(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Embed a piece; frames centred on the zeros behind it do not count, but one is always left."""
        rate = self.module.sample_rate
        missing = SHORTEST_SECONDS * rate - len(samples)
        if missing <= 0:
            return self.module.frames(samples)
        values, times = self.module.frames(np.pad(samples, (0, missing)))
        within = max(1, int(np.searchsorted(times, len(samples) / rate, side="right")))
        return values[:within], times[:within]

    def _layout(self, full: int) -> tuple[int, int]:
        """How many frames at each end of a piece of `full` frames do not count, and how many do."""
        if not self._hop:
            return 0, 1
        wanted = math.ceil(CONTEXT_SECONDS * self.module.sample_rate / self._hop)
        context = min(wanted, (full - 1) // 4)
        step = min(full - 2 * context, int(LONGEST_SECONDS * self.module.sample_rate / self._hop))
        whole = step - step % self._hop.denominator  # so many frames are a whole number of samples
        return context, whole or step

    def _check_grid(self, times: NDArray[np.float64]) -> None:
        """Refuse frames of a piece that do not lie where those of the whole clip would."""
        hop, first = self._probed
        expected = first + np.arange(len(times)) * float(hop / self.module.sample_rate)
        if hop and np.abs(times - expected).max() > REGULAR_SECONDS:
            raise SettingsError(
                f"{self.module.name} cannot be used for clips of more than {LONGEST_SECONDS} s: its frames are not "
                f"every {float(hop / self.module.sample_rate):g} s from {first:g} s on, whatever the length, so that "
                "pieces do not fit together. Cut the recordings into shorter ones."
            )


def _card(name: str, weights: str = "", rate: int = 0, hop: float = 0.0, dimension: int = 0) -> EmbeddingCard:
    package = package_of(name) if rate else ""
    card = EmbeddingCard(
        name=PREFIX + name,
        version=1,
        title=f"The HEAR module {name}",
        sample_rate=rate,
        window_seconds=hop,
        hop_seconds=hop,
        dimension=dimension,
        padding=f"zeros at the end up to {SHORTEST_SECONDS} s; else what the module does",
        weights_ids=(),
        code_licence=UNKNOWN,
        weights_licence=UNKNOWN,
        paper=UNKNOWN,
        origin=f"the Python module {name}" + (f", package {package}" if package else ""),
        note="The window is not known and given as the hop. Longer clips are heard in overlapping pieces of "
        f"{LONGEST_SECONDS} s, so frames of a module that looks at the whole clip differ from those of one piece.",
    )
    return options.spelled(card, OPTIONS, weights=weights)


def _filled(held: NDArray[np.float32], blocks: Iterator[NDArray[np.float32]], samples: int) -> NDArray[np.float32]:
    """Add blocks to what is held until there are so many samples, or no more blocks."""
    parts, size = [held], len(held)
    while size < samples and (block := next(blocks, None)) is not None:
        parts.append(block)
        size += len(block)
    return np.concatenate(parts)
