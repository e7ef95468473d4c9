"""What rows and judges ask of the labels: said before any image is read, let alone a judge trained.

``retable data check`` asks the same of the task's default settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from retable.datasets.attributes.labels import Vocabulary, classes_of, joined
from retable.datasets.attributes.measures import measured
from retable.datasets.attributes.requests import Faces, RequestBuilder, Sitters
from retable.datasets.attributes.settings import AttributesSettings, Set
from retable.datasets.sources import Share
from retable.datasets.standins.faces.labelled_people import HAIR

FEWEST = {"fid": 2, "kid": 2}
"""Metric -> fewest images on either side, of all and of every slice."""
Labels = Mapping[tuple[Set, Share], Tensor]
"""Bits ``[N, 5]`` or classes ``[N]`` of the images of a set and part."""


def has_one_colour(bits: Tensor) -> Tensor:
    """Which images have exactly one of the three hair colours: of others no answer is known to be right."""
    return bits[:, : len(HAIR)].sum(1) == 1


def lacking(settings: AttributesSettings, labels: Labels) -> list[str]:
    """A line for everything that the settings' stream needs and the labels do not show."""
    if settings.stream != "rows":
        parts: tuple[Share, ...] = ("judge", "judge-test") if settings.stream == "judge-hair" else ()
        return [line for part in parts for line in _no_colour(labels, part)]
    if ("faces", "test") in labels and (lines := list(_no_colour(labels, "test"))):
        return lines
    if "expressions" in settings.data and not (labels["expressions", "test"] == 0).any():
        return ["part test of expressions: no neutral face, 1 needed to start from"]
    return list(dict.fromkeys([*_unmeasurable(settings, labels), *_one_sided(settings, labels)]))


def _no_colour(labels: Labels, part: Share) -> Iterator[str]:
    bits = labels["faces", part]
    if not has_one_colour(bits).any():
        yield f"part {part} of faces: none of {len(bits):,} images has exactly one of the three hair colours, 1 needed"


def _unmeasurable(settings: AttributesSettings, labels: Labels) -> Iterator[str]:
    faces = sitters = None
    references: dict[str, Mapping[str, Tensor]] = {}
    if ("faces", "test") in labels:
        test, real = (labels["faces", part] for part in ("test", "judge-test"))
        test, real = test[has_one_colour(test)], real[has_one_colour(real)]
        faces, references["faces"] = Faces(torch.empty(len(test), 0), classes_of(test)), joined(classes_of(real))
    if "expressions" in settings.data:
        real = labels["expressions", "judge-test"]
        sitters = Sitters(torch.empty(int((labels["expressions", "test"] == 0).sum()), 0))
        references["expressions"] = {"expression": real[real > 0]}
    words = Vocabulary.of(settings)
    requests = {request.name: request for request in RequestBuilder(words, faces, sitters).requests()}
    for measure in measured(settings.data, faces is not None, known=False):
        fewest = FEWEST.get(measure.metric, 0)
        if fewest and measure.reference and measure.by:
            asked, real = requests[measure.request].labels[measure.by], references[measure.reference][measure.by]
            for value in sorted(set(asked.tolist())):
                what = f"{measure.by} {words.classes()[measure.by][value]}"
                for part, shown in (("test", asked), ("judge-test", real)):
                    count = int((shown == value).sum())
                    if count < fewest:
                        where = f"part {part} of {measure.reference}"
                        given = "to become" if part == "test" else "to compare with of"
                        yield f"{where}: {count} image{'s' * (count != 1)} {given} {what}, {fewest} needed"


def _one_sided(settings: AttributesSettings, labels: Labels) -> Iterator[str]:
    words = Vocabulary.of(settings)
    for contrast in (*words.targets, *words.pairs):
        shown = labels[contrast.of, "train"]
        if contrast.of == "faces":
            has = shown[:, contrast.column] == contrast.value
            lacks = ~has
        else:
            has, lacks = shown == contrast.column, shown == 0
        for side, where in (("with", has), ("without", lacks)):
            if not where.any():
                yield f"part train of {contrast.of}: no image {side} {contrast.name!r}, 1 needed"
