from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics import METRICS, adaptation, features
from retable.benchmarks.metrics.extractors import Extractor, get_extractor
from retable.benchmarks.metrics.features import cached_features, features_key
from retable.benchmarks.metrics.measure import Answer, measure
from retable.reports.records.score import Score
from tests.metrics.factory import make_images

DIGITS = {"digit": tuple("0123456789")}
EMITS = {
    "precision_recall": {"precision", "recall"},
    "nearest_shot": {"nearest_shot", "copies"},
    "staircase": {"largest_jump", "path_spread", "path_length"},
}
"""Metrics whose scores have other names than the metric."""
WITH_YARDSTICK = {"lpips_diversity", "nearest_shot"}


def answer(n: int = 6, seed: int = 0, request: str = "test", **more: object) -> Answer:
    labels = {"digit": torch.arange(n) % 3 + 2}
    return Answer(request, make_images(n, channels=1, seed=seed), labels, class_names=DIGITS, **more)  # type: ignore[arg-type]


def judge(images: Tensor) -> Tensor:
    """Calls every image a 3."""
    return torch.nn.functional.one_hot(torch.full((len(images),), 3), 10).float()


def everything(metric: str) -> list[Score]:
    """Every metric on data that suits it."""
    adaptation_data = {"reference": answer(8, 1), "label": "digit"}
    return measure(
        metric,
        answer(12, truth=make_images(12, channels=1, seed=5), source=make_images(12, seed=6), seconds=1.5),
        yardstick=answer(9, 2, "yardstick"),
        judge=judge,
        judge_name="target",
        judge_digest="ab" * 32,
        data="digits:standin:test",
        **adaptation_data,  # type: ignore[arg-type]
    )


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


def test_confusion_says_how_many_of_each_class_are_taken_for_each_class() -> None:
    """Digits 2, 3, 4, 2, 3, 4; the judge calls bright images a 4 and all others a 3."""
    images = -torch.ones(6, 1, 32, 32)
    images[[0, 2, 5]] = 1.0
    asked = Answer("test", images, {"digit": torch.arange(6) % 3 + 2}, class_names=DIGITS)

    def by_light(shown: Tensor) -> Tensor:
        return torch.nn.functional.one_hot((shown.mean((1, 2, 3)) > 0).long() + 3, 10).float()

    scores = measure("confusion", asked, judge=by_light, judge_name="target", label="digit", by="digit")
    shares = {(s.slice.get("digit", "all"), s.slice["as"]): s.value for s in scores}
    assert len(shares) == 4 * 10
    assert {key: value for key, value in shares.items() if value} == {
        ("all", "3"): 50.0,
        ("all", "4"): 50.0,
        ("2", "3"): 50.0,
        ("2", "4"): 50.0,
        ("3", "3"): 100.0,
        ("4", "4"): 100.0,
    }
    assert {(s.name, s.direction, s.unit) for s in scores} == {("confusion.target", "none", "%")}
    assert {s.protocol.n_fake for s in scores} == {6, 2}


def test_fid_names_its_extractor_and_records_the_whole_protocol() -> None:
    (score,) = measure("fid", answer(), reference=answer(9, 1), data="d")
    assert (score.name, score.direction, score.slice) == ("fid.lite0", "lower", {"request": "test"})
    assert score.protocol.model_dump() == {
        "metric": "fid",
        "extractor": "lite0",
        "weights": "579344248a93e230",
        "resize": "bicubic-96",
        "data": "d",
        "n_real": 9,
        "n_fake": 6,
        "detail": "",
    }


def test_fid_of_a_set_with_itself_is_zero() -> None:
    (score,) = measure("fid", answer(), reference=answer(request="reference"))
    assert score.value == pytest.approx(0, abs=1e-8)


def test_kid_says_which_subsets_it_averaged_over_and_how_far_they_spread() -> None:
    (score,) = measure("kid", answer(6), reference=answer(9, 1))
    assert score.protocol.detail == "subsets=50x6"
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    (whole,) = measure("kid", answer(6), reference=answer(6, 1))
    assert (whole.protocol.detail, whole.interval) == ("subsets=1x6", None)


def test_slices_are_scored_beside_the_whole_and_carry_their_own_counts() -> None:
    scores = measure("accuracy", answer(7), judge=judge, judge_name="target", label="digit", by="digit")
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
    sliced = measure("fid", ours, reference=theirs, by="digit")[1]
    alone = measure("fid", ours.where(ours.labels["digit"] == 2), reference=theirs.where(theirs.labels["digit"] == 2))[
        0
    ]
    assert sliced.slice == {"request": "test", "digit": "2"}
    assert (sliced.value, sliced.protocol) == (pytest.approx(alone.value, rel=1e-6), alone.protocol)


def test_identity_compares_with_what_went_in_and_lpips_pair_with_what_should_come_out() -> None:
    kept, other = make_images(6, channels=1), make_images(6, channels=1, seed=5)
    (same,) = measure("identity", answer(source=kept, truth=other))
    (changed,) = measure("identity", answer(source=other, truth=kept))
    assert changed.value < same.value == pytest.approx(1)
    (same,) = measure("lpips_pair", answer(source=other, truth=kept))
    (changed,) = measure("lpips_pair", answer(source=kept, truth=other))
    assert changed.value > same.value == pytest.approx(0)


