"""Several embeddings as one: concatenated, or by the sum of the likelihoods of their systems.

Concatenation is for early fusions: pooled vectors of a clip, each value scaled by itself, one behind the other (see
`earmark.evaluation.fusion.pool`). The sum works from predictions alone, whatever the fusion and the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from earmark.errors import SettingsError
from earmark.evaluation.comparison import SYSTEM, Outcome
from earmark.evaluation.metrics import score

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COMBINATIONS", "combined_name", "sum_likelihoods"]

#: Ways of combining embeddings, with a line for the protocol.
COMBINATIONS = {
    "concatenated": "early fusions: pooled values of all embeddings, each scaled by itself, as one vector",
    "summed": "class likelihoods of a system of each embedding, averaged for each clip",
}

_FOLD = [*SYSTEM, "repeat", "fold"]
_LIKELIHOOD = "likelihood:"


def combined_name(embeddings: Sequence[str], combination: str) -> str:
    """Name a combination for the tables.

    Examples
    --------
    >>> combined_name(["yamnet", "soundnet-conv5"], "summed")
    'yamnet+soundnet-conv5 (summed)'
    """
    return f"{'+'.join(embeddings)} ({combination})"


def sum_likelihoods(outcomes: Sequence[Outcome], embedding: str) -> Outcome:
    """Average the likelihoods of systems that differ in the embedding only.

    Parameters
    ----------
    outcomes : sequence of Outcome
        One for each embedding: of the same clips, folds, classifiers and fusions, in the same order.
    embedding : str
        What their combination is called.

    Returns
    -------
    Outcome
        With one system for each classifier and fusion; ``seconds`` are those of all.

    Raises
    ------
    SettingsError
        If there are fewer than two outcomes, or they are not of the same.
    """
    if len(outcomes) < 2:
        raise SettingsError(f"likelihoods of at least two embeddings can be summed, got {len(outcomes)}.")
    first, *others = outcomes
    predictions, results = first.predictions.copy(), first.results.drop(columns="chosen", errors="ignore")
    classes = [str(column) for column in predictions if str(column).startswith(_LIKELIHOOD)]
    for other in others:
        _check_alike(predictions, other.predictions, [*_FOLD, "path", "label", *classes])
        predictions[classes] += other.predictions[classes]
        results["seconds"] += other.results["seconds"]
    predictions[classes] /= len(outcomes)
    best = predictions[classes].to_numpy().argmax(axis=1)
    names = [column.removeprefix(_LIKELIHOOD) for column in classes]
    predictions["predicted"] = [names[index] for index in best]
    predictions["embedding"] = results["embedding"] = embedding
    scores = {
        fold: vars(score(clips["label"], clips["predicted"])) for fold, clips in predictions.groupby(_FOLD, sort=False)
    }
    for column in ("accuracy", "balanced_accuracy", "macro_f1"):
        results[column] = [scores[fold][column] for fold in results[_FOLD].itertuples(index=False, name=None)]
    return Outcome(results, predictions)


def _check_alike(one: pd.DataFrame, other: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse predictions of other clips, folds or systems: their sum would mean nothing."""
    named = [name for name in columns if name != "embedding" and not name.startswith(_LIKELIHOOD)]
    alike = set(columns) <= set(other) and one[named].reset_index(drop=True).equals(other[named].reset_index(drop=True))
    if not alike:
        raise SettingsError(
            "likelihoods of different clips, folds or systems cannot be summed. Compare the embeddings in one run."
        )
