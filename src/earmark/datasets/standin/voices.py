"""Human voices: spoken, sung alone and sung in a choir.

A voice is a source with harmonics that fall by 6 dB an octave (glottal pulses at -12, radiation at the lips at +6) and
four resonances. The vowels are the mean formants of men of Peterson and Barney, *Control methods used in a study of
the vowels*, J. Acoust. Soc. Am. 24 (1952), the bandwidths and the fourth formant are near those of Klatt, *Software
for a cascade/parallel formant synthesizer*, J. Acoust. Soc. Am. 67 (1980). Vibrato of 5 to 7 Hz and the resonance near
3 kHz of trained singers are after Sundberg, *The Science of the Singing Voice* (1987). Syllables, pauses and melodies
are invented: nothing is said or sung in any language.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.datasets.pucks import SAMPLE_RATE
from earmark.datasets.standin.synthesis import (
    Curve,
    Note,
    add,
    attacked,
    coloured,
    harmonic,
    stepped,
    time_axis,
    vibrato,
    wander,
)

__all__ = ["Voice", "draw_voice", "sing", "speak"]

# First three formants of men, Hz (Peterson and Barney 1952), as in heed, hid, head, had, hod, hawed, hood, who'd, hud.
VOWELS = np.array(
    [
        (270, 2290, 3010),
        (390, 1990, 2550),
        (530, 1840, 2480),
        (660, 1720, 2410),
        (730, 1090, 2440),
        (570, 840, 2410),
        (440, 1020, 2240),
        (300, 870, 2240),
        (640, 1190, 2390),
    ],
    dtype=float,
)
FOURTH_FORMANT = 3400.0
BANDWIDTHS = (70.0, 90.0, 140.0, 250.0)


@dataclass(frozen=True)
class Voice:
    """A person's voice.

    Attributes
    ----------
    pitch_hz : float
        Middle of the speaking pitch; singing lies a fifth above.
    formants : float
        Factor of the formants of men: a shorter vocal tract has higher ones.
    tilt : float
        Amplitudes of the source fall with the number of the partial to this power.
    breath : float
        Share of breath noise.
    vibrato_hz, vibrato_cents : float
        Vibrato of held tones.
    trained : float
        Strength of the resonance near 3 kHz that singers learn; 0 for none.
    """

    pitch_hz: float
    formants: float
    tilt: float
    breath: float
    vibrato_hz: float
    vibrato_cents: float
    trained: float


def draw_voice(generator: np.random.Generator) -> Voice:
    """Draw a voice, low or high."""
    high = generator.uniform() < 0.5
    return Voice(
        pitch_hz=float(generator.uniform(165, 240) if high else generator.uniform(85, 150)),
        formants=float(generator.uniform(1.1, 1.22) if high else generator.uniform(0.95, 1.06)),
        tilt=float(generator.uniform(0.8, 1.4)),
        breath=float(generator.uniform(0.005, 0.04)),
        vibrato_hz=float(generator.uniform(5.0, 6.8)),
        vibrato_cents=float(generator.uniform(15, 70)),
        trained=float(generator.uniform(0, 2.5)),
    )


def speak(voice: Voice, seconds: float, generator: np.random.Generator) -> Curve:
    """Return syllables of a consonant and a vowel each, with pauses, a falling pitch and gliding formants."""
    samples = round(seconds * SAMPLE_RATE)
    times = time_axis(samples)
    noise, gain_times, gains = np.zeros(samples), [-1.0], [0.0]
    starts: list[float] = []
    vowels: list[int] = []
    start = -float(generator.uniform(0, 0.15))
    while start < seconds:
        consonant, vowel = generator.uniform(0.03, 0.1), generator.uniform(0.07, 0.2)
        if start > 0:
            add(noise, _consonant(consonant, generator), start)
        onset, loudness = start + consonant, generator.uniform(0.5, 1.0)
        gain_times += [onset, onset + 0.02, onset + 0.7 * vowel, onset + vowel]
        gains += [generator.uniform(0, 0.2), loudness, 0.8 * loudness, 0.1 * loudness]
        starts.append(onset)
        vowels.append(int(generator.integers(len(VOWELS))))
        start = onset + vowel
        if generator.uniform() < 0.12:
            gain_times.append(start + 0.03)
            gains.append(0.0)
            start += generator.uniform(0.1, 0.4)
    melodic = 2 ** (generator.uniform(2, 5) / 12 * wander(samples, 3.0, generator))
    pitch = voice.pitch_hz * melodic * (1.08 - 0.16 * (times / seconds))
    tone = _voiced(voice, pitch, starts, vowels, 0.07, generator)
    return np.asarray(tone * np.interp(times, gain_times, gains) + noise)


def sing(voice: Voice, notes: list[Note], seconds: float, generator: np.random.Generator) -> Curve:
    """Return a melody sung on vowels, one note gliding into the next, with vibrato and now and then a breath."""
    samples = round(seconds * SAMPLE_RATE)
    times = time_axis(samples)
    lag, detuned = abs(generator.normal(0, 0.015)), 2 ** (generator.normal(0, 12) / 1200)
    starts = [note.start + lag for note in notes]
    pitch = stepped(starts, [note.pitch_hz for note in notes], times, 0.07)
    pitch *= detuned * vibrato(samples, voice.vibrato_hz, voice.vibrato_cents, generator)
    pitch *= 2 ** (6 / 1200 * wander(samples, 9.0, generator))
    vowels = generator.integers(len(VOWELS), size=len(notes)).tolist()
    tone = _voiced(voice, pitch, starts, vowels, 0.1, generator)
    gain = np.ones(samples)
    for start in starts:
        dip = generator.choice([0.05, 0.3, 0.6])
        gain *= 1 - (1 - dip) * np.exp(-0.5 * ((times - start) / 0.03) ** 2)
    return np.asarray(tone * gain * (0.85 + 0.15 * wander(samples, 2.0, generator)))


def _voiced(
    voice: Voice, pitch: Curve, starts: list[float], vowels: list[int], glide: float, generator: np.random.Generator
) -> Curve:
    """Return a tone through the formants of one vowel after the other, and the breath in it."""
    seconds = len(pitch) / SAMPLE_RATE
    formants = voice.formants * VOWELS[vowels] * generator.uniform(0.95, 1.05, (len(vowels), 3))

    def spectrum(numbers: Curve, frequencies: Curve) -> Curve:
        places = np.linspace(0, seconds, frequencies.shape[1])
        centres: list[Curve] = [stepped(starts, each.tolist(), places, glide) for each in formants.T]
        centres.append(np.full(len(places), voice.formants * FOURTH_FORMANT))
        gain = numbers**-voice.tilt
        for centre, width in zip(centres, BANDWIDTHS, strict=True):
            gain = gain * centre**2 / np.hypot(centre**2 - frequencies**2, width * frequencies)
        return np.asarray(gain * (1 + voice.trained * np.exp(-0.5 * ((frequencies - 2900) / 350) ** 2)))

    tone = harmonic(pitch, spectrum)
    tone /= np.sqrt(np.mean(tone**2))
    breath = coloured(len(tone), lambda frequencies: 1 / (1 + ((frequencies - 2500) / 1500) ** 2), generator)
    return np.asarray(tone + voice.breath * breath)


def _consonant(seconds: float, generator: np.random.Generator) -> Curve:
    """Return hiss around 2 to 7 kHz that swells and ends, or a short burst."""
    samples = max(32, round(seconds * SAMPLE_RATE))
    centre, width = generator.uniform(1800, 7000), generator.uniform(500, 1500)
    hiss = coloured(samples, lambda frequencies: np.exp(-0.5 * ((frequencies - centre) / width) ** 2), generator)
    attack = generator.choice([0.003, 0.03])
    return np.asarray(generator.uniform(0.05, 0.35) * hiss * attacked(samples, attack, 0.02))
