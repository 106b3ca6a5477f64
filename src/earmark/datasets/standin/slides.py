"""T5: the surface of a slide that a synthetic metal ball rolls down, in clips of 0.4 seconds.

After van den Doel, Kry and Pai, *FoleyAutomatic* (SIGGRAPH 2001): a ball that rolls at the speed v reads the roughness
of the surface, so that a wave of length l becomes the frequency v / l; the size of the contact takes away what is
shorter than itself; and what is left drives the modes of the slide. Roughness, modes and surfaces are invented.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.datasets.pucks import SAMPLE_RATE
from earmark.datasets.standin.recipe import Clip, Part, Recipe, Sound, standin_card
from earmark.datasets.standin.synthesis import Curve, coloured, filtered, noisy, pink, recorded

__all__ = ["METAL_SLIDE"]

SLIDES = {"train": 4, "test": 2}  # specimens of each surface; none is on both sides


@dataclass(frozen=True)
class Surface:
    """How a surface sounds under a ball.

    Attributes
    ----------
    steepness : float
        Roughness falls with the wave number to this power.
    contact_metres : float
        Length of the contact.
    ringing : float
        Quality factor of the slide's modes.
    scratches : float
        Scratches a second that the ball hits.
    """

    steepness: float
    contact_metres: float
    ringing: float
    scratches: float


SURFACES = {
    "smooth": Surface(0.75, 0.00022, 45.0, 2.0),
    "coated": Surface(0.85, 0.00042, 16.0, 2.0),
    "scratched": Surface(0.6, 0.00022, 40.0, 50.0),
}


def _roll(surface: Surface, samples: int, slide: np.random.Generator, generator: np.random.Generator) -> Curve:
    modes = np.sort(slide.uniform(350, 7500, 14))
    ringing = surface.ringing * slide.uniform(0.75, 1.33)
    contact = surface.contact_metres * slide.uniform(0.85, 1.18)
    steepness = surface.steepness + slide.uniform(-0.1, 0.1)
    heights = slide.uniform(0.2, 1.0, len(modes)) * generator.uniform(0.6, 1.0, len(modes))
    speed = generator.uniform(0.7, 1.3)

    def modal(frequencies: Curve) -> NDArray[np.complex128]:
        ratios = frequencies / modes[:, np.newaxis]
        return np.asarray(np.sum(heights[:, np.newaxis] / (1 - ratios**2 + 1j * ratios / ringing), axis=0))

    def rolled(frequencies: Curve) -> Curve:
        roughness = np.maximum(frequencies / speed, 60.0) ** -steepness / (1 + (frequencies * contact / speed) ** 2)
        return np.asarray(roughness * (0.3 + np.abs(modal(frequencies)) / np.sqrt(ringing)))

    rolling = coloured(samples, rolled, generator)
    hits = np.zeros(samples)
    count = int(generator.poisson(surface.scratches * samples / SAMPLE_RATE))
    hits[generator.integers(0, samples, count)] = generator.uniform(0.3, 1.0, count)
    loudness = np.linspace(1.0, generator.uniform(0.7, 1.6), samples)
    return np.asarray(loudness * (rolling + generator.uniform(3.0, 6.0) * filtered(hits, modal)))


def _slide_clip(clip: Clip) -> Sound:
    label, split = clip.part.label, clip.part.split
    slide, generator = clip.shared(SLIDES[split]), clip.own()
    sound = _roll(SURFACES[label], round(clip.seconds * SAMPLE_RATE), slide, generator)
    noise = pink(len(sound), generator, generator.uniform(0.3, 0.7))
    samples = recorded(noisy(sound, noise, generator.uniform(8, 25)), generator)
    return Sound(samples, {"group": f"{label}-{split}-{clip.number % SLIDES[split] + 1}"})


METAL_SLIDE = Recipe(
    card=standin_card("t5", "surfaces under a synthetic ball"),
    parts=tuple(Part(label, 12, 4, "train") for label in SURFACES)
    + tuple(Part(label, 8, 2, "test") for label in SURFACES),
    seconds=0.4,
    least_seconds=0.4,
    make=_slide_clip,
)
