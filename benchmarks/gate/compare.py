"""The comparison: a run's scores against what they should be, one verdict per score.

What they should be comes from recorded expectations (:func:`compare_with_file`) or from another run of the suite, the
base (:func:`compare_runs`). Either way they are scores by address, and :func:`compare` finds what is missing, failed or
measured differently in the run that is judged, the head. Values are left to a judge, which knows the tolerances.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from statistics import fmean
from typing import Literal

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.gate.expectations import Expectations, Place
from retable.benchmarks.gate.runs import Run, data_of, differences, facts
from retable.benchmarks.gate.tolerance import Decision, Pairs, decide, gain, judge
from retable.benchmarks.plan.select import idle, matches
from retable.reports.records.result import Result
from retable.reports.records.score import Protocol, Score
from retable.reports.text import plural

Verdict = Literal[
    "ok", "better", "suspicious", "worse", "missing", "not ok", "stale", "incomparable", "undecided", "same run",
    "new", "too noisy",
]  # fmt: skip
"""``not ok`` and ``stale`` are said of a whole cell; ``too noisy`` of a score whose expectation no value could fail."""
OPEN = {"stale", "incomparable"}
"""Verdicts that leave the gate's question without an answer."""
FAILURES = ("not ok", "missing", "worse", "suspicious", *OPEN)
"""Verdicts that turn the gate red; between runs a suspicious score is only told."""
APART: tuple[Verdict, ...] = ("same run", "incomparable", "undecided")
"""Verdicts on scores that two runs both have and that cannot be compared. Between runs they turn nothing red."""
TIMED_UNITS = ("s", "ms", "images/s", "MiB", "W", "J")


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
    every: tuple[Check, ...]
    """By cell and metric."""
    notes: tuple[str, ...] = ()
    against: str = ""
    """What the base is called; empty where scores are compared with recorded expectations."""

    @property
    def apart(self) -> list[Check]:
        """The scores that both runs have and that could not be compared."""
        return [check for check in self.every if self.against and check.verdict in APART]

    @property
    def checks(self) -> list[Check]:
        """The scores that were decided."""
        undecided = ("new", "too noisy", *(APART if self.against else ()))
        return [check for check in self.every if check.verdict not in undecided]

    @property
    def failures(self) -> list[Check]:
        """The checks that turn the gate red: it is green without any."""
        return [check for check in self.checks if check.verdict in self.red]

    @property
    def red(self) -> tuple[str, ...]:
        """Verdicts that turn this gate red."""
        return tuple(one for one in FAILURES if not (self.against and one in ("suspicious", *APART)))

    @property
    def exit_code(self) -> int:
        """0 for green, 1 for a regression, 2 without an answer, or where a score is suspicious and none is worse."""
        red = {check.verdict for check in self.failures}
        return 2 if red & OPEN or red == {"suspicious"} else 1 if red else 0


def compare(
    expected: Mapping[str, Mapping[str, Score | None]],
    data: Mapping[str, str],
    head: Run,
    judge: Callable[[Place, Pairs, int], Decision],
    leave_out: Sequence[str],
    group: Callable[[str], str] = str,
) -> list[Check]:
    """Verdicts on every expected score, then ``new`` for every other score of the head that can be gated.

    Args:
        expected: address -> label -> the score as it should be, or ``None`` where no value would be wrong.
        data: address -> :func:`data_of` the expected scores, where that is known.
        head: the run that is judged.
        judge: decides over the values of one score; its last argument is how many scores are compared.
        leave_out: globs over ``CELL METRIC``; such scores of the head are not new.
        group: address -> name of the group of seeds whose values are judged together.
    """
    checks: list[Check] = []
    pairs: defaultdict[Place, dict[int, tuple[Score, Score]]] = defaultdict(dict)
    for address, scores in sorted(expected.items()):
        if lost := _lost(address, f"({plural(len(scores), 'score')})", head, data.get(address)):
            checks.append(lost)
            continue
        result = head.cells[address]
        got = {score.label: score for score in result.scores}
        for key, score in scores.items():
            if key not in got:
                checks.append(Check(address, key, "missing", score, reason="the cell has no such score"))
            elif score is None:
                checks.append(Check(address, key, "too noisy", got=got[key]))
            elif difference := differing(score, got[key]):
                checks.append(Check(address, key, "incomparable", score, got[key], reason=difference))
            else:
                pairs[group(address), key][result.cell.seed] = score, got[key]
    for (name, key), seeds in pairs.items():
        found = judge((name, key), seeds, len(pairs))
        old, new = (_mean([pair[side] for pair in seeds.values()]) for side in (0, 1))
        cell = f"{without_seed(name)}/s{_span(sorted(seeds))}"
        checks.append(Check(cell, key, found.verdict, old, new, found.tolerance, found.words, found.chance))
    checks.sort(key=lambda check: (check.cell, check.key))
    for address, result in sorted(head.cells.items()):
        fresh = gated(result, leave_out).items()
        checks += [Check(address, key, "new", got=one) for key, one in fresh if key not in expected.get(address, {})]
    return checks


