"""Makes cells' folders as the harness leaves them, with everything in them that tracking reads."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from retable.benchmarks.run.old_journal import write_json
from retable.reports.records.cell import Cell, RunSettings

T0 = 1_790_000_000_000
ENVIRONMENT = {
    "device": "cpu",
    "accelerator": "cpu",
    "cpu": "Some CPU @ 2.0GHz",
    "cores": "2",
    "threads": "1",
    "python": "3.11.7",
    "torch": "2.15.0",
    "platform": "Linux",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "dirty": "false",
    "retable": "0.1.0",
}
DATA = {"mnist": "5" * 64, "street-digits": "a1" * 32}


def make_cell(
    method: str = "dtn/dtn", seed: int = 0, variant: str = "", task: str = "digits", **method_settings: Any
) -> dict[str, Any]:
    cell = Cell(
        method=method,
        task=task,
        variant=variant,
        profile="quick",
        seed=seed,
        method_settings={"steps": 600, "alpha": 15.0, "widths": [64, 128], "nested": {"beta": 0.5}, **method_settings},
        task_settings={"source": "standin", "leave_out": []},
        run=RunSettings(accelerator="cpu"),
    )
    return cell.to_json()


def make_score(name: str, value: float, **slice_: str) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": "%",
        "direction": "higher",
        "slice": {"request": "test", **slice_},
        "protocol": {"metric": name.partition(".")[0], "data": "digits:standin:test"},
        "interval": None,
    }


def draw_grid(path: Path, step: int, columns: int = 8, rows: int = 3, side: int = 64) -> None:
    image = Image.new("RGB", (columns * side, rows * side), "white")
    pen = ImageDraw.Draw(image)
    for row in range(rows):
        for column in range(columns):
            shade = (37 * column + 11 * row) % 200, (step // 4 + 40 * row) % 255, 30 * column
            box = (column * side + 2, row * side + 2, (column + 1) * side - 2, (row + 1) * side - 2)
            pen.rectangle(box, fill=shade)
            pen.text(
                (box[0] + side // 2 - 12, box[1] + side // 2 - 14), str((column + row) % 10), "white", font_size=28
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


class FakeCell:
    """A cell's folder, written event by event. Times are made up and reproducible."""

    def __init__(self, root: Path, cell: Mapping[str, Any] | None = None, journal: str | None = None) -> None:
        self.cell = dict(cell or make_cell())
        self.directory = Cell.from_json(self.cell).directory(root)
        self.directory.mkdir(parents=True)
        self.journal = journal if journal is not None else uuid.uuid4().hex
        self.scores: list[dict[str, Any]] = []
        self.attempts = 0
        self.t = T0
        write_json(self.directory / "cell.json", self.cell)

    @property
    def path(self) -> Path:
        return self.directory / "journal.jsonl"

    def write(self, event: str, **content: Any) -> FakeCell:
        self.t += 250
        with self.path.open("a") as file:
            file.write(json.dumps({"t": self.t, "event": event, **content}) + "\n")
        return self

    def start(self, **changes: Any) -> FakeCell:
        self.attempts += 1
        for name in ("done", "result.json"):
            (self.directory / name).unlink(missing_ok=True)
        content = {"journal": self.journal, "cell": self.cell, "environment": ENVIRONMENT, "data": DATA, **changes}
        return self.write("start", attempt=self.attempts, **content)

    def train(self, steps: Iterable[int], samples: Sequence[int] = ()) -> FakeCell:
        for n, step in enumerate(steps):
            decay = math.exp(-step / 300)
            values = {
                "l_d": 1.1 - 0.4 * decay + 0.05 * math.sin(step),
                "l_const": 3 * decay,
                "steps_per_s": 9 + step % 3,
            }
            self.write("metrics", step=step, values=values)
            if n % 5 == 0:
                used = {"cpu_utilization_percentage": 95.0 + n % 7, "system_memory_usage_megabytes": 900.0 + n}
                self.write("system", step=n // 5, values=used)
            if step in samples:
                file = f"samples/step-{step:06d}.png"
                draw_grid(self.directory / file, step)
                self.write("samples", step=step, file=file)
        return self

    def score(self, *scores: dict[str, Any]) -> FakeCell:
        for score in scores:
            self.scores.append(score)
            self.write("score", score=score)
        return self

    def score_digits(self, accuracy: float = 86.4) -> FakeCell:
        digits = [make_score("accuracy.target", accuracy + digit / 7 - 0.7, digit=str(digit)) for digit in range(10)]
        return self.score(
            make_score("accuracy.target", accuracy),
            *digits,
            make_score("fid.lite0", 41.0 + 1 / 3),
            make_score("kid.lite0", 0.1 + 0.2),
            make_score("step_time.p50", 0.1173),
        )

    def end(self, status: str = "ok", reason: str = "", done: bool = True) -> FakeCell:
        (self.directory / "log.txt").write_text(f"training {self.cell['address']}\nended {status}\n")
        if status == "ok":
            (self.directory / "weights.safetensors").write_bytes(bytes(range(256)) * 40)
            draw_grid(self.directory / "images" / "test.png", 600)
        self.write("end", status=status, reason=reason, wall_s=61.2)
        result = {"cell": self.cell, "status": status, "reason": reason, "scores": self.scores, "journal": self.journal}
        write_json(self.directory / "result.json", result)
        return self.mark_done(status) if done else self

    def mark_done(self, status: str = "ok") -> FakeCell:
        (self.directory / "done").write_text(status + "\n")
        return self

    def tear(self, text: bytes = b'{"t":1790000000999,"event":"met') -> FakeCell:
        with self.path.open("ab") as file:
            file.write(text)
        return self

    def belongs_to(self, **changes: Any) -> FakeCell:
        known = {"id": "b0" * 16, "suite": "quick", "started": T0, "command": "retable run quick", "host": "elsewhere"}
        write_json(self.directory / "invocation.json", {**known, "commit": "c0ffee", "pid": 1, **changes})
        return self


MakeCell = Callable[..., FakeCell]
