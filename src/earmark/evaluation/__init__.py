"""Splits, fusion, scores, tests and the comparison itself: how good a system is, honestly."""

from earmark.evaluation.baselines import FROM_SCRATCH, compare_baselines
from earmark.evaluation.combination import COMBINATIONS, combined_name, sum_likelihoods
from earmark.evaluation.comparison import SYSTEM, FoldSet, Outcome, compare_systems
from earmark.evaluation.description import describe_dataset, describe_protocol, versions
from earmark.evaluation.fusion import FUSIONS, fuse_late, is_late, pool
from earmark.evaluation.intervals import BOOTSTRAP, bootstrap_interval
from earmark.evaluation.leaks import LeakCheck, check_leaks
from earmark.evaluation.learning_curve import Gain, LearningCurve, PowerLaw, fit_power_law, learning_curves
from earmark.evaluation.metrics import INTERVAL, Interval, Scores, accuracy_interval, score
from earmark.evaluation.plan import Plan, make_plan
from earmark.evaluation.platt import PlattScaling
from earmark.evaluation.protocols import PROTOCOLS, Protocol, protocol_named
from earmark.evaluation.ranks import Ranks, average_ranks
from earmark.evaluation.significance import PairedTest, compare_pairs, holm, mcnemar, nadeau_bengio
from earmark.evaluation.solvers import SOLVERS, fit_systems
from earmark.evaluation.splits import SPLITS, Clips, Fold, SplitSettings, default_split, make_folds
from earmark.evaluation.summary import summarise
from earmark.evaluation.system import LIKELIHOODS, System

__all__ = [
    "BOOTSTRAP",
    "COMBINATIONS",
    "FROM_SCRATCH",
    "FUSIONS",
    "INTERVAL",
    "LIKELIHOODS",
    "PROTOCOLS",
    "SOLVERS",
    "SPLITS",
    "SYSTEM",
    "Clips",
    "Fold",
    "FoldSet",
    "Gain",
    "Interval",
    "LeakCheck",
    "LearningCurve",
    "Outcome",
    "PairedTest",
    "Plan",
    "PlattScaling",
    "PowerLaw",
    "Protocol",
    "Ranks",
    "Scores",
    "SplitSettings",
    "System",
    "accuracy_interval",
    "average_ranks",
    "bootstrap_interval",
    "check_leaks",
    "combined_name",
    "compare_baselines",
    "compare_pairs",
    "compare_systems",
    "default_split",
    "describe_dataset",
    "describe_protocol",
    "fit_power_law",
    "fit_systems",
    "fuse_late",
    "holm",
    "is_late",
    "learning_curves",
    "make_folds",
    "make_plan",
    "mcnemar",
    "nadeau_bengio",
    "pool",
    "protocol_named",
    "score",
    "sum_likelihoods",
    "summarise",
    "versions",
]
