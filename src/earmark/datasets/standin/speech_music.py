"""T3: synthetic speech, solo singing, choir and music, as in old recordings made in the field.

The recording is what makes it hard: hiss at 5 to 30 dB below the sound, and a band that ends anywhere above 2 kHz. The
clips of a group share the voice, or the instruments, or the singers of the choir.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from earmark.datasets.pucks import SAMPLE_RATE
from earmark.datasets.standin.instruments import FAMILIES, drum, perform
from earmark.datasets.standin.recipe import Clip, Part, Recipe, Sound, standin_card
from earmark.datasets.standin.synthesis import Curve, coloured, filtered, melody, noisy, recorded, reverberant
from earmark.datasets.standin.voices import draw_voice, sing, speak

__all__ = ["SPEECH_MUSIC"]

PERFORMERS = 10  # of each class; clip i is by performer i modulo 10
CHOIR_PARTS = (0, 4, 7)  # semitones from the melody to the parts that are sung with it


def _performance(label: str, seconds: float, performer: np.random.Generator, generator: np.random.Generator) -> Curve:
    pace = generator.uniform(0.15, 0.5)
    if label == "music":
        return _band(seconds, pace, performer, generator)
    voice = draw_voice(performer)
    if label == "speech":
        return speak(voice, seconds, generator)
    notes = melody(seconds, 1.5 * voice.pitch_hz * generator.uniform(0.85, 1.2), pace, 2 * pace, generator)
    if label == "solo-singing":
        return sing(voice, notes, seconds, generator)
    singers, harmony = int(performer.integers(4, 10)), CHOIR_PARTS[: performer.integers(1, len(CHOIR_PARTS) + 1)]
    choir = np.zeros(round(seconds * SAMPLE_RATE))
    for singer in range(singers):
        factor = 2 ** (harmony[singer % len(harmony)] / 12)
        own = [replace(note, pitch_hz=note.pitch_hz * factor) for note in notes]
        choir += performer.uniform(0.5, 1.0) * sing(draw_voice(performer), own, seconds, generator)
    return choir


def _band(seconds: float, pace: float, performer: np.random.Generator, generator: np.random.Generator) -> Curve:
    """Return one to three instruments, and in every other band a drum in time."""
    music = np.zeros(round(seconds * SAMPLE_RATE))
    key = performer.uniform(150, 300)
    for _ in range(int(performer.integers(1, 4))):
        instrument = FAMILIES[str(performer.choice(list(FAMILIES)))](performer)
        notes = melody(seconds, key * performer.choice([0.5, 1.0, 1.5, 2.0]), pace, 2 * pace, generator)
        music += performer.uniform(0.6, 1.0) * perform(instrument, notes, seconds, generator)
    if performer.uniform() < 0.5:
        music += drum(len(music), pace, performer.uniform(80, 200), generator)
    return music


def _field_clip(clip: Clip) -> Sound:
    performer, generator = clip.shared(PERFORMERS), clip.own()
    sound = _performance(clip.part.label, clip.seconds, performer, generator)
    room = reverberant(sound, generator.uniform(0.2, 1.0), generator.uniform(0.02, 0.5), generator)
    band_end = generator.uniform(2000, 9000)

    def band(frequencies: Curve) -> Curve:
        return np.asarray(1 / (1 + (frequencies / band_end) ** 4))

    hissing = noisy(filtered(room, band), coloured(len(room), band, generator), generator.uniform(5, 30))
    return Sound(recorded(hissing, generator), {"group": f"{clip.part.label}-{clip.number % PERFORMERS + 1}"})


SPEECH_MUSIC = Recipe(
    card=standin_card("t3", "synthetic speech, singing, choir and music"),
    parts=tuple(Part(label, 25, 10) for label in ("speech", "solo-singing", "choir", "music")),
    seconds=1.1,
    least_seconds=1.0,
    make=_field_clip,
)
