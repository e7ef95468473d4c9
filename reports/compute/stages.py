"""Where a cell's time went, as far as its journal says: differences between the times of its events.

A journal has no events of its own for stages, so a stage lasts from the event that closes the one before to the event
that closes it. What lies between two scores is the second one's; scores that were written together share nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

START = "start-up, data, networks handed over"
TRAINING = "training"
GRIDS = "sample grids while training"
PICTURES = "weights and final pictures"
SCORES = "scores: "
REST = "after the last score"


def stage_seconds(events: Sequence[dict[str, Any]], started: int | None, ended: int | None) -> dict[str, float]:
    """Stage -> seconds of a cell's last attempt, in order of first appearance; they add up to its wall time.

    Args:
        events: the whole journal, in order.
        started: unix ms at which the last attempt's process began to work.
        ended: unix ms at which it ended.

    Returns:
        Empty where the journal lacks the attempt's start, or either time is unknown.
    """
    first = max((place for place, event in enumerate(events) if event.get("event") == "start"), default=None)
    if first is None or started is None or ended is None:
        return {}
    spent: dict[str, float] = {}
    trained = False
    last = float(started)
    step: Any = None
    for event in events[first:]:
        stage = _stage(event, trained, step)
        time = event.get("t")
        if not stage or not isinstance(time, int) or not last <= time <= ended:
            continue
        if stage.startswith(SCORES) and not trained:
            # The first score closes what came before it: weights and pictures lie there and are not scored.
            stage, trained = PICTURES, True
        step = event.get("step")
        spent[stage] = spent.get(stage, 0.0) + (time - last) / 1000
        last = float(time)
    spent[REST] = (ended - last) / 1000
    return spent


def _stage(event: dict[str, Any], trained: bool, step: Any) -> str:
    """The stage that an event closes; empty for events that close none."""
    kind = event.get("event")
    if kind == "start":
        return START
    if kind == "metrics" and not trained:
        return TRAINING
    if kind == "samples" and not trained:
        # Without a point of the curves at the same step, training lies in between as well.
        return GRIDS if event.get("step") == step else TRAINING
    if kind == "score":
        score = event.get("score")
        return SCORES + _family(score if isinstance(score, dict) else {})
    return ""


def _family(score: dict[str, Any]) -> str:
    """The metric without its extractor: ``fid`` of ``fid.lite0``."""
    return str(score.get("name", "")).partition(".")[0] or "unnamed"
