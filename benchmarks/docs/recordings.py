"""The recordings that the pages take their numbers from: the planned cells of suites, wherever they were run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.journal import finished
from reports.data import Bundle, load


def recordings(runs: Sequence[Path], suites: Sequence[str], seeds: Sequence[int] | None) -> Bundle:
    """Every finished cell of the suites that one of the folders holds; the first folder that does counts.

    Args:
        runs: folders of runs.
        suites: names, or paths of TOML files.
        seeds: instead of the suites' own.

    Raises:
        UserError: an unknown suite, a folder that is not there, or not one cell of the suites in any folder.
    """
    from benchmarks.plan import make_plan
    from benchmarks.registry import get_method
    from benchmarks.suites import load_suite

    for folder in runs:
        if not (folder / "cells").is_dir():
            raise UserError(
                f"--runs {folder}: there is no {folder / 'cells'}; give a folder that `retable run --out` made"
            )
    plans = [make_plan(load_suite(name), seeds=seeds) for name in suites]
    cells = {cell.hash: cell for plan in plans for cell in plan.cells}
    places = {}
    for key, cell in cells.items():
        found = [directory for folder in runs if finished(directory := cell.directory(folder)) is not None]
        if found:
            places[key] = found[0]
    if not places:
        raise UserError(
            f"--runs {', '.join(map(str, runs))}: no cell of {', '.join(suites)} with today's settings in there"
        )
    titles = {cell.method: get_method(cell.method).title for cell in cells.values()}
    bundle = load(list(places.values()), suite=", ".join(suites), titles=titles)
    if missing := len(cells) - len(places):
        bundle.warnings.append(f"{missing} of {len(cells)} cells were not recorded with today's settings: not measured")
    return bundle
