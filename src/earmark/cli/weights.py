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

from earmark.cli import completion
from earmark.cli.options import Quiet, Verbose
from earmark.cli.terminal import Terminal, friendly, table_of
from earmark.errors import SettingsError, WeightsError

if TYPE_CHECKING:
    from rich.table import Table

    from earmark.weights import Source

__all__ = ["weights"]

STOPPED = "Stopped. What has come so far is kept: run the same command again to go on."

weights = typer.Typer(
    help="Pre-trained weights: list, get, import, verify, find them.", no_args_is_help=True, rich_markup_mode=None
)
_friendly = functools.partial(friendly, stopped="Stopped.")

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="Names of weights or of embeddings, or shell patterns of them, such as 'openl3-*'.",
        show_default=False,
        autocompletion=completion.weights,
    ),
]
Accept = Annotated[
    str | None,
    typer.Option("--sha256", metavar="DIGEST", help="Use the file with this SHA-256, whatever digest is expected."),
]


@weights.command(name="list")
@_friendly
def list_weights(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="Name of weights or of an embedding, or a shell pattern; one exact name shows all about it.",
            autocompletion=completion.weights,
        ),
    ] = "*",
) -> None:
    """List the weights, and whether they are cached."""
    from earmark.weights import RECIPES, cache_state

    terminal = Terminal()
    names = [pattern] if pattern in RECIPES else sorted(_resolve([pattern], terminal))
    if len(names) == 1 and not any(sign in pattern for sign in "*?["):
        terminal.out.print(_card(names[0]))
        return
    if not names:  # an embedding that brings its own
        return
    table = table_of("name", "cached", "size>", "licence", "from", wraps=True)
    for name in names:
        recipe = RECIPES[name]
        places = dict.fromkeys(_place(file.source) for file in recipe.files)
        table.add_row(name, cache_state(name), _size(name), _short(recipe.licence), ", ".join(places))
    terminal.out.print(table)


@weights.command()
@functools.partial(friendly, stopped=STOPPED)
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
        _show_path(terminal, name, path, "" if fresh else "cached already, nothing to fetch: ")
    if failed:
        raise typer.Exit(1)


@weights.command(name="import")
@_friendly
def import_file(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name of the weights.", show_default=False, autocompletion=completion.weights
        ),
    ],
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
    path = import_weights(name, file, accept_sha256=sha256, replace=force, progress=terminal)
    _show_path(terminal, name, path)


@weights.command()
@_friendly
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME...]",
            help="Names or shell patterns.",
            show_default="everything that is cached",
            autocompletion=completion.weights,
        ),
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
@_friendly
def show_path(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Name of weights.",
            show_default="the cache folder",
            autocompletion=completion.weights,
        ),
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

    from earmark.weights import NAMES, cached_facts, cached_file, find_recipe

    recipe, made = find_recipe(name), cached_facts(name)
    rows = [("name", name), ("licence", recipe.licence), ("origin", recipe.origin), ("note", recipe.note)]
    for file in recipe.files:
        digest = file.source.digest
        said = " (as a third party says)" if digest.said else ""
        rows += [("from", file.source.origin), (f"{NAMES[digest.algorithm]} of the file", f"{digest.value}{said}")]
    values = sum(prod(shape) for shape in recipe.shapes.values())
    rows.append(("tensors", f"{len(recipe.shapes)} in float32, {values:,} values"))
    if made is None:
        rows += [("SHA-256 of the tensors", recipe.tensors_sha256 or ""), ("cached", "no, fetched at the first use")]
    else:
        source = f" ({made.source})" if made.source else ""
        rows += [
            ("SHA-256 of the tensors", made.tensors_sha256),
            ("cached", f"yes, {_size(name)}: {cached_file(name)}"),
            ("made of", f"{made.source_file or 'a file'}{source}"),
            ("SHA-256 of what it was made of", made.source_sha256),
            ("known by", made.known_by),
        ]
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="bold", max_width=14)  # leaves room for a whole SHA-256 on a terminal of 80 columns
    facts.add_column(overflow="fold")
    for what, value in rows:
        if value:
            facts.add_row(Text(what), Text(value))
    return facts


def _show_path(terminal: Terminal, name: str, path: Path, remark: str = "") -> None:
    from earmark.weights import cache_state

    own = "own file, " if cache_state(name) == "own file" else ""
    terminal.out.print(f"{name}: {own}{remark}{path} ({_size(name)})", markup=False, soft_wrap=True)


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

    from earmark.weights import UrlSource

    if isinstance(source, UrlSource):
        return urlsplit(source.urls[0]).hostname or source.urls[0]
    return f"package {source.requirement.partition('==')[0]}"
