"""Task `cartoon-groups`: portraits of four groups become cartoons, and back, without pairs (Zhuang & Yang, 2020).

Domains ``photo`` (A) and ``cartoon`` (B); groups 0 ``woman``, 1 ``man``, 2 ``kids``, 3 ``old``. Group 0 has many
images, the others few. Who sees which images: :mod:`~retable.datasets.cartoon_groups.sources`.

=================  ==============================================================================================
stream             a batch
=================  ==============================================================================================
``woman``          ``photo``, ``cartoon`` of group 0
``mixed``          both drawn from the union of all groups
``rare``           both drawn from the union of groups 1 to 3
``groups``         ``photo``, ``cartoon``, ``group``: row i of both is of group i % 4
``rare-groups``    the same round over groups 1, 2, 3
reference rows     as ``groups``; their requests show more (:mod:`~retable.datasets.anchors`)
``identities``     ``image``, ``other``: row i of both is one person in two photographs (stage: the recogniser)
``judge-cartoon``  ``image``, ``group`` (stage: the judge of cartoons), groups in the same round
``judge-photo``    ``image``, ``group`` (stage: the judge of photos)
=================  ==============================================================================================

Differences from the paper: it reports pictures alone; requests, judges and measures are ours. The stand-in knows the
true cartoon of every test face; for real photos there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from retable.datasets import anchors
from retable.datasets.cartoon_groups import batches, identities
from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings
from retable.datasets.cartoon_groups.sources import Domain, Part, Real, StandIn
from retable.datasets.errors import DataError, chosen, either
from retable.datasets.images import signed
from retable.datasets.sources import Progress
from retable.datasets.standins.faces.people import GROUPS
from retable.datasets.standins.faces.rendered_set import shared_worker_pool
from retable.datasets.task import PAIRWISE, Kind, Measure, Request, Task, TaskInfo

DOMAINS: tuple[Domain, Domain] = ("photo", "cartoon")
ALL, RARE = (0, 1, 2, 3), (1, 2, 3)
ROWS = {
    "woman": (0,),
    "mixed": ALL,
    "rare": RARE,
    "groups": ALL,
    "rare-groups": RARE,
    **dict.fromkeys(anchors.STREAMS, ALL),
}
"""Stream of a row -> the groups it sees."""
ROUND = ("groups", "rare-groups", *anchors.STREAMS)
"""Streams whose rows go round their groups, so that each has its share of every batch."""
MEASURES = (
    Measure("accuracy", "test", judge="cartoon", label="group", by="group"),
    Measure("confusion", "test", judge="cartoon", label="group", by="group"),
    Measure("fid", "test", reference="cartoons", by="group"),
    Measure("kid", "test", reference="cartoons", by="group"),
    *(Measure(metric, "test", by="group") for metric in PAIRWISE),
    Measure("lpips_diversity", "test", by="group"),
    Measure("identity", "test", by="group"),
    Measure("accuracy", "back", judge="photo", label="group", by="group"),
    Measure("fid", "back", reference="photos", by="group"),
    Measure("kid", "back", reference="photos", by="group"),
    Measure("identity", "back", by="group"),
    *(Measure(metric, "train", by="group") for metric in PAIRWISE),
    Measure("kid", "train", reference="cartoons", by="group"),
)
"""What is measured on every row's translations."""
PREVIEW = 3
"""Test faces of every group in the sample grids."""
_NEEDS: dict[str, tuple[tuple[Part, Domain], ...]] = {
    "rows": tuple((part, domain) for part in ("train", "test", "reference") for domain in DOMAINS),
    "identities": (("identities", "photo"), ("pairs", "photo")),
    "judge-cartoon": (("judge", "cartoon"), ("judge-test", "cartoon")),
    "judge-photo": (("judge", "photo"), ("judge-test", "photo")),
}


