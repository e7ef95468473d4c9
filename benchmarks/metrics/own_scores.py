"""Scores of the training itself, which need no images: number of parameters, speed and memory, final losses.

Final losses are means of the last tenth of training, for losses that a healthy training ends low in. Which those are is
each method's choice (:attr:`retable.methods.method.Method.watch`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from retable.benchmarks.metrics.parameters import score_parameters
from retable.benchmarks.metrics.timing import StepTimer
from retable.methods.method import Method
from retable.reports.records.score import Protocol, Score


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


def score_losses(
    points: Iterable[tuple[int, Mapping[str, float]]], watched: Sequence[str], steps: int, data: str
) -> Iterator[Score]:
    """``loss.NAME`` of each watched loss, lower is better; none where the last tenth has no point of it.

    Args:
        points: ``(step, loss name -> value)`` as logged. Of several for one step the last one counts, so a resumed run
            has the same points as an uninterrupted one.
        watched: names of losses.
        steps: of the whole training.
        data: whose images, for the protocol.
    """
    last = {step: values for step, values in points if step > 0.9 * steps}
    protocol = Protocol(metric="loss", data=data, detail="mean of the last tenth of training")
    for name in watched:
        values = [point[name] for point in last.values() if name in point]
        if values:
            mean, part = sum(values) / len(values), {"request": "train"}
            yield Score(name=f"loss.{name}", value=mean, direction="lower", slice=part, protocol=protocol)
