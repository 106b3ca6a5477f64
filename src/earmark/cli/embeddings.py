"""``earmark embeddings``: which embeddings there are, all about one of them, and whether one keeps the contract."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from earmark.cli import completion
from earmark.cli.terminal import Terminal, friendly, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from earmark.embeddings import EmbeddingCard
    from earmark.embeddings.contract import Finding

__all__ = ["embeddings"]

STOPPED = "Stopped. What was checked so far holds."


class _ListsByDefault(TyperGroup):
    """Takes what is no command for the argument of ``list``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or not {args[0]} & {*self.commands, *ctx.help_option_names}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


embeddings = typer.Typer(
    cls=_ListsByDefault,
    help="List the embeddings, show the card of one, or check one. A pattern or a name needs no command before it: "
    "earmark embeddings 'openl3*'.",
    rich_markup_mode=None,
)


@embeddings.command(name="list")
@friendly
def list_(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="Shell pattern of names; one exact name, also with options or of a HEAR module, shows its whole card.",
            autocompletion=completion.embedding,
        ),
    ] = "*",
) -> None:
    """List the embeddings, or show the card of one; runs where no command is named."""
    from earmark.embeddings import list_embeddings, load_embedding
    from earmark.errors import SettingsError

    cards = list_embeddings(pattern)
    if not cards and any(sign in pattern for sign in "*?[") and "=" not in pattern:
        raise SettingsError(f"no embedding matches {pattern!r}. `earmark embeddings` lists all of them.")
    if not cards or [card.name for card in cards] == [pattern]:
        Terminal().out.print(_card(load_embedding(pattern).card))
    else:
        Terminal().show(_list(cards))


@embeddings.command()
@partial(friendly, stopped=STOPPED)
def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name of an embedding, or hear: and the name of a module.",
            autocompletion=completion.embedding,
        ),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the clip of 20 minutes, a shorter one takes its place.")
    ] = False,
) -> None:
    """Check whether an embedding, or a module that follows HEAR, keeps to the contract."""
    from earmark.embeddings import load_embedding
    from earmark.embeddings.contract import checks_for, run_checks
    from earmark.embeddings.hear_module import HearModel

    terminal = Terminal()
    model = load_embedding(name)
    if isinstance(model, HearModel):
        _ = model.module  # what cannot be loaded cannot be checked; all else is for the checks to find
    else:
        model.fetch(terminal)
    checks = checks_for(model, quick=quick)
    findings = []
    with terminal.step(f"Checking {name}", len(checks), "checks") as advance:
        for finding in run_checks(model, checks):
            findings.append(finding)
            advance()
    terminal.show(_findings(findings))
    broken = sum(finding.verdict == "broken" for finding in findings)
    terminal.out.print(f"{name} breaks {broken} of {len(findings)}." if broken else f"{name} keeps all that it must.")
    if broken:
        raise SystemExit(1)


def _list(cards: Sequence[EmbeddingCard]) -> Table:
    table = table_of("name", "values>", "Hz>", "window>", "hop>", "licence", "cached")
    table.caption, table.caption_justify = "Window and hop in seconds; licence of the weights.", "left"
    for card in cards:
        seconds = (_seconds(card.window_seconds), _seconds(card.hop_seconds))
        # The card of one embedding has the remarks on the licence.
        licence = re.split(r"[;,:]|\s\(| for ", card.weights_licence)[0]
        table.add_row(card.name, str(card.dimension), str(card.sample_rate), *seconds, licence, _cached(card))
    return table


def _card(card: EmbeddingCard) -> Table:
    """Lay out a card and the options of its model."""
    from rich.markup import escape
    from rich.table import Table

    from earmark.embeddings import embedding_options

    facts = {
        "name": card.name,
        "title": card.title,
        "values": f"{card.dimension} a frame",
        "sample rate": f"{card.sample_rate} Hz",
        "window": _seconds(card.window_seconds, " s"),
        "hop": _seconds(card.hop_seconds, " s"),
        "padding": card.padding,
        "code licence": card.code_licence,
        "weights licence": card.weights_licence,
        "paper": card.paper,
        "origin": card.origin,
        "note": card.note,
        "version": str(card.version),
        "weights": ", ".join(card.weights_ids),
        "cached": _cached_in_full(card),
    }
    table = Table(show_header=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    for name, value in facts.items():
        if value:
            table.add_row(name, escape(value))
    for name, option in sorted(embedding_options(card.name).items()):
        default = str(option.default).lower() if option.default != () else ""
        table.add_row(f"option {name}", escape(f"{option.says} (by default {default or 'not set'})"))
    return table


def _findings(findings: Sequence[Finding]) -> Table:
    from rich.markup import escape

    table = table_of("check", "", "what was found", wraps=True)
    colours = {"ok": "green", "remark": "yellow", "broken": "bold red"}
    for finding in findings:
        verdict = f"[{colours[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(escape(finding.check.name), verdict, escape(finding.found))
    return table


def _seconds(seconds: float, unit: str = "") -> str:
    return f"{seconds:.4g}{unit}" if seconds else "whole clip"


def _cached(card: EmbeddingCard) -> str:
    """Say in a word or two whether the weights are cached: of several, what is least good of them."""
    from earmark.weights import RECIPES, cache_state

    if not card.weights_ids or not set(card.weights_ids) <= set(RECIPES):
        return "brings its own"
    states = {cache_state(each) for each in card.weights_ids}
    return next(each for each in ("damaged", "no", "own file", "yes") if each in states)


def _cached_in_full(card: EmbeddingCard) -> str:
    from earmark.weights import cached_facts

    state = _cached(card)
    if state == "own file":
        facts = {each: cached_facts(each) for each in card.weights_ids}
        own = (f"{name}, {each.known_by}" for name, each in facts.items() if each and each.accepted)
        return "; ".join(["yes", *own])
    return "no, fetched at the first use" if state == "no" else state
