"""Makes cells' folders as the harness leaves them, with everything in them that tracking reads."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from retable.benchmarks.tracking.names import score_metric
from retable.reports.records.cell import Cell, RunSettings
from retable.reports.records.files import write_json
from retable.reports.records.invocation import OF_CELL, Invocation
from retable.reports.records.journal import End, Event, Metrics, Samples, Scored, Start, System, read_journal
from retable.reports.records.result import Result, Status
from retable.reports.records.score import Protocol, Score

T0 = 1_790_000_000_000
ENVIRONMENT = {"device": "cpu", "torch": "2.15.0", "commit": "0123456789" * 4, "dirty": "false"}
DATA = {"mnist": "5" * 64, "street-digits": "a1" * 32}


def make_cell(
    method: str = "dtn/dtn", seed: int = 0, variant: str = "", task: str = "digits", **method_settings: Any
) -> Cell:
    return Cell(
        method=method,
        task=task,
        variant=variant,
        profile="quick",
        seed=seed,
        method_settings={"steps": 600, "alpha": 15.0, "widths": [64, 128], "nested": {"beta": 0.5}, **method_settings},
        task_settings={"source": "standin", "leave_out": []},
        run=RunSettings(accelerator="cpu"),
    )


def make_score(name: str, value: float, **slice_: str) -> Score:
    protocol = Protocol(metric=name.partition(".")[0], data="digits:standin:test")
    slice_ = {"request": "test", **slice_}
    return Score(name=name, value=value, unit="%", direction="higher", slice=slice_, protocol=protocol)


def draw_grid(path: Path, step: int) -> None:
    """A wide picture, another one for every step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (512, 192), (step % 255, 90, 180)).save(path)


class FakeCell:
    """A cell's folder, written event by event. Times are made up and reproducible."""

    def __init__(self, root: Path, cell: Cell | None = None, journal: str | None = None) -> None:
        self.cell = cell or make_cell()
        self.directory = self.cell.directory(root)
        self.directory.mkdir(parents=True)
        self.path = self.directory / "journal.jsonl"
        self.journal = journal if journal is not None else uuid.uuid4().hex
        self.scores: list[Score] = []
        self.attempts = 0
        self.t = T0
        write_json(self.directory / "cell.json", self.cell.to_json())

    def write(self, kind: type[Event], **content: Any) -> FakeCell:
        self.t += 250
        with self.path.open("a") as file:
            file.write(kind(t=self.t, **content).model_dump_json() + "\n")
        return self

    def start(self, **changes: Any) -> FakeCell:
        self.attempts += 1
        for name in ("done", "result.json"):
            (self.directory / name).unlink(missing_ok=True)
        content = {"journal": self.journal, "cell": self.cell, "environment": ENVIRONMENT, "data": DATA, **changes}
        return self.write(Start, attempt=self.attempts, **content)

    def train(self, steps: Iterable[int], samples: Sequence[int] = ()) -> FakeCell:
        for n, step in enumerate(steps):
            self.write(Metrics, step=step, values={"l_d": 1 / (step + 1), "l_const": 3 / (step + 2), "steps_per_s": 9})
            if n % 5 == 0:
                self.write(System, step=n // 5, values={"cpu_utilization_percentage": 95, "gpu_memory_mb": 900 + n})
            if step in samples:
                file = f"samples/step-{step:06d}.png"
                draw_grid(self.directory / file, step)
                self.write(Samples, step=step, file=file)
        return self

    def score(self, *scores: Score) -> FakeCell:
        for score in scores:
            self.scores.append(score)
            self.write(Scored, score=score)
        return self

    def score_digits(self, accuracy: float = 86.4) -> FakeCell:
        digits = [make_score("accuracy.target", accuracy + digit / 7 - 0.7, digit=str(digit)) for digit in range(10)]
        others = make_score("fid.lite0", 41.0 + 1 / 3), make_score("kid.lite0", 0.1 + 0.2)
        return self.score(make_score("accuracy.target", accuracy), *digits, *others)

    def end(self, status: Status = "ok", reason: str = "", done: bool = True) -> FakeCell:
        (self.directory / "log.txt").write_text(f"training {self.cell.address}\nended {status}\n")
        if status == "ok":
            (self.directory / "weights.safetensors").write_bytes(bytes(range(256)) * 40)
            draw_grid(self.directory / "images" / "test.png", 600)
        self.write(End, status=status, reason=reason, wall_s=61.2)
        scores = tuple(self.scores)
        result = Result(cell=self.cell, status=status, reason=reason, scores=scores, journal=self.journal)
        (self.directory / "result.json").write_text(result.model_dump_json())
        return self.mark_done(status) if done else self

    @property
    def journal_scores(self) -> dict[str, float]:
        """The journal's scores by metric; of several with one name the last."""
        scores = [event.score for event in read_journal(self.directory).events if isinstance(event, Scored)]
        return {score_metric(score.name, score.slice): score.value for score in scores}

    def mark_done(self, status: str = "ok") -> FakeCell:
        (self.directory / "done").write_text(status + "\n")
        return self

    def tear(self, text: bytes) -> FakeCell:
        with self.path.open("ab") as file:
            file.write(text)
        return self

    def belongs_to(self, **changes: Any) -> FakeCell:
        known = {"id": "b0" * 16, "suite": "quick", "started": T0, "command": "retable run quick", "host": "elsewhere"}
        invocation = Invocation.model_validate({**known, "commit": "c0ffee", "pid": 1, **changes})
        write_json(self.directory / "invocation.json", invocation.model_dump(include=OF_CELL))
        return self


MakeCell = Callable[..., FakeCell]


def record(root: Path, id_: str, cells: Sequence[FakeCell], status: str = "ok", started: int = T0, **more: Any) -> None:
    """Write the record of an invocation on another machine that planned these cells."""
    known = {"id": id_, "suite": "quick", "started": started, "ended": started + 900_000, "host": "elsewhere"}
    planned = {cell.cell.hash: cell.cell.address for cell in cells}
    Invocation.model_validate({**known, "status": status, "planned": planned, **more}).write(root)