def test_a_part_of_an_answer_keeps_the_inputs_beside_the_images() -> None:
    source = make_images(6, seed=6)
    part = answer(source=source, truth=-source).where(torch.arange(6) > 3)
    assert part.source is not None
    assert part.truth is not None
    assert torch.equal(part.source, source[4:])
    assert torch.equal(part.truth, -source[4:])


def test_a_methods_own_predictions_need_no_judge() -> None:
    own = answer(6, logits=judge(torch.zeros(6, 1)))
    (score,) = measure("accuracy", own, label="digit")
    assert (score.name, score.protocol.extractor, score.protocol.n_real) == ("accuracy", "", 6)
    (error,) = measure("classification_error", own, label="digit")
    assert (error.name, error.direction) == ("classification_error", "lower")
    assert error.value == pytest.approx(100 - score.value)


def test_smoothness_reads_consecutive_rows_as_one_path() -> None:
    x = make_images(4)
    still = measure("smoothness", Answer("paths", x.repeat_interleave(2, 0)))[0]
    assert still.value == 0
    assert measure("smoothness", Answer("paths", x))[0].value > 0
    with pytest.raises(UserError, match="rows in pairs"):
        measure("smoothness", Answer("paths", make_images(3)))


@pytest.mark.parametrize(
    ("metric", "more", "says"),
    [
        ("fjd", {}, "unknown metric 'fjd'; did you mean 'fid'"),
        ("fid", {}, "metric 'fid' on 'test' needs reference images"),
        ("adaptation", {}, "needs reference images"),
        ("accuracy", {"judge": judge}, "needs the name of a label"),
        ("accuracy", {"judge": judge, "label": "digits"}, "'test' has no label 'digits'; did you mean 'digit'"),
        ("accuracy", {"label": "digit"}, "needs a judge, or an answer with logits"),
        ("accuracy", {"judge": judge, "label": "digit", "by": "group"}, "no label 'group'"),
        ("lpips_pair", {}, "needs a true image"),
        ("identity", {}, "needs the input of every answer"),
        ("fid", {"reference": answer(), "extractors": ["lite1"]}, "unknown extractor 'lite1'; did you mean 'lite0'"),
        ("fid", {"reference": answer(), "extractors": ["alex"]}, "the extractors asked for are alex"),
        ("fid", {"reference": answer(), "extractors": ["inception"]}, "or use the embedded extractor 'lite0'"),
        ("lpips_diversity", {"extractors": ["inception"]}, "metric 'lpips_diversity' can use alex, lite0"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_a_reason(
    metric: str, more: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        measure(metric, answer(), **more)  # type: ignore[arg-type]


class Counting(Extractor):
    """lite0, counting how often it has to look."""

    looks: int

    def look(self, images: Tensor, batch_size: int | None = None) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        object.__setattr__(self, "looks", getattr(self, "looks", 0) + 1)
        return super().look(images, batch_size)


@pytest.fixture
def counting() -> Counting:
    real = get_extractor("lite0")
    return Counting(real.name, real.digest, real.resize, real.dimension, real.network, real.device)


def forget() -> None:
    """As if a new process began."""
    features._RECENT.clear()


def test_reference_features_are_computed_once_over_processes(tmp_path: Path, counting: Counting) -> None:
    images = make_images(3)
    first = cached_features(images, counting, tmp_path)
    forget()
    np.testing.assert_array_equal(cached_features(images.clone(), counting, tmp_path), first)
    assert counting.looks == 1
    assert [p.suffix for p in tmp_path.iterdir()] == [".npy"]  # no temporary file is left


def test_a_damaged_features_file_is_written_anew(tmp_path: Path, counting: Counting) -> None:
    images = make_images(3)
    first = cached_features(images, counting, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    np.save(file, np.zeros((2, 5), np.float32))
    for damage in (whole[:-50], b"", b"\x80\x04K\x01.", file.read_bytes()):
        file.write_bytes(damage)
        forget()
        np.testing.assert_array_equal(cached_features(images, counting, tmp_path), first)
    assert (counting.looks, file.read_bytes()) == (5, whole)


def test_an_unusable_cache_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"features cannot be kept in .*file.*choose another cache"):
        cached_features(make_images(2), get_extractor("lite0"), tmp_path / "file")


def test_the_key_covers_everything_that_changes_features() -> None:
    extractor, images = get_extractor("lite0"), make_images(3)
    e = extractor
    changed = images.clone()
    changed[2, 0, 0, 0] += 1e-6
    others = [
        features_key(changed, e),
        features_key(images.flip(0), e),
        features_key(images.reshape(3, 3, 16, 64), e),
        features_key(images, Extractor("other", e.digest, e.resize, e.dimension, e.network, e.device)),
        features_key(images, Extractor(e.name, "0" * 64, e.resize, e.dimension, e.network, e.device)),
        features_key(images, Extractor(e.name, e.digest, "bicubic-64", e.dimension, e.network, e.device)),
        features_key(images, Extractor(e.name, e.digest, e.resize, e.dimension, e.network, "cuda")),
    ]
    assert len({features_key(images, e), *others}) == 8
    assert features_key(images.clone(), e) == features_key(images, e)


def test_measuring_with_a_cache_gives_the_same_score(tmp_path: Path) -> None:
    scores = []
    for folder in (None, tmp_path, tmp_path):
        forget()
        scores.append(measure("fid", answer(), reference=answer(9, 1), cache=folder))
    assert scores[0] == scores[1] == scores[2]
    assert len(list(tmp_path.iterdir())) == 1  # the reference's only: answers are not worth keeping
