"""From the file that its publisher gives to the cached file: fetched, proven, converted, checked, stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from earmark.errors import WeightsError
from earmark.progress import SILENT, Progress
from earmark.weights.catalogue import cached_file, find_recipe, is_cached
from earmark.weights.digests import Digest, sha256
from earmark.weights.recipes import Recipe, WeightsFile
from earmark.weights.safetensors_file import (
    FileFacts,
    read_facts,
    tensors_digest,
    unlike_shapes,
    write_tensors,
)
from earmark.weights.sources import (
    LocalSource,
    RegistrySource,
    Source,
    SourceUnreachable,
    UrlSource,
    fetch,
    read_source,
)

__all__ = ["ACCEPTED", "Original", "get_weights", "make", "origin_of", "sha256_of", "stated_digest"]

#: Stands in `FileFacts.proof` where a file has none of the digests in the recipe.
ACCEPTED = "accepted by the user"


@dataclass(frozen=True)
class Original:
    """A file that weights are made of.

    Attributes
    ----------
    path : Path
        Where it lies.
    origin : str
        Where it came from, in one line.
    proof : str
        The digest that it was known by, or `ACCEPTED`.
    contents : tuple of bytes
        What the converter of the recipe takes.
    """

    path: Path
    origin: str
    proof: str
    contents: tuple[bytes, ...]


def get_weights(
    weights_id: str, *, accept_sha256: str | None = None, replace: bool = False, progress: Progress = SILENT
) -> Path:
    """See to it that weights are in the cache; what lies there is proven when it is loaded.

    The files of the recipe are tried in order. The next one is tried only if one cannot be reached: a file that is
    there and is not the right one is an error.

    Parameters
    ----------
    weights_id : str
        Such as `yamnet-w8a8`.
    accept_sha256 : str, optional
        SHA-256 of a file that is to be used in place of the one with the digest in the recipe.
    replace : bool
        Whether to make them anew although they are cached.
    progress : Progress
        Listens to the download.

    Returns
    -------
    Path
        The cached file.

    Raises
    ------
    WeightsError
        If the name is unknown, no source can be reached, one gives a file that is not what its digest says or that
        holds other tensors than the network needs, the cache cannot be written, or the weights are cached and were
        made of another file than `accept_sha256` says.
    SettingsError
        If `accept_sha256` is not 64 hexadecimal digits.
    """
    recipe = find_recipe(weights_id)
    accepted = None if accept_sha256 is None else sha256(accept_sha256).value
    path = cached_file(weights_id)
    if is_cached(weights_id) and not replace:
        if accepted and (made_of := read_facts(path).source_sha256) != accepted:
            raise WeightsError(
                f"The weights {weights_id} are cached already ({path}), made of a file with SHA-256 {made_of}. "
                f"To make them anew of the other one: earmark weights get {weights_id} --sha256 {accepted} --force"
            )
        return path
    try:
        file, fetched = _fetch_first(recipe, accepted, progress)
        stated = stated_digest(file.source)
        proof = str(stated) if stated.fits(fetched) else ACCEPTED
        contents = read_source(file.source, accept_sha256=accepted, progress=progress)
        return make(recipe, file, Original(fetched, origin_of(file.source), proof, contents), replace=True)
    except WeightsError as error:
        raise WeightsError(f"The weights {weights_id} cannot be had: {error}") from error


def make(recipe: Recipe, file: WeightsFile, original: Original, *, replace: bool) -> Path:
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
        Whether other tensors that are cached under this name are replaced.

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
    tensors = file.convert(original.contents)
    whose = (
        "The file that was accepted does not hold these weights."
        if original.proof == ACCEPTED
        else "This is a fault of earmark or of a package that it reads with: please report it."
    )
    if differences := unlike_shapes(tensors, recipe.shapes):
        raise WeightsError(f"{original.path} gave other tensors than expected ({differences}); not stored. {whose}")
    found = tensors_digest(tensors)
    if recipe.tensors_sha256 not in (None, found):
        raise WeightsError(
            f"{original.path} gave tensors with SHA-256 {found}, expected {recipe.tensors_sha256}; not stored. {whose}"
        )
    path = cached_file(recipe.id)
    if not replace and is_cached(recipe.id) and (there := read_facts(path)).tensors_sha256 != found:
        raise WeightsError(
            f"Other weights are cached as {recipe.id} already ({path}, made of {there.source_file or 'a file'} with "
            f"SHA-256 {there.source_sha256}); not replaced. Pass --force (replace=True in Python) to replace them."
        )
    facts = FileFacts(
        tensors_sha256=found,
        source_sha256=sha256_of(original.path),
        source_file=original.path.name,
        source=original.origin,
        proof=original.proof,
        licence=recipe.licence,
        origin=recipe.origin,
    )
    write_tensors(path, tensors, facts)
    return path


def stated_digest(source: Source) -> Digest:
    """Digest that the file of a source must have; for a package that of its archive."""
    return sha256(source.sha256) if isinstance(source, RegistrySource) else source.digest


def origin_of(source: Source) -> str:
    """Say in one line where a file comes from."""
    match source:
        case UrlSource():
            return source.urls[0]
        case RegistrySource():
            return f"the package {source.requirement.replace('==', ' ')}"
        case LocalSource():
            return f"the file {source.path}"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises
    ------
    WeightsError
        If it cannot be read.
    """
    try:
        return sha256("0" * 64).of(path)
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}. Check the path and its rights.") from error


def _fetch_first(recipe: Recipe, accepted: str | None, progress: Progress) -> tuple[WeightsFile, Path]:
    """Fetch the first file of a recipe that can be reached."""
    unreached = []
    for file in recipe.files:
        try:
            return file, fetch(file.source, accept_sha256=accepted, progress=progress)
        except SourceUnreachable as error:
            unreached.append(str(error))
    raise WeightsError("\n".join(unreached))
