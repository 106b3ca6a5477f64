"""From the file that its publisher gives to the cached file: fetched, proven, converted, checked, stored."""

from __future__ import annotations

from pathlib import Path

from earmark.errors import WeightsError
from earmark.progress import SILENT, Progress
from earmark.weights.catalogue import cached_facts, cached_file, find_recipe
from earmark.weights.digests import sha256
from earmark.weights.downloads import OtherFile, SourceUnreachable
from earmark.weights.originals import Original
from earmark.weights.recipes import Recipe, WeightsFile
from earmark.weights.recipes.checking import checked
from earmark.weights.safetensors_file import ACCEPTED, TENSORS, FileFacts, tensors_digest, write_tensors
from earmark.weights.sources import downloaded, fetch

__all__ = ["get_weights", "make"]


def get_weights(
    weights_id: str, *, accept_sha256: str | None = None, replace: bool = False, progress: Progress = SILENT
) -> Path:
    """See to it that weights are in the cache; what lies there is proven when it is loaded.

    If one of the recipe's files lies in the download folder, it is used. Else they are tried in order, the next one
    only if one cannot be reached: a file that is there and is not the right one is an error, unless the user names
    the right one by its digest.

    Parameters
    ----------
    weights_id : str
        Such as `yamnet-w8a8`.
    accept_sha256 : str, optional
        SHA-256 of the file that is to be used, whatever digests the recipe states.
    replace : bool
        Whether to make them anew although they are cached.
    progress : Progress
        Listens to the download, and is told if nothing but the word of the user says that these are the weights.

    Returns
    -------
    Path
        The cached file.

    Raises
    ------
    WeightsError
        If the name is unknown, no source can be reached, one gives a file that is not what its digest says or that
        holds other tensors than the network needs, the cache cannot be written, or the weights are cached and are
        damaged, or were made of another file than `accept_sha256` says.
    SettingsError
        If `accept_sha256` is not 64 hexadecimal digits.
    """
    recipe = find_recipe(weights_id)
    accepted = None if accept_sha256 is None else sha256(accept_sha256).value
    if not replace and (there := cached_facts(weights_id)) is not None:
        path = cached_file(weights_id)
        if accepted not in (None, there.source_sha256):
            raise WeightsError(
                f"The weights {weights_id} are cached already ({path}), made of a file with SHA-256 "
                f"{there.source_sha256}. To make them anew of the other one: "
                f"earmark weights get {weights_id} --sha256 {accepted} --force"
            )
        _remark(weights_id, there, progress)
        return path
    try:
        file, original = _obtain(recipe, accepted, progress)
        return make(recipe, file, original, replace=True, progress=progress)
    except WeightsError as error:
        raise WeightsError(f"The weights {weights_id} cannot be had: {error}") from error


def make(recipe: Recipe, file: WeightsFile, original: Original, *, replace: bool, progress: Progress = SILENT) -> Path:
    """Convert a file, compare the tensors with what is known of them, and store them.

    Parameters
    ----------
    recipe : Recipe
        What is known of the tensors.
    file : WeightsFile
        How to convert it.
    original : Original
        The file.
    replace : bool
        Whether other tensors that are cached under this name are replaced. If not, and the same ones are cached, what
        proved them better stays noted.
    progress : Progress
        Told of what the user should know about the weights that are cached then.

    Returns
    -------
    Path
        The cached file.

    Raises
    ------
    WeightsError
        If it cannot be converted, or gives other tensors than are needed; if the cache cannot be written, or holds
        other tensors that are not to be replaced. Nothing is stored then.
    """
    tensors = checked(file.convert(original.contents), recipe.shapes, recipe.id)
    found = tensors_digest(tensors)
    if recipe.tensors_sha256 not in (None, found):
        whose = (
            "The file that was accepted does not hold these weights."
            if original.proof is None
            else "This is a fault of earmark or of a package that it reads with: please report it."
        )
        raise WeightsError(
            f"{original.name} gave tensors with SHA-256 {found}, expected {recipe.tensors_sha256}; not stored. {whose}"
        )
    path, facts = cached_file(recipe.id), _facts(recipe, original, found)
    if not replace and (there := _readable(recipe.id, progress)) is not None:
        if there.tensors_sha256 != found:
            raise WeightsError(
                f"Other weights are cached as {recipe.id} already ({path}, made of {there.source_file or 'a file'} "
                f"with SHA-256 {there.source_sha256}); not replaced. Pass --force (replace=True in Python) to replace "
                "them."
            )
        facts = max(facts, there, key=_worth)
    write_tensors(path, tensors, facts)
    _remark(recipe.id, facts, progress)
    return path


def _obtain(recipe: Recipe, accepted: str | None, progress: Progress) -> tuple[WeightsFile, Original]:
    """Take the first file of a recipe that lies in the download folder, else the first that can be fetched."""
    for file in recipe.files:
        if (original := downloaded(file.source, accept_sha256=accepted)) is not None:
            return file, original
    failures: list[SourceUnreachable | OtherFile] = []
    for file in _candidates(recipe, accepted):
        try:
            return file, fetch(file.source, accept_sha256=accepted, progress=progress)
        except (SourceUnreachable, OtherFile) as error:
            failures.append(error)
            if accepted is None and isinstance(error, OtherFile):
                break
    lines = [str(error) for error in failures]
    lines += [
        f"If you know that the file with that SHA-256 is the right one: earmark weights get {recipe.id} --sha256 {each}"
        for each in dict.fromkeys(error.refused for error in failures)
        if each
    ]
    if any(isinstance(error, SourceUnreachable) for error in failures):
        lines.append(f"With such a file at hand: earmark weights import {recipe.id} FILE")
    raise WeightsError("\n".join(lines))


def _candidates(recipe: Recipe, accepted: str | None) -> tuple[WeightsFile, ...]:
    """Give the files of which one may be accepted: those whose publishers state its digest, if there are any."""
    stated = tuple(
        file
        for file in recipe.files
        if accepted and file.source.digest.algorithm != "git-blob" and accepted.startswith(file.source.digest.value)
    )
    return stated or recipe.files


def _facts(recipe: Recipe, original: Original, tensors_sha256: str) -> FileFacts:
    """Note what the tensors are; they are those of the recipe, if that states their digest."""
    algorithm, value = (ACCEPTED, original.sha256) if recipe.tensors_sha256 is None else (TENSORS, tensors_sha256)
    if original.proof is not None:
        algorithm, value = original.proof.algorithm, original.proof.value
    return FileFacts(
        tensors_sha256=tensors_sha256,
        source_sha256=original.sha256,
        source_file=original.name,
        source=original.origin,
        proof_algorithm=algorithm,
        proof_value=value,
        licence=recipe.licence,
        origin=recipe.origin,
    )


def _worth(facts: FileFacts) -> int:
    """Rank what proves a file: the word of the user, what its tensors turned out to be, its own digest."""
    return {ACCEPTED: 0, "": 0, TENSORS: 1}.get(facts.proof_algorithm, 2)


def _readable(weights_id: str, progress: Progress) -> FileFacts | None:
    """Read the header of the cached file; what nobody can read is as good as not there."""
    try:
        return cached_facts(weights_id)
    except WeightsError as error:
        progress.say(f"{error} They are replaced now.")
        return None


def _remark(weights_id: str, facts: FileFacts, progress: Progress) -> None:
    if facts.accepted:
        progress.say(f"{weights_id}: {facts.known_by}")
