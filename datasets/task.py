"""What a task is: the data a method gets and what is asked of its images.

A task never sees a method's class. It hands out training batches (a pure function of the step, so that a resumed run
sees exactly the batches it would have seen), it asks for images (:class:`Request`), and it says what is to be measured
on them (:class:`Measure`). The harness does the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from torch import Tensor

from retable.datasets.errors import DataError, did_you_mean

Kind = Literal["translate", "sample", "predict"]


class TaskSettings(BaseModel):
    """Settings that every task has; a task adds its own. Frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: Literal["standin", "real"] = "standin"
    """Where the data come from: ``standin`` (embedded) or ``real`` (the paper's own data set, on the user's disk)."""
    data_dir: str | None = None
    """Folder that holds the data set; ``None`` means the task's own cache."""

    @property
    def variant(self) -> str:
        """Short name of what makes these settings special (``no3-st``), or empty. Part of a cell's address."""
        return ""


class SplitSettings(TaskSettings):
    """Settings of a task whose stand-in has images that no table shows, for choosing settings."""

    split: Literal["test", "validation"] = "test"
    """Whose images are asked about and compared with: those that tables show, or those that settings are chosen on.
    Nobody is in both, or in what is learned from. The real source has no such images."""

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        if self.split == "validation" and self.source == "real":
            raise ValueError(
                "split=validation needs source=standin; of your own images hold some out in a folder of their own, "
                "and name it as the data_dir"
            )
        return self

    def part(self, name: str) -> str:
        """The stand-in's name of a part that is asked about or compared with."""
        return name if self.split == "test" else f"validation-{name}"

    def named(self, variant: str) -> str:
        """A task's own variant, and ``val`` where the answers are for choosing settings."""
        return "-".join(word for word in (variant, "" if self.split == "test" else "val") if word)


@dataclass(frozen=True)
class TaskInfo:
    """What a method may know about a task before it sees a batch."""

    image_size: int
    """Height and width of every image in pixels."""
    channels: Mapping[str, int]
    """Domain name -> number of image channels, e.g. ``{"s": 3, "t": 1}``."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Label key -> class names, e.g. ``{"digit": ("0", ..., "9")}``."""


@dataclass(frozen=True)
class Request:
    """Something asked of a trained method: translate these inputs, sample images, or classify these images."""

    name: str
    """Unique within the task, e.g. ``test``."""
    kind: Kind
    inputs: Mapping[str, Tensor]
    """What the method sees. Images are float32 ``[N, C, H, W]`` in [-1, 1]; every tensor's first axis has length N."""
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    """Label key -> int64 ``[N]``. Never shown to the method; used for judging and slicing."""
    truth: Tensor | None = None
    """The true output for every input, float32 ``[N, C, H, W]`` in [-1, 1], where one exists."""
    then: Mapping[str, Tensor] | None = None
    """Ask again: the inputs of a second translation, whose ``image`` is the answer to the first. Its answer counts."""
    learnt: Tensor | None = None
    """Images ``[M, C, H, W]`` in [-1, 1] that the method learned from, for pictures to show above samples."""

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


PAIRWISE = ("lpips_pair", "l1")
"""Metrics that compare every answer with its truth."""


@dataclass(frozen=True)
class Measure:
    """One line of what to score: a metric over the answers to a request."""

    metric: str
    """Name in the harness's metric table: ``fid``, ``kid``, ``lpips_pair``, ``lpips_diversity``, ``accuracy``, ..."""
    request: str
    reference: str | None = None
    """Name of the reference images (:meth:`Task.reference`), for distribution metrics and ``adaptation``."""
    judge: str | None = None
    """Role of the judge that classifies the answers, a key of :attr:`Task.judges`, or several joined by dots
    (``hair.gender``), whose classes are all combinations, the first's changing slowest; ``None`` for ``predict``."""
    label: str | None = None
    """Key of ``Request.labels`` that holds the right answer."""
    by: str | None = None
    """Key of ``Request.labels`` to slice by, in addition to the score over everything."""
    limit: int | None = None
    """Only this many answers are measured, the first ones; for metrics that take seconds per thousand images."""
    yardstick: str | None = None
    """Name of reference images on which the metric is computed as well, for comparison."""


