"""From a question about generated images to scores; like :mod:`.adaptors`, names and protocols and no arithmetic."""

from __future__ import annotations

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics import lpips
from retable.benchmarks.metrics import nearest as shots
from retable.benchmarks.metrics import precision_recall as manifolds
from retable.benchmarks.metrics import smoothness as paths
from retable.benchmarks.metrics import staircase as stairs
from retable.benchmarks.metrics.features import cached_nearest, cached_spatial
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.seen import features, protocol, trunks_of
from retable.benchmarks.metrics.sfid import sfid as spatial_distance
from retable.reports.records.score import Score


def sfid(question: Question) -> list[Score]:
    """``sfid.EXTRACTOR``, lower is better; the protocol names the map and its channels."""
    scores = []
    for extractor, part, fake, real in features(question, cached_spatial):
        fields = protocol(extractor, n_real=len(real), n_fake=len(fake), detail=extractor.spatial_map)
        scores.append(
            question.score(f"sfid.{extractor.name}", spatial_distance(fake, real), part, "lower", protocol=fields)
        )
    return scores


def precision_recall(question: Question) -> list[Score]:
    """``precision.EXTRACTOR`` and ``recall.EXTRACTOR``, in 0..1, higher is better."""
    scores = []
    for extractor, part, fake, real in features(question):
        fields = protocol(extractor, n_real=len(real), n_fake=len(fake), detail=f"k={manifolds.K}")
        found = manifolds.precision_recall(real, fake)
        for name, value in zip(("precision", "recall"), found, strict=True):
            scores.append(question.score(f"{name}.{extractor.name}", value, part, "higher", protocol=fields))
    return scores


def lpips_diversity(question: Question) -> list[Score]:
    """``lpips_diversity.TRUNK``: mean distance over all pairs, higher is more diverse; of the yardstick as well."""
    scores = []
    for trunk in trunks_of(question, remembering=True):
        name = f"lpips_diversity.{trunk.name}"
        for part, chosen in question.slices():
            few = question.answer.images[chosen]
            value, fields = lpips.lpips_diversity(few, trunk), protocol(trunk, n_fake=len(few))
            scores.append(question.score(name, value, part, "higher", protocol=fields))
        if (other := question.yardstick) is not None:
            value, fields = lpips.lpips_diversity(other.images, trunk), protocol(trunk, n_real=len(other.images))
            scores.append(question.score(name, value, {"request": other.request}, "none", protocol=fields))
    return scores


def nearest_shot(question: Question) -> list[Score]:
    """``nearest_shot.TRUNK``: mean distance to the nearest reference image or its mirror image; no direction is better.

    With a yardstick its mean as well, and ``copies.TRUNK``: the share of answers, in 0..1, nearer to a reference image
    than 99 % of the yardstick; lower is better. Both without the reference images and their twins
    (:func:`retable.benchmarks.metrics.nearest.strangers`), and neither where the yardstick holds nothing else.
    """
    known, other = question.needs_reference(), question.yardstick
    scores = []
    for trunk in trunks_of(question, remembering=True):
        name = f"nearest_shot.{trunk.name}"
        ours = shots.nearest(question.answer.images, known.images, trunk)
        for part, chosen in question.slices():
            few = ours[chosen.numpy()]
            fields = protocol(trunk, n_real=len(known.images), n_fake=len(few), detail="mirrored")
            scores.append(question.score(name, float(few.mean()), part, "none", protocol=fields))
        if other is None:
            continue
        every = cached_nearest(other.images, known.images, trunk, question.cache)
        theirs = shots.strangers(every, known.images, trunk)
        # Data sets of a hundred images are learned from whole: nothing of them says how near is too near.
        if not len(theirs):
            continue
        limit = shots.threshold(theirs)
        whose = f"{len(every)} of {other.request} without shots and twins (<= {shots.TWIN:g} of the shots' diversity)"
        fields = protocol(trunk, n_real=len(known.images), detail=f"mirrored, {whose}")
        scores.append(question.score(name, float(theirs.mean()), {"request": other.request}, "none", protocol=fields))
        for part, chosen in question.slices():
            few = ours[chosen.numpy()]
            detail = f"mirrored, below p{shots.PERCENTILE:g} of {whose}"
            fields = protocol(trunk, n_real=len(known.images), n_fake=len(few), detail=detail)
            share = shots.copies(few, limit)
            scores.append(question.score(f"copies.{trunk.name}", share, part, "lower", protocol=fields))
    return scores


def smoothness(question: Question) -> list[Score]:
    """``smoothness.TRUNK``: perceptual path length over consecutive rows, lower is smoother."""
    images, request = question.answer.images, question.answer.request
    if len(images) % 2:
        raise UserError(f"metric 'smoothness' takes rows in pairs (t, t + epsilon); {request!r} has {len(images)}")
    scores = []
    for trunk in trunks_of(question):
        value = paths.smoothness(images[0::2], images[1::2], trunk)
        fields = protocol(trunk, n_fake=len(images) // 2, detail=f"epsilon={paths.EPSILON:g}")
        scores.append(question.score(f"smoothness.{trunk.name}", value, {"request": request}, "lower", protocol=fields))
    return scores


def staircase(question: Question) -> list[Score]:
    """``largest_jump.TRUNK`` and ``path_spread.TRUNK``, lower is smoother, and ``path_length.TRUNK``, which is neither.

    The label says which path an image belongs to; the answers of a path stand in its order.
    """
    answer = question.answer
    part, labels = {"request": answer.request}, question.labels(question.label)
    scores = []
    for trunk in trunks_of(question):
        found = stairs.staircase(answer.images, labels, trunk)
        fields = protocol(trunk, n_fake=len(answer.images), detail=f"paths={found.paths}x{found.steps} steps")
        for name, value in (("largest_jump", found.largest_jump), ("path_spread", found.spread)):
            scores.append(question.score(f"{name}.{trunk.name}", value, part, "lower", protocol=fields))
        scores.append(question.score(f"path_length.{trunk.name}", found.length, part, "none", protocol=fields))
    return scores
