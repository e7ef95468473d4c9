"""The file of recorded expectations, ``benchmarks/expected/SUITE.toml``: written by a program, read by people.

One block per score, sorted by cell and metric, so that a change reads well as a diff.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.gate.notes import Cells, commit, values
from retable.benchmarks.gate.tolerance import FALSE_ALARMS, Recorded
from retable.benchmarks.plan.overrides import read_toml
from retable.benchmarks.plan.select import matches
from retable.reports.records.files import write_atomically
from retable.reports.records.score import Protocol, Score

Place = tuple[str, str]
"""A cell's address, with or without its seed, and a score's label."""
Text = Annotated[str, Field(min_length=1)]
NonNegative = Annotated[FiniteFloat, Field(ge=0)]


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Expectation(_Block):
    """What one score of one cell should be."""

    cell: Text
    """Address of the cell at the gate's seed."""
    name: Text
    slice: dict[str, str] = {}
    value: FiniteFloat
    """Mean over the recorded seeds."""
    tolerance: NonNegative
    """How far a run may be from ``value``; see :mod:`retable.benchmarks.gate.tolerance`."""
    unit: str = ""
    direction: Literal["higher", "lower"]
    spread: NonNegative
    """Standard deviation over the seeds from which the tolerance was made."""
    seeds: PositiveInt
    """How many seeds the tolerance was made from."""
    n_real: NonNegativeInt = 0
    n_fake: NonNegativeInt = 0
    protocol: Protocol
    """Without the two counts, which stand beside it."""

    @property
    def score(self) -> Score:
        """The expected score."""
        protocol = self.protocol.model_copy(update={"n_real": self.n_real, "n_fake": self.n_fake})
        same = {name: getattr(self, name) for name in ("name", "value", "unit", "direction", "slice")}
        return Score(**same, protocol=protocol)

    @property
    def place(self) -> Place:
        """Address, and the score's label."""
        return self.cell, self.score.label


class Provenance(_Block):
    """How values or tolerances were made."""

    date: datetime.date
    commit: str
    """Revision of the working tree, with ``-dirty`` where it held more than that."""
    device: str
    cpu: str = ""
    torch: str = ""
    seeds: list[int]
    checks: int = 0
    """C, over which the false alarms are divided."""
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = FALSE_ALARMS
    """A, the probability that a gate over an equally good run is red."""

    @classmethod
    def of(cls, cells: Cells) -> Provenance:
        """Today, and what made these results."""
        device, cpu, torch = (", ".join(values(cells, key)) for key in ("device", "cpu", "torch"))
        made_by = ", ".join(sorted({commit(result) for result in cells.values()} - {""}))
        seeds = sorted({result.cell.seed for result in cells.values()})
        today = datetime.datetime.now(datetime.UTC).date()
        return cls(date=today, commit=made_by, device=device, cpu=cpu, torch=torch, seeds=seeds)


class Later(Provenance):
    """How the expectations of some cells were made after the rest of the file."""

    only: Text
    """Glob over addresses. ``checks`` is 0 where only values were moved."""


class Expectations(_Block):
    """The whole file."""

    format: Literal[1] = 1
    suite: str
    leave_out: list[str] = []
    """Globs over ``CELL METRIC``: scores that are not recorded. Written by hand and kept."""
    cannot_fail: list[str] = []
    """``CELL METRIC``: scores whose tolerance would reach the end of their scale. They have no expectation, since a
    check that no value could fail would count as passed for ever."""
    made: Provenance
    """Where the tolerances come from."""
    moved: Provenance | None = None
    """Where the values come from, if they were moved since and the tolerances kept."""
    later: list[Later] = []
    """Parts that were accepted by themselves since, in the order in which that happened."""
    score: list[Expectation] = []

    @property
    def noisy(self) -> set[Place]:
        """The scores in ``cannot_fail``."""
        return {(cell, label) for cell, _, label in (place.partition(" ") for place in self.cannot_fail)}

    def recorded(self, entry: Expectation) -> Recorded:
        """What is known of a score from the seeds of its expectation."""
        made = [self.made, *(part for part in self.later if part.checks and matches(entry.cell, part.only))][-1]
        alarms = made.false_alarms / made.checks if made.checks else 0.0
        return Recorded(entry.value, entry.spread, entry.tolerance, entry.seeds, alarms)