class CartoonGroups(Task):
    """Portraits of four groups to cartoons, few-shot."""

    name = "cartoon-groups"
    Settings = CartoonGroupsSettings
    judges: ClassVar = {"cartoon": "judges/cartoon-group", "photo": "judges/photo-group"}
    stages: ClassVar = dict.fromkeys(ROWS, "rows") | {stage: stage for stage in _NEEDS if stage != "rows"}
    stage_settings: ClassVar = {
        "identities": ("size", "n_identities", "n_shots", "n_pairs"),
        **dict.fromkeys(("judge-cartoon", "judge-photo"), ("size", "n_judge", "n_test")),
    }
    settings: CartoonGroupsSettings

    def prepare(self, progress: Progress | None = None) -> None:
        """Have the images of the settings' stream rendered, or the user's folders checked and read.

        Args:
            progress: told how far the rendering is.
        """
        self._source.verify()
        needed = _NEEDS[self.settings.stream]
        if self.settings.stream == "rows" and self.settings.source == "standin":
            needed = (*needed, ("truth", "cartoon"))
        with shared_worker_pool():
            for part, domain in needed:
                for group in ALL:
                    self._source.get((part, domain, group), progress)

    def info(self) -> TaskInfo:
        """Domains ``photo`` and ``cartoon``, 3 channels each; labels ``group``, ``to`` and (pairs) ``same``."""
        classes = {"group": GROUPS, "to": DOMAINS, "same": ("different", "same")}
        return TaskInfo(self.settings.size, dict.fromkeys(DOMAINS, 3), classes)

    def batch(self, stream: str, step: int, size: int, seed: int) -> dict[str, Tensor]:
        """A training batch: shuffled epochs, one permutation for every domain and group (or union of groups)."""
        stage = self.stage(stream)
        if stage == "identities":
            return self._two_photographs(step, size, seed)
        if stage != "rows":
            judged = self._images("judge", _domain(stage))
            images = batches.in_turn(judged, ALL, step, size, _domain(stage), seed)
            return {"image": images, "group": batches.turns(ALL, size)}
        groups, batch = ROWS[stream], {}
        for domain in DOMAINS:
            shown = self._images("train", domain, groups)
            if stream in ROUND:
                batch[str(domain)] = batches.in_turn(shown, groups, step, size, domain, seed)
            else:
                batch[str(domain)] = batches.drawn(shown, step, size, domain, *groups, seed)
        return batch | ({"group": batches.turns(groups, size)} if stream in ROUND else {})

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        """``translate``: ``test``, ``train``, ``back``. ``predict``: a judge's held-out images, or pairs of people."""
        stage = self.stage(stream)
        if kind == "translate" and stage == "rows":
            asked = [
                self._translation("test", "test", "photo", truth=self._truth("test", "cartoon")),
                self._translation("train", "train", "photo", truth=self._truth("truth", "cartoon")),
                # A person has as many true portraits as there are cameras and rooms.
                self._translation("back", "test", "cartoon", truth=None),
            ]
            return anchors.seen_by(stream, asked, self._pool, self.seed)
        if kind == "predict" and stage == "identities":
            return [self._pairs()]
        if kind == "predict" and stage != "rows":
            return [self._labelled("judge-test", "judge-test", _domain(stage))]
        return []

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        """By group: is it of its group, like its domain, like the truth, varied; and how the training photos fare.

        The truth is known of the stand-in alone: the real source has no ``lpips_pair`` and no ``l1``. The request
        ``train`` is there for the gap to ``test`` within a group: its groups are not equally large, so its score over
        everything is not comparable with another request's.
        """
        stage = self.stage(stream)
        if kind == "predict" and stage != "rows":
            request, label = ("pairs", "same") if stage == "identities" else ("judge-test", "group")
            return [Measure("accuracy", request, label=label, by=label)]
        if kind != "translate" or stage != "rows":
            return []
        known = self.settings.source == "standin"
        if stream == "truth":
            return [measure for measure in MEASURES if known and measure.request != "back"]
        return [measure for measure in MEASURES if known or measure.metric not in PAIRWISE]

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        """The first three test faces of every group, with their true cartoons where they are known."""
        if kind != "translate":
            return []
        shown = self._translation("preview", "test", "photo", self._truth("test", "cartoon", PREVIEW), PREVIEW)
        return anchors.seen_by(stream, [shown], self._pool, self.seed)

    def reference(self, name: str) -> Request:
        """``cartoons`` or ``photos`` by group, seen by no method; of the stand-in, also of people in no request."""
        domains: dict[str, Domain] = {"cartoons": "cartoon", "photos": "photo"}
        if name not in domains:
            raise DataError(
                f"the task cartoon-groups has no reference images {name!r}; it has {', '.join(sorted(domains))}"
            )
        return self._labelled(name, "reference", domains[name])

    def digests(self) -> dict[str, str]:
        """SHA-256 of the images used so far by part, domain and group, e.g. ``train-photo-kids``."""
        return {f"{p}-{d}-{GROUPS[g]}": faces.digest for (p, d, g), faces in sorted(self._source.loaded.items())}

    def ask(self, images: Tensor, wanted: Mapping[str, str]) -> Request:
        """The user's images as one translation.

        Args:
            images: float32 ``[N, 3, size, size]`` in [-1, 1].
            wanted: ``group`` (one of the four, required) and ``to`` (``cartoon``, the default, or ``photo``).

        Raises:
            DataError: the group is missing, or a key or value is unknown.
        """
        choices = {"group": GROUPS, "to": DOMAINS}
        numbers = chosen({"to": "cartoon", **wanted}, choices, "the task cartoon-groups", "group and to")
        if "group" not in wanted:
            raise DataError(
                f"the task cartoon-groups needs the group of the faces: {either(GROUPS)} (for example group=woman)"
            )
        labels = {key: torch.full((len(images),), number) for key, number in sorted(numbers.items())}
        return Request("translate", "translate", {"image": images, **labels})

    @cached_property
    def _source(self) -> StandIn | Real:
        return (StandIn if self.settings.source == "standin" else Real)(self.settings, self.cache)

    def _images(self, part: Part, domain: Domain, groups: Sequence[int] = ALL) -> list[Tensor]:
        return [self._source.get((part, domain, group)).images for group in groups]

    def _two_photographs(self, step: int, size: int, seed: int) -> dict[str, Tensor]:
        photos = self._images("identities", "photo")
        total = sum(len(few) for few in photos)
        if self.settings.source == "standin":
            shots = self.settings.n_shots
            people = identities.people_at(total // shots, step, size, "people", seed) * shots
            first, second = identities.two_of(shots, size, step, seed)
            return {"image": batches.chosen(photos, people + first), "other": batches.chosen(photos, people + second)}
        shown = batches.chosen(photos, identities.people_at(total, step, size, "people", seed))
        return {name: identities.views(shown, name, step, seed) for name in ("image", "other")}

    def _pairs(self) -> Request:
        photos = [signed(images) for images in self._images("pairs", "photo")]
        if self.settings.source == "standin":
            first, second = [few[0::2] for few in photos], [few[1::2] for few in photos]
        else:
            first, second = ([identities.views(few, "pairs", i, g) for g, few in enumerate(photos)] for i in (0, 1))
        one, other, same = identities.pairs(first, second)
        return Request("pairs", "predict", {"image": one, "other": other}, {"same": same})

    def _pool(self, request: Request) -> anchors.Pool:
        images = self._images("train", "photo" if request.name == "back" else "cartoon")
        return anchors.Pool(torch.cat(images), {"group": batches.labels(images)})

    def _labelled(self, name: str, part: Part, domain: Domain) -> Request:
        images = self._images(part, domain)
        return Request(name, "predict", {"image": signed(torch.cat(images))}, {"group": batches.labels(images)})

    def _truth(self, part: Part, domain: Domain, limit: int | None = None) -> Tensor | None:
        if self.settings.source != "standin":
            return None
        return signed(torch.cat([few[:limit] for few in self._images(part, domain)]))

    def _translation(
        self, name: str, part: Part, domain: Domain, truth: Tensor | None, limit: int | None = None
    ) -> Request:
        """Images of a domain to the other, group by group; of training photos those that are asked for."""
        images = self._images(part, domain)
        if part == "train":
            counts = tuple(len(few) for few in images)
            images = [few[: self.settings.n_asked(counts, group)] for group, few in enumerate(images)]
        images = [few[:limit] for few in images]
        groups = batches.labels(images)
        to = torch.full_like(groups, 1 - DOMAINS.index(domain))
        inputs = {"image": signed(torch.cat(images)), "group": groups, "to": to}
        return Request(name, "translate", inputs, {"group": groups}, truth)


def _domain(judge: str) -> Domain:
    return "cartoon" if judge == "judge-cartoon" else "photo"
