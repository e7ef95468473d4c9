"""Where a cell's time went: differences between the times of its journal's events.

A journal has no events for stages. A stage lasts from the event that closes the one before to the event that closes
it. The time between two scores belongs to the second.
"""

from __future__ import annotations

from collections.abc import Sequence

from retable.reports.records.journal import Event, Metrics, Samples, Scored, Start

START = "start-up, data, networks handed over"
TRAINING = "training"
GRIDS = "sample grids while training"
PICTURES = "weights and final pictures"
SCORES = "scores: "
REST = "after the last score"


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
        step = event.step if isinstance(event, Metrics | Samples) else None
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
    if isinstance(event, Scored):
        return SCORES + event.score.name.partition(".")[0]
    return ""
