"""Decides claims over paired seeds: reproduced, contradicted or undecided, never more than the seeds can carry.

A contrast is decided by at least three pairs of seeds: the interval of the effect lies on one side, and a paired t test
agrees at :data:`~retable.reports.compute.claim_model.ALPHA` = 0.05. A claim is reproduced if all its contrasts are. It
is contradicted if some are and they are more than chance gives among so many (Simes' test); else it is undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isclose

from retable.reports import text
from retable.reports.compute.claim_model import ALPHA, ClaimLine, Claims, ContrastLine, Verdict
from retable.reports.compute.runs import CellScore, Runs
from retable.reports.compute.select import Comparability, Selection, comparability, difference
from retable.reports.compute.statistics import INTERVAL_FROM, bootstrap_interval, lower_tail, simes
from retable.reports.compute.table_model import Table
from retable.reports.published.claim_schema import Claim, Contrast, Term
from retable.reports.published.papers import PublishedPaper

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
    return replace(decision, verdict="reproduced" if low > 0 else "contradicted")


def build_claims(runs: Runs, papers: Sequence[PublishedPaper], tables: Sequence[Table]) -> list[Claims]:
    """The claims of every paper that there are cells of, decided; ``tables`` are what they link to."""
    selection = Selection(runs)
    return [
        Claims(
            anchor=f"claims-{paper.paper}",
            paper=paper.paper,
            title=paper.title,
            lines=tuple(_claim(selection, claim, tables) for claim in paper.claims),
        )
        for paper in papers
        if paper.paper in runs.papers and paper.claims
    ]


def _claim(selection: Selection, claim: Claim, tables: Sequence[Table]) -> ClaimLine:
    lines, sources = [], set()
    for contrast in claim.contrasts:
        line, rests_on = _contrast(selection, claim.task, contrast)
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
    against = [line for line in lines if line.verdict == "contradicted"]
    if not against:
        return "reproduced" if all(line.verdict == "reproduced" for line in lines) else "undecided", list(lines)
    tested = [line.against for line in lines if line.against is not None]
    # Half of the level lies on each side. Of many contrasts one lies far enough below by chance alone.
    if simes(tested) <= ALPHA / 2:
        return "contradicted", list(lines)
    note = f"{len(against)} of {len(tested)} contrasts against the claim: so few may be chance, and it stays undecided"
    return "undecided", [replace(line, notes=(note, *line.notes)) if line in against else line for line in lines]


def _label(table: Table) -> str:
    name = table.number or table.title.removesuffix(f": {table.part}")
    return f"{name}: {table.part}" if table.part else name


@dataclass(frozen=True)
class _Part:
    """One slice of one term: its scores by seed, and what became of the method's cells."""

    term: Term
    score: str
    slices: dict[str, str]
    sign: float
    """The term's factor or its negative, divided by the number of scores that the term is the mean of."""
    found: dict[int, CellScore]
    statuses: dict[int, str]

    @property
    def method(self) -> str:
        return text.row_name(self.term.method, self.term.variant)

    def missing(self, seed: int) -> str:
        """Why there is no score at this seed."""
        status = self.statuses.get(seed, "not-run")
        if status != "ok":
            return f"{self.method}: {text.status_word(status)}"
        return f"{self.score} of {self.method} on {text.slice_text(self.slices)} was not measured"


