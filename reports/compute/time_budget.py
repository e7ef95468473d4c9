"""What a suite spends its time on: seconds and share of every stage, added up from the cells' journals."""

from __future__ import annotations

from retable.reports import text
from retable.reports.compute.runs import Runs
from retable.reports.compute.stages import GRIDS, PICTURES, REST, SCORES, START, TRAINING, stage_seconds
from retable.reports.compute.table_model import Entry, Heading, Line, Table

ANCHOR = "table-budget"
NOTE = (
    "Wall-clock seconds of the cells' processes, added up over all cells and seeds. Cells run side by side, so a run "
    "takes less than this: about half with two at a time."
)
FOOTNOTES = (
    "A score's time is what passed since the score before it. The first score that needs a request's answers, a "
    "reference's features or a judge pays for them: FID for the features that KID uses again.",
    "Not in any journal, and so not here: a process's start before its work begins (the interpreter and the first "
    "imports), the preparation of data before the first cell, tracking in the parent process, and the report.",
)
OTHERS = "scores, all others"
TRIFLE = 0.0005
"""Share of all time below which a family of scores is not shown by itself."""
_FIRST = (START, TRAINING, GRIDS, PICTURES)


def budget_table(runs: Runs) -> Table | None:
    """Stage by stage: seconds of each paper's cells, of all, and the share; ``None`` where no journal tells."""
    spent: dict[str, dict[str, float]] = {}
    timed = 0
    for record in runs.records:
        stages = stage_seconds(record.events, record.started, record.ended)
        timed += bool(stages)
        for stage, seconds in stages.items():
            by_paper = spent.setdefault(stage, {})
            by_paper[record.cell.paper] = by_paper.get(record.cell.paper, 0.0) + seconds
    total = sum(sum(by_paper.values()) for by_paper in spent.values())
    if not total:
        return None
    spent = _without_trifles(spent, total)
    papers = sorted({paper for by_paper in spent.values() for paper in by_paper})
    headings = [Heading("ours", f"{paper} (s)", column=paper) for paper in papers]
    headings += [Heading("ours", "all (s)", notes=(1, 2), column="all"), Heading("ours", "share (%)", column="share")]
    lines = [_line(stage, spent[stage], papers, total) for stage in _in_order(spent)]
    whole = {paper: sum(by_paper.get(paper, 0.0) for by_paper in spent.values()) for paper in papers}
    lines.append(_line("all stages", whole, papers, total))
    return Table(
        anchor=ANCHOR,
        paper="Time",
        number="Budget",
        title="Where the time goes",
        added=False,
        note=NOTE,
        headings=tuple(headings),
        lines=tuple(lines),
        data=f"From the journals of {text.plural(timed, 'cell')}.",
        protocols=(),
        seeds="",
        judges="",
        orderings=None,
        footnotes=FOOTNOTES,
        source="",
    )


def _without_trifles(spent: dict[str, dict[str, float]], total: float) -> dict[str, dict[str, float]]:
    """Scores that take next to nothing, as one stage."""
    kept: dict[str, dict[str, float]] = {}
    for stage, by_paper in spent.items():
        small = stage.startswith(SCORES) and sum(by_paper.values()) < TRIFLE * total
        into = kept.setdefault(OTHERS if small else stage, {})
        for paper, seconds in by_paper.items():
            into[paper] = into.get(paper, 0.0) + seconds
    return kept


def _in_order(spent: dict[str, dict[str, float]]) -> list[str]:
    """As a cell goes through them; scores by what they take."""
    scores = [stage for stage in spent if stage.startswith(SCORES)]
    scores.sort(key=lambda stage: (-sum(spent[stage].values()), stage))
    return [stage for stage in (*_FIRST, *scores, OTHERS, REST) if stage in spent]


def _line(title: str, by_paper: dict[str, float], papers: list[str], total: float) -> Line:
    entries = [_entry(by_paper.get(paper), 1) for paper in papers]
    seconds = sum(by_paper.values())
    return Line(title, (*entries, _entry(seconds, 1), _entry(100 * seconds / total, 1)))


def _entry(value: float | None, decimals: int) -> Entry:
    if value is None:
        return Entry(text.NOTHING)
    return Entry(text.number(value, decimals), value=value, state="number")
