"""The commands of a page: run the row, apply what it has learned, change one of its settings."""

from __future__ import annotations

from collections.abc import Mapping

from retable.benchmarks.docs.family import Family, Member
from retable.benchmarks.plan.plan import NO_CACHE
from retable.benchmarks.plan.registry import get_task
from retable.reports.records.cell import Cell

WISHES: tuple[Mapping[str, str], ...] = ({}, {"group": "kids"}, {"hair": "blond"}, {"expression": "happy"})
"""What a page's example asks a translation for: the first of these that the row's task accepts."""


def usage(family: Family) -> str:
    """Every command of a family's page as shell blocks with a sentence before each."""
    parts = [part for member in family.members for part in _trained(member)]
    applied: dict[str, list[str]] = {}
    for member in family.members:
        if member.rows and (found := _applied(member, *member.rows[0])):
            applied.setdefault(found[0], []).append(found[1])
    parts += [f"{words}\n\n{_shell(*commands)}" for words, commands in applied.items()]
    parts += _example_of_set(family)
    return "\n\n".join(parts)


def _trained(member: Member) -> list[str]:
    if not member.rows:
        return [_as_stage(member)]
    parts = []
    suites = list(dict.fromkeys(suite for suite, _ in member.rows))
    for suite in suites:
        cells = [cell for of, cell in member.rows if of == suite]
        command = f"retable run {suite} --only '{_glob(member, cells, suite)}'"
        parts.append(f"{_what_runs(cells)}\n\n{_shell(command)}")
    return parts


def _glob(member: Member, cells: list[Cell], suite: str) -> str:
    """One glob for all rows of a method in a suite; a single row by its whole address, at any seed."""
    alone = len(cells) == 1 and suite == member.rows[0][0] and len(member.rows) == 1
    return f"{member.name}/*" if alone or len(cells) > 1 else f"{cells[0].method}/{cells[0].task_label}/*"


def _what_runs(cells: list[Cell]) -> str:
    addresses = ", ".join(f"`{cell.address}`" for cell in cells)
    stages = list(dict.fromkeys(f"`{needed.address}`" for cell in cells for needed in cell.needed))
    first = f", after the stages {', '.join(stages)} where these are missing" if stages else ""
    return f"Train and score {addresses}{first}:"


def _as_stage(member: Member) -> str:
    if member.user is None:
        where = f"`retable run SUITE.toml --only '{member.name}/*'`"
        return f"No suite of Retable holds `{member.name}`; a suite of yours that does runs it with {where}."
    suite, cell = member.user
    addresses = ", ".join(f"`{stage.address}`" for stage in member.stages)
    command = f"retable run {suite} --only '{cell.address}'"
    return f"`{member.name}` is a stage ({addresses}), trained with the first row that needs it:\n\n{_shell(command)}"


def _applied(member: Member, suite: str, cell: Cell) -> tuple[str, str] | None:
    """What a trained row is good for, and the command for it."""
    of = "" if suite == "quick" else f" --suite {suite}"
    if member.cls.kind == "sample":
        command = f"retable sample --from {cell.address}{of} --n 64 --strips 4 --out samples/{_folder(cell)}"
        return "New images and interpolations of a trained row:", command
    if member.cls.kind == "translate" and (wish := _wish(cell)) is not None:
        asked = f" --to {','.join(f'{key}={value}' for key, value in wish.items())}" if wish else ""
        command = f"retable translate --from {cell.address}{of}{asked} --out out/{_folder(cell)} my/*.png"
        return "Images of your own through a trained row:", command
    return None


def _folder(cell: Cell) -> str:
    """A folder of the row's own: commands of one page are pasted one after the other."""
    return cell.method.rpartition("/")[2]


def _wish(cell: Cell) -> Mapping[str, str] | None:
    """What can be asked of the cell's task in words; ``None`` where it takes none of our examples."""
    import torch

    from retable.datasets.errors import DataError

    cls = get_task(cell.task)
    task = cls(cls.Settings.model_validate(cell.task_settings), NO_CACHE)
    info = task.info()
    images = torch.zeros(1, next(iter(info.channels.values())), info.image_size, info.image_size)
    for wish in WISHES:
        try:
            task.ask(images, wish)
        except DataError:
            continue
        return wish
    return None


def _example_of_set(family: Family) -> list[str]:
    """One setting of the first row that has one of its own, doubled."""
    for member in family.members:
        if member.rows and (example := _doubled(member)):
            suite, cell = member.rows[0]
            only = f"--only '{cell.method}/{cell.task_label}/*'"
            command = f"retable run {suite} {only} --set '{member.name}:method.{example}'"
            return [f"The same with another setting (`--set` may be repeated):\n\n{_shell(command)}"]
    return []


def _doubled(member: Member) -> str:
    """``alpha=30.0``: a weight of the method's own where it has one, else any number of its own."""
    from pydantic import ValidationError

    own = [name for name in member.cls.Settings.model_fields if name not in ("steps", "batch_size")]
    numbers = [name for name in own if isinstance(member.quick[name], float) and member.quick[name]]
    weights = [name for name in numbers if name.startswith(("lambda", "alpha", "beta", "gamma", "face_id"))]
    for name in [*weights, *numbers, "steps"]:
        value = member.quick[name] * 2
        try:
            member.cls.Settings.model_validate({**member.quick, name: value})
        except ValidationError:
            continue
        if value:
            return f"{name}={value}"
    return ""


def _shell(*commands: str) -> str:
    return "\n".join(["```sh", *commands, "```"])
