"""Whether the head's values of one score are worse than the base's, pair by pair.

A pair is one seed: a base value and a head value. The gain of a pair is how much better the head is than the base.

*The mean is worse* when **both** hold:

1. The seeds agree. From five pairs on, the bootstrap 95 % interval of the mean gain is below zero; with fewer, every
   gain is.
2. The mean gain is beyond the tolerance, which is made for all comparisons together. Of hundreds of 95 % intervals
   alone, dozens miss zero in two runs of the same code.

*A lone seed is worse* when the mean loss is above the floor and the head at that seed is beyond its tolerance. A head
that collapses on some seeds would otherwise pay for its own tolerance: the collapse widens the spread, and the seeds
that it spared disagree.

By Bonferroni's inequality two equally good runs differ in *any* of C comparisons with probability A at most, half of it
for means and half for lone seeds; with expectations the means have the probability that the file was made for. Holm's
procedure would gain nothing where one score in hundreds has changed. One or two pairs without an expectation have no
spread, and decide nothing unless they are equal. The tolerances are in :mod:`retable.benchmarks.gate.tolerance`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal, NamedTuple

from retable.benchmarks.gate.tolerance import HALF, MIN_PAIRS, Recorded, floor, lone_tolerance, mean_tolerance
from retable.reports.compute.statistics import INTERVAL_FROM, bootstrap_interval
from retable.reports.records.score import Score

DIGITS = 1e-5
"""Values are recorded with six digits. What lies below them, as a part of the value, must not decide."""


class Decision(NamedTuple):
    """What the pairs of one score say."""

    verdict: Literal["ok", "worse", "better", "undecided"]
    tolerance: float | None
    """How far the mean gain may be from zero, in the score's unit; ``None`` where no spread is known."""
    words: str
    """The evidence: the interval, the gains, or the lone seeds."""
    chance: float = 0.0
    """The probability that two equally good runs are told apart."""


def judge(
    base: Mapping[int, float], head: Mapping[int, float], checks: int, score: Score, recorded: Recorded | None = None
) -> Decision:
    """Compare the head's values of one score, by seed, with the base's: by their mean, and seed by seed.

    Args:
        base: seed -> value, in the score's unit.
        head: the same seeds.
        checks: C, how many scores are compared.
        score: any of them, for unit, direction and number of images.
        recorded: what the expectation says of the score, if there is one.
    """
    old, new = ([side[seed] for seed in sorted(base)] for side in (base, head))
    mean = fmean(old)
    gains = [gain(score, *pair) for pair in zip(old, new, strict=True)]
    found = decide(gains, mean_tolerance(old, new, checks, score, recorded), mean)
    if found.tolerance is not None:
        found = found._replace(chance=HALF / checks if recorded is None else recorded.alarms)
    lone = lone_tolerance(old, checks, score, recorded)
    if lone is None:
        return found
    found = found._replace(chance=found.chance + HALF / checks)
    losses = {seed: -gain(score, mean, value) for seed, value in sorted(head.items())}
    digits = DIGITS * abs(mean)
    beyond = {seed: loss for seed, loss in losses.items() if loss > lone + digits}
    if found.verdict != "ok" or not beyond or fmean(losses.values()) <= floor(mean, score) + digits:
        return found
    seeds, worse = ", ".join(map(str, beyond)), ", ".join(f"{loss:.4g}" for loss in beyond.values())
    by = "the base's seeds" if recorded is None else "the base's and the recorded seeds"
    words = f"seed{'s' * (len(beyond) > 1)} {seeds} alone: {worse}{points(score)} worse, ± {lone:.4g} by {by}"
    return found._replace(verdict="worse", words=words)


def decide(gains: Sequence[float], tolerance: float | None, scale: float) -> Decision:
    """Judge the mean gain of at least one pair; ``scale`` is the size of the score."""
    mean = fmean(gains)
    words = f"{len(gains)} pair{'s' * (len(gains) > 1)}: " + ", ".join(f"{gain:+.4g}" for gain in gains)
    if tolerance is None:
        words += f"; without an expectation {MIN_PAIRS} seeds are needed"
        return Decision("undecided" if any(gains) else "ok", None, words)
    if abs(mean) <= tolerance + DIGITS * abs(scale):
        return Decision("ok", tolerance, words)
    low, high = min(gains), max(gains)
    # Only here: a bootstrap for every score of two equal runs would take most of the comparison's time.
    if len(gains) >= INTERVAL_FROM:
        low, high = bootstrap_interval(gains)
        words = f"{len(gains)} pairs, 95 % interval {low:+.4g} to {high:+.4g}"
    if low <= 0 <= high:
        return Decision("ok", tolerance, f"{words}; the seeds disagree")
    return Decision("worse" if high < 0 else "better", tolerance, words)


def gain(score: Score, start: float, end: float) -> float:
    """How much better ``end`` is than ``start``; negative if it is worse."""
    return end - start if score.direction == "higher" else start - end


def points(score: Score) -> str:
    """The unit of a difference."""
    return " points" if score.unit == "%" else f" {score.unit}" if score.unit else ""
