"""Splits, fusion, scores and the comparison itself: how good a system is, honestly."""

from earmark.evaluation.baselines import FROM_SCRATCH, compare_baselines
from earmark.evaluation.comparison import SYSTEM, FoldSet, Outcome, compare_systems
from earmark.evaluation.fusion import FUSIONS, fuse_late, pool
from earmark.evaluation.leaks import LeakCheck, check_leaks
from earmark.evaluation.metrics import INTERVAL, Interval, Scores, accuracy_interval, score
from earmark.evaluation.platt import PlattScaling
from earmark.evaluation.protocol import describe_dataset, describe_protocol, versions
from earmark.evaluation.solvers import SOLVERS, fit_systems
from earmark.evaluation.splits import SPLITS, Clips, Fold, SplitSettings, default_split, make_folds
from earmark.evaluation.summary import summarise
from earmark.evaluation.system import LIKELIHOODS, System

__all__ = [
    "FROM_SCRATCH",
    "FUSIONS",
    "INTERVAL",
    "LIKELIHOODS",
    "SOLVERS",
    "SPLITS",
    "SYSTEM",
    "Clips",
    "Fold",
    "FoldSet",
    "Interval",
    "LeakCheck",
    "Outcome",
    "PlattScaling",
    "Scores",
    "SplitSettings",
    "System",
    "accuracy_interval",
    "check_leaks",
    "compare_baselines",
    "compare_systems",
    "default_split",
    "describe_dataset",
    "describe_protocol",
    "fit_systems",
    "fuse_late",
    "make_folds",
    "pool",
    "score",
    "summarise",
    "versions",
]