def _contrast(selection: Selection, task: str, contrast: Contrast) -> tuple[ContrastLine, set[str]]:
    """The line, and the sources of the data that it rests on."""
    parts = [part for term in contrast.plus for part in _parts(selection, task, term, 1.0)]
    parts += [part for term in contrast.minus for part in _parts(selection, task, term, -1.0)]
    shared = sorted(set.intersection(*(set(part.found) for part in parts)))
    allowed = (
        [f"claimed above {text.signed(contrast.margin, contrast.decimals)} {contrast.unit}".strip()]
        if contrast.margin
        else []
    )
    allowed += [f"factor {factor:g}" for factor in contrast.factors]
    notes = [f"{', '.join(allowed)}: {contrast.margin_why}"] if allowed else []
    notes += _missing(parts, shared, task)
    if unlike := _unlike(parts, shared):
        decision = Decision("undecided", None, None, None, f"measured in different ways: {unlike}")
        effects = {}
    else:
        effects = {seed: _effect(contrast, parts, seed) for seed in shared}
        decision = decide([effects[seed] for seed in shared])
    if decision.reason:
        notes.insert(0, f"undecided: {decision.reason}")
    interval = text.NOTHING
    if decision.interval is not None:
        interval = f"[{', '.join(_printed(contrast, end) for end in decision.interval)}]"
    points = ", ".join(f"{seed}:\u00a0{_printed(contrast, effect)}" for seed, effect in effects.items())
    line = ContrastLine(
        says=contrast.says,
        verdict=decision.verdict,
        effect=text.NOTHING
        if decision.mean is None
        else f"{_printed(contrast, decision.mean)} {contrast.unit}".strip(),
        claimed=f"> {text.signed(contrast.margin, contrast.decimals) if contrast.margin else 0}",
        interval=interval,
        p=_p(decision),
        seeds=str(len(effects)),
        points=points or text.NOTHING,
        notes=tuple(notes),
        against=decision.against,
    )
    return line, {part.found[seed].record.source for part in parts for seed in shared}


def _parts(selection: Selection, task: str, term: Term, sign: float) -> list[_Part]:
    statuses = selection.statuses(term.method, term.variant, task)
    each = term.parts()
    share = sign * term.factor / len(each)
    return [
        _Part(term, name, one, share, selection.by_seed(term.method, term.variant, task, name, one), statuses)
        for name, one in each
    ]


def _effect(contrast: Contrast, parts: Sequence[_Part], seed: int) -> float:
    """What the contrast compares, less what it claims: above 0 where the seed agrees."""
    terms = [part.sign * part.found[seed].score.value * contrast.scale for part in parts] + [-contrast.margin]
    total = sum(terms)
    # A mean over three groups is not exact; what rounding alone leaves must not decide a tie.
    return 0.0 if abs(total) <= 1e-12 * sum(abs(term) for term in terms) else total


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


def _missing(parts: Sequence[_Part], shared: Sequence[int], task: str) -> list[str]:
    """What is missing, with the seeds at which it is; a method that never ran has no seeds to name."""
    seeds: dict[str, list[int]] = {}
    planned = {seed for part in parts for seed in part.statuses}
    for part in parts:
        for seed in sorted(planned - set(shared)):
            if seed not in part.found and seed not in seeds.setdefault(part.missing(seed), []):
                seeds[part.missing(seed)].append(seed)
    never = {} if planned else {f"{part.method} was not run on {task}": None for part in parts}
    return [*never, *(f"seed {', '.join(str(seed) for seed in at)}: {reason}" for reason, at in seeds.items() if at)]


_OF_THE_SET = ("data", "n_real", "n_fake", "detail")
"""Protocol keys that follow from the slice: two groups of people have different numbers of images."""


def _unlike(parts: Sequence[_Part], shared: Sequence[int]) -> str:
    """In what the scores differ that are to be added up; empty when nothing is wrong.

    One term must be measured alike at every seed. Terms of one score share extractor, weights and unit, and those on
    one slice also share the number of images; the name of the data may differ, as variants of a task do.
    """
    first: dict[str, Comparability] = {}
    same_slice: dict[tuple[str, str], Comparability] = {}
    for part in parts:
        ways = [comparability(part.found[seed]) for seed in shared]
        for way in ways:
            if why := difference(way, ways[0]):
                return f"{part.score} of {part.method} on {text.slice_text(part.slices)}, {why} between seeds"
        for way in ways[:1]:
            where = f"{part.score} of {part.method}"
            of_score = _without(way, _OF_THE_SET)
            if why := difference(of_score, first.setdefault(part.score, of_score)):
                return f"{where}, {why}"
            of_slice = _without(way, ("data",))
            place = (part.score, text.slice_text(part.slices))
            if why := difference(of_slice, same_slice.setdefault(place, of_slice)):
                return f"{where} on {place[1]}, {why}"
            units = {part.found[seed].score.unit for part in parts for seed in shared}
            if len(units) > 1:
                return f"the units {' and '.join(sorted(unit or 'none' for unit in units))} cannot be added"
    return ""


def _without(way: Comparability, names: Sequence[str]) -> Comparability:
    return tuple((name, value) for name, value in way if name not in names)
