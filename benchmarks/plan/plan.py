"""From a suite to cells: settings resolved, shared stages found, dependencies first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.plan.overrides import Override, Profile, Scope, Values, build_settings
from retable.benchmarks.plan.registry import UnusableError, get_method, get_row, get_settings, get_task, roles_of
from retable.benchmarks.plan.select import idle, matches, may_match
from retable.benchmarks.plan.suites import PROFILES, Rows, Suite
from retable.datasets.errors import DataError
from retable.datasets.task import Kind, Task, TaskSettings
from retable.reports.records.cell import Cell, RunSettings
from retable.reports.records.result import first_problem

JUDGE_SEED = 0
"""Judges are instruments: every seed of every row is judged by the same ones."""
NO_CACHE = Path()
"""A task says what it measures before it has any data, so the folder does not matter."""


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
    resolver = _Resolver(suite, profile, overrides)
    rows: list[Cell] = []
    for group, method in ((one, name) for one in suite.rows for name in one.methods):
        try:
            if resolver.left_out(group, method):
                continue
            planned = {cell.hash for cell in rows} if group.seeds else set()
            found = [resolver.row(group, method, seed) for seed in group.seeds_of(suite.seeds, seeds)]
            rows += [cell for cell in found if cell.hash not in planned]
        except UnusableError:
            if only is None or may_match(f"{method}/", only):
                raise
    addresses = [cell.address for cell in rows]
    if only is not None:
        if (none := idle(only, addresses)) is not None:
            raise UserError(
                f"--only {none!r} matches no cell of suite {suite.name!r}{did_you_mean(none, _suggested(rows))}"
            )
        rows = [cell for cell in rows if matches(cell.address, only)]
    addresses = [cell.address for cell in rows]
    made = " (does a --set make them alike? choose rows with --only instead)" if overrides else ""
    for address, times in Counter(addresses).items():
        if times > 1:
            raise UserError(
                f"{suite.path}: two rows have the address {address!r}; their settings must differ in a variant{made}"
            )
    cells = _dependencies_first(rows)
    _refuse_idle_overrides(overrides, rows, cells)
    return Plan(suite, tuple(rows), tuple(cells))


def with_data(plan: Plan, data: Callable[[Cell], dict[str, str]]) -> Plan:
    """The plan whose cells, and the cells that they need, hold the digests of their data."""

    def bound(cell: Cell) -> Cell:
        return cell.with_changes(
            data=data(cell),
            starts_from={role: bound(needed) for role, needed in cell.starts_from.items()},
            judges={role: bound(needed) for role, needed in cell.judges.items()},
        )

    rows = tuple(bound(cell) for cell in plan.rows)
    return replace(plan, rows=rows, cells=tuple(_dependencies_first(rows)))


def _dependencies_first(rows: Iterable[Cell]) -> list[Cell]:
    ordered: dict[str, Cell] = {}

    def visit(cell: Cell) -> None:
        for needed in cell.needed:
            visit(needed)
        ordered.setdefault(cell.hash, cell)

    for row in rows:
        visit(row)
    return list(ordered.values())


def _judges_asked(task: Task, kind: Kind, stream: str) -> list[str]:
    """Roles of the judges that a task's measures name, alone or joined by dots, in the task's order.

    Raises:
        UserError: a measure names a judge that the task does not declare.
    """
    measures = task.measures(kind, stream)
    judges = sorted({measure.judge for measure in measures if measure.judge is not None})
    asked = {role for judge in judges for role in roles_of(judge, task.judges, f"task {task.name!r}")}
    return [role for role in task.judges if role in asked]


class _Resolver:
    def __init__(self, suite: Suite, profile: Profile, overrides: Sequence[Override]) -> None:
        self.suite = suite
        self.profile = profile
        self.overrides = overrides
        run = {override.key: (override.value, override.where) for override in overrides if override.scope == "run"}
        values = profile.run_values | run
        self.run = build_settings(RunSettings, values, "a run")
        if self.run.accelerator == "auto":
            import torch

            found = "cuda" if torch.cuda.is_available() else "cpu"
            self.run = self.run.model_copy(update={"accelerator": found})
        elif self.run.accelerator == "cuda":
            _refuse_without_gpu(values["accelerator"][1])

    def row(self, group: Rows, method: str, seed: int, above: tuple[str, ...] = ()) -> Cell:
        """A row of a table: every override may touch it."""
        own = self._own("method", group, method)
        return self._cell(method, group.task, self._task_settings(group, method), seed, own, above, is_row=True)

    def left_out(self, group: Rows, method: str) -> bool:
        """Whether these rows are for another source of the task's data."""
        return group.source not in (None, self._task_settings(group, method).source)

    def _own(self, scope: Scope, group: Rows, method: str) -> Values:
        """What the suite sets of a method or a task."""
        where = f"{self.suite.path}: set of {method}"
        for dotted in group.set:
            if not dotted.startswith(("method.", "task.")):
                raise UserError(f"{where}: {dotted!r} must start with 'method.' or 'task.'")
        start = f"{scope}."
        return {key.removeprefix(start): (value, where) for key, value in group.set.items() if key.startswith(start)}

    def _overrides(self, scope: Scope, model: type[BaseModel], method: str, *, is_row: bool = True) -> Values:
        """What ``--set`` says of those settings that the model has; without a glob it speaks of rows alone."""
        return {
            override.key: (override.value, override.where)
            for override in self.overrides
            if override.scope == scope
            and override.key in model.model_fields
            and (is_row if override.methods is None else matches(method, override.methods))
        }

    def _task_settings(self, group: Rows, method: str) -> TaskSettings:
        model = get_task(group.task).Settings
        values = self.profile.task.get(group.task, {}) | self._own("task", group, method)
        return build_settings(model, values | self._overrides("task", model, method), f"task {group.task}")

    def _stage(self, method: str, task_name: str, asked: TaskSettings, seed: int, above: tuple[str, ...]) -> Cell:
        """What another cell needs: the suite's row of this method where their data are the same, else a plain stage.

        Args:
            method: registered name.
            task_name: registered name.
            asked: task settings of the cell that needs it.
            seed: the stage's.
            above: methods that lead here, to find circles.
        """
        if method in above:
            circle = " -> ".join([*above[above.index(method) :], method])
            raise UserError(f"method {method!r} needs itself: {circle}; change `needs` or the task's `judges`")
        task, stream = get_task(task_name), get_method(method).stream_of(get_settings(method))
        settings = task.settings_for(asked, stream)
        rows = [group for group in self.suite.rows if group.task == task_name and method in group.methods]
        found = [(group, self._task_settings(group, method)) for group in rows]
        alike = [(group, theirs) for group, theirs in found if task.settings_for(theirs, stream) == settings]
        if alike:
            group = next((group for group, theirs in alike if theirs == asked), alike[0][0])
            return self.row(group, method, seed, above)
        return self._cell(method, task_name, settings, seed, {}, above, is_row=False)

    def _cell(
        self,
        method: str,
        task_name: str,
        task_settings: TaskSettings,
        seed: int,
        own: Values,
        above: tuple[str, ...],
        *,
        is_row: bool,
    ) -> Cell:
        """One cell with the stages that it needs and the judges that its measures name."""
        cls, task, row = get_method(method), get_task(task_name), get_row(method)
        for key in own.keys() & row.settings.keys():
            raise UserError(f"{own[key][1]}: the row fixes {key!r}; declare another row, or use --set")
        values = self.profile.method_values(method) | own
        values |= {key: (value, f"row {method}") for key, value in row.settings.items()}
        values |= self._overrides("method", cls.Settings, method, is_row=is_row)
        settings = build_settings(cls.Settings, values, f"method {method}")
        asks, stream = task(task_settings, NO_CACHE), cls.stream_of(settings)
        if is_row:
            _refuse_unanswered(method, cls.kind, asks, stream)
        above = (*above, method)
        starts_from = {
            role: self._stage(row.needs.get(role, needed), task_name, task_settings, seed, above)
            for role, needed in cls.needed(settings).items()
        }
        judges = {
            role: self._stage(task.judges[role], task_name, task_settings, JUDGE_SEED, above)
            for role in _judges_asked(asks, cls.kind, stream)
        }
        try:
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
        except ValidationError as error:
            raise UserError(f"{method} on {task_name}, seed {seed}, makes no cell: {first_problem(error)}") from error


