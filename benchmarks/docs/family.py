"""Which methods share a page: those of one module. And what the plans of the suites say about them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retable.benchmarks.plan.overrides import Profile, build_settings
from retable.benchmarks.plan.registry import get_method, rows
from retable.benchmarks.plan.suites import PROFILES
from retable.methods.method import Method
from retable.reports.records.cell import Cell

SUITES = ("quick", "mixdl")
"""Suites that hold every row; a row is taken from the first that has it."""
WITHOUT_PAGE = "retable.benchmarks.plan.dummy"
"""The module of the methods that only test the harness."""


@dataclass(frozen=True)
class Member:
    """One registered method."""

    name: str
    cls: type[Method]
    quick: Mapping[str, Any]
    """Its settings in the quick profile."""
    rows: tuple[tuple[str, Cell], ...] = ()
    """``(suite, cell)`` of every row that it is, at seed 0; empty for a stage, and for what no suite of ours names."""
    stages: tuple[Cell, ...] = ()
    """Its cells as a stage of other rows."""
    user: tuple[str, Cell] | None = None
    """For a stage, suite and cell of the first row that needs it."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its cells as rows, or else as a stage."""
        return tuple(cell for _, cell in self.rows) or self.stages


@dataclass(frozen=True)
class Family:
    """The methods of one module: a page."""

    module: str
    members: tuple[Member, ...]
    file: str

    @property
    def names(self) -> tuple[str, ...]:
        """Registered names."""
        return tuple(member.name for member in self.members)


@dataclass
class _Found:
    rows: dict[str, tuple[str, Cell]] = field(default_factory=dict)
    stages: dict[str, Cell] = field(default_factory=dict)
    user: tuple[str, Cell] | None = None


def families() -> list[Family]:
    """Every registered method, third parties' included, in the order of registration; a page a module.

    Raises:
        UserError: an entry point that cannot be imported, or settings that do not fit the quick profile.
    """
    modules: dict[str, list[str]] = {}
    for name, row in rows().items():
        modules.setdefault(row.method.partition(":")[0], []).append(name)
    modules.pop(WITHOUT_PAGE, None)
    files = _files(modules)
    planned = _planned()
    return [
        Family(module, tuple(_member(name, planned) for name in names), files[module])
        for module, names in modules.items()
    ]


def _files(modules: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """``dtn-ablations.md`` for the module ``methods.dtn.ablations`` of ``dtn/...``; whole names where two clash."""
    short = {}
    for module, names in modules.items():
        paper, parts = names[0].partition("/")[0], ["", *module.split(".")]
        last = parts[-1].replace("_", "-")
        short[module] = f"{paper}.md" if parts[-1] == paper != parts[-2] else f"{paper}-{last}.md"
    taken = list(short.values())
    return {module: name if taken.count(name) == 1 else f"{module}.md" for module, name in short.items()}


def _member(name: str, planned: Mapping[str, _Found]) -> Member:
    cls, found = get_method(name), planned.get(name, _Found())
    profile = Profile.load("quick", (PROFILES,))
    values = {key: pair for key, pair in profile.method_values(name).items() if key in cls.Settings.model_fields}
    quick = build_settings(cls.Settings, values, f"method {name}").model_dump(mode="json")
    return Member(name, cls, quick, tuple(found.rows.values()), tuple(found.stages.values()), found.user)


@functools.cache
def _planned() -> Mapping[str, _Found]:
    from retable.benchmarks.plan.plan import make_plan
    from retable.benchmarks.plan.suites import load_suite

    found: dict[str, _Found] = {}
    for suite in SUITES:
        for cell in make_plan(load_suite(suite), seeds=(0,)).rows:
            found.setdefault(cell.method, _Found()).rows.setdefault(cell.address, (suite, cell))
            for needed in _below(cell):
                stage = found.setdefault(needed.method, _Found())
                stage.stages.setdefault(needed.address, needed)
                stage.user = stage.user or (suite, cell)
    return found


def _below(cell: Cell) -> list[Cell]:
    """The stages that a cell rests on, theirs included."""
    return [*cell.needed, *(deeper for needed in cell.needed for deeper in _below(needed))]
