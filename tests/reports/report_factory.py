"""Made-up cell folders: what runs, crashes and full disks leave behind, small enough to make by the dozen."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retable.reports.compute.runs import Runs
from retable.reports.records.cell import Cell, RunSettings
from retable.reports.records.folder import read_cells

JUDGE_WEIGHTS = "1a2b3c4d5e6f7081"
TITLES = {"dtn/dtn": "DTN", "dtn/baseline": "Baseline method (Sec. 3)", "judges/mnist": "MNIST judge"}
STANDIN_ACCURACY = {
    "baseline": 22.4,
    "dtn": 88.31,
    "no-tid": 84.02,
    "no-const": 61.7,
    "no-f": 41.25,
    "no-gan": 28.9,
    "no-const-tid": 11.8,
    "original": 46.55,
}


def score(
    name: str,
    value: float,
    *,
    unit: str = "",
    direction: str = "none",
    interval: tuple[float, float] | None = None,
    slices: Mapping[str, str] | None = None,
    **protocol: Any,
) -> dict[str, Any]:
    """A score as the harness writes it; further keywords go into its protocol."""
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "direction": direction,
        "slice": {"request": "test", **(slices or {})},
        "protocol": {"metric": name.partition(".")[0], **protocol},
        "interval": interval,
    }


def accuracy(value: float, *, n: int = 1000, source: str = "standin", **slices: str) -> dict[str, Any]:
    """Judge accuracy over a request, or over a part of it."""
    return score(
        "accuracy.target",
        value,
        unit="%",
        direction="higher",
        slices=slices,
        extractor="judge:target",
        weights=JUDGE_WEIGHTS,
        data=f"digits:{source}:test",
        n_fake=n,
    )


class Cells:
    """Writes cell folders below ``root`` and remembers them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.directories: list[Path] = []
        self.planned: list[Cell] = []

    def cell(
        self,
        method: str,
        *,
        variant: str = "",
        seed: int = 0,
        source: str = "standin",
        task: str = "digits",
        **more: Any,
    ) -> Cell:
        """A cell; further keywords replace its other fields."""
        return Cell(
            method=method,
            task=task,
            variant=variant,
            seed=seed,
            task_settings={"source": source},
            **{
                "profile": "quick",
                "method_settings": {"steps": 500},
                "run": RunSettings(accelerator="cpu"),
                **more,
            },
        )

    def plan(self, method: str, **keys: Any) -> Cell:
        """A cell that is planned, and has no folder unless :meth:`add` makes one."""
        cell = self.cell(method, **keys)
        self.planned.append(cell)
        return cell

    def add(
        self,
        method: str,
        scores: Sequence[dict[str, Any]] = (),
        *,
        status: str = "ok",
        reason: str = "",
        wall_s: float = 61.2,
        started: int = 1_750_000_000_000,
        device: str = "cpu",
        pictures: bool = False,
        curves: Mapping[str, Callable[[int], float]] | None = None,
        steps: int = 500,
        log: str = "",
        **keys: Any,
    ) -> Path:
        """A cell that ended, with everything that the harness leaves in its folder."""
        if method.startswith("dtn/") and method != "dtn/f":
            keys.setdefault("judges", {"target": self.cell("judges/mnist", source=keys.get("source", "standin"))})
        cell = self.plan(method, **keys)
        directory = self.root / f"{cell.address.replace('/', '_')}-{cell.hash}"
        directory.mkdir(parents=True)
        self.directories.append(directory)
        environment = {
            "device": device,
            "accelerator": "cpu" if device == "cpu" else "cuda",
            "cpu": "Made-up CPU 2.0 GHz",
            "cores": "2",
            "threads": "1",
            "python": "3.12.1",
            "torch": "2.15.0",
            "platform": "Linux",
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "dirty": "false",
            "retable": "0.1.0",
        }
        data = {"mnist": hashlib.sha256(b"mnist").hexdigest(), "street": hashlib.sha256(b"street").hexdigest()}
        events: list[dict[str, Any]] = [
            {
                "event": "start",
                "journal": "ab" * 16,
                "attempt": 1,
                "cell": cell.to_json(),
                "environment": environment,
                "data": data,
            }
        ]
        for step in range(0, steps, max(1, steps // 60)):
            values = {name: curve(step) for name, curve in (curves or {}).items()}
            if values:
                events.append({"event": "metrics", "step": step, "values": values})
        if pictures:
            events += self._pictures(directory, method, steps, cell.seed)
        events += [{"event": "score", "score": one} for one in scores]
        events.append({"event": "end", "status": status, "reason": reason, "wall_s": wall_s})
        lines = [json.dumps({"t": started + index, **event}) for index, event in enumerate(events)]
        (directory / "journal.jsonl").write_text("\n".join(lines) + "\n")
        (directory / "cell.json").write_text(json.dumps(cell.to_json()))
        (directory / "log.txt").write_text(log or f"{method}: {status}\n")
        result = {
            "cell": cell.to_json(),
            "status": status,
            "reason": reason,
            "scores": list(scores) if status == "ok" else [],
            "environment": environment,
            "data": data,
            "wall_s": wall_s,
            "steps": steps,
            "journal": "ab" * 16,
            "started": started,
            "ended": started + int(wall_s * 1000),
        }
        (directory / "result.json").write_text(json.dumps(result))
        (directory / "done").write_text(status)
        return directory

    def _pictures(self, directory: Path, method: str, steps: int, seed: int) -> list[dict[str, Any]]:
        quality = STANDIN_ACCURACY.get(method.partition("/")[2], 50.0) / 100
        events = []
        for step in range(steps // 5, steps + 1, steps // 5):
            path = directory / "samples" / f"step-{step:06d}.png"
            inputs, outputs = strips(quality * min(1.0, step / steps + 0.1), seed)
            write_grid(path, [inputs, outputs])
            events.append({"event": "samples", "step": step, "file": f"samples/{path.name}"})
        final = strips(quality, seed)
        for name, strip in zip(("inputs", "outputs"), final, strict=True):
            write_grid(directory / "images" / f"{name}.png", [strip])
        return events

    def bundle(self, suite: str = "quick", *, planned: bool = True) -> Runs:
        """What the report is made from."""
        records, problems = read_cells(self.directories)
        return Runs.of(records, self.planned if planned else (), suite, TITLES, warnings=problems)


def strips(quality: float, seed: int, columns: int = 12, side: int = 32) -> list[list[Image.Image]]:
    """Coloured digits, and the same digits in white under noise that falls with ``quality`` in [0, 1]."""
    source = np.random.default_rng(seed)
    inputs, outputs = [], []
    font = ImageFont.load_default(size=24)
    for index in range(columns):
        colours = [tuple(int(value) for value in source.integers(20, 235, 3)) for _ in range(2)]
        street = Image.new("RGB", (side, side), colours[0])
        ImageDraw.Draw(street).text((9, 2), str(index % 10), fill=colours[1], font=font)
        plain = Image.new("RGB", (side, side), (0, 0, 0))
        ImageDraw.Draw(plain).text((9, 2), str(index % 10), fill=(255, 255, 255), font=font)
        noise = source.integers(0, 255, (side, side, 1)).repeat(3, axis=2)
        mixed = np.asarray(plain) * quality + noise * (1 - quality) * 0.8
        inputs.append(street)
        outputs.append(Image.fromarray(mixed.clip(0, 255).astype(np.uint8)))
    return [inputs, outputs]


def write_grid(path: Path, rows: Sequence[Sequence[Image.Image]], factor: int = 2) -> None:
    """A grid in the harness's layout: whole-factor enlargement and a gap of two pixels."""
    gap, side = 2, rows[0][0].width * factor
    canvas = Image.new("RGB", (len(rows[0]) * (side + gap) + gap, len(rows) * (side + gap) + gap), (255, 255, 255))
    for top, row in enumerate(rows):
        for left, image in enumerate(row):
            big = image.resize((side, side), Image.Resampling.NEAREST)
            canvas.paste(big, (gap + left * (side + gap), gap + top * (side + gap)))
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path)


def row_scores(base: float, random_state: random.Random, *, timer: str = "cpu") -> list[dict[str, Any]]:
    """Everything that a row of the paper's first table is scored by."""
    value = base + random_state.uniform(-1, 1)
    lite0 = {"extractor": "lite0", "weights": "99aa", "resize": "bicubic-96", "data": "digits:standin:test"}
    return [
        accuracy(value),
        accuracy(max(value - 2, 0.0), n=101, digit="3"),
        score("fid.lite0", 220 - 2 * value, direction="lower", n_real=1000, n_fake=1000, **lite0),
        score(
            "kid.lite0",
            0.2 - value / 1000,
            direction="lower",
            n_real=1000,
            n_fake=1000,
            detail="subsets=50x500",
            **lite0,
        ),
        score("lpips_diversity.lite0", 0.2 + value / 500, direction="higher", n_fake=1000, **lite0),
        score("parameters", 4_604_675 + round(base) * 1000),
        score("step_time.p50", 0.12 + base / 5000, unit="s", direction="lower", detail=f"timer={timer}, steps=50"),
        score(
            "throughput",
            64 / (0.12 + base / 5000),
            unit="images/s",
            direction="higher",
            detail=f"timer={timer}, steps=50",
        ),
        score("peak_memory", 900 + base, unit="MiB", direction="lower", detail=f"timer={timer}, steps=50"),
    ]


def adaptation(request: str, value: float, n: int) -> dict[str, Any]:
    """Accuracy of a classifier that was trained on transferred images."""
    return {
        **score(
            "adaptation", value, unit="%", direction="higher", data=f"digits:standin:{request}", n_real=1000, n_fake=n
        ),
        "slice": {"request": request},
    }


def dtn_suite(cells: Cells, seeds: Sequence[int] = (0,), *, pictures: bool = False) -> Cells:
    """Every row of the paper's tables; at the last seed one row each is out of memory, failed, timed out, not run."""
    curves = {
        "l_d": lambda step: 1.1 * math.exp(-step / 300) + 0.05 * math.sin(step),
        "l_gang": lambda step: 0.7 + step / 400 + 0.1 * math.cos(step / 3),
        "l_const": lambda step: 0.3 * math.exp(-step / 120) + 0.02,
        "l_tid": lambda step: 0.5 * math.exp(-step / 90) + 0.03,
    }
    cells.add("judges/mnist", [score("accuracy", 99.21, unit="%", direction="higher", n_fake=10000)], wall_s=44)
    for seed in seeds:
        cells.add(
            "dtn/f",
            [score("accuracy", 91.8 + seed / 10, unit="%", direction="higher", n_fake=1000)],
            seed=seed,
            curves={"loss": lambda step: 2.3 * math.exp(-step / 80)},
        )
        for name, base in STANDIN_ACCURACY.items():
            noise = random.Random(f"{name}-{seed}")
            scores = row_scores(base, noise)
            if name == "dtn":
                scores += [adaptation("train", 80.1 + seed, 5000), adaptation("test", 77.4 - seed, 1000)]
            shifted = {key: (lambda step, c=curve, o=base: c(step) + o / 900) for key, curve in curves.items()}
            last = seed == seeds[-1]
            bad = {"no-f": "oom", "no-gan": "failed", "no-const": "timeout"}.get(name) if last else None
            reasons = {
                "oom": "the process was killed: out of memory",
                "failed": "RuntimeError: <script>alert('x')</script> | shapes [64, 3] & [64, 1] do not match_at 100%",
                "timeout": "passed its limit of 3600 s",
            }
            if last and name == "no-const-tid":
                cells.plan("dtn/no-const-tid", seed=seed)
                continue
            cells.add(
                f"dtn/{name}",
                scores,
                seed=seed,
                status=bad or "ok",
                reason=reasons.get(bad or "", ""),
                pictures=pictures,
                curves={} if name == "original" else shifted,
                wall_s=3600.0 if bad == "timeout" else 70 + base / 2,
            )
        for variant, base in (("no3-s", 86.0), ("no3-t", 33.1), ("no3-st", 51.0), ("no3-stf", 9.9)):
            scores = [accuracy(80.0), accuracy(base + seed / 3, n=101, digit="3")]
            cells.add("dtn/dtn", scores, variant=variant, seed=seed, pictures=pictures, curves=curves)
    return cells
