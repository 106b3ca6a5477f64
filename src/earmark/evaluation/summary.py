"""What the tables of a comparison say of each system."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from earmark.evaluation.comparison import SYSTEM
from earmark.evaluation.intervals import bootstrap_interval
from earmark.evaluation.metrics import INTERVAL, accuracy_interval, clusters_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["summarise"]


def summarise(results: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Bring the folds and repeats of each system together.

    Parameters
    ----------
    results, predictions : DataFrame
        The tables of an `Outcome`.

    Returns
    -------
    DataFrame
        One row for each system, in the order of the results: the columns of `SYSTEM`; ``accuracy_mean`` and
        ``accuracy_std`` over folds and repeats (population; NaN where there is only one); ``accuracy_low``,
        ``accuracy_high`` and ``interval``, the 95 % interval over clips and its name; ``bootstrap_low`` and
        ``bootstrap_high``, that of the cluster bootstrap, for comparison (NaN for a single fold, and where all clips
        are right or all wrong); ``balanced_accuracy_mean``, ``macro_f1_mean``; ``clips`` tested, ``folds``,
        ``repeats``, ``seconds`` in all. Scores lie in [0, 1].
    """
    import pandas as pd

    tested = dict(iter(predictions.groupby(SYSTEM, sort=False)))
    rows = []
    for system, folds in results.groupby(SYSTEM, sort=False):
        clips = tested[system]
        clusters = clusters_of(clips)
        correct = clips["label"] == clips["predicted"]
        interval = accuracy_interval(correct, clusters, clips["path"])
        resampled = bootstrap_interval(correct, clusters) if folds["fold"].nunique() > 1 else (nan, nan)
        rows.append(
            dict(zip(SYSTEM, system, strict=True))
            | {
                "accuracy_mean": folds["accuracy"].mean(),
                "accuracy_std": folds["accuracy"].std(ddof=0) if len(folds) > 1 else nan,
                "accuracy_low": interval.low,
                "accuracy_high": interval.high,
                "interval": INTERVAL,
                "bootstrap_low": resampled[0],
                "bootstrap_high": resampled[1],
                "balanced_accuracy_mean": folds["balanced_accuracy"].mean(),
                "macro_f1_mean": folds["macro_f1"].mean(),
                "clips": clips["path"].nunique(),
                "folds": folds["fold"].nunique(),
                "repeats": folds["repeat"].nunique(),
                "seconds": folds["seconds"].sum(),
            }
        )
    return pd.DataFrame(rows)
