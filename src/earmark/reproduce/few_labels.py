"""How few labels suffice, on real recordings that anybody may have: environmental sounds and damaged bearings.

The paper finds that pre-trained embeddings win when labels are few. Here that is asked again of ESC-10 (K. J. Piczak,
2015) with its official folds, and of the bearing recordings of Case Western Reserve University, split by clip and by
bearing, with embeddings whose weights are free.
"""

from __future__ import annotations

from earmark.reproduce.study import FROM_SCRATCH, Settings, Study, Task, Unit

__all__ = ["few_labels"]

VERSION = 1
TASKS = (
    Task("ESC-10", "Environmental sounds", "esc10", "official"),
    Task("CWRU by clip", "Bearing faults, split by clip", "cwru", "clips"),
    Task("CWRU by bearing", "Bearing faults, split by bearing", "cwru", "groups"),
)
EMBEDDINGS = ("yamnet", "soundnet-conv5")
CLASSIFIERS = ("svm", "d128", "d512")
BASELINE = "cnn-speech-music"
TRAIN_FRACTIONS = (0.8, 0.4, 0.2, 0.1)


def few_labels() -> Study:
    """Return the study."""
    units = tuple(
        Unit(task.name, embedding, classifier, fusions, TRAIN_FRACTIONS)
        for task in TASKS
        for embedding, classifier, fusions in (
            *((each, classifier, ("late", "early")) for classifier in CLASSIFIERS for each in EMBEDDINGS),
            (FROM_SCRATCH, BASELINE, ("late",)),
        )
    )
    settings = Settings(folds=5, repeats=1)
    return Study("few-labels", VERSION, "How few labels suffice", TASKS, units, settings)
