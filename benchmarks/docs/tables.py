"""The parts of a page that are tables of settings and lists of metrics."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from retable.benchmarks.docs.docstrings import Links, attributes, line, split
from retable.benchmarks.docs.family import Family, Member
from retable.benchmarks.metrics import METRICS
from retable.benchmarks.plan.plan import NO_CACHE
from retable.benchmarks.plan.registry import get_task

ALWAYS = (("timing", "`step_time.p50`, `step_time.p90`, `throughput`, `peak_memory`"), ("parameters", "`parameters`"))


def settings_table(family: Family, links: Links) -> str:
    """Every setting of the family's methods: default, value in the quick profile, meaning."""
    names = list(dict.fromkeys(name for member in family.members for name in member.cls.Settings.model_fields))
    if not names:
        return "There is nothing to set."
    rows = ["| setting | default | quick | meaning |", "|---|---|---|---|"]
    for name in names:
        having = [member for member in family.members if name in member.cls.Settings.model_fields]
        meaning = " ".join(part for part in (_meaning(having[0], name, links), _only(having, family)) if part)
        default = _values([(member.name, _default(member, name)) for member in having])
        quick = _values([(member.name, _literal(member.quick[name])) for member in having])
        rows.append(f"| `{name}` | {default} | {quick} | {line(meaning)} |")
    return "\n".join(rows)


def _default(member: Member, name: str) -> str:
    field = member.cls.Settings.model_fields[name]
    value = field.get_default(call_default_factory=True)
    return "required" if value is PydanticUndefined else _literal(value)


def _literal(value: Any) -> str:
    """A value as TOML and ``--set`` take it."""
    if isinstance(value, bool) or value is None:
        return f"`{str(value).lower()}`"
    return f"`{', '.join(str(one) for one in value)}`" if isinstance(value, (tuple, list)) else f"`{value}`"


def _values(of: Sequence[tuple[str, str]]) -> str:
    """The value of most methods, then the others by name."""
    counts = Counter(value for _, value in of)
    usual = counts.most_common(1)[0][0]
    others = [f"{value} for `{name}`" for name, value in of if value != usual]
    return "; ".join([usual, *others])


def _meaning(member: Member, name: str, links: Links) -> str:
    said = links.markdown(attributes(member.cls.Settings).get(name, "")).strip()
    annotation = member.cls.Settings.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        choices = ", ".join(f"`{choice}`" for choice in get_args(annotation))
        return f"{said} One of {choices}.".strip()
    return said


def _only(having: Sequence[Member], family: Family) -> str:
    if len(having) == len(family.members):
        return ""
    if len(having) * 2 > len(family.members) and len(family.members) > 3:
        without = [f"`{member.name}`" for member in family.members if member not in having]
        return f"Not of {', '.join(without)}."
    return f"Only of {', '.join(f'`{member.name}`' for member in having)}."


def metrics_list(family: Family, links: Links) -> str:
    """What is measured on the family's answers, a line a metric, linked to the file that says exactly how."""
    names = list(dict.fromkeys(name for member in family.members for name in _measured(member)))
    lines = []
    for name in names:
        module, _, function = METRICS[name].partition(":")
        said = inspect.getdoc(getattr(import_module(module), function)) or ""
        score = links.markdown(" ".join(said.split("\n\n")[0].split())).rstrip(".")
        lines.append(f"- {score}. {_made_by(module.rpartition('.')[2], links)}")
    if any(member.quick.get("steps") for member in family.members):
        lines += [f"- {name}: {_made_by(module, links)}" for module, name in ALWAYS]
    watched = list(dict.fromkeys(term for member in family.members for term in member.cls.watch))
    if watched:
        terms = ", ".join(f"`{term}`" for term in watched)
        lines.append(f"- Loss terms that a healthy training ends low in, as means over its last tenth: {terms}.")
    return "\n".join(lines) if lines else "Nothing is measured on its answers."


def _made_by(module: str, links: Links) -> str:
    """The first sentence of a metric's module, linked to its file."""
    found = import_module(f"retable.benchmarks.metrics.{module}")
    title = split(found.__doc__).title.partition(" Reference: ")[0]
    return f"{title} ([how](<{links.to(Path(str(found.__file__)))}>))."


def _measured(member: Member) -> list[str]:
    """Names of the metrics that the member's tasks ask for."""
    found = []
    for cell in member.cells:
        cls = get_task(cell.task)
        task = cls(cls.Settings.model_validate(cell.task_settings), NO_CACHE)
        found += [measure.metric for measure in task.measures(member.cls.kind, member.cls.stream)]
    if not member.cells:
        cls = get_task(member.cls.task)
        task = cls(cls.Settings(), NO_CACHE)
        found += [measure.metric for measure in task.measures(member.cls.kind, member.cls.stream)]
    return found
