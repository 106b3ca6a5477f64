"""T4: the state of a synthetic electric engine, heard clean in training and in six kinds of noise in the test.

An engine is a rotor with harmonics of its speed, a commutator that whines at a multiple of it, hum at twice the
frequency of the mains, and the rush of its fan. What is broken knocks once a turn and wavers; a heavy load slows the
rotor down and makes hum and brushes louder. Invented, apart from this order of things.
"""

from __future__ import annotations

import numpy as np

from earmark.datasets.pucks import SAMPLE_RATE
from earmark.datasets.standin.recipe import Clip, Part, Recipe, Sound, standin_card
from earmark.datasets.standin.synthesis import (
    Curve,
    add,
    coloured,
    harmonic,
    noisy,
    pink,
    recorded,
    time_axis,
    wander,
)
from earmark.datasets.standin.voices import draw_voice, speak

__all__ = ["ELECTRIC_ENGINE", "NOISES"]

STATES = ("good", "broken", "heavy-load")
MAINS_HZ = 50.0
#: Noise conditions of the test set, and the least and largest signal-to-noise ratio of each in dB.
NOISES = {
    "talking": (8.0, 16.0),
    "atmosphere-1": (10.0, 16.0),
    "atmosphere-2": (6.0, 12.0),
    "white-low": (20.0, 26.0),
    "white-high": (10.0, 14.0),
    "stress-test": (0.0, 6.0),
}


def _engine(state: str, samples: int, generator: np.random.Generator) -> Curve:
    speed = generator.uniform(44, 54) * (generator.uniform(0.72, 0.85) if state == "heavy-load" else 1.0)
    waver = 0.02 if state == "broken" else 0.004
    pitch = speed * (1 + waver * wander(samples, 6.0, generator))
    slots, whine = 12, generator.uniform(0.3, 0.8)
    rotor = harmonic(pitch, lambda numbers, at: np.broadcast_to(1 / numbers + whine * (numbers % slots == 0), at.shape))
    times = time_axis(samples)
    turns = 2 * np.pi * 2 * MAINS_HZ * times
    hum = np.sin(turns + generator.uniform(0, 6)) + 0.5 * np.sin(2 * turns)
    fan_hz = generator.uniform(500, 1200)
    fan = coloured(samples, lambda frequencies: 1 / (1 + (frequencies / fan_hz) ** 2), generator)
    sound = rotor + 0.3 * hum + generator.uniform(0.3, 0.6) * fan
    if state == "heavy-load":
        brushes = coloured(samples, lambda frequencies: np.exp(-0.5 * ((frequencies - 4500) / 1500) ** 2), generator)
        sound += 0.6 * hum + generator.uniform(0.1, 0.25) * brushes * (1 + np.sin(turns))
    if state == "broken":
        sound += generator.uniform(0.6, 1.2) * _knocks(pitch, generator)
    return np.asarray(sound)


def _knocks(pitch: Curve, generator: np.random.Generator) -> Curve:
    """Return a knock at every turn, which rings at two frequencies of the housing."""
    since = (np.cumsum(pitch) / SAMPLE_RATE % 1.0) / pitch  # seconds since the turn began
    ringing = np.zeros(len(pitch))
    for centre in (generator.uniform(1200, 1800), generator.uniform(2600, 3600)):
        ringing += np.sin(2 * np.pi * centre * since) * np.exp(-since / 0.003)
    return np.asarray(ringing * (1 + 0.5 * wander(len(pitch), 40.0, generator)))


def _noise(name: str, samples: int, generator: np.random.Generator) -> Curve:
    if name.startswith("white"):
        return pink(samples, generator, 0.0)
    if name == "talking":
        return speak(draw_voice(generator), samples / SAMPLE_RATE, generator)
    hall = pink(samples, generator, 0.7) * (1 + 0.4 * wander(samples, 2.0, generator))
    if name == "atmosphere-1":
        return np.asarray(hall)
    blows = np.zeros(samples)
    for _ in range(int(generator.integers(2, 6))):
        add(blows, _blow(generator), generator.uniform(0, samples / SAMPLE_RATE))
    if name == "atmosphere-2":
        return np.asarray(hall + 1.5 * blows)
    talk = speak(draw_voice(generator), samples / SAMPLE_RATE, generator)
    return np.asarray(hall + 1.5 * blows + talk + 0.5 * pink(samples, generator, 0.0))


def _blow(generator: np.random.Generator) -> Curve:
    """Return metal struck somewhere in the hall."""
    times = time_axis(round(0.4 * SAMPLE_RATE))
    blow = np.zeros(len(times))
    for frequency in generator.uniform(300, 5000, 6):
        blow += np.sin(2 * np.pi * frequency * times) * np.exp(-times * generator.uniform(10, 40))
    return blow


def _engine_clip(clip: Clip) -> Sound:
    generator = clip.own()
    # Most clips are little longer than the shortest, as in the original.
    seconds = 1.0 + (clip.seconds - 1.0) * generator.uniform() ** 7
    sound = _engine(clip.part.label, round(seconds * SAMPLE_RATE), generator)
    sound = noisy(sound, pink(len(sound), generator, 0.5), generator.uniform(30, 40))
    if clip.part.condition != "clean":
        noise = _noise(clip.part.condition, len(sound), generator)
        sound = noisy(sound, noise, generator.uniform(*NOISES[clip.part.condition]))
    return Sound(recorded(sound, generator), {"noise": clip.part.condition})


ELECTRIC_ENGINE = Recipe(
    card=standin_card("t4", "states of a synthetic engine in noise"),
    parts=tuple(Part(state, 8, 4, "train", "clean") for state in STATES)
    + tuple(Part(state, 3, 2, "test", noise) for noise in NOISES for state in STATES),
    seconds=3.0,
    least_seconds=1.0,
    make=_engine_clip,
)
