"""Methods and tasks by name: our own lists plus whatever other packages register through entry points.

An entry is a lazy ``module:Class`` string, so that listing names imports nothing heavy. A third party registers in its
``pyproject.toml``::

    [project.entry-points."retable.methods"]
    "acme/blur" = "acme_retable.blur:Blur"
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from retable.benchmarks.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from retable.datasets.task import Task
    from retable.methods.method import Method


def methods() -> dict[str, str]:
    """Every registered method: ``paper/method`` -> ``module:Class``."""
    from retable.methods import METHODS

    return _merged("method", {**METHODS, **_dummies("method")}, "retable.methods")


def tasks() -> dict[str, str]:
    """Every registered task: name -> ``module:Class``."""
    from retable.datasets import TASKS

    return _merged("task", {**TASKS, **_dummies("task")}, "retable.tasks")


def get_method(name: str) -> type[Method]:
    """The class of a registered method.

    Raises:
        UserError: no such name (with the closest one), or the entry does not lead to a ``Method``.
    """
    from retable.methods.method import Method

    found: type[Method] = _load("method", name, methods(), Method)
    return found


def get_task(name: str) -> type[Task]:
    """The class of a registered task; errors as for :func:`get_method`."""
    from retable.datasets.task import Task

    found: type[Task] = _load("task", name, tasks(), Task)
    return found


def _dummies(what: str) -> dict[str, str]:
    from retable.benchmarks.plan import dummy

    return dict(dummy.METHODS if what == "method" else dummy.TASKS)


def _merged(what: str, ours: Mapping[str, str], group: str) -> dict[str, str]:
    merged = dict(ours)
    for name, value in _entries(group, tuple(sys.path)):
        known = merged.setdefault(name, value)
        if known != value:
            raise UserError(
                f"{what} {name!r} is registered twice: as {known} and, by entry point {group}, as {value}; "
                "rename or uninstall one"
            )
    return merged


@functools.cache
def _entries(group: str, _places: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Name and value of the entry points that packages in these places, ``sys.path``, have in a group.

    Kept, because finding them reads the metadata of everything that is installed, and a plan asks a thousand times.
    """
    return tuple((entry.name, entry.value) for entry in entry_points(group=group))


def _load(what: str, name: str, known: Mapping[str, str], base: type) -> Any:
    if name not in known:
        raise UserError(f"unknown {what} {name!r}{did_you_mean(name, known)} (`retable list {what}s` shows all)")
    module, _, attribute = known[name].partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{what} {name!r} is registered as {known[name]}, which cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise UserError(f"{what} {name!r} is registered as {known[name]}, which is not a subclass of {base.__name__}")
    return found
