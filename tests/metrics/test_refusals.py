"""Whatever a metric cannot measure is refused in one line that says why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.accuracy import accuracy
from retable.benchmarks.metrics.adaptation import adaptation_accuracy
from retable.benchmarks.metrics.fid import frechet_distance
from retable.benchmarks.metrics.identity import identity
from retable.benchmarks.metrics.images import check_images
from retable.benchmarks.metrics.kid import kid
from retable.benchmarks.metrics.lpips import lpips_diversity, lpips_pair
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.nearest_shot import nearest
from retable.benchmarks.metrics.networks.trunks import get_trunk
from retable.benchmarks.metrics.parameters import score_parameters
from retable.benchmarks.metrics.precision_recall import precision_recall
from retable.benchmarks.metrics.staircase import steps_of_paths
from tests.metrics.factory import JUDGE, answer, make_images, trained_networks

IMAGES, LABELS = make_images(10, 16, 1), torch.arange(10) % 3
BAD_FEATURES = np.array([[0.0, 0, 0], [0, 0, 0], [0, np.nan, 0], [0, 0, 0]])


def adapted(images: Tensor = IMAGES, labels: Tensor = LABELS, tests: Tensor = IMAGES, truth: Tensor = LABELS) -> float:
    return adaptation_accuracy(images, labels, tests, truth, seed=0)


def asked(metric: str, **more: object) -> object:
    return measure(Question(metric, answer(), **more))  # type: ignore[arg-type]


def staircase(*paths: int, n: int = 0) -> object:
    return steps_of_paths(make_images(n or len(paths)), torch.tensor(paths), get_trunk("lite0"))


LITE1, ALEX, INCEPTION = ({"reference": answer(), "extractors": (name,)} for name in ("lite1", "alex", "inception"))
UNEVEN = "paths of equally many images, at least 3"
REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: check_images(torch.zeros(2, 3, 8, 8).double()), "expected float32, got torch.float64"),
    (lambda: check_images(torch.zeros(2, 3, 8, 8).byte()), "expected float32, got torch.uint8"),
    (lambda: check_images(torch.zeros(3, 8, 8)), r"got \[3, 8, 8\]"),
    (lambda: check_images(torch.zeros(2, 2, 8, 8)), r"got \[2, 2, 8, 8\]"),
    (lambda: check_images(torch.zeros(0, 3, 8, 8)), "N >= 1"),
    (lambda: check_images(torch.full((2, 3, 8, 8), 255.0)), r"must lie in \[-1, 1\], found \[255, 255\]"),
    (lambda: check_images(torch.full((2, 3, 8, 8), -1.01)), r"must lie in \[-1, 1\]"),
    (lambda: check_images(IMAGES / (LABELS != 2).view(-1, 1, 1, 1)), "3 of 10 .* not finite, the first is number 2"),
    (lambda: check_images(torch.full((1, 3, 8, 8), float("nan"))), "1 of 1 hold values that are not finite"),
    (lambda: accuracy(torch.zeros(3, 2), LABELS[:2]), r"got \[3, 2\] and \[2\]"),
    (lambda: accuracy(torch.zeros(0, 2), LABELS[:0]), "logits"),
    (lambda: accuracy(torch.full((1, 2), float("nan")), LABELS[:1]), "not all finite"),
    (lambda: accuracy(torch.zeros(3, 2), LABELS[:3]), r"labels span 0\.\.2, but the classifier knows classes 0\.\.1"),
    (lambda: accuracy(torch.zeros(2, 3), LABELS[:2] - 1), r"labels span -1\.\.0"),
    (lambda: adapted(IMAGES.repeat(1, 3, 1, 1)), r"got \[3, 16, 16\] and \[1, 16, 16\]"),
    (lambda: adapted(IMAGES[:, :, :4, :4], tests=IMAGES[:, :, :4, :4]), "sides of at least 8"),
    (lambda: adapted(labels=LABELS[:-1]), r"training labels must be int64 \[10\]"),
    (lambda: adapted(truth=LABELS.float()), r"test labels must be int64 \[10\]"),
    (lambda: adapted(IMAGES * 3), "training images: values must lie in"),
    (lambda: identity(np.zeros((2, 3)), np.zeros((3, 3))), r"one by one, got shapes \[2, 3\] and \[3, 3\]"),
    (lambda: precision_recall(np.eye(9), np.eye(9)[:3]), "more than 3 images on each side, got 9 real and 3 generated"),
    (lambda: precision_recall(np.eye(9), np.eye(9), k=0), "k must be 1 or more"),
    (lambda: lpips_diversity(make_images(1), get_trunk("lite0")), "at least 2 images, got 1"),
    (lambda: lpips_pair(make_images(2), make_images(3), get_trunk("lite0")), "one by one"),
    (lambda: lpips_pair(make_images(2) * 3, make_images(2), get_trunk("lite0")), r"must lie in \[-1, 1\]"),
    (lambda: nearest(make_images(2), make_images(2, 64), get_trunk("lite0")), "images of one size"),
    (lambda: staircase(0, 0, 0, 1, 1, 1, 1), UNEVEN),
    (lambda: staircase(0, 0, 1, 1), UNEVEN),
    (lambda: staircase(0, 1, 2), UNEVEN),
    (lambda: staircase(0, 0, 0, 0, n=3), UNEVEN),
    (lambda: list(score_parameters({}, trained_networks()[1], models=0)), "at least one model"),
    (lambda: asked("fjd"), "unknown metric 'fjd'; did you mean 'fid'"),
    (lambda: asked("fid"), "metric 'fid' on 'test' needs reference images"),
    (lambda: asked("adaptation"), "needs reference images"),
    (lambda: asked("accuracy", judge=JUDGE), "needs the name of a label"),
    (lambda: asked("staircase"), "needs the name of a label"),
    (lambda: asked("accuracy", judge=JUDGE, label="digits"), "'test' has no label 'digits'; did you mean 'digit'"),
    (lambda: asked("accuracy", label="digit"), "needs a judge, or an answer with logits"),
    (lambda: asked("accuracy", judge=JUDGE, label="digit", by="group"), "no label 'group'"),
    (lambda: asked("lpips_pair"), "needs a true image"),
    (lambda: asked("identity"), "needs the input of every answer"),
    (lambda: asked("answer_time"), "time that the answer to 'test' took"),
    (lambda: measure(Question("smoothness", Answer("paths", make_images(3)))), "rows in pairs"),
    (lambda: asked("fid", **LITE1), "unknown extractor 'lite1'; did you mean 'lite0'"),
    (lambda: asked("fid", **ALEX), "the extractors asked for are alex"),
    (lambda: asked("fid", **INCEPTION), "or use the embedded extractor 'lite0'"),
    (lambda: asked("lpips_diversity", **INCEPTION), "metric 'lpips_diversity' can use alex, lite0"),
]


@pytest.mark.parametrize(("ask", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_does_not_fit_is_refused_with_a_reason(ask: Callable[[], object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        ask()


@pytest.mark.parametrize("distance", [frechet_distance, partial(kid, seed=0), precision_recall])
def test_features_that_do_not_fit_are_refused_by_every_comparison_of_sets(distance: Callable[..., object]) -> None:
    for n, m in ((1, 5), (5, 1), (0, 5)):
        with pytest.raises(UserError, match=f"at least 2 images on each side, got {n} and {m}"):
            distance(np.zeros((n, 3)), np.zeros((m, 3)))
    with pytest.raises(UserError, match=r"got \[4, 3\] and \[4, 2\]"):
        distance(np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(UserError, match="1 of 4 rows are not"):
        distance(BAD_FEATURES, np.zeros((4, 3)))
