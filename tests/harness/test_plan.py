"""From a suite to cells: settings from their places, dependencies first, errors that say where and what was meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.plan.registry import get_needs, get_title, rows
from retable.benchmarks.plan.suites import load_suite, suite_names
from retable.benchmarks.run.suite_run import prepare_data
from retable.methods.rows import MIXDL, ROWS, Row
from tests.harness.conftest import BOTH, DUMMY_ROW, planned, refused, row, write_suite

PlanOf = Callable[..., Plan]
TUNED_ROW = row("dummy/tuned")
FASTER_ROW = row("dummy/dummy", method_lr=0.2)


def steps(plan: Plan) -> dict[str, object]:
    return {cell.method: cell.method_settings["steps"] for cell in plan.cells}


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """A profile ``tiny`` beside the suite."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tiny.toml").write_text(
        '[method."dummy/*"]\nlr = 0.1\nsteps = 7\n[method."none/none, dummy/dummy"]\nbatch_size = 2\n'
        "[run]\nthreads = 2\n"
    )
    return "tiny"


def test_dependencies_come_first_and_once_also_where_only_leaves_their_rows_out(plan_of: PlanOf) -> None:
    addresses = [cell.address for cell in plan_of(BOTH, seeds=[0, 1]).cells]
    assert len(addresses) == len(set(addresses)) == 4
    for seed in (0, 1):
        assert addresses.index(f"dummy/dummy/dummy/s{seed}") < addresses.index(f"dummy/tuned/dummy/s{seed}")
    plan = plan_of(BOTH, only="dummy/tuned/*")
    assert [cell.method for cell in plan.rows] == ["dummy/tuned"]
    assert [cell.method for cell in plan.cells] == ["dummy/dummy", "dummy/tuned"]


def test_commas_separate_globs_wherever_there_are_any(plan_of: PlanOf, tiny: str) -> None:
    plan = plan_of(BOTH, only="dummy/dummy/*/s0, dummy/tuned/*,", seeds=(0, 1))
    found = {(cell.method, cell.seed) for cell in plan.rows}
    assert found == {("dummy/dummy", 0), ("dummy/tuned", 0), ("dummy/tuned", 1)}
    with refused("--only 'dumy/*' matches no cell"):
        plan_of(BOTH, only="dummy/tuned/*, dumy/*")
    assert set(steps(plan_of(BOTH, "dummy/tuned,dummy/dummy:method.steps=3")).values()) == {3}
    sizes = {cell.method: cell.method_settings["batch_size"] for cell in plan_of(BOTH, profile=tiny).cells}
    assert sizes == {"dummy/tuned": 8, "dummy/dummy": 2}


def test_the_command_line_wins_over_the_suite_and_the_suite_over_the_profile(plan_of: PlanOf, tiny: str) -> None:
    assert plan_of(FASTER_ROW, profile=tiny).rows[0].method_settings["lr"] == 0.2
    (cell,) = plan_of(FASTER_ROW, "method.lr=0.3", profile=tiny).rows
    assert (cell.method_settings["lr"], cell.method_settings["steps"], cell.run.threads) == (0.3, 7, 2)


def test_a_profile_may_be_built_on_another_and_changes_only_what_it_names(
    plan_of: PlanOf, tmp_path: Path, tiny: str
) -> None:
    (tmp_path / "profiles" / "long.toml").write_text(f'base = "{tiny}"\n[method."dummy/*"]\nsteps = 70\n')
    (cell,) = plan_of(profile="long").rows
    assert (cell.profile, cell.method_settings["steps"], cell.method_settings["lr"]) == ("long", 70, 0.1)
    assert (cell.method_settings["batch_size"], cell.run.threads) == (2, 2)
    (tmp_path / "profiles" / "round.toml").write_text('base = "other"\n')
    (tmp_path / "profiles" / "other.toml").write_text('base = "round"\n')
    with refused("other.toml:1", "'round' is built on this profile"):
        plan_of(profile="round")
    (tmp_path / "profiles" / "round.toml").write_text('base = "tny"\n')
    with refused("unknown profile 'tny'", "tiny"):
        plan_of(profile="round")


