"""Suites: lists of cells, written in TOML.

A suite names its profile and its rows::

    about = "DTN and what it is compared with"
    profile = "quick"
    seeds = [0]

    [[rows]]
    methods = ["dtn/dtn", "dtn/no-*"]
    task = "digits"
    set = { "task.adaptation" = true }

``methods`` names rows by their ids, or by globs over all registered ids.
``rows_of = "quick"``, or a list of names, takes over the rows of other suites, before its own and each once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, field_validator

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.plan.overrides import line_of, read_toml
from retable.benchmarks.plan.registry import rows as registered_rows
from retable.benchmarks.plan.select import matches

SUITES = Path(__file__).parents[1] / "suites"
PROFILES = Path(__file__).parents[1] / "profiles"
EXPECTED = Path(__file__).parents[1] / "expected"


class Rows(BaseModel):
    """Some methods on one task, with settings of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[str, ...] = Field(min_length=1)
    """Ids of rows; in a file also globs over them."""
    task: str
    set: dict[str, Any] = {}
    """``method.KEY`` or ``task.KEY`` -> value."""


class Suite(BaseModel):
    """What ``retable run SUITE`` runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: Path
    about: str = ""
    """What it is for, in one line."""
    profile: str
    seeds: tuple[NonNegativeInt, ...] = Field(default=(0,), min_length=1)
    rows: tuple[Rows, ...] = Field(min_length=1)

    @field_validator("seeds")
    @classmethod
    def _once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError(f"names a seed twice: {list(seeds)}")
        return seeds


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


def _without_globs(rows: Rows, path: Path) -> Rows:
    """The rows with every glob replaced by the ids that it matches, in the registry's order and each once.

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
            raise UserError(f"{path}:{line_of(path, name)}: {name!r} matches no method{hint}")
        methods += [known for known in found if known not in (*methods, *rows.methods)]
    return rows.model_copy(update={"methods": tuple(methods)})


def load_suite(name: str, above: tuple[str, ...] = ()) -> Suite:
    """A shipped suite by name, or any suite by the path of its TOML file.

    Args:
        name: name or path.
        above: suites whose ``rows_of`` led here, to find circles.

    Raises:
        UserError: unknown name, or a file that is not a suite, with line and key.
    """
    path = Path(name) if name.endswith(".toml") else SUITES / f"{name}.toml"
    if not path.is_file() and not name.endswith(".toml"):
        names = suite_names()
        raise UserError(
            f"unknown suite {name!r}{did_you_mean(name, names)} (there are: {', '.join(names)}; or give a .toml file)"
        )
    if path.stem in suite_names() and path.resolve() != (SUITES / f"{path.stem}.toml").resolve():
        # Runs, reports, expectations and experiments go by the name.
        raise UserError(f"{path}: {path.stem!r} is the name of a suite that ships with Retable; rename the file")
    data = read_toml(path)
    if bases := data.pop("rows_of", ()):
        names = [bases] if isinstance(bases, str) else bases
        if not (isinstance(names, list) and all(isinstance(base, str) for base in names)):
            raise UserError(f"{path}:{line_of(path, 'rows_of')}: 'rows_of' is the name of a suite, or a list of names")
        if circle := next((base for base in names if base in (*above, name)), None):
            raise UserError(f"{path}:{line_of(path, 'rows_of')}: {circle!r} takes over its own rows; remove it")
        taken = [rows for base in names for rows in load_suite(base, (*above, name)).rows]
        data["rows"] = [*_each_once(taken), *data.get("rows", ())]
    for reserved in ("name", "path"):
        if reserved in data:
            raise UserError(
                f"{path}:{line_of(path, reserved)}: unknown key {reserved!r} (a suite is named by its file)"
            )
    try:
        suite = Suite.model_validate({**data, "name": path.stem, "path": path})
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"]]
        key = next((part for part in reversed(keys) if not part.isdigit()), "")
        known = (*Rows.model_fields, "about", "profile", "seeds", "rows", "rows_of")
        hint = did_you_mean(key, known) if first["type"] == "extra_forbidden" else ""
        problem = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise UserError(f"{path}:{line_of(path, key)}: key {'.'.join(keys)!r}: {problem}{hint}") from error
    return suite.model_copy(update={"rows": tuple(_without_globs(rows, path) for rows in suite.rows)})
