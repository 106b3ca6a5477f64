"""A baseline that has been trained: frames of clips in, class likelihoods out.

Each cell of a patch is normalised by mean and standard deviation of the training patches; the same numbers go to
everything that comes later. The classes of a clip are the mean of the softmax over its patches: late fusion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.classifiers.baselines.cards import BaselineCard, check_epochs, find_baseline
from earmark.classifiers.baselines.network import as_parameters, logits
from earmark.classifiers.baselines.patches import AT_ONCE, Patches
from earmark.classifiers.baselines.training import Examples, Parameters, train
from earmark.classifiers.weighting import class_weights, encode_labels
from earmark.errors import SettingsError
from earmark.runtime import one_thread

if TYPE_CHECKING:
    import torch

    from earmark.store import ClipFrames

__all__ = ["VALIDATION_SHARE", "FittedBaseline", "fit_baseline"]

#: Share of the training clips of each class that is set aside where there are no validation clips: as in the paper.
VALIDATION_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class FittedBaseline:
    """A trained baseline: arrays and facts, nothing else.

    Attributes
    ----------
    card : BaselineCard
        What it is.
    classes : ndarray of shape (classes,)
        In the order of the likelihoods.
    mean, deviation : ndarray of shape (patch_frames, values), float32
        A patch is seen as (patch - mean) / deviation.
    weights : mapping of str to ndarray, float32
        See `earmark.classifiers.baselines.network`.
    epochs, best_epoch : int
        Passes over the training patches, and after which of them it was kept; 0 if it was not trained here.
    """

    card: BaselineCard
    classes: NDArray[Any]
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    weights: Mapping[str, NDArray[np.float32]] = field(repr=False)
    epochs: int = 0
    best_epoch: int = 0

    def likelihoods(self, clips: ClipFrames) -> NDArray[np.float64]:
        """Return the class likelihoods of each clip: the mean of those of its patches.

        Parameters
        ----------
        clips : ClipFrames
            Frames of the baseline's front end.

        Returns
        -------
        ndarray of shape (clips, classes), float64
            Each row sums to 1.

        Raises
        ------
        SettingsError
            The frames are those of another front end, or are not finite.
        """
        patches = Patches(self.card, clips)
        return patches.mean_of_clips(self._softmax(patches))

    def patch_likelihoods(self, clips: ClipFrames) -> NDArray[np.float64]:
        """Return the class likelihoods of each patch, shape (patches, classes); see `likelihoods`."""
        return self._softmax(Patches(self.card, clips))

    def _softmax(self, patches: Patches) -> NDArray[np.float64]:
        with one_thread():
            gather = _normaliser(patches, self.mean, self.deviation)
            return _softmax(self.card, as_parameters(self.weights), patches, gather)


def fit_baseline(
    name: str,
    clips: ClipFrames,
    labels: ArrayLike,
    validation: ClipFrames | None = None,
    validation_labels: ArrayLike | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
) -> FittedBaseline:
    """Train a baseline on clips.

    Parameters
    ----------
    name : str
        Which.
    clips : ClipFrames
        Frames of `baseline_features` of the training clips.
    labels : array_like of shape (clips,)
        Their classes, two or more.
    validation : ClipFrames, optional
        Frames of the clips that decide after which epoch the network is kept. Without any, a fifth of the training
        clips of each class is set aside for that (at least one of three); should no class have three clips, all epochs
        are run, and the last is kept.
    validation_labels : array_like of shape (validation clips,), optional
        Their classes.
    seed : int, default 0
        Of all random numbers. The same seed gives the same network, bit for bit on the same kind of processor,
        whatever the number of threads.
    epochs : int, optional
        Most passes over the patches; by default those of the card.

    Returns
    -------
    FittedBaseline

    Raises
    ------
    SettingsError
        No baseline has this name, the frames or labels cannot be used, there is only one class, or the training
        diverged.
    """
    import torch

    card, known = find_baseline(name), _labels_of(clips, labels, "labels")
    if epochs is not None:
        check_epochs(epochs)
    if validation is None and validation_labels is not None:
        raise SettingsError("validation_labels came without validation clips. Give both or neither.")
    classes, codes = encode_labels(known, name)
    if validation is None:
        clips, codes, validation, held = _set_aside(clips, codes, seed)
    else:
        held = _codes_of(classes, _labels_of(validation, validation_labels, "validation_labels"))
    with one_thread():
        patches = Patches(card, clips)
        mean, deviation = patches.moments()
        of_patches = codes[patches.owners]
        weights = class_weights("balanced", classes, of_patches, np.ones(len(patches)))[of_patches]
        examples = Examples(
            _normaliser(patches, mean, deviation),
            torch.from_numpy(of_patches),
            torch.from_numpy(weights.astype(np.float32)),
        )
        validate = None if validation is None else _validation(card, validation, held, mean, deviation)
        generator = torch.Generator().manual_seed(int(seed))
        course = train(card, examples, len(classes), int(epochs or card.epochs), generator, validate)
    arrays = {name: np.ascontiguousarray(tensor.detach()) for name, tensor in course.parameters.items()}
    return FittedBaseline(card, classes, mean, deviation, arrays, course.epochs, course.best_epoch)


def _set_aside(
    clips: ClipFrames, codes: NDArray[np.intp], seed: int
) -> tuple[ClipFrames, NDArray[np.intp], ClipFrames | None, NDArray[np.intp]]:
    """Draw validation clips, by class, from those of training."""
    generator = np.random.default_rng([int(seed), len(codes)])
    drawn = []
    for code in range(codes.max() + 1):
        own = np.flatnonzero(codes == code)
        share = max(1, round(VALIDATION_SHARE * len(own))) if len(own) >= 3 else 0
        drawn.append(generator.permutation(own)[:share])
    aside = np.sort(np.concatenate(drawn))
    if not len(aside):
        return clips, codes, None, codes[:0]
    left = np.setdiff1d(np.arange(len(codes)), aside)
    return clips.take(left), codes[left], clips.take(aside), codes[aside]


def _validation(
    card: BaselineCard,
    clips: ClipFrames,
    codes: NDArray[np.intp],
    mean: NDArray[np.float32],
    deviation: NDArray[np.float32],
) -> Callable[[Parameters], float]:
    """Return what measures networks on clips: mean negative logarithm of the likelihood of the true class."""
    patches = Patches(card, clips)
    gather = _normaliser(patches, mean, deviation)

    def loss(parameters: Parameters) -> float:
        likelihoods = patches.mean_of_clips(_softmax(card, parameters, patches, gather))
        true = likelihoods[np.arange(len(codes)), codes]
        return float(-np.log(np.maximum(true, np.finfo(float).tiny)).mean())

    return loss


def _normaliser(
    patches: Patches, mean: NDArray[np.float32], deviation: NDArray[np.float32]
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what gathers patches normalised."""
    import torch

    shift, divisor = torch.tensor(mean), torch.tensor(deviation)
    return lambda which: patches.gather(which).sub_(shift).div_(divisor)


