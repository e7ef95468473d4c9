"""Task `ten-shot`: new images of a domain of which ten are known (MixDL, Kong et al., ECCV 2022).

Which ten is decided by the cell's seed. Who sees which images: :mod:`~retable.datasets.ten_shot.sources`.

===============  ================================================================================
stream           a batch
===============  ================================================================================
``shots``        ``image``: shuffled epochs over the shots
``copies``       as ``shots``; requests show one of the shots, the latent decides which (a reference row)
``fresh``        ``image``: images that are neither shots nor reference, and requests show one each (a reference row)
``source-near``  ``image``: photographs (stage: the generator that CDC adapts)
``source-far``   ``image``: street digits (stage: the same from a domain further away)
===============  ================================================================================

Every request is for samples: ``{"z": [N, 512]}``, standard normal, of which a method uses the first columns.

Differences from the paper: the stand-in draws avatars; CDC's source is FFHQ there, photographs of drawn people here.
Distances are to the whole reference set, as in the paper's code, and not to the shots. Of Oxford Flowers that set holds
the shots, as the paper's sets do; of a folder only if they were put there; of the stand-in never. Copies and the steps
of interpolations are measured in our own way: the paper shows them and reports no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from retable.datasets.anchors import with_shown
from retable.datasets.errors import DataError
from retable.datasets.images import signed
from retable.datasets.sampling import step_indices
from retable.datasets.sources import Progress
from retable.datasets.task import Kind, Measure, Request, Task, TaskInfo
from retable.datasets.ten_shot import latents
from retable.datasets.ten_shot.settings import TenShotSettings
from retable.datasets.ten_shot.sources import Part, Real, StandIn

NEEDS: Mapping[str, tuple[Part, ...]] = {
    "rows": ("shots", "reference"),
    "fresh": ("fresh", "shots", "reference"),
    "source-near": ("source-near", "source-near-test"),
    "source-far": ("source-far", "source-far-test"),
}
REFERENCES: Mapping[str, Part] = {
    "reference": "reference",
    "shots": "shots",
    "source-near": "source-near-test",
    "source-far": "source-far-test",
}
"""Name of reference images -> the part that they are."""
PREVIEW_SAMPLES, PREVIEW_STRIPS, PREVIEW_POINTS = 36, 4, 12
"""Three rows of twelve samples, and four interpolations of a row each."""


class TenShot(Task):
    """Generation from ten images."""

    name = "ten-shot"
    Settings = TenShotSettings
    judges: ClassVar[Mapping[str, str]] = {}
    stages: ClassVar = {"shots": "rows", "copies": "rows"} | {stage: stage for stage in NEEDS if stage != "rows"}
    stage_settings: ClassVar = dict.fromkeys(("source-near", "source-far"), ("size", "n_source"))
    settings: TenShotSettings

    def prepare(self, progress: Progress | None = None) -> None:
        """Have the images of the settings' stream rendered, or the user's folders checked and read.

        Args:
            progress: told how far it is.
        """
        self._source.verify()
        for part in NEEDS[self.settings.stream]:
            self._source.get(part, progress)

    def info(self) -> TaskInfo:
        """One domain, ``image``, of 3 channels; the label ``path`` is the number of an interpolation."""
        paths = tuple(str(number) for number in range(max(self.settings.n_strips, PREVIEW_STRIPS)))
        return TaskInfo(self.settings.size, {"image": 3}, {"path": paths})

    def batch(self, stream: str, step: int, size: int, seed: int) -> dict[str, Tensor]:
        """``{"image": [size, 3, S, S]}``: shuffled epochs over what the stream shows."""
        (shown, *_) = NEEDS[self.stage(stream)]
        images = self._source.get(shown).images
        return {"image": signed(images[step_indices(len(images), step, size, stream, seed)])}

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        """``samples``, ``smoothness`` and ``strips`` of a row; of a source generator a few hundred ``samples``."""
        stage = self.stage(stream)
        if kind != "sample":
            return []
        if stage.startswith("source"):
            return [self._samples("samples", self.settings.n_held_out)]
        samples = self._samples("samples", self.settings.n_samples)
        if stage == "fresh":
            return [with_shown(samples, stream, self._fresh(len(samples)))]
        asked = [
            samples,
            Request("smoothness", "sample", {"z": latents.neighbours(self.settings.n_paths, "smoothness")}),
            self._strips("strips", self.settings.n_strips, self.settings.strip_points),
        ]
        return self._seen_by(stream, asked)

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        """Is it like the reference, is it varied, is it a copy of a shot, how does it change between two latents."""
        stage = self.stage(stream)
        if kind != "sample":
            return []
        if stage.startswith("source"):
            return [Measure("kid", "samples", reference=stage)]
        if stage == "fresh" and self.settings.source == "real":
            return []
        few = self.settings.n_compared
        measures = [
            *(Measure(metric, "samples", reference="reference") for metric in ("fid", "kid", "sfid")),
            *(
                Measure(metric, "samples", reference="reference")
                for metric in ("precision_recall", "density_coverage", "low_passed")
            ),
            Measure("lpips_diversity", "samples", limit=few, yardstick="shots"),
            Measure("intra_lpips", "samples", reference="shots", limit=few),
            Measure("nearest_shot", "samples", reference="shots", limit=few, yardstick="reference"),
            Measure("smoothness", "smoothness"),
            Measure("staircase", "strips", label="path"),
        ]
        return [one for one in measures if stage == "rows" or one.request == "samples"]

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        """Thirty-six samples; of a row with its first twelve shots, and four interpolations one below the other."""
        stage = self.stage(stream)
        if kind != "sample":
            return []
        samples = self._samples("samples", PREVIEW_SAMPLES, "preview")
        if stage == "fresh":
            count = min(PREVIEW_SAMPLES, self.settings.n_samples)
            return [with_shown(self._samples("samples", count, "preview"), stream, self._fresh(count))]
        if stage != "rows":
            return [samples]
        strips = self._strips("strips", PREVIEW_STRIPS, PREVIEW_POINTS, "preview")
        learnt = signed(self._source.get("shots").images[:12])
        return self._seen_by(stream, [replace(samples, learnt=learnt), strips])

    def draw(self, count: int, seed: int, points: int = 1) -> Request:
        """``count`` samples; with more points than one, ``count`` interpolations of ``points`` images each.

        Raises:
            DataError: a number is below 1.
        """
        for name, value in (("count", count), ("points", points)):
            if value < 1:
                raise DataError(f"the task ten-shot cannot draw with {name}={value}; it must be 1 or more")
        if points == 1:
            return self._samples("samples", count, "draw", seed)
        return self._strips("strips", count, points, "draw", seed)

    def ask(self, images: Tensor, wanted: Mapping[str, str]) -> Request:
        """Never: these methods make images out of nothing.

        Raises:
            DataError: always.
        """
        raise DataError("the methods of the task ten-shot do not translate images; `retable sample` makes new ones")

    def reference(self, name: str) -> Request:
        """``reference``, ``shots``, ``source-near`` or ``source-far``: the last two are not learned from."""
        if name not in REFERENCES:
            raise DataError(f"the task ten-shot has no reference images {name!r}; it has {', '.join(REFERENCES)}")
        return Request(name, "predict", {"image": signed(self._source.get(REFERENCES[name]).images)})

    def digests(self) -> dict[str, str]:
        """SHA-256 of the images used so far by part, e.g. ``shots``: which these are is the seed's."""
        return {part: shown.digest for part, shown in sorted(self._source.loaded.items())}

    @cached_property
    def _source(self) -> StandIn | Real:
        return (StandIn if self.settings.source == "standin" else Real)(self.settings, self.cache, self.seed)

    def _fresh(self, count: int) -> Tensor:
        return signed(self._source.get("fresh").images[:count])

    def _seen_by(self, stream: str, requests: list[Request]) -> list[Request]:
        """A generator that has learned its shots by heart: every latent shows the shot whose direction is nearest."""
        if stream != "copies":
            return requests
        shots = signed(self._source.get("shots").images)
        directions = latents.normal(len(shots), "copies", self.seed)
        return [with_shown(one, stream, shots[(one.inputs["z"] @ directions.T).argmax(1)]) for one in requests]

    @staticmethod
    def _samples(name: str, count: int, *key: str | int) -> Request:
        return Request(name, "sample", {"z": latents.normal(count, name, *key)})

    @staticmethod
    def _strips(name: str, count: int, points: int, *key: str | int) -> Request:
        z = latents.strips(count, points, name, *key)
        return Request(name, "sample", {"z": z}, {"path": latents.path_of_row(count, points)})
