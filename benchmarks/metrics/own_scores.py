"""Scores of the training itself, which need no images: number of parameters, speed and memory, final losses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from retable.benchmarks.metrics.losses import score_losses
from retable.benchmarks.metrics.parameters import score_parameters
from retable.benchmarks.metrics.timing import StepTimer
from retable.methods.method import Method
from retable.reports.records.score import Score


def own_scores(
    method: Method, timer: StepTimer, points: Iterable[tuple[int, Mapping[str, float]]], data: str
) -> Iterator[Score]:
    """Every score of a method's training.

    Args:
        method: after its training.
        timer: of its steps; one that has seen none gives no scores.
        points: ``(step, loss name -> value)`` as logged.
        data: whose images, for the protocol, e.g. ``digits:standin``.
    """
    steps = method.settings.steps
    yield from score_parameters(method.networks(), method.opt if steps else {}, method.models())
    if timer.seen:
        yield from timer.scores(data)
        yield from score_losses(points, method.watch, steps, data)
