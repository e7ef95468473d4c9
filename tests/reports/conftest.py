"""Fixtures of the report's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.reports.compute.runs import Runs
from tests.reports.report_factory import Cells, dtn_suite


@pytest.fixture
def cells(tmp_path: Path) -> Cells:
    """An empty run folder to fill."""
    return Cells(tmp_path / "runs" / "cells")


@pytest.fixture(scope="session")
def suite_bundle(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """One seed of every row, with pictures, curves and failures; built once, only read."""
    root = tmp_path_factory.mktemp("suite") / "runs" / "cells"
    return dtn_suite(Cells(root), pictures=True).bundle()
