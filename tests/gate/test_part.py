"""``--only``: the expectations of some cells are compared or renewed, and those of all others stay as they are."""

from __future__ import annotations

import datetime
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate import accept_results, compare, gate, load
from retable.benchmarks.gate.expectations import to_toml
from retable.benchmarks.plan.suites import EXPECTED

from .conftest import MakeResults, Result, result, score

DAY = datetime.date(2025, 1, 31)
LATER = datetime.date(2025, 2, 28)
ONLY = "cartoon/*"
CELL = "cartoon/basic/cartoon-groups/s0"


@pytest.fixture
def path(tmp_path: Path, results: MakeResults) -> Path:
    accept_results("smoke", results(), tmp_path / "smoke.toml", today=DAY)
    return tmp_path / "smoke.toml"


def cartoons(seeds: range = range(6), *, mean: float = 70.0, device: str = "cpu") -> list[Result]:
    made = []
    for seed in seeds:
        scores = [score("accuracy.cartoon", mean + (seed * 7 % 5) / 5, "%", "higher")]
        made.append(result("cartoon/basic/cartoon-groups", seed, scores))
        made[-1]["environment"] |= {"device": device, "commit": "def456"}
    return made


def blocks(path: Path) -> dict[str, list[str]]:
    """Cell -> its blocks as they stand in the file."""
    found: dict[str, list[str]] = {}
    for block in path.read_text().split("\n[[score]]\n")[1:]:
        match = re.search(r'^cell = "(.*)"$', block, flags=re.MULTILINE)
        assert match is not None
        found.setdefault(match[1], []).append(block.rstrip("\n"))
    return found


def test_new_cells_join_a_file_whose_other_cells_were_not_run_anew(path: Path, results: MakeResults) -> None:
    before, made = blocks(path), load(path).made
    accepted = accept_results("smoke", cartoons(), path, only=ONLY, today=LATER)
    after = blocks(path)
    assert {cell: after[cell] for cell in before} == before
    assert list(after.keys() - before.keys()) == [CELL]
    assert load(path) == accepted.expectations
    assert load(path).made == made
    assert compare(load(path), [*results([0]), *cartoons(range(1))]).ok


def test_results_of_the_other_cells_change_nothing(path: Path, results: MakeResults) -> None:
    """They may be old, failed, or of other settings: only what was picked is looked at."""
    before = blocks(path)
    bad = results([0], shift=-50)
    bad[0] |= {"status": "failed"}
    accept_results("smoke", [*bad, *cartoons()], path, only=ONLY, today=LATER)
    assert {cell: blocks(path)[cell] for cell in before} == before


def test_the_file_says_how_the_part_was_made(path: Path) -> None:
    accept_results("smoke", cartoons(), path, only=ONLY, today=LATER)
    (part,) = load(path).later
    assert (part.only, part.date, part.commit, part.seeds) == (ONLY, LATER, "def456", [0, 1, 2, 3, 4, 5])
    # Four checks were there before.
    assert part.checks == 5


def test_a_parts_tolerances_are_made_for_the_checks_of_the_whole_file(path: Path, tmp_path: Path) -> None:
    accept_results("smoke", cartoons(), path, only=ONLY)
    accept_results("smoke", cartoons(), tmp_path / "alone.toml")
    (alone,) = load(tmp_path / "alone.toml").score
    (ours,) = [entry for entry in load(path).score if entry.cell == CELL]
    assert ours.tolerance > alone.tolerance
    assert ours.value == alone.value


def test_scores_too_noisy_to_fail_are_kept_apart_by_the_part_that_they_belong_to(path: Path) -> None:
    noisy = cartoons()
    for one in noisy:
        one["scores"].append(score("accuracy.photo", 10.0 + 18 * one["cell"]["seed"], "%", "higher"))
    accept_results("smoke", noisy, path, only=ONLY)
    assert load(path).cannot_fail == [f"{CELL} accuracy.photo request:test"]
    wild = [result("dtn/dtn/digits", seed, [score("accuracy.target", 20.0 * seed, "%", "higher")]) for seed in range(6)]
    accept_results("smoke", wild, path, only="dtn/dtn/*")
    both = [f"{CELL} accuracy.photo request:test", "dtn/dtn/digits/s0 accuracy.target request:test"]
    assert load(path).cannot_fail == both
    accept_results("smoke", cartoons(), path, only=ONLY)
    assert load(path).cannot_fail == both[1:]


