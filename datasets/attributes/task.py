"""Task ``attributes``: one method, two partially labelled sets of faces (StarGAN: Choi et al., 2018, arXiv 1711.09020).

The set ``faces`` (CelebA; snapshots) knows five bits, black, blond, brown, male and young, and no expression. The set
``expressions`` (RaFD; studio portraits of other people) knows one expression, ``neutral`` first, and no attribute. A
row is trained on the sets in ``data``: the keys of ``TaskInfo.channels``, in that order. Who sees which images:
:mod:`~retable.datasets.attributes.sources`; what is asked: :mod:`~retable.datasets.attributes.requests`; how a request
states labels: :mod:`~retable.datasets.attributes.edits`.

====================  ============================================================================================
stream                a batch
====================  ============================================================================================
``train``             of every set in data ``SET.image`` and ``SET.label``: bits ``[size, 5]`` of ``faces`` (rank 2,
                      each by itself), classes ``[size]`` of ``expressions`` (rank 1, one of several)
``targets``           ``source`` (without the target), ``target`` (with it), ``which``: target step % targets
``pairs``             ``a`` (without the bit), ``b`` (with it), ``which``: pair step % pairs
reference rows        as ``train``; their requests show more (:mod:`~retable.datasets.anchors`)
``judge-hair``        ``image``, ``hair`` (stage: the judge of hair)
``judge-gender``      ``image``, ``gender`` (stage)
``judge-age``         ``image``, ``age`` (stage)
``judge-expression``  ``image``, ``expression`` (stage)
====================  ============================================================================================

An expression is learned from neutral images (``source``, ``a``) and its own. Training bits are given as they are. Of
real snapshots those whose hair has exactly one of the three colours are asked about and shown to the judge of hair: of
others nobody can say what is right. Where there is no CelebA on disk, rows of ``expressions`` alone go without the
request ``across``, its scores and its pictures.

Differences from the paper: it has people vote on attributes (Tables 1 and 2), and one classifier for expressions
(Table 3); our judges say what became of every attribute. Its splits are not published; ours, of CelebA with 2,000
test images as in the paper and of RaFD with all three angles and nobody in two parts, are those of
:mod:`~retable.datasets.attributes.celeba` and :mod:`~retable.datasets.attributes.rafd`. The stand-in knows the true
picture of a person with other hair or another expression. A profile may use fewer than the seven target expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from retable.datasets import anchors
from retable.datasets.attributes import batches
from retable.datasets.attributes.edits import Edit, parsed
from retable.datasets.attributes.labels import Vocabulary, classes_of, joined
from retable.datasets.attributes.measures import CYCLES, TRUE, measured
from retable.datasets.attributes.requests import Faces, RequestBuilder, Sitters
from retable.datasets.attributes.settings import JUDGES, ROWS, AttributesSettings, Set, set_of
from retable.datasets.attributes.sources import Part, Real, StandIn, asked_sets, needed_sets
from retable.datasets.errors import DataError
from retable.datasets.images import signed
from retable.datasets.sources import ImageSet, LabelledImages, Progress
from retable.datasets.standins.faces.rendered_set import shared_worker_pool
from retable.datasets.task import Kind, Measure, Request, Task, TaskInfo


class Attributes(Task):
    """Hair, gender, age and expression of faces."""

    name = "attributes"
    Settings = AttributesSettings
    judges: ClassVar = {key: f"judges/{key}" for key in JUDGES.values()}
    stages: ClassVar = dict.fromkeys(ROWS, "rows") | {stage: stage for stage in JUDGES}
    stage_settings: ClassVar = {
        **dict.fromkeys(JUDGES, ("size", "n_test", "n_judge")),
        "judge-expression": ("size", "n_test", "targets", "n_judge_people"),
    }
    settings: AttributesSettings

    def prepare(self, progress: Progress | None = None) -> None:
        """Have the images of the settings' stream rendered, or the user's data checked and read.

        Args:
            progress: told how far the rendering is.
        """
        self._source.verify()
        with shared_worker_pool():
            for of in needed_sets(self.settings):
                for part in self._parts(of):
                    self._source.get((of, part), progress)
            if self.settings.stream == "rows":
                self._truths(progress)

    def info(self) -> TaskInfo:
        """Sets in ``data`` with 3 channels; names of labels, targets and pairs (:meth:`Vocabulary.classes`)."""
        return TaskInfo(self.settings.size, {str(name): 3 for name in self.settings.data}, self._words.classes())

    def batch(self, stream: str, step: int, size: int, seed: int) -> dict[str, Tensor]:
        """A training batch: shuffled epochs, one permutation for every set, and for every side of a target."""
        stage = self.stage(stream)
        if stage != "rows":
            images, labels = batches.drawn(self._judged(stage, "judge"), step, size, stage, seed)
            return {"image": images, JUDGES[stage]: labels}
        if stream not in ("targets", "pairs"):
            batch = {}
            for of in self.settings.data:
                drawn = batches.drawn(self._images(of, "train"), step, size, of, seed)
                batch[f"{of}.image"], batch[f"{of}.label"] = drawn
            return batch
        names = self._words.targets if stream == "targets" else self._words.pairs
        turn, which = divmod(step, len(names))
        shown = self._images(names[which].of, "train")
        places = batches.two_sides(shown, names[which])
        keys = ("source", "target") if stream == "targets" else ("a", "b")
        batch = {
            key: batches.side(shown, few, turn, size, stream, which, key, seed)
            for key, few in zip(keys, places, strict=True)
        }
        return {**batch, "which": torch.full((size,), which)}

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        """``translate``: :class:`RequestBuilder` about the test images. ``predict``: a judge's held-out images."""
        stage = self.stage(stream)
        if kind == "translate" and stage == "rows":
            return anchors.seen_by(stream, self._requests.requests(), self._pool, self.seed)
        if kind == "predict" and stage != "rows":
            shown = self._judged(stage, "judge-test")
            inputs, labels = {"image": signed(shown.images[:])}, {JUDGES[stage]: shown.labels}
            return [Request("judge-test", "predict", inputs, labels)]
        return []

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        """:data:`~retable.datasets.attributes.measures.MEASURES`, as far as they are asked; of a judge, its own
        error."""
        stage = self.stage(stream)
        if kind == "predict" and stage != "rows":
            return [Measure("classification_error", "judge-test", label=JUDGES[stage], by=JUDGES[stage])]
        if kind != "translate" or stage != "rows":
            return []
        known = self.settings.source == "standin"
        asked = measured(self.settings.data, "faces" in asked_sets(self.settings), known)
        return [one for one in asked if stream != "truth" or (known and one.request in (*TRUE, *CYCLES))]

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        """Test people with every target expression, across the sets, with the wrong mask, and with other attributes."""
        if kind != "translate" or self.stage(stream) != "rows":
            return []
        return anchors.seen_by(stream, self._requests.previews(), self._pool, self.seed)

    def reference(self, name: str) -> Request:
        """``faces`` with hair, gender, age and combinations, or ``expressions`` that are not neutral; in no request."""
        if name == "faces":
            shown = batches.one_colour(self._images("faces", "reference"))
            return Request(name, "predict", {"image": signed(shown.images[:])}, joined(classes_of(shown.labels)))
        if name == "expressions":
            shown = self._images("expressions", "reference")
            # No request asks for neutral images, so a distance to all references should not count them.
            shown = shown.where(shown.labels > 0)
            return Request(name, "predict", {"image": signed(shown.images[:])}, {"expression": shown.labels})
        raise DataError(f"the task attributes has no reference images {name!r}; it has expressions, faces")

    def digests(self) -> dict[str, str]:
        """SHA-256 of the images and labels used so far by part and set, e.g. ``train-faces``, and of true images."""
        found = {f"{part}-{of}": labelled.digest for (of, part), labelled in sorted(self._source.loaded.items())}
        return found | {f"test-faces-hair-{shift}": true.digest for shift, true in sorted(self._recoloured.items())}

    def ask(self, images: Tensor, wanted: Mapping[str, str]) -> Request:
        """The user's images as one translation; what is there is unknown, so everything wanted counts as a change.

        Args:
            images: float32 ``[N, 3, size, size]`` in [-1, 1].
            wanted: at least one of ``hair``, ``gender``, ``age`` (data ``faces``) and ``expression`` (data
                ``expressions``). What is not among them stays as it is. Methods with a model for every target or pair
                cannot make a face neutral: they leave it as it is.

        Raises:
            DataError: nothing is wanted, or a key or value is unknown.
        """
        numbers = {key: torch.full((len(images),), value) for key, value in parsed(self._words, wanted).items()}
        return Request("translate", "translate", {"image": images, **Edit(len(images), numbers).inputs(self._words)})

    @cached_property
    def _words(self) -> Vocabulary:
        return Vocabulary.of(self.settings)

    def _parts(self, of: Set) -> tuple[Part, ...]:
        """What the settings' stream needs of a set."""
        if self.settings.stream != "rows":
            return ("judge", "judge-test")
        return ("train", "test", "reference") if of in self.settings.data else ("test",)

    @cached_property
    def _source(self) -> StandIn | Real:
        return (StandIn if self.settings.source == "standin" else Real)(self.settings, self.cache)

    def _images(self, of: Set, part: Part) -> LabelledImages:
        return self._source.get((of, part))

    def _pool(self, request: Request) -> anchors.Pool:
        """Training images of the set whose labels the request asks for."""
        if "expression" in request.labels:
            shown = self._images("expressions", "train")
            return anchors.Pool(shown.images, {"expression": shown.labels})
        shown = batches.one_colour(self._images("faces", "train"))
        return anchors.Pool(shown.images, classes_of(shown.labels))

    @cached_property
    def _shown(self) -> dict[tuple[str, Part], LabelledImages]:
        return {}

    def _judged(self, stage: str, part: Part) -> LabelledImages:
        """Images of a judge with its own label."""
        if (stage, part) not in self._shown:
            shown = self._images(set_of(stage), part)
            if stage != "judge-expression":
                shown = batches.one_colour(shown) if stage == "judge-hair" else shown
                shown = LabelledImages(shown.images, classes_of(shown.labels)[JUDGES[stage]], shown.digest)
            self._shown[stage, part] = shown
        return self._shown[stage, part]

    @cached_property
    def _recoloured(self) -> dict[int, ImageSet]:
        return {}

    def _truths(self, progress: Progress | None = None) -> list[ImageSet]:
        """The test snapshots with the other two colours of hair, where they are known and asked for."""
        if isinstance(self._source, StandIn) and "faces" in self.settings.data:
            for shift in (1, 2):
                if shift not in self._recoloured:
                    self._recoloured[shift] = self._source.recoloured("test", shift, progress)
        return [self._recoloured[shift] for shift in sorted(self._recoloured)]

    @cached_property
    def _requests(self) -> RequestBuilder:
        faces = sitters = None
        if "faces" in asked_sets(self.settings):
            shown = batches.one_colour(self._images("faces", "test"))
            known = tuple(signed(true.images) for true in self._truths())
            faces = Faces(signed(shown.images[:]), classes_of(shown.labels), known)
        if "expressions" in self.settings.data:
            portraits = self._images("expressions", "test")
            neutral = signed(portraits.images[portraits.labels == 0])
            expressive = None
            if self.settings.source == "standin":
                shape = (len(self.settings.expressions), len(neutral), *neutral.shape[1:])
                expressive = signed(portraits.images[:]).view(shape).transpose(0, 1)[:, 1:]
            sitters = Sitters(neutral, expressive)
        return RequestBuilder(self._words, faces, sitters)
