"""``earmark weights``: which pre-trained weights there are, get them, hand them in, prove them, find them."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import Quiet, Verbose
from earmark.cli.terminal import Terminal, friendly
from earmark.errors import SettingsError, WeightsError

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.weights import Source

__all__ = ["weights"]

STOPPED = "Stopped. What has come so far is kept: run the same command again to go on."

# What stands before a digest, by its algorithm.
DIGESTS = {"sha256": "SHA-256", "sha256-start": "SHA-256 ...", "git-blob": "git blob id", "md5": "MD5"}

weights = typer.Typer(
    help="Pre-trained weights: list, get, import, verify, find them.", no_args_is_help=True, rich_markup_mode=None
)
_friendly = functools.partial(friendly, stopped=STOPPED)

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="Names of weights or of embeddings, or shell patterns of them, such as 'openl3-*'.",
        show_default=False,
    ),
]
Accept = Annotated[
    str | None,
    typer.Option("--sha256", metavar="DIGEST", help="Use the file with this SHA-256, whatever digest is expected."),
]


@weights.command(name="list")
@friendly
def list_weights(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Shell pattern of names; one exact name shows all about it.")
    ] = "*",
) -> None:
    """List the weights, and whether they are cached."""
    from rich import box
    from rich.table import Table

    from earmark.weights import RECIPES, find_recipe

    terminal = Terminal()
    if pattern in RECIPES:
        terminal.out.print(_card(pattern))
        return
    names = sorted(name for name in RECIPES if fnmatchcase(name, pattern))
    if not names:
        find_recipe(pattern)  # says which there are
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("name", "cached", "size", "licence", "from"):
        table.add_column(heading, justify="right" if heading == "size" else "left", no_wrap=heading in ("name", "size"))
    for name in names:
        recipe = RECIPES[name]
        places = dict.fromkeys(_place(file.source) for file in recipe.files)
        table.add_row(name, _state(name), _size(name), _short(recipe.licence), ", ".join(places))
    terminal.out.print(table)


@weights.command()
@_friendly
def get(
    names: Names,
    sha256: Accept = None,
    force: Annotated[bool, typer.Option("--force", help="Make them anew although they are cached.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fetch weights into the cache, proven and ready for use."""
    from earmark.weights import find_recipe, get_weights, is_cached

    terminal = Terminal(quiet=quiet, verbose=verbose)
    wanted = _resolve(names, terminal)
    if sha256 is not None and len(wanted) != 1:
        raise SettingsError(f"--sha256 is the digest of one file, and {len(wanted)} weights are asked for. Name one.")
    failed = False
    for name in wanted:
        fresh = force or not is_cached(name)
        try:
            path = get_weights(name, accept_sha256=sha256, replace=force, progress=terminal)
        except WeightsError as error:
            terminal.error(error)
            failed = True
            continue
        if fresh:
            terminal.say(f"{name}: licence of the weights: {find_recipe(name).licence}")
        what = "" if fresh else "cached already, nothing to fetch: "
        terminal.out.print(f"{name}: {what}{path} ({_size(name)})", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@weights.command(name="import")
@_friendly
def import_file(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the weights.", show_default=False)],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file of the publisher, as it was.", show_default=False)
    ],
    sha256: Accept = None,
    force: Annotated[bool, typer.Option("--force", help="Replace other weights that are cached.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make weights of a file that you have.

    The file is known by its digest, or accepted with --sha256 if that is not known.
    """
    from earmark.weights import import_weights

    terminal = Terminal(quiet=quiet, verbose=verbose)
    name = _one(name, terminal)
    path = import_weights(name, file, accept_sha256=sha256, replace=force)
    terminal.out.print(f"{name}: {path} ({_size(name)})", markup=False, soft_wrap=True)


@weights.command()
@_friendly
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Names or shell patterns.", show_default="everything that is cached"),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Prove cached weights by their digests; exit code 1 if not."""
    from earmark.weights import RECIPES, is_cached, verify_weights

    terminal = Terminal(quiet=quiet, verbose=verbose)
    known = _resolve(names, terminal) if names else sorted(RECIPES)
    wanted = [name for name in known if is_cached(name) or name in (names or ())]
    if not wanted:
        terminal.say("Nothing to verify: no weights of these names are cached.")
        if names:
            raise typer.Exit(1)
    failed = False
    for name in wanted:
        try:
            digest = verify_weights(name).sha256
        except WeightsError as error:
            terminal.error(error)
            failed = True
        else:
            terminal.out.print(f"{name}: sound, tensors with SHA-256 {digest}", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@weights.command(name="path")
@friendly
def show_path(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of weights.", show_default="the cache folder")
    ] = None,
) -> None:
    """Print the folder of the cache, or the file of weights."""
    from earmark.weights import cache_directory, cached_file, is_cached

    terminal = Terminal()
    if name is not None:
        name = _one(name, terminal)
        if not is_cached(name):
            raise WeightsError(f"The weights {name} are not cached. Get them: earmark weights get {name}")
    terminal.out.print(str(cached_file(name) if name else cache_directory()), markup=False, soft_wrap=True)


def _resolve(patterns: Sequence[str], terminal: Terminal) -> list[str]:
    """Find the weights that are meant, by their own names and by those of embeddings."""
    from earmark.embeddings import list_embeddings
    from earmark.weights import RECIPES, find_recipe

    found: dict[str, None] = {}
    for pattern in patterns:
        cards = list_embeddings(pattern)
        ids = [name for name in sorted(RECIPES) if fnmatchcase(name, pattern)]
        ids += [each for card in cards for each in card.weights_ids if each in RECIPES]
        if not ids and cards:
            bring = ", ".join(card.name for card in cards)
            terminal.out.print(f"{bring}: needs no download, brings its own weights", markup=False, soft_wrap=True)
        elif not ids:
            find_recipe(pattern)  # says which there are
        found |= dict.fromkeys(ids)
    return list(found)


def _one(name: str, terminal: Terminal) -> str:
    """Find the weights that one name means."""
    from earmark.weights import RECIPES

    ids = [name] if name in RECIPES else _resolve([name], terminal)
    if len(ids) != 1:
        raise SettingsError(f"{name} has {len(ids)} sets of weights. Name one: {', '.join(ids) or 'none'}.")
    return ids[0]


def _card(name: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    from earmark.weights import ACCEPTED, cached_facts, cached_file, find_recipe, origin_of, stated_digest

    recipe, made = find_recipe(name), cached_facts(name)
    rows = [("name", name), ("licence", recipe.licence), ("origin", recipe.origin), ("note", recipe.note)]
    for file in recipe.files:
        digest = stated_digest(file.source)
        said = " (as a third party says)" if digest.said else ""
        rows += [("from", origin_of(file.source)), (DIGESTS[digest.algorithm], f"{digest.value}{said}")]
    values = sum(prod(shape) for shape in recipe.shapes.values())
    rows.append(("tensors", f"{len(recipe.shapes)} in float32, {values:,} values"))
    if made is None:
        rows += [("SHA-256", recipe.tensors_sha256 or ""), ("cached", "no, fetched at the first use")]
    else:
        rows += [("SHA-256", made.tensors_sha256), ("cached", f"yes, {_size(name)}: {cached_file(name)}")]
        source = f" ({made.source})" if made.source else ""
        rows += [("made of", f"{made.source_file or 'a file'}{source}"), ("SHA-256", made.source_sha256)]
        rows.append(("known by", "the word of the user" if made.proof == ACCEPTED else made.proof.rpartition(" ")[0]))
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for what, value in rows:
        if value:
            facts.add_row(Text(what), Text(value))
    return facts


def _state(name: str) -> str:
    """Say in a word or two whether weights are cached."""
    from earmark.weights import ACCEPTED, cached_facts

    try:
        made = cached_facts(name)
    except WeightsError:
        return "damaged"
    if made is None:
        return "no"
    return "own file" if made.proof == ACCEPTED else "yes"


def _size(name: str) -> str:
    """Size on disk of cached weights."""
    from rich.filesize import decimal

    from earmark.weights import cached_file, is_cached

    return decimal(cached_file(name).stat().st_size) if is_cached(name) else ""


def _short(licence: str) -> str:
    """Name of a licence without the remarks on it."""
    return re.split(r"[;,:]|\s\(| for ", licence)[0]


def _place(source: Source) -> str:
    """Where a file comes from, in a word or two."""
    from urllib.parse import urlsplit

    from earmark.weights import RegistrySource, UrlSource

    match source:
        case UrlSource():
            return urlsplit(source.urls[0]).hostname or source.urls[0]
        case RegistrySource():
            return f"package {source.requirement.partition('==')[0]}"
        case _:
            return "your file"
