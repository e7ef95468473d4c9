"""Reading one cell's folder: whatever a run, a crash or a full disk left there is one record, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from retable.reports import text
from retable.reports.compute.stages import stage_seconds


class _Loose(BaseModel):
    """Other people's files: keys that a newer version adds are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CellFacts(_Loose):
    """What a report needs of ``cell.json``."""

    method: str
    task: str
    seed: int
    address: str
    hash: str
    paper: str = ""
    variant: str = ""
    profile: str = ""
    task_settings: dict[str, Any] = {}
    run: dict[str, Any] = {}
    judges: dict[str, CellFacts] = {}

    @property
    def source(self) -> str:
        """Where the task's data come from: ``standin`` or ``real``."""
        return str(self.task_settings.get("source", ""))


class ScoreFacts(_Loose):
    """One score as a cell wrote it."""

    name: str
    value: float
    unit: str = ""
    direction: Literal["higher", "lower", "none"]
    slice: dict[str, str] = {}
    protocol: dict[str, Any]
    interval: tuple[float, float] | None = None


class _Result(_Loose):
    cell: CellFacts
    status: str
    reason: str = ""
    scores: list[ScoreFacts] = []
    environment: dict[str, str] = {}
    data: dict[str, str] = {}
    wall_s: float | None = None
    steps: int | None = None
    started: int | None = None
    ended: int | None = None


@dataclass(frozen=True)
class CellRecord:
    """One folder, read. ``status`` is the cell's own word, ``damaged``, ``unfinished`` or ``not-run``."""

    cell: CellFacts
    status: str
    reason: str = ""
    directory: Path | None = None
    scores: tuple[ScoreFacts, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    wall_s: float | None = None
    steps: int | None = None
    started: int | None = None
    ended: int | None = None
    attempts: int = 0
    notes: tuple[str, ...] = ()
    curves: Mapping[tuple[int, str], float] = field(default_factory=dict)
    samples: tuple[tuple[str, Path], ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)
    """Stage -> seconds, as :func:`retable.reports.compute.stages.stage_seconds` reads them from the journal."""
    warnings: tuple[str, ...] = ()


def read_cell(directory: Path) -> CellRecord | None:
    """The record of a cell's folder, or ``None`` when nothing in it tells which cell it is."""
    events, warnings = _events(directory / "journal.jsonl")
    starts = [event for event in events if event.get("event") == "start"]
    cell = _facts(read_json(directory / "cell.json")) or next((c for e in starts if (c := _facts(e.get("cell")))), None)
    result, problem = _result(directory / "result.json")
    if result is not None:
        cell = result.cell
    if cell is None:
        return None
    shared: dict[str, Any] = {
        "directory": directory,
        "attempts": len(starts),
        "notes": tuple(str(event.get("text", "")) for event in events if event.get("event") == "note"),
        "curves": _curves(events),
        "samples": _pictures(directory, events),
    }
    if problem:
        problem = f"{directory.name}/result.json {problem}; delete the folder and run the cell again"
        return CellRecord(cell, "damaged", problem, warnings=(*warnings, problem), **shared)
    if result is not None:
        return CellRecord(
            cell,
            result.status,
            result.reason,
            scores=tuple(result.scores),
            environment=result.environment,
            data=result.data,
            wall_s=result.wall_s,
            steps=result.steps,
            started=result.started,
            ended=result.ended,
            stages=stage_seconds(events, result.started, result.ended),
            warnings=tuple(warnings),
            **shared,
        )
    end = next((event for event in reversed(events) if event.get("event") == "end"), None)
    resumed = end is not None and starts and int(starts[-1].get("t", 0)) > int(end.get("t", 0))
    if end is None or resumed:
        status, reason, wall = "unfinished", "the run stopped without an end, or is still going", None
    else:
        status, reason, wall = str(end.get("status", "failed")), str(end.get("reason", "")), _number(end.get("wall_s"))
    last = starts[-1] if starts else {}
    return CellRecord(
        cell,
        status,
        reason,
        scores=_journal_scores(events) if status == "ok" else (),
        environment={key: str(value) for key, value in dict(last.get("environment") or {}).items()},
        data={key: str(value) for key, value in dict(last.get("data") or {}).items()},
        wall_s=wall,
        started=int(starts[0]["t"]) if starts and "t" in starts[0] else None,
        ended=int(end["t"]) if end and "t" in end and not resumed else None,
        warnings=tuple(warnings),
        **shared,
    )


def planned_cell(data: Mapping[str, Any]) -> CellRecord | None:
    """A planned cell that has no folder yet."""
    cell = _facts(dict(data))
    return CellRecord(cell, "not-run") if cell else None


def _facts(data: Any) -> CellFacts | None:
    if not isinstance(data, dict):
        return None
    try:
        facts = CellFacts.model_validate(data)
    except ValidationError:
        return None
    return facts if facts.paper else facts.model_copy(update={"paper": facts.method.partition("/")[0]})


def read_json(path: Path) -> Any:
    """What a file holds, or ``None`` where it is missing, unreadable or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _result(path: Path) -> tuple[_Result | None, str]:
    """The result and an empty string, or ``None`` and what is wrong (nothing is wrong where there is no file)."""
    try:
        result = _Result.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its top level"
        return None, f"is not a result: {where}: {first['msg']}"
    except ValueError as error:
        return None, f"is not valid JSON ({error})"
    return result, ""


def _events(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The journal's events; a torn last line is what a crash leaves and is no news, any other bad line is."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return [], []
    events: list[dict[str, Any]] = []
    bad: list[int] = []
    for index, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict):
            events.append(event)
        elif index < len(lines):
            bad.append(index)
    where = f"{path.parent.name}/{path.name}"
    return events, [f"{where}: line {bad[0]} is not JSON and was passed over"] if bad else []


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _curves(events: list[dict[str, Any]]) -> dict[tuple[int, str], float]:
    """(step, name) -> value. A resumed run repeats steps: the later line counts."""
    points: dict[tuple[int, str], float] = {}
    for event in events:
        values = event.get("values")
        if event.get("event") == "metrics" and isinstance(values, dict) and isinstance(event.get("step"), int):
            for name, value in values.items():
                if (number := _number(value)) is not None:
                    points[event["step"], str(name)] = number
    return points


def _pictures(directory: Path, events: list[dict[str, Any]]) -> tuple[tuple[str, Path], ...]:
    """Sample grids by step, then final ones by file name: ``("step 500", ...)``, ``("final across.outputs", ...)``."""
    samples: dict[int, Path] = {}
    for event in events:
        if event.get("event") == "samples" and isinstance(event.get("step"), int) and event.get("file"):
            path = (directory / str(event["file"])).resolve()
            # A journal is data: it must not make a report publish files from elsewhere.
            if path.is_relative_to(directory.resolve()) and path.is_file():
                samples[event["step"]] = path
    grids = [(f"step {text.number(step, 0)}", samples[step]) for step in sorted(samples)]
    finals = [(f"final {path.stem}", path) for path in sorted((directory / "images").glob("*.png"))]
    return (*grids, *finals)


def _journal_scores(events: list[dict[str, Any]]) -> tuple[ScoreFacts, ...]:
    """Scores of a run that ended well but whose result file is missing; the last of equal ones counts."""
    scores: dict[tuple[str, str], ScoreFacts] = {}
    for event in events:
        if event.get("event") == "score":
            try:
                score = ScoreFacts.model_validate(event.get("score"))
            except ValidationError:
                continue
            scores[score.name, text.slice_text(score.slice)] = score
    return tuple(scores.values())
