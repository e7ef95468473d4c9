"""Reports of exactly what was recorded: suites are planned, and every planned cell is taken by its hash.

A recording is a folder of runs. Several of them, made at different times or on different machines, give one report. A
cell's hash is its content, so that a folder of older settings cannot stand in for a cell that was planned.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retable.benchmarks.cli.seeds import Fewer, asked_for, refuse_idle
from retable.benchmarks.errors import UserError
from retable.benchmarks.run.old_journal import finished, write_atomically
from retable.reports.records.cell import Cell

if TYPE_CHECKING:
    from retable.reports.compute.runs import Bundle


@dataclass(frozen=True)
class Wanted:
    """What ``retable report`` was asked for."""

    suites: tuple[str, ...]
    runs: tuple[Path, ...] = ()
    """Recorded folders; empty for the suite's own index in the folder of all runs."""
    seeds: Sequence[int] | None = None
    fewer: tuple[Fewer, ...] = ()
    compact: bool = False
    results: Path | None = None
    budget: Path | None = None


@dataclass(frozen=True)
class Recorded:
    """Planned cells and where they were found."""

    cells: tuple[Cell, ...]
    directories: tuple[Path, ...]
    """One folder for each cell that ended, whatever its status."""
    on_gpu: tuple[Path, ...]
    """Folders of the same cells as they were run on a GPU, for their times."""
    notes: tuple[str, ...]
    """What the person at the terminal should know: which folder was preferred, what is missing."""


def planned_cells(suites: Sequence[str], seeds: Sequence[int] | None, fewer: Sequence[Fewer] = ()) -> list[Cell]:
    """The cells of all suites at these seeds (each suite's own for ``None``), in order, each once, to run on the CPU.

    Cells that ``fewer`` has a glob for are planned at its seeds alone, and missing at no others.
    What is planned must not depend on the machine that the report is made on; see :func:`on_cuda` for the others.

    Raises:
        UserError: two suites plan one address with different settings, or a glob picks nothing; see also
            :func:`retable.benchmarks.plan.plan.make_plan`.
    """
    from retable.benchmarks.plan.overrides import Override
    from retable.benchmarks.plan.plan import make_plan
    from retable.benchmarks.plan.suites import load_suite

    on_cpu = Override("run", "accelerator", "cpu", "a report's plan")
    known: dict[str, tuple[Cell, str]] = {}
    for suite in suites:
        for cell in make_plan(load_suite(suite), seeds=seeds, overrides=[on_cpu]).cells:
            first, where = known.setdefault(cell.address, (cell, suite))
            if first.hash != cell.hash:
                raise UserError(
                    f"{cell.address}: suite {where} plans it as {first.hash} and suite {suite} as {cell.hash} "
                    f"({_difference(first, cell)}); one address is one cell, so report these suites apart"
                )
    refuse_idle({address: cell.seed for address, (cell, _) in known.items()}, fewer)
    return [cell for cell, _ in known.values() if asked_for(cell.address, cell.seed, fewer)]


def _difference(one: Cell, other: Cell) -> str:
    ours, theirs = one.model_dump(mode="json"), other.model_dump(mode="json")
    changed = []
    for part in ("method_settings", "task_settings", "run"):
        keys = sorted(set(ours[part]) | set(theirs[part]))
        changed += [f"{part}.{key}" for key in keys if ours[part].get(key) != theirs[part].get(key)]
    changed += [part for part in ("profile", "variant") if ours[part] != theirs[part]]
    return f"they differ in {', '.join(changed)}" if changed else "they need different cells"


def find_recorded(cells: Sequence[Cell], runs: Sequence[Path]) -> Recorded:
    """Look for planned cells in folders of runs.

    Where several folders have a cell, one that ended well comes first, then the newest. Cells that were run on a GPU
    are other cells: the report is about whichever of the two there is more of, and beside cells of the CPU those of the
    GPU give nothing but their times.

    Raises:
        UserError: a folder holds no cells.
    """
    for root in runs:
        if not (root / "cells").is_dir():
            raise UserError(f"--runs {root}: no recorded runs there (it has no folder 'cells')")
    twins = [on_cuda(cell) for cell in cells]
    there = [sum(bool(_places(cell, runs)) for cell in some) for some in (cells, twins)]
    if there[1] > there[0]:
        cells = twins
    found: list[Path] = []
    preferred: dict[tuple[Path, Path], list[str]] = {}
    missing: list[str] = []
    for cell in cells:
        places = _places(cell, runs)
        if places:
            found.append(cell.directory(places[0]))
        else:
            missing.append(cell.address)
        for other in places[1:]:
            preferred.setdefault((places[0], other), []).append(cell.address)
    on_gpu = () if cells is twins else tuple(_first_places(twins, runs))
    notes = [
        f"{_some(addresses)}: in {winner} and in {loser}; {winner} is taken (ended well, or the newest)"
        for (winner, loser), addresses in preferred.items()
    ]
    if missing:
        notes.append(f"not run, and shown so: {_some(missing)}")
    if on_gpu:
        notes.append(f"of {len(on_gpu)} cells their times on a GPU are shown beside those of the CPU")
    return Recorded(tuple(cells), tuple(found), on_gpu, tuple(notes))


