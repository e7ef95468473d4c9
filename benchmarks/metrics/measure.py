"""The one way in to every metric: ask a :class:`Question`, get scores.

scores = measure(Question("fid", Answer("test", images), reference=Answer("real", real)))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Literal

import torch
from torch import Tensor

from retable.benchmarks.errors import UserError, did_you_mean, unknown
from retable.benchmarks.metrics import METRICS
from retable.benchmarks.metrics.networks.extractors import Extractor
from retable.benchmarks.metrics.networks.trunks import Trunk
from retable.reports.records.score import Protocol, Score

Direction = Literal["higher", "lower", "none"]
Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Answer:
    """Images and what is known about them: a method's answer to a request, or a task's reference images."""

    request: str
    """Name of the request or of the reference images."""
    images: Tensor
    """float32 ``[N, C, H, W]`` in [-1, 1]. For ``smoothness``: rows 2i and 2i + 1 are one path at t and t + epsilon."""
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    """Label key -> int64 ``[N]``."""
    truth: Tensor | None = None
    """The true output for every image (``lpips_pair``)."""
    source: Tensor | None = None
    """The input of a translation for every image, float32 ``[N, C, H, W]`` in [-1, 1] (``identity``)."""
    logits: Tensor | None = None
    """float ``[N, classes]``, where the method predicts."""
    seconds: float | None = None
    """Time the method took for all images together (``answer_time``)."""
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Label key -> class names, e.g. ``{"digit": ("0", ..., "9")}``; a class without a name goes by its number."""

    def where(self, chosen: Tensor) -> Answer:
        """The rows that the boolean mask ``chosen [N]`` picks. Their time is not known."""

        def rows(of: Tensor | None) -> Tensor | None:
            return None if of is None else of[chosen]

        return replace(
            self,
            images=self.images[chosen],
            labels={key: value[chosen] for key, value in self.labels.items()},
            truth=rows(self.truth),
            source=rows(self.source),
            logits=rows(self.logits),
            seconds=None,
        )


@dataclass(frozen=True)
class Judge:
    """A trained classifier that says what an image shows."""

    name: str
    """Its role, e.g. ``target``; part of the score's name."""
    logits: Callable[[Tensor], Tensor]
    """Images float32 ``[N, C, H, W]`` in [-1, 1] -> logits ``[N, classes]``."""
    digest: str = ""
    """SHA-256 of its weights."""


@dataclass(frozen=True)
class Question:
    """What to measure, and everything that the metric may look at."""

    metric: str
    """A key of :data:`retable.benchmarks.metrics.METRICS`."""
    answer: Answer
    """What the method produced, with the request's labels, inputs and truth."""
    reference: Answer | None = None
    """Images to compare with (``fid``, ``kid``) or to test on (``adaptation``)."""
    yardstick: Answer | None = None
    """Real images to score as well (``lpips_diversity``), or to compare distances with (``nearest_shot``). Their scores
    have a slice of their own, and neither direction is better."""
    judge: Judge | None = None
    """The classifier of ``accuracy``; ``None`` where the answer brings its own logits."""
    label: str | None = None
    """Key of the labels that hold the right answer."""
    by: str | None = None
    """Key of the labels to slice by, in addition to the score over everything."""
    extractors: tuple[str, ...] = ("lite0",)
    """Networks that look at the images; each metric takes those that it can use."""
    data: str = ""
    """Whose images, for the protocol, e.g. ``digits:standin:test``."""
    seed: int = 0
    """Seed of random subsets (``kid``) and of the trained classifier (``adaptation``)."""
    cache: Path | None = None
    """Folder that keeps features of the reference images."""
    device: str = "cpu"
    """Where networks run."""

    @property
    def whole(self) -> dict[str, str]:
        """The slice that is the whole answer."""
        return {"request": self.answer.request}

    def slices(self) -> list[tuple[dict[str, str], Tensor]]:
        """The whole answer, then one part per class of ``by`` that occurs in it: (slice, boolean mask ``[N]``).

        Raises:
            UserError: the answer has no label of that name.
        """
        found = [(self.whole, torch.ones(len(self.answer.images), dtype=torch.bool))]
        if self.by is not None:
            values, names = self.labels(self.by), self.answer.class_names.get(self.by, ())
            for value in torch.unique(values).tolist():
                name = names[value] if 0 <= value < len(names) else str(value)
                found.append(({**self.whole, self.by: name}, values == value))
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
        direction: Direction,
        network: Extractor | Trunk | Judge | None = None,
        *,
        unit: str = "",
        interval: Interval = None,
        n_real: int = 0,
        n_fake: int = 0,
        detail: str = "",
    ) -> Score:
        """A score of this metric on the slice ``part``. The network's name becomes part of the score's.

        ``n_real``, ``n_fake`` and ``detail`` go into its protocol (:class:`retable.reports.records.score.Protocol`).
        """
        protocol = {"metric": self.metric, "data": self.data, "n_real": n_real, "n_fake": n_fake, "detail": detail}
        if isinstance(network, Judge):
            protocol |= {"extractor": f"judge:{network.name}", "weights": network.digest[:16]}
        elif network is not None:
            protocol |= {"extractor": network.name, "weights": network.digest[:16], "resize": network.resize}
        return Score(
            name=name if network is None else f"{name}.{network.name}",
            value=value,
            unit=unit,
            direction=direction,
            slice=dict(part),
            protocol=Protocol.model_validate(protocol),
            interval=interval,
        )


def measure(question: Question) -> list[Score]:
    """The score over everything, then one per class of ``by``, for every extractor.

    Raises:
        UserError: the metric, a label, the reference, the judge or an extractor's weights are missing or unfit.
    """
    if question.metric not in METRICS:
        raise UserError(unknown("metric", question.metric, METRICS))
    return list(resolve_name(METRICS[question.metric])(question))
