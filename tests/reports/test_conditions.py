"""What a verdict rests on: rows that have learned and converged, and scores with room for a difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import fisher_exact

from retable.reports.compute.claim_model import NOT_MEASURED, ClaimLine, not_measured
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.statistics import fisher
from retable.reports.errors import ReportError
from retable.reports.published.papers import PublishedPaper
from retable.reports.records.folder import CellRecord
from retable.reports.records.result import Result
from retable.reports.records.score import Score, StepScores
from retable.reports.render.content import Content
from retable.reports.render.results_page import results_page
from retable.reports.render.summary import markdown_summary
from tests.reports.report_factory import RECORDED, Cells, recorded, score
from tests.reports.test_claims import CLAIM, claim_of, paper_of

ASKED = """score = "error"
anchors = ["anchor/untouched"]
real = { method = "anchor/other" }"""
PAPER = CLAIM.replace("kid.lite0", "error").replace('score = "*"\ntrained = false', ASKED)
"""Errors in per cent: new is lower than old."""
GOOD: dict[str, Sequence[float]] = {
    "made-up/new": (10.0, 11.0, 12.0),
    "made-up/old": (30.0, 32.0, 33.0),
    "anchor/untouched": (85.0, 85.0, 85.0),
    "anchor/other": (1.0, 1.0, 1.0),
}


def error(value: float, n: int = 300, unit: str = "%", **slices: str) -> Score:
    return score("error", value, unit=unit, direction="lower", slices=slices, n_fake=n)


@pytest.fixture
def paper(tmp_path: Path) -> PublishedPaper:
    return paper_of(tmp_path, PAPER)


def fill(
    cells: Cells,
    values: dict[str, Sequence[float]] | None = None,
    half: dict[str, Sequence[float]] | None = None,
    unit: str = "%",
    **keys: Any,
) -> Cells:
    """Cells with these errors by seed, and half way with the same ones, unless others are given."""
    values = GOOD | (values or {})
    for method, by_seed in values.items():
        early = (half or {}).get(method, by_seed)
        for seed, value in enumerate(by_seed):
            trained = {} if method.startswith("anchor/") else {"half": [error(early[seed], unit=unit)] if early else []}
            steps = 0 if method.startswith("anchor/") else 500
            cells.add(method, [error(value, unit=unit)], seed=seed, steps=steps, **trained, **keys)
    return cells


def conditions(line: ClaimLine) -> tuple[str, ...]:
    return tuple(one.text for one in line.contrasts[0].conditions)


def test_a_good_claim_is_reproduced(cells: Cells, paper: PublishedPaper) -> None:
    line = claim_of(fill(cells), paper)
    assert (line.verdict, conditions(line)) == ("reproduced", ("yes", "yes", "yes"))
    assert line.overview[8:11] == ("yes", "yes", "yes")


@pytest.mark.parametrize(
    ("untouched", "learned"),
    [
        (40.0, "yes"),
        (35.0, "no: made-up/old 31.7 %, anchor/untouched 35.0 %"),
        (31.0, "no: made-up/old 31.7 %, anchor/untouched 31.0 %"),
        (9.0, "no: made-up/old 31.7 %, anchor/untouched 9.00 %; 1 more"),
    ],
)
def test_a_claim_over_rows_that_are_not_better_than_their_anchors_by_more_than_chance_is_not_testable(
    cells: Cells, paper: PublishedPaper, untouched: float, learned: str
) -> None:
    """Of 300 images 95 are wrong: that few of 105 by chance, but not of 120."""
    line = claim_of(fill(cells, {"anchor/untouched": (untouched,) * 3}), paper)
    assert conditions(line) == (learned, "yes", "yes")
    assert line.verdict == line.contrasts[0].verdict == ("reproduced" if learned == "yes" else "not testable")


def test_a_row_that_the_claim_says_fails_need_not_beat_its_anchor(cells: Cells, tmp_path: Path) -> None:
    old = 'method = "made-up/old", score = "error", slice = { request = "test" }'
    fill(cells, {"anchor/untouched": (31.0, 31.0, 31.0)})
    assert claim_of(cells, paper_of(tmp_path, PAPER)).verdict == "not testable"
    assert claim_of(cells, paper_of(tmp_path, PAPER.replace(old, f"{old}, may_fail = true"))).verdict == "reproduced"


@pytest.mark.parametrize(
    ("half", "says"),
    [
        ({"made-up/old": (8.0, 9.0, 10.0)}, "no: \u22122.00 after half of the steps"),
        ({"made-up/new": (50.0, 50.0, 50.0)}, "no: \u221218.33 after half of the steps"),
        ({"made-up/old": (55.0, 55.0, 55.0)}, "no: made-up/old moves by 23.33 from half of the steps to all"),
        ({"made-up/old": (45.0, 45.0, 45.0)}, "yes"),
        ({"made-up/old": ()}, "not measured"),
    ],
)
def test_a_contrast_that_turns_from_half_to_all_or_whose_rows_still_move_is_not_testable(
    cells: Cells, paper: PublishedPaper, half: dict[str, Sequence[float]], says: str
) -> None:
    line = claim_of(fill(cells, half=half), paper)
    assert conditions(line) == ("yes", says, "yes")
    assert line.verdict == ("reproduced" if says == "yes" else "not testable")


@pytest.mark.parametrize(
    ("real", "unsaturated"),
    [(0.3, "yes"), (3.0, "yes"), (6.0, "no: made-up/old 8.33 %, real images 6.00 %"), (9.0, None)],
)
def test_comparators_as_good_as_real_images_leave_no_room(
    cells: Cells, paper: PublishedPaper, real: float, unsaturated: str | None
) -> None:
    """Of 300 images 25 are wrong: 18 wrong ones of 300 real images are that many by chance, 9 are not."""
    values = {"made-up/new": (2.0, 3.0, 4.0), "made-up/old": (8.0, 8.0, 9.0), "anchor/other": (real,) * 3}
    line = claim_of(fill(cells, values), paper)
    found = conditions(line)[2]
    assert found == unsaturated or (unsaturated is None and found.startswith("no: "))
    assert line.verdict == ("reproduced" if unsaturated == "yes" else "not testable")


def test_scores_that_are_no_shares_are_compared_over_the_seeds(cells: Cells, paper: PublishedPaper) -> None:
    """On average old beats the anchor by two, but the seeds scatter by tens."""
    wide = {"made-up/new": (1.0, 2.0, 3.0), "made-up/old": (30.0, 60.0, 90.0), "anchor/untouched": (62.0,) * 3}
    line = claim_of(fill(cells, wide, unit=""), paper)
    assert conditions(line)[0] == "no: made-up/old 60.0, anchor/untouched 62.0"
    assert line.verdict == "not testable"


def test_fisher_counts_images() -> None:
    expected = fisher_exact([[25, 275], [18, 282]], alternative="greater").pvalue
    assert fisher(25 / 300, 300, 18 / 300, 300) == pytest.approx(expected)
    assert fisher(0.0, 100, 0.0, 100) == 1.0


OPPOSITE = {"made-up/new": GOOD["made-up/old"], "made-up/old": GOOD["made-up/new"]}


@pytest.mark.parametrize(
    ("source", "profile", "verdict"),
    [
        ("standin", "study", "not reproduced"),
        ("standin", "paper", "not reproduced"),
        ("real", "quick", "not reproduced"),
        ("real", "paper", "contradicted"),
    ],
)
def test_only_the_papers_data_at_the_papers_scale_contradict(
    cells: Cells, paper: PublishedPaper, source: str, profile: str, verdict: str
) -> None:
    line = claim_of(fill(cells, OPPOSITE, source=source, profile=profile), paper)
    assert (line.verdict, line.word) == (verdict, f"{verdict} ({source})")


def test_the_opposite_of_rows_that_have_learned_nothing_is_no_verdict(cells: Cells, paper: PublishedPaper) -> None:
    values = OPPOSITE | {"anchor/untouched": (5.0, 5.0, 5.0)}
    assert claim_of(fill(cells, values, source="real", profile="paper"), paper).verdict == "not testable"


def test_a_reference_of_another_variant_or_with_one_seed_counts(cells: Cells, paper: PublishedPaper) -> None:
    fill(cells, {"anchor/untouched": (), "anchor/other": (1.0,)})
    cells.add("anchor/untouched", [error(85.0)], variant="faces", steps=0)
    assert conditions(claim_of(cells, paper)) == ("yes", "yes", "yes")


def test_a_reference_that_was_judged_by_another_judge_does_not_count(cells: Cells, paper: PublishedPaper) -> None:
    fill(cells, {"anchor/untouched": ()})
    cells.add("anchor/untouched", [score("error", 85.0, unit="%", direction="lower", extractor="judge:b", n_fake=300)])
    assert conditions(claim_of(cells, paper))[0] == "not measured"


def test_without_anchors_nothing_is_testable_and_every_output_says_once_what_to_run(
    cells: Cells, paper: PublishedPaper
) -> None:
    fill(cells, {"anchor/untouched": (), "anchor/other": ()}, {"made-up/new": (), "made-up/old": ()})
    line = claim_of(cells, paper)
    assert (line.verdict, conditions(line)) == ("not testable", ("not measured",) * 3)
    claims = build_claims(cells.bundle(), [paper], [])
    assert not_measured(claims) == NOT_MEASURED
    assert "retable run quick" in NOT_MEASURED


def test_outputs_of_recorded_runs_say_once_that_conditions_were_not_measured() -> None:
    content = Content(recorded(), points=0)
    if not any(one.during for one in recorded_results()):
        assert not_measured(content.claims) == NOT_MEASURED
    said = 1 if not_measured(content.claims) else 0
    assert results_page(recorded()).count(NOT_MEASURED) == said
    assert markdown_summary(recorded()).count(NOT_MEASURED) == said


def recorded_results() -> list[Result]:
    assert RECORDED
    return [record.result for record in recorded().records if record.result is not None]


def test_half_way_is_half_of_the_steps_and_no_other(cells: Cells) -> None:
    one, other = error(1.0), error(2.0)
    result = Result(cell=cells.cell("dtn/dtn"), status="ok", scores=(other,), steps=101)
    for step, found in ((25, ()), (50, (one,)), (51, (one,)), (75, ())):
        during = (StepScores(step=step, scores=(one,)),)
        assert CellRecord.of(result.model_copy(update={"during": during})).half_way == found
    assert CellRecord.of(result.model_copy(update={"steps": 0})).half_way == (other,)


def test_a_claim_on_a_score_without_conditions_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"claim 'better': no \[\[conditions\]\] of this file fits the score 'error'"):
        paper_of(tmp_path, PAPER.replace('score = "error"\nanchors', 'score = "other"\nanchors'))
