"""What a reviewer does in the MLflow UI, done in a browser against a real server; docs/mlflow.md has the same words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from retable.benchmarks.tracking.connect import open_client
from retable.benchmarks.tracking.names import EXPERIMENT_NOTE, dataset_context, tables_of
from retable.benchmarks.tracking.sync import sync
from retable.reports.records.journal import now_ms
from tests.browser import browser_or_skip, chromium
from tests.tracking.conftest import Store
from tests.tracking.factory import FakeCell, MakeCell, make_cell, make_score, record
from tests.tracking.servers import free_port, real_server

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

ROWS = {"dtn": 87.3, "baseline": 61.2}
FACES = {"basic": 41.5, "transfer": 33.1}
FACES_DATA = {"train-photo-kids": "c3" * 32, "test-photo-kids": "d4" * 32}
DTN = {f"{row} · digits · s0" for row in [*ROWS, "no-f"]}
CARTOON = {f"{row} · cartoon-groups · s0" for row in FACES}
SUMMARY = "**quick**: 4 of 5 cells ok\n\n**Claims**: 1 reproduced, 2 undecided, 1 not reproduced\n\n## DTN, Table 1\n"
GUIDE = Path(__file__).parents[2] / "docs" / "mlflow.md"


def write_demo(root: Path) -> None:
    """A made-up invocation in MLflow: four rows of two papers, and one that runs out of memory."""
    started, cells = now_ms() - 600_000, []

    def begin(method: str, task: str = "digits", **changes: object) -> FakeCell:
        cells.append(FakeCell(root, make_cell(method, task=task)))
        cells[-1].t = started + 1000
        return cells[-1].belongs_to(id="a1", started=started).start(**changes)

    for row, accuracy in ROWS.items():
        begin(f"dtn/{row}").train(range(0, 600, 5), samples=[300, 500]).score_digits(accuracy).end()
    for row, distance in FACES.items():
        faces = begin(f"cartoon/{row}", "cartoon-groups", data=FACES_DATA).train(range(0, 300, 10))
        faces.score(make_score("fid.lite0", distance)).end()
    begin("dtn/no-f").train(range(0, 80, 5)).end("oom", "killed by the kernel because memory ran out")
    (root / "report").mkdir()
    (root / "report" / "index.html").write_text("<h1>DTN, Table 1</h1><p>87.3 %</p>")
    record(root, "a1", cells, "failed", started, summary=SUMMARY, report=str(root / "report"))
    sync([root], f"sqlite:///{root}/mlflow.db")


class Reviewer:
    """Somebody at the UI of one experiment, who waits for what should come."""

    def __init__(self, browser: Chrome, address: str, experiment: object) -> None:
        self.browser = browser
        self.runs = f"{address}/#/experiments/{experiment}/runs"

    def until(self, look: Callable[[], Any], what: str) -> Any:
        """What ``look`` returns, as soon as that is something."""
        from selenium.common.exceptions import WebDriverException

        deadline = time.monotonic() + 60
        while True:
            try:
                found = look()
            except WebDriverException:  # the page was drawn anew between two looks
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, f"{self.browser.current_url} never shows {what}: {self.text()[:2000]}"
            time.sleep(0.1)

    def open(self, below: str) -> None:
        self.browser.get("about:blank")
        self.browser.get(self.runs + below)

    def text(self) -> str:
        return str(self.browser.find_element("tag name", "body").text)

    def await_words(self, *words: str) -> None:
        self.until(lambda: all(word in self.text() for word in words), " and ".join(words))

    def find(self, xpath: str) -> list[WebElement]:
        return [one for one in self.browser.find_elements("xpath", xpath) if one.is_displayed()]

    def click(self, xpath: str) -> None:
        self.until(lambda: [one.click() or one for one in self.find(xpath)[:1]], xpath)

    def enter(self, xpath: str, *words: str) -> None:
        """Replace what stands in a box, and leave it."""
        from selenium.webdriver.common.keys import Keys

        def types() -> bool:
            box = self.browser.find_element("xpath", xpath)
            box.send_keys(Keys.CONTROL, "a")
            box.send_keys(*words, Keys.ENTER, Keys.TAB)
            return True

        self.until(types, xpath)

    def listed(self) -> dict[str, WebElement]:
        """Names of the runs in the list, with the part of their row that holds them."""
        rows = self.browser.find_elements("xpath", "//div[@role='row' and @row-id]")
        named = ((next((line for line in row.text.splitlines() if " · " in line), ""), row) for row in rows)
        return {name: row for name, row in named if name}

    def finds(self, words: str, expected: set[str]) -> None:
        self.enter("//input[@data-testid='search-box']", words)
        counted = f"{len(expected)} matching run"
        self.until(lambda: set(self.listed()) == expected and counted in self.text(), f"{sorted(expected)} for {words}")

    def open_list(self) -> None:
        """The flat list: sorted by name, cells stand without the invocations above them."""
        self.open(f"?workflowType=machine_learning&orderByKey={quote('tags.`mlflow.runName`')}")
        self.until(self.listed, "the list of runs")
        for close in self.find("//*[@data-component-id='mlflow.assistant.chat_panel.close']"):
            close.click()

    def compare_curves(self, *names: str) -> None:
        box = ".//*[contains(@class, 'ag-selection-checkbox')]//input"
        for name in names:
            self.until(lambda name=name: [self.listed()[name].find_element("xpath", box).click()], f"{name}'s box")  # type: ignore[misc]
        self.click("//button[normalize-space()='Compare']")
        self.await_words("Comparing 2 Runs", *names)
        self.click("//a[contains(., 'curve/l_const')]")
        self.await_words("curve/l_const", *names)
        self.until(
            lambda: len(self.browser.find_elements("css selector", ".scatterlayer .trace")) >= len(names), "the curves"
        )

    def find_grids(self, run_id: str, *steps: int) -> None:
        """The grids of several steps, each another picture."""
        self.open(f"/{run_id}/model-metrics")
        self.await_words("curve/l_const")
        self.enter("//input[@placeholder='Search metric charts']", "samples")
        seen: set[str] = set()

        def grid() -> str:
            images = self.find("//img[contains(@class, 'rc-image-img')]")
            return next((str(image.get_attribute("src")) for image in images if image.size["width"] > 50), "")

        for step in steps:
            self.enter("//input[@type='number']", str(step))
            seen.add(self.until(lambda: (source := grid()) not in seen and source, f"the grid of step {step}"))


@pytest.fixture
def reviewer(store: Store, root: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Reviewer]:
    """In front of the demo's runs; a picture of the last page stays in ``tmp_path`` when the test fails."""
    browser_or_skip()
    write_demo(root)
    ((experiment,),) = store.query("SELECT experiment_id FROM experiments WHERE name = 'retable/quick'")
    port, failed = free_port(), request.session.testsfailed
    with real_server(store.file, port), chromium() as browser:
        yield Reviewer(browser, f"http://127.0.0.1:{port}", experiment)
        if request.session.testsfailed > failed:
            browser.save_screenshot(str(tmp_path / "last-page.png"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_reviewer_finds_runs_curves_grids_data_report_and_verdicts(reviewer: Reviewer, store: Store) -> None:
    runs = {run[".name"]: run[".id"] for run in store.tags()}
    reviewer.open_list()
    reviewer.finds("tags.retable.paper = 'cartoon'", CARTOON)
    # The list cuts the column off where it is narrow; the run's page says what the data are for.
    reviewer.await_words("train-photo-kids (c3c3c3c3c3c3)")
    reviewer.finds("tags.retable.status = 'oom'", {"no-f · digits · s0"})
    reviewer.finds("dataset.name = 'test-photo-kids'", CARTOON)
    reviewer.finds("tags.retable.tables LIKE '% dtn-table-1 %'", DTN)
    reviewer.compare_curves("dtn · digits · s0", "baseline · digits · s0")
    reviewer.open(f"/{runs['transfer · cartoon-groups · s0']}")
    reviewer.until(lambda: re.search(r"train-photo-kids \(c3c3c3c3c3c3\)\s+Training", reviewer.text()), "the data set")
    reviewer.find_grids(runs["dtn · digits · s0"], 300, 500)
    (parent,) = store.tags(kind="invocation")
    reviewer.open(f"/{parent['.id']}")
    reviewer.await_words("Description", "4 of 5 cells ok", "1 reproduced, 2 undecided, 1 not reproduced")
    reviewer.open(f"/{parent['.id']}/artifacts/report/index.html")
    reviewer.browser.switch_to.frame(reviewer.until(lambda: reviewer.find("//iframe"), "the report's frame")[0])
    reviewer.await_words("DTN, Table 1", "87.3 %")


def test_every_search_in_the_guide_and_in_the_experiments_note_finds_runs(store: Store, root: Path) -> None:
    write_demo(root)
    client = open_client(store.uri)
    experiment = client.get_experiment_by_name("retable/quick")
    assert experiment.tags["mlflow.note.content"] == EXPERIMENT_NOTE
    guide = re.findall(r"^\|[^|]+\| `(\S+ (?:=|!=|LIKE) .*)` \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    note = re.findall(r"^- .*?: `([^`]*)`", EXPERIMENT_NOTE, re.MULTILINE)
    assert (len(guide), len(note)) == (9, 6)
    for words in [*guide, *note]:
        # The demo has its own data set and its own tables.
        assert client.search_runs([experiment.experiment_id], words.replace("'shots'", "'test-photo-kids'")), words


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


def test_runs_that_an_earlier_version_tracked_are_completed_but_keep_a_description_of_the_users(
    make: MakeCell, store: Store, root: Path
) -> None:
    cells = [make(cell=make_cell("dtn/baseline", seed=n)).belongs_to(id="a1").start().train([0]).end() for n in (0, 1)]
    record(root, "a1", cells)
    sync([root], store.uri)
    new, rows, client = store.tags(), store.rows(), open_client(store.uri)
    (child,), (other,) = (store.tags(journal=cell.journal) for cell in cells)
    (parent,) = store.tags(kind="invocation")
    client.delete_tag(child[".id"], "retable.tables")
    client.delete_tag(child[".id"], "mlflow.note.content")
    client.delete_tag(parent[".id"], "retable.papers")
    client.update_run(parent[".id"], name="quick · 11-21 19:54")
    client.set_tag(other[".id"], "mlflow.note.content", "mine")
    sync([root], store.uri)
    assert store.tags(journal=cells[1].journal)[0]["mlflow.note.content"] == "mine"
    client.set_tag(other[".id"], "mlflow.note.content", other["mlflow.note.content"])
    assert (store.tags(), store.rows()) == (new, rows)
    assert child["retable.tables"] == " dtn-table-1 dtn-more-scores "
    assert (parent["retable.papers"], " · dtn · " in parent[".name"]) == (" dtn ", True)


def test_a_data_set_says_what_it_is_for() -> None:
    expected = {
        "train-photo-kids": "training",
        "street-test": "test",
        "reference": "reference",
        "test-faces-hair-1": "test",
        "truth-cartoon-old": "truth",
        "latest": "training",
    }
    assert {name: dataset_context(name) for name in expected} == expected
