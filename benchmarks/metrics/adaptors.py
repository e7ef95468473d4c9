"""From a question to scores, one small function per metric: names, slices and protocols live here, no arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.metrics import accuracy as accuracies
from benchmarks.metrics import adaptation as adaptations
from benchmarks.metrics import kid as kids
from benchmarks.metrics import lpips, trunks
from benchmarks.metrics import smoothness as paths
from benchmarks.metrics.extractors import EXTRACTORS, Extractor, get_extractor, unknown
from benchmarks.metrics.features import cached_features
from benchmarks.metrics.frechet import frechet_distance
from benchmarks.metrics.identity import identity as cosine
from benchmarks.metrics.images import check_images
from benchmarks.metrics.measure import Question
from benchmarks.metrics.protocol import Score

JUDGED_AT_ONCE = 250
Direction = Literal["higher", "lower", "none"]


def fid(question: Question) -> list[Score]:
    """``fid.EXTRACTOR``, lower is better."""
    scores = []
    for extractor, part, fake, real in _features(question):
        protocol = _protocol(extractor, n_real=len(real), n_fake=len(fake))
        value = frechet_distance(fake, real)
        scores.append(question.score(f"fid.{extractor.name}", value, part, "lower", protocol=protocol))
    return scores


def kid(question: Question) -> list[Score]:
    """``kid.EXTRACTOR``, raw (not x 1000), lower is better; the interval is one standard deviation over subsets."""
    scores = []
    for extractor, part, fake, real in _features(question):
        value, spread = kids.kid(fake, real, seed=question.seed)
        size = kids.effective_size(len(fake), len(real))
        whole = size == len(fake) == len(real)
        detail = f"subsets={1 if whole else kids.SUBSETS}x{size}"
        protocol = _protocol(extractor, n_real=len(real), n_fake=len(fake), detail=detail)
        interval = None if whole else (value - spread, value + spread)
        name = f"kid.{extractor.name}"
        scores.append(question.score(name, value, part, "lower", interval=interval, protocol=protocol))
    return scores


def lpips_pair(question: Question) -> list[Score]:
    """``lpips_pair.TRUNK``: mean distance to the truth, lower is better."""
    truth = question.answer.truth
    if truth is None:
        raise UserError(f"metric 'lpips_pair' needs a true image for every answer to {question.answer.request!r}")
    scores = []
    for trunk in _trunks(question):
        distances = lpips.lpips_pair(question.answer.images, truth, trunk)
        scores += _means(question, f"lpips_pair.{trunk.name}", distances, "lower", trunk)
    return scores


def lpips_diversity(question: Question) -> list[Score]:
    """``lpips_diversity.TRUNK``: mean distance over all pairs, higher is more diverse."""
    scores = []
    for trunk in _trunks(question):
        for part, chosen in question.slices():
            few = question.answer.images[chosen]
            value, protocol = lpips.lpips_diversity(few, trunk), _protocol(trunk, n_fake=len(few))
            scores.append(question.score(f"lpips_diversity.{trunk.name}", value, part, "higher", protocol=protocol))
    return scores


def accuracy(question: Question) -> list[Score]:
    """``accuracy.JUDGE``, or ``accuracy`` of a method's own predictions, in percent, higher is better."""
    return _judged(question, accuracies.accuracy, "higher")


def classification_error(question: Question) -> list[Score]:
    """``classification_error.JUDGE``, or without judge of a method's own predictions, in percent, lower is better."""
    return _judged(question, accuracies.classification_error, "lower")


def identity(question: Question) -> list[Score]:
    """``identity.EXTRACTOR``: mean cosine to the image that was translated, higher is better."""
    source = question.answer.source
    if source is None:
        raise UserError(f"metric 'identity' needs the input of every answer to {question.answer.request!r}")
    scores = []
    for name in _usable(question, EXTRACTORS):
        extractor = get_extractor(name, question.device)
        ours = cached_features(question.answer.images, extractor)
        theirs = cached_features(source, extractor, question.cache)
        scores += _means(question, f"identity.{name}", cosine(ours, theirs), "higher", extractor)
    return scores


