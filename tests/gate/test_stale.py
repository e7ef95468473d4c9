"""Results that other sources, another torch or Python made: the gate judges what is installed, so it is not green."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import Expectations, to_toml
from retable.benchmarks.gate.runs import Run, read_run

from .conftest import CELL, OTHER, Data, accepted, asked, checked, failed, fresh, read, results, verdicts, versus
from .test_output import write


def test_the_gate_passes_over_a_folder_that_holds_another_cell_or_leads_elsewhere(tmp_path: Path) -> None:
    root = write(tmp_path / "runs", results([0]))
    folders = {
        json.loads((one / "result.json").read_text())["cell"]["method"]: one for one in (root / "cells").iterdir()
    }
    elsewhere = tmp_path / "elsewhere"
    folders["dtn/original"].rename(elsewhere)
    folders["dtn/original"].symlink_to(elsewhere)
    assert set(read_run(root, "smoke").cells) == {CELL}, "a link is not followed"
    other = results([0])[0]
    other["cell"]["method_settings"] = {"steps": 7}
    (there,) = (write(tmp_path / "others", [other]) / "cells").iterdir()
    shutil.rmtree(folders["dtn/dtn"])
    shutil.copytree(there, folders["dtn/dtn"])
    assert set(read_run(root, "smoke").cells) == set(), "its folder holds another cell"


def test_what_a_terminal_would_obey_is_left_out_of_a_cells_reason(tmp_path: Path, expected: Expectations) -> None:
    some, file = results([0]), tmp_path / "e.toml"
    some[0] |= {"status": "failed", "reason": "bad\x1b]0;title\x07\x1b[2J\u202e end", "scores": []}
    file.write_bytes(to_toml(expected))
    _, said = asked(write(tmp_path / "runs", some), "--expected", file)
    assert "the cell's status is failed: bad" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


def of_other_sources(found: list[Data]) -> list[Data]:
    """The first row's cells as a loss with the other sign has made them."""
    for one in found:
        if one["cell"]["method"] == "dtn/dtn":
            one["environment"] |= {"code": "0" * 16}
    return found


def test_a_stale_cell_is_not_compared_and_the_gate_exits_with_2(tmp_path: Path, expected: Expectations) -> None:
    root, file = write(tmp_path / "runs", of_other_sources(results([0]))), tmp_path / "e.toml"
    file.write_bytes(to_toml(expected))
    junit, summary = tmp_path / "gate.xml", tmp_path / "gate.md"
    code, said = asked(root, "--expected", file, "--junit", junit, "--summary", summary)
    assert code == 2
    line = f"1 stale, made by other sources; `retable run smoke --fresh` runs them anew ({CELL})"
    # The made-up cells have no settings of the suite's.
    note, verdict = said.splitlines()
    assert note == f"note: 2 of 2 cells were run with other settings than the suite has now: {CELL}, {OTHER}/s0"
    assert verdict == f"gate smoke: 1 of 3 checks failed; {line}"
    assert line in summary.read_text()
    assert '<failure type="stale" message="stale: made by other sources" />' in junit.read_text()
    assert asked(root, "--expected", file, "--only", "dtn/original/*")[0] == 0, "the other row is judged as ever"


@pytest.mark.parametrize(("key", "words"), [("torch", "torch 1.0 (now "), ("python", "Python 1.0 (now ")])
def test_another_torch_or_python_makes_cells_stale(tmp_path: Path, key: str, words: str) -> None:
    some = results([0])
    some[0]["environment"][key] = "1.0"
    (stale,) = read_run(write(tmp_path, some), "smoke").stale.items()
    assert stale[0] == CELL
    assert stale[1].startswith(words)


def test_a_regression_beside_stale_cells_is_told_and_the_question_stays_open(expected: Expectations) -> None:
    some = results([0])
    some[1]["scores"][0]["value"] = 10.0
    report = checked(expected, some, stale={CELL: "other sources"})
    assert [verdict for _, _, verdict in failed(report)] == ["stale", "worse"]
    assert report.exit_code == 2


def test_a_head_is_stale_also_where_the_same_run_stands_on_both_sides(tmp_path: Path) -> None:
    base, head = (write(tmp_path / name, of_other_sources(fresh(range(3)))) for name in ("base", "head"))
    for options in ((head,), (tmp_path / "none", "--head", head)):
        code, said = asked(*options, "--against", base, "--expected", tmp_path / "none.toml")
        assert code == 2
        assert "3 stale, made by other sources" in said.splitlines()[-1]
    report = versus(results([0]), fresh([0]), stale={CELL: "other sources"})
    assert {cell: verdict for (cell, _), verdict in verdicts(report).items()} == {CELL: "stale", f"{OTHER}/s0": "ok"}
    report = versus(of_other_sources(results(range(3))), fresh(range(3)))
    assert report.exit_code == 0, "a base is what it was"


def test_stale_results_do_not_become_expectations(expected: Expectations) -> None:
    stale = Run("", read(results()), stale={CELL: "other sources"})
    with pytest.raises(UserError, match=rf"cannot accept: {CELL} is stale, made by other sources; run .* --fresh"):
        accepted(stale, expected)
