"""Whole studies: the paper experiment by experiment, and how few labels suffice on real recordings."""

from earmark.reproduce.gathering import StudyResults, gather
from earmark.reproduce.rendering import render_study
from earmark.reproduce.running import run_study
from earmark.reproduce.studies import list_studies, make_study
from earmark.reproduce.study import Settings, Study, Task, Unit

__all__ = [
    "Settings",
    "Study",
    "StudyResults",
    "Task",
    "Unit",
    "gather",
    "list_studies",
    "make_study",
    "render_study",
    "run_study",
]
