"""Made-up cells: what runs, crashes and full disks leave behind, and every row of a paper with scores of our choice."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Entry, Kind, Table
from retable.reports.published.papers import FOLDER, PublishedPaper, load_paper
from retable.reports.records.cell import Cell, RunSettings
from retable.reports.records.folder import CellRecord, read_cells
from retable.reports.records.journal import End, Event, Metrics, Samples, Scored, Start
from retable.reports.records.recording import read_recording
from retable.reports.records.result import Result, Status
from retable.reports.records.score import Protocol, Score, StepScores
from tests.reports.made_up import CURVES, FAILED, LEVELS, SCALES, last_match

TITLES = {"dtn/dtn": "DTN", "dtn/baseline": "Baseline method (Sec. 3)", "judges/mnist": "MNIST judge"}
PAIR = ("inputs", "outputs")
"""The final pictures of most tasks."""
RECORDED = sorted((FOLDER.parent / "recorded").glob("*.jsonl.gz"))


def score(
    name: str,
    value: float,
    *,
    unit: str = "",
    direction: Literal["higher", "lower", "none"] = "none",
    slices: Mapping[str, str] | None = None,
    **protocol: Any,
) -> Score:
    """A score of the request ``test`` unless ``slices`` names another; further keywords go into its protocol."""
    return Score(
        name=name,
        value=value,
        unit=unit,
        direction=direction,
        slice={"request": "test", **(slices or {})},
        protocol=Protocol(metric=name.partition(".")[0], **protocol),
    )


def accuracy(value: float, *, n: int = 1000, source: str = "standin", **slices: str) -> Score:
    """Judge accuracy over a request, or over a part of it."""
    keys = {"extractor": "judge:target", "weights": "1a2b", "data": f"digits:{source}:test", "n_fake": n}
    return score("accuracy.target", value, unit="%", direction="higher", slices=slices, **keys)


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
        run, settings = RunSettings(accelerator="cpu"), {"steps": 500}
        fields = {"profile": "quick", "method_settings": settings, "run": run, "task_settings": {"source": source}}
        return Cell(method=method, task=task, variant=variant, seed=seed, **{**fields, **more})

    def plan(self, method: str, **keys: Any) -> Cell:
        """A cell that is planned, and has no folder unless :meth:`add` makes one."""
        cell = self.cell(method, **keys)
        self.planned.append(cell)
        return cell

    def add(
        self,
        method: str,
        scores: Sequence[Score] = (),
        *,
        status: Status = "ok",
        reason: str = "",
        wall_s: float = 61.2,
        started: int = 1_750_000_000_000,
        device: str = "cpu",
        pictures: Sequence[str] = (),
        curves: Mapping[str, Callable[[int], float]] | None = None,
        steps: int = 500,
        half: Sequence[Score] = (),
        log: str = "",
        **keys: Any,
    ) -> Path:
        """A cell that ended, with everything that the harness leaves in its folder.

        ``pictures`` names final ones, ``half`` are scores after half of the steps.
        """
        if method.startswith("dtn/") and method != "dtn/f":
            keys.setdefault("judges", {"target": self.cell("judges/mnist", source=keys.get("source", "standin"))})
        cell = self.plan(method, **keys)
        directory = self.root / f"{cell.address.replace('/', '_')}-{cell.hash}"
        directory.mkdir(parents=True)
        self.directories.append(directory)
        result = Result(
            cell=cell,
            status=status,
            reason=reason,
            scores=tuple(scores) if status == "ok" else (),
            during=(StepScores(step=steps // 2, scores=tuple(half)),) if half and status == "ok" else (),
            environment={
                "device": device,
                "accelerator": "cpu" if device == "cpu" else "cuda",
                "cpu": "Made-up CPU 2.0 GHz",
                "commit": "0123456789abcdef0123456789abcdef01234567",
                "dirty": "false",
            },
            data={name: hashlib.sha256(name.encode()).hexdigest() for name in ("mnist", "street")},
            wall_s=wall_s,
            steps=steps,
            journal="ab" * 16,
            started=started,
            ended=started + int(wall_s * 1000),
        )
        events: list[Event] = [
            Start(journal=result.journal, attempt=1, cell=cell, environment=result.environment, data=result.data)
        ]
        if curves:
            points = range(0, steps, max(1, steps // 60))
            events += [Metrics(step=at, values={name: curve(at) for name, curve in curves.items()}) for at in points]
        if pictures:
            events += self._pictures(directory, pictures, steps, cell.seed)
        events += [Scored(score=one, step=steps // 2) for one in half]
        events += [Scored(score=one) for one in scores]
        events.append(End(status=status, reason=reason, wall_s=wall_s))
        timed = [event.model_copy(update={"t": started + at}) for at, event in enumerate(events)]
        (directory / "journal.jsonl").write_text("".join(event.model_dump_json() + "\n" for event in timed))
        (directory / "cell.json").write_text(cell.model_dump_json())
        (directory / "log.txt").write_text(log or f"{method}: {status}\n")
        (directory / "result.json").write_text(result.model_dump_json())
        (directory / "done").write_text(status)
        return directory

    def _pictures(self, directory: Path, names: Sequence[str], steps: int, seed: int) -> list[Samples]:
        events = []
        for step in range(steps // 5, steps + 1, max(1, steps // 5)) if steps else ():
            file = f"samples/step-{step:06d}.png"
            write_grid(directory / file, strips(step / steps, seed))
            events.append(Samples(step=step, file=file))
        inputs, outputs = strips(0.8, seed)
        for name in names:
            answer = name.endswith("outputs")
            write_grid(directory / "images" / f"{name}.png", [outputs if answer else inputs], factor=1)
        return events

    def bundle(self, suite: str = "quick", *, planned: bool = True) -> Runs:
        """What the report is made from."""
        records, problems = read_cells(self.directories)
        return Runs.of(records, self.planned if planned else (), suite, TITLES, warnings=problems)


def strips(quality: float, seed: int, columns: int = 12, side: int = 48) -> list[list[Image.Image]]:
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


class Made(NamedTuple):
    """What a paper's file needs one cell for."""

    method: str
    variant: str
    task: str


