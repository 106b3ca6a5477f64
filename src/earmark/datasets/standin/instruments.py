"""Musical instruments in four families, after their physics, and T2: the family of an instrument.

After Fletcher and Rossing, *The Physics of Musical Instruments*: a cylinder with a reed lacks low even partials
(clarinet), a flute has few partials and breath, conical reeds have formants (oboe, bassoon); the sound of brass grows
brighter with its loudness, so also while it begins; the partials of a piano string of frequency f and stiffness B lie
at n f sqrt(1 + B n^2), a hammer at an eighth of the string leaves out every eighth, and high partials fade sooner;
bowed strings are a sawtooth through the resonances of a body, with vibrato. All numbers are invented within reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from earmark.datasets.pucks import SAMPLE_RATE
from earmark.datasets.standin.recipe import Clip, Part, Recipe, Sound, standin_card
from earmark.datasets.standin.synthesis import (
    HIGHEST_PARTIAL,
    Curve,
    Note,
    add,
    attacked,
    coloured,
    harmonic,
    melody,
    noisy,
    pink,
    recorded,
    reverberant,
    time_axis,
    vibrato,
    wander,
)
from earmark.datasets.standin.voices import draw_voice, sing

__all__ = ["FAMILIES", "INSTRUMENT_FAMILY", "Instrument", "drum", "perform"]

RELEASE = 0.06  # seconds in which a held tone ends
PLAYERS = 10  # of each family; clip i is of player i modulo 10


@dataclass(frozen=True)
class Instrument:
    """An instrument in the hands of a player.

    Attributes
    ----------
    lowest_hz, highest_hz : float
        Between these lie the middles of its melodies.
    play : callable
        Gives the sound of a note.
    """

    lowest_hz: float
    highest_hz: float
    play: Callable[[Note, np.random.Generator], Curve]


def perform(instrument: Instrument, notes: list[Note], seconds: float, generator: np.random.Generator) -> Curve:
    """Return a melody played on an instrument."""
    sound = np.zeros(round(seconds * SAMPLE_RATE))
    for note in notes:
        add(sound, generator.uniform(0.6, 1.0) * instrument.play(note, generator), note.start)
    return sound


def drum(samples: int, beat: float, skin_hz: float, generator: np.random.Generator) -> Curve:
    """Return a drum, whose skin is tuned to `skin_hz`, struck every `beat` seconds."""
    since = time_axis(samples) % beat
    skin = np.exp(-since / 0.06) * np.sin(2 * np.pi * skin_hz * since)
    return np.asarray(1.5 * skin + 0.3 * pink(samples, generator, 0.2) * np.exp(-since / 0.02))


def _woodwind(player: np.random.Generator) -> Instrument:
    kind = player.choice(["clarinet", "flute", "oboe"])
    even = 0.12 if kind == "clarinet" else 1.0
    slope = {"clarinet": 1.2, "flute": 2.3, "oboe": 0.9}[kind] * player.uniform(0.85, 1.15)
    breath = {"clarinet": 0.01, "flute": 0.08, "oboe": 0.015}[kind] * player.uniform(0.5, 1.5)
    formant = player.uniform(1000, 1500)
    strength = 2.0 if kind == "oboe" else 0.4
    rate, cents, attack = player.uniform(4.5, 6.0), player.uniform(0, 12), player.uniform(0.03, 0.07)

    def spectrum(numbers: Curve, frequencies: Curve) -> Curve:
        amplitude = np.where((numbers % 2 == 0) & (numbers < 8), even, 1.0) * numbers**-slope
        return np.asarray(amplitude * (1 + strength * np.exp(-0.5 * ((frequencies - formant) / 400) ** 2)))

    def play(note: Note, generator: np.random.Generator) -> Curve:
        tone = _held(note, spectrum, rate, cents, attack, generator)
        hiss = coloured(len(tone), lambda frequencies: 1 / (1 + (frequencies / note.pitch_hz / 2) ** 2), generator)
        return np.asarray(tone + breath * hiss * attacked(len(tone), attack, RELEASE))

    return Instrument(230.0, 700.0, play)


def _brass(player: np.random.Generator) -> Instrument:
    steep, attack = player.uniform(2.0, 3.0), player.uniform(0.02, 0.06)
    bright, formant = player.uniform(900, 1800), player.uniform(500, 1200)
    rate, cents = player.uniform(4.5, 6.0), player.uniform(0, 8)

    def play(note: Note, generator: np.random.Generator) -> Curve:
        blown = bright * generator.uniform(0.7, 1.3)

        def spectrum(numbers: Curve, frequencies: Curve) -> Curve:
            # Loudness, and with it brightness, overshoots while the tone begins.
            times = np.linspace(0, note.seconds, frequencies.shape[1])
            rise = 1 - np.exp(-times / attack) + 0.4 * (times / attack) * np.exp(1 - times / attack / 2)
            amplitude = 1 / (1 + (frequencies / (blown * np.minimum(rise, 1.4) + 150)) ** steep)
            return np.asarray(amplitude * (1 + 0.8 * np.exp(-0.5 * ((frequencies - formant) / 300) ** 2)))

        return _held(note, spectrum, rate, cents, attack, generator)

    return Instrument(110.0, 420.0, play)


def _piano(player: np.random.Generator) -> Instrument:
    stiffness, place = player.uniform(2e-4, 8e-4), player.uniform(0.11, 0.13)
    slope, ringing = player.uniform(0.9, 1.5), player.uniform(0.7, 1.4)

    def play(note: Note, generator: np.random.Generator) -> Curve:
        times = time_axis(round((note.seconds + 0.3) * SAMPLE_RATE))
        numbers = np.arange(1.0, 17.0)
        frequencies = numbers * note.pitch_hz * np.sqrt(1 + stiffness * numbers**2)
        numbers, frequencies = numbers[frequencies < HIGHEST_PARTIAL], frequencies[frequencies < HIGHEST_PARTIAL]
        amplitudes = np.abs(np.sin(np.pi * numbers * place)) * numbers**-slope
        rates = (1.5 + frequencies / 600) / ringing
        tone = np.zeros(len(times))
        for amplitude, frequency, rate in zip(amplitudes, frequencies, rates, strict=True):
            phase = generator.uniform(0, 2 * np.pi)
            tone += amplitude * np.exp(-rate * times) * np.sin(2 * np.pi * frequency * times + phase)
        thump = pink(len(times), generator, 1.0) * np.exp(-times / 0.012)
        tone = 2.0 * tone + 0.25 * thump
        return np.asarray(tone * np.minimum(times / 0.002, 1) * np.minimum((times[-1] - times) / 0.1, 1))

    return Instrument(130.0, 700.0, play)


def _string(player: np.random.Generator) -> Instrument:
    body, widths = player.uniform(200, 4000, 9), player.uniform(60, 250, 9)
    heights = player.uniform(0.5, 2.5, 9)
    rate, cents, attack = player.uniform(5.0, 6.5), player.uniform(10, 30), player.uniform(0.05, 0.14)

    def spectrum(numbers: Curve, frequencies: Curve) -> Curve:
        gain = np.full(frequencies.shape, 0.5)
        for centre, width, height in zip(body, widths, heights, strict=True):
            gain += height * np.exp(-0.5 * ((frequencies - centre) / width) ** 2)
        return np.asarray(gain / numbers / (1 + (frequencies / 5000) ** 2))

    def play(note: Note, generator: np.random.Generator) -> Curve:
        tone = _held(note, spectrum, rate, cents, attack, generator)
        bow = coloured(len(tone), lambda frequencies: 1 / (1 + ((frequencies - 3000) / 1500) ** 2), generator)
        return np.asarray(tone + 0.02 * bow * attacked(len(tone), attack / 2, RELEASE))

    return Instrument(150.0, 650.0, play)


#: Families that melodies can be played on; each draws an instrument and the way it is played.
FAMILIES: dict[str, Callable[[np.random.Generator], Instrument]] = {
    "woodwinds": _woodwind,
    "brass": _brass,
    "piano": _piano,
    "strings": _string,
}


def _held(
    note: Note,
    spectrum: Callable[[Curve, Curve], Curve],
    rate_hz: float,
    cents: float,
    attack: float,
    generator: np.random.Generator,
) -> Curve:
    """Return a tone held by breath or bow, as loud as any other."""
    samples = round((note.seconds + RELEASE / 2) * SAMPLE_RATE)
    pitch = note.pitch_hz * vibrato(samples, rate_hz * generator.uniform(0.95, 1.05), cents, generator)
    tone = harmonic(pitch * 2 ** (4 / 1200 * wander(samples, 8.0, generator)), spectrum)
    swell = 1 + 0.15 * wander(samples, 3.0, generator)
    return np.asarray(tone / np.sqrt(np.mean(tone**2)) * swell * attacked(samples, attack, RELEASE))


def _family_clip(clip: Clip) -> Sound:
    player, generator = clip.shared(PLAYERS), clip.own()
    pace = generator.uniform(0.15, 0.5)
    if clip.part.label == "vocal":
        voice = draw_voice(player)
        middle = 1.5 * voice.pitch_hz * generator.uniform(0.9, 1.2)
        sound = sing(voice, melody(clip.seconds, middle, pace, 2 * pace, generator), clip.seconds, generator)
    else:
        instrument = FAMILIES[clip.part.label](player)
        middle = float(np.exp(generator.uniform(np.log(instrument.lowest_hz), np.log(instrument.highest_hz))))
        notes = melody(clip.seconds, middle, pace, 2 * pace, generator)
        sound = perform(instrument, notes, clip.seconds, generator)
    room = reverberant(sound, generator.uniform(0.3, 1.2), generator.uniform(0.05, 0.5), generator)
    noise = pink(len(room), generator, generator.uniform(0.2, 0.8))
    samples = recorded(noisy(room, noise, generator.uniform(15, 35)), generator)
    return Sound(samples, {"group": f"{clip.part.label}-{clip.number % PLAYERS + 1}"})


INSTRUMENT_FAMILY = Recipe(
    card=standin_card("t2", "families of synthetic instruments"),
    parts=tuple(Part(label, 10, 10) for label in ("woodwinds", "brass", "piano", "vocal", "strings")),
    seconds=2.5,
    least_seconds=1.0,
    make=_family_clip,
)
