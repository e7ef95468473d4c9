"""What every executor runs: ``python -m retable.benchmarks.cell CELL.json DIR``. One cell, one process.

data -> train -> checkpoint -> images -> scores -> journal. Whatever happens ends in a status; only what kills the
process outright is left for the executor to name.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retable.benchmarks.errors import UserError
from retable.benchmarks.run.old_journal import Journal, Status, events, finished, now_ms, read_json
from retable.benchmarks.run.progress import Progress
from retable.benchmarks.run.startup import uncollected
from retable.reports.records.cell import Cell

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import nn

    from retable.datasets.task import Request, Task
    from retable.methods.method import Method


@dataclass
class _Record:
    """What is known of a running cell so far; becomes ``result.json``."""

    cell: Cell
    started: int
    journal: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    scores: list[dict[str, Any]] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        ended = now_ms()
        return {
            "cell": self.cell.to_json(),
            "scores": self.scores,
            "environment": self.environment,
            "data": self.data,
            "steps": self.cell.method_settings.get("steps", 0),
            "journal": self.journal,
            "started": self.started,
            "ended": ended,
            "wall_s": (ended - self.started) / 1000,
        }


def main(arguments: list[str]) -> int:
    """Run the cell that ``arguments = [CELL.json, DIR]`` name. Returns 0 when it ended ``ok``, else 1."""
    if len(arguments) != 2:
        print("usage: python -m retable.benchmarks.cell CELL.json DIR", file=sys.stderr)  # noqa: T201
        return 2
    data = read_json(Path(arguments[0]))
    if data is None:
        print(f"{arguments[0]}: not a cell (no readable JSON object)", file=sys.stderr)  # noqa: T201
        return 2
    _die_with_parent()
    return 0 if run_cell(Cell.from_json(data), Path(arguments[1])) == "ok" else 1


def _die_with_parent() -> None:
    """Linux: have the kernel end this cell when the harness dies without a chance to do so itself."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def run_cell(cell: Cell, directory: Path) -> Status:
    """Run one cell in this process and leave its journal, result and ``done`` in ``directory``.

    ``directory`` is ``ROOT/cells/NAME``; needed cells are found beside it. A second process that wants the same cell
    waits for the first and then has nothing left to do.
    """
    from filelock import FileLock

    with FileLock(directory / "lock"):
        before = finished(directory)
        if before is not None and before["status"] == "ok":
            return "ok"
        for name in ("done", "result.json"):
            (directory / name).unlink(missing_ok=True)
        journal, record = Journal(directory), _Record(cell, now_ms())
        status, reason = _attempt(cell, directory, journal, record)
        journal.end(status, reason, record.result())
    return status


