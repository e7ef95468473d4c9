"""The comparison: a run's scores against what they should be, one verdict per score.

What they should be comes from recorded expectations (:func:`compare_with_file`) or from another run of the suite, the
base (:func:`compare_runs`). Either way they are scores by address, and :func:`compare` finds what is missing, failed or
measured differently in the run that is judged, the head. Values are left to a judge, which knows the tolerances.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal, NamedTuple

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.gate.expectations import Expectations, Place, left_out
from retable.benchmarks.gate.notes import Cells, differences, values
from retable.benchmarks.gate.paired import Decision, decide, gain, judge
from retable.benchmarks.plan.select import idle, matches
from retable.reports.records.result import Result
from retable.reports.records.score import Protocol, Score

Verdict = Literal[
    "ok", "better", "worse", "missing", "not ok", "incomparable", "undecided", "same run", "new", "too noisy"
]
"""``not ok`` is said of a whole cell; ``too noisy`` of a score whose expectation no value could fail."""
FAILURES = ("not ok", "missing", "incomparable", "worse")
"""Verdicts that turn the gate red."""
APART: tuple[Verdict, ...] = ("same run", "incomparable", "undecided")
"""Verdicts on scores that two runs both have and that cannot be compared."""
Pairs = dict[int, tuple[Score, Score]]
"""Seed -> the expected score and the head's."""
TIMED_UNITS = ("s", "ms", "images/s", "MiB", "W", "J")


class Run(NamedTuple):
    """A run of a suite, as its folder holds it."""

    label: str
    results: Sequence[Result]
    """Of every cell that ended, whatever its status."""
    planned: Collection[str] = ()
    """Addresses, or for a run in MLflow hashes, of the cells that it was asked for."""
    run_id: str = ""
    """Id in MLflow, if it comes from there."""


@dataclass(frozen=True)
class Check:
    """One score beside what it should be."""

    cell: str
    key: str
    verdict: Verdict
    expected: Score | None = None
    got: Score | None = None
    tolerance: float | None = None
    """How far ``got`` may be from ``expected``; ``None`` where it is unknown."""
    reason: str = ""
    chance: float = 0.0
    """The probability that an equally good run fails, where it is compared with another run."""

    @property
    def gain(self) -> float | None:
        """How much better than expected, in the score's unit; negative if worse, ``None`` without two numbers."""
        return gain(self.expected, self.expected.value, self.got.value) if self.expected and self.got else None


@dataclass(frozen=True)
class GateReport:
    """Everything that a gate says."""

    suite: str
    checks: tuple[Check, ...]
    """The scores that were decided, by cell and metric."""
    told: tuple[Check, ...] = ()
    """Scores that were not: new ones, and those that cannot be compared. They turn nothing red."""
    notes: tuple[str, ...] = ()
    against: str = ""
    """What the base is called; empty where scores are compared with recorded expectations."""

    @property
    def failures(self) -> list[Check]:
        """The checks that turn the gate red: it is green without any."""
        return [check for check in self.checks if check.verdict in FAILURES]


def compare(
    expected: Mapping[str, Mapping[str, Score]],
    head: Cells,
    judge: Callable[[Place, Pairs, int], Decision],
    leave_out: Sequence[str],
    group: Callable[[str], str] = str,
) -> list[Check]:
    """Verdicts on every expected score, then ``new`` for every other score of the head that can be gated.

    Args:
        expected: address -> label -> the score as it should be.
        head: the run that is judged.
        judge: decides over the values of one score; its last argument is how many scores are compared.
        leave_out: globs over ``CELL METRIC``; such scores of the head are not new.
        group: address -> name of the group of seeds whose values are judged together.
    """
    checks: list[Check] = []
    pairs: defaultdict[Place, Pairs] = defaultdict(dict)
    for address, scores in sorted(expected.items()):
        result = head.get(address)
        if result is None or result.status != "ok":
            checks.append(_lost(address, len(scores), result))
            continue
        got = {score.label: score for score in result.scores}
        for key, score in scores.items():
            if key not in got:
                checks.append(Check(address, key, "missing", score, reason="the cell has no such score"))
            elif difference := differing(score, got[key]):
                checks.append(Check(address, key, "incomparable", score, got[key], reason=difference))
            else:
                pairs[group(address), key][result.cell.seed] = score, got[key]
    for place, seeds in pairs.items():
        found = judge(place, seeds, len(pairs))
        old, new = (_mean([pair[side] for pair in seeds.values()]) for side in (0, 1))
        cell = f"{without_seed(place[0])}/s{_span(sorted(seeds))}"
        checks.append(Check(cell, place[1], found.verdict, old, new, found.tolerance, found.words, found.chance))
    checks.sort(key=lambda check: (check.cell, check.key))
    for address, result in sorted(head.items()):
        fresh = gated(result, leave_out).items()
        checks += [Check(address, key, "new", got=one) for key, one in fresh if key not in expected.get(address, {})]
    return checks


