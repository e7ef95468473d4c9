"""The file of recorded expectations, ``benchmarks/expected/SUITE.toml``: written by a program, read by people.

One block per score, sorted by cell and metric, so that a change reads well as a diff.
"""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.runs import commit, facts
from retable.benchmarks.plan.select import matches
from retable.benchmarks.plan.toml import read_model
from retable.reports.records.result import Result
from retable.reports.records.score import Protocol, Score

Place = tuple[str, str]
"""A cell's address, with or without its seed, and a score's label."""
FALSE_ALARMS = 0.05
"""A: the probability that a gate over a fresh, equally good run is red."""


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Expectation(_Block):
    """What one score of one cell should be."""

    cell: str
    """Address of the cell at the gate's seed."""
    name: str
    slice: dict[str, str] = {}
    value: float
    """Mean over the recorded seeds."""
    tolerance: NonNegativeFloat
    """How far a run may be from ``value``; see :mod:`retable.benchmarks.gate.tolerance`."""
    unit: str = ""
    direction: Literal["higher", "lower"]
    spread: NonNegativeFloat
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
    def of(cls, results: Collection[Result], checks: int = 0) -> Provenance:
        """Today, and what made these results."""
        device, cpu, torch = (", ".join(facts(results, key)) for key in ("device", "cpu", "torch"))
        made_by = ", ".join(sorted({commit(result) for result in results} - {""}))
        seeds = sorted({result.cell.seed for result in results})
        today = datetime.datetime.now(datetime.UTC).date()
        return cls(date=today, commit=made_by, device=device, cpu=cpu, torch=torch, seeds=seeds, checks=checks)


class Later(Provenance):
    """How the expectations of some cells were made after the rest of the file."""

    only: str
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
    data: dict[str, str] = {}
    """Address -> digest of the images behind the scores; files of earlier versions have none."""
    made: Provenance
    """Where the tolerances come from."""
    moved: Provenance | None = None
    """Where the values come from, if they were moved since and the tolerances kept."""
    later: list[Later] = []
    """Parts that were accepted by themselves since, in the order in which that happened."""
    score: list[Expectation] = []

    @classmethod
    def none(cls, suite: str) -> Expectations:
        """Of a suite of which nothing is recorded."""
        return cls(suite=suite, made=Provenance.of([]))

    @property
    def noisy(self) -> set[Place]:
        """The scores in ``cannot_fail``."""
        return {(cell, label) for cell, _, label in (place.partition(" ") for place in self.cannot_fail)}

    def alarms(self, entry: Expectation) -> float:
        """The probability that an equally good run is farther off than the tolerance."""
        made = [self.made, *(part for part in self.later if part.checks and matches(entry.cell, part.only))][-1]
        return made.false_alarms / made.checks if made.checks else 0.0


def load(path: Path) -> Expectations:
    """Read a file of expectations.

    Raises:
        UserError: no TOML, an unknown key or a bad value, with its line; or a score given twice.
    """
    known = [name for model in (Expectations, Expectation, Later, Protocol) for name in model.model_fields]
    expectations = read_model(path, Expectations, known)
    places = Counter(entry.place for entry in expectations.score)
    if twice := [" ".join(place) for place, times in places.items() if times > 1]:
        raise UserError(f"{path}: {twice[0]} is given twice; delete one")
    return expectations


def to_toml(expectations: Expectations) -> bytes:
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
    if expectations.data:
        lines += ["", "[data]", *(f"{_toml(cell)} = {_toml(one)}" for cell, one in sorted(expectations.data.items()))]
    for title, block in blocks:
        if block is not None:
            lines += ["", title, *(f"{key} = {_toml(value)}" for key, value in block)]
    return ("\n".join(lines) + "\n").encode()


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
