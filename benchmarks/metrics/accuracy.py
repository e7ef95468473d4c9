"""Share of images that a classifier assigns to the right class: DTN (arXiv 1611.02200) Tables 1, 3; StarGAN Table 3.
Reference: scikit-learn's `accuracy_score`; ties go to the lower class, as in `torch.argmax`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.images import check_images
from retable.benchmarks.metrics.measure import Direction, Question
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("the share of right labels, counted with NumPy", "counts")
JUDGED_AT_ONCE = 250


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Percentage of rows whose largest logit is the label's.

    Args:
        logits: float ``[N, classes]`` with N >= 1, finite.
        labels: int64 ``[N]`` in 0..classes - 1.

    Raises:
        UserError: shapes do not fit, a logit is not finite, or a label is no class.
    """
    if logits.ndim != 2 or labels.ndim != 1 or len(logits) != len(labels) or len(labels) == 0:
        raise UserError(
            f"accuracy needs logits [N, classes] and labels [N], got {list(logits.shape)} and {list(labels.shape)}"
        )
    if not bool(torch.isfinite(logits).all()):
        raise UserError("accuracy: the classifier's logits are not all finite")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= logits.shape[1]:
        raise UserError(
            f"accuracy: labels span {low}..{high}, but the classifier knows classes 0..{logits.shape[1] - 1}"
        )
    return 100.0 * float((logits.argmax(dim=1) == labels.to(logits.device)).double().mean())


def classification_error(logits: Tensor, labels: Tensor) -> float:
    """Percentage of rows whose largest logit is not the label's; arguments and errors as :func:`accuracy`."""
    return 100.0 - accuracy(logits, labels)


def score_accuracy(question: Question) -> Iterator[Score]:
    """``accuracy.JUDGE``, or ``accuracy`` of a method's own predictions, in percent, higher is better."""
    return _score_labels(question, accuracy, "higher")


def score_classification_error(question: Question) -> Iterator[Score]:
    """``classification_error.JUDGE``, or without judge of a method's own predictions, in percent, lower is better."""
    return _score_labels(question, classification_error, "lower")


def score_confusion(question: Question) -> Iterator[Score]:
    """``confusion.JUDGE``: the percentage of answers taken for each class, whatever they should be; slice ``as``.

    The classes are those of the measure's label; neither direction is better.
    """
    logits, judge = _judged(question), question.judge
    taken = logits.argmax(1)
    names = question.answer.class_names.get(question.label or "", ())
    for part, chosen in question.slices():
        for index in range(logits.shape[1]):
            share = 100.0 * float((taken[chosen] == index).double().mean())
            named = {**part, "as": names[index] if index < len(names) else str(index)}
            yield question.score("confusion", share, named, "none", judge, unit="%", n_fake=int(chosen.sum()))


def _score_labels(question: Question, rate: Callable[[Tensor, Tensor], float], direction: Direction) -> Iterator[Score]:
    right = question.labels(question.label)
    logits, judge = _judged(question), question.judge
    for part, chosen in question.slices():
        value, n = rate(logits[chosen], right[chosen]), int(chosen.sum())
        # A method's own predictions are about real images.
        n_real, n_fake = (0, n) if judge is not None else (n, 0)
        yield question.score(question.metric, value, part, direction, judge, unit="%", n_real=n_real, n_fake=n_fake)


def _judged(question: Question) -> Tensor:
    """Logits for every answer, from the judge or from the method itself."""
    answer, judge = question.answer, question.judge
    if judge is not None:
        images = check_images(answer.images, f"the answer to {answer.request!r}")
        few = (images[start : start + JUDGED_AT_ONCE] for start in range(0, len(images), JUDGED_AT_ONCE))
        with torch.inference_mode():
            return torch.cat([judge.logits(batch).float().cpu() for batch in few])
    if answer.logits is not None:
        return answer.logits.float().cpu()
    raise UserError(f"metric {question.metric!r} on {answer.request!r} needs a judge, or an answer with logits")
