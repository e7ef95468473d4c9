"""A cell: method x task x profile x seed as pure data. Its content hash is its identity."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    StringConstraints,
    computed_field,
    model_validator,
)

Accelerator = Literal["auto", "cpu", "cuda"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

_WORD = r"\w[\w.+=,@-]*"
MethodName = Annotated[str, StringConstraints(pattern=f"^{_WORD}(/{_WORD})*$", max_length=80)]
Name = Annotated[str, StringConstraints(pattern=f"^{_WORD}$", max_length=60)]
"""Names become parts of paths, anchors and addresses; together they fit into the name of a file."""


def is_cell_name(name: str) -> bool:
    """Whether the name of a folder is one that :meth:`Cell.directory` makes: an address and a hash."""
    return re.fullmatch(r"[A-Za-z0-9._-]+-[0-9a-f]{16}", name) is not None


_DERIVED = frozenset({"paper", "hash", "address"})
"""Names that are written beside a cell's content for other readers, and follow from it."""


class RunSettings(BaseModel):
    """How a cell is run, whatever its method: ``[run]`` in a profile, ``--set run.KEY=VALUE``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    accelerator: Accelerator = "auto"
    """``auto`` is resolved to ``cuda`` or ``cpu`` when the plan is made, so that a cell says what it ran on."""
    precision: Precision = "32-true"
    """Lightning Fabric's name of the numeric precision."""
    threads: int = Field(default=1, ge=1, le=1024)
    """CPU threads of the cell's process. Two processes with one thread beat one with two on networks this small."""
    extractors: tuple[str, ...] = ("lite0",)
    """Feature extractors of the image metrics: ``lite0`` (embedded), ``inception`` (needs its weights on disk)."""
    log_every: int = Field(default=10, ge=1)
    """Steps between two points of the training curves, from which the ``loss.*`` scores are averaged."""
    samples_every: int = Field(default=200, ge=1)
    """Steps between two sample grids."""
    checkpoint_every: int = Field(default=200, ge=1)
    """Steps between two checkpoints."""
    scores_at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Shares of the steps after which a cell is scored, too: verdicts ask whether a row still moves."""
    timeout_s: float = Field(default=3600, gt=0)
    """Wall-clock limit of one cell; past it the process is ended and the cell's status is ``timeout``."""


class Cell(BaseModel):
    """One unit of work. Equal cells have equal hashes, and a hash names the cell's directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: MethodName
    """Registered name, ``paper/method``."""
    task: Name
    """Registered name."""
    variant: Name | Literal[""] = ""
    """Short name of special task settings, e.g. ``no3-t``; derived from them by the task."""
    profile: Annotated[str, StringConstraints(pattern=f"^{_WORD}( [\\w.+=,@-]+)*$", max_length=60)]
    """The stem of its file."""
    seed: int = Field(ge=0, lt=2**63)
    method_settings: dict[str, JsonValue]
    task_settings: dict[str, JsonValue]
    run: RunSettings = RunSettings()
    data: dict[str, str] = {}
    """Part of the user's own data, or file of weights, -> SHA-256 of its content. Empty for data that settings and code
    decide alone."""
    starts_from: dict[Name, Cell] = {}
    """Role -> the cell whose trained networks this one starts from."""
    judges: dict[Name, Cell] = {}
    """Role -> the cell whose classifier judges this one's images."""

    @model_validator(mode="wrap")
    @classmethod
    def _without_derived(cls, data: Any, validate: ModelWrapValidatorHandler[Cell]) -> Cell:
        """Take what is derived off written data, but not a hash that belongs to other content."""
        if not isinstance(data, dict):
            return validate(data)
        cell = validate({key: value for key, value in data.items() if key not in _DERIVED})
        if data.get("hash") not in (None, cell.hash):
            raise ValueError(
                f"cell {cell.address} says its hash is {data['hash']}, but its content gives {cell.hash}: "
                "it was changed by hand, or written by another version of Retable"
            )
        return cell

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of everything that can change the result.

        The time-out and the intervals of grids and checkpoints cannot, so they are left out; needed cells count through
        their own hashes. The user's data count by their content, so that a folder may be moved or renamed.
        """
        content = self.model_dump(mode="json", exclude={"starts_from", "judges", *_DERIVED})
        if self.data:
            content["task_settings"].pop("data_dir", None)
        else:
            del content["data"]
        for key in ("timeout_s", "samples_every", "checkpoint_every"):
            del content["run"][key]
        if not self.run.scores_at:  # cells of before it was a setting keep their names
            del content["run"]["scores_at"]
        content["starts_from"] = {role: cell.hash for role, cell in sorted(self.starts_from.items())}
        content["judges"] = {role: cell.hash for role, cell in sorted(self.judges.items())}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def paper(self) -> str:
        """The part of the method's name before the slash."""
        return self.method.partition("/")[0]

    @property
    def task_label(self) -> str:
        """The task with its variant, as addresses show it."""
        return f"{self.task}-{self.variant}" if self.variant else self.task

    @computed_field  # type: ignore[prop-decorator]
    @property
    def address(self) -> str:
        """The readable name, ``paper/method/task/seed``; ``--only`` is a glob over it."""
        return f"{self.method}/{self.task_label}/s{self.seed}"

    @property
    def needed(self) -> tuple[Cell, ...]:
        """Cells that must be done before this one starts."""
        return (*self.starts_from.values(), *self.judges.values())

    def directory(self, root: Path) -> Path:
        """Where the cell keeps everything, below the folder of all runs."""
        return root / "cells" / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', self.address)}-{self.hash}"

    def with_changes(self, **changes: Any) -> Cell:
        """A cell that differs from this one in some fields, and so in its hash, which ``model_copy`` would keep."""
        return Cell(**{name: getattr(self, name) for name in Cell.model_fields} | changes)

    def to_json(self) -> dict[str, Any]:
        """The cell as plain data, with the derived names that other readers want."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Cell:
        """The inverse of :meth:`to_json`.

        Raises:
            ValueError: the data are no cell.
        """
        try:
            return cls.model_validate(data)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