def compare_with_file(expectations: Expectations, results: Iterable[Result], only: str | None = None) -> GateReport:
    """Compare results with recorded expectations; results of other seeds than the gate's are passed over.

    Raises:
        UserError: two different cells have the same address, or ``only`` picks no cell.
    """
    head = by_address(results)
    wanted = picker(only, {*head, *(entry.cell for entry in expectations.score)})
    entries = {entry.place: entry for entry in expectations.score if wanted(entry.cell)}
    noisy = {(cell, key) for cell, key in expectations.noisy if wanted(cell)}
    expected: defaultdict[str, dict[str, Score]] = defaultdict(dict)
    for (cell, key), entry in sorted(entries.items()):
        expected[cell][key] = entry.score
    cells = {cell for cell, _ in (*entries, *noisy)}
    rows = {without_seed(cell) for cell in cells}
    head = {name: head[name] for name in head if wanted(name) and (name in cells or without_seed(name) not in rows)}

    def one_run(place: Place, pairs: Pairs, _: int) -> Decision:
        ((old, new),) = pairs.values()
        return decide([gain(old, old.value, new.value)], entries[place].tolerance, old.value)._replace(words="")

    checks, told = [], []
    for check in compare(expected, head, one_run, expectations.leave_out):
        if check.verdict != "new":
            checks.append(check)
        elif (check.cell, check.key) in noisy:
            noisy.remove((check.cell, check.key))
            told.append(replace(check, verdict="too noisy"))
        else:
            told.append(check)
    for cell, key in sorted(noisy):
        if cell in head and head[cell].status == "ok":
            checks.append(Check(cell, key, "missing", reason="the cell has no such score any more"))
    notes, made = [], [expectations.made.device]
    if (devices := values(head, "device")) not in ([], made):
        those = f"expectations were made on {made[0]!r}, these results on {' and '.join(map(repr, devices))}"
        notes.append(f"{those}; tolerances may not cover the difference")
    return GateReport(expectations.suite, tuple(checks), tuple(told), tuple(notes))


def compare_runs(
    suite: str, base_run: Run, head_run: Run, expectations: Expectations | None = None, only: str | None = None
) -> GateReport:
    """Decide every score that both runs have, and name what the head has lost.

    Besides a score that got worse these are regressions: a cell that is missing or not ok in the head and ok in the
    base, and a score that the head's cell no longer has. New cells, cells that failed in the base already, scores that
    were measured differently, and cells that are one run on both sides are told and turn nothing red. Expectations
    give recorded tolerances, and their ``leave_out`` leaves the same scores out here.

    Raises:
        UserError: two different cells have the same address, ``only`` picks no cell, or nothing could be decided.
    """
    base, head = by_address(base_run.results), by_address(head_run.results)
    wanted = picker(only, {*base, *head})
    base, head = ({name: one for name, one in side.items() if wanted(name)} for side in (base, head))
    leave_out = expectations.leave_out if expectations else []
    rows = {without_seed(address) for address in head}
    expected: dict[str, dict[str, Score]] = {}
    told, notes, fewer = [], [], Counter[str]()
    for address, old in sorted(base.items()):
        new = head.get(address)
        asked_for = address in head_run.planned or old.cell.hash in head_run.planned
        if old.status != "ok":
            notes += [f"{address} was {old.status} in the base and is {new.status} now"] if new else []
        elif new is None and without_seed(address) in rows and not asked_for:
            fewer[without_seed(address)] += 1
        elif new is not None and old.journal and old.journal == new.journal:
            why = f"it was run once and stands on both sides; `retable run {suite} --fresh` runs it anew"
            told += [
                Check(address, key, "same run", one, one, reason=why) for key, one in gated(old, leave_out).items()
            ]
        else:
            expected[address] = gated(old, leave_out)
    known = (
        {(without_seed(entry.cell), entry.score.label): entry for entry in expectations.score} if expectations else {}
    )

    def several_seeds(place: Place, pairs: Pairs, comparisons: int) -> Decision:
        score, entry = pairs[min(pairs)][0], known.get(place)
        recorded = None
        if expectations and entry and not differing(entry.score, score):
            recorded = expectations.recorded(entry)
        old, new = ({seed: pair[side].value for seed, pair in pairs.items()} for side in (0, 1))
        return judge(old, new, comparisons, score, recorded)

    others = {address: head[address] for address in head.keys() - {check.cell for check in told}}
    checks: list[Check] = []
    for check in compare(expected, others, several_seeds, leave_out, without_seed):
        (told if check.verdict in ("new", *APART) else checks).append(check)
    because = []
    for verdict in APART:
        if apart := [check for check in told if check.verdict == verdict]:
            example = f"{apart[0].cell} {apart[0].key}: {apart[0].reason}"
            because.append(f"not compared, {verdict}: {len(apart)} score{'s' * (len(apart) > 1)}, e.g. {example}")
    if not checks:
        why = "; ".join(because) or "they have no cell in common that was ok in the base"
        raise UserError(f"{suite} against {base_run.label}: nothing could be decided ({why})")
    notes += [f"{row}: the head has {n} seed{'s' * (n != 1)} fewer, passed over" for row, n in sorted(fewer.items())]
    notes += differences(base, head)
    if chance := sum(check.chance for check in (*checks, *told)):
        notes.append(f"an equally good head is red by chance with a probability of at most {chance:.2g}")
    return GateReport(suite, tuple(checks), tuple(told), (*notes, *because), base_run.label)


