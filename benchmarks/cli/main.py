"""The ``retable`` command: one file per verb, or a few that belong together, each a thin layer over the harness.

A verb imports what it needs when it is called, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.text import Text

from retable.benchmarks.cli import data, gate, listing, report, run, score, tracking, trained  # noqa: F401 (they register)
from retable.benchmarks.cli.app import app, get_console
from retable.benchmarks.cli.output import patient_output
from retable.benchmarks.errors import UserError

VERBS = ("list", "run", "report", "gate", "sync", "data", "ui", "translate", "sample", "score")
"""In the order of ``retable --help``."""
app.registered_commands.sort(key=lambda verb: VERBS.index(str(verb.name)))


def main() -> None:
    """Entry point: bad input gets one line on standard error and exit code 2, never a traceback."""
    # MLflow and its friends advertise and phone home unless told not to. Children of children import safely as well.
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "PYTHONSAFEPATH"):
        os.environ.setdefault(name, "true")
    if os.environ.get("COLUMNS") == "0":  # what some terminals say that do not know
        del os.environ["COLUMNS"]
    with patient_output() as output:
        code = _run()
        output.flush()
        if output.problem:
            _tell(f"standard output cannot be written ({output.problem}); what was asked for is done")
            code = code or 2
    sys.exit(code)


def _run() -> int:
    try:
        Path.cwd()  # some libraries crash in a folder that was removed
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            error = UserError(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
        if not _is_for_the_user(error):
            raise
        _tell(str(error))
        return 2
    return 0


def _tell(problem: str) -> None:
    words = Text.assemble(("error:", "bold red"), " ", " ".join(problem.splitlines()))
    get_console(stderr=True).print(words, soft_wrap=True, highlight=False)


def _is_for_the_user(error: Exception) -> bool:
    from retable.datasets.errors import DataError
    from retable.reports.errors import ReportError

    return isinstance(error, (UserError, DataError, ReportError))


if __name__ == "__main__":
    main()
