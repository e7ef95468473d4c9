"""What ``retable gate --accept`` does: today's scores become expectations, all of them or those of some cells.

A score with results of at least five seeds gets a new tolerance. With fewer seeds its old tolerance is kept and only
its value moves. ``--only`` renews a part of the file: its new tolerances are made for the number of checks that the
whole file then has, and what is kept was made for fewer, so the rate of false alarms of the whole gate grows a little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean, stdev

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.compare import differing, gated, lasting, picker, without_seed
from retable.benchmarks.gate.expectations import Expectation, Expectations, Later, Place, Provenance
from retable.benchmarks.gate.runs import Run, data_of, facts
from retable.benchmarks.gate.tolerance import MIN_SEEDS, can_fail, tolerance
from retable.reports.records.result import Result
from retable.reports.records.score import Score

ANEW = f"its tolerance must be made anew with {MIN_SEEDS} seeds"


def accept(old: Expectations, head: Run, only: str | None = None) -> tuple[Expectations, list[str]]:
    """The scores of ``head`` as expectations; with ``only`` those of some cells, the others as they were in ``old``.

    Returns:
        The new expectations and what a person should know about them.

    Raises:
        UserError: a cell that is not ok or stale, results of several devices, seeds that were not measured alike,
            a recorded cell without a result, another protocol or other images without five seeds, or a part of nothing.
    """
    if only is not None and not old.score:
        raise UserError(
            f"gate {old.suite}: nothing is recorded yet, so there is no part to renew; accept without --only"
        )
    found = head.cells
    wanted = picker(only, {*found, *(entry.cell for entry in old.score)})
    renewed = [found[address] for address in sorted(found) if wanted(address)]
    before = {entry.place: entry for entry in old.score if wanted(entry.cell)}
    kept = [entry for entry in old.score if not wanted(entry.cell)]
    _refuse(renewed, head.stale, {cell for cell, _ in before}, old.made.device if kept else None)
    runs = _group(renewed, old.leave_out)
    remade = {place for place, seeds in runs.items() if len(seeds) >= MIN_SEEDS}
    unknown = runs.keys() - remade - before.keys()
    if not runs.keys() - unknown:
        most = max(map(len, runs.values()), default=0)
        raise UserError(
            f"gate {old.suite}: nothing to record: no score has {MIN_SEEDS} seeds (the most is {most}); "
            f"run `retable run {old.suite} --seeds 0-{MIN_SEEDS - 1}` first"
        )
    data = {cell: digest for cell, _ in runs if (digest := data_of(found[cell]))}
    for cell, label in sorted(runs.keys() - remade - unknown):
        if old.data.get(cell, data.get(cell)) != data.get(cell):
            raise UserError(f"cannot accept: {cell} {label}: its images have changed; {ANEW}")
    checks = len(runs) - len(unknown) + len(kept)
    entries = [
        _made(place[0], seeds, checks) if place in remade else _moved(before[place], seeds)
        for place, seeds in runs.items()
        if place not in unknown
    ]
    good = [entry for entry in entries if can_fail(entry.score, entry.tolerance)]
    # A score with too few seeds to say that it could fail by now stays where it was.
    noisy = {entry.place for entry in entries if entry not in good} | old.noisy & unknown
    elsewhere = {place for place in old.noisy if not wanted(place[0])}
    how = Provenance.of(renewed, checks if remade else 0)
    new: dict[str, object] = {
        "data": {cell: digest for cell, digest in old.data.items() if not wanted(cell)} | data,
        "cannot_fail": sorted(" ".join(place) for place in noisy | elsewhere),
        "score": sorted([*kept, *good], key=lambda entry: entry.place),
    }
    if only is not None:
        earlier = [part for part in old.later if part.only != only or (part.checks and not remade)]
        new["later"] = [*earlier, Later(only=only, **how.model_dump())]
    elif remade:
        new |= {"made": how, "moved": None, "later": []}
    else:
        new |= {"moved": how, "later": [part for part in old.later if part.checks]}
    whole = old.model_copy(update=new)

    fresh = sum(entry.place in remade for entry in good)
    notes = [
        f"{len(good)} expectations of gate {old.suite}: {fresh} with new tolerances, {len(good) - fresh} with the old "
        f"tolerance and a moved value (fewer than {MIN_SEEDS} seeds); {len(kept)} of other cells are as they were",
        "an equally good run on another machine is red with a probability of at most "
        f"{sum(whole.alarms(entry) for entry in whole.score):.3g}",
    ]
    for title, places in (
        (f"left out, fewer than {MIN_SEEDS} seeds", unknown - noisy),
        ("dropped, no longer measured or in leave_out", before.keys() - runs.keys()),
        ("not checked, too noisy to fail: the tolerance reaches the end of the scale (more seeds sharpen it)", noisy),
    ):
        notes += [f"{title}: {'; '.join(' '.join(place) for place in sorted(places))}"] if places else []
    if "-dirty" in how.commit:
        notes.append("results come from an uncommitted working tree")
    if ", " in how.commit:
        notes.append(f"results come from several revisions ({how.commit}); `retable run --fresh` makes them all anew")
    return whole, notes


def _refuse(
    results: Collection[Result], stale: Mapping[str, str], recorded: Collection[str], device: str | None
) -> None:
    """Raise an error if results cannot become expectations beside others that were made on ``device``."""
    for result in results:
        if result.status != "ok":
            raise UserError(f"cannot accept: {result.cell.address} is {result.status}, not ok; run it again first")
        if words := stale.get(result.cell.address):
            why = f"{result.cell.address} is stale, made by {words}"
            raise UserError(f"cannot accept: {why}; run the suite anew with --fresh first")
    devices = facts(results, "device")
    if len(devices) > 1:
        raise UserError(f"cannot accept: the results come from several devices ({', '.join(devices)})")
    if device is not None and devices not in ([], [device]):
        kept = f"the kept expectations were made on {device!r}, these results on {devices[0]!r}"
        raise UserError(f"cannot accept a part: {kept}; run the whole suite")
    if absent := sorted({*recorded} - {result.cell.address for result in results}):
        raise UserError(
            f"cannot accept: no result for {', '.join(absent)}, which the file expects; run the whole suite, or, if a "
            "cell has left it, delete its [[score]] blocks from the file"
        )


def _group(results: Collection[Result], leave_out: Sequence[str]) -> dict[Place, dict[int, Score]]:
    """(address at the row's lowest seed, label) -> seed -> score, for everything that may be gated."""
    first: dict[str, Result] = {}
    runs: defaultdict[Place, dict[int, Score]] = defaultdict(dict)
    for result in sorted(results, key=lambda result: result.cell.seed):
        lowest = first.setdefault(without_seed(result.cell.address), result)
        for key, score in gated(result, leave_out).items():
            place = lowest.cell.address, key
            if result is not lowest and place not in runs:
                raise UserError(f"cannot accept: {place[0]} lacks {key}, which other seeds have")
            runs[place][result.cell.seed] = score
    return runs


def _made(cell: str, seeds: dict[int, Score], checks: int) -> Expectation:
    score = seeds[min(seeds)]
    _refuse_difference(cell, score, seeds, "its seeds were not measured alike")
    values = [run.value for run in seeds.values()]
    allowed = tolerance(values, checks, score)
    # A tolerance must still cover the values that it was made from.
    rounded = _digits(allowed, 4)
    return Expectation(
        cell=cell,
        **score.model_dump(include={"name", "slice", "unit", "direction"}),
        value=_digits(fmean(values), 6),
        tolerance=rounded if rounded >= allowed else _digits(rounded * (1 + 1e-3), 4),
        spread=_digits(stdev(values), 4),
        seeds=len(values),
        n_real=score.protocol.n_real,
        n_fake=score.protocol.n_fake,
        protocol=lasting(score.protocol).model_copy(update={"n_real": 0, "n_fake": 0}),
    )


def _moved(entry: Expectation, seeds: dict[int, Score]) -> Expectation:
    _refuse_difference(entry.cell, entry.score, seeds, f"how it is measured has changed; {ANEW}")
    return entry.model_copy(update={"value": _digits(fmean(run.value for run in seeds.values()), 6)})


def _refuse_difference(cell: str, expected: Score, seeds: dict[int, Score], words: str) -> None:
    for seed, score in sorted(seeds.items()):
        if difference := differing(expected, score):
            raise UserError(f"cannot accept: {cell} {score.label}: {words} (seed {seed}: {difference})")


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
