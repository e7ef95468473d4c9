"""From results to expectations: tolerances made anew from enough seeds, or values moved."""

from __future__ import annotations

import datetime
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.compare import by_address, is_gated, scores_of, without_seed
from retable.benchmarks.gate.expectations import Expectation, Expectations, KeyProtocol, Provenance, left_out
from retable.benchmarks.gate.tolerance import FALSE_ALARMS, MIN_SEEDS, tolerance
from retable.reports.records.score import Score

Runs = dict[int, Score]
"""Seed -> score."""


@dataclass(frozen=True)
class Accepted:
    """The new expectations and what a person should know about them."""

    expectations: Expectations
    notes: tuple[str, ...]


def record(
    suite: str,
    results: Sequence[Mapping[str, Any]],
    old: Expectations | None = None,
    *,
    besides: int = 0,
    false_alarms: float = FALSE_ALARMS,
    today: datetime.date | None = None,
) -> Accepted:
    """What :func:`retable.benchmarks.gate.accept.accept` writes; ``besides`` are checks of the gate that stay as they
    are."""
    found = by_address(results)
    _refuse_bad_cells(found)
    leave_out = old.leave_out if old else []
    runs = _group(found, leave_out)
    before = {(entry.cell, entry.key): entry for entry in old.score} if old else {}
    _refuse_absent_cells(before, found)

    few = {place: seeds for place, seeds in runs.items() if len(seeds) < MIN_SEEDS}
    unknown = sorted(place for place in few if place not in before)
    checks = len(runs) - len(unknown) + besides
    if checks == besides:
        most = max((len(seeds) for seeds in runs.values()), default=0)
        raise UserError(
            f"gate {suite}: nothing to record: no score has {MIN_SEEDS} seeds (the most is {most}); "
            f"run `retable run {suite} --seeds 0-{MIN_SEEDS - 1}` first"
        )
    entries = []
    for place, seeds in sorted(runs.items()):
        if place in unknown:
            continue
        if place in few:
            entries.append(_moved(before[place], seeds))
        else:
            entries.append(_made(place[0], seeds, checks, false_alarms))

    made_seeds = sorted({seed for place, seeds in runs.items() if place not in few for seed in seeds})
    provenance = _provenance(found, today or datetime.datetime.now(datetime.UTC).date())
    if made_seeds:
        made = provenance.model_copy(update={"seeds": made_seeds, "checks": checks, "false_alarms": false_alarms})
        moved, later = None, []
    else:
        assert old is not None  # noqa: S101  without old tolerances and five seeds nothing could be recorded
        made, moved = old.made, provenance
        later = [part for part in old.later if part.checks]
    score = [entry for entry in entries if entry.can_fail]
    blunt = {f"{entry.cell} {entry.key}" for entry in entries if not entry.can_fail}
    # Too few seeds to say that these could fail by now.
    blunt |= {*(old.cannot_fail if old else ())} & {f"{cell} {key}" for cell, key in unknown}
    expectations = Expectations(
        suite=suite,
        leave_out=leave_out,
        cannot_fail=sorted(blunt),
        made=made,
        moved=moved,
        later=later,
        score=score,
    )
    dropped = sorted(before.keys() - runs.keys())
    return Accepted(expectations, tuple(_notes(expectations, few, unknown, dropped, besides)))


def _refuse_bad_cells(found: Mapping[str, Mapping[str, Any]]) -> None:
    for address, result in sorted(found.items()):
        if result.get("status") != "ok":
            raise UserError(f"cannot accept: {address} is {result.get('status')}, not ok; run it again first")
        for key, score in scores_of(result).items():
            if is_gated(score) and not math.isfinite(score.value):
                raise UserError(f"cannot accept: {address} {key} is {score.value}; an expectation must be finite")
    devices = {str(result.get("environment", {}).get("device", "")) for result in found.values()}
    if len(devices) > 1:
        raise UserError(f"cannot accept: the results come from several devices ({', '.join(sorted(devices))})")


def _refuse_absent_cells(before: Mapping[tuple[str, str], Expectation], found: Mapping[str, Any]) -> None:
    absent = sorted({cell for cell, _ in before} - found.keys())
    if absent:
        raise UserError(
            f"cannot accept: no result for {', '.join(absent)}, which the file expects; run the whole suite, or, if a "
            "cell has left it, delete its [[score]] blocks from the file"
        )


def _group(found: Mapping[str, Mapping[str, Any]], leave_out: Sequence[str]) -> dict[tuple[str, str], Runs]:
    """(address at the lowest seed, score key) -> seed -> score, for everything that may be gated."""
    cells: defaultdict[str, list[str]] = defaultdict(list)
    for address in found:
        cells[without_seed(address)].append(address)
    runs: dict[tuple[str, str], Runs] = {}
    for addresses in cells.values():
        addresses.sort(key=lambda address: _seed(found[address]))
        for address in addresses:
            for key, score in scores_of(found[address]).items():
                place = (addresses[0], key)
                if is_gated(score) and not left_out(leave_out, *place):
                    runs.setdefault(place, {})[_seed(found[address])] = score
        for place in [place for place in runs if place[0] == addresses[0]]:
            if min(runs[place]) != _seed(found[addresses[0]]):
                raise UserError(f"cannot accept: {place[0]} lacks {place[1]}, which other seeds have")
    return runs


