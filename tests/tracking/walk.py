"""A walk through the MLflow UI in headless Chromium, with a picture of every page that people need.

    python -m tests.tracking.walk PICTURES [--uri URI] [--suite SUITE] [--row ROW] [--demo ROOT]

Needs selenium, Chromium and its driver. Without ``--uri`` the address is that of ``retable run`` in ``runs/``; with
``--demo`` a made-up invocation of eight cells of two papers is written into ROOT first, and shown.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from retable.benchmarks.tracking.connect import PREFIX, default_uri, open_client, sqlite_file
from retable.benchmarks.tracking.sync import sync
from retable.reports.records.invocation import OF_CELL, Invocation
from retable.reports.records.journal import now_ms
from tests.browser import chromium
from tests.tracking.factory import FakeCell, make_cell, make_score
from tests.tracking.servers import free_port, ui_server

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

ROWS = {"dtn": 87.3, "baseline": 61.2, "no-tid": 83.9, "no-const": 12.4, "no-gan": 55.0}
FACES = {"basic": 41.5, "transfer": 33.1}
FACES_DATA = {"train-photo-kids": "c3" * 32, "test-photo-kids": "d4" * 32}
WIDTH, HEIGHT = 1600, 1000
PATIENCE_S = 60.0
T = TypeVar("T")
FIRST_VISIT = (
    "//*[@data-component-id='mlflow.assistant.chat_panel.close']",
    "//*[text()='Model training']",
    "//button[contains(@data-component-id, 'runnamecellrenderer')]",
)
"""Closes the panel that opens by itself, chooses the pages for training, unfolds the runs."""


class Reviewer:
    """Somebody at the UI of one experiment, who waits for what should come."""

    def __init__(self, browser: Chrome, address: str, experiment: str = "") -> None:
        self.browser = browser
        self.runs = f"{address}/#/experiments/{experiment}/runs"

    def until(self, look: Callable[[], T], what: str) -> T:
        """What ``look`` returns, as soon as that is something."""
        from selenium.common.exceptions import WebDriverException

        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                found = look()
            except WebDriverException:  # the page was drawn anew between two looks
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, f"{self.browser.current_url} never shows {what}: {self.text()[:2000]}"
            time.sleep(0.1)

    def open(self, address: str) -> None:
        self.browser.get("about:blank")
        self.browser.get(address)

    def text(self) -> str:
        return str(self.browser.find_element("tag name", "body").text)

    def await_words(self, *words: str) -> None:
        self.until(lambda: all(word in self.text() for word in words), " and ".join(words))

    def find(self, xpath: str) -> list[WebElement]:
        return [one for one in self.browser.find_elements("xpath", xpath) if one.is_displayed()]

    def click(self, xpath: str) -> None:
        self.until(lambda: [one.click() or one for one in self.find(xpath)[:1]], xpath)

    def listed(self) -> dict[str, WebElement]:
        """Names of the runs in the list, with the part of their row that holds them."""
        rows = self.browser.find_elements("xpath", "//div[@role='row' and @row-id]")
        named = ((next((line for line in row.text.splitlines() if " · " in line), ""), row) for row in rows)
        return {name: row for name, row in named if name}

    def search(self, words: str) -> None:
        from selenium.webdriver.common.keys import Keys

        def types() -> bool:
            box = self.browser.find_element("xpath", "//input[@data-testid='search-box']")
            box.send_keys(Keys.CONTROL, "a")
            box.send_keys(words, Keys.ENTER)
            return True

        self.until(types, "the search box")

    def finds(self, words: str, expected: set[str]) -> None:
        self.search(words)
        counted = f"{len(expected)} matching run"
        self.until(lambda: set(self.listed()) == expected and counted in self.text(), f"{sorted(expected)} for {words}")

    def open_list(self) -> None:
        """The flat list: sorted by name, cells stand without the invocations above them."""
        by_name = quote("tags.`mlflow.runName`")
        self.open(f"{self.runs}?workflowType=machine_learning&orderByKey={by_name}")
        self.until(self.listed, "the list of runs")
        for close in self.find("//*[@data-component-id='mlflow.assistant.chat_panel.close']"):
            close.click()


def write_demo(root: Path) -> str:
    """A made-up but lifelike invocation in ``root``: seven rows of two papers, and one that runs out of memory."""
    started = now_ms() - 600_000
    cells = []
    for row, accuracy in ROWS.items():
        cell = FakeCell(root, make_cell(f"dtn/{row}"))
        cell.t = started + 1000
        cell.start().train(range(0, 600, 5), samples=[100, 200, 300, 400, 500]).score_digits(accuracy).end()
        cells.append(cell)
    for row, distance in FACES.items():
        cell = FakeCell(root, make_cell(f"cartoon/{row}", task="cartoon-groups"))
        cell.t = started + 1000
        cell.start(data=FACES_DATA).train(range(0, 300, 10), samples=[100, 200])
        cells.append(cell.score(make_score("fid.lite0", distance)).end())
    poor = FakeCell(root, make_cell("dtn/no-f"))
    poor.t = started + 1000
    cells.append(poor.start().train(range(0, 80, 5)).end("oom", "killed by the kernel because memory ran out"))
    report = root / "report"
    report.mkdir()
    lines = "".join(f"<tr><td>{row}</td><td>{accuracy} %</td></tr>" for row, accuracy in ROWS.items())
    (report / "index.html").write_text(f"<h1>DTN, Table 1</h1><table><tr><th>row<th>accuracy</tr>{lines}</table>")
    summary = "**quick**: 7 of 8 cells ok\n\n**Claims**: 1 reproduced, 1 contradicted, 2 undecided\n\n"
    summary += "## DTN, Table 1\n\n| row | accuracy |\n|---|---|\n"
    summary += "".join(f"| {row} | {accuracy} % |\n" for row, accuracy in ROWS.items()) + "| no-f | x oom |\n"
    invocation = Invocation.model_validate(
        {
            "id": uuid.uuid4().hex,
            "suite": "quick",
            "started": started,
            "command": "retable run quick",
            "device": "cpu",
            "status": "failed",
            "ended": started + 500_000,
            "planned": {cell.cell.hash: cell.cell.address for cell in cells},
            "summary": summary,
            "report": str(report),
        }
    )
    invocation.write(root)
    for cell in cells:
        cell.belongs_to(**invocation.model_dump(include=OF_CELL))
    uri = default_uri(root)
    sync([root], uri)
    return uri


def pages(uri: str, suite: str, row: str) -> dict[str, tuple[str, str]]:
    """Picture's name -> the page's address below the server's, and a word that shows that the page is there."""
    client = open_client(uri)
    experiment = client.get_experiment_by_name(PREFIX + suite)
    if experiment is None:
        raise SystemExit(f"{uri} holds no experiment {PREFIX}{suite}")
    where = f"#/experiments/{experiment.experiment_id}/runs"
    newest = ["attributes.start_time DESC"]
    parents = client.search_runs([experiment.experiment_id], "tags.`retable.kind` = 'invocation'", order_by=newest)
    children = client.search_runs(
        [experiment.experiment_id], "tags.`retable.status` = 'ok' and tags.`retable.journal` != ''", order_by=newest
    )
    # A row with sample grids shows more than a judge does.
    children.sort(
        key=lambda run: (not run.info.run_name.startswith(f"{row} "), "mlflow.loggedImages" not in run.data.tags)
    )
    if not parents or not children:
        raise SystemExit(f"{uri}: experiment {PREFIX}{suite} holds no parent run with a child run that ended ok")
    parent, child = f"{where}/{parents[0].info.run_id}", f"{where}/{children[0].info.run_id}"
    name = children[0].info.run_name
    picture = next((file.path for file in client.list_artifacts(children[0].info.run_id, "pictures")), "log.txt")
    return {
        "1-experiment": (where, name),
        "2-parent": (parent, "Description"),
        "3-report": (f"{parent}/artifacts/report/index.html", "index.html"),
        "4-child": (child, "Parent run"),
        "5-metrics": (f"{child}/model-metrics", "steps_per_s"),
        "6-system": (f"{child}/system-metrics", "cpu_utilization_percentage"),
        "7-samples": (f"{child}/model-metrics", "steps_per_s"),
        "8-picture": (f"{child}/artifacts/{picture}", picture),
    }


