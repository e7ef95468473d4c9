from __future__ import annotations

import math

import pytest
import torch

from retable.benchmarks.metrics import METRICS, adaptation
from retable.benchmarks.metrics.measure import Question, measure
from retable.reports.records.score import Protocol, Score
from tests.metrics.factory import JUDGE, answer, make_images

EMITS = {
    "precision_recall": {"precision", "recall"},
    "density_coverage": {"density", "coverage"},
    "low_passed": {"low_fid", "low_precision", "low_recall"},
    "nearest_shot": {"nearest_shot", "copies"},
    "staircase": {"largest_jump", "path_spread", "path_length", "uniformity"},
}
"""Metrics whose scores have other names than the metric."""
WITH_YARDSTICK = {"lpips_diversity", "nearest_shot"}


def everything(metric: str) -> list[Score]:
    """Every metric on data that suits it."""
    question = Question(
        metric,
        answer(12, truth=make_images(12, channels=1, seed=5), source=make_images(12, seed=6), seconds=1.5),
        reference=answer(8, 1),
        yardstick=answer(9, 2, "yardstick"),
        judge=JUDGE,
        label="digit",
        data="digits:standin:test",
    )
    return measure(question)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_every_metric_gives_finite_scores_with_a_request_and_a_protocol(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        adaptation.adaptation_accuracy, "__kwdefaults__", {"steps": 2, "batch_size": 4, "device": "cpu"}
    )
    scores = everything(metric)
    assert {score.name.split(".")[0] for score in scores} == EMITS.get(metric, {metric})
    for score in scores:
        assert math.isfinite(score.value)
        assert score.protocol.metric == metric
        assert score.slice["request"] in ("test", "yardstick")
        assert score.protocol.data == "digits:standin:test"
        assert score.protocol.n_real + score.protocol.n_fake > 0
        assert Score.model_validate_json(score.model_dump_json()) == score
    of_yardstick = [score for score in scores if score.slice["request"] == "yardstick"]
    assert bool(of_yardstick) == (metric in WITH_YARDSTICK)
    assert {score.direction for score in of_yardstick} <= {"none"}  # no merit of the method, so never gated


def test_a_score_names_its_extractor_and_records_the_whole_protocol() -> None:
    (score,) = measure(Question("fid", answer(), reference=answer(9, 1), data="d"))
    assert (score.name, score.direction, score.slice) == ("fid.lite0", "lower", {"request": "test"})
    protocol = Protocol(metric="fid", extractor="lite0", weights="579344248a93e230", resize="bicubic-96", data="d")
    assert score.protocol == protocol.model_copy(update={"n_real": 9, "n_fake": 6})


def test_kid_says_which_subsets_it_averaged_over_and_how_far_they_spread() -> None:
    (score,) = measure(Question("kid", answer(6), reference=answer(9, 1)))
    assert score.protocol.detail == "subsets=50x6"
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    (whole,) = measure(Question("kid", answer(6), reference=answer(6, 1)))
    assert (whole.protocol.detail, whole.interval) == ("subsets=1x6", None)


def test_slices_are_scored_beside_the_whole_and_carry_their_own_counts() -> None:
    scores = measure(Question("accuracy", answer(7), judge=JUDGE, label="digit", by="digit"))
    assert [(s.name, s.value, s.slice, s.protocol.n_fake) for s in scores] == [
        ("accuracy.target", pytest.approx(100 * 2 / 7), {"request": "test"}, 7),
        ("accuracy.target", 0.0, {"request": "test", "digit": "2"}, 3),
        ("accuracy.target", 100.0, {"request": "test", "digit": "3"}, 2),
        ("accuracy.target", 0.0, {"request": "test", "digit": "4"}, 2),
    ]
    assert all((s.unit, s.direction) == ("%", "higher") for s in scores)
    assert {s.protocol.extractor for s in scores} == {"judge:target"}


def test_a_slice_of_the_answer_is_compared_with_the_same_slice_of_the_reference() -> None:
    ours, theirs = answer(9), answer(12, 1)
    _, sliced, *_ = measure(Question("fid", ours, reference=theirs, by="digit"))
    twos = (each.where(each.labels["digit"] == 2) for each in (ours, theirs))
    (alone,) = measure(Question("fid", next(twos), reference=next(twos)))
    assert sliced.slice == {"request": "test", "digit": "2"}
    assert (sliced.value, sliced.protocol) == (pytest.approx(alone.value, rel=1e-6), alone.protocol)


def test_identity_compares_with_what_went_in_and_lpips_pair_with_what_should_come_out_also_of_a_part() -> None:
    kept, other = make_images(6, channels=1), make_images(6, channels=1, seed=5)
    for chosen in (torch.ones(6, dtype=torch.bool), torch.arange(6) > 3):
        ours, theirs = answer(source=kept, truth=other).where(chosen), answer(source=other, truth=kept).where(chosen)
        (same,), (changed,) = (measure(Question("identity", one)) for one in (ours, theirs))
        assert changed.value < same.value == pytest.approx(1)
        (same,), (changed,) = (measure(Question("lpips_pair", one)) for one in (theirs, ours))
        assert changed.value > same.value == pytest.approx(0)