def is_gated(score: Score) -> bool:
    """Whether a score may be gated: it has a direction and is no timing, which would say more about the machine."""
    timed = score.unit in TIMED_UNITS or "timer=" in score.protocol.detail
    return score.direction != "none" and not timed


def gated(result: Result, leave_out: Sequence[str]) -> dict[str, Score]:
    """The scores of an ok cell that may be gated, sorted by label, without those that ``leave_out`` names."""
    # The globs are over addresses at the gate's seed, which is the lowest: 0.
    cells = {result.cell.address, f"{without_seed(result.cell.address)}/s0"}
    found = {}
    for score in sorted(result.scores, key=lambda score: score.label) if result.status == "ok" else ():
        if is_gated(score) and not any(left_out(leave_out, cell, score.label) for cell in cells):
            found[score.label] = score
    return found


def differing(expected: Score, got: Score) -> str:
    """How a score was measured differently, e.g. ``n_fake is 500, expected 1000``; empty if it was not."""
    old, new = (
        {**lasting(score.protocol).model_dump(), "unit": score.unit, "direction": score.direction}
        for score in (expected, got)
    )
    words = (f"{key} is {new[key] or 'empty'}, expected {old[key] or 'empty'}" for key in old if new[key] != old[key])
    return ", ".join(words)


def lasting(protocol: Protocol) -> Protocol:
    """A protocol without a judge's digest, since a judge is trained anew in every run."""
    return protocol.model_copy(update={"weights": ""}) if protocol.extractor.startswith("judge:") else protocol


def by_address(results: Iterable[Result]) -> dict[str, Result]:
    """Address -> result.

    Raises:
        UserError: two different cells of the same address.
    """
    found: dict[str, Result] = {}
    for result in results:
        address, hash_ = result.cell.address, result.cell.hash
        if (other := found.setdefault(address, result).cell.hash) != hash_:
            both = f"two different cells have the address {address!r} (hashes {other} and {hash_})"
            raise UserError(f"{both}: give the gate the results of one suite")
    return found


def picker(only: str | None, addresses: Collection[str]) -> Callable[[str], bool]:
    """Whether the globs ``only`` pick an address.

    Raises:
        UserError: one of them matches none of ``addresses``.
    """
    if only is not None and (none := idle(only, addresses)) is not None:
        raise UserError(f"--only {none!r} matches no cell{did_you_mean(none, addresses)}")
    return lambda address: only is None or matches(address, only)


def without_seed(address: str) -> str:
    """``dtn/dtn/digits/s3`` -> ``dtn/dtn/digits``."""
    return re.sub(r"/s\d+$", "", address)


def _lost(address: str, scores: int, result: Result | None) -> Check:
    key = f"({scores} score{'s' * (scores != 1)})"
    if result is None:
        return Check(address, key, "missing", reason="the cell has no result")
    why = f": {result.reason}" if result.reason else ""
    return Check(address, key, "not ok", reason=f"the cell's status is {result.status}{why}")


def _mean(scores: Sequence[Score]) -> Score:
    return scores[0].model_copy(update={"value": fmean(score.value for score in scores)})


def _span(seeds: Sequence[int]) -> str:
    """``0-2`` for neighbours, ``0,2`` for others."""
    if len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))
