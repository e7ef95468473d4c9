"""Files in TOML that people write: whatever is in them, they are read, or refused in one line that says where."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.overrides import parse_override
from retable.benchmarks.plan.select import parse_seeds
from retable.benchmarks.plan.suites import load_suite
from tests.harness.conftest import DUMMY_ROW, planned, refused, row, write_suite

SUITE = f'profile = "dummy"\n{DUMMY_ROW}'


def test_a_byte_order_mark_and_the_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trial.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SUITE.replace("\n", "\r\n").encode())
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "dummy.toml").write_bytes(b'\xef\xbb\xbf[method."dummy/*"]\r\nsteps = 7\r\n')
    assert planned(path).rows[0].method_settings["steps"] == 7


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'about = "\xe4"\n' + SUITE.encode(), [":1: ", "byte 0xe4", "UTF-8"]),
        (SUITE.encode() + b"# \xff\n", [":5: ", "byte 0xff"]),
        (SUITE.encode("utf-16"), [":1: ", "UTF-8"]),
        (f"about = {'[' * 2000}".encode(), [":1: ", "nested too deeply"]),
        (f"about = {'[' * 30}{']' * 30}".encode(), [":1: ", "'about", "nested too deeply"]),
        (f"x\n{'a.' * 3000}b = 1".encode(), ["line 1"]),
        (f"{'a.' * 3000}b = 1".encode(), [":1: ", "nested too deeply"]),
        (f"{SUITE}x = {'9' * 400}".encode(), [":5: ", "'rows.0.x'", "beyond 64 bits"]),
        (f"{SUITE}x = {'9' * 5000}".encode(), ["integer of thousands of digits"]),
        (f"{SUITE}x = 0x{'f' * 5000}".encode(), [":5: ", "'rows.0.x'", "beyond 64 bits"]),
        (b'profile = "dummy"\nrows = 3', [":2: ", "'rows'", "got 3"]),
        (b'profile = ["dummy"]\n' + DUMMY_ROW.encode(), [":1: ", "'profile'", "valid string"]),
        (b'profile = "dummy"\n', [":1: ", "needs rows"]),
        (f'profile = "dummy"\n{DUMMY_ROW}{row("dummy/tuned")}sett = 1\n'.encode(), [":9: ", "'rows.1.sett'", "'set'"]),
        (f'profile = "dummy"\nabout = "{"x" * 9000}"\nrows = "{"y" * 9000}"\n'.encode(), [":3: ", "yyy…"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_suite_that_cannot_be_read_is_one_line_with_the_place(
    tmp_path: Path, content: bytes, words: list[str]
) -> None:
    path = tmp_path / "trial.toml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_suite(str(path))
    said = str(caught.value)
    assert said.startswith(str(path))
    assert len(said.splitlines()) == 1
    assert len(said) < len(str(path)) + 300
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("method = 3", [":1: ", "'method'", "got 3"]),
        ('[method]\n"dummy/*" = 3', [":2: ", "'method.dummy/*'", "got 3"]),
        ("[task]\n\n[[run]]\nthreads = 1", [":3: ", "'run'"]),
        ("[rum]\nthreads = 1", [":1: ", "unknown key", "'run'"]),
        ("[run]\nlog_every = 0", [":2, table [run]", "'log_every'"]),
        ('[method."dtn/*"]\nlr = 1\n[method."dummy/*"]\nsteps = 1\nlrr = 1', [':5, table [method."dummy/*"]', "'lrr'"]),
    ],
)
def test_a_profile_is_refused_with_the_line_of_its_mistake(tmp_path: Path, content: str, words: list[str]) -> None:
    (tmp_path / "profiles").mkdir()
    profile = tmp_path / "profiles" / "own.toml"
    profile.write_text(content)
    with refused(str(profile), *words):
        planned(write_suite(tmp_path, DUMMY_ROW, profile="own"))


def test_what_is_no_file_and_what_is_no_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    with refused("folder.toml: not a file"):
        load_suite(str(tmp_path / "folder.toml"))
    os.mkfifo(tmp_path / "pipe.toml")
    with refused("pipe.toml: not a file"):
        load_suite(str(tmp_path / "pipe.toml"))
    # Its report would take the place of the folder of all runs.
    (tmp_path / "...toml").write_text(SUITE)
    with refused("cannot be called '..'"):
        load_suite(str(tmp_path / "...toml"))


def test_suites_that_take_over_each_other_twice_are_read_once_and_a_long_chain_is_refused(tmp_path: Path) -> None:
    write_suite(tmp_path, DUMMY_ROW, name="s0")
    for number in range(1, 30):
        below = str(tmp_path / f"s{number - 1}.toml")
        twin = write_suite(tmp_path, f"rows_of = {json.dumps([below])}\n", name=f"t{number - 1}")
        write_suite(tmp_path, f"rows_of = {json.dumps([below, str(twin)])}\n", name=f"s{number}")
    begin = time.process_time()
    assert len(load_suite(str(tmp_path / "s9.toml")).rows) == 1
    with refused("too deeply"):
        load_suite(str(tmp_path / "s29.toml"))
    assert time.process_time() - begin < 5, "each file once, not once for every way that leads to it"


@pytest.mark.parametrize(
    "value", ["9" * 400, "9" * 5000, "0x" + "f" * 5000, "[" * 3000, "1\nsteps = 2", "{ a = 1 }", "1e400", "[/red]"]
)
def test_a_value_of_set_that_nothing_can_hold_is_one_short_line(value: str) -> None:
    with pytest.raises(UserError, match=r"--set method\.steps=") as caught:
        planned("dummy", f"method.steps={value}")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["0-1000000000", "0-99999", "0-999,1000", "9" * 400, f"0-{'9' * 5000}"])
def test_more_seeds_than_can_be_planned_are_refused_at_once(text: str) -> None:
    with refused("--seeds"):
        parse_seeds(text)
    assert len(parse_seeds("0-999") or ()) == 1000


def test_a_thousand_seeds_are_planned_within_seconds() -> None:
    begin = time.process_time()
    assert len(planned("dummy", seeds=range(1000)).rows) == 2000
    assert time.process_time() - begin < 10


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + " }"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value).replace("N", "n")


words = st.sampled_from(
    ["dummy", "dummy/dummy", "dummy/*", "method.lr", "task.n_test", "steps", "threads", "*", "..", "a\0b", "[/red]", ""]
)
leaves = st.one_of(words, st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_infinity=False))
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))
tables = st.dictionaries(words | st.sampled_from(["methods", "task", "set"]), values, max_size=4)
suites = st.dictionaries(
    st.sampled_from(["about", "profile", "seeds", "rows", "rows_of", "method", "run"]),
    values | st.lists(tables, max_size=2) | tables,
    max_size=5,
)


@settings(derandomize=True, max_examples=200, deadline=5000)
@given(
    st.one_of(
        suites.map(lambda data: "\n".join(f"{key} = {toml(value)}" for key, value in data.items()).encode()),
        st.binary(max_size=60),
        st.tuples(st.integers(0, len(SUITE)), st.binary(max_size=3)).map(
            lambda cut: SUITE.encode()[: cut[0]] + cut[1] + SUITE.encode()[cut[0] + 1 :]
        ),
    )
)
def test_whatever_stands_in_a_file_it_is_planned_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    (folder / "profiles").mkdir(parents=True, exist_ok=True)
    (folder / "any.toml").write_bytes(content)
    (folder / "profiles" / "any.toml").write_bytes(content)
    (folder / "fine.toml").write_text(f'profile = "any"\n{DUMMY_ROW}')
    for name in ("any.toml", "fine.toml"):
        said = ""
        try:
            planned(folder / name)
        except UserError as error:
            said = str(error)
        assert len(said.splitlines()) <= 1, said
        assert len(said) < 2000


@settings(derandomize=True, max_examples=100, deadline=5000)
@given(st.text(max_size=40), values.map(toml) | st.text(max_size=40))
def test_whatever_is_set_it_is_taken_or_refused_in_one_line(key: str, value: str) -> None:
    for text in (f"{key}={value}", f"method.steps={value}", f"run.threads={value}", f"{key}:task.n_test={value}"):
        said = ""
        try:
            parse_override(text)
        except UserError as error:
            said = str(error)
        assert len(said.splitlines()) <= 1, said
