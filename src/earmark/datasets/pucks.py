"""The demo data set "pucks": struck plastic pucks in machine noise, made by code in seconds.

It is shaped after task T6 of the paper (Grollmisch et al., EUSIPCO 2020): four plastics and background,
where the sound that tells the class is there at moments only. That is the case in which early and late
fusion differ, so the demo has something to show.

A puck is a free disc. Its modes have the frequency ratios of the free circular plate (Fletcher and
Rossing, *The Physics of Musical Instruments*, chapter 3), bent a little for each material; a mode of
frequency f decays with the rate pi * loss * f; the place of the stroke decides how loud each mode is.
Pitch and loss factor of the materials are invented: only that polyethylene is the softest and dullest
and POM rings longest is as in life. Nothing here was measured, and a score on these clips says nothing
about real plastics. The numbers were chosen so that a good embedding is right on four clips in five, and
late and early fusion differ.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.datasets.dataset import DatasetCard
from earmark.errors import DatasetError, SettingsError
from earmark.files import replacing

__all__ = ["PUCKS_CARD", "PUCK_CLASSES", "Stems", "clip_stems", "write_pucks"]

PUCKS_CARD = DatasetCard(
    name="pucks",
    title="Struck plastic pucks, made by code",
    licence="CC0-1.0 (made by code)",
    citation="The earmark developers: pucks, a synthetic demo data set made by earmark itself.",
    synthetic=True,
)

SAMPLE_RATE = 22_050  # Hz
PUCKS_PER_CLASS = 6  # each is one group; clip i is of puck i modulo 6
DEFAULT_SNR_DB = 20.0
PERIOD_STEPS = 8192  # of one turn of the hum, which is read from a table
STROKE_SECONDS = 0.25  # after which the longest mode is 60 dB down


@dataclass(frozen=True)
class Material:
    """How the pucks of a plastic sound.

    Attributes
    ----------
    name : str
    pitch_hz : float
        Lowest mode of a puck of middle size.
    loss : float
        Loss factor: a mode of frequency f decays with the rate pi * loss * f a second.
    bend : float
        The ratios of the free plate are raised to this power.
    contact_seconds : float
        How long the stroke touches; softer plastics longer, so that high modes are weaker.
    """

    name: str
    pitch_hz: float
    loss: float
    bend: float
    contact_seconds: float


MATERIALS = (
    Material("abs", 1500.0, 0.014, 1.00, 0.00030),
    Material("pe", 950.0, 0.055, 0.95, 0.00070),
    Material("pom", 2000.0, 0.006, 1.04, 0.00018),
    Material("pvc", 1250.0, 0.030, 0.97, 0.00042),
)
BACKGROUND = "background"
PUCK_CLASSES = (*(material.name for material in MATERIALS), BACKGROUND)

# Free circular plate: nodal diameters, nodal circles, frequency over that of the lowest mode.
PLATE_MODES = ((2, 0, 1.00), (0, 1, 1.73), (3, 0, 2.33), (1, 1, 3.91), (4, 0, 4.11), (5, 0, 6.30), (2, 1, 6.71))


@dataclass(frozen=True)
class Stems:
    """The parts of a clip, which add up to it.

    Attributes
    ----------
    hits : ndarray, shape (samples,), float64
        Strokes on a puck; in the background class, clicks that are no puck's.
    noise : ndarray, shape (samples,), float64
        Hum and machine noise.
    hit_seconds : tuple of float
        When the strokes or clicks begin.
    """

    hits: NDArray[np.float64]
    noise: NDArray[np.float64]
    hit_seconds: tuple[float, ...]


def clip_stems(class_index: int, clip_index: int, seconds: float, snr_db: float, seed: int) -> Stems:
    """Make the parts of one clip; it depends on the arguments alone, not on how many clips there are.

    Parameters
    ----------
    class_index : int
        Position in `PUCK_CLASSES`.
    clip_index : int
        Number of the clip within its class, from 0.
    seconds : float
        Length of the clip.
    snr_db : float
        Peak-to-noise ratio: 20 log10 of the largest absolute sample of `hits` over the root mean square of
        `noise`, both over the whole clip.
    seed : int
        Seed of the data set.

    Returns
    -------
    Stems
        The sum of both parts stays within [-1, 1].
    """
    samples = round(seconds * SAMPLE_RATE)
    generator = generator_of(seed, class_index, 0, clip_index)
    puck = generator_of(seed, class_index, 1, clip_index % PUCKS_PER_CLASS)
    noise = _machine_noise(samples, puck, generator)
    onsets = _onsets(seconds, int(generator.integers(2, 6)), generator)
    hits = np.zeros(samples)
    size = float(puck.uniform(0.9, 1.1))
    for onset in onsets:
        start = round(onset * SAMPLE_RATE)
        material = MATERIALS[class_index] if class_index < len(MATERIALS) else None
        sound = _stroke(material, size, generator) if material else _click(generator)
        sound = sound[: samples - start] * generator.uniform(0.5, 1.0)
        hits[start : start + len(sound)] += sound
    # The noise is as loud as it can be with room for the hits; each clip has its own recording level.
    level = min(0.03, 0.4 / 10 ** (snr_db / 20)) * generator.uniform(0.7, 1.0)
    noise *= level / np.sqrt(np.mean(noise**2))
    hits *= level * 10 ** (snr_db / 20) / np.abs(hits).max()
    return Stems(hits, noise, onsets)


def write_pucks(
    folder: Path,
    clips_per_class: int = 30,
    seconds: float = 6.0,
    snr_db: float = DEFAULT_SNR_DB,
    seed: int = 0,
) -> Path:
    """Write the data set: ``audio/*.wav`` (16 bit, 22.05 kHz) and then ``pucks.csv``.

    The table is written last, and a table that is already there is removed first, so a folder without
    ``pucks.csv`` is one whose making was interrupted. The same arguments give the same bytes.

    Parameters
    ----------
    folder : Path
        Made if need be; files of the same names are replaced.
    clips_per_class : int, default 30
        At least 1. Clips go round the 6 pucks (for the background, 6 machines) of their class in turn.
    seconds : float, default 6.0
        Length of each clip, at least 1.
    snr_db : float, default 20.0
        Peak-to-noise ratio, see `clip_stems`; in [-20, 60].
    seed : int, default 0
        At least 0.

    Returns
    -------
    Path
        The table ``pucks.csv`` with the columns path, label, group (the puck or the machine), n_hits (0 in
        the background) and snr_db.

    Raises
    ------
    SettingsError
        An argument is out of its range.
    DatasetError
        The folder cannot be written.
    """
    if clips_per_class < 1 or seed < 0 or not seconds >= 1 or not -20 <= snr_db <= 60:
        raise SettingsError(
            f"Cannot make pucks with clips_per_class={clips_per_class}, seconds={seconds}, snr_db={snr_db}, "
            f"seed={seed}: give at least 1 clip of at least 1 second, an SNR in [-20, 60] dB and a seed of 0 or above."
        )
    folder = Path(folder)
    table = folder / "pucks.csv"
    try:
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        table.unlink(missing_ok=True)
        rows: list[tuple[str, str, str, int, float]] = []
        for class_index, label in enumerate(PUCK_CLASSES):
            for clip_index in range(clips_per_class):
                stems = clip_stems(class_index, clip_index, seconds, snr_db, seed)
                path = f"audio/{label}-{clip_index:03d}.wav"
                write_wave(folder / path, stems.hits + stems.noise)
                group = f"{label}-{clip_index % PUCKS_PER_CLASS + 1}"
                rows.append((path, label, group, 0 if label == BACKGROUND else len(stems.hit_seconds), snr_db))
        _write_table(table, rows)
    except OSError as error:
        raise DatasetError(
            f"{folder}: the pucks cannot be written here ({error}). Choose a folder that can be written, or make room."
        ) from error
    return table


def generator_of(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of one part of a data set: whatever else is drawn, it gives the same numbers."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _onsets(seconds: float, count: int, generator: np.random.Generator) -> tuple[float, ...]:
    """Return sorted times with at least a twelfth of the clip between them, and room after the last."""
    gap = seconds / 12
    free = seconds - gap * count - 0.1
    return tuple(0.05 + gap * index + time for index, time in enumerate(np.sort(generator.uniform(0, free, count))))


def _stroke(material: Material, size: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return one stroke on a puck: its modes as the place of the stroke excites them, and the contact."""
    diameters, circles, ratios = (np.array(values) for values in zip(*PLATE_MODES, strict=True))
    frequencies = material.pitch_hz / size * ratios**material.bend
    radius, angle = np.sqrt(generator.uniform(0.1, 1.0)), generator.uniform(0, 2 * np.pi)
    shapes = radius**diameters * np.cos(diameters * angle) * np.where(circles > 0, 1 - 1.8 * radius**2, 1.0)
    contact = material.contact_seconds * generator.uniform(0.8, 1.25)
    amplitudes = shapes / (1 + (2 * frequencies * contact) ** 2)
    heard = frequencies < SAMPLE_RATE / 2 * 0.95
    loss = material.loss * generator.uniform(0.9, 1.1)
    times = np.arange(round(STROKE_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    rates = -np.pi * loss * frequencies[heard] + 2j * np.pi * frequencies[heard]
    # einsum, not a matrix product: the bytes must not depend on a BLAS and its threads
    ringing = np.einsum("m,mt->t", amplitudes[heard], np.exp(np.outer(rates, times)).imag)
    click = _click(generator)
    ringing[: len(click)] += 0.15 * np.abs(ringing).max() * click
    return np.asarray(ringing)


def _click(generator: np.random.Generator) -> NDArray[np.float64]:
    """Return a click without a pitch: noise that fades within milliseconds, peak 1."""
    times = np.arange(round(0.05 * SAMPLE_RATE)) / SAMPLE_RATE
    click = generator.standard_normal(len(times)) * np.exp(-times / generator.uniform(0.002, 0.008))
    return np.asarray(click / np.abs(click).max())


def _machine_noise(samples: int, machine: np.random.Generator, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return hum with harmonics and pink noise that swells slowly; hum and swell belong to the machine."""
    harmonics = np.arange(1, 9)[:, np.newaxis]
    weights = machine.uniform(0.3, 1.0, harmonics.shape) / harmonics
    turns = np.arange(PERIOD_STEPS) / PERIOD_STEPS
    period = np.sum(weights * np.sin(2 * np.pi * (harmonics * turns + generator.uniform(size=harmonics.shape))), axis=0)
    steps = np.arange(samples) * (machine.uniform(48.0, 52.0) / SAMPLE_RATE * PERIOD_STEPS)
    hum = (0.6 / period.std() * period)[steps.astype(np.int64) % PERIOD_STEPS]
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum = generator.standard_normal(2 * len(frequencies)).view(np.complex128)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 20.0)), samples)
    pink /= pink.std()
    times = np.arange(samples) / SAMPLE_RATE
    swell = 1 + 0.4 * np.sin(2 * np.pi * (machine.uniform(0.2, 0.7) * times + generator.uniform()))
    return np.asarray(hum + swell * pink)


def write_wave(path: Path, samples: NDArray[np.float64]) -> None:
    """Write a clip as 16 bit WAV at 22.05 kHz, which appears whole or not at all."""
    import soundfile

    # By way of memory: when libsndfile writes to a full disk itself, the reason is lost.
    wave = io.BytesIO()
    soundfile.write(wave, samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    with replacing(path) as part:
        part.write_bytes(wave.getbuffer())


def _write_table(path: Path, rows: list[tuple[str, str, str, int, float]]) -> None:
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "group", "n_hits", "snr_db", "synthetic"))
        writer.writerows((*row, "true") for row in rows)
