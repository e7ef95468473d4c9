"""Decides claims over paired seeds, never more than rows and seeds can carry.

A contrast is testable where its rows have learned, it has converged, and its scores are unsaturated
(:mod:`retable.reports.compute.conditions`); where one of the three is missing, it is not testable at this scale. Then a
contrast is decided by at least three pairs of seeds: the interval of the effect lies above the claimed value (for it)
or below (against it), and a paired t test agrees at :data:`~retable.reports.compute.claim_model.ALPHA` = 0.05. A claim
is reproduced if all its contrasts are. It is not reproduced if some are against it, and more than chance gives among so
many (Simes' test); on the paper's own data, at the paper's scale, it is then contradicted. Otherwise it is not testable
if any contrast is not testable, and undecided if none is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isclose

from retable.reports import text
from retable.reports.compute.claim_model import AGAINST, ALPHA, ClaimLine, Claims, ContrastLine, Verdict
from retable.reports.compute.claim_parts import Part, effect_of, parts_of, unlike
from retable.reports.compute.conditions import conditions_of
from retable.reports.compute.runs import Runs
from retable.reports.compute.select import Selection
from retable.reports.compute.statistics import INTERVAL_FROM, bootstrap_interval, lower_tail, simes
from retable.reports.compute.table_model import Table
from retable.reports.published.claim_schema import Claim, Contrast
from retable.reports.published.papers import PublishedPaper
from retable.reports.records.folder import CellRecord

DECIDED_FROM = 3
"""How many shared seeds a verdict needs."""


@dataclass(frozen=True)
class Decision:
    """What the effects at the shared seeds say, in numbers."""

    verdict: Verdict
    mean: float | None
    interval: tuple[float, float] | None
    """Range of three or four points, bootstrap interval from :data:`INTERVAL_FROM` on; ``None`` below."""
    against: float | None
    """Probability of a mean as low as this one by chance alone, from :func:`lower_tail`; ``None`` below three seeds."""
    reason: str
    """Why it is undecided; empty when it is decided."""

    @property
    def p(self) -> float | None:
        """Two-sided."""
        return None if self.against is None else 2 * min(self.against, 1 - self.against)


def decide(effects: Sequence[float]) -> Decision:
    """The verdict on one effect per seed; an effect is above 0 where its seed agrees with the claim."""
    if not effects:
        return Decision("undecided", None, None, None, "no seed has all its scores")
    mean = sum(effects) / len(effects)
    if len(effects) < DECIDED_FROM:
        reason = f"{text.plural(len(effects), 'seed')}; at least {DECIDED_FROM} are needed"
        return Decision("undecided", mean, None, None, reason)
    by_points = len(effects) < INTERVAL_FROM
    low, high = (min(effects), max(effects)) if by_points else bootstrap_interval(effects)
    decision = Decision("undecided", mean, (low, high), lower_tail(effects), "")
    where = "the claimed value"
    if low <= 0 <= high:
        reason = f"the seeds do not all lie on one side of {where}" if by_points else f"the interval holds {where}"
        return replace(decision, reason=reason)
    if decision.p is not None and decision.p > ALPHA:
        agree = "the seeds agree" if by_points else f"the interval lies on one side of {where}"
        return replace(decision, reason=f"{agree}, but chance gives as much too often (p above {ALPHA:g})")
    return replace(decision, verdict="reproduced" if low > 0 else "not reproduced")


def build_claims(runs: Runs, papers: Sequence[PublishedPaper], tables: Sequence[Table]) -> list[Claims]:
    """The claims of every paper that there are cells of, decided; ``tables`` are what they link to."""
    selection = Selection(runs)
    return [
        Claims(
            anchor=f"claims-{paper.paper}",
            paper=paper.paper,
            title=paper.title,
            lines=tuple(_claim(selection, paper, claim, tables) for claim in paper.claims),
        )
        for paper in papers
        if paper.paper in runs.papers and paper.claims
    ]


def _claim(selection: Selection, paper: PublishedPaper, claim: Claim, tables: Sequence[Table]) -> ClaimLine:
    lines, sources = [], set()
    for contrast in claim.contrasts:
        line, rests_on = _contrast(selection, paper, claim.task, contrast)
        lines.append(line)
        sources |= rests_on
    verdict, lines = _verdict(lines)
    return ClaimLine(
        anchor=f"claim-{claim.id}",
        sentence=claim.sentence,
        verdict=verdict,
        data=" and ".join(sorted(sources)),
        source=f"{claim.source} (confidence: {claim.confidence})",
        tables=tuple((_label(table), table.anchor) for table in tables if table.layout == claim.table),
        contrasts=tuple(lines),
        ours=claim.confidence == "derived",
    )


def _verdict(lines: Sequence[ContrastLine]) -> tuple[Verdict, list[ContrastLine]]:
    """The claim's verdict, and its contrasts, with a note where one speaks against it and does not suffice."""
    against = [line for line in lines if line.verdict in AGAINST]
    left: Verdict = "not testable" if any(line.verdict == "not testable" for line in lines) else "undecided"
    if not against:
        return "reproduced" if all(line.verdict == "reproduced" for line in lines) else left, list(lines)
    tested = [line.against for line in lines if line.against is not None and line.verdict != "not testable"]
    # Half of the level lies on each side. Of many contrasts one lies far enough below by chance alone.
    if simes(tested) <= ALPHA / 2:
        return against[0].verdict, list(lines)
    note = f"{len(against)} of {len(tested)} contrasts against the claim: so few may be chance, and it stays {left}"
    return left, [replace(line, notes=(note, *line.notes)) if line in against else line for line in lines]