def compare_with_file(expectations: Expectations, head: Run, only: str | None = None) -> GateReport:
    """Compare a run with recorded expectations; cells of other seeds than the gate's are passed over."""
    entries = {entry.place: entry for entry in expectations.score}
    wanted = picker(only, {*head.cells, *(cell for cell, _ in entries)})
    expected: defaultdict[str, dict[str, Score | None]] = defaultdict(dict)
    for cell, key in sorted({*entries, *expectations.noisy}):
        if wanted(cell):
            expected[cell][key] = entries[cell, key].score if (cell, key) in entries else None
    rows = {without_seed(cell) for cell in expected}
    cells = {cell: one for cell, one in head.cells.items() if cell in expected or without_seed(cell) not in rows}
    head = head._replace(cells={cell: one for cell, one in cells.items() if wanted(cell)})

    def one_run(place: Place, pairs: Pairs, _: int) -> Decision:
        ((old, new),) = pairs.values()
        return decide([gain(old, old.value, new.value)], entries[place].tolerance, old.value)._replace(words="")

    checks = compare(expected, expectations.data, head, one_run, expectations.leave_out)
    notes, made = [], [expectations.made.device]
    if (devices := facts(head.cells.values(), "device")) not in ([], made):
        those = f"expectations were made on {made[0]!r}, these results on {' and '.join(map(repr, devices))}"
        notes.append(f"{those}; tolerances may not cover the difference")
    return GateReport(expectations.suite, tuple(checks), tuple(notes))


def compare_runs(expectations: Expectations, base: Run, head: Run, only: str | None = None) -> GateReport:
    """Decide every score that both runs have, and name what the head has lost.

    Expectations give recorded tolerances, and their ``leave_out`` leaves the same scores out here.

    Raises:
        UserError: nothing could be decided.
    """
    wanted = picker(only, {*base.cells, *head.cells})
    old_cells, new_cells = ({name: run.cells[name] for name in run.cells if wanted(name)} for run in (base, head))
    suite, leave_out = expectations.suite, expectations.leave_out
    known = {(without_seed(entry.cell), entry.score.label): entry for entry in expectations.score}
    rows = {without_seed(address) for address in new_cells}
    others, expected, checks = dict(new_cells), {}, []
    notes, fewer = [f"the head is {head.label}"], Counter[str]()
    for side, run in (("base", base), ("head", head)):
        if (lacking := len(run.planned) - len(run.cells)) > 0:
            notes.append(f"{lacking} of the {side}'s {len(run.planned)} cells left no result")
    for address, old in sorted(old_cells.items()):
        new = new_cells.get(address)
        if old.status != "ok":
            notes += [f"{address} was {old.status} in the base and is {new.status} now"] if new else []
        elif new is None and without_seed(address) in rows and {address, old.cell.hash}.isdisjoint(head.planned):
            fewer[without_seed(address)] += 1
        elif new is not None and old.journal and old.journal == new.journal and address not in head.stale:
            why = f"it was run once and stands on both sides; `retable run {suite} --fresh` runs it anew"
            same = gated(old, leave_out).items()
            checks += [Check(address, key, "same run", score, score, reason=why) for key, score in same]
            del others[address]
        else:
            expected[address] = gated(old, leave_out)

    def several_seeds(place: Place, pairs: Pairs, comparisons: int) -> Decision:
        score, entry = pairs[min(pairs)][0], known.get(place)
        if entry is None or differing(entry.score, score):
            return judge(pairs, comparisons)
        return judge(pairs, comparisons, entry, expectations.alarms(entry))

    data = {address: digest for address in expected if (digest := data_of(old_cells[address]))}
    checks += compare(expected, data, head._replace(cells=others), several_seeds, leave_out, without_seed)
    because = []
    for verdict in APART:
        if apart := [check for check in checks if check.verdict == verdict]:
            example = f"{apart[0].cell} {apart[0].key}: {apart[0].reason}"
            because.append(f"not compared, {verdict}: {plural(len(apart), 'score')}, e.g. {example}")
    notes += [f"{row}: the head has {plural(n, 'seed')} fewer, passed over" for row, n in sorted(fewer.items())]
    notes += differences(old_cells, new_cells)
    if chance := sum(check.chance for check in checks):
        notes.append(f"an equally good head is red by chance with a probability of at most {chance:.2g}")
    report = GateReport(suite, tuple(checks), (*notes, *because), base.label)
    if not report.checks:
        why = "; ".join(because) or "they have no cell in common that was ok in the base"
        raise UserError(f"{suite} against {base.label}: nothing could be decided ({why})")
    return report


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
        names = [f"{cell} {score.label}" for cell in cells]
        if is_gated(score) and not any(fnmatchcase(name, glob) for name in names for glob in leave_out):
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


def picker(only: str | None, addresses: Collection[str]) -> Callable[[str], bool]:
    """Whether the globs ``only`` pick an address. One that matches none of ``addresses`` is a ``UserError``."""
    if only is not None and (none := idle(only, addresses)) is not None:
        raise UserError(f"--only {none!r} matches no cell{did_you_mean(none, addresses)}")
    return lambda address: only is None or matches(address, only)


def without_seed(address: str) -> str:
    """``dtn/dtn/digits/s3`` -> ``dtn/dtn/digits``."""
    return re.sub(r"/s\d+$", "", address)


def _lost(address: str, scores: str, head: Run, data: str | None) -> Check | None:
    """Why no score of a cell is compared, if so; ``data`` is :func:`data_of` those that are expected."""
    result = head.cells.get(address)
    if result is None:
        return Check(address, scores, "missing", reason="the cell has no result")
    if result.status != "ok":
        reason = "".join(filter(str.isprintable, result.reason))  # a terminal obeys what is not
        why = f"the cell's status is {result.status}" + (f": {reason}" if reason else "")
        return Check(address, scores, "not ok", reason=why)
    if address in head.stale:
        return Check(address, scores, "stale", reason=f"made by {head.stale[address]}")
    if data not in (None, data_of(result)):
        return Check(address, scores, "incomparable", reason="made with other images, or weights, than expected")
    return None


def _mean(scores: Sequence[Score]) -> Score:
    return scores[0].model_copy(update={"value": fmean(score.value for score in scores)})


def _span(seeds: Sequence[int]) -> str:
    """``0-2`` for neighbours, ``0,2`` for others."""
    if len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))