class Task(ABC):
    """Base class of every task. Subclasses are registered by name in :data:`retable.datasets.TASKS` or by entry
    point."""

    name: ClassVar[str]
    Settings: ClassVar[type[TaskSettings]] = TaskSettings
    judges: ClassVar[Mapping[str, str]] = {}
    """Judge role -> registered method name, e.g. ``{"target": "judges/mnist"}``. The plan trains each once (seed 0)."""
    stages: ClassVar[Mapping[str, str]] = {}
    """Stream -> the value of the setting ``stream`` that has its data prepared; empty: there is no such setting."""
    stage_settings: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Stage -> the settings that it depends on beside ``source`` and ``data_dir``; other stages depend on all."""

    def __init__(self, settings: TaskSettings, cache: Path, seed: int = 0) -> None:
        """Remember the settings and where rendered or fetched data may be kept. Does no work.

        Args:
            settings: of this task.
            cache: folder for rendered or fetched data.
            seed: the cell's data seed, the same that :meth:`batch` is given; for what a seed of the experiment decides
                once and for all, e.g. which ten images there are to learn from.
        """
        self.settings = settings
        self.cache = cache
        self.seed = seed

    @classmethod
    def stage(cls, stream: str) -> str:
        """The stage of a stream, see :attr:`stages`.

        Raises:
            DataError: there is no such stream.
        """
        if stream not in cls.stages:
            words = f"no stream {stream!r}{did_you_mean(stream, cls.stages)}"
            raise DataError(f"the task {cls.name} has {words}; it has {', '.join(cls.stages)}")
        return cls.stages[stream]

    @classmethod
    def settings_for(cls, settings: TaskSettings, stream: str) -> TaskSettings:
        """The settings with everything that ``stream`` does not depend on put back to its default.

        Shared stages are found by content: two rows share a stage exactly when this returns equal settings for both.
        """
        if not cls.stages:
            return settings
        if not isinstance(settings, cls.Settings):
            raise TypeError(f"settings of the task {cls.name} expected, got {type(settings).__name__}")
        stage = cls.stage(stream)
        if stage not in cls.stage_settings:
            return settings.model_copy(update={"stream": stage})
        names = ("source", "data_dir", *cls.stage_settings[stage])
        return cls.Settings.model_validate({"stream": stage, **{name: getattr(settings, name) for name in names}})

    @abstractmethod
    def prepare(self) -> None:
        """Fetch, render and verify the data; safe to call from several processes, cheap when the work is done.

        Raises:
            DataError: the data are missing, damaged or not what they claim to be.
        """

    @abstractmethod
    def info(self) -> TaskInfo:
        """Shapes and class names. Works before :meth:`prepare`."""

    @abstractmethod
    def batch(self, stream: str, step: int, size: int, seed: int) -> dict[str, Tensor]:
        """The training batch of a step: a pure function of its arguments.

        Args:
            stream: which data, e.g. ``train`` (what rows of the table see), ``f`` or ``judge-mnist`` (shared stages).
            step: 0-based training step.
            size: number of images per domain.
            seed: the cell's data seed.

        Returns:
            Tensors by name: images float32 ``[size, C, H, W]`` in [-1, 1], labels int64 ``[size]``.
        """

    @abstractmethod
    def requests(self, kind: Kind, stream: str) -> list[Request]:
        """What is asked of a method of this kind that was trained on this stream."""

    @abstractmethod
    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        """What is scored on the answers, in table order."""

    @abstractmethod
    def previews(self, kind: Kind, stream: str) -> list[Request]:
        """Small fixed requests for pictures, with names that are unique and may be a file's; none without pictures.

        The first is what the sample grids show in training. A row of pictures has 12 columns.
        """

    @abstractmethod
    def reference(self, name: str) -> Request:
        """Reference images by name: ``inputs["image"]`` ``[N, C, H, W]`` in [-1, 1], with labels where known."""

    def ask(self, images: Tensor, wanted: Mapping[str, str]) -> Request:
        """What a trained method is asked about a user's own images. Works before :meth:`prepare`.

        Args:
            images: float32 ``[N, C, H, W]`` in [-1, 1], already of the task's size.
            wanted: what the user wants of all of them, in words, e.g. ``{"group": "kids"}``.

        Raises:
            DataError: something is wanted that the task does not know, or it needs to know more.
        """
        if wanted:
            keys = ", ".join(repr(key) for key in wanted)
            raise DataError(f"the task {self.name} knows no {keys}: its methods take images and nothing else")
        return Request("translate", "translate", {"image": images})

    def draw(self, count: int, seed: int, points: int = 1) -> Request:
        """What a trained method is asked for new images, or for interpolations. Works before :meth:`prepare`.

        Args:
            count: how many images, or how many interpolations where ``points`` is above 1.
            seed: another seed, other images.
            points: images of one interpolation, which stand one after the other.

        Returns:
            A ``sample`` request of ``count * points`` rows.

        Raises:
            DataError: the task's methods do not sample, or a number is too small.
        """
        raise DataError(f"the task {self.name} has nothing to sample: its methods need images to start from")

    @abstractmethod
    def digests(self) -> dict[str, str]:
        """Data-set name -> SHA-256 of its content, for provenance and cache keys. Needs :meth:`prepare`."""
