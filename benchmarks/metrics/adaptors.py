"""From a question to scores, one small function per metric: names, slices and protocols live here, no arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics import accuracy as accuracies
from retable.benchmarks.metrics import adaptation as adaptations
from retable.benchmarks.metrics import kid as kids
from retable.benchmarks.metrics import lpips
from retable.benchmarks.metrics.extractors import Extractor
from retable.benchmarks.metrics.features import cached_features
from retable.benchmarks.metrics.frechet import frechet_distance
from retable.benchmarks.metrics.identity import identity as cosine
from retable.benchmarks.metrics.images import check_images
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.seen import extractors_of, features, trunks_of
from retable.benchmarks.metrics.seen import protocol as seen_by
from retable.benchmarks.metrics.trunks import Trunk
from retable.reports.records.score import Score

JUDGED_AT_ONCE = 250
Direction = Literal["higher", "lower", "none"]


def fid(question: Question) -> list[Score]:
    """``fid.EXTRACTOR``, lower is better."""
    scores = []
    for extractor, part, fake, real in features(question):
        protocol = seen_by(extractor, n_real=len(real), n_fake=len(fake))
        value = frechet_distance(fake, real)
        scores.append(question.score(f"fid.{extractor.name}", value, part, "lower", protocol=protocol))
    return scores


def kid(question: Question) -> list[Score]:
    """``kid.EXTRACTOR``, raw (not x 1000), lower is better; the interval is one standard deviation over subsets."""
    scores = []
    for extractor, part, fake, real in features(question):
        value, spread = kids.kid(fake, real, seed=question.seed)
        size = kids.effective_size(len(fake), len(real))
        whole = size == len(fake) == len(real)
        detail = f"subsets={1 if whole else kids.SUBSETS}x{size}"
        protocol = seen_by(extractor, n_real=len(real), n_fake=len(fake), detail=detail)
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
    for trunk in trunks_of(question):
        distances = lpips.lpips_pair(question.answer.images, truth, trunk)
        scores += _means(question, f"lpips_pair.{trunk.name}", distances, "lower", trunk)
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
    for extractor in extractors_of(question):
        ours = cached_features(question.answer.images, extractor)
        theirs = cached_features(source, extractor, question.cache)
        scores += _means(question, f"identity.{extractor.name}", cosine(ours, theirs), "higher", extractor)
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
    question: Question, name: str, values: NDArray[np.float64], direction: Direction, seen: Extractor | Trunk
) -> list[Score]:
    """The mean of one value per image, over everything and per slice; every image has its counterpart."""
    scores = []
    for part, chosen in question.slices():
        few = values[chosen.numpy()]
        protocol = seen_by(seen, n_real=len(few), n_fake=len(few))
        scores.append(question.score(name, float(few.mean()), part, direction, protocol=protocol))
    return scores
