"""The command ``earmark``; what a command needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from earmark.cli.check import check
from earmark.cli.compare import compare
from earmark.cli.completion import completing
from earmark.cli.data import data
from earmark.cli.demo import demo
from earmark.cli.embed import embed
from earmark.cli.embeddings import embeddings
from earmark.cli.predict import predict
from earmark.cli.reproduce import reproduce
from earmark.cli.train import train
from earmark.cli.weights import weights

__all__ = ["app", "main"]

app = typer.Typer(
    name="earmark",
    help="Which pre-trained audio embedding, with which classifier, works for your recordings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (compare, check, train, predict, embed, reproduce, demo):
    app.command()(command)
app.add_typer(embeddings, name="embeddings")
app.add_typer(weights, name="weights")
app.add_typer(data, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        from earmark import __version__

        typer.echo(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Which pre-trained audio embedding, with which classifier, works for your recordings."""


def main() -> None:
    """Run the command line."""
    completing(app)
