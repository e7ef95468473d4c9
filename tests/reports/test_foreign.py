"""Folders of runs from anyone: whatever their files hold, they are data, and damage is told by one line."""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import os
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from retable.reports.compute.runs import Runs
from retable.reports.errors import ReportError
from retable.reports.records import recording
from retable.reports.records.cell import Cell
from retable.reports.records.folder import read_cell, read_cells
from retable.reports.records.invocation import Invocation
from retable.reports.records.recording import read_recording
from retable.reports.records.result import RecordError
from retable.reports.render.curves import curve_figures
from retable.reports.render.page_parts import log_end
from retable.reports.render.pictures import read
from retable.reports.render.results_csv import results_csv
from retable.reports.render.summary import markdown_summary
from retable.reports.write import write_report
from tests.reports.report_factory import Cells, accuracy, score

MARKUP = 'x\'"><img src=x onerror=alert(1)><script>alert(2)</script><g a="'
TEXTS = [
    "", ".", "..", "/", "../../../victim", "/etc/passwd", "a/../../b", "a\0b", "a\nb\r\x1b[2J", MARKUP, "[/red][bold]",
    r"$\step$ in $", r"\input{/etc/passwd}", "=HYPERLINK(1)", "_hidden", "\ud800", "\u202etxt", "é" * 40, "x" * 5000,
]  # fmt: skip
NUMBERS = [0, -1, 2**31, 2**63, 10**400, 10**4999, 1e308, -1e308, 5e-324, float("nan"), float("inf"), True]


def nested(depth: int) -> object:
    """A list in a list in a list, and so on."""
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


ODD = st.sampled_from([*TEXTS, *NUMBERS, None, [], {}, [[]], {"a": {"b": []}}, nested(80), nested(400)])


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in JSON data but its top."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


def dumped(value: object) -> bytes:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(value).encode()
    finally:
        sys.set_int_max_str_digits(limit)


@st.composite
def damaged(draw: st.DrawFn, document: dict[str, Any]) -> bytes:
    """A file that held this object: other values, keys that are gone or new, text that is cut, flipped or no text."""
    data = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(sorted(places(data), key=repr) or [()]))
        if not path:
            break
        inner = data
        for key in path[:-1]:
            inner = inner[key]
        how = draw(st.sampled_from(["value", "value", "gone", "key"]))
        if how == "gone":
            del inner[path[-1]]
        elif how == "key" and isinstance(inner, dict):
            inner[draw(st.sampled_from(TEXTS))] = inner.pop(path[-1])
        else:
            inner[path[-1]] = copy.deepcopy(draw(ODD))
    content = dumped(data)
    how = draw(st.sampled_from(["whole"] * 6 + ["cut", "flipped", "latin", "odd"]))
    place = draw(st.integers(0, len(content) - 1))
    if how == "cut":
        return content[:place]
    if how == "flipped":
        return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
    if how == "latin":
        return content[:place] + b"\xff\xfe" + content[place:]
    return dumped(draw(ODD)) if how == "odd" else content


