"""What the sounds of the stand-in suite are put together from: curves, harmonic tones, coloured noise, rooms, levels.

Everything is drawn from the generators that are handed in, and nothing goes by way of a matrix product, so that the
bytes depend neither on a BLAS nor on its threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.datasets.pucks import SAMPLE_RATE

__all__ = [
    "Curve",
    "Note",
    "add",
    "attacked",
    "coloured",
    "decibels",
    "filtered",
    "harmonic",
    "melody",
    "noisy",
    "pink",
    "recorded",
    "reverberant",
    "stepped",
    "time_axis",
    "vibrato",
    "wander",
]

Curve = NDArray[np.float64]

#: Amplitudes of partials are worked out once in so many samples and interpolated between.
CONTROL_STEP = 128
#: No partial lies above this, in Hz.
HIGHEST_PARTIAL = 0.45 * SAMPLE_RATE
MOST_PARTIALS = 60
#: No sample is larger, so that nothing clips.
LOUDEST = 0.9
#: Steps of the scale that melodies are made of (major), in semitones.
SCALE = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True)
class Note:
    """A tone to be played.

    Attributes
    ----------
    start, seconds : float
        When it begins, and how long it is held.
    pitch_hz : float
        Its fundamental frequency.
    """

    start: float
    seconds: float
    pitch_hz: float


def time_axis(samples: int) -> Curve:
    """Return the time of each sample in seconds."""
    return np.arange(samples) / SAMPLE_RATE


def decibels(level: float) -> float:
    """Return the factor of an amplitude that is `level` dB."""
    return float(10 ** (level / 20))


def wander(samples: int, per_second: float, generator: np.random.Generator) -> Curve:
    """Return a curve that wanders within [-1, 1], with so many turns a second."""
    points = max(2, round(samples / SAMPLE_RATE * per_second) + 1)
    return np.interp(np.linspace(0, 1, samples), np.linspace(0, 1, points), generator.uniform(-1, 1, points))


def vibrato(samples: int, rate_hz: float, cents: float, generator: np.random.Generator) -> Curve:
    """Return factors of the pitch, which swings by so many cents to both sides."""
    phase = rate_hz * time_axis(samples) + generator.uniform()
    return np.asarray(2 ** (cents / 1200 * np.sin(2 * np.pi * phase)))


def stepped(starts: Sequence[float], values: Sequence[float], times: Curve, glide: float) -> Curve:
    """Return a curve that takes each value from its start on, and goes to it within `glide` seconds."""
    edges = np.asarray(starts[1:], float)
    places = np.concatenate([[-np.inf], np.stack([edges - glide / 2, edges + glide / 2], axis=1).ravel(), [np.inf]])
    return np.asarray(np.interp(times, np.clip(places, times[0] - 1, times[-1] + 1), np.repeat(values, 2)))


def attacked(samples: int, attack: float, release: float) -> Curve:
    """Return a gain that rises in `attack` seconds and falls in the last `release` seconds."""
    times = time_axis(samples)
    rise = np.minimum(times / attack, 1.0)
    fall = np.minimum((samples / SAMPLE_RATE - times) / release, 1.0)
    return np.asarray(np.sin(np.pi / 2 * rise) * np.sin(np.pi / 2 * fall))


def harmonic(pitch: Curve, spectrum: Callable[[Curve, Curve], Curve]) -> Curve:
    """Return a tone of harmonic partials.

    Parameters
    ----------
    pitch : ndarray, shape (samples,)
        Fundamental frequency in Hz.
    spectrum : callable
        Gives the amplitudes, shape (partials, points), of partials by their numbers, shape (partials, 1), and
        frequencies in Hz, shape (partials, points), at points spread evenly over the tone.

    Returns
    -------
    ndarray, shape (samples,)
    """
    samples = len(pitch)
    places = np.linspace(0, samples - 1, max(2, samples // CONTROL_STEP))
    partials = int(np.clip(HIGHEST_PARTIAL // pitch.max(), 1, MOST_PARTIALS))
    numbers = np.arange(1.0, partials + 1)[:, np.newaxis]
    amplitudes = spectrum(numbers, numbers * np.interp(places, np.arange(samples), pitch))
    turn = np.exp(2j * np.pi * np.cumsum(pitch) / SAMPLE_RATE)
    power, tone = turn.copy(), np.zeros(samples)
    for amplitude in amplitudes:  # the k-th power of the fundamental's turn is that of the k-th partial
        tone += np.interp(np.arange(samples), places, amplitude) * power.imag
        power *= turn
    return tone


def coloured(samples: int, gain: Callable[[Curve], Curve], generator: np.random.Generator) -> Curve:
    """Return noise of root mean square 1 whose amplitude spectrum follows `gain`, a function of frequencies in Hz."""
    size = _fast_size(samples)
    frequencies = _frequencies(size)
    spectrum = generator.standard_normal(2 * len(frequencies)).view(np.complex128)
    noise = np.fft.irfft(spectrum * gain(frequencies), size)[:samples]
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def filtered(sound: Curve, gain: Callable[[Curve], NDArray[np.float64] | NDArray[np.complex128]]) -> Curve:
    """Return a sound through a filter whose gain is a function of frequencies in Hz."""
    size = _fast_size(2 * len(sound))  # so that what rings on is cut off, and does not come back at the beginning
    spectrum = np.fft.rfft(sound, size) * gain(_frequencies(size))
    return np.asarray(np.fft.irfft(spectrum, size)[: len(sound)])


def pink(samples: int, generator: np.random.Generator, slope: float = 0.5) -> Curve:
    """Return noise whose amplitude falls with frequency to the power `slope`; 0 is white, 0.5 pink."""
    return coloured(samples, lambda frequencies: np.maximum(frequencies, 30.0) ** -slope, generator)


def reverberant(dry: Curve, seconds: float, wet: float, generator: np.random.Generator) -> Curve:
    """Add a room: noise that has faded by 60 dB after `seconds`, its energy `wet` times that of the direct sound."""
    length = round(seconds * SAMPLE_RATE)
    response = generator.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    response *= np.sqrt(wet / np.sum(response**2))
    size = _fast_size(len(dry) + length)
    tail = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(response, size), size)
    return np.asarray(dry + tail[: len(dry)])


def add(total: Curve, sound: Curve, start: float) -> None:
    """Add a sound to a longer one, beginning at `start` seconds; what does not fit is cut off."""
    first = round(start * SAMPLE_RATE)
    total[first : first + len(sound)] += sound[: max(0, len(total) - first)]


def noisy(sound: Curve, noise: Curve, snr_db: float) -> Curve:
    """Add noise so that the powers of sound and noise, over the whole of both, differ by `snr_db`."""
    power = np.mean(sound**2) / np.mean(noise**2)
    return np.asarray(sound + noise * np.sqrt(power) / decibels(snr_db))


def recorded(sound: Curve, generator: np.random.Generator, loudest_db: float = -20.0) -> Curve:
    """Give a clip its recording level: up to 14 dB below `loudest_db` re full scale, and no sample above 0.9."""
    level = decibels(loudest_db - generator.uniform(0.0, 14.0)) / np.sqrt(np.mean(sound**2))
    return np.asarray(sound * min(level, LOUDEST / np.abs(sound).max()))


def melody(
    seconds: float, middle_hz: float, shortest: float, longest: float, generator: np.random.Generator
) -> list[Note]:
    """Draw a melody: notes of a major scale within a fifth or so of the middle, one after the other."""
    notes, start, step = [], 0.0, int(generator.integers(-3, 4))
    while start < seconds:
        length = float(generator.uniform(shortest, longest))
        octave, degree = divmod(step, len(SCALE))
        notes.append(Note(start, length, middle_hz * 2 ** ((12 * octave + SCALE[degree]) / 12)))
        start += length
        step = int(np.clip(step + generator.choice([-3, -2, -1, 1, 2, 3]), -4, 5))
    return notes


def _fast_size(samples: int) -> int:
    """Return the next power of two, since lengths with large prime factors take many times as long."""
    return 1 << (samples - 1).bit_length()


def _frequencies(samples: int) -> Curve:
    """Return the frequencies of a real spectrum in Hz."""
    return np.asarray(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), np.float64)