def test_the_gate_counts_only_the_picked_scores_that_cannot_fail(path: Path) -> None:
    noisy = [
        *cartoons(),
        *(result("dtn/noisy/digits", n, [score("accuracy", 20.0 * n, "%", "higher")]) for n in range(6)),
    ]
    accept_results("smoke", noisy, path, only="cartoon/*,dtn/noisy/*")
    out = io.StringIO()
    assert gate("smoke", noisy, path, only=ONLY, console=Console(file=out, width=160)) == 0
    assert "too noisy" not in out.getvalue()


def test_the_rate_of_false_alarms_of_the_whole_gate_is_said(path: Path) -> None:
    notes = accept_results("smoke", cartoons(), path, only=ONLY).notes
    assert any(note.endswith("as they were; all together are red by chance with at most 0.06") for note in notes)


def test_renewing_a_part_again_replaces_its_record(path: Path) -> None:
    accept_results("smoke", cartoons(), path, only=ONLY, today=DAY)
    first = path.read_bytes()
    accept_results("smoke", cartoons(), path, only=ONLY, today=DAY)
    assert path.read_bytes() == first


def test_one_seed_moves_the_values_of_the_part_alone(path: Path) -> None:
    accept_results("smoke", cartoons(), path, only=ONLY, today=DAY)
    before = load(path)
    accept_results("smoke", cartoons(range(1), mean=40), path, only=ONLY, today=LATER)
    after = load(path)
    changed = [(old, new) for old, new in zip(before.score, after.score, strict=True) if old != new]
    assert [(new.cell, new.value, new.tolerance) for _, new in changed] == [(CELL, 40.0, changed[0][0].tolerance)]
    assert [(part.date, part.checks) for part in after.later] == [(DAY, 5), (LATER, 0)]
    accept_results("smoke", cartoons(range(1), mean=41), path, only=ONLY, today=LATER)
    assert [(part.date, part.checks) for part in load(path).later] == [(DAY, 5), (LATER, 0)]


def test_accepting_everything_with_new_tolerances_forgets_the_parts(path: Path, results: MakeResults) -> None:
    accept_results("smoke", cartoons(), path, only=ONLY)
    accept_results("smoke", [*results(), *cartoons()], path)
    assert load(path).later == []
    assert load(path).made.checks == 5


def test_a_cell_of_the_part_without_a_result_is_not_dropped_in_silence(path: Path, results: MakeResults) -> None:
    with pytest.raises(UserError, match="no result for dtn/original/digits/s0"):
        accept_results("smoke", results()[:5], path, only="dtn/*")


@pytest.mark.parametrize(
    ("results_", "only", "words"),
    [
        (cartoons(), "cartoons/*", "--only 'cartoons/*' matches no cell"),
        (cartoons(range(3)), ONLY, "no score has 5 seeds"),
        (
            cartoons(device="GPU"),
            ONLY,
            "the kept expectations were made on 'cpu', these results on 'GPU'",
        ),
    ],
)
def test_a_part_that_cannot_be_accepted_leaves_the_file_alone(
    path: Path, results_: list[Result], only: str, words: str
) -> None:
    before = path.read_bytes()
    with pytest.raises(UserError, match=re.escape(words)):
        accept_results("smoke", results_, path, only=only)
    assert path.read_bytes() == before


def test_a_part_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing is recorded yet"):
        accept_results("smoke", cartoons(), tmp_path / "smoke.toml", only=ONLY)


def test_the_gate_compares_only_what_was_picked(path: Path, results: MakeResults) -> None:
    console = Console(file=io.StringIO(), width=160)
    assert gate("smoke", cartoons(), path, accept=True, only=ONLY, console=console) == 0
    assert gate("smoke", cartoons(range(1)), path, only=ONLY, console=console) == 0
    assert gate("smoke", cartoons(range(1)), path, console=console) == 1
    assert gate("smoke", results([0]), path, only=ONLY, console=console) == 1, "its cell is missing"
    assert gate("smoke", [*results([0], shift=-50), *cartoons(range(1))], path, only=ONLY, console=console) == 0


def test_a_bad_line_in_a_parts_record_is_named(path: Path) -> None:
    accept_results("smoke", cartoons(), path, only=ONLY)
    text = path.read_text().replace('only = "cartoon/*"', 'only = "cartoon/*"\nonyl = 1')
    path.write_text(text)
    line = text.splitlines().index("onyl = 1") + 1
    with pytest.raises(UserError, match=rf"smoke\.toml:{line}: key 'later\.0\.onyl': unknown key; did you mean 'only'"):
        load(path)


@pytest.mark.parametrize("path", sorted(EXPECTED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_expectations_keep_their_bytes_when_they_are_written_again(path: Path) -> None:
    assert to_toml(load(path)) == path.read_text()