def _attempt(cell: Cell, directory: Path, journal: Journal, record: _Record) -> tuple[Status, str]:
    with uncollected():
        from retable.benchmarks.run.training import NonFiniteLossError, is_out_of_memory
    from retable.datasets.errors import DataError

    try:
        _work(cell, directory, journal, record)
    except NonFiniteLossError as error:
        return "nonfinite", str(error)
    except (UserError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return "failed", str(error)
    except Exception as error:
        traceback.print_exc()
        status: Status = "oom" if is_out_of_memory(error) else "failed"
        return status, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    return "ok", ""


def _work(cell: Cell, directory: Path, journal: Journal, record: _Record) -> None:
    import torch
    from lightning_fabric import Fabric

    from retable.benchmarks.environment import environment
    from retable.benchmarks.metrics.own_scores import own_scores
    from retable.benchmarks.plan.seeds import derive_seed, seed_everything
    from retable.benchmarks.run.build import WEIGHTS, build_method, build_task, file_digests
    from retable.benchmarks.run.scoring import score_cell
    from retable.benchmarks.run.system import SystemMonitor
    from retable.benchmarks.run.training import set_up, train

    root = directory.parent.parent
    progress = Progress(directory)
    progress.stage("data")
    torch.set_num_threads(cell.run.threads)
    # Same cell, same machine, same numbers: promised on the CPU, where it costs nothing.
    torch.use_deterministic_algorithms(cell.run.accelerator == "cpu")
    record.environment = environment(cell.run.accelerator, cell.run.threads)
    task = build_task(cell, root)
    task.prepare()
    method = build_method(cell, task, root)
    record.data = {**task.digests(), **file_digests(cell)}
    record.journal = journal.start(cell.to_json(), record.environment, record.data)
    with SystemMonitor(journal, cell.run.accelerator):
        fabric = Fabric(accelerator=cell.run.accelerator, devices=1, precision=cell.run.precision)
        networks = method.networks()
        set_up(method, fabric)
        seed_everything(derive_seed("training", cell.task, cell.seed))
        progress.stage("train")
        timer = train(
            cell,
            method,
            task,
            fabric,
            directory / "checkpoints",
            journal,
            progress,
            preview=lambda step: _preview(method, task, fabric, directory, journal, step),
        )
        _save(directory / WEIGHTS, cell, networks)
        progress.stage("images")
        _final_pictures(method, task, fabric, directory)
        progress.stage("scores")
        data = f"{cell.task_label}:{cell.task_settings['source']}"
        own = own_scores(method, timer, _logged(directory), data)
        for score in chain(own, score_cell(cell, method, task, fabric, root)):
            content = score.model_dump(mode="json")
            record.scores.append(content)
            journal.write("score", score=content)


def _save(path: Path, cell: Cell, networks: Mapping[str, nn.Module]) -> None:
    from retable.benchmarks.run.checkpoint import save_weights

    save_weights(path, networks, cell=cell.to_json())


def _pictured(method: Method, task: Task) -> list[Request]:
    return [request for request in task.previews(method.kind, method.stream) if request.kind != "predict"]


def _preview(method: Method, task: Task, fabric: Fabric, directory: Path, journal: Journal, step: int) -> None:
    from retable.benchmarks.run.pictures import in_rows, save_grid
    from retable.benchmarks.run.scoring import Answers

    requests = _pictured(method, task)
    if not requests:
        return
    request = requests[0]
    out = Answers(method, fabric).to(request)
    inputs = [request.inputs["image"]] if "image" in request.inputs else []
    truth = [request.truth] if request.truth is not None else []
    name = f"samples/step-{step:06d}.png"
    rows = in_rows(out) if request.kind == "sample" else [*inputs, out, *truth]
    save_grid(directory / name, rows)
    journal.write("samples", step=step, file=name)


def _final_pictures(method: Method, task: Task, fabric: Fabric, directory: Path) -> None:
    """One strip a picture, so that a report can lay the rows of a table under the same inputs.

    Files of the first preview are ``inputs.png``, ``learnt.png``, ``outputs.png``, ``truth.png``, as far as there is
    something to show; those of another ``NAME.inputs.png`` and so on.
    """
    from retable.benchmarks.run.pictures import in_rows, save_grid
    from retable.benchmarks.run.scoring import Answers

    answers = Answers(method, fabric)
    for number, request in enumerate(_pictured(method, task)):
        stem = f"{request.name}." if number else ""
        if "image" in request.inputs:
            save_grid(directory / "images" / f"{stem}inputs.png", [request.inputs["image"]])
        if request.learnt is not None:
            save_grid(directory / "images" / f"{stem}learnt.png", [request.learnt])
        out = answers.to(request)
        # Samples stand under no inputs, so all of them are shown.
        rows = in_rows(out) if request.kind == "sample" else [out]
        save_grid(directory / "images" / f"{stem}outputs.png", rows)
        if request.truth is not None:
            save_grid(directory / "images" / f"{stem}truth.png", [request.truth])


def _logged(directory: Path) -> Iterator[tuple[int, Mapping[str, float]]]:
    """The points of the training curves, from the journal: it survives interruptions."""
    return ((event["step"], event["values"]) for event in events(directory) if event["event"] == "metrics")


if __name__ == "__main__":
    from retable.benchmarks.run.startup import leave

    leave(main(sys.argv[1:]))
