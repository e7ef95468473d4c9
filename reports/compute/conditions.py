"""What a verdict rests on: rows that have learned, a contrast that has converged, and scores that are not saturated.

Better *by more than chance* is one rule for all of it (:func:`better`). Shares of test images, such as errors in per
cent, are compared by Fisher's exact test of their counts: the test images are the chance. For every other score the
seeds are, by a paired t test. Both are one-sided, at :data:`~retable.reports.compute.claim_model.ALPHA`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from retable.reports import text
from retable.reports.compute.claim_model import ALPHA, Condition
from retable.reports.compute.claim_parts import OF_THE_SET, Part, at, effect_of, without
from retable.reports.compute.runs import CellScore
from retable.reports.compute.select import Comparability, Selection, comparability
from retable.reports.compute.statistics import fisher, lower_tail
from retable.reports.published.claim_schema import Conditions, Contrast

Scores = Mapping[int, CellScore]
NOT_MEASURED = Condition("not measured")
NOT_ASKED = Condition("–")
SEEDS = 3
"""From so many seeds on their spread is chance; with fewer the mean alone counts, and no verdict rests on it."""


def conditions_of(
    selection: Selection, task: str, contrast: Contrast, parts: Sequence[Part], shared: Sequence[int],
    asked: Callable[[Part], Conditions],
) -> tuple[Condition, Condition, Condition]:  # fmt: skip
    """Learned, converged, unsaturated: whether the contrast's rows are fit for a verdict.

    Args:
        selection: where reference rows are looked up.
        task: of the claim.
        contrast: what is compared.
        parts: of it.
        shared: the seeds that all parts have.
        asked: what the paper's file says of a part's score.
    """
    trained = [part for part in parts if asked(part).trained]
    if not trained:
        return NOT_ASKED, NOT_ASKED, NOT_ASKED
    if not shared:
        return NOT_MEASURED, NOT_MEASURED, NOT_MEASURED

    def reference(part: Part, name: str) -> Scores:
        return _reference(selection, task, part, name, part.score, part.slices)

    learned = [
        _learned(part, name, reference(part, name), shared)
        for part in trained
        if not part.term.may_fail
        for name in asked(part).anchors
    ]
    room = [
        _above(part, _real(selection, task, part, asked(part)), shared)
        for part in trained
        if asked(part).real is not None and _is_worse_side(part)
    ]
    return _all(learned), _converged(contrast, parts, shared), _any(room)


def better(one: Scores, other: Scores, seeds: Sequence[int], direction: str) -> bool:
    """Whether ``one`` is better than ``other`` over these seeds by more than chance; equal is not better."""
    ones, others = [at(one, seed).score for seed in seeds], [at(other, seed).score for seed in seeds]
    sign = 1.0 if direction == "higher" else -1.0
    ahead = [sign * (mine.value - theirs.value) for mine, theirs in zip(ones, others, strict=True)]
    if sum(ahead) <= 0:
        return False
    counts = [max(score.protocol.n_fake, score.protocol.n_real) for score in (ones[0], others[0])]
    if ones[0].unit == "%" and all(counts):
        means = [sum(score.value for score in scores) / len(scores) for scores in (ones, others)]
        shares = [min(max(mean / 100, 0.0), 1.0) for mean in means]
        more, less = (0, 1) if direction == "higher" else (1, 0)
        return fisher(shares[more], counts[more], shares[less], counts[less]) <= ALPHA
    return len(seeds) < SEEDS or 1 - lower_tail(ahead) <= ALPHA


def _learned(part: Part, name: str, anchor: Scores, seeds: Sequence[int]) -> Condition:
    """Whether a row beats an anchor on its score."""
    if not anchor or _direction(part) == "none":
        return NOT_MEASURED
    if better(part.found, anchor, seeds, _direction(part)):
        return Condition("yes")
    return Condition("no", f"{_told(part.method, part.found, seeds)}, {_told(name, anchor, seeds)}")


def _above(part: Part, real: Scores, seeds: Sequence[int]) -> Condition:
    """Whether a comparator is worse than real images."""
    if not real:
        return NOT_MEASURED
    direction = _direction(part)
    theirs = {seed: one for seed, one in real.items() if one.score.direction in (direction, "none")}
    if theirs and better(theirs, part.found, seeds, direction):
        return Condition("yes")
    return Condition("no", f"{_told(part.method, part.found, seeds)}, {_told('real images', real, seeds)}")


def _converged(contrast: Contrast, parts: Sequence[Part], seeds: Sequence[int]) -> Condition:
    """Whether the contrast keeps its sign from half of the steps to all, and no row still moves by more than it."""
    if any(seed not in part.half for part in parts for seed in seeds):
        return NOT_MEASURED
    final, half = (
        sum(effect_of(contrast, parts, seed, half_way=early) for seed in seeds) / len(seeds) for early in (False, True)
    )
    if final * half <= 0:
        return Condition("no", f"{text.signed(half + contrast.margin, contrast.decimals)} after half of the steps")
    for _, group in groupby(parts, key=lambda part: part.place):
        term = list(group)
        moved = contrast.scale * sum(
            part.sign * (part.found[seed].score.value - part.half[seed].score.value) for part in term for seed in seeds
        )
        if abs(moved / len(seeds)) > abs(final):
            by = text.number(abs(moved / len(seeds)), contrast.decimals)
            return Condition("no", f"{term[0].method} moves by {by} from half of the steps to all")
    return Condition("yes")


def _is_worse_side(part: Part) -> bool:
    """Whether the claim says that this part is the worse one: the larger of errors, the smaller of what is good."""
    return _direction(part) != "none" and (part.sign > 0) == (_direction(part) == "lower")


def _real(selection: Selection, task: str, part: Part, asked: Conditions) -> Scores:
    real = asked.real
    if real is None:
        return {}
    return _reference(selection, task, part, real.method, real.score or part.score, real.slice or part.slices)


def _reference(
    selection: Selection, task: str, part: Part, method: str, score: str, slices: Mapping[str, str]
) -> Scores:
    """The scores of a reference row beside a part: of the same variant of the task, else of another that has them."""
    for variant in dict.fromkeys((part.term.variant, "", *selection.variants(method, task))):
        found = selection.by_seed(method, variant, task, score, slices)
        if score == part.score:
            way = _way(next(iter(part.found.values())))
            found = {seed: one for seed, one in found.items() if _way(one) == way}
        if found:
            return found
    return {}


def _way(one: CellScore) -> Comparability:
    return without(comparability(one), OF_THE_SET)


def _direction(part: Part) -> str:
    return next(iter(part.found.values())).score.direction


def _told(name: str, scores: Scores, seeds: Sequence[int]) -> str:
    values = [at(scores, seed).score.value for seed in seeds]
    unit = at(scores, seeds[0]).score.unit
    return f"{name} {text.significant(sum(values) / len(values))} {unit}".strip()


def _all(found: Sequence[Condition]) -> Condition:
    """No where one is, else not measured where one is not; nothing asked is no obstacle."""
    refused = [one for one in found if one.state == "no"]
    if refused:
        more = f"; {len(refused) - 1} more" if len(refused) > 1 else ""
        return Condition("no", refused[0].why + more)
    return NOT_MEASURED if NOT_MEASURED in found else Condition("yes") if found else NOT_ASKED


def _any(found: Sequence[Condition]) -> Condition:
    """Yes where one is: as long as one comparator is above real images, there is room for a difference."""
    return next((one for state in ("yes", "not measured", "no") for one in found if one.state == state), NOT_ASKED)
