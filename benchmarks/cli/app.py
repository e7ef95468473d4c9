"""What every verb of the ``retable`` command shares: the Typer application, its console, the folder of all runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Re-make the tables of four papers: train, score, track, compare, gate.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
RUNS = Path("runs")
Out = Annotated[
    Path, typer.Option("--out", envvar="RETABLE_RUNS", help="Folder of all runs: cells, cache, MLflow, reports.")
]
Runs = Annotated[Path, typer.Option(envvar="RETABLE_RUNS", help="Folder of all runs.")]


def get_console(*, stderr: bool = False) -> Console:
    """A console on which ``request:train:`` is text and no emoji."""
    return Console(stderr=stderr, emoji=False)