def _first_places(cells: Sequence[Cell], runs: Sequence[Path]) -> list[Path]:
    return [cell.directory(places[0]) for cell in cells if (places := _places(cell, runs))]


def _places(cell: Cell, runs: Sequence[Path]) -> list[Path]:
    """Folders of runs in which the cell ended, the best one first."""
    results = [(root, result) for root in dict.fromkeys(runs) if (result := _result(cell, root)) is not None]
    results.sort(key=lambda pair: (pair[1]["status"] == "ok", int(pair[1].get("ended") or 0)), reverse=True)
    return [root for root, _ in results]


def _result(cell: Cell, root: Path) -> dict[str, Any] | None:
    """The cell's result, if it is this cell's: a folder that was renamed by hand is not."""
    result = finished(cell.directory(root))
    if result is None:
        return None
    said = result.get("cell")
    return result if isinstance(said, dict) and said.get("hash") == cell.hash else None


def on_cuda(cell: Cell) -> Cell:
    """The same cell, and all that it needs, as a machine with a GPU plans it."""
    content = {name: getattr(cell, name) for name in Cell.model_fields}
    # Not model_copy: it would keep the hash that the cell has worked out already.
    return Cell(
        **content
        | {
            "run": cell.run.model_copy(update={"accelerator": "cuda"}),
            "starts_from": {role: on_cuda(needed) for role, needed in cell.starts_from.items()},
            "judges": {role: on_cuda(needed) for role, needed in cell.judges.items()},
        }
    )


def _some(addresses: Sequence[str], most: int = 3) -> str:
    listed = ", ".join(addresses[:most])
    rest = len(addresses) - most
    return f"{len(addresses)} cells ({listed}{f' and {rest} more' if rest > 0 else ''})"


def recorded_bundle(
    suites: Sequence[str], runs: Sequence[Path], seeds: Sequence[int] | None, fewer: Sequence[Fewer] = ()
) -> tuple[Bundle, Recorded]:
    """What a report of several suites and folders is made from.

    Raises:
        UserError: see :func:`planned_cells` and :func:`find_recorded`.
    """
    from retable.benchmarks.plan.registry import get_title
    from retable.reports.compute.runs import load

    recorded = find_recorded(planned_cells(suites, seeds, fewer), runs)
    bundle = load(
        recorded.directories,
        planned=[cell.to_json() for cell in recorded.cells],
        suite=" and ".join(Path(suite).stem for suite in suites),
        titles={cell.method: get_title(cell.method) for cell in recorded.cells},
        timed_on_gpu=recorded.on_gpu,
    )
    return bundle, recorded


def indexed_bundle(root: Path, suite: str) -> Bundle:
    """What the report of everything is made from that the suite has so far in one folder of runs.

    Raises:
        UserError: the suite was never run there.
    """
    from retable.benchmarks.plan.registry import get_title
    from retable.benchmarks.run import index
    from retable.benchmarks.run.suite_run import other_settings
    from retable.reports.compute.runs import load

    cells = index.suite_cells(root, suite)
    titles = {cell.method: get_title(cell.method) for cell in cells}
    bundle = load(
        [cell.directory(root) for cell in cells], planned=[cell.to_json() for cell in cells], suite=suite, titles=titles
    )
    bundle.warnings.extend(other_settings(suite, cells))
    return bundle


def make_report(wanted: Wanted, root: Path, out: Path) -> tuple[Path, tuple[str, ...]]:
    """Write the report, and the pages of results and of the budget where they are wanted.

    Returns:
        ``(path of index.html, what the person at the terminal should know)``.

    Raises:
        UserError: see :func:`recorded_bundle` and :func:`indexed_bundle`.
    """
    from retable.reports.compact import build_compact
    from retable.reports.render.budget_page import budget_page
    from retable.reports.write import build, results_page

    notes: tuple[str, ...] = ()
    if wanted.runs or wanted.seeds is not None or wanted.fewer or len(wanted.suites) > 1:
        bundle, recorded = recorded_bundle(wanted.suites, wanted.runs or (root,), wanted.seeds, wanted.fewer)
        notes = recorded.notes
    else:
        bundle = indexed_bundle(root, wanted.suites[0])
    began = time.monotonic()
    path = build_compact(bundle, out) if wanted.compact else build(bundle, out).index
    took = time.monotonic() - began
    for file, page in ((wanted.results, results_page(bundle)), (wanted.budget, budget_page(bundle, took))):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, page)
    return path, notes
