"""What a report is made from: one record per cell, the ones that failed or never ran included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from retable.reports import text
from retable.reports.records.cell import Cell
from retable.reports.records.folder import CellRecord
from retable.reports.records.score import Score

TIMES = ("step_time.", "throughput")
"""Beginnings of the names of scores that say how fast a row trains; each has one column per timer."""
_ENVIRONMENT = (
    "device", "accelerator", "commit", "dirty", "cpu", "cores", "threads", "python", "torch", "platform", "retable",
)  # fmt: skip


@dataclass(frozen=True)
class CellScore:
    """One score with the cell that it rates."""

    record: CellRecord
    score: Score

    @property
    def cell(self) -> Cell:
        """The cell."""
        return self.record.cell

    @property
    def timer(self) -> str:
        """``cpu`` or ``cuda`` for a time, else empty."""
        return text.detail_values(self.score.protocol.detail).get("timer", "")

    @property
    def slice(self) -> str:
        """The slice as text: ``digit=3,request=test``."""
        return text.slice_text(self.score.slice)


@dataclass(frozen=True)
class Runs:
    """All cells of a report, in order of their addresses; no two have the same address."""

    records: tuple[CellRecord, ...] = ()
    suite: str = ""
    """For headings."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Method -> the row's name as the paper prints it."""
    on_gpu: tuple[CellRecord, ...] = ()
    """The same cells as they were run on a GPU, for their times there and nothing else."""
    warnings: tuple[str, ...] = ()
    """What the reader of a report must know about damaged or superseded folders."""
    stale: Mapping[str, str] = field(default_factory=dict)
    """Hash of a cell -> what made it that is not what is installed, e.g. ``other sources``."""

    @classmethod
    def of(
        cls,
        records: Iterable[CellRecord],
        planned: Sequence[Cell] = (),
        suite: str = "",
        titles: Mapping[str, str] | None = None,
        on_gpu: Sequence[CellRecord] = (),
        warnings: Iterable[str] = (),
        stale: Mapping[str, str] | None = None,
    ) -> Runs:
        """Join records with a plan; the other arguments are the fields of :class:`Runs`.

        Planned cells without a record are shown as not run. A record whose address is planned with another hash (older
        settings) is left out with a warning.
        """
        ran = list(records)
        told = [*warnings, *(warning for record in ran for warning in record.warnings)]
        chosen = _without_superseded(ran, planned, told)
        found = {record.cell.hash for record in chosen}
        missing = {cell.hash: CellRecord(cell, "not-run") for cell in planned if cell.hash not in found}
        shown = {method: text.printable(title) for method, title in (titles or {}).items()}
        joined = sorted([*chosen, *missing.values()], key=lambda record: (record.cell.address, record.cell.hash))
        said = tuple(map(text.printable, told))
        return cls(tuple(joined), text.printable(suite), shown, tuple(on_gpu), said, dict(stale or {}))

    def title(self, cell: Cell) -> str:
        """The row's name as the paper prints it."""
        return self.titles.get(cell.method, cell.method)

    @cached_property
    def by_address(self) -> dict[str, CellRecord]:
        """Address -> record."""
        return {record.cell.address: record for record in self.records}

    @cached_property
    def papers(self) -> set[str]:
        """Papers that have cells here."""
        return {record.cell.paper for record in self.records}

    @cached_property
    def scores(self) -> tuple[CellScore, ...]:
        """Every score, whatever became of its cell; last the times on a GPU of cells that are here."""
        ours = [CellScore(record, score) for record in self.records for score in record.scores]
        theirs = [
            CellScore(record, score)
            for record in self.on_gpu
            if record.cell.address in self.by_address
            for score in record.scores
            if score.name.startswith(TIMES)
        ]
        return (*ours, *(one for one in theirs if one.timer == "cuda"))

    @cached_property
    def provenance(self) -> dict[str, str]:
        """Facts about the runs, in reading order. A fact that differs between cells says of how many each is true."""
        ran = [record for record in self.records if record.environment]
        facts = {"suite": self.suite} if self.suite else {}
        done = sum(record.status == "ok" for record in self.records)
        facts["cells"] = f"{done} of {len(self.records)} ok"
        facts["seeds"] = _seeds(self.records)
        for label, values in (
            ("data", [record.source for record in self.records]),
            ("profile", [record.cell.profile for record in self.records]),
            *((key, [record.environment.get(key, "") for record in ran]) for key in _ENVIRONMENT),
        ):
            if said := _tally(values):
                facts["tree had uncommitted changes" if label == "dirty" else label] = said
        starts = [record.started for record in self.records if record.started]
        ends = [record.ended for record in self.records if record.ended]
        if starts and ends:
            facts["first start"], facts["last end"] = text.moment(min(starts)), text.moment(max(ends))
        facts["time of all cells, added up"] = text.duration(self.wall_s)
        digests: dict[str, list[str]] = {}
        for record in ran:
            for name, digest in record.data.items():
                digests.setdefault(name, []).append(digest)
        facts |= {f"SHA-256 of {name}": _tally(digests[name]) for name in sorted(digests)}
        if self.on_gpu and (devices := _tally([record.environment.get("device", "") for record in self.on_gpu])):
            commits = _tally([record.environment.get("commit", "") for record in self.on_gpu])
            facts["times on a GPU"] = f"{text.plural(len(self.on_gpu), 'cell')} on {devices}, commit {commits}"
        return facts

    @property
    def wall_s(self) -> float:
        """Seconds of all cells, added up."""
        return sum(record.wall_s or 0.0 for record in self.records)


def _without_superseded(records: Sequence[CellRecord], planned: Sequence[Cell], told: list[str]) -> list[CellRecord]:
    """One record per address: the planned one, else the one that started last. Mixing two would double a seed."""
    wanted = {cell.address: cell.hash for cell in planned}
    chosen: dict[str, CellRecord] = {}
    for record in records:
        address = record.cell.address
        if record.cell.hash != wanted.get(address, record.cell.hash):
            told.append(f"{address}: folder of other settings ({record.cell.hash}) left out")
            continue
        other = chosen.get(address)
        if other is None:
            chosen[address] = record
            continue
        newer, older = (record, other) if (record.started or 0) >= (other.started or 0) else (other, record)
        chosen[address] = newer
        told.append(f"{address}: two folders; the older one ({older.cell.hash}) is left out")
    return list(chosen.values())


def _seeds(records: Sequence[CellRecord]) -> str:
    """``0, 1, 2``; papers with other seeds behind it: ``0, 1, 2 (dtn: 0)``. Judges and data have one seed by design."""
    of: dict[str, set[int]] = {}
    for record in records:
        of.setdefault(record.cell.paper, set()).add(record.cell.seed)
    every = set().union(*of.values())
    apart = [
        f"{paper}: {_listed(seeds)}" for paper, seeds in sorted(of.items()) if seeds != every and paper != "judges"
    ]
    return _listed(every) + (f" ({'; '.join(apart)})" if apart else "")


def _listed(seeds: set[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))


def _tally(values: Sequence[str]) -> str:
    counts = {value: values.count(value) for value in sorted(set(values)) if value}
    if len(counts) <= 1:
        return next(iter(counts), "")
    return ", ".join(f"{value} ({text.plural(count, 'cell')})" for value, count in counts.items())