MANY = os.environ.get("RETABLE_FUZZ", "")
fuzz = settings(
    max_examples=int(MANY or 100),
    derandomize=not MANY,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one cell, which has scores, curves and pictures."""
    cells = Cells(tmp_path_factory.mktemp("honest") / "runs" / "cells")
    scores = [accuracy(90.0 + digit, digit=str(digit)) for digit in range(2)]
    directory = cells.add("dtn/dtn", scores, pictures=["inputs", "outputs"], curves={"l_d": float}, steps=5)
    Invocation(id="ab", suite="quick", started=1, ended=2, planned={"0" * 16: "a"}).write(cells.root.parent)
    Invocation(id="ab", suite="quick", started=1).leave_word(directory)
    return directory


def document(path: Path) -> dict[str, Any]:
    """A JSON object, without the hashes that would refuse every change of what they cover."""

    def free(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: free(inner) for key, inner in value.items() if key != "hash"}
        return list(map(free, value)) if isinstance(value, list) else value

    free_of_hashes: dict[str, Any] = free(json.loads(path.read_text()))
    return free_of_hashes


def safe(cell: Cell) -> bool:
    """Whether the cell's folder is one below that of all cells, and its name that of a file."""
    directory = cell.directory(Path("root"))
    return directory.parent == Path("root", "cells") and len(os.fsencode(directory.name)) <= 255


@pytest.mark.parametrize("name", ["result.json", "cell.json", "journal.jsonl"])
def test_a_folder_is_read_or_refused_by_one_line_and_the_others_are_there(
    honest: Path, name: str, cells: Cells
) -> None:
    directory = cells.add("dtn/no-gan", [accuracy(70.0)])
    lines = [json.loads(line) for line in (honest / "journal.jsonl").read_text().splitlines()]
    whole = {"lines": lines} if name == "journal.jsonl" else document(honest / name)

    @fuzz
    @given(damaged(whole))
    def read(content: bytes) -> None:
        if name == "journal.jsonl":
            content = content.replace(b"}, {", b"}\n{")[11:]
        if name != "result.json":
            (directory / "result.json").write_bytes(b"{}")
        (directory / name).write_bytes(content)
        records, problems = read_cells([directory, honest])
        told = [*problems, *(line for record in records for line in (*record.warnings, *record.pictures))]
        assert all(map(str.isprintable, told))
        assert honest in [record.directory for record in records]
        assert all(safe(record.cell) for record in records)
        inside = directory.resolve(), honest.resolve()
        for path in (path for record in records for path in record.pictures.values()):
            assert any(path.resolve().is_relative_to(folder) for folder in inside)

    read()


def test_an_invocation_is_read_or_none(honest: Path, tmp_path: Path) -> None:
    @fuzz
    @given(damaged(json.loads((honest.parents[1] / "invocations" / "ab.json").read_text())))
    def read(content: bytes) -> None:
        (tmp_path / "invocation.json").write_bytes(content)
        found = Invocation.read(tmp_path / "invocation.json")
        assert found is None or found.file(tmp_path).parent == tmp_path / "invocations"
        assert found is None or isinstance(found.alive, bool)

    read()


def test_a_recording_is_read_or_refused_by_one_line(honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "foreign.jsonl.gz"
    line = json.dumps(document(honest / "result.json")).encode()

    @fuzz
    @given(damaged(document(honest / "result.json")), st.integers(0, 8))
    def read(content: bytes, torn: int) -> None:
        packed = gzip.compress(line + b"\n" + content)
        path.write_bytes(packed[: len(packed) - torn] if torn < 3 else packed)
        problem, results = str(path), []
        try:
            results = read_recording(path)
        except RecordError as error:
            problem = str(error)
        assert all(safe(result.cell) for result in results)
        assert problem.startswith(str(path))
        assert problem.isprintable()

    read()


class Tags(HTMLParser):
    """What elements a page has, and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_report_of_anything_that_is_read_stays_in_its_folder_and_holds_no_markup(
    honest: Path, cells: Cells, tmp_path: Path
) -> None:
    directory = cells.add("dtn/no-gan", [accuracy(70.0)])
    lines = [json.loads(line) for line in (honest / "journal.jsonl").read_text().splitlines()]
    out = tmp_path / "a" / "report"

    @settings(fuzz, max_examples=int(MANY or 60) // 10)
    @given(damaged(document(honest / "result.json")), damaged({"lines": lines}), st.sampled_from(TEXTS))
    def render(result: bytes, journal: bytes, title: str) -> None:
        (directory / "result.json").write_bytes(result)
        (directory / "journal.jsonl").write_bytes(journal.replace(b"}, {", b"}\n{")[11:])
        records, problems = read_cells([directory])
        titles = {record.cell.method: title for record in records}
        page = write_report(Runs.of(records, suite=MARKUP, titles=titles, warnings=[*problems, MARKUP]), out)
        assert list(tmp_path.iterdir()) == [tmp_path / "a", tmp_path / "runs"]
        assert list(out.parent.iterdir()) == [out]
        found = Tags(page.read_text(encoding="utf-8")).found
        assert [tag for tag, _ in found].count("script") == 1
        assert not [keys for _, keys in found if any(key.startswith("on") for key in keys)]

    render()


def test_no_link_is_followed_out_of_a_cell(cells: Cells, tmp_path: Path) -> None:
    """Neither by a file nor by a folder, and a pipe holds nobody up."""
    private = tmp_path / "private"
    private.mkdir()
    Image.new("RGB", (8, 8)).save(private / "face.png")
    (private / "log.txt").write_text("secret")
    secret = cells.add("dtn/dtn", [accuracy(90.0)], seed=1).rename(private / "cell")
    cells.directories.clear()
    directory = cells.add("dtn/dtn", status="failed", pictures=["inputs"])
    before = list(read_cell(directory).pictures)
    (directory / "images" / "outputs.png").symlink_to(private / "face.png")
    (directory / "log.txt").unlink()
    (directory / "log.txt").symlink_to(private / "log.txt")
    os.mkfifo(directory / "images" / "truth.png")
    record = read_cell(directory)
    assert list(record.pictures) == before
    assert log_end(record) == ("", "")
    (directory / "log.txt").unlink()
    os.mkfifo(directory / "log.txt")
    assert log_end(record) == ("", "")
    (directory / "images").rename(private / "images")
    (directory / "images").symlink_to(private / "images")
    assert list(read_cell(directory).pictures) == [label for label in before if label.startswith("step")]
    link = cells.root / "linked"
    link.symlink_to(secret)
    records, problems = read_cells([directory, link])
    assert [one.directory for one in records] == [directory]
    assert problems == ["linked is a link out of its folder of runs; left out"]


@pytest.mark.parametrize("name", ["result.json", "journal.jsonl", "cell.json", "done"])
@pytest.mark.parametrize("what", ["pipe", "folder", "link", "large"])
def test_what_is_no_file_of_sensible_size_in_its_place_is_one_line(cells: Cells, name: str, what: str) -> None:
    directory = cells.add("dtn/dtn", [accuracy(90.0)])
    cells.add("dtn/no-gan", [accuracy(70.0)])
    path = directory / name
    path.rename(path.with_name("moved"))
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "link":
        path.symlink_to(Path("/dev/zero"))
    else:
        with path.open("wb") as file:
            file.truncate(2**30)
    runs = cells.bundle()
    assert [record.status for record in runs.records if record.cell.method == "dtn/no-gan"] == ["ok"]
    status = runs.by_address["dtn/dtn/digits/s0"].status
    assert status == ("damaged" if name in ("result.json", "done") else "ok")
    assert len(runs.warnings) == (name != "cell.json")
    why = {"pipe": "no regular file", "folder": "a folder", "link": "a link out", "large": "more than"}[what]
    assert all(f"{directory.name}/" in line and why in line and line.isprintable() for line in runs.warnings)


def test_a_recording_that_unpacks_to_much_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(bytes(2_000_000)))
    monkeypatch.setattr(recording, "MOST_BYTES", 1_000_000)
    with pytest.raises(RecordError, match=r"bomb\.jsonl\.gz cannot be read .* more than 1,000,000 bytes"):
        read_recording(path)


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        *((name, True) for name in ("dtn/dtn", "acme/blur.v2", "été/ünï", "a/b/c", "mixdl/dirichlet-0.1", "one")),
        *(
            (name, False)
            for name in ("", "/etc", "../x", "a/../b", "a//b", "a b", "a/", "<b>", "a\nb", "$x$", "x" * 81)
        ),
    ],
)
def test_names_that_are_part_of_paths_and_pages_are_checked_where_they_enter(
    cells: Cells, name: str, accepted: bool
) -> None:
    if accepted:
        assert safe(cells.cell(name))
    else:
        with pytest.raises(ValueError, match="method"):
            cells.cell(name)


def test_names_that_are_not_utf_8_and_control_characters_are_shown_as_question_marks(cells: Cells) -> None:
    cells.add("dtn/dtn", curves={"l_d": float}, steps=4)
    records = cells.bundle().records
    runs = Runs.of(records, suite="caf\udce9", titles={"dtn/dtn": "a\0b\ud800\nc"}, warnings=["\x1b[2J\udcff"])
    assert (runs.suite, runs.title(records[0].cell), runs.warnings) == ("caf?", "a?b? c", ("?[2J?",))
    assert "a?b? c" in curve_figures(runs)["dtn"].element


def test_dollars_are_no_mathematics_and_the_largest_numbers_are_drawn(cells: Cells) -> None:
    title = r"Loss in $ per \step$"
    huge = {name: lambda step: (-1.0) ** step * 1.7e308 for name in (title, "l_d")}
    cells.add("dtn/dtn", curves=huge, steps=4)
    runs = Runs.of(cells.bundle().records, titles={"dtn/dtn": title})
    drawing = curve_figures(runs)["dtn"]
    assert drawing.element.count(title) == 2


def test_the_largest_scores_that_are_read_have_differences_and_means(cells: Cells) -> None:
    for seed in range(6):
        cells.add("dtn/dtn", [accuracy(1e100 * (-1) ** seed)], seed=seed)
        cells.add("dtn/no-gan", [accuracy(-1e100)], seed=seed)
    assert "Pairwise orderings" in markdown_summary(cells.bundle())
    with pytest.raises(ValueError, match="value"):
        accuracy(1e101)


def test_only_portable_network_graphics_are_opened_as_pictures(tmp_path: Path) -> None:
    """Pillow has other programs read some formats."""
    path = tmp_path / "picture.png"
    picture = Image.new("RGB", (8, 8))
    picture.save(path, format="PNG")
    assert read(path) is not None
    for other in ("EPS", "GIF"):
        picture.save(path, format=other)
        assert read(path) is None
    Image.new("1", (1, 20_000)).save(path, format="PNG")
    assert read(path) is None


def test_a_report_is_not_written_through_a_link_out_of_its_folder(cells: Cells, tmp_path: Path) -> None:
    cells.add("dtn/dtn", [accuracy(90.0)])
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "tables").symlink_to(elsewhere)
    with pytest.raises(ReportError, match=r"tables/.* a link leads out of"):
        write_report(cells.bundle(), out)
    assert list(elsewhere.iterdir()) == []


def test_no_text_in_the_list_of_scores_is_a_formula(cells: Cells) -> None:
    cells.add("dtn/dtn", [score("=1+1", -1.5, unit="@x")], device="+y")
    row = next(csv.DictReader(io.StringIO(results_csv(cells.bundle()))))
    assert (row["name"], row["unit"], row["device"], row["value"]) == ("'=1+1", "'@x", "'+y", "-1.5")
