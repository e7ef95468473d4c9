"""What every verb of the ``retable`` command shares: the Typer application, its console, the folder of all runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from retable.benchmarks.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Re-make the tables of four papers: train, score, track, compare, gate.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def user_path(text: str | Path) -> Path:
    """A path as somebody typed it. The shell leaves the ``~`` of ``--out=~/x``, of quotes and of variables to us."""
    if str(text) == "":
        raise UserError("an empty path: is a variable not set? Write . for the current folder")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UserError(f"{text}: {error}; write the whole path") from error


def name_or_path(text: str) -> str:
    """A name, or a path as somebody typed it."""
    return str(user_path(text)) if text.startswith("~/") else text


PathOption = partial(typer.Option, parser=user_path, metavar="PATH")
PathArgument = partial(typer.Argument, parser=user_path, metavar="PATH")
NameOption = partial(typer.Option, parser=name_or_path, metavar="TEXT")
NameArgument = partial(typer.Argument, parser=name_or_path)
RUNS = Path("runs")
Out = Annotated[
    Path, PathOption("--out", envvar="RETABLE_RUNS", help="Folder of all runs: cells, cache, MLflow, reports.")
]
Runs = Annotated[Path, PathOption(envvar="RETABLE_RUNS", help="Folder of all runs.")]


def get_console(*, stderr: bool = False) -> Console:
    """A console on which ``request:train:`` is no emoji, and ``[/red]`` in a path or title no markup."""
    return Console(stderr=stderr, emoji=False, markup=False)


@contextmanager
def counted(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars while something lasts, driven by ``tell(WHAT, DONE, TOTAL)``; a total of 0 is not known."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done)

        yield tell