def smoothness(question: Question) -> list[Score]:
    """``smoothness.TRUNK``: perceptual path length over consecutive rows, lower is smoother."""
    images, request = question.answer.images, question.answer.request
    if len(images) % 2:
        raise UserError(f"metric 'smoothness' takes rows in pairs (t, t + epsilon); {request!r} has {len(images)}")
    scores = []
    for trunk in _trunks(question):
        value = paths.smoothness(images[0::2], images[1::2], trunk)
        protocol = _protocol(trunk, n_fake=len(images) // 2, detail=f"epsilon={paths.EPSILON:g}")
        scores.append(
            question.score(f"smoothness.{trunk.name}", value, {"request": request}, "lower", protocol=protocol)
        )
    return scores


def adaptation(question: Question) -> list[Score]:
    """``adaptation``: a classifier trained on the answers and tested on the reference; percent, higher is better."""
    answer, reference = question.answer, question.needs_reference()
    value = adaptations.adaptation_accuracy(
        answer.images,
        question.labels(question.label),
        reference.images,
        question.labels(question.label, of=reference),
        seed=question.seed,
        device=question.device,
    )
    protocol: dict[str, str | int] = {
        "n_real": len(reference.images),
        "n_fake": len(answer.images),
        "detail": f"steps={adaptations.STEPS}x{adaptations.BATCH_SIZE}",
    }
    part = {"request": answer.request}
    return [question.score("adaptation", value, part, "higher", unit="%", protocol=protocol)]


def confusion(question: Question) -> list[Score]:
    """``confusion.JUDGE``: the percentage of answers taken for each class, whatever they should be; slice ``as``.

    The classes are those of the measure's label; neither direction is better.
    """
    logits, name, protocol = _logits(question)
    taken = logits.argmax(1)
    names = question.answer.class_names.get(question.label or "", ())
    scores = []
    for part, chosen in question.slices():
        for index in range(logits.shape[1]):
            share = 100.0 * float((taken[chosen] == index).double().mean())
            label = names[index] if index < len(names) else str(index)
            counted = {**protocol, "n_fake": int(chosen.sum())}
            scores.append(question.score(name, share, {**part, "as": label}, "none", unit="%", protocol=counted))
    return scores


def answer_time(question: Question) -> list[Score]:
    """``answer_time``: seconds that the method takes for an image, models applied one after the other included."""
    answer = question.answer
    if answer.seconds is None:
        raise UserError(f"metric 'answer_time' needs the time that the answer to {answer.request!r} took")
    kind, count = "cuda" if question.device.startswith("cuda") else "cpu", len(answer.images)
    protocol: dict[str, str | int] = {"n_fake": count, "detail": f"timer={kind}"}
    part = {"request": answer.request}
    return [question.score("answer_time", answer.seconds / count, part, "lower", unit="s", protocol=protocol)]


def _judged(question: Question, rate: Callable[[Tensor, Tensor], float], direction: Direction) -> list[Score]:
    right = question.labels(question.label)
    logits, name, protocol = _logits(question)
    # A method's own predictions are about real images.
    counted = "n_fake" if question.judge is not None else "n_real"
    scores = []
    for part, chosen in question.slices():
        value = rate(logits[chosen], right[chosen])
        fields = {**protocol, counted: int(chosen.sum())}
        scores.append(question.score(name, value, part, direction, unit="%", protocol=fields))
    return scores


def _logits(question: Question) -> tuple[Tensor, str, dict[str, str | int]]:
    """What the judge, or else the method itself, says of every answer; the score's name; whose word it is."""
    answer, judge = question.answer, question.judge
    if judge is not None:
        images = check_images(answer.images, f"the answer to {answer.request!r}")
        few = (images[start : start + JUDGED_AT_ONCE] for start in range(0, len(images), JUDGED_AT_ONCE))
        with torch.inference_mode():
            logits = torch.cat([judge(batch).float().cpu() for batch in few])
        name = f"{question.metric}.{question.judge_name}"
        return logits, name, {"extractor": f"judge:{question.judge_name}", "weights": question.judge_digest[:16]}
    if answer.logits is not None:
        return answer.logits.float().cpu(), question.metric, {"extractor": "", "weights": ""}
    raise UserError(f"metric {question.metric!r} on {answer.request!r} needs a judge, or an answer with logits")


def _means(
    question: Question, name: str, values: NDArray[np.float64], direction: Direction, seen: Extractor | trunks.Trunk
) -> list[Score]:
    """The mean of one value per image, over everything and per slice; every image has its counterpart."""
    scores = []
    for part, chosen in question.slices():
        few = values[chosen.numpy()]
        protocol = _protocol(seen, n_real=len(few), n_fake=len(few))
        scores.append(question.score(name, float(few.mean()), part, direction, protocol=protocol))
    return scores


def _features(
    question: Question,
) -> Iterable[tuple[Extractor, dict[str, str], NDArray[np.float32], NDArray[np.float32]]]:
    """Features of the answer and of the reference, for every extractor and slice.

    A slice of the answer is compared with the same slice of the reference, or with all of it if that lacks the label.
    """
    reference = question.needs_reference()
    same = question.by is not None and question.by in reference.labels
    for name in _usable(question, EXTRACTORS):
        extractor = get_extractor(name, question.device)
        fake = cached_features(question.answer.images, extractor)
        real = cached_features(reference.images, extractor, question.cache)
        for part, chosen in question.slices():
            theirs = real
            if same and len(part) > 1:
                value = question.labels(question.by)[chosen][0]
                theirs = real[(question.labels(question.by, of=reference) == value).numpy()]
            yield extractor, part, fake[chosen.numpy()], theirs


def _trunks(question: Question) -> Iterable[trunks.Trunk]:
    for name in _usable(question, trunks.TRUNKS):
        yield trunks.get_trunk(name, question.device)


def _usable(question: Question, known: Collection[str]) -> list[str]:
    """Those of the question's extractors that this metric can use; at least one, and none that nobody knows."""
    for name in question.extractors:
        if name not in EXTRACTORS and name not in trunks.TRUNKS:
            raise UserError(unknown(name, {*EXTRACTORS, *trunks.TRUNKS}))
    names = [name for name in question.extractors if name in known]
    if not names:
        asked = ", ".join(question.extractors) or "none"
        raise UserError(
            f"metric {question.metric!r} can use {', '.join(sorted(known))}; the extractors asked for are {asked}"
        )
    return names


def _protocol(seen: Extractor | trunks.Trunk, **more: str | int) -> dict[str, str | int]:
    return {"extractor": seen.name, "weights": seen.digest[:16], "resize": seen.resize, **more}
