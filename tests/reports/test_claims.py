"""Verdicts on made-up scores with a known answer: claims say what the seeds can carry, and no more."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retable.reports.compute.decide_claims as decisions
from retable.reports.compute.claim_model import ALPHA, ClaimLine, count_verdicts
from retable.reports.compute.decide_claims import build_claims, decide
from retable.reports.compute.statistics import bootstrap_interval, lower_tail, simes
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import PublishedPaper, load_paper
from retable.reports.records.score import Score
from tests.reports.report_factory import Cells, score

CLAIM = """
paper = "made-up"
title = "A made-up paper"
authors = "Nobody"
venue = "Nowhere"
year = 2020
reference = "none"

[[tables]]
id = "made-up-1"
number = "Table 1"
title = "One"
origin = "added"
columns = [{ id = "kid", title = "KID", score = "kid.lite0", slice = { request = "test" }, direction = "lower" }]
rows = [{ id = "new", title = "New", method = "made-up/new" }, { id = "old", title = "Old", method = "made-up/old" }]

[[conditions]]
score = "*"
trained = false

[[claims]]
id = "better"
table = "made-up-1"
task = "digits"
sentence = "New is better than old."
source = "Nowhere 2020"
confidence = "high"

[[claims.contrasts]]
says = "KID is lower with new"
plus = [{ method = "made-up/old", score = "kid.lite0", slice = { request = "test" } }]
minus = [{ method = "made-up/new", score = "kid.lite0", slice = { request = "test" } }]
"""
SECOND = """
[[claims.contrasts]]
says = "Diversity is higher with new"
plus = [{ method = "made-up/new", score = "lpips", slice = { request = "test" } }]
minus = [{ method = "made-up/old", score = "lpips", slice = { request = "test" } }]
"""


def paper_of(folder: Path, text: str = CLAIM) -> PublishedPaper:
    path = folder / "made-up.toml"
    path.write_text(text)
    return load_paper(path)


def claim_of(cells: Cells, paper: PublishedPaper) -> ClaimLine:
    bundle = cells.bundle()
    (claims,) = build_claims(bundle, [paper], build_tables(bundle, [paper]))
    (line,) = claims.lines
    return line


def kid(value: float, *, n: int = 100, extractor: str = "lite0", **slices: str) -> Score:
    return score("kid.lite0", value, direction="lower", slices=slices, extractor=extractor, n_fake=n)


def fill(cells: Cells, effects: list[float]) -> None:
    """Cells of both methods in which old is worse than new by ``effects``."""
    for seed, effect in enumerate(effects):
        cells.add("made-up/new", [kid(1.0)], seed=seed)
        cells.add("made-up/old", [kid(1.0 + effect)], seed=seed)


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ([], "undecided"),
        ([5.0], "undecided"),
        ([5.0, 5.0], "undecided"),
        ([5.0, 6.0, 9.0], "reproduced"),
        ([-5.0, -6.0, -9.0], "not reproduced"),
        ([0.1, 5.0, 9.0], "undecided"),
        ([-0.1, -5.0, -9.0], "undecided"),
        ([0.1, 5.0, -0.1], "undecided"),
        ([0.0, 5.0, 9.0], "undecided"),
        ([0.0, -5.0, -9.0], "undecided"),
        ([1.0, 2.0, 3.0, 1.5], "reproduced"),
        ([1.0, 2.0, 9.0, 0.5], "undecided"),
        ([1.0, 2.0, 3.0, -0.5], "undecided"),
        ([1.0, 2.0, 3.0, 2.5, 1.5], "reproduced"),
        ([-1.0, -2.0, -3.0, -2.5, -1.5], "not reproduced"),
        ([1.0, -2.0, 3.0, -2.5, 1.5], "undecided"),
        ([5.0, 5.1, 5.2, 4.9, -0.1, 5.0, 5.1], "reproduced"),
        ([10.0, 10.0, 10.0, 10.0, -1.0], "reproduced"),
        ([1.0, 1.0, 1.0, 9.0, 0.1], "undecided"),
        ([2.0, 2.0, 2.0], "reproduced"),
        ([0.0, 0.0, 0.0, 0.0, 0.0], "undecided"),
    ],
)
def test_the_seeds_decide_where_interval_and_paired_test_agree(effects: list[float], verdict: str) -> None:
    decision = decide(effects)
    assert decision.verdict == verdict
    assert bool(decision.reason) == (verdict == "undecided")


@pytest.mark.parametrize("seeds", [3, 4, 5, 8])
def test_chance_alone_decides_one_contrast_in_twenty_at_most(seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "bootstrap_interval", partial(bootstrap_interval, resamples=200))
    noise = np.random.default_rng(seeds).standard_normal((1_000, seeds))
    verdicts = [decide(effects.tolist()).verdict for effects in noise]
    assert 0.02 < 1 - verdicts.count("undecided") / len(verdicts) < 0.07


@pytest.mark.parametrize(("seeds", "contrasts"), [(3, 12), (5, 3)])
def test_chance_alone_contradicts_one_claim_in_forty_however_many_contrasts_it_has(seeds: int, contrasts: int) -> None:
    source = np.random.default_rng(seeds)
    fallen = 0
    for _ in range(1_000):
        one, others = source.standard_normal(seeds), source.standard_normal((contrasts, seeds))
        fallen += simes([lower_tail((one - other).tolist()) for other in others]) <= ALPHA / 2
    assert fallen / 1_000 < 0.04


@pytest.mark.parametrize(
    ("effects", "verdict", "effect", "interval", "p", "n"),
    [
        ([0.1, 0.2, -0.3], "undecided", "0.00", "[\u22120.30, +0.20]", "1.000", "3"),
        ([900.0], "undecided", "+900.00", "–", "–", "1"),
        ([900.0, 900.0], "undecided", "+900.00", "–", "–", "2"),
        ([-900.0, -900.0], "undecided", "\u2212900.00", "–", "–", "2"),
        ([0.0, 0.0, 0.0], "undecided", "0.00", "[0.00, 0.00]", "equal", "3"),
        ([0.0, 0.0, 0.0, 0.0, 0.0], "undecided", "0.00", "[0.00, 0.00]", "equal", "5"),
        ([0.0, 2.0, 4.0], "undecided", "+2.00", "[0.00, +4.00]", "0.225", "3"),
        ([2.0, 2.0, 2.0, 2.0, 2.0], "reproduced", "+2.00", "[+2.00, +2.00]", "equal", "5"),
        ([-0.5, -0.5, -0.5, -0.5, -0.5], "not reproduced", "\u22120.50", "[\u22120.50, \u22120.50]", "equal", "5"),
    ],
)
def test_made_up_scores_end_in_the_known_verdict_effect_interval_and_n(
    cells: Cells, tmp_path: Path, effects: list[float], verdict: str, effect: str, interval: str, p: str, n: str
) -> None:
    fill(cells, effects)
    line = claim_of(cells, paper_of(tmp_path))
    held = "1 of 1" if verdict == "reproduced" else "0 of 1"
    shown = ("KID is lower with new", effect, "> 0", interval, p, n, "–", "–", "–")
    assert line.overview == (f"{verdict} (standin)", "New is better than old.", *shown, held)
    assert len(line.contrasts[0].points.split(", ")) == len(effects)


def test_five_seeds_that_point_both_ways_leave_an_interval_around_nought(cells: Cells, tmp_path: Path) -> None:
    fill(cells, [0.9, -0.8, 0.7, -0.6, 0.5])
    line = claim_of(cells, paper_of(tmp_path)).contrasts[0]
    assert (line.verdict, line.effect, line.seeds) == ("undecided", "+0.14", "5")
    assert line.interval.startswith("[\u2212")
    assert line.notes[0] == "undecided: the interval holds the claimed value"


@pytest.mark.parametrize(("first", "second", "says"), [(1.0, -1.0, "Diversity"), (-1.0, 1.0, "KID"), (1.0, 0.0, "Div")])
def test_a_claim_is_told_by_the_contrast_that_says_least_for_it(
    cells: Cells, tmp_path: Path, first: float, second: float, says: str
) -> None:
    for seed in range(3):
        cells.add("made-up/new", [kid(1.0), score("lpips", 0.5 + second)], seed=seed)
        cells.add("made-up/old", [kid(1.0 + first), score("lpips", 0.5)], seed=seed)
    line = claim_of(cells, paper_of(tmp_path, CLAIM + SECOND))
    assert line.deciding.says.startswith(says)
    assert line.deciding.verdict == line.verdict
    assert line.overview[-1] == "1 of 2"


def test_a_tie_that_only_rounding_breaks_stays_a_tie(cells: Cells, tmp_path: Path) -> None:
    people = ("man", "kids", "old")
    text = CLAIM.replace(
        'minus = [{ method = "made-up/new", score = "kid.lite0", slice = { request = "test" } }]',
        'minus = [{ method = "made-up/new", score = "kid.lite0", '
        'slice = { request = "test", group = ["man", "kids", "old"] } }]',
    )
    for seed in range(3):
        cells.add("made-up/old", [kid(0.1)], seed=seed)
        cells.add("made-up/new", [kid(0.1, group=person) for person in people], seed=seed)
    assert sum([0.1, *(-0.1 * (1 / 3) for _ in people)]) > 0.0
    line = claim_of(cells, paper_of(tmp_path, text))
    assert (line.verdict, line.contrasts[0].effect) == ("undecided", "0.00")


@pytest.mark.parametrize(
    ("term", "scores", "effect"),
    [
        ('slice = { request = "test", group = ["a", "b"] }', [kid(4.0, group="a"), kid(8.0, group="b")], "+5.00"),
        (
            'slice = { request = "test" }, mean_with = [{ score = "fid", slice = { request = ["test", "back"] } }]',
            [kid(3.0), score("fid", 4.0), score("fid", 8.0, slices={"request": "back"})],
            "+4.00",
        ),
    ],
)
def test_a_term_may_be_the_mean_over_slices_and_over_different_scores(
    cells: Cells, tmp_path: Path, term: str, scores: list[Score], effect: str
) -> None:
    text = CLAIM.replace('slice = { request = "test" } }]\nminus', f"{term} }}]\nminus")
    for seed in range(3):
        cells.add("made-up/old", scores, seed=seed)
        cells.add("made-up/new", [kid(1.0)], seed=seed)
    assert claim_of(cells, paper_of(tmp_path, text)).contrasts[0].effect == effect


def test_a_missing_part_of_a_mean_is_named_by_its_own_score(cells: Cells, tmp_path: Path) -> None:
    text = CLAIM.replace(
        'plus = [{ method = "made-up/old", score = "kid.lite0", slice = { request = "test" } }]',
        'plus = [{ method = "made-up/old", score = "kid.lite0", slice = { request = "test" }, '
        'mean_with = [{ score = "fid", slice = { request = "back" } }] }]',
    )
    fill(cells, [0.1, 0.2, 0.3])
    line = claim_of(cells, paper_of(tmp_path, text)).contrasts[0]
    assert line.verdict == "undecided"
    assert "seed 0, 1, 2: fid of made-up/old on request=back was not measured" in line.notes


@pytest.mark.parametrize(
    ("new", "verdict", "effect"), [(105.5, "not reproduced", "\u22120.50"), (104.0, "reproduced", "+1.00")]
)
def test_a_factor_allows_a_share_of_the_score_itself(
    cells: Cells, tmp_path: Path, new: float, verdict: str, effect: str
) -> None:
    text = CLAIM.replace(
        'slice = { request = "test" } }]\nminus', 'slice = { request = "test" }, factor = 1.05 }]\nminus'
    )
    for seed in range(3):
        cells.add("made-up/old", [kid(100.0)], seed=seed)
        cells.add("made-up/new", [kid(new)], seed=seed)
    line = claim_of(cells, paper_of(tmp_path, f'{text}margin_why = "a twentieth is noise"\n')).contrasts[0]
    assert (line.verdict, line.effect) == (verdict, effect)
    assert "factor 1.05: a twentieth is noise" in line.notes


def test_a_margin_moves_the_line_and_is_said_with_its_reason(cells: Cells, tmp_path: Path) -> None:
    fill(cells, [2.0, 2.5, 3.0])
    text = f'{CLAIM}margin = 2.25\nmargin_why = "less is noise"\nunit = "points"\n'
    line = claim_of(cells, paper_of(tmp_path, text)).contrasts[0]
    assert (line.verdict, line.effect, line.claimed) == ("undecided", "+2.50 points", "> +2.25")
    assert line.interval == "[+2.00, +3.00]"
    assert line.points.replace("\u00a0", " ") == "0: +2.00, 1: +2.50, 2: +3.00"
    assert "claimed above +2.25 points: less is noise" in line.notes


def test_a_scale_is_applied_before_the_margin(cells: Cells, tmp_path: Path) -> None:
    fill(cells, [0.002, 0.003, 0.004])
    text = f'{CLAIM}scale = 1e3\nmargin = 1.0\nmargin_why = "x"\ndecimals = 1\n'
    assert claim_of(cells, paper_of(tmp_path, text)).contrasts[0].interval == "[+2.0, +4.0]"


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (1.0, 1.0, "reproduced"),
        (1.0, -1.0, "not reproduced"),
        (1.0, 0.0, "undecided"),
        (0.0, -1.0, "not reproduced"),
        (1.0, None, "undecided"),
    ],
)
def test_a_claim_needs_all_its_contrasts_and_falls_with_one(
    cells: Cells, tmp_path: Path, first: float, second: float | None, verdict: str
) -> None:
    for seed in range(3):
        new, old = [kid(1.0)], [kid(1.0 + first)]
        if second is not None:
            new.append(score("lpips", 0.5 + second))
            old.append(score("lpips", 0.5))
        cells.add("made-up/new", new, seed=seed)
        cells.add("made-up/old", old, seed=seed)
    assert claim_of(cells, paper_of(tmp_path, CLAIM + SECOND)).verdict == verdict


def test_one_contrast_of_many_against_a_claim_may_be_chance_and_says_so(cells: Cells, tmp_path: Path) -> None:
    """Alone p is 0.04; among twelve that are nowhere near it, chance gives such a one in three claims of ten."""
    text = CLAIM + "".join(
        SECOND.replace('score = "lpips"', f'score = "lpips{number}"').replace("Div", f"{number}. div")
        for number in range(11)
    )
    paper = paper_of(tmp_path, text)
    names = [f"lpips{number}" for number in range(11)]
    for seed, (effect, other) in enumerate(zip([-1.0, -1.9, -1.3], [0.1, -0.2, 0.2], strict=True)):
        cells.add("made-up/new", [kid(1.0), *(score(name, 0.5 + other) for name in names)], seed=seed)
        cells.add("made-up/old", [kid(1.0 + effect), *(score(name, 0.5) for name in names)], seed=seed)
    line = claim_of(cells, paper)
    assert line.contrasts[0].verdict == "not reproduced"
    assert line.verdict == "undecided"
    assert line.deciding is line.contrasts[0]
    assert line.contrasts[0].notes[0].startswith("1 of 12 contrasts against the claim: so few may be chance")


def test_questions_of_our_own_are_marked_and_counted_apart(cells: Cells, tmp_path: Path) -> None:
    fill(cells, [5.0, 5.1, 5.2])
    second = CLAIM[CLAIM.index("[[claims]]") :].replace('"better"', '"ours"').replace('"high"', '"derived"')
    paper = paper_of(tmp_path, CLAIM + second.replace('"New is', '"Ours: new is'))
    bundle = cells.bundle()
    (claims,) = build_claims(bundle, [paper], build_tables(bundle, [paper]))
    assert [line.sentence for line in claims.lines] == ["New is better than old.", "Ours: new is better than old."]
    assert claims.count("reproduced") == 1
    counts = "1 reproduced, 0 undecided, 0 not reproduced, 0 contradicted, 0 not testable"
    assert claims.counts == (f"{counts}; of our own questions {counts}")
    assert count_verdicts([claims]) == claims.counts


def test_what_is_missing_is_named_and_the_other_seeds_still_decide(cells: Cells, tmp_path: Path) -> None:
    fill(cells, [0.1, 0.11, 0.12])
    cells.add("made-up/new", [kid(1.0)], seed=3)
    cells.add("made-up/old", [kid(9.0)], seed=3, status="oom", reason="out of memory")
    cells.add("made-up/new", [], seed=4)
    cells.plan("made-up/old", seed=4)
    line = claim_of(cells, paper_of(tmp_path)).contrasts[0]
    assert (line.verdict, line.seeds) == ("reproduced", "3")
    assert line.notes == (
        "seed 3: made-up/old: x oom",
        "seed 4: made-up/old: – not run",
        "seed 4: kid.lite0 of made-up/new on request=test was not measured",
    )


def test_a_method_that_never_ran_leaves_its_claim_undecided_by_name(cells: Cells, tmp_path: Path) -> None:
    cells.add("made-up/other", [kid(1.0)])
    line = claim_of(cells, paper_of(tmp_path))
    assert (line.verdict, line.data) == ("undecided", "")
    notes = line.contrasts[0].notes
    assert "made-up/new was not run on digits" in notes
    assert "made-up/old was not run on digits" in notes


@pytest.mark.parametrize("alike", [2, 0])
@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"n": 50}, "N 50 instead of 100"),
        ({"extractor": "inception"}, "extractor inception instead of lite0"),
    ],
)
def test_seeds_and_methods_that_were_measured_differently_are_never_mixed(
    cells: Cells, tmp_path: Path, alike: int, odd: dict[str, Any], words: str
) -> None:
    """Of three seeds two are alike; or old was measured differently from new at every seed."""
    fill(cells, [0.1, 0.2][:alike])
    for seed in range(alike, 3):
        cells.add("made-up/new", [kid(1.0)], seed=seed)
        cells.add("made-up/old", [kid(9.0, **odd)], seed=seed)
    line = claim_of(cells, paper_of(tmp_path)).contrasts[0]
    assert (line.verdict, line.effect) == ("undecided", "–")
    assert line.notes[0].startswith("undecided: measured in different ways")
    assert ("between seeds" in line.notes[0]) == bool(alike)
    assert words in line.notes[0] or not alike


def test_groups_of_different_size_are_compared(cells: Cells, tmp_path: Path) -> None:
    text = CLAIM.replace('made-up/old", score = "kid.lite0", slice = { request = "test"', 'made-up/old", '
                         'score = "kid.lite0", slice = { request = "test", group = "kids"')  # fmt: skip
    for seed in range(3):
        cells.add("made-up/new", [kid(1.0)], seed=seed)
        cells.add("made-up/old", [kid(2.0, n=10, group="kids")], seed=seed)
    assert claim_of(cells, paper_of(tmp_path, text)).verdict == "reproduced"


def test_stand_in_and_real_data_are_never_mixed(cells: Cells, tmp_path: Path) -> None:
    fill(cells, [0.1, 0.2])
    for name in ("new", "old"):
        cells.add(f"made-up/{name}", [kid(1.0)], seed=2, source="real")
    line = claim_of(cells, paper_of(tmp_path))
    assert line.verdict == "undecided"
    assert "source real instead of standin" in line.contrasts[0].notes[0]
