"""Fixtures of the report's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.reports.compute.runs import Runs
from retable.reports.render import html_page
from retable.reports.render.content import Content
from tests.reports.report_factory import Cells, suite


@pytest.fixture
def cells(tmp_path: Path) -> Cells:
    """An empty run folder to fill."""
    return Cells(tmp_path / "runs" / "cells")


@pytest.fixture(scope="session")
def suite_bundle(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """One seed of every row, with pictures, curves and failures; built once, only read."""
    root = tmp_path_factory.mktemp("suite") / "runs" / "cells"
    return suite("dtn", Cells(root), (0,), pictures=True).bundle()


@pytest.fixture(scope="session")
def four_papers(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """Cells that failed, pictures, verdicts of one seed and of three; without curves, which take most of the time."""
    cells = Cells(tmp_path_factory.mktemp("papers") / "runs" / "cells")
    suite("dtn", cells, (0,))
    suite("cartoon", cells, pictures=True)
    suite("stargan", cells, (0,))
    worse = {"stylegan2/*": 70.0, "mixdl/*": 150.0}
    return Content(suite("mixdl", cells, pictures=True, levels=worse).bundle(), points=0)


@pytest.fixture(scope="session")
def whole_page(four_papers: Content) -> str:
    return html_page.render(four_papers)