def left_out(globs: Sequence[str], cell: str, key: str) -> bool:
    """Whether ``leave_out`` picks this score: a glob over the cell's address, a space, and the score's key."""
    return any(fnmatchcase(f"{cell} {key}", glob) for glob in globs)


def load(path: Path) -> Expectations:
    """Read a file of expectations.

    Raises:
        UserError: no such file or not TOML; or, with its line, an unknown key, a bad value, or a score given twice.
    """
    if not path.exists():
        raise UserError(f"{path}: nothing is recorded yet; run the suite with five seeds, then `retable gate --accept`")
    data, text = read_toml(path), path.read_text(encoding="utf-8")
    try:
        expectations = Expectations.model_validate(data)
    except ValidationError as error:
        raise UserError(_explain(path, text, error)) from error
    first: dict[Place, int] = {}
    for index, entry in enumerate(expectations.score):
        other = first.setdefault(entry.place, index)
        if other != index:
            here, there = (_line(text, ("score", i, "cell")) for i in (index, other))
            what = " ".join(entry.place)
            raise UserError(f"{path}:{here}: {what} is given twice (first in line {there}); delete one")
    return expectations


def save(path: Path, text: str | bytes) -> None:
    """Write a file in one step, with its folder.

    Raises:
        UserError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def to_toml(expectations: Expectations) -> str:
    """The file's text. Equal expectations give equal text, whatever their order."""
    lines = [
        "# What the gate expects. Written by `retable gate --accept`; the rule for tolerances is explained in",
        "# benchmarks/gate/tolerance.py. Only `leave_out` is meant to be edited by hand.",
        f"format = {expectations.format}",
        f"suite = {_toml(expectations.suite)}",
        f"leave_out = {_toml(expectations.leave_out)}",
        f"cannot_fail = {_toml(sorted(expectations.cannot_fail))}",
    ]
    blocks: list[tuple[str, _Block | None]] = [("[made]", expectations.made), ("[moved]", expectations.moved)]
    blocks += [("[[later]]", part) for part in expectations.later]
    blocks += [("[[score]]", entry) for entry in sorted(expectations.score, key=lambda entry: entry.place)]
    for title, block in blocks:
        if block is not None:
            lines += ["", title, *(f"{key} = {_toml(value)}" for key, value in block)]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, Mapping):
        names = {key: key if re.fullmatch("[A-Za-z0-9_-]+", key) else _toml(key) for key in value}
        return "{ " + ", ".join(f"{names[key]} = {_toml(v)}" for key, v in value.items()) + " }" if value else "{}"
    # What JSON makes of strings, numbers and lists is TOML, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")


def _explain(path: Path, text: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    loc = first["loc"]
    where = f"{path}:{_line(text, loc)}: key {'.'.join(map(str, loc))!r}"
    if first["type"] == "extra_forbidden":
        known = [name for block in (Expectations, Expectation, Later, Protocol) for name in block.model_fields]
        return f"{where}: unknown key{did_you_mean(str(loc[-1]), known)}"
    if first["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {first['msg']} (got {first['input']!r})"


def _line(text: str, loc: Sequence[int | str]) -> int:
    """The line of a key within its block, or the block's first line."""
    heads = [match.start() for match in re.finditer(rf"^\[+{re.escape(str(loc[0]))}\]", text, re.MULTILINE)]
    number, inside = (loc[1], loc[2:]) if len(loc) > 1 and isinstance(loc[1], int) else (0, loc[1:])
    start, key = (heads[number], str(inside[0]) if inside else "") if heads else (0, str(loc[0]))
    end = text.find("\n[", start + 1)
    found = re.search(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*=", text[start : None if end < 0 else end], re.MULTILINE)
    return text.count("\n", 0, start + (found.start() if found else 0)) + 1
