"""The file of expectations: what is written reads back, and every mistake of a hand is one line that says where."""

from __future__ import annotations

import contextlib
import datetime
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import Expectation, Expectations, Provenance, load, to_toml
from retable.benchmarks.plan.suites import EXPECTED
from retable.reports.records.score import Protocol

from .conftest import accepted, checked, result, results, score


@pytest.fixture
def path(tmp_path: Path, expected: Expectations) -> Path:
    cartoon = [result("cartoon/basic/t", n, [score("kid", n, "", "lower")]) for n in range(5)]
    whole, _ = accepted(cartoon, expected, "cartoon/*")
    (tmp_path / "smoke.toml").write_bytes(to_toml(whole))
    assert load(tmp_path / "smoke.toml") == whole
    return tmp_path / "smoke.toml"


@pytest.mark.parametrize(
    ("old", "new", "nth", "words"),
    [
        ("unit", 'unti = "%"', 2, "key 'score.2.unti': unknown key; did you mean 'unit'?"),
        ("value", 'value = "much"', 2, "key 'score.2.value': Input should be a valid number .*'much'"),
        ("value", "value = nan", 2, "key 'score.2.value': Input should be a finite number"),
        ("tolerance", "tolerance = -1", 2, "key 'score.2.tolerance': Input should be greater than or equal to 0"),
        ("direction", 'direction = "up"', 2, "key 'score.2.direction': Input should be 'higher' or 'lower'"),
        ("n_fake", "n_fake = true", 2, "key 'score.2.n_fake': Input should be a valid integer"),
        (
            "protocol",
            'protocol = { metric = "fid", wieghts = "" }',
            2,
            "key 'score.2.protocol.wieghts': unknown key; did you mean 'weights'",
        ),
        ("device", "device = 3", 0, "key 'made.device': Input should be a valid string"),
        ("device", "device = 3", 1, "key 'later.0.device': Input should be a valid string"),
        ("only", 'only = "*"\nonyl = 1', 0, "key 'later.0.onyl': unknown key; did you mean 'only'"),
        ("leave_out", 'leave_uot = ["*"]', 0, "key 'leave_uot': unknown key; did you mean 'leave_out'"),
        ("value", "", 0, "key 'score.0.value': Field required"),
        ("format", "format = 2", 0, "key 'format': Input should be 1"),
    ],
)
def test_a_bad_key_is_named_with_its_line(path: Path, old: str, new: str, nth: int, words: str) -> None:
    lines = path.read_text().splitlines()
    number = [i for i, line in enumerate(lines) if line.startswith(f"{old} = ")][nth]
    lines[number : number + 1] = new.splitlines()
    path.write_text("\n".join(lines) + "\n")
    # A key that is missing has no line but that of its block.
    begins = max((n for n, line in enumerate(lines[:number], start=1) if line.startswith("[")), default=1)
    line = number + len(new.splitlines()) if new else begins
    with pytest.raises(UserError, match=rf"^{re.escape(str(path))}:{line}: {words}"):
        load(path)


def test_a_score_given_twice_is_refused(path: Path) -> None:
    text = path.read_text()
    block = text[text.index("[[score]]") :].split("\n\n")[0]
    path.write_text(text + "\n" + block)
    with pytest.raises(UserError, match=r"smoke\.toml: cartoon/basic/t/s0 kid.*given twice"):
        load(path)


def test_what_is_no_toml_is_one_clear_line(path: Path) -> None:
    path.write_text("format = 1\nsuite = smoke\n")
    with pytest.raises(UserError, match=r"smoke\.toml.*line 2"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"smoke\.toml.*decode"):
        load(path)


def test_comments_and_order_do_not_matter_and_what_is_written_is_sorted(path: Path) -> None:
    before, text = load(path), path.read_text()
    header, *blocks = text.split("[[score]]")
    path.write_text(header + "".join(f"[[score]]  # moved{block.rstrip()}\n" for block in reversed(blocks)))
    after = load(path)
    assert sorted(after.score, key=repr) == sorted(before.score, key=repr)
    assert to_toml(after).decode() == text
    cells = [line for line in text.splitlines() if line.startswith("cell = ")]
    assert cells == sorted(cells)


@pytest.mark.parametrize("path", sorted(EXPECTED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_expectations_keep_their_bytes_when_they_are_written_again(path: Path) -> None:
    assert to_toml(load(path)) == path.read_bytes()


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
"""Names come from cells' records, which hold no control characters."""
finite = st.floats(-1e100, 1e100)


@given(st.tuples(words, words, words, words), st.dictionaries(words, words, max_size=3), finite, finite.map(abs))
def test_whatever_is_written_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    texts: tuple[str, str, str, str],
    slice_: dict[str, str],
    value: float,
    tolerance: float,
) -> None:
    cell, name, unit, detail = texts
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
        protocol=Protocol(metric="fid", detail=detail),
    )
    made = Provenance(date=datetime.date(2025, 1, 31), commit="", device="cpu", seeds=[0, 1])
    expectations = Expectations(suite="s", leave_out=["a*"], made=made, moved=made, score=[entry])
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(to_toml(expectations))
    assert load(path) == expectations


HOSTILE = [
    b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"1" * 5000, b"1" * 400, b"-0x" + b"f" * 5000, b"[" * 3000, b"{a=" * 3000,
    b"2025-02-30", b"[[score]]\n", b"[data]\n", b"score = 3\n", b"made = []\n", b'"""', b"[score]\n", b"a.b.c = 1\n",
    b"inf", b"\r", b"1e999", b"true", b"{}", b"[[]]", b'"\\ud800"', "\u202e\u00fc".encode(), b"'", b"\n",
]  # fmt: skip
"""Pieces that readers of TOML, of numbers and of dates have stumbled over."""


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 40), st.sampled_from(HOSTILE) | st.binary(max_size=8))))
def test_a_damaged_or_hostile_file_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int, bytes]]
) -> None:
    """Pieces of a good file are replaced by others. It reads, or the error is one line that names the file."""
    whole, _ = accepted({**one, "data": {"mnist": "a"}} for one in results())
    content = to_toml(whole)
    for at, length, piece in edits:
        content = content[:at] + piece + content[at + length :]
    path = tmp_path_factory.getbasetemp() / "hostile.toml"
    path.write_bytes(content)
    try:
        expectations = load(path)
    except UserError as error:
        said = str(error)
    else:
        checked(expectations, results([0]))
        return
    assert said.startswith(f"{path}:")
    assert said.isprintable()
    assert len(said) < 1000


@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: repr(piece[:12]))
@pytest.mark.parametrize("key", ["value", "seeds", "date", "slice", "protocol", "leave_out", "cell"])
def test_no_value_of_a_key_is_a_traceback(path: Path, key: str, piece: bytes) -> None:
    lines = path.read_bytes().split(b"\n")
    number = next(n for n, line in enumerate(lines) if line.startswith(key.encode() + b" = "))
    path.write_bytes(b"\n".join([*lines[:number], key.encode() + b" = " + piece, *lines[number + 1 :]]))
    with contextlib.suppress(UserError):
        load(path)
