"""The file of recorded expectations, ``benchmarks/expected/SUITE.toml``: written by a program, read by people.

One block per score, sorted by cell and metric, so that a change reads well as a diff.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.gate.tolerance import worst
from retable.benchmarks.plan.select import matches
from retable.benchmarks.run.old_journal import write_atomically
from retable.reports.records.score import Protocol, Score

Text = Annotated[str, Field(min_length=1)]


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KeyProtocol(_Block):
    """The fields of a protocol that must agree; the counts stand beside it in :class:`Expectation`."""

    metric: str
    extractor: str = ""
    weights: str = ""
    resize: str = ""
    data: str = ""
    detail: str = ""

    @classmethod
    def of(cls, protocol: Protocol) -> KeyProtocol:
        """The key fields of a measured score's protocol.

        The digest of a judge is left out: a judge is trained in the run, so its digest changes with the machine's
        rounding.
        """
        fields = {name: getattr(protocol, name) for name in cls.model_fields}
        if protocol.extractor.startswith("judge:"):
            fields["weights"] = ""
        return cls(**fields)


class Expectation(_Block):
    """What one score of one cell should be."""

    cell: Text
    """Address of the cell at the gate's seed."""
    name: Text
    slice: dict[str, str] = {}
    value: FiniteFloat
    """Mean over the recorded seeds."""
    tolerance: Annotated[FiniteFloat, Field(ge=0)]
    """How far a run may be from ``value``; see :mod:`retable.benchmarks.gate.tolerance`."""
    unit: str = ""
    direction: Literal["higher", "lower"]
    spread: Annotated[FiniteFloat, Field(ge=0)]
    """Standard deviation over the seeds from which the tolerance was made."""
    seeds: Annotated[int, Field(ge=1)]
    """How many seeds the tolerance was made from."""
    n_real: Annotated[int, Field(ge=0)] = 0
    n_fake: Annotated[int, Field(ge=0)] = 0
    protocol: KeyProtocol

    @property
    def key(self) -> str:
        """The score's name with its slice; see :func:`score_key`."""
        return score_key(self.name, self.slice)

    @property
    def can_fail(self) -> bool:
        """Whether some value would be too bad; see :func:`retable.benchmarks.gate.tolerance.worst`."""
        end = worst(self.name, self.unit, self.direction)
        return abs(self.value - end) > self.tolerance

    def differs_from(self, score: Score) -> str:
        """What makes a measured score incomparable, e.g. ``n_fake is 500, expected 1000``; empty if nothing does."""
        expected = {**self.protocol.model_dump(), "unit": self.unit, "direction": self.direction}
        return differing({**expected, "n_real": self.n_real, "n_fake": self.n_fake}, score)


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
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """A, the probability that a gate over an equally good run is red."""


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


def measured(score: Score) -> dict[str, str | int]:
    """How a score was measured: everything in which two must agree before they may be compared."""
    how = {**KeyProtocol.of(score.protocol).model_dump(), "unit": score.unit, "direction": score.direction}
    return {**how, "n_real": score.protocol.n_real, "n_fake": score.protocol.n_fake}


def differing(expected: Mapping[str, str | int], score: Score) -> str:
    """In what a score was measured differently, e.g. ``n_fake is 500, expected 1000``; empty if in nothing."""
    got = measured(score)
    return ", ".join(
        f"{key} is {got[key] or 'empty'}, expected {expected[key] or 'empty'}"
        for key in expected
        if got[key] != expected[key]
    )


def score_key(name: str, slice_: Mapping[str, str]) -> str:
    """``accuracy.target request:test digit:3``: a score's name and slice, the request first."""
    keys = sorted(slice_, key=lambda key: (key != "request", key))
    return " ".join([name, *(f"{key}:{slice_[key]}" for key in keys)])


def alarms(entry: Expectation, expectations: Expectations) -> float:
    """How probable it is that an equally good run is red by this check."""
    parts = [part for part in expectations.later if part.checks and matches(entry.cell, part.only)]
    made = parts[-1] if parts else expectations.made
    return made.false_alarms / made.checks if made.checks else 0.0


def left_out(globs: Sequence[str], cell: str, key: str) -> bool:
    """Whether ``leave_out`` picks this score: a glob over the cell's address, a space, and the score's key."""
    return any(fnmatchcase(f"{cell} {key}", glob) for glob in globs)


def load(path: Path) -> Expectations:
    """Read a file of expectations.

    Raises:
        UserError: no such file, not TOML, an unknown key, a value of the wrong type, or a score given twice; with the
            line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: nothing is recorded yet; run the suite with five seeds, then `retable gate --accept`"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    try:
        expectations = Expectations.model_validate(data)
    except ValidationError as error:
        raise UserError(_explain(path, text, error)) from error
    first: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(expectations.score):
        other = first.setdefault((entry.cell, entry.key), index)
        if other != index:
            here, there = (_line(text, ("score", i, "cell")) for i in (index, other))
            raise UserError(
                f"{path}:{here}: {entry.cell} {entry.key} is given twice (first in line {there}); delete one"
            )
    return expectations


def save(path: Path, expectations: Expectations) -> None:
    """Write the file in one step, sorted by cell and metric.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, to_toml(expectations))
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
    for title in ("made", "moved"):
        if (provenance := getattr(expectations, title)) is not None:
            lines += ["", f"[{title}]", *(f"{key} = {_toml(value)}" for key, value in provenance)]
    for part in expectations.later:
        lines += ["", "[[later]]", *(f"{key} = {_toml(value)}" for key, value in part)]
    for entry in sorted(expectations.score, key=lambda entry: (entry.cell, entry.key)):
        lines += ["", "[[score]]", *(f"{key} = {_toml(value)}" for key, value in entry)]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, str):
        # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = (
            f"{key if re.fullmatch('[A-Za-z0-9_-]+', key) else _toml(key)} = {_toml(v)}" for key, v in value.items()
        )
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no expectation")
    return repr(value)


def _explain(path: Path, text: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    loc = first["loc"]
    name = ".".join(str(part) for part in loc)
    where = f"{path}:{_line(text, loc)}: key {name!r}"
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown key{did_you_mean(str(loc[-1]), _siblings(loc))}"
    if first["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {first['msg']} (got {first['input']!r})"


def _siblings(loc: Sequence[int | str]) -> Iterable[str]:
    model: type[BaseModel] = Expectations
    inner: dict[str, type[BaseModel]] = {
        "score": Expectation,
        "made": Provenance,
        "moved": Provenance,
        "later": Later,
        "protocol": KeyProtocol,
    }
    for part in loc[:-1]:
        model = inner.get(str(part), model)
    return model.model_fields


def _line(text: str, loc: Sequence[int | str]) -> int:
    """The line of a key: within its block where it can be found, else the block's first line."""
    block, wanted, rest = f"[{loc[0]}]", 0, loc[1:]
    if len(loc) > 1 and isinstance(loc[1], int):
        block, wanted, rest = f"[[{loc[0]}]]", loc[1], loc[2:]
    lines = text.splitlines()
    headers = [number for number, line in enumerate(lines) if line.split("#")[0].strip() == block]
    start, key = (headers[wanted], str(rest[0]) if rest else "") if len(headers) > wanted else (-1, str(loc[0]))
    for number in range(start + 1, len(lines)):
        if lines[number].startswith("["):
            break
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", lines[number]):
            return number + 1
    return max(start, 0) + 1