def _softmax(
    card: BaselineCard, parameters: Parameters, patches: Patches, gather: Callable[[torch.Tensor], torch.Tensor]
) -> NDArray[np.float64]:
    """Return the class likelihoods of each patch, shape (patches, classes)."""
    import torch

    with torch.no_grad():
        parts = [
            logits(card, parameters, gather(part)).double().softmax(1)
            for part in torch.split(torch.arange(len(patches)), AT_ONCE)
        ]
        likelihoods: NDArray[np.float64] = torch.cat(parts).numpy()
    if not np.isfinite(likelihoods).all():
        raise SettingsError(
            f"{card.name} gives no finite likelihoods: its training diverged, or the clips are far from those that it "
            "was trained on. Look for clips whose features stand out: they lie between 0 and about 15."
        )
    return likelihoods


def _labels_of(clips: ClipFrames, labels: ArrayLike | None, what: str) -> NDArray[Any]:
    array = np.asarray([] if labels is None else labels)
    if array.shape != (len(clips),):
        raise SettingsError(f"{what} have the shape {array.shape}, but there are {len(clips)} clips. Give one a clip.")
    return array


def _codes_of(classes: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.intp]:
    unknown = sorted(set(labels.tolist()) - set(classes.tolist()))
    if unknown:
        raise SettingsError(
            f"validation clips have the classes {unknown}, which no training clip has. Train on clips of every class."
        )
    return np.searchsorted(classes, labels)