def _label(table: Table) -> str:
    name = table.number or table.title.removesuffix(f": {table.part}")
    return f"{name}: {table.part}" if table.part else name


def _contrast(
    selection: Selection, paper: PublishedPaper, task: str, contrast: Contrast
) -> tuple[ContrastLine, set[str]]:
    """The line, and the sources of the data that it rests on."""
    parts = parts_of(selection, task, contrast)
    shared = sorted(set.intersection(*(set(part.found) for part in parts)))
    allowed = (
        [f"claimed above {text.signed(contrast.margin, contrast.decimals)} {contrast.unit}".strip()]
        if contrast.margin
        else []
    )
    allowed += [f"factor {factor:g}" for factor in contrast.factors]
    notes = [f"{', '.join(allowed)}: {contrast.margin_why}"] if allowed else []
    notes += _missing(parts, shared, task)
    if why := unlike(parts, shared):
        decision = Decision("undecided", None, None, None, f"measured in different ways: {why}")
        effects = {}
    else:
        effects = {seed: effect_of(contrast, parts, seed) for seed in shared}
        decision = decide([effects[seed] for seed in shared])
    if decision.reason:
        notes.insert(0, f"undecided: {decision.reason}")
    conditions = conditions_of(
        selection, task, contrast, parts, list(effects), lambda part: paper.conditions_for(part.score, part.slices)
    )
    records = [part.found[seed].record for part in parts for seed in shared]
    verdict = decision.verdict
    if not all(one.holds for one in conditions):
        verdict = "not testable"
    elif verdict == "not reproduced" and all(map(_is_papers_own, records)):
        verdict = "contradicted"
    interval = text.NOTHING
    if decision.interval is not None:
        interval = f"[{', '.join(_printed(contrast, end) for end in decision.interval)}]"
    points = ", ".join(f"{seed}:\u00a0{_printed(contrast, effect)}" for seed, effect in effects.items())
    line = ContrastLine(
        says=contrast.says,
        verdict=verdict,
        effect=text.NOTHING
        if decision.mean is None
        else f"{_printed(contrast, decision.mean)} {contrast.unit}".strip(),
        claimed=f"> {text.signed(contrast.margin, contrast.decimals) if contrast.margin else 0}",
        interval=interval,
        p=_p(decision),
        seeds=str(len(effects)),
        points=points or text.NOTHING,
        notes=tuple(notes),
        conditions=conditions,
        against=decision.against,
    )
    return line, {record.source for record in records}


def _is_papers_own(record: CellRecord) -> bool:
    """Whether a cell saw the paper's data at the paper's scale."""
    return (record.source, record.cell.profile) == ("real", "paper")


def _printed(contrast: Contrast, effect: float) -> str:
    """The effect as it was measured: readers compare it with what is claimed, beside it."""
    return text.signed(effect + contrast.margin, contrast.decimals)


def _p(decision: Decision) -> str:
    if decision.p is None or decision.interval is None:
        return text.NOTHING
    if isclose(*decision.interval, rel_tol=1e-12):
        return "equal"
    if decision.p < 0.001:
        return "< 0.001"
    # Beside the level three digits do not tell on which side of it a p lies.
    return text.number(decision.p, 4 if round(decision.p, 3) == ALPHA else 3)


def _missing(parts: Sequence[Part], shared: Sequence[int], task: str) -> list[str]:
    """What is missing, with the seeds at which it is; a method that never ran has no seeds to name."""
    seeds: dict[str, list[int]] = {}
    planned = {seed for part in parts for seed in part.statuses}
    for part in parts:
        for seed in sorted(planned - set(shared)):
            if seed not in part.found and seed not in seeds.setdefault(part.missing(seed), []):
                seeds[part.missing(seed)].append(seed)
    never = {} if planned else {f"{part.method} was not run on {task}": None for part in parts}
    return [*never, *(f"seed {', '.join(str(seed) for seed in at)}: {reason}" for reason, at in seeds.items() if at)]
