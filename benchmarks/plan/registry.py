"""Rows and tasks by name: our own plus whatever other packages register through entry points.

A row is a method with the settings that make it this row (:class:`retable.methods.rows.Row`). Its class is a lazy
``module:Class`` string, so that listing names imports nothing heavy. A third party registers in its
``pyproject.toml``, and gets a row without settings of its own, titled by its class::

    [project.entry-points."retable.methods"]
    "acme/blur" = "acme_retable.blur:Blur"

What the rest of the harness asks of a row's id: :func:`get_method` its class, :func:`get_title` its name in tables,
:func:`get_tasks` the tasks that it works on, :func:`get_needs` the stages that it starts from, :func:`get_settings` its
settings. :func:`roles_of` splits names of judges.
"""

from __future__ import annotations

import functools
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from retable.benchmarks.errors import UserError, did_you_mean
from retable.methods.rows import ROWS, Row
from retable.reports.text import one_line

if TYPE_CHECKING:
    from retable.datasets.task import Task
    from retable.methods.method import Method, MethodSettings

EntryT = TypeVar("EntryT")


class UnusableError(UserError):
    """What another package, or a file of ours, registers cannot be used; nothing else is affected."""


def rows() -> dict[str, Row]:
    """Every registered row by its id, ``paper/name``, in the order of the list that declares it."""
    from retable.benchmarks.plan import dummy

    return _merged("method", {**ROWS, **dummy.ROWS}, Row)


def tasks() -> dict[str, str]:
    """Every registered task: name -> ``module:Class``."""
    from retable.benchmarks.plan import dummy
    from retable.datasets import TASKS

    return _merged("task", {**TASKS, **dummy.TASKS}, str)


def get_row(name: str) -> Row:
    """What is declared under a row's id.

    Raises:
        UserError: no such id (with the closest one), or two packages register it.
    """
    return _known("method", name, rows(), lambda row: row.method)


def get_method(name: str) -> type[Method]:
    """The class of a row.

    Raises:
        UserError: no such id (with the closest one), or the entry does not lead to a ``Method``.
    """
    from retable.methods.method import Method

    found: type[Method] = _load("method", name, get_row(name).method, Method)
    return found


def get_title(name: str) -> str:
    """The name of a row in tables; errors as for :func:`get_method`."""
    return get_row(name).title or get_method(name).title


def get_tasks(name: str) -> tuple[str, ...]:
    """The tasks that a row is written for; errors as for :func:`get_method`."""
    cls = get_method(name)
    return (cls.task, *cls.also)


def get_needs(name: str) -> dict[str, str]:
    """Role -> id of every stage that a row starts from, with its own settings; errors as for :func:`get_settings`."""
    row = get_row(name)
    needed = get_method(name).needed(get_settings(name))
    return {role: row.needs.get(role, stage) for role, stage in needed.items()}


def get_settings(name: str, values: Mapping[str, Any] | None = None) -> MethodSettings:
    """The settings of a row, with other values for some: for all of them, where a cell has recorded them.

    Raises:
        UserError: as for :func:`get_method`.
        ValueError: an unknown setting, or a value that does not fit.
    """
    return get_method(name).Settings.model_validate({**get_row(name).settings, **(values or {})})


def get_task(name: str) -> type[Task]:
    """The class of a registered task; errors as for :func:`get_method`."""
    from retable.datasets.task import Task

    found: type[Task] = _load("task", name, _known("task", name, tasks(), str), Task)
    return found


def roles_of(judge: str, known: Collection[str], who: str) -> tuple[str, ...]:
    """The roles that a judge's name stands for: one that a task declares, or several joined by dots, in their order.

    ``hair.gender`` asks two classifiers one question, "which hair and which gender", with hair times gender classes.

    Args:
        judge: e.g. ``hair`` or ``hair.gender``.
        known: declared roles; a declared name stands for itself.
        who: whose measures name the judge, for the error, e.g. ``task 'attributes'``.

    Raises:
        UserError: a part is no declared role, or is named twice.
    """
    if judge in known:
        return (judge,)
    parts = tuple(judge.split("."))
    for part in parts:
        if part not in known:
            within = f" (in {judge!r})" if len(parts) > 1 else ""
            hint = did_you_mean(part, known) or (f"; it declares {', '.join(known)}" if known else "; it declares none")
            raise UserError(f"{who} measures with the judge {part!r}{within}, which it does not declare{hint}")
        if parts.count(part) > 1:
            raise UserError(f"{who} measures with the judge {judge!r}, which names {part!r} twice; once is enough")
    return parts


def _merged(what: str, ours: Mapping[str, EntryT], made: Callable[[str], EntryT]) -> dict[str, EntryT]:
    merged = dict(ours)
    for name, place in _entries(f"retable.{what}s", tuple(sys.path)):
        merged.setdefault(name, made(place))
    return merged


@functools.cache
def _entries(group: str, _places: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Name and value of the entry points that packages in these places, ``sys.path``, have in a group.

    Kept, because finding them reads the metadata of everything that is installed, and a plan asks a thousand times.
    """
    return tuple((entry.name, entry.value) for entry in entry_points(group=group))


def _known(what: str, name: str, known: Mapping[str, EntryT], place: Callable[[EntryT], str]) -> EntryT:
    if name not in known:
        raise UserError(f"unknown {what} {name!r}{did_you_mean(name, known)} (`retable list {what}s` shows all)")
    group, first = f"retable.{what}s", place(known[name])
    for other, second in _entries(group, tuple(sys.path)):
        if other == name and second != first:
            raise UnusableError(
                f"{what} {name!r} is registered twice: as {first} and, by entry point {group}, as {second}; "
                "rename or uninstall one"
            )
    return known[name]


def _load(what: str, name: str, place: str, base: type) -> Any:
    try:
        found = pkgutil.resolve_name(place)
    except (Exception, SystemExit) as error:
        raise UnusableError(
            f"{what} {name!r} is registered as {place}, which cannot be imported: {_told(error)}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise UnusableError(f"{what} {name!r} is registered as {place}, which is not a subclass of {base.__name__}")
    return found


def _told(error: BaseException) -> str:
    """An exception from foreign code in one line, with the place that raised it."""
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if not re.search("frozen|importlib|pkgutil", f.filename)
    ]
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if len(frames) > 1 else ""
    return one_line(f"{type(error).__name__}: {error}") + where