def _seed(result: Mapping[str, Any]) -> int:
    return int(result["cell"].get("seed", 0))


def _made(cell: str, seeds: Runs, checks: int, false_alarms: float) -> Expectation:
    score = seeds[min(seeds)]
    protocol = score.protocol
    mean, spread, allowed = tolerance(
        [run.value for run in seeds.values()],
        checks,
        unit=score.unit,
        images=min((count for count in (protocol.n_real, protocol.n_fake) if count), default=0),
        false_alarms=false_alarms,
    )
    entry = Expectation(
        cell=cell,
        name=score.name,
        slice=score.slice,
        value=_digits(mean, 6),
        tolerance=_up(allowed),
        unit=score.unit,
        direction="higher" if score.direction == "higher" else "lower",
        spread=_digits(spread, 4),
        seeds=len(seeds),
        n_real=protocol.n_real,
        n_fake=protocol.n_fake,
        protocol=KeyProtocol.of(protocol),
    )
    _refuse_difference(entry, seeds, "its seeds were not measured alike")
    return entry


def _moved(entry: Expectation, seeds: Runs) -> Expectation:
    words = f"how it is measured has changed, so its tolerance must be made anew with {MIN_SEEDS} seeds"
    _refuse_difference(entry, seeds, words)
    return entry.model_copy(update={"value": _digits(fmean(run.value for run in seeds.values()), 6)})


def _refuse_difference(entry: Expectation, seeds: Runs, words: str) -> None:
    for seed, score in sorted(seeds.items()):
        if difference := entry.differs_from(score):
            raise UserError(f"cannot accept: {entry.cell} {entry.key}: {words} (seed {seed}: {difference})")


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _up(value: float) -> float:
    """Four digits, rounded up: a tolerance must still cover the values that it was made from."""
    rounded = _digits(value, 4)
    return rounded if rounded >= value else _digits(rounded * (1 + 1e-3), 4)


def _provenance(found: Mapping[str, Mapping[str, Any]], date: datetime.date) -> Provenance:
    environments = [result.get("environment", {}) for result in found.values()]

    def every(key: str) -> str:
        return ", ".join(sorted({str(environment.get(key, "")) for environment in environments} - {""}))

    return Provenance(
        date=date,
        commit=", ".join(sorted({_commit(environment) for environment in environments} - {""})),
        device=every("device"),
        cpu=every("cpu"),
        torch=every("torch"),
        seeds=sorted({_seed(result) for result in found.values()}),
    )


def _commit(environment: Mapping[str, str]) -> str:
    dirty = str(environment.get("dirty", "")).lower() in ("true", "1", "yes")
    return str(environment.get("commit", "")) + ("-dirty" if dirty else "")


def _notes(
    expectations: Expectations,
    few: Mapping[tuple[str, str], Runs],
    unknown: Sequence[tuple[str, str]],
    dropped: Sequence[tuple[str, str]],
    besides: int,
) -> list[str]:
    entries, made = expectations.score, expectations.made
    remade = sum((entry.cell, entry.key) not in few for entry in entries)
    left = [f"{cell} {key}" for cell, key in unknown if f"{cell} {key}" not in expectations.cannot_fail]
    lost = [
        f"{cell} {key}"
        for cell, key in few
        if (cell, key) not in unknown and f"{cell} {key}" in expectations.cannot_fail
    ]
    notes = [
        f"{len(entries)} expectations of gate {expectations.suite}: {remade} with new tolerances, "
        f"{len(entries) - remade} with the old tolerance and a moved value (fewer than {MIN_SEEDS} seeds)"
    ]
    if remade:
        each = made.false_alarms / made.checks
        notes.append(
            "an equally good run on another machine is red with probability of at most "
            f"{each * (made.checks - besides):.3g} ({each:.2g} a check)"
        )
    for title, places in (
        (f"left out, fewer than {MIN_SEEDS} seeds", left),
        ("dropped, no longer measured or in leave_out", [f"{cell} {key}" for cell, key in dropped]),
        (
            "checked no more, the moved value lies within its tolerance of the end of the scale "
            f"({MIN_SEEDS} seeds bring it back)",
            lost,
        ),
        (
            "not recorded, too noisy to fail: the tolerance reaches the end of the scale (more seeds sharpen it)",
            [place for place in expectations.cannot_fail if place not in lost],
        ),
    ):
        if places:
            notes.append(f"{title}: {'; '.join(places)}")
    commits = (expectations.moved or made).commit
    if "-dirty" in commits:
        notes.append("results come from an uncommitted working tree")
    if ", " in commits:
        notes.append(f"results come from several revisions ({commits}); `retable run --fresh` makes them all anew")
    return notes
