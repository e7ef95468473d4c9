"""From a suite to cells: settings from three places, stages once, dependencies first, errors with their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.overrides import parse_override
from retable.benchmarks.plan.plan import Plan, make_plan
from retable.benchmarks.plan.registry import get_needs, get_title, rows
from retable.benchmarks.plan.suites import load_suite, suite_names
from retable.benchmarks.run.suite_run import prepare_data
from retable.methods.rows import ROWS, Row
from tests.harness.conftest import DUMMY_ROW, write_suite

BOTH = '[[rows]]\nmethods = ["dummy/tuned", "dummy/dummy"]\ntask = "dummy"\n'


def test_dependencies_come_first_and_once(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(BOTH, seeds=[0, 1])
    addresses = [cell.address for cell in plan.cells]
    assert len(addresses) == len(set(addresses)) == 4
    for seed in (0, 1):
        assert addresses.index(f"dummy/dummy/dummy/s{seed}") < addresses.index(f"dummy/tuned/dummy/s{seed}")


def test_only_keeps_the_stages_that_the_kept_rows_need(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(BOTH, only="dummy/tuned/*")
    assert [cell.method for cell in plan.rows] == ["dummy/tuned"]
    assert [cell.method for cell in plan.cells] == ["dummy/dummy", "dummy/tuned"]


def test_commas_separate_globs_wherever_there_are_any(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    plan = plan_of(BOTH, only="dummy/dummy/*/s0, dummy/tuned/*,", seeds=(0, 1))
    assert {(cell.method, cell.seed) for cell in plan.rows} == {
        *(("dummy/dummy", 0), ("dummy/tuned", 0), ("dummy/tuned", 1)),
    }
    with pytest.raises(UserError, match=r"--only 'dumy/\*' matches no cell"):
        plan_of(BOTH, only="dummy/tuned/*, dumy/*")
    plan = plan_of(BOTH, overrides=(parse_override("dummy/tuned,dummy/dummy:method.steps=3"),))
    assert {cell.method_settings["steps"] for cell in plan.cells} == {3}
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tiny.toml").write_text('[method."none/none, dummy/dummy"]\nsteps = 7\n')
    plan = make_plan(load_suite(str(write_suite(tmp_path, BOTH, profile="tiny"))))
    assert {cell.method: cell.method_settings["steps"] for cell in plan.cells} == {"dummy/tuned": 80, "dummy/dummy": 7}


def test_the_command_line_wins_over_suite_and_profile(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tiny.toml").write_text('[method."dummy/*"]\nlr = 0.1\nsteps = 7\n[run]\nthreads = 2\n')
    suite = write_suite(tmp_path, DUMMY_ROW + 'set = { "method.lr" = 0.2 }\n', profile="tiny")
    loaded = load_suite(str(suite))
    assert make_plan(loaded).rows[0].method_settings["lr"] == 0.2
    plan = make_plan(loaded, overrides=[parse_override("method.lr=0.3")])
    assert plan.rows[0].method_settings["lr"] == 0.3
    assert plan.rows[0].method_settings["steps"] == 7
    assert plan.rows[0].run.threads == 2


def test_what_a_row_fixes_wins_over_profile_and_suite_and_only_the_command_line_changes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One entry makes a row: suites find it by their globs, tables by its title."""
    plain = rows()["dummy/dummy"].method
    monkeypatch.setitem(ROWS, "dummy/slow", Row(plain, "Dummy, slow", settings={"lr": 0.001}))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tiny.toml").write_text('[method."dummy/*"]\nlr = 0.1\nsteps = 7\n')
    group = '[[rows]]\nmethods = ["dummy/dummy", "dummy/[ds]*"]\ntask = "dummy"\n'
    suite = load_suite(str(write_suite(tmp_path, group, profile="tiny")))
    assert suite.rows[0].methods == ("dummy/dummy", "dummy/slow")
    assert [cell.method_settings["lr"] for cell in make_plan(suite).rows] == [0.1, 0.001]
    overridden = make_plan(suite, overrides=[parse_override("dummy/slow:method.lr=0.3")])
    assert [cell.method_settings["lr"] for cell in overridden.rows] == [0.1, 0.3]
    assert (get_title("dummy/slow"), get_title("dummy/dummy")) == ("Dummy, slow", "Dummy")
    suite = load_suite(str(write_suite(tmp_path, group + 'set = { "method.lr" = 0.2 }\n', profile="tiny")))
    with pytest.raises(UserError, match=r"set of dummy/slow: the row fixes 'lr'"):
        make_plan(suite)


def test_a_row_may_start_from_another_stage_than_its_class_says(
    plan_of: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = rows()
    monkeypatch.setitem(ROWS, "dummy/slow", Row(known["dummy/dummy"].method, settings={"lr": 0.001}))
    monkeypatch.setitem(ROWS, "dummy/far", Row(known["dummy/tuned"].method, needs={"dummy": "dummy/slow"}))
    (cell,) = plan_of('[[rows]]\nmethods = ["dummy/far"]\ntask = "dummy"\n').rows
    assert cell.starts_from["dummy"].method == "dummy/slow"
    assert get_needs("dummy/far") == {"dummy": "dummy/slow"}


def test_an_override_without_a_glob_speaks_of_rows_and_not_of_stages(
    plan_of: Callable[..., Plan],
) -> None:
    row = '[[rows]]\nmethods = ["dummy/tuned"]\ntask = "dummy"\n'
    plan = plan_of(row, overrides=(parse_override("method.steps=3"),))
    assert {cell.method: cell.method_settings["steps"] for cell in plan.cells} == {"dummy/tuned": 3, "dummy/dummy": 80}
    plan = plan_of(row, overrides=(parse_override("dummy/dummy:method.steps=3"),))
    assert {cell.method: cell.method_settings["steps"] for cell in plan.cells} == {"dummy/tuned": 80, "dummy/dummy": 3}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ('[[rows]]\nmethods = ["dummy/dumy"]\ntask = "dummy"\n', ["unknown method 'dummy/dumy'", "'dummy/dummy'"]),
        ('[[rows]]\nmethods = ["dummy/dumy*"]\ntask = "dummy"\n', ["'dummy/dumy*' matches no method"]),
        ('[[rows]]\nmethods = ["dummy/dummy"]\ntask = "digts"\n', ["unknown task 'digts'", "'digits'"]),
        (DUMMY_ROW + 'set = { "method.lrr" = 1 }\n', ["no setting 'lrr'", "'lr'"]),
        (DUMMY_ROW + 'set = { "lr" = 1 }\n', ["must start with 'method.'"]),
        (DUMMY_ROW + 'set = { "method.lr" = "fast" }\n', ["setting 'lr'", "number", "'fast'"]),
        (DUMMY_ROW + DUMMY_ROW, ["two rows have the address"]),
    ],
)
def test_a_wrong_name_or_value_says_where_it_is_and_what_was_meant(
    plan_of: Callable[..., Plan], rows: str, words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        plan_of(rows)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ('profile = "dummy"\nsedes = [0]\n' + DUMMY_ROW, 2, ["sedes", "'seeds'"]),
        ('profile = "dummy"\n' + DUMMY_ROW + "sett = {}\n", 5, ["sett", "'set'"]),
        ('profile = "dummy"\nseeds = "all"\n' + DUMMY_ROW, 2, ["seeds"]),
        ('profile = "dummy"\nseeds = []\n' + DUMMY_ROW, 2, ["seeds"]),
        ('profile = "dummy"\nseeds = [-1]\n' + DUMMY_ROW, 2, ["seeds"]),
        ('profile = "dummy"\nseeds = [0, 0]\n' + DUMMY_ROW, 2, ["seeds", "twice"]),
        ('profile = "dummy"\nseeds = [0\n' + DUMMY_ROW, 3, ["line 3"]),
        ('profile = "dummy"\nrows_of = 3\n', 2, ["'rows_of'", "a list of names"]),
        ('profile = "dummy"\n\nrows_of = ["dummy", 3]\n', 3, ["'rows_of'", "a list of names"]),
        ('profile = "dummy"\nrows_of = { suite = "dummy" }\n', 2, ["'rows_of'", "a list of names"]),
    ],
)
def test_a_bad_suite_file_is_named_with_line_and_key(tmp_path: Path, content: str, line: int, words: list[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        load_suite(str(path))
    assert str(path) in str(caught.value)
    assert f":{line}:" in str(caught.value) or f"line {line}" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("method.alpah=0", ["no method in this plan has the setting 'alpah'"]),
        ("run.precison=32-true", ["no setting 'precison'", "'precision'"]),
        ("run.threads=0", ["setting 'threads'"]),
        ("lr=3", ["expected"]),
        ("dummy/none:method.lr=3", ["matches no method", "not over addresses"]),
        ("dummy/*:method.alpah=0", ["no method that 'dummy/*' matches has the setting 'alpah'"]),
        ("dummy/*:task.sorce=real", ["no task of a method that 'dummy/*' matches", "'sorce'", "'source'"]),
        ("dummy/*, dummi/*:method.lr=3", ["'dummi/*' matches no method"]),
        (",:method.lr=3", ["',' matches no method"]),
        ("dummy/*:run.threads=1", ["those of all its cells", "leave 'dummy/*:' out"]),
        ("task.sorce=real", ["no task in this plan has the setting 'sorce'", "'source'"]),
    ],
)
def test_an_override_that_changes_nothing_is_refused(
    plan_of: Callable[..., Plan], override: str, words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        plan_of(overrides=(parse_override(override),))
    for word in words:
        assert word in str(caught.value)


def test_an_override_with_a_glob_passes_over_methods_that_do_not_know_it() -> None:
    plan = make_plan(load_suite("quick"), only="dtn/*", overrides=[parse_override("dtn/*:method.alpha=0")])
    alpha = {cell.method: cell.method_settings.get("alpha") for cell in plan.cells}
    assert alpha["dtn/dtn"] == 0
    assert alpha["dtn/f"] is alpha["dtn/original"] is None


@pytest.mark.parametrize("override", ["dtn/f:method.alpha=0", "*:task.shots=5", "method.face_id=0"])
def test_an_override_of_rows_that_are_left_out_changes_nothing(override: str) -> None:
    with pytest.raises(UserError, match=r"no method|no task"):
        make_plan(load_suite("quick"), only="dtn/*", overrides=[parse_override(override)])


def test_the_task_of_a_stage_is_that_of_the_rows_that_need_it() -> None:
    with pytest.raises(UserError, match=r"'judges/\*' matches no row"):
        make_plan(load_suite("quick"), overrides=[parse_override("judges/*:task.source=real")])


@pytest.mark.parametrize("paper", ["cartoon", "stargan", "mixdl"])
def test_a_folder_that_the_stand_in_would_not_read_is_refused(paper: str, tmp_path: Path) -> None:
    overrides = [parse_override(f"task.data_dir={tmp_path}")]
    plan = make_plan(load_suite("quick"), only=f"{paper}/*", overrides=overrides)
    with pytest.raises(UserError, match=r"would not be read.*task\.source=real"):
        prepare_data(plan, tmp_path / "runs", Console(quiet=True))


def test_a_task_override_without_a_glob_passes_over_tasks_that_do_not_know_it() -> None:
    plan = make_plan(load_suite("smoke"), only="stargan/*", overrides=(parse_override('task.targets=["sad"]'),))
    assert {tuple(cell.task_settings["targets"]) for cell in plan.rows} == {("sad",)}  # type: ignore[arg-type]


def test_every_shipped_suite_can_be_planned() -> None:
    for name in suite_names():
        assert make_plan(load_suite(name)).cells


def test_the_stages_of_dtn_are_shared_wherever_their_data_are_the_same() -> None:
    plan = make_plan(load_suite("quick"))
    by_method: dict[str, list[str]] = {}
    for cell in plan.cells:
        by_method.setdefault(cell.method, []).append(cell.address)
    assert len(by_method["judges/mnist"]) == 1
    # One f for all rows, and one that never saw the left-out digit.
    assert len(by_method["dtn/f"]) == 2


TUNED_ROW = DUMMY_ROW.replace("dummy/dummy", "dummy/tuned")
FASTER_ROW = DUMMY_ROW + 'set = { "method.lr" = 0.2 }\n'


@pytest.mark.parametrize(
    ("taken", "own", "rows"),
    [
        ([DUMMY_ROW], TUNED_ROW, [("dummy/dummy", {}), ("dummy/tuned", {})]),
        ([TUNED_ROW, BOTH], "", [("dummy/tuned", {}), ("dummy/dummy", {})]),
        ([TUNED_ROW, DUMMY_ROW, TUNED_ROW], "", [("dummy/tuned", {}), ("dummy/dummy", {})]),
        ([TUNED_ROW], FASTER_ROW, [("dummy/tuned", {}), ("dummy/dummy", {"method.lr": 0.2})]),
        ([DUMMY_ROW, FASTER_ROW], "", [("dummy/dummy", {}), ("dummy/dummy", {"method.lr": 0.2})]),
        ([DUMMY_ROW], DUMMY_ROW, "two rows have the address"),
    ],
)
def test_a_suite_takes_over_the_rows_of_others_each_once_in_their_order_and_its_own_last(
    tmp_path: Path, taken: list[str], own: str, rows: list[tuple[str, dict[str, float]]] | str
) -> None:
    names = [str(write_suite(tmp_path, row, name=f"taken{number}")) for number, row in enumerate(taken)]
    suite = load_suite(str(write_suite(tmp_path, f"rows_of = {names}\n{own}", name="all")))
    if isinstance(rows, str):
        with pytest.raises(UserError, match=rows):
            make_plan(suite)
    else:
        assert [(method, group.set) for group in suite.rows for method in group.methods] == rows


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("one", 'rows_of = "{folder}/two.toml"\n', "takes over its own rows"),
        ("all", 'rows_of = ["dummy", "quik"]\n', r"unknown suite 'quik'.*'quick'"),
        ("quick", DUMMY_ROW, "rename the file"),
    ],
)
def test_a_circle_an_unknown_suite_and_the_name_of_a_shipped_one_are_refused(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    write_suite(tmp_path, f'rows_of = "{tmp_path}/one.toml"\n', name="two")
    with pytest.raises(UserError, match=words):
        load_suite(str(write_suite(tmp_path, content.replace("{folder}", str(tmp_path)), name=name)))


def test_the_papers_suite_has_every_row_of_quick_and_of_mixdl_once() -> None:
    plans = {name: {cell.address for cell in make_plan(load_suite(name)).rows} for name in ("quick", "mixdl", "paper")}
    rows = [cell.address for cell in make_plan(load_suite("paper")).rows]
    assert len(rows) == len(set(rows))
    assert set(rows) == plans["quick"] | plans["mixdl"]
    assert plans["quick"] & plans["mixdl"], "the two suites share rows, or this says nothing"


def test_rows_that_have_one_address_do_not_matter_where_only_leaves_them_out(tmp_path: Path) -> None:
    suite = load_suite(str(write_suite(tmp_path, DUMMY_ROW * 2 + DUMMY_ROW.replace("dummy/dummy", "dummy/tuned"))))
    with pytest.raises(UserError, match="two rows have the address"):
        make_plan(suite)
    assert [cell.address for cell in make_plan(suite, only="dummy/tuned/*").rows] == ["dummy/tuned/dummy/s0"]


@pytest.mark.parametrize("name", ["quick", "smoke", "paper", "mixdl"])
def test_no_profile_undoes_what_makes_a_row_of_mixdl_another_row(name: str) -> None:
    rows = {cell.method: cell.method_settings for cell in make_plan(load_suite(name), only="mixdl/*").rows}
    full = rows["mixdl/mixdl"]
    differs = {
        "mixdl/mixdl-g": {"lambda_d": 0.0},
        "mixdl/mixdl-d": {"lambda_g": 0.0},
        "mixdl/dirichlet-0.1": {"alpha": 0.1},
        "mixdl/dirichlet-10": {"alpha": 10.0},
        "mixdl/gaussian": {"coefficients": "gaussian"},
        "mixdl/uniform": {"coefficients": "uniform"},
    }
    assert full["lambda_g"]
    assert full["lambda_d"]
    for method, only in differs.items():
        if method in rows:
            assert {key: value for key, value in rows[method].items() if value != full[key]} == only


@pytest.mark.parametrize(
    ("only", "meant"),
    [
        ("carton/*", "cartoon/*"),
        ("cartoon", "cartoon/*"),
        ("dtn/dnt", "dtn/dtn/*"),
        ("dtn/dtn/digts/s0", "dtn/dtn/digits/s0"),
    ],
)
def test_a_glob_that_picks_nothing_is_answered_with_what_it_may_have_meant(only: str, meant: str) -> None:
    with pytest.raises(UserError) as caught:
        make_plan(load_suite("quick"), only=only)
    assert f"did you mean {meant!r}?" in str(caught.value)
