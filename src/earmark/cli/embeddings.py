"""``earmark embeddings``: which embeddings there are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.terminal import Terminal, friendly

if TYPE_CHECKING:
    from earmark.embeddings import EmbeddingCard

__all__ = ["embeddings"]


@friendly
def embeddings(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Shell pattern of names; one exact name shows its whole card.")
    ] = "*",
) -> None:
    """List the embeddings, or show the card of one."""
    from rich.table import Table

    from earmark.embeddings import list_embeddings
    from earmark.errors import SettingsError
    from earmark.weights import RECIPES, is_cached

    def cached(card: EmbeddingCard) -> str:
        if card.weights_id not in RECIPES:
            return "by its package"
        return "yes" if is_cached(card.weights_id) else "no, fetched at the first use"

    cards = list_embeddings(pattern)
    if not cards:
        everything = ", ".join(card.name for card in list_embeddings())
        raise SettingsError(f"no embedding matches {pattern!r}. There are: {everything}.")
    out = Terminal().out
    if [card.name for card in cards] == [pattern]:
        facts = Table(show_header=False, box=None)
        for name, value in asdict(cards[0]).items():
            if value:
                facts.add_row(f"[bold]{name.replace('_', ' ')}[/]", str(value))
        facts.add_row("[bold]cached[/]", cached(cards[0]))
        out.print(facts)
        return
    table = Table()
    for heading in ("name", "values", "rate, Hz", "window, s", "hop, s", "weights licence", "cached"):
        table.add_column(
            heading, justify="right" if heading in ("values", "rate, Hz", "window, s", "hop, s") else "left"
        )
    for card in cards:
        numbers = (str(card.dimension), str(card.sample_rate), f"{card.window_seconds:g}", f"{card.hop_seconds:g}")
        table.add_row(card.name, *numbers, card.weights_licence, cached(card))
    out.print(table)
