"""The stand-in suite: six small tasks made by code, with the structure of the six tasks of the paper.

Grollmisch, Cano, Kehling, Taenzer, *Analyzing the Potential of Pre-Trained Embeddings for Audio Classification Tasks*,
EUSIPCO 2020, used recordings that are large, in part private, and have to be fetched. With the stand-ins the whole
study runs offline in minutes. They share names of classes, kinds of splits, and roughly the ratios of counts and
lengths with the originals, but nothing about real recordings follows from a score on them.
"""

from earmark.datasets.standin.suite import LARGEST_SCALE, STANDIN_TASKS, write_standin

__all__ = ["LARGEST_SCALE", "STANDIN_TASKS", "write_standin"]
