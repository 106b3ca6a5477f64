"""T1: how many play, in synthetic music for one to four and for many instruments.

Every clip is an ensemble of its own, in a room. As it grows, parts are added in a fixed order, as bands often have it:
melody, bass, a part in the middle, a drum, then more melodies higher up and in between. Who plays a part is drawn
anew each time. That large ensembles have 6 to 9 parts is invented.
"""

from __future__ import annotations

import numpy as np

from earmark.datasets.pucks import SAMPLE_RATE
from earmark.datasets.standin.instruments import FAMILIES, drum, perform
from earmark.datasets.standin.recipe import Clip, Part, Recipe, Sound, standin_card
from earmark.datasets.standin.synthesis import melody, noisy, pink, recorded, reverberant

__all__ = ["ENSEMBLE_SIZE"]

# Fewest and most parts of a class.
SIZES = {"solo": (1, 1), "duo": (2, 2), "trio": (3, 3), "quartet": (4, 4), "large": (6, 9)}
# In the order in which they join: semitones from the key to the middle of the part, None for the drum.
PARTS = (12, -5, 4, None, 19, 7, 24, 0, 16)


def _ensemble_clip(clip: Clip) -> Sound:
    generator = clip.own()
    fewest, most = SIZES[clip.part.label]
    size = int(generator.integers(fewest, most + 1))
    key, pace = generator.uniform(150, 220), generator.uniform(0.2, 0.4)
    music = np.zeros(round(clip.seconds * SAMPLE_RATE))
    for interval in PARTS[:size]:
        if interval is None:
            played = drum(len(music), pace, generator.uniform(80, 200), generator)
        else:
            instrument = FAMILIES[str(generator.choice(list(FAMILIES)))](generator)
            notes = melody(clip.seconds, key * 2 ** (interval / 12), pace, 2 * pace, generator)
            played = perform(instrument, notes, clip.seconds, generator)
        music += played * generator.uniform(0.8, 1.2) / np.sqrt(np.mean(played**2))
    room = reverberant(music, generator.uniform(0.3, 1.0), generator.uniform(0.05, 0.3), generator)
    noise = pink(len(room), generator, generator.uniform(0.2, 0.8))
    return Sound(recorded(noisy(room, noise, generator.uniform(20, 40)), generator), {"parts": str(size)})


ENSEMBLE_SIZE = Recipe(
    card=standin_card("t1", "sizes of synthetic ensembles"),
    parts=tuple(Part(label, 10, 10) for label in SIZES),
    seconds=2.4,
    least_seconds=1.0,
    make=_ensemble_clip,
)
