"""Runs of a suite, from folders and from MLflow, and how two of them differ besides their scores."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from retable.benchmarks.environment import made_elsewhere
from retable.benchmarks.run.results import other_settings, suite_cells
from retable.benchmarks.tracking import default_uri
from retable.benchmarks.tracking.download import SHORT, download_run
from retable.datasets.files import some
from retable.reports.records.files import is_inside
from retable.reports.records.journal import finished
from retable.reports.records.result import Result

Cells = Mapping[str, Result]
"""Address -> result."""
NAMED = 3
"""How many cells or commits a note names; the rest is counted."""


class Run(NamedTuple):
    """A run of a suite, as its folder holds it."""

    label: str
    cells: Cells
    """Every cell that ended, whatever its status."""
    planned: Collection[str] = ()
    """Addresses, or for a run in MLflow hashes, of the cells that it was asked for."""
    stale: Mapping[str, str] = MappingProxyType({})
    """Address -> what made a cell that is not what is installed. Of a run in MLflow nothing is asked: whoever names it
    asks about what it was."""
    changed: Sequence[str] = ()
    """Addresses of the cells that were run otherwise than the suite is written now, by ``--set`` for instance."""


def read_run(root: Path, suite: str, wanted: str | None = None) -> Run:
    """What the suite last ran in ``root``, or in ``wanted``: another folder, or a run in MLflow."""
    if wanted is None or (Path(wanted) / "cells").is_dir():
        folder = root if wanted is None else Path(wanted)
        cells = suite_cells(folder, suite)
        own = {cell.address: cell.hash for cell in cells}
        inside = _ended(cell.directory(folder) for cell in cells if is_inside(cell.directory(folder), folder))
        # A folder may hold another cell than its name says.
        ended = {address: one for address, one in inside.items() if one.cell.hash == own.get(address)}
        stale = {address: words for address, one in ended.items() if (words := made_elsewhere(one.environment))}
        changed = [line.split()[0] for line in other_settings(suite, cells) if line.split()[0] in own]
        return Run(f"folder {folder}", ended, {cell.address for cell in cells}, stale, changed)
    with tempfile.TemporaryDirectory(prefix="retable-") as to:
        found = download_run(default_uri(root), suite, wanted, Path(to))
        return Run(found.label, _ended((Path(to) / "cells").iterdir()), found.planned)


def differences(base: Cells, head: Cells) -> list[str]:
    """What a reader has to know before believing a difference: other settings, commits, machines and data."""
    both = sorted(base.keys() & head.keys())
    notes = []
    # A cell's hash is that of its settings: method, task, profile, and the stages and judges that it starts from.
    if other := [address for address in both if base[address].cell.hash != head[address].cell.hash]:
        notes.append(f"{len(other)} of {len(both)} cells were run with other settings: {some(other, NAMED)}")
    for side, cells in (("base", base), ("head", head)):
        # A finished cell is not run again by a later commit, so a run's cells may be older than it says.
        counts = Counter(words for one in cells.values() if (words := commit(one, SHORT)))
        if len(counts) > 1:
            named = [f"{name} ({n})" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
            notes.append(f"the {side}'s cells are of {len(counts)} commits: {some(named, NAMED)}")
    for key in ("device", "cpu", "torch"):
        old, new = (facts([side[address] for address in both], key) for side in (base, head))
        if old and new and old != new:
            notes.append(f"the base ran with {key} {', '.join(old)}, the head with {', '.join(new)}")
    pairs = [(base[address].data, head[address].data) for address in both]
    if data := {name for old, new in pairs for name in old.keys() & new.keys() if old[name] != new[name]}:
        notes.append(f"the data changed between the runs: {', '.join(sorted(data))}")
    return notes


def facts(results: Collection[Result], key: str) -> list[str]:
    """Every value of an entry of the environment, sorted."""
    return sorted({result.environment.get(key, "") for result in results} - {""})


def commit(result: Result, digits: int | None = None) -> str:
    """The commit that made a result, with ``-dirty`` where the working tree held more; empty where it is unknown."""
    words = result.environment.get("commit", "")[:digits]
    return f"{words}-dirty" if words and result.environment.get("dirty") == "true" else words


def data_of(result: Result) -> str:
    """Digest of all images and weights that a cell was given; empty where the result names none."""
    content = json.dumps(result.data, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:16] if result.data else ""


def _ended(directories: Iterable[Path]) -> dict[str, Result]:
    results = (finished(directory) for directory in directories)
    return {result.cell.address: result for result in results if result is not None}
