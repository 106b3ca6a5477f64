"""T6: the plastic of a puck that passes by once, in long recordings of a workshop.

The strokes are those of the demo data set (`earmark.datasets.pucks`), but they all stand in one passage of a second,
and the background changes: one of six machines swells, air hisses, things are put down, someone talks.
"""

from __future__ import annotations

import numpy as np

from earmark.datasets.pucks import PUCK_CLASSES, PUCKS_PER_CLASS, SAMPLE_RATE, clip_stems
from earmark.datasets.standin.recipe import Clip, Part, Recipe, Sound, standin_card
from earmark.datasets.standin.synthesis import Curve, add, coloured, decibels, pink, recorded, time_axis, wander
from earmark.datasets.standin.voices import draw_voice, speak

__all__ = ["PLASTIC_PUCKS"]

PUCKS = {"train": (0, 4), "test": (4, 2)}  # first puck and number of pucks of each plastic
PASSAGE_SECONDS = 1.0
LOUDEST_DB = -31.0  # of a whole clip, which leaves room for the strokes


def _puck_clip(clip: Clip) -> Sound:
    generator = clip.own()
    label, (first, pucks) = clip.part.label, PUCKS[clip.part.split]
    puck = first + clip.number % pucks
    take = PUCKS_PER_CLASS * (clip.number // pucks) + puck  # clip_stems takes puck `take` modulo their number
    class_index, seed = PUCK_CLASSES.index(label), clip.key[0]
    stems = clip_stems(class_index, take, PASSAGE_SECONDS, 20.0, seed)
    hits = stems.hits * np.minimum((PASSAGE_SECONDS - time_axis(len(stems.hits))) / 0.1, 1.0)
    # Any of the machines of the background: they are the same ones for all plastics, in training and in the test.
    machine = clip_stems(len(PUCK_CLASSES) - 1, int(generator.integers(10**6)), clip.seconds, 20.0, seed).noise
    background = _workshop(machine, generator)
    peak = np.abs(hits).max() / np.sqrt(np.mean(background**2))
    start = float(generator.uniform(0.1, clip.seconds - PASSAGE_SECONDS - 0.1))
    add(background, hits / peak * decibels(generator.uniform(32.0, 37.0)), start)
    return Sound(
        recorded(background, generator, LOUDEST_DB), {"group": f"{label}-{puck + 1}", "passage_s": f"{start:.3f}"}
    )


def _workshop(machine: Curve, generator: np.random.Generator) -> Curve:
    """Return the machine's noise with air that hisses, things put down and now and then someone talking."""
    samples = len(machine)
    seconds = samples / SAMPLE_RATE
    noise = machine / np.sqrt(np.mean(machine**2))
    centre = generator.uniform(1500, 6000)
    air = coloured(samples, lambda frequencies: np.exp(-0.5 * ((frequencies - centre) / 900) ** 2), generator)
    noise += generator.uniform(0.1, 0.5) * air * (wander(samples, 1.5, generator) > 0)
    for _ in range(int(generator.poisson(0.2 * seconds))):
        thud = pink(round(0.08 * SAMPLE_RATE), generator, generator.uniform(0.3, 1.0))
        thud *= np.exp(-time_axis(len(thud)) / generator.uniform(0.005, 0.02))
        add(noise, generator.uniform(0.5, 3.0) * thud, generator.uniform(0, seconds))
    if generator.uniform() < 0.4:
        talk = speak(draw_voice(generator), 0.4 * seconds, generator)
        add(noise, generator.uniform(0.3, 0.8) * talk, generator.uniform(0, 0.6 * seconds))
    return np.asarray(noise)


PLASTIC_PUCKS = Recipe(
    card=standin_card("t6", "synthetic pucks that pass by once"),
    parts=tuple(Part(label, 6, 4, "train") for label in PUCK_CLASSES)
    + tuple(Part(label, 3, 2, "test") for label in PUCK_CLASSES),
    seconds=5.4,
    least_seconds=3.0,
    make=_puck_clip,
)
