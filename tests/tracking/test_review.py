"""What a reviewer does in the MLflow UI, done in a browser against a real server; docs/mlflow.md has the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from retable.benchmarks.tracking.connect import open_client
from retable.benchmarks.tracking.names import EXPERIMENT_NOTE, dataset_context, tables_of
from retable.benchmarks.tracking.sync import sync
from tests.browser import browser_or_skip, chromium
from tests.tracking.conftest import Store
from tests.tracking.factory import MakeCell, make_cell, record
from tests.tracking.servers import free_port, real_server
from tests.tracking.walk import FACES, ROWS, Reviewer, write_demo

DTN = {f"{row} · digits · s0" for row in [*ROWS, "no-f"]}
CARTOON = {f"{row} · cartoon-groups · s0" for row in FACES}
GUIDE = Path(__file__).parents[2] / "docs" / "mlflow.md"


@pytest.fixture
def reviewer(store: Store, root: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Reviewer]:
    """In front of the demo's runs; a picture of the last page stays in ``tmp_path`` when the test fails."""
    browser_or_skip()
    write_demo(root)
    ((experiment,),) = store.query("SELECT experiment_id FROM experiments WHERE name = 'retable/quick'")
    port = free_port()
    with real_server(store.file, port), chromium() as browser:
        failed = request.session.testsfailed
        try:
            yield Reviewer(browser, f"http://127.0.0.1:{port}", str(experiment))
        except BaseException:
            browser.save_screenshot(str(tmp_path / "last-page.png"))
            raise
        if request.session.testsfailed > failed:
            browser.save_screenshot(str(tmp_path / "last-page.png"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_reviewer_finds_runs_curves_grids_data_report_and_verdicts(reviewer: Reviewer, store: Store) -> None:
    reviewer.open_list()
    reviewer.finds("tags.retable.paper = 'cartoon'", CARTOON)
    # The list cuts the column off where it is narrow; the run's page says what the data are for.
    reviewer.await_words("train-photo-kids (c3c3c3c3c3c3)")
    reviewer.finds("tags.retable.status = 'oom'", {"no-f · digits · s0"})
    reviewer.finds("dataset.name = 'test-photo-kids'", CARTOON)
    reviewer.finds("tags.retable.tables LIKE '% dtn-table-1 %'", DTN)
    compare_curves(reviewer, ["dtn · digits · s0", "baseline · digits · s0"])
    runs = {run[".name"]: run[".id"] for run in store.tags()}
    reviewer.open(f"{reviewer.runs}/{runs['transfer · cartoon-groups · s0']}")
    reviewer.until(lambda: re.search(r"train-photo-kids \(c3c3c3c3c3c3\)\s+Training", reviewer.text()), "the data set")
    find_grids(reviewer, runs["dtn · digits · s0"])
    (parent,) = store.tags(kind="invocation")
    reviewer.open(f"{reviewer.runs}/{parent['.id']}")
    reviewer.await_words("Description", "7 of 8 cells ok", "1 reproduced, 1 contradicted, 2 undecided")
    reviewer.open(f"{reviewer.runs}/{parent['.id']}/artifacts/report/index.html")
    frame = reviewer.until(lambda: reviewer.find("//iframe"), "the report's frame")[0]
    reviewer.browser.switch_to.frame(frame)
    reviewer.await_words("DTN, Table 1", "87.3 %")
    reviewer.browser.switch_to.default_content()


def compare_curves(reviewer: Reviewer, names: list[str]) -> None:
    def tick(name: str) -> bool:
        box = reviewer.listed()[name].find_element("xpath", ".//*[contains(@class, 'ag-selection-checkbox')]//input")
        box.click()
        return True

    for name in names:
        reviewer.until(lambda name=name: tick(name), f"a box to tick for {name}")  # type: ignore[misc]
    reviewer.click("//button[normalize-space()='Compare']")
    reviewer.await_words("Comparing 2 Runs", *names)
    reviewer.click("//a[contains(., 'curve/l_const')]")
    reviewer.await_words("curve/l_const", *names)

    drawn = ".scatterlayer .trace"
    reviewer.until(
        lambda: len(reviewer.browser.find_elements("css selector", drawn)) >= len(names), "a curve for each run"
    )


def find_grids(reviewer: Reviewer, run_id: str) -> None:
    """The grids of two steps, each another picture."""
    from selenium.webdriver.common.keys import Keys

    reviewer.open(f"{reviewer.runs}/{run_id}/model-metrics")
    reviewer.await_words("curve/l_const")
    box = reviewer.until(
        lambda: reviewer.find("//input[@placeholder='Search metric charts']"), "the charts' search box"
    )
    box[0].send_keys("samples")
    seen: set[str] = set()

    def grid() -> str:
        images = reviewer.find("//img[contains(@class, 'rc-image-img')]")
        return next((str(image.get_attribute("src")) for image in images if image.size["width"] > 50), "")

    for step in (300, 500):
        number = reviewer.until(lambda: reviewer.find("//input[@type='number']"), "the box for the step")[0]
        number.send_keys(Keys.CONTROL, "a")
        number.send_keys(str(step), Keys.TAB)
        seen.add(reviewer.until(lambda: (source := grid()) not in seen and source, f"the grid of step {step}"))


def test_every_search_in_the_guide_and_in_the_experiments_note_finds_runs(store: Store, root: Path) -> None:
    write_demo(root)
    client = open_client(store.uri)
    experiment = client.get_experiment_by_name("retable/quick").experiment_id
    guide = re.findall(r"^\|[^|]+\| `(\S+ (?:=|!=|LIKE) .*)` \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    note = re.findall(r"^- .*?: `([^`]*)`", EXPERIMENT_NOTE, re.MULTILINE)
    assert (len(guide), len(note)) == (9, 5)
    for words in [*guide, *note]:
        # The demo has its own data set and its own tables.
        assert client.search_runs([experiment], words.replace("'shots'", "'test-photo-kids'")), words


@pytest.mark.parametrize(
    ("method", "task", "variant", "table", "shown"),
    [
        ("dtn/dtn", "digits", "", "dtn-table-1", True),
        ("dtn/dtn", "digits", "no3-t", "dtn-table-1", False),
        ("dtn/dtn", "digits", "no3-t", "dtn-table-3", True),
        ("dtn/f", "digits", "no3-f", "dtn-judges", True),
        ("mixdl/mixdl", "ten-shot", "n100", "mixdl-table-3", True),
        ("mixdl/mixdl", "ten-shot", "n100", "mixdl-table-1", False),
        ("dtn/dtn", "ten-shot", "", "dtn-table-1", False),
    ],
)
def test_a_cell_names_the_tables_that_show_it(method: str, task: str, variant: str, table: str, shown: bool) -> None:
    assert (table in tables_of(make_cell(method, task=task, variant=variant))) == shown


def test_runs_that_an_earlier_version_tracked_get_their_tables_at_the_next_sync(
    make: MakeCell, store: Store, root: Path
) -> None:
    cell = make(cell=make_cell("dtn/baseline")).belongs_to(id="a1").start().train([0]).end()
    record(root, "a1", [cell])
    sync([root], store.uri)
    new, rows = store.tags(), store.rows()
    client = open_client(store.uri)
    (child,), (parent,) = store.tags(journal=cell.journal), store.tags(kind="invocation")
    client.delete_tag(child[".id"], "retable.tables")
    client.delete_tag(child[".id"], "mlflow.note.content")
    client.delete_tag(parent[".id"], "retable.papers")
    client.update_run(parent[".id"], name="quick · 11-21 19:54")
    sync([root], store.uri)
    assert (store.tags(), store.rows()) == (new, rows)
    assert child["retable.tables"] == " dtn-table-1 dtn-more-scores "
    assert parent["retable.papers"] == " dtn "
    assert " · dtn · " in parent[".name"]


def test_a_description_of_the_users_stays(make: MakeCell, store: Store, root: Path) -> None:
    cell = make().belongs_to(id="a1").start().end()
    sync([cell.directory], store.uri)
    (child,) = store.tags(journal=cell.journal)
    client = open_client(store.uri)
    client.set_tag(child[".id"], "mlflow.note.content", "mine")
    client.set_tag(child[".id"], "retable.tables", "old")
    sync([cell.directory], store.uri)
    (child,) = store.tags(journal=cell.journal)
    assert (child["mlflow.note.content"], "dtn-table-1" in child["retable.tables"]) == ("mine", True)


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("train-photo-kids", "training"),
        ("shots", "training"),
        ("street-test", "test"),
        ("reference", "reference"),
        ("test-faces-hair-1", "test"),
        ("truth-cartoon-old", "truth"),
        ("latest", "training"),
    ],
)
def test_a_data_set_says_what_it_is_for(name: str, context: str) -> None:
    assert dataset_context(name) == context