@cache
def paper_of(name: str) -> PublishedPaper:
    """A paper that ships with the package."""
    return load_paper(FOLDER / f"{name}.toml")


@cache
def recorded() -> Runs:
    """The results that RESULTS.md is made of: one seed of every row of the quick suite."""
    return Runs.of(CellRecord.of(one) for file in RECORDED for one in read_recording(file))


def column(table: Table, name: str, kind: Kind | None = None) -> dict[str, Entry]:
    """Row -> what stands in the first column of this name and kind."""
    place = next(at for at, one in enumerate(table.headings) if one.column == name and kind in (None, one.kind))
    return {line.title: line.entries[place] for line in table.lines}


@cache
def asked_of(name: str) -> dict[Made, dict[str, Score]]:
    """The cells that a paper's tables and claims need, with every score that they ask of them; values are 0."""
    found: dict[Made, dict[str, Score]] = {}

    def ask(cell: Made, name: str, slices: Mapping[str, str], **keys: Any) -> None:
        given = {key: "test" if value == "*" else value for key, value in {"request": "test", **slices}.items()}
        family, _, how = name.partition(".")
        if family not in ("step_time", "throughput"):
            keys["extractor"] = how if how in ("", "lite0") else f"judge:{how}"
        data = f"{cell.task}{'-' + cell.variant if cell.variant else ''}:standin:{given['request']}"
        made = score(name, 0.0, slices=given, data=data, n_fake=500, **keys)
        found.setdefault(cell, {}).setdefault(made.label, made)

    for table in paper_of(name).tables:
        for row in (row for row in table.rows if row.method):
            for column in (column for column in table.columns if column.score):
                own = row.measures.get(column.id)
                variant = row.variant or column.variant or ""
                cell = Made(row.method or "", variant.strip("*"), table.task or "")
                if (row.measures and own is None) or column.require.get("timer") == "cuda":
                    continue
                slices = own.slice if own is not None and own.slice else {**column.slice, **row.slice}
                keys = {
                    "direction": column.direction,
                    "unit": column.unit if column.scale == 1 else "",
                    "detail": " ".join(f"{key}={value}" for key, value in column.require.items()),
                }
                ask(cell, (own.score if own is not None else None) or column.score or "", slices, **keys)
    for claim in paper_of(name).claims:
        for term in (term for contrast in claim.contrasts for term in (*contrast.plus, *contrast.minus)):
            for asked, slices in term.parts():
                row = Made(term.method, term.variant, claim.task)
                ask(row, asked, slices)
                conditions = paper_of(name).conditions_for(asked, slices)
                like = found[row][score(asked, 0.0, slices=slices).label]
                for anchor in conditions.anchors:
                    found.setdefault(Made(anchor, "", claim.task), {}).setdefault(like.label, like)
                if (real := conditions.real) is not None:
                    cell = Made(real.method, "", claim.task)
                    as_real = like.model_copy(
                        update={"name": real.score or asked, "slice": {"request": "test", **(real.slice or slices)}}
                    )
                    found.setdefault(cell, {}).setdefault(as_real.label, as_real)
    return found