def walk(uri: str, suite: str, row: str, pictures: Path) -> list[Path]:
    """Open every page and take its picture. Returns the files written."""
    pictures.mkdir(parents=True, exist_ok=True)
    wanted = pages(uri, suite, row)
    written = []
    with contextlib.ExitStack() as stack:
        address = uri.rstrip("/")
        if sqlite_file(uri):
            port = free_port()
            stack.enter_context(ui_server(uri, port))
            address = f"http://127.0.0.1:{port}"
        reviewer = Reviewer(stack.enter_context(chromium(WIDTH, HEIGHT)), address)
        for name, (page, word) in wanted.items():
            reviewer.open(f"{address}/{page}")
            if name.startswith("1"):
                for button in FIRST_VISIT:
                    reviewer.click(button)
            reviewer.await_words(word)
            if name.endswith("samples"):
                show_samples(reviewer)
            time.sleep(4)  # charts draw themselves in
            written.append(pictures / f"{name}.png")
            reviewer.browser.save_screenshot(str(written[-1]))
    return written


def show_samples(reviewer: Reviewer) -> None:
    """Leave only the chart of sample grids, and go to the last step: the UI starts at step 0, where there is none."""
    from selenium.webdriver.common.keys import Keys

    boxes = reviewer.until(lambda: reviewer.find("//input[@placeholder='Search metric charts']"), "the charts' search")
    boxes[0].send_keys("samples")
    time.sleep(3)
    for step in reviewer.find("//input[@type='number']"):
        step.send_keys(Keys.CONTROL, "a")
        step.send_keys(step.get_attribute("max") or "0", Keys.TAB)
    reviewer.until(lambda: reviewer.find("//img[contains(@class, 'rc-image-img')]"), "a grid")


def main(arguments: list[str]) -> int:
    """Take the walk that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--uri", default="")
    parser.add_argument("--suite", default="quick")
    parser.add_argument("--row", default="dtn", help="whose child run to show")
    parser.add_argument("--demo", type=Path)
    said = parser.parse_args(arguments)
    uri = write_demo(said.demo) if said.demo else said.uri or default_uri(Path("runs"))
    for path in walk(uri, said.suite, said.row, said.pictures):
        print(path)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
