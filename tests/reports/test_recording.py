"""Recorded results: one small file that holds every result whole, and a damaged one is refused by one line."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from retable.reports.compute.runs import Runs
from retable.reports.records.folder import CellRecord
from retable.reports.records.recording import Store, read_recording, recording
from retable.reports.records.result import RecordError, Result
from retable.reports.render.results_page import results_page
from tests.reports.report_factory import Cells


@pytest.fixture(scope="module")
def results(suite_bundle: Runs) -> list[Result]:
    return [record.result for record in suite_bundle.records if record.result is not None]


@pytest.fixture
def file(tmp_path: Path, results: list[Result]) -> Path:
    path = tmp_path / "recorded.jsonl.gz"
    path.write_bytes(recording(results))
    return path


def test_what_was_written_is_read_back_whole(file: Path, results: list[Result]) -> None:
    assert read_recording(file) == sorted(results, key=lambda result: result.cell.address)
    assert {result.status for result in results} == {"ok", "failed", "oom", "timeout"}


def test_equal_results_give_equal_bytes_in_whatever_order(results: list[Result]) -> None:
    assert recording(results) == recording(reversed(results))


def test_a_page_made_from_the_file_is_the_page_made_from_the_folders(file: Path, suite_bundle: Runs) -> None:
    planned = [record.cell for record in suite_bundle.records]
    read = Runs.of(map(CellRecord.of, read_recording(file)), planned, suite_bundle.suite, suite_bundle.titles)
    assert results_page(read) == results_page(suite_bundle)
    assert read.provenance == suite_bundle.provenance


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"status":"ok"', b'"status":"fine"', "line 1 is not a result: status"),
        (b'"seed":0', b'"seed":1', "line 1 is not a result: cell: .* changed by hand"),
        (b"}\n", b"\n", "line 1 is not a result: its top level"),
    ],
)
def test_a_damaged_line_is_refused_by_its_number(file: Path, old: bytes, new: bytes, words: str) -> None:
    content = gzip.decompress(file.read_bytes())
    assert old in content
    file.write_bytes(gzip.compress(content.replace(old, new, 1)))
    with pytest.raises(RecordError, match=words) as caught:
        read_recording(file)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_a_torn_file_and_one_that_is_not_compressed_are_refused(file: Path, keep: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(RecordError, match="cannot be read as a recording"):
        read_recording(file)
    file.write_bytes(gzip.decompress(content))
    with pytest.raises(RecordError, match="cannot be read as a recording"):
        read_recording(file)


def test_a_file_and_a_folder_give_the_same_result_of_a_cell(file: Path, cells: Cells) -> None:
    directory = cells.add("dtn/dtn", started=5)
    ended = cells.bundle().records[0]
    folder = cells.root.parent
    (directory).rename(ended.cell.directory(folder))
    file.write_bytes(recording([ended.result] if ended.result is not None else []))
    for store in (Store(folder), Store(file)):
        assert store.result(ended.cell) == ended.result == store.record(ended.cell).result
        assert store.result(cells.cell("dtn/dtn", seed=7)) is None


def test_a_place_without_runs_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=re.escape(f"{tmp_path}: no recorded runs there")):
        Store(tmp_path)
    with pytest.raises(RecordError, match=r"none\.jsonl\.gz cannot be read as a recording"):
        Store(tmp_path / "none.jsonl.gz")