def _refuse_unanswered(method: str, kind: Kind, task: Task, stream: str) -> None:
    """A row has to answer something that its task asks and measures, or it would end well without a score."""
    try:
        asked = [other for other in get_args(Kind) if task.measures(other, stream)]
    except DataError as error:
        raise UserError(f"method {method!r} cannot be trained on task {task.name!r}: {error}") from error
    if kind not in asked:
        raise UserError(
            f"method {method!r} cannot be scored on task {task.name!r}: it answers {kind!r} requests, and the task "
            f"asks for {' and '.join(map(repr, asked)) or 'none'}"
        )


def _refuse_without_gpu(where: str) -> None:
    import torch

    if not torch.cuda.is_available():
        raise UserError(f"{where}: run.accelerator is 'cuda', but torch finds no GPU here; leave it out, or use 'cpu'")


def _suggested(rows: Sequence[Cell]) -> list[str]:
    """What ``--only`` may have meant: a whole paper, all seeds of a row, one cell."""
    papers = {f"{cell.paper}/*" for cell in rows}
    methods = {f"{cell.method}/*" for cell in rows}
    return [*sorted(papers), *sorted(methods), *(cell.address for cell in rows)]


def _refuse_idle_overrides(overrides: Sequence[Override], rows: Sequence[Cell], cells: Sequence[Cell]) -> None:
    """A ``--set`` that changed nothing is a typing error, and must not pass in silence."""
    for override in overrides:
        if override.scope == "run":
            continue
        glob, of_task = override.methods, override.scope == "task"
        # Of a stage a glob can set the method; its task's settings are those of the rows that need it.
        meant, whose = list(rows if glob is None or of_task else cells), f"{override.scope} in this plan"
        if glob is not None:
            names = sorted({cell.method for cell in meant})
            if (none := idle(glob, names)) is not None:
                raise UserError(
                    f"{override.where}: {none!r} matches no {'row' if of_task else 'method'} of this plan; before the "
                    f"colon is a glob over methods, not over addresses{did_you_mean(none, names)}"
                )
            meant = [cell for cell in meant if matches(cell.method, glob)]
            whose = f"{'task of a method' if of_task else 'method'} that {glob!r} matches"
        models = [get_task(cell.task).Settings if of_task else get_method(cell.method).Settings for cell in meant]
        known = {key for model in models for key in model.model_fields}
        if override.key not in known:
            hint = did_you_mean(override.key, known)
            raise UserError(f"{override.where}: no {whose} has the setting {override.key!r}{hint}")