@cache
def previews_of(name: str) -> dict[Made, list[str]]:
    """Cell -> the pictures that the paper's figures show of it."""
    beside = {"cartoon": ("inputs", "truth"), "mixdl": ("learnt",)}.get(name, ("inputs",))
    found: dict[Made, list[str]] = {}
    for table in (table for table in paper_of(name).tables if table.figure):
        for row in (row for row in table.rows if row.method):
            preview = row.picture if row.picture is not None or table.figure is None else table.figure.picture
            cell = Made(row.method or "", row.variant or "", table.task or "")
            parts = [part for part in (*beside, "outputs") if not (preview and part == "learnt")]
            names = [f"{preview}.{part}" if preview else part for part in parts]
            found.setdefault(cell, []).extend(names)
    return found


def suite(
    name: str,
    cells: Cells,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    pictures: bool = False,
    levels: Mapping[str, float] | None = None,
    values: Mapping[str, float] | None = None,
    source: str = "standin",
) -> Cells:
    """Every cell of a paper's tables at every seed, judges at the first; pictures at the first seed, if any.

    Of DTN at the last seed one row each is out of memory, failed, timed out and not run. Trained rows beat their
    anchors, and are after half of the steps where they are in the end.

    Args:
        name: the paper.
        cells: where they go.
        seeds: each moves every level a little.
        pictures: draw what the paper's figures show, and training curves.
        levels: replaces what :data:`LEVELS` says of some scores.
        values: replaces scores themselves.
        source: of the task's data.
    """
    how_good = {**LEVELS[name], **(levels or {})}
    scales = {**SCALES[name], **{place: (value, 0.0) for place, value in (values or {}).items()}}
    for seed in seeds:
        for made, asked in asked_of(name).items():
            if made.method.startswith("judges/") and seed != seeds[0]:
                continue
            row = f"{made.method.removeprefix(f'{name}/')}{'@' + made.variant if made.variant else ''}"
            scores = []
            for one in asked.values():
                place = f"{row}/{one.name}/{','.join(f'{key}={one.slice[key]}' for key in sorted(one.slice))}"
                at_zero, each = last_match(scales, place, (0.0, 1.0))
                value = at_zero + each * last_match(how_good, place, 1.0) * (1 + seed / 100)
                data = one.protocol.data.replace("standin", source)
                protocol = one.protocol.model_copy(update={"data": data})
                scores.append(one.model_copy(update={"value": value, "protocol": protocol}))
            keys: dict[str, Any] = {"variant": made.variant, "task": made.task, "seed": seed, "source": source}
            status, reason = FAILED.get(made, ("ok", "")) if seed == seeds[-1] else ("ok", "")
            if status == "not-run":
                cells.plan(made.method, **keys)
                continue
            trained = not made.method.startswith("anchor/")
            if not trained:
                keys["steps"] = 0
            if pictures and seed == seeds[0]:
                keys["pictures"] = previews_of(name).get(made, ())
                curves = CURVES.get(made.method, CURVES.get(name, {})) if trained else {}
                keys["curves"] = {one: (lambda step, slow=slow: math.exp(-step / slow)) for one, slow in curves.items()}
            cells.add(made.method, scores, status=status, reason=reason, half=scores, **keys)
    return cells
