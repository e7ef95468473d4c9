"""Suites: lists of cells, written in TOML.

A suite names its profile and its rows::

    about = "DTN and what it is compared with"
    profile = "quick"
    seeds = [0]

    [[rows]]
    methods = ["dtn/dtn", "dtn/no-*"]
    task = "digits"
    set = { "task.adaptation" = true }

``methods`` names rows by their ids, or by globs over all registered ids. ``seeds`` in a ``[[rows]]`` gives these rows
seeds of their own, beside those that other ``[[rows]]`` give them.
``source = "standin"`` leaves them out where the task's data have another source.
``rows_of = "quick"``, or a list of names, takes over the rows of other suites, before its own and each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, field_validator

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.plan.registry import rows as registered_rows
from retable.benchmarks.plan.select import MOST_SEEDS, matches
from retable.benchmarks.plan.toml import line_of, read_model

SUITES = Path(__file__).parents[1] / "suites"
PROFILES = Path(__file__).parents[1] / "profiles"
EXPECTED = Path(__file__).parents[1] / "expected"
DEEPEST = 20
"""Suites that lead to each other by ``rows_of``."""


class Rows(BaseModel):
    """Some methods on one task, with settings of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[str, ...] = Field(min_length=1)
    """Ids of rows; in a file also globs over them."""
    task: str
    set: dict[str, Any] = {}
    """``method.KEY`` or ``task.KEY`` -> value."""
    seeds: tuple[NonNegativeInt, ...] = Field(default=(), max_length=MOST_SEEDS)
    """Instead of the suite's own; of ``--seeds`` only those of them that it names. Some contrasts need more seeds."""
    source: str | None = None
    """Only where the task's data come from there: the stand-in knows more than a real data set does."""

    def seeds_of(self, suite: Sequence[int], asked: Sequence[int] | None) -> Sequence[int]:
        """The seeds to plan.

        Args:
            suite: the suite's own.
            asked: those of the command line, if any.
        """
        if not self.seeds:
            return asked or suite
        return [seed for seed in self.seeds if asked is None or seed in asked]


class _File(BaseModel):
    """What a suite's file says; the suite is named by the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = ""
    profile: str
    seeds: tuple[NonNegativeInt, ...] = Field(default=(0,), min_length=1, max_length=MOST_SEEDS)
    rows: tuple[Rows, ...] = ()
    rows_of: tuple[str, ...] = ()

    @field_validator("seeds")
    @classmethod
    def _once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("a seed is named twice")
        return seeds

    @field_validator("rows_of", mode="before")
    @classmethod
    def _names(cls, names: object) -> list[str]:
        listed = [names] if isinstance(names, str) else names
        if not (isinstance(listed, list) and all(isinstance(name, str) for name in listed)):
            raise ValueError("expected the name of a suite, or a list of names")
        return list(dict.fromkeys(listed))


@dataclass(frozen=True)
class Suite:
    """What ``retable run SUITE`` runs."""

    name: str
    path: Path
    about: str
    """What it is for, in one line."""
    profile: str
    seeds: tuple[int, ...]
    rows: tuple[Rows, ...]


def suite_names() -> list[str]:
    """The suites that ship with the harness."""
    return sorted(path.stem for path in SUITES.glob("*.toml"))


def _each_once(rows: list[Rows]) -> list[Rows]:
    """The rows without those that say of a method what an earlier one has said."""
    seen: list[tuple[str, str, dict[str, Any]]] = []
    kept = []
    for group in rows:
        methods = tuple(method for method in group.methods if (method, group.task, group.set) not in seen)
        seen += [(method, group.task, group.set) for method in methods]
        if methods:
            kept.append(group.model_copy(update={"methods": methods}))
    return kept


def _without_globs(rows: Rows, path: Path, place: int) -> Rows:
    """The rows at a place in the file, with every glob replaced by the ids that it matches, in the registry's order.

    Raises:
        UserError: a glob that matches none.
    """
    methods: list[str] = []
    for name in rows.methods:
        if not set(name) & set("*?["):
            methods.append(name)
            continue
        found = [known for known in registered_rows() if matches(known, name)]
        if not found:
            hint = did_you_mean(name, registered_rows())
            line = line_of(path, "rows", place, "methods")
            raise UserError(f"{path}:{line}: {name!r} matches no method{hint}")
        methods += [known for known in found if known not in (*methods, *rows.methods)]
    return rows.model_copy(update={"methods": tuple(methods)})


def load_suite(name: str) -> Suite:
    """A shipped suite by name, or any suite by the path of its TOML file.

    Raises:
        UserError: unknown name, or a file that is not a suite, with line and key.
    """
    return _load(name, (), {})


def _load(name: str, above: tuple[str, ...], loaded: dict[str, Suite]) -> Suite:
    """As :func:`load_suite`; ``above``: the suites whose ``rows_of`` led here; ``loaded``: all that are read."""
    path = Path(name) if name.endswith(".toml") else SUITES / f"{name}.toml"
    if not path.is_file() and not name.endswith(".toml"):
        names = suite_names()
        raise UserError(
            f"unknown suite {name!r}{did_you_mean(name, names)} (there are: {', '.join(names)}; or give a .toml file)"
        )
    # Runs, reports, expectations and experiments go by the name.
    if path.stem.startswith(".") or not path.stem.isprintable():
        raise UserError(f"{str(path)!r}: a suite cannot be called {path.stem!r}; rename the file")
    if path.stem in suite_names() and path.exists() and not path.samefile(SUITES / f"{path.stem}.toml"):
        raise UserError(f"{path}: {path.stem!r} is the name of a suite that ships with Retable; rename the file")
    file = read_model(path, _File, [*_File.model_fields, *Rows.model_fields])
    if circle := next((base for base in file.rows_of if base in (*above, name)), None):
        raise UserError(f"{path}:{line_of(path, 'rows_of')}: {circle!r} takes over its own rows; remove it")
    if len(above) > DEEPEST:
        raise UserError(f"{path}:{line_of(path, 'rows_of')}: suites take over each other's rows too deeply; list them")
    for base in file.rows_of:
        if base not in loaded:
            loaded[base] = _load(base, (*above, name), loaded)
    taken = _each_once([rows for base in file.rows_of for rows in loaded[base].rows])
    rows = [*taken, *(_without_globs(rows, path, place) for place, rows in enumerate(file.rows))]
    if not rows:
        raise UserError(f"{path}:1: a suite needs rows, or 'rows_of' and the name of another suite")
    return Suite(name=path.stem, path=path, about=file.about, profile=file.profile, seeds=file.seeds, rows=tuple(rows))
