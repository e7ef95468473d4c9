"""Fixtures of the report's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.reports.compute.runs import Runs
from retable.reports.render import html_page
from retable.reports.render.content import Content
from tests.reports.cartoon_factory import cartoon_suite
from tests.reports.mixdl_factory import mixdl_suite
from tests.reports.report_factory import Cells, dtn_suite
from tests.reports.stargan_factory import stargan_suite


@pytest.fixture
def cells(tmp_path: Path) -> Cells:
    """An empty run folder to fill."""
    return Cells(tmp_path / "runs" / "cells")


@pytest.fixture(scope="session")
def suite_bundle(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """One seed of every row, with pictures, curves and failures; built once, only read."""
    root = tmp_path_factory.mktemp("suite") / "runs" / "cells"
    return dtn_suite(Cells(root), pictures=True).bundle()


@pytest.fixture(scope="session")
def four_papers(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """Cells that failed, pictures, verdicts of one seed and of three; without curves, which take most of the time."""
    cells = Cells(tmp_path_factory.mktemp("papers") / "runs" / "cells")
    dtn_suite(cells)
    cartoon_suite(cells, pictures=True)
    stargan_suite(cells, seeds=(0,))
    fid = {"stylegan2": 70, "mixdl": 150, "mixdl-da": 66}
    return Content(mixdl_suite(cells, pictures=True, fid=fid).bundle(), points=0)


@pytest.fixture(scope="session")
def whole_page(four_papers: Content) -> str:
    return html_page.render(four_papers)
