"""One cell from its settings to its result: ``python -m retable.benchmarks.cell CELL.json DIR``.

data -> train -> weights -> images -> scores, each told to the journal, and last of all ``result.json``. A cell has this
process to itself. Whatever happens in here ends in a status; what kills the process outright is recorded by whoever
started it (:mod:`retable.benchmarks.run.process`).

Of the harness and the records, a cell runs code of ten files, in about this order; what only declares data is not
counted, nor are the row's method, its task and the metrics:

1. ``benchmarks/cell.py``: the way from top to bottom;
2. ``reports/records/files.py``: reads ``CELL.json``, and replaces files in one step;
3. ``reports/records/cell.py``: what is to be run, and its hash;
4. ``reports/records/journal.py``: what happened, and the result that it ends in;
5. ``benchmarks/run/build.py``: the task and the method, started from the cells that they need;
6. ``benchmarks/plan/registry.py``: their classes, by name;
7. ``benchmarks/environment.py``: device, versions, commit, and the digest of the sources;
8. ``benchmarks/run/training.py``: the training loop, its progress, and the load of the machine;
9. ``benchmarks/run/checkpoint.py``: where it resumes, and the trained weights;
10. ``benchmarks/run/answers.py``: what the trained method answers, as pictures and as scores.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import NoReturn

from filelock import FileLock

from retable.benchmarks.errors import UserError
from retable.datasets.errors import DataError
from retable.reports.records.cell import Cell
from retable.reports.records.files import read_json
from retable.reports.records.journal import (
    Beginning,
    Journal,
    Metrics,
    Note,
    Scored,
    finished,
    outcome,
    read_journal,
    scores_during,
)
from retable.reports.records.result import Status
from retable.reports.records.score import Score, StepScores


@dataclass
class _Known:
    """What the result of a running cell will say, as far as it is known."""

    started: Beginning
    journal: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)
    during: tuple[StepScores, ...] = ()


def main(arguments: list[str]) -> int:
    """Run the cell that ``arguments = [CELL.json, DIR]`` name. Returns 0 when it ended ``ok``, else 1."""
    if len(arguments) != 2:
        print("usage: python -m retable.benchmarks.cell CELL.json DIR", file=sys.stderr)  # noqa: T201
        return 2
    _end_with_harness()
    try:
        cell = Cell.from_json(read_json(Path(arguments[0])) or {})
    except ValueError as error:
        print(f"{arguments[0]}: not a cell ({error})", file=sys.stderr)  # noqa: T201
        return 2
    return 0 if run_cell(cell, Path(arguments[1])) == "ok" else 1


def run_cell(cell: Cell, directory: Path) -> Status:
    """Run one cell in this process and leave its journal, result and ``done`` in ``directory``.

    ``directory`` is ``ROOT/cells/NAME``; needed cells are found beside it. A second process that wants the same cell
    waits for the first and then has nothing left to do.
    """
    with FileLock(directory / "lock"):
        before = finished(directory)
        if before is not None and before.status == "ok":
            return "ok"
        for name in ("done", "result.json"):
            (directory / name).unlink(missing_ok=True)
        journal, known = Journal(directory), _Known(Beginning.now())
        status, reason = _attempt(cell, directory, journal, known)
        try:
            journal.end(outcome(cell, status, reason, **vars(known)))
        except OSError as error:
            print(f"error: the result ({status} {reason}) cannot be recorded: {error}", file=sys.stderr)  # noqa: T201
            return "failed"
    return status


def _attempt(cell: Cell, directory: Path, journal: Journal, known: _Known) -> tuple[Status, str]:
    """Turn whatever the work raises into a status and a reason."""
    with uncollected():
        from retable.benchmarks.run.training import NonFiniteLossError, is_out_of_memory

    try:
        _work(cell, directory, journal, known)
    except NonFiniteLossError as error:
        return "nonfinite", str(error)
    except (UserError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return "failed", str(error)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "failed", f"{error.filename or directory}: {error.strerror}"
        traceback.print_exc()
        first_line = next(iter(str(error).strip().splitlines()), "")
        return "oom" if is_out_of_memory(error) else "failed", f"{type(error).__name__}: {first_line}"
    return "ok", ""


def _work(cell: Cell, directory: Path, journal: Journal, known: _Known) -> None:
    # Imported here, so that a wrong call is answered at once and the imports below are left out of collections.
    import torch
    from lightning_fabric import Fabric

    from retable.benchmarks.environment import MIXED, changed_since, environment, run_elsewhere
    from retable.benchmarks.metrics.own_scores import own_scores
    from retable.benchmarks.run.answers import Answers, save_final_pictures, save_preview, score_task
    from retable.benchmarks.run.build import (
        WEIGHTS,
        build_method,
        build_task,
        derive_seed,
        file_digests,
        kept_random_state,
        seed_everything,
        source_modules,
    )
    from retable.benchmarks.run.checkpoint import save_weights
    from retable.benchmarks.run.training import Progress, SystemMonitor, set_up, train

    root = directory.parent.parent
    progress = Progress(directory)

    progress.stage("data")
    torch.set_num_threads(cell.run.threads)
    # Same cell, same machine, same numbers: promised on the CPU, where it costs nothing.
    torch.use_deterministic_algorithms(cell.run.accelerator == "cpu")
    task = build_task(cell, root)
    modules = source_modules(cell, task)
    here = known.environment = environment(cell.run.accelerator, cell.run.threads, modules)
    if changed_since(known.started.ms, modules, here["code"]):
        raise UserError("the sources changed while the cell started; run it again")
    task.prepare()
    method = build_method(cell, task, root)
    known.data = {**task.digests(), **file_digests(cell)}
    if changed := [name for name, digest in cell.data.items() if known.data.get(name) != digest]:
        raise UserError(f"the data changed since the run was planned ({', '.join(changed)}); run it again")
    first = journal.start(cell, known.environment, known.data)
    if words := run_elsewhere(first.environment):
        journal.write(Note(text=f"goes on from an attempt made by {words}, as --resume-stale asks"))
    known.journal, known.environment = first.journal, first.environment

    with SystemMonitor(journal, cell.run.accelerator):
        progress.stage("train")
        fabric = Fabric(accelerator=cell.run.accelerator, devices=1, precision=cell.run.precision)
        networks = method.networks()
        set_up(method, fabric)
        seed_everything(derive_seed("training", cell.task, cell.seed))
        answers = Answers(method, fabric)

        def score(step: int) -> None:
            before = scores_during(read_journal(directory).events)
            held = {one.key for scored in before if scored.step == step for one in scored.scores}
            with kept_random_state():
                for one in score_task(cell, answers, task, root, on_the_way=True):
                    # A crash between two scores leaves some of them.
                    if one.key not in held:
                        journal.write(Scored(score=one, step=step))

        timer = train(
            cell, method, task, fabric, directory / "checkpoints", journal, progress,
            preview=lambda step: save_preview(answers, task, directory, journal, step),
            score=score,
        )  # fmt: skip
        save_weights(directory / WEIGHTS, networks, cell=cell.to_json())

        progress.stage("images")
        save_final_pictures(answers, task, directory)

        progress.stage("scores")
        # The journal has the whole curves, also those of attempts before this one.
        events = read_journal(directory).events
        known.during = scores_during(events)
        curves = [(event.step, event.values) for event in events if isinstance(event, Metrics)]
        own = own_scores(method, timer, curves, f"{cell.task_label}:{cell.task_settings['source']}")
        for one in chain(own, score_task(cell, answers, task, root)):
            known.scores.append(one)
            journal.write(Scored(score=one))
    if changed_since(known.started.ms, modules, here["code"]):
        # Some files are imported late: which of them were read before the change, nobody knows.
        journal.write(Note(text="the sources changed while this cell ran; it counts as stale"))
        known.environment = {**known.environment, "code": MIXED}


def _end_with_harness() -> None:
    """End this process, and all that it starts, when the harness dies without a chance to see to it."""
    signal.signal(signal.SIGTERM, _end_group)
    with contextlib.suppress(OSError, AttributeError):  # Linux alone knows how
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    # The harness may have died before it was asked to tell.
    if os.environ.get("RETABLE_HARNESS", str(os.getppid())) != str(os.getppid()):
        leave(1)


def _end_group(number: int, frame: FrameType | None) -> None:
    """A signal ends the process as if nobody caught it, and the other processes of its group with it."""
    signal.signal(number, signal.SIG_IGN)
    if os.getpgrp() == os.getpid():
        os.killpg(0, number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave the garbage collector out of a block of imports, and its objects out of every later collection.

    Importing torch makes very many objects and next to no garbage. Looking through them again and again takes about a
    fifth of the import's time, and the interpreter would look through them once more at its end.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def leave(code: int) -> NoReturn:
    """End this process at once with exit code ``code``; everything is on disk already.

    The interpreter would take torch apart object by object, about a second of CPU time. Handlers registered with
    ``atexit`` are not called.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
