"""The ``retable`` command: one file per verb, or a few that belong together, each a thin layer over the harness.

A verb imports what it needs when it is called, so that ``--help`` answers at once.
"""

from __future__ import annotations

import io
import os
import sys

from rich.markup import escape

from retable.benchmarks.cli import data, gate, listing, report, run, tracking, trained  # noqa: F401 (they register)
from retable.benchmarks.cli.app import app, get_console
from retable.benchmarks.errors import UserError

VERBS = ("list", "run", "report", "gate", "sync", "data", "ui", "translate", "sample")
"""In the order of ``retable --help``."""
app.registered_commands.sort(key=lambda verb: VERBS.index(str(verb.name)))


def main() -> None:
    """Entry point: bad input gets one line on standard error and exit code 2, never a traceback."""
    # MLflow and its friends advertise and phone home unless told not to.
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "true")
    for stream in (sys.stdout, sys.stderr):
        # A file's name need not be UTF-8, nor the terminal able to show it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception as error:
        if isinstance(error, OSError) and error.filename:
            error = UserError(f"{error.filename}: {error.strerror}")
        if not _is_for_the_user(error):
            raise
        get_console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(2)


def _is_for_the_user(error: Exception) -> bool:
    from retable.datasets.errors import DataError
    from retable.reports.errors import ReportError

    return isinstance(error, (UserError, DataError, ReportError))


if __name__ == "__main__":
    main()
