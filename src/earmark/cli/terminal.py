"""What the user sees while a command runs: bars, remarks, errors, and how to go on after Ctrl-C.

Results go to standard output, everything else to standard error, so that output can be piped.
"""

from __future__ import annotations

import functools
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from earmark.errors import ClipFailure, ClipsLeftOut, EarmarkError
from earmark.progress import Advance

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.table import Table

__all__ = ["Terminal", "friendly", "table_of"]

#: A step shows its bar once it has taken this long, in seconds.
BAR_AFTER_SECONDS = 1.0

#: The unit of steps that are shown as sizes, such as 12.5 MB.
BYTES = "bytes"

STOPPED = "Stopped. Embeddings of finished clips are kept in the store: run the same command again to go on."

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Terminal:
    """Standard output and error as a command uses them; listens to progress.

    Parameters
    ----------
    quiet : bool
        Whether to say nothing but results and errors.
    verbose : bool
        Whether to say how long each step took.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        from rich.console import Console

        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal without the sign ± shows a question mark
                stream.reconfigure(errors="replace")
        self.out = Console(highlight=False)
        self.err = Console(stderr=True, highlight=False)
        self._quiet, self._verbose = quiet, verbose

    def say(self, message: str) -> None:
        """Pass on a remark, unless quiet."""
        if not self._quiet:
            self.err.print(message, style="dim", markup=False)

    def show(self, table: Table) -> None:
        """Print a table in full, also where the terminal is narrower than it."""
        self.out.print(table, crop=False)

    @contextmanager
    def step(self, title: str, total: int, unit: str) -> Iterator[Advance]:
        """Show a bar for a step that takes more than a second, on a terminal."""
        started, heard, count = time.monotonic(), 0.0, 0
        bars = _bars(self.err, unit)
        task = bars.add_task(title, total=total or None, speed="")  # none: nobody knows how much will come
        shows = self.err.is_terminal and not self._quiet
        timer = Timer(BAR_AFTER_SECONDS, bars.start)
        timer.daemon = True

        def advance(done: int = 1, audio_seconds: float = 0.0) -> None:
            nonlocal heard, count
            heard, count = heard + audio_seconds, count + done
            bars.update(task, advance=done, speed=_speed(count, heard, time.monotonic() - started, unit))

        if shows:
            timer.start()
        try:
            yield advance
        finally:
            if shows:
                timer.cancel()
                timer.join()
                if bars.live.is_started:
                    bars.stop()
        seconds = time.monotonic() - started
        if self._verbose or (shows and heard and seconds > BAR_AFTER_SECONDS):
            done = f"{_amount(count, unit)} in {seconds:.1f} s ({_speed(count, heard, seconds, unit)})"
            self.say(f"{title}: {done}")

    def error(self, error: EarmarkError) -> None:
        """Print what went wrong and what to do about it."""
        self.err.print("[bold red]Error:[/] ", end="")
        self.err.print(str(error), markup=False, soft_wrap=True)

    def failures(self, failures: Sequence[ClipFailure], total: int) -> None:
        """List clips that were left out, one path a line so that it can be copied."""
        self.err.print(f"{len(failures)} of {total} clips left out:", style="bold red")
        for failure in failures:
            self.err.print(f"  {failure.path}", style="bold", markup=False, soft_wrap=True)
            self.err.print(f"    {failure.reason}", markup=False, soft_wrap=True)


def table_of(*headings: str, wraps: bool = False) -> Table:
    """Make a table in the style of all commands.

    Parameters
    ----------
    *headings : str
        Of the columns; one that ends with ``>`` has its column aligned to the right.
    wraps : bool
        Whether cells may take several lines where the terminal is narrow; else they are never broken.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        right = heading.endswith(">")
        table.add_column(
            heading.removesuffix(">"), justify="right" if right else "left", no_wrap=right or not wraps, overflow="fold"
        )
    return table


def friendly(command: Callable[Parameters, Result], stopped: str = STOPPED) -> Callable[Parameters, Result]:
    """Turn our errors into messages and exit code 1, Ctrl-C into advice and 130, a closed pipe into silence.

    Parameters
    ----------
    command : callable
        What the user called.
    stopped : str
        What is said after Ctrl-C.

    Returns
    -------
    callable
        The command, as the command line calls it.
    """

    @functools.wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except EarmarkError as error:
            _report(error, quiet=bool(kwargs.get("quiet")), verbose=bool(kwargs.get("verbose")))
            raise SystemExit(1) from error
        except KeyboardInterrupt:
            sys.stderr.write(f"\n{stopped}\n")
            sys.stderr.flush()
            os._exit(130)  # at once, without waiting for the clip or the training that is under way
        except BrokenPipeError as error:
            sys.stderr.close()  # what reads our output has had enough
            raise SystemExit(0) from error

    return run


def _report(error: EarmarkError, *, quiet: bool, verbose: bool) -> None:
    terminal = Terminal(quiet=quiet)
    if verbose:
        terminal.err.print_exception()
    if isinstance(error, ClipsLeftOut):
        terminal.failures(error.failures, error.total)
        if len(error.failures) < error.total:
            terminal.err.print(
                "Mend or remove these files, or leave them out with [bold]--on-error skip[/]. "
                "The embeddings of the others are kept in the store."
            )
        return
    terminal.error(error)


def _bars(console: Console, unit: str) -> Bars:
    from rich import progress as rich

    if unit == BYTES:
        return _download_bars(console)
    return rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn(unit),
        rich.TextColumn("{task.fields[speed]}", style="dim"),
        rich.TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _download_bars(console: Console) -> Bars:
    """Make bars for files, the long names of which give way to the numbers where the terminal is narrow."""
    from rich import progress as rich
    from rich.table import Column

    return rich.Progress(
        rich.TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        rich.BarColumn(bar_width=console.width // 8),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(),
        console=console,
        transient=True,
        expand=True,
    )


def _speed(count: int, audio_seconds: float, seconds: float, unit: str) -> str:
    each_second = count / max(seconds, 1e-9)
    rate = f"{_amount(round(each_second), unit)}/s" if unit == BYTES else f"{each_second:.1f} {unit}/s"
    return f"{rate}, {audio_seconds / max(seconds, 1e-9):.0f} x real time" if audio_seconds else rate


def _amount(count: int, unit: str) -> str:
    from rich.filesize import decimal

    return decimal(count) if unit == BYTES else f"{count} {unit}"
