"""``retable sync`` and ``retable ui``: MLflow brought up to date, and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retable.benchmarks.cli.app import RUNS, Out, PathArgument, app, get_console
from retable.benchmarks.errors import UserError


@app.command("sync", epilog="Example: [bold]retable sync runs/cells/*[/]")
def sync(
    dirs: Annotated[list[Path] | None, PathArgument(help="Cell folders; all of OUT otherwise.")] = None, out: Out = RUNS
) -> None:
    """Bring MLflow up to date with what the cells' journals say. Syncing twice adds nothing."""
    from retable.benchmarks.tracking import default_uri
    from retable.benchmarks.tracking.sync import sync as sync_folders

    console = get_console()
    folders = dirs or sorted(path for path in (out / "cells").glob("*") if path.is_dir())
    if not folders:
        raise UserError(f"nothing to sync: {out / 'cells'} holds no cells")
    with console.status(f"syncing {len(folders)} cells"):
        done = sync_folders(folders, default_uri(out))
    console.print(str(done), markup=False, soft_wrap=True)
    raise typer.Exit(1 if done.failed else 0)


@app.command("ui", epilog="Example: [bold]retable ui --port 5000[/]")
def ui(port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 5000, out: Out = RUNS) -> None:
    """Open the MLflow UI over these runs, on this machine only."""
    from retable.benchmarks.tracking import default_uri
    from retable.benchmarks.tracking.ui import ui as serve

    serve(default_uri(out), port=port)
