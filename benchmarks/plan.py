"""From a suite to cells: settings resolved, shared stages found, dependencies first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from benchmarks.cell import Cell, RunSettings
from benchmarks.errors import UserError, did_you_mean
from benchmarks.overrides import Override, Profile, build_settings
from benchmarks.registry import get_method, get_task
from benchmarks.suites import PROFILES, Rows, Suite
from datasets.task import TaskSettings

JUDGE_SEED = 0
"""Judges are instruments: every seed of every row is judged by the same ones."""


@dataclass(frozen=True)
class Plan:
    """What an invocation is to do."""

    suite: Suite
    rows: tuple[Cell, ...]
    """The cells that were asked for: rows of tables."""
    cells: tuple[Cell, ...]
    """Rows and the shared stages that they need, dependencies first, each once."""


def make_plan(
    suite: Suite, *, seeds: Sequence[int] | None = None, only: str | None = None, overrides: Sequence[Override] = ()
) -> Plan:
    """Resolve a suite to cells.

    Args:
        suite: what to run.
        seeds: instead of the suite's own.
        only: glob over addresses; other rows are left out, needed stages stay.
        overrides: ``--set`` options, which win over profile and suite.

    Raises:
        UserError: an unknown method, task, profile or setting; a glob that matches nothing.
    """
    profile = Profile.load(suite.profile, (suite.path.parent / "profiles", PROFILES))
    resolver = _Resolver(profile, overrides)
    rows = [
        resolver.row(group, method, seed, suite)
        for group in suite.rows
        for method in group.methods
        for seed in seeds or suite.seeds
    ]
    addresses = [cell.address for cell in rows]
    for address in addresses:
        if addresses.count(address) > 1:
            raise UserError(
                f"{suite.path}: two rows have the address {address!r}; their settings must differ in a variant"
            )
    if only is not None:
        rows = [cell for cell in rows if fnmatchcase(cell.address, only)]
        if not rows:
            raise UserError(f"--only {only!r} matches no cell of suite {suite.name!r}{did_you_mean(only, addresses)}")
    resolver.refuse_idle_overrides(rows)
    return Plan(suite, tuple(rows), tuple(_dependencies_first(rows)))


def _dependencies_first(rows: Iterable[Cell]) -> list[Cell]:
    ordered: dict[str, Cell] = {}

    def visit(cell: Cell) -> None:
        for needed in cell.needed:
            visit(needed)
        ordered.setdefault(cell.hash, cell)

    for row in rows:
        visit(row)
    return list(ordered.values())


class _Resolver:
    def __init__(self, profile: Profile, overrides: Sequence[Override]) -> None:
        self.profile = profile
        self.overrides = overrides
        self.used: set[int] = set()
        run = profile.run_values()
        for index, override in enumerate(overrides):
            if override.scope == "run":
                run[override.key] = (override.value, override.where)
                self.used.add(index)
        self.run = build_settings(RunSettings, run, "a run")
        if self.run.accelerator == "auto":
            import torch

            found = "cuda" if torch.cuda.is_available() else "cpu"
            self.run = self.run.model_copy(update={"accelerator": found})

    def row(self, group: Rows, method: str, seed: int, suite: Suite) -> Cell:
        """A row of a table: every override may touch it."""
        own: list[Override] = []
        for dotted, value in group.set.items():
            scope, _, key = dotted.partition(".")
            where = f"{suite.path}: set of {method}"
            if scope not in ("method", "task"):
                raise UserError(f"{where}: {dotted!r} must start with 'method.' or 'task.'")
            own.append(Override("method" if scope == "method" else "task", key, value, where))
        task = get_task(group.task)
        values = self.profile.task_values(group.task)
        for override in own:
            if override.scope == "task":
                values[override.key] = (override.value, override.where)
        for index, override in enumerate(self.overrides):
            if override.scope == "task" and fnmatchcase(method, override.methods or "*"):
                values[override.key] = (override.value, override.where)
                self.used.add(index)
        settings = build_settings(task.Settings, values, f"task {group.task}")
        return self.cell(method, group.task, settings, seed, own, is_row=True)

    def cell(
        self,
        method: str,
        task_name: str,
        task_settings: TaskSettings,
        seed: int,
        own: Sequence[Override] = (),
        *,
        is_row: bool = False,
    ) -> Cell:
        """One cell with the stages it needs."""
        cls, task = get_method(method), get_task(task_name)
        values: dict[str, tuple[Any, str]] = self.profile.method_values(method)
        for override in own:
            if override.scope == "method":
                values[override.key] = (override.value, override.where)
        for index, override in enumerate(self.overrides):
            if override.scope != "method":
                continue
            # Without a glob an override speaks of the rows, and only of those that know its key.
            broad = override.methods is None and is_row and override.key in cls.Settings.model_fields
            if broad or (override.methods is not None and fnmatchcase(method, override.methods)):
                values[override.key] = (override.value, override.where)
                self.used.add(index)
        settings = build_settings(cls.Settings, values, f"method {method}")
        starts_from = {}
        for role, needed in cls.needs.items():
            stage = task.settings_for(task_settings, get_method(needed).stream)
            starts_from[role] = self.cell(needed, task_name, stage, seed)
        judges = {}
        if is_row:
            for role, needed in task.judges.items():
                stage = task.settings_for(task_settings, get_method(needed).stream)
                judges[role] = self.cell(needed, task_name, stage, JUDGE_SEED)
        return Cell(
            method=method,
            task=task_name,
            variant=task_settings.variant,
            profile=self.profile.name,
            seed=seed,
            method_settings=settings.model_dump(mode="json"),
            task_settings=task_settings.model_dump(mode="json"),
            run=self.run,
            starts_from=starts_from,
            judges=judges,
        )

    def refuse_idle_overrides(self, rows: Sequence[Cell]) -> None:
        """A ``--set`` that changed nothing is a typing error, and must not pass in silence."""
        for index, override in enumerate(self.overrides):
            if index not in self.used:
                names = {key for row in rows for key in get_method(row.method).Settings.model_fields}
                hint = did_you_mean(override.key, names)
                raise UserError(f"{override.where}: no method in this plan has the setting {override.key!r}{hint}")
