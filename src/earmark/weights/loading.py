"""Weights by name: made once from their recipe, kept as safetensors in the cache, offline from then on.

The cached file's header says which SHA-256 its tensors have, and every load proves them, because that digest is part
of the fingerprint of each embedding computed from them.

A damaged cached file is reported, not silently replaced: earmark renames complete files into place, so damage
means a failing disk or a foreign hand, and the user should know. `earmark weights get --force` makes it anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from earmark.errors import WeightsError
from earmark.progress import SILENT, Progress
from earmark.weights.catalogue import cached_facts, cached_file, find_recipe, is_cached
from earmark.weights.making import get_weights
from earmark.weights.recipes import Tensors
from earmark.weights.safetensors_file import damaged, read_facts, read_tensors, tensors_digest, unlike_shapes

__all__ = ["Weights", "load_weights", "verify_weights", "weights_sha256"]


@dataclass(frozen=True, eq=False)
class Weights:
    """Pre-trained weights, proven to be the ones of their recipe.

    Attributes
    ----------
    tensors : dict of str to ndarray of float32
        By name, in torch layout and in the network's order.
    sha256 : str
        Their `tensors_digest`.
    """

    tensors: Tensors
    sha256: str


def load_weights(weights_id: str, *, progress: Progress = SILENT) -> Weights:
    """Load weights by name; the first time they are fetched and converted, later no network is needed.

    A cached file that is damaged raises; it is not replaced behind the user's back.

    Parameters
    ----------
    weights_id : str
        Such as `yamnet-w8a8`.
    progress : Progress
        Listens to the download.

    Returns
    -------
    Weights
        The tensors and their digest.

    Raises
    ------
    WeightsError
        If they cannot be had (see `get_weights`), or the cached file is damaged (see `verify_weights`).
    """
    get_weights(weights_id, progress=progress)
    return verify_weights(weights_id)


def verify_weights(weights_id: str) -> Weights:
    """Read cached weights in full and prove them; nothing is fetched.

    Parameters
    ----------
    weights_id : str
        Such as `yamnet-w8a8`.

    Returns
    -------
    Weights
        The tensors; they are what the header of the file says, and the recipe where that knows their digest.

    Raises
    ------
    WeightsError
        If the name is unknown, the weights are not cached, or the file is damaged or of another network.
    """
    recipe = find_recipe(weights_id)
    path = cached_file(weights_id)
    if not is_cached(weights_id):
        raise WeightsError(f"The weights {weights_id} are not cached. Get them: earmark weights get {weights_id}")
    stated, tensors = read_facts(path).tensors_sha256, read_tensors(path)
    found = tensors_digest(tensors)
    for expected in (stated, recipe.tensors_sha256 or stated):
        if found != expected:
            raise damaged(path, f"its tensors have SHA-256 {found}, expected {expected}")
    if differences := unlike_shapes(tensors, recipe.shapes):
        raise damaged(path, f"it does not hold the tensors of this network ({differences})")
    return Weights({name: tensors[name] for name in recipe.shapes}, found)


def weights_sha256(weights_id: str, *, progress: Progress = SILENT) -> str:
    """Digest of the tensors by name.

    Where the recipe states it, no file is touched. Else it is read from the header of the cached file, without the
    tensors; they are proven against it when they are loaded. Weights whose digest is not stated and that are not
    cached are loaded first, which fetches them.

    Parameters
    ----------
    weights_id : str
        Such as `yamnet-w8a8`.
    progress : Progress
        Listens to the download, should there be one.

    Returns
    -------
    str
        Their `tensors_digest`, 64 hexadecimal digits.

    Raises
    ------
    WeightsError
        If the name is unknown, the header cannot be read, or the weights cannot be loaded (see `load_weights`).
    """
    if (stated := find_recipe(weights_id).tensors_sha256) is not None:
        return stated
    facts = cached_facts(weights_id)
    return facts.tensors_sha256 if facts else load_weights(weights_id, progress=progress).sha256
