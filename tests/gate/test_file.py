"""A file of expectations that was edited by hand: every mistake is one line that says where it is."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import (
    Expectation,
    Expectations,
    KeyProtocol,
    Provenance,
    load,
    score_key,
    to_toml,
)

from .conftest import MakeResults


@pytest.fixture
def path(tmp_path: Path, results: MakeResults) -> Path:
    from retable.benchmarks.gate import accept_results

    accept_results("smoke", results(), tmp_path / "smoke.toml")
    return tmp_path / "smoke.toml"


def edited(path: Path, old: str, new: str, *, nth: int = 0) -> int:
    """Replace the nth line that starts with ``old``; the number of that line."""
    lines = path.read_text().splitlines()
    number = [i for i, line in enumerate(lines) if line.startswith(old)][nth]
    lines[number] = new
    path.write_text("\n".join(lines) + "\n")
    return number + 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tolerance", "tolerence = 1.0", r"key 'score.2.\w+': (unknown key; did you mean 'tolerance'|is missing)"),
        ("unit", 'unti = "%"', "key 'score.2.unti': unknown key; did you mean 'unit'?"),
        ("value", 'value = "much"', "key 'score.2.value': Input should be a valid number .*'much'"),
        ("value", "value = nan", "key 'score.2.value': Input should be a finite number"),
        ("tolerance", "tolerance = -1", "key 'score.2.tolerance': Input should be greater than or equal to 0"),
        ("direction", 'direction = "up"', "key 'score.2.direction': Input should be 'higher' or 'lower'"),
        ("n_fake", "n_fake = true", "key 'score.2.n_fake': Input should be a valid integer"),
        ("protocol", 'protocol = { metric = "fid", wieghts = "" }', "wieghts': unknown key; did you mean 'weights'"),
    ],
)
def test_a_bad_line_in_a_block_is_named(path: Path, old: str, new: str, words: str) -> None:
    number = edited(path, old, new, nth=2)
    with pytest.raises(UserError, match=words) as error:
        load(path)
    if "missing" not in str(error.value):
        assert str(error.value).startswith(f"{path}:{number}: ")


def test_a_missing_key_points_at_its_block(path: Path) -> None:
    number = edited(path, "value", "# gone", nth=1)
    with pytest.raises(UserError, match=r"key 'score.1.value': is missing") as error:
        load(path)
    said = int(re.match(rf"{re.escape(str(path))}:(\d+):", str(error.value)).group(1))  # type: ignore[union-attr]
    assert path.read_text().splitlines()[said - 1] == "[[score]]"
    assert said < number


def test_a_bad_header_is_named(path: Path) -> None:
    number = edited(path, "device", "device = 3")
    with pytest.raises(UserError, match=f":{number}: key 'made.device': Input should be a valid string"):
        load(path)
    edited(path, "device", 'device = "cpu"')
    number = edited(path, "suite", 'suit = "smoke"')
    with pytest.raises(UserError, match=f":{number}: key 'suit': unknown key; did you mean 'suite'|is missing"):
        load(path)


def test_a_file_of_another_format_is_refused(path: Path) -> None:
    number = edited(path, "format", "format = 2")
    with pytest.raises(UserError, match=f":{number}: key 'format': Input should be 1"):
        load(path)


def test_a_score_given_twice_is_refused_with_both_lines(path: Path) -> None:
    text = path.read_text()
    block = text[text.index("[[score]]") :].split("\n\n")[0]
    path.write_text(text + "\n" + block)
    with pytest.raises(UserError, match=r"smoke\.toml:\d+: dtn/dtn/digits/s0 accuracy.*given twice .*line \d+"):
        load(path)


def test_what_is_not_toml_is_refused_with_its_line(path: Path) -> None:
    path.write_text("format = 1\nsuite = smoke\n")
    with pytest.raises(UserError, match="line 2"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="cannot be read"):
        load(path)


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing is recorded.*retable gate --accept"):
        load(tmp_path / "none.toml")


def test_comments_and_order_do_not_matter(path: Path) -> None:
    before = load(path)
    text = path.read_text()
    header, *blocks = text.split("[[score]]")
    path.write_text(header + "".join(f"[[score]]  # moved{block.rstrip()}\n" for block in reversed(blocks)))
    after = load(path)
    assert sorted(after.score, key=repr) == sorted(before.score, key=repr)
    assert to_toml(after) == text


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    cell=words,
    name=words,
    slice_=st.dictionaries(words, words, max_size=3),
    value=finite,
    tolerance=finite.map(abs),
    unit=words,
    detail=words,
)
def test_whatever_is_written_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    cell: str,
    name: str,
    slice_: dict[str, str],
    value: float,
    tolerance: float,
    unit: str,
    detail: str,
) -> None:
    entry = Expectation(
        cell=cell,
        name=name,
        slice=slice_,
        value=value,
        tolerance=tolerance,
        unit=unit,
        direction="lower",
        spread=0.0,
        seeds=5,
        protocol=KeyProtocol(metric="fid", detail=detail),
    )
    made = Provenance(date=datetime.date(2025, 1, 31), commit="", device="cpu", seeds=[0, 1])
    expectations = Expectations(suite="s", leave_out=["a*"], made=made, moved=made, score=[entry])
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(to_toml(expectations), encoding="utf-8", newline="")
    assert load(path) == expectations


def test_a_score_key_names_the_request_first() -> None:
    assert score_key("accuracy.target", {"digit": "3", "request": "test"}) == "accuracy.target request:test digit:3"
    assert score_key("fid.lite0", {}) == "fid.lite0"
