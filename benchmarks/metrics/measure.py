"""From what the harness has (answers, references, a judge) to scores: the one way in to every metric.

:func:`measure` looks the metric up in :data:`retable.benchmarks.metrics.METRICS` and hands it a :class:`Question`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.metrics import METRICS
from retable.reports.records.score import Protocol, Score

Judge = Callable[[Tensor], Tensor]
"""Images float32 ``[N, C, H, W]`` in [-1, 1] -> logits ``[N, classes]``."""


@dataclass(frozen=True)
class Answer:
    """Images with what is known about them: a method's answer to a request, or a task's reference images."""

    request: str
    """The request's name, or the reference's."""
    images: Tensor
    """float32 ``[N, C, H, W]`` in [-1, 1]. For ``smoothness``: rows 2i and 2i + 1 are one path at t and t + epsilon."""
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    """Label key -> int64 ``[N]``."""
    truth: Tensor | None = None
    """The true output for every image (``lpips_pair``)."""
    source: Tensor | None = None
    """The input of a translation for every image, float32 ``[N, C, H, W]`` in [-1, 1] (``identity``)."""
    logits: Tensor | None = None
    """float ``[N, classes]`` of a method that predicts."""
    seconds: float | None = None
    """How long the method took for all of them (``answer_time``)."""
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Label key -> class names, e.g. ``{"digit": ("0", ..., "9")}``; a class without a name goes by its number."""

    def where(self, chosen: Tensor) -> Answer:
        """The rows that the boolean mask ``chosen [N]`` picks."""
        return Answer(
            self.request,
            self.images[chosen],
            {key: value[chosen] for key, value in self.labels.items()},
            None if self.truth is None else self.truth[chosen],
            None if self.source is None else self.source[chosen],
            None if self.logits is None else self.logits[chosen],
            class_names=self.class_names,
        )


@dataclass(frozen=True)
class Question:
    """Everything that a metric may look at; see :func:`measure` for the fields."""

    metric: str
    answer: Answer
    reference: Answer | None
    yardstick: Answer | None
    judge: Judge | None
    judge_name: str
    judge_digest: str
    label: str | None
    by: str | None
    extractors: tuple[str, ...]
    data: str
    seed: int
    cache: Path | None
    device: str

    def slices(self) -> list[tuple[dict[str, str], Tensor]]:
        """The whole answer, then one part per class of ``by`` that occurs in it: (slice, boolean mask ``[N]``).

        Raises:
            UserError: the answer has no label of that name.
        """
        count = len(self.answer.images)
        found = [({"request": self.answer.request}, torch.ones(count, dtype=torch.bool))]
        if self.by is not None:
            values, names = self.labels(self.by), self.answer.class_names.get(self.by, ())
            for value in torch.unique(values).tolist():
                name = names[value] if 0 <= value < len(names) else str(value)
                found.append(({"request": self.answer.request, self.by: name}, values == value))
        return found

    def labels(self, key: str | None, of: Answer | None = None) -> Tensor:
        """Labels int64 ``[N]`` of the answer, or of another set.

        Raises:
            UserError: there are none under this key, or not one for every image.
        """
        images = of or self.answer
        if key is None:
            raise UserError(f"metric {self.metric!r} on {images.request!r} needs the name of a label (Measure.label)")
        if key not in images.labels:
            raise UserError(f"{images.request!r} has no label {key!r}{did_you_mean(key, images.labels)}")
        labels = images.labels[key].cpu()
        if labels.shape != (len(images.images),) or labels.is_floating_point():
            raise UserError(
                f"label {key!r} of {images.request!r} must be int64 [{len(images.images)}], got {list(labels.shape)}"
            )
        return labels

    def needs_reference(self) -> Answer:
        """The reference images.

        Raises:
            UserError: there are none.
        """
        if self.reference is None:
            raise UserError(
                f"metric {self.metric!r} on {self.answer.request!r} needs reference images (Measure.reference)"
            )
        return self.reference

    def score(
        self,
        name: str,
        value: float,
        part: Mapping[str, str],
        direction: Literal["higher", "lower", "none"],
        *,
        unit: str = "",
        interval: tuple[float, float] | None = None,
        protocol: Mapping[str, str | int],
    ) -> Score:
        """A score of this metric; ``protocol`` are fields of :class:`Protocol` beyond ``metric`` and ``data``."""
        fields: dict[str, str | int] = {"metric": self.metric, "data": self.data, **protocol}
        return Score(
            name=name,
            value=value,
            unit=unit,
            direction=direction,
            slice=dict(part),
            protocol=Protocol.model_validate(fields),
            interval=interval,
        )


def measure(
    metric: str,
    answer: Answer,
    *,
    reference: Answer | None = None,
    yardstick: Answer | None = None,
    judge: Judge | None = None,
    judge_name: str = "",
    judge_digest: str = "",
    label: str | None = None,
    by: str | None = None,
    extractors: Sequence[str] = ("lite0",),
    data: str = "",
    seed: int = 0,
    cache: Path | None = None,
    device: str = "cpu",
) -> list[Score]:
    """Measure one thing on one answer.

    Args:
        metric: a key of :data:`retable.benchmarks.metrics.METRICS`.
        answer: what the method produced, with the request's labels, inputs and truth.
        reference: images to compare with (``fid``, ``kid``) or to test on (``adaptation``).
        yardstick: images that the metric is taken of as well (``lpips_diversity``), or that say how much is usual
            (``nearest_shot``); their scores have a slice of their own and no better direction.
        judge: the classifier of ``accuracy``; ``None`` where the answer brings its own logits.
        judge_name: its role, e.g. ``target``; part of the score's name.
        judge_digest: SHA-256 of its weights.
        label: key of the labels that hold the right answer.
        by: key of the labels to slice by, in addition to the score over everything.
        extractors: who looks at the images; each metric takes those that it can use. See
            :func:`retable.benchmarks.metrics.extractors.available`.
        data: whose images, for the protocol, e.g. ``digits:standin:test``.
        seed: of random subsets (``kid``) and of the trained classifier (``adaptation``).
        cache: folder that keeps features of the reference images; ``None`` for no such folder.
        device: where networks run.

    Returns:
        The score over everything, then one per class of ``by``, for every extractor.

    Raises:
        UserError: the metric, a label, the reference, the judge or an extractor's weights are missing or unfit.
    """
    if metric not in METRICS:
        raise UserError(
            f"unknown metric {metric!r}{did_you_mean(metric, METRICS)}; known are {', '.join(sorted(METRICS))}"
        )
    module, function = METRICS[metric].split(":")
    question = Question(
        metric,
        answer,
        reference,
        yardstick,
        judge,
        judge_name,
        judge_digest,
        label,
        by,
        tuple(extractors),
        data,
        seed,
        cache,
        device,
    )
    scores: list[Score] = getattr(import_module(module), function)(question)
    return scores
