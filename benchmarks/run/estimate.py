"""How long cells will take, from the time that a cell like each of them took on the same kind of device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import JsonValue

import retable.reports
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.registry import get_settings
from retable.reports.records.cell import Cell
from retable.reports.records.journal import read_result
from retable.reports.records.recording import ENDING, read_recording
from retable.reports.records.result import RecordError, Result

SHIPPED = Path(retable.reports.__path__[0]) / "recorded"
"""Results that come with Retable."""
STEP_TIME = "step_time.p50"


class Estimates:
    """Seconds that a cell takes, by what decides them: the method, its sizes, and the size of the images.

    Args:
        results: of cells that ran; of several alike the last one counts.
    """

    def __init__(self, results: Iterable[Result]) -> None:
        self._known: dict[str, tuple[float, float]] = {}
        for result in results:
            if result.status == "ok":
                step = next((score.value for score in result.scores if score.name == STEP_TIME), 0.0)
                self._known[_alike(result.cell)] = (step, max(0.0, result.wall_s - step * result.steps))

    def seconds(self, cell: Cell) -> float | None:
        """Training and everything around it; ``None`` where no cell like this one is known."""
        if (found := self._known.get(_alike(cell))) is None:
            return None
        step, rest = found
        steps = cell.method_settings["steps"]
        return step * steps + rest if isinstance(steps, int) else None


def recorded_results(root: Path) -> Iterator[Result]:
    """The results that come with Retable, and after them those below ``root``; what cannot be read is passed over."""
    for path in sorted(SHIPPED.glob(f"*{ENDING}")):
        try:
            yield from read_recording(path)
        except RecordError:
            continue
    for directory in sorted((root / "cells").glob("*/")):
        try:
            result = read_result(directory) if (directory / "done").exists() else None
        except RecordError:
            continue
        if result is not None:
            yield result


def _alike(cell: Cell) -> str:
    """What two cells share that take equally long per step.

    Rates and weights of losses do not matter, but a weight of 0 does: its term is not computed.
    """
    try:
        # A result from before may lack settings that its row or its method has gained since.
        settings = get_settings(cell.method, cell.method_settings).model_dump(mode="json")
    except (UserError, ValueError):
        settings = cell.method_settings
    sizes = {key: _size(value) for key, value in settings.items() if key != "steps"}
    run = cell.run.accelerator, cell.run.precision, cell.run.threads
    return str((cell.method, cell.task, cell.task_settings.get("size"), sorted(sizes.items()), run))


def _size(value: JsonValue) -> JsonValue:
    return value != 0 if isinstance(value, float) else value
