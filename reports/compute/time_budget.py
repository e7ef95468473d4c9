"""What a suite spends its time on: seconds and share of every stage, added up from the cells' journals.

A journal has no events for stages. A stage lasts from the event that closes the one before to the event that closes
it. The time between two scores belongs to the second.
"""

from __future__ import annotations

from collections.abc import Sequence

from retable.reports import text
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Entry, Heading, Line, Table
from retable.reports.records.journal import Event, Metrics, Samples, Scored, Start

ANCHOR = "table-budget"
START = "start-up, data, networks handed over"
TRAINING = "training"
GRIDS = "sample grids while training"
ON_THE_WAY = "scores while training"
PICTURES = "weights and final pictures"
SCORES = "scores: "
REST = "after the last score"
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
_FIRST = (START, TRAINING, GRIDS, ON_THE_WAY, PICTURES)


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


def stage_seconds(events: Sequence[Event], started: int | None, ended: int | None) -> dict[str, float]:
    """Stage -> seconds of a cell's last attempt, in order of first appearance; they add up to its wall time.

    Args:
        events: the whole journal, in order.
        started: unix ms at which the last attempt's process began to work.
        ended: unix ms at which it ended.

    Returns:
        Empty where the journal lacks the attempt's start, or either time is unknown.
    """
    first = max((place for place, event in enumerate(events) if isinstance(event, Start)), default=None)
    if first is None or started is None or ended is None:
        return {}
    spent: dict[str, float] = {}
    trained = False
    last = started
    step: int | None = None
    for event in events[first:]:
        stage = _stage(event, trained, step)
        if not stage or not last <= event.t <= ended:
            continue
        if stage.startswith(SCORES) and not trained:
            # The first score closes what came before it: weights and pictures lie there and are not scored.
            stage, trained = PICTURES, True
        step = event.step if isinstance(event, Metrics | Samples | Scored) else None
        spent[stage] = spent.get(stage, 0.0) + (event.t - last) / 1000
        last = event.t
    spent[REST] = (ended - last) / 1000
    return spent


def _stage(event: Event, trained: bool, step: int | None) -> str:
    """The stage that an event closes; empty for events that close none."""
    if isinstance(event, Start):
        return START
    if isinstance(event, Metrics) and not trained:
        return TRAINING
    if isinstance(event, Samples) and not trained:
        # Without a point of the curves at the same step, training lies in between as well.
        return GRIDS if event.step == step else TRAINING
    if isinstance(event, Scored) and event.step is not None:
        return ON_THE_WAY if event.step == step else TRAINING
    if isinstance(event, Scored):
        return SCORES + event.score.name.partition(".")[0]
    return ""