def test_what_a_row_fixes_wins_over_profile_and_suite_and_only_the_command_line_changes_it(
    plan_of: PlanOf, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One entry makes a row: suites find it by their globs, tables by its title."""
    monkeypatch.setitem(ROWS, "dummy/slow", Row(rows()["dummy/dummy"].method, "Dummy, slow", settings={"lr": 0.001}))
    group = row("dummy/dummy", "dummy/[ds]*")
    for override, rate in (("method.batch_size=4", 0.001), ("dummy/slow:method.lr=0.3", 0.3)):
        plan = plan_of(group, override, profile=tiny)
        assert plan.suite.rows[0].methods == ("dummy/dummy", "dummy/slow")
        assert [cell.method_settings["lr"] for cell in plan.rows] == [0.1, rate]
    assert (get_title("dummy/slow"), get_title("dummy/dummy")) == ("Dummy, slow", "Dummy")
    with refused("set of dummy/slow: the row fixes 'lr'"):
        plan_of(row("dummy/dummy", "dummy/[ds]*", method_lr=0.2), profile=tiny)


def test_a_row_may_start_from_another_stage_than_its_class_says(
    plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = rows()
    monkeypatch.setitem(ROWS, "dummy/slow", Row(known["dummy/dummy"].method, settings={"lr": 0.001}))
    monkeypatch.setitem(ROWS, "dummy/far", Row(known["dummy/tuned"].method, needs={"dummy": "dummy/slow"}))
    assert plan_of(row("dummy/far")).rows[0].starts_from["dummy"].method == "dummy/slow"
    assert get_needs("dummy/far") == {"dummy": "dummy/slow"}


def test_an_override_without_a_glob_speaks_of_rows_and_not_of_stages(plan_of: PlanOf) -> None:
    assert steps(plan_of(TUNED_ROW, "method.steps=3")) == {"dummy/tuned": 3, "dummy/dummy": 80}
    assert steps(plan_of(TUNED_ROW, "dummy/dummy:method.steps=3")) == {"dummy/tuned": 80, "dummy/dummy": 3}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (row("dummy/dumy"), ["unknown method 'dummy/dumy'", "'dummy/dummy'"]),
        (row("dummy/dumy*"), ["'dummy/dumy*' matches no method"]),
        (row("dummy/dummy", task="digts"), ["unknown task 'digts'", "'digits'"]),
        (row("dummy/dummy", method_lrr=1), ["no setting 'lrr'", "'lr'"]),
        (DUMMY_ROW + 'set = { "lr" = 1 }\n', ["must start with 'method.'"]),
        (row("dummy/dummy", method_lr="fast"), ["setting 'lr'", "number", "'fast'"]),
        (DUMMY_ROW + DUMMY_ROW, ["two rows have the address"]),
    ],
)
def test_a_wrong_name_or_value_says_where_it_is_and_what_was_meant(
    plan_of: PlanOf, rows: str, words: list[str]
) -> None:
    with refused(*words):
        plan_of(rows)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("sedes = [0]\n" + DUMMY_ROW, 2, ["sedes", "'seeds'"]),
        (DUMMY_ROW + "sett = {}\n", 5, ["sett", "'set'"]),
        ('seeds = "all"\n' + DUMMY_ROW, 2, ["seeds"]),
        ("seeds = []\n" + DUMMY_ROW, 2, ["seeds"]),
        ("seeds = [-1]\n" + DUMMY_ROW, 2, ["seeds"]),
        ("seeds = [0, 0]\n" + DUMMY_ROW, 2, ["seeds", "twice"]),
        ("seeds = [0\n" + DUMMY_ROW, 3, ["line 3"]),
        ("rows_of = 3\n", 2, ["'rows_of'", "a list of names"]),
        ('\nrows_of = ["dummy", 3]\n', 3, ["'rows_of'", "a list of names"]),
        ('rows_of = { suite = "dummy" }\n', 2, ["'rows_of'", "a list of names"]),
    ],
)
def test_a_bad_suite_file_is_named_with_line_and_key(tmp_path: Path, content: str, line: int, words: list[str]) -> None:
    path = str(write_suite(tmp_path, content))
    with pytest.raises(UserError, match=rf"(?s){path}.*(:|line ){line}\b") as caught:
        load_suite(path)
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
def test_an_override_that_changes_nothing_is_refused(plan_of: PlanOf, override: str, words: list[str]) -> None:
    with refused(*words):
        plan_of(DUMMY_ROW, override)


@pytest.mark.parametrize(
    ("override", "only", "says"),
    [
        *((text, "dtn/*", "no ") for text in ("dtn/f:method.alpha=0", "*:task.shots=5", "method.face_id=0")),
        # The task of a stage is that of the rows that need it.
        ("judges/*:task.source=real", None, "'judges/*' matches no row"),
    ],
)
def test_an_override_of_rows_that_are_left_out_or_of_a_stages_task_is_refused(
    override: str, only: str | None, says: str
) -> None:
    with refused(says):
        planned("quick", override, only=only)


def test_an_override_passes_over_methods_and_tasks_that_do_not_know_it() -> None:
    plan = planned("quick", "dtn/*:method.alpha=0", only="dtn/*")
    alpha = {cell.method: cell.method_settings.get("alpha") for cell in plan.cells}
    assert alpha["dtn/dtn"] == 0
    assert alpha["dtn/f"] is alpha["dtn/original"] is None
    plan = planned("smoke", 'task.targets=["sad"]', only="stargan/*")
    assert all(cell.task_settings["targets"] == ["sad"] for cell in plan.rows)


@pytest.mark.parametrize("paper", ["cartoon", "stargan", "mixdl"])
def test_a_folder_that_the_stand_in_would_not_read_is_refused(paper: str, tmp_path: Path) -> None:
    plan = planned("quick", f"task.data_dir={tmp_path}", only=f"{paper}/*")
    with pytest.raises(UserError, match=r"would not be read.*task\.source=real"):
        prepare_data(plan, tmp_path / "runs", Console(quiet=True))


def test_every_shipped_suite_can_be_planned() -> None:
    for name in suite_names():
        assert planned(name).cells


def test_the_stages_of_dtn_are_shared_wherever_their_data_are_the_same() -> None:
    methods = [cell.method for cell in planned("quick").cells]
    # One f for all rows, and one that never saw the left-out digit.
    assert (methods.count("judges/mnist"), methods.count("dtn/f")) == (1, 2)


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
    names = [str(write_suite(tmp_path, text, name=f"taken{number}")) for number, text in enumerate(taken)]
    path = write_suite(tmp_path, f"rows_of = {names}\n{own}", name="all")
    if isinstance(rows, str):
        with refused(rows):
            planned(path)
    else:
        assert [(method, group.set) for group in load_suite(str(path)).rows for method in group.methods] == rows


@pytest.mark.parametrize(
    ("asked", "planned"), [(None, [0, 5, 6]), ([0], [0]), ([6], [6]), ([0, 5], [0, 5]), ([1], [1])]
)
def test_rows_may_have_further_seeds_of_their_own(plan_of: PlanOf, asked: list[int] | None, planned: list[int]) -> None:
    more = DUMMY_ROW + "seeds = [5, 6]\n"
    assert [cell.seed for cell in plan_of(DUMMY_ROW + more, seeds=asked).rows] == planned
    with refused("seeds"):
        plan_of(DUMMY_ROW + "seeds = [-1]\n")


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
    quick, mixdl, paper = ([cell.address for cell in planned(name).rows] for name in ("quick", "mixdl", "paper"))
    assert len(paper) == len(set(paper))
    # What the stand-in alone knows is not asked of real data.
    assert set(paper) < {*quick, *mixdl}
    assert {"anchor/real", "anchor/noisy-truth", "anchor/blurred-truth"} == {
        address.rpartition("/")[0].rpartition("/")[0] for address in {*quick, *mixdl} - set(paper)
    }
    assert {*quick} & {*mixdl}, "the two suites share rows, or this says nothing"


def test_rows_for_one_source_are_left_out_where_the_data_come_from_another(plan_of: PlanOf) -> None:
    for source, kept in (("standin", ["dummy/dummy", "dummy/tuned"]), ("real", ["dummy/dummy"])):
        plan = plan_of(DUMMY_ROW + TUNED_ROW + f'source = "{source}"\n')
        assert [cell.method for cell in plan.rows] == kept


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (row("mixdl/mixdl", task="dummy"), ["'mixdl/mixdl'", "'dummy'", "'sample' requests", "asks for 'translate'"]),
        (row("dtn/f", task="dummy"), ["'dtn/f'", "'predict' requests", "asks for 'translate'"]),
        (row("mixdl/mixdl", task="digits"), ["'mixdl/mixdl' cannot be trained on task 'digits'", "no stream 'shots'"]),
    ],
)
def test_a_method_that_answers_nothing_its_task_asks_is_refused(plan_of: PlanOf, rows: str, words: list[str]) -> None:
    with refused(*words):
        plan_of(rows)


def test_a_gpu_that_is_not_there_is_refused_before_anything_runs(
    plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with refused("--set run.accelerator=cuda", "no GPU here"):
        plan_of(DUMMY_ROW, "run.accelerator=cuda")
    assert plan_of(DUMMY_ROW).cells[0].run.accelerator == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert plan_of(DUMMY_ROW, "run.accelerator=cuda").cells[0].run.accelerator == "cuda"


def test_rows_that_have_one_address_do_not_matter_where_only_leaves_them_out(plan_of: PlanOf) -> None:
    plan = plan_of(DUMMY_ROW * 2 + TUNED_ROW, only="dummy/tuned/*")
    assert [cell.address for cell in plan.rows] == ["dummy/tuned/dummy/s0"]


@pytest.mark.parametrize("name", ["quick", "smoke", "paper", "mixdl"])
def test_no_profile_undoes_what_makes_a_row_of_mixdl_another_row(name: str) -> None:
    rows = {cell.method: cell.method_settings for cell in planned(name, only="mixdl/*").rows}
    full = rows["mixdl/mixdl"]
    assert full["lambda_g"]
    assert full["lambda_d"]
    # The augmented rows have settings of their augmentation beside.
    variants = {name for name, one in ROWS.items() if one.method == MIXDL and "augment" not in one.settings}
    for method in rows.keys() & variants:
        assert {key: value for key, value in rows[method].items() if value != full[key]} == ROWS[method].settings


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
    with refused(f"did you mean {meant!r}?"):
        planned("quick", only=only)
