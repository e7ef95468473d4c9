"""Settings from their places, a later one wins: the method's defaults (the paper's), the profile's TOML, the suite's,
what the row fixes, and ``--set``.

So a profile's broad glob cannot undo what makes a row this row, and a person at the terminal can.
Every unknown key is an error that says where it stands and what was probably meant.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.plan.select import matches
from retable.benchmarks.plan.toml import BadValueError, brief, line_of, parse_toml, read_model
from retable.reports.text import one_line

Scope = Literal["method", "task", "run"]
Values = dict[str, tuple[Any, str]]
"""Key -> (value, where it stands)."""
SettingsT = TypeVar("SettingsT", bound=BaseModel)


@dataclass(frozen=True)
class Override:
    """``SCOPE.KEY = VALUE`` for the cells whose method matches a glob; without one for every row, never for a stage.

    Cells that do not know the key are passed over, but some cell must.
    """

    scope: Scope
    key: str
    value: Any
    where: str
    """For error messages: the file and table, or the command-line option."""
    methods: str | None = None


def parse_override(text: str) -> Override:
    """``method.lr=1e-4``, or with a glob ``dtn/f:method.steps=100``. The value is read as TOML, else as a string."""
    where = one_line(f"--set {text}")
    name, equals, raw = text.partition("=")
    glob, colon, dotted = name.rpartition(":")
    scope, dot, key = dotted.partition(".")
    if not (equals and dot and key) or scope not in ("method", "task", "run"):
        raise UserError(f"{where}: expected [METHOD-GLOB:]method.KEY=VALUE, task.KEY=VALUE or run.KEY=VALUE")
    if colon and scope == "run":
        raise UserError(f"{where}: settings of a run are those of all its cells; leave {glob + colon!r} out")
    try:
        # Behind the end of a line more keys could follow.
        value = raw if "\n" in raw else parse_toml(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw
    except BadValueError as error:
        raise UserError(f"{where}: {error}") from error
    return Override(cast(Scope, scope), key, value, where, glob if colon else None)


class _ProfileFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    base: str = ""
    """Another profile, whose values hold where this one says nothing."""
    method: dict[str, dict[str, Any]] = {}
    task: dict[str, dict[str, Any]] = {}
    run: dict[str, Any] = {}


@dataclass(frozen=True)
class Profile:
    """How big a run is: overrides by method glob and by task, and run settings."""

    name: str
    method: tuple[tuple[str, Values], ...]
    """Glob over methods, and what is said of them; a later one wins."""
    task: Mapping[str, Values]
    run_values: Values

    @classmethod
    def load(cls, name: str, folders: tuple[Path, ...], above: tuple[str, ...] = ()) -> Profile:
        """Find ``NAME.toml`` in the folders, first one wins.

        Args:
            name: of the profile.
            folders: where profiles lie.
            above: the profiles whose ``base`` led here.

        Raises:
            UserError: there is no such profile, or it is none, or it is built on itself.
        """
        paths = [folder / f"{name}.toml" for folder in folders]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            known = sorted({file.stem for folder in folders for file in folder.glob("*.toml")})
            raise UserError(f"unknown profile {name!r}{did_you_mean(name, known)} (there are: {', '.join(known)})")
        file = read_model(path, _ProfileFile, _ProfileFile.model_fields)

        def values(table: Mapping[str, Any], *place: str) -> Values:
            shown = ".".join(key if key.isidentifier() else f'"{key}"' for key in place)
            return {k: (value, f"{path}:{line_of(path, *place, k)}, table [{shown}]") for k, value in table.items()}

        method = tuple((glob, values(table, "method", glob)) for glob, table in file.method.items())
        task = {task: values(table, "task", task) for task, table in file.task.items()}
        run = values(file.run, "run")
        if not file.base:
            return cls(name, method, task, run)
        if file.base in (*above, name):
            raise UserError(f"{path}:{line_of(path, 'base')}: {file.base!r} is built on this profile; name another")
        base = cls.load(file.base, folders, (*above, name))
        task = {key: base.task.get(key, {}) | task.get(key, {}) for key in (*base.task, *task)}
        return cls(name, base.method + method, task, base.run_values | run)

    def method_values(self, method: str) -> Values:
        """What the profile says of a method; a later table wins."""
        found: Values = {}
        for glob, values in self.method:
            if matches(method, glob):
                found |= values
        return found


def build_settings(model: type[SettingsT], values: Values, what: str) -> SettingsT:
    """Validate values that came from several places.

    Args:
        model: the settings class.
        values: what is set, and where.
        what: whose settings these are, for messages, e.g. ``method dtn/dtn``.

    Raises:
        UserError: an unknown key or a value of the wrong type, with its place.
    """
    for key, (_, where) in values.items():
        if key not in model.model_fields:
            known = ", ".join(model.model_fields)
            hint = did_you_mean(key, model.model_fields)
            raise UserError(f"{where}: {what} has no setting {key!r}{hint} (it has: {known})")
    try:
        return model.model_validate({key: value for key, (value, _) in values.items()})
    except ValidationError as error:
        first = error.errors()[0]
        problem = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            # Settings that do not go together: no single one of them is wrong.
            raise UserError(f"{what}: {problem}") from error
        key = str(first["loc"][0])
        where = values[key][1] if key in values else what
        way_out = ""
        if where.startswith(("--set method.", "--set task.")):
            # Without a glob a --set speaks of every row of the suite, also of those that --only leaves out.
            way_out = f"; if it is meant for some rows alone, write --set 'PAPER/*:{where.removeprefix('--set ')}'"
        raise UserError(
            f"{where}: {what}, setting {key!r}: {problem} (got {brief(first['input'])}){way_out}"
        ) from error
