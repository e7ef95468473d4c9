"""The pages of the methods say what docstrings, settings and published tables say, and their commands are accepted."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from retable.benchmarks.cli.main import app
from retable.benchmarks.docs.docstrings import attributes, split
from retable.benchmarks.docs.family import WITHOUT_PAGE
from retable.benchmarks.docs.pages import INDEX, RENEW, pages
from retable.benchmarks.docs.results import Recorded, kept, skeleton
from retable.benchmarks.docs.write import PICTURE_BYTES, write
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.registry import rows
from retable.benchmarks.plan.suites import load_suite
from retable.methods.method import MethodSettings
from retable.reports.compute.runs import Runs
from retable.reports.published.papers import load_papers
from tests.plugin.install import install_plugin

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "methods"
ALL_BYTES = 2_500_000


@pytest.fixture(scope="module")
def nothing_recorded() -> Recorded:
    return Recorded.of(Runs(), load_papers())


@pytest.fixture(scope="module")
def made(nothing_recorded: Recorded) -> dict[str, str]:
    return pages(FOLDER, nothing_recorded)


def test_committed_pages_are_what_docstrings_settings_and_published_tables_say(made: dict[str, str]) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert sorted(committed) == sorted(made), f"run `{RENEW}`, and remove the pages of methods that are gone"
    stale = [name for name, page in made.items() if skeleton(committed[name]) != skeleton(page)]
    assert stale == [], f"run `{RENEW}` and commit what it writes"


def test_every_registered_method_is_found_from_the_index(made: dict[str, str]) -> None:
    ours = [name for name, row in rows().items() if not row.method.startswith(WITHOUT_PAGE)]
    found = {row[0]: row[1] for row in re.findall(r"^\| `([^`]+)` \|.*\]\(([^)]+)\) \|$", made[INDEX], re.MULTILINE)}
    assert sorted(found) == sorted(ours)
    for name, page in rows.items():
        assert f"`{name}`" in made[page]


def test_pages_and_pictures_stay_small() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert [path.name for path in files if path.suffix == ".webp" and path.stat().st_size > PICTURE_BYTES] == []
    assert sum(path.stat().st_size for path in files) < ALL_BYTES
    shown = set(re.findall(r"\]\((img/[^)]+)\)", "".join(path.read_text() for path in FOLDER.glob("*.md"))))
    assert {f"img/{path.name}" for path in FOLDER.glob("img/*")} == shown


def commands(text: str) -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [shlex.split(one) for block in blocks for one in block.splitlines() if one.startswith("retable ")]


def test_every_command_on_the_pages_is_accepted_and_names_cells_that_there_are(made: dict[str, str]) -> None:
    known = typer.main.get_group(app).commands
    addresses = {
        suite: [cell.address for cell in make_plan(load_suite(suite), seeds=(0,)).rows] for suite in ("quick", "mixdl")
    }
    checked = 0
    for page in made.values():
        for _, name, *rest in commands(page):
            asked = known[name].make_context(name, rest).params
            suite = asked["suite"]
            if name == "run":
                assert any(fnmatchcase(address, asked["only"]) for address in addresses[suite])
                if asked["set_"]:
                    glob, _, _ = asked["set_"][0].partition(":")
                    assert glob in rows()
            else:
                assert asked["from_"] in addresses[suite]
            checked += 1
    assert checked > 60


ROW = "| DTN | Accuracy ↑ (%) | 90.66 | {} |"


def test_numbers_may_differ_and_nothing_else_may(made: dict[str, str]) -> None:
    page = made["dtn-dtn.md"]
    empty, full = ROW.format("not measured"), ROW.format("88.12 (89.55, 86.70)")
    assert empty in page
    recorded = page.replace(empty, f"{full}\n\nRecorded: seeds 0 and 1.")
    assert skeleton(recorded) == skeleton(page)
    for old, new in (
        ("`15.0` | `15.0` |", "`14.0` | `15.0` |"),
        ("Weight of L_CONST.", "Weight of L_TID."),
        ("| 90.66 |", "| 91.66 |"),
        (f"{empty}\n", ""),
        ("### Table 1.", "### Table 9."),
    ):
        assert old in page
        assert skeleton(page.replace(old, new)) != skeleton(page)


def test_without_recordings_a_page_keeps_its_numbers_pictures_and_what_is_said_of_them(made: dict[str, str]) -> None:
    page = made["dtn-dtn.md"]
    old = page.replace(ROW.format("not measured"), ROW.format("88.12") + "\n\nRecorded: seed 0.", 1)
    old = old.replace("\n### Table 1.", "\n![Outputs](img/dtn-dtn.webp)\n\n### Table 1.", 1)
    old = old.replace("\n### Table 2.", "\nRecorded: seed 1.\n\n### Table 2.", 1)
    changed = page.replace("Weight of L_CONST.", "Weight of the constancy.")
    assert kept(changed, old) == old.replace("Weight of L_CONST.", "Weight of the constancy.")


def test_a_number_is_not_kept_for_a_line_that_says_something_else_now(made: dict[str, str]) -> None:
    page = made["dtn-dtn.md"]
    old = page.replace(ROW.format("not measured"), ROW.format("88.12"))
    changed = page.replace("| DTN | Accuracy ↑ (%) | 90.66 |", "| DTN | Error ↓ (%) | 90.66 |")
    assert "| DTN | Error ↓ (%) | 90.66 | not measured |" in kept(changed, old)


def test_writing_twice_changes_nothing_and_the_numbers_stay(
    tmp_path: Path, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retable.benchmarks.docs.write.pages", lambda *_: made)
    first = write(tmp_path, None)
    assert len(first.changed) > 20
    page = tmp_path / "dtn-dtn.md"
    page.write_text(page.read_text().replace(ROW.format("not measured"), ROW.format("88.12")))
    again = write(tmp_path, None)
    assert again.changed == ()
    assert ROW.format("88.12") in page.read_text()


def test_numbers_and_pictures_that_other_settings_gave_are_not_kept(
    tmp_path: Path, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retable.benchmarks.docs.write.pages", lambda *_: made)
    write(tmp_path, None)
    page, picture = tmp_path / "dtn-dtn.md", tmp_path / "img" / "dtn-dtn.webp"
    picture.write_bytes(b"")
    old = page.read_text().replace(ROW.format("not measured"), ROW.format("88.12"))
    old = old.replace("\n### Table 1.", "\n![Outputs](img/dtn-dtn.webp)\n\n### Table 1.", 1)
    page.write_text(old.replace("| `15.0` | `15.0` |", "| `15.0` | `14.0` |"))
    write(tmp_path, None)
    assert page.read_text() == made["dtn-dtn.md"]
    assert not picture.exists()


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(install_plugin(tmp_path)))
    yield
    for name in [name for name in sys.modules if name.startswith("acme_retable")]:
        del sys.modules[name]


@pytest.mark.usefixtures("plugin")
def test_a_method_of_another_package_has_a_page(tmp_path: Path, nothing_recorded: Recorded) -> None:
    page = pages(tmp_path, nothing_recorded)["acme-blur.md"]
    assert page.splitlines()[2].startswith("# Blur: one convolution that learns")
    assert "| `lr` | `0.05` | `0.05` | Learning rate of Adam. |" in page
    assert "No suite of Retable holds `acme/blur`" in page
    assert "There is no paper." in page


def test_a_docstring_is_split_at_its_first_sentence_and_at_the_differences() -> None:
    said = split(
        "Row: after Fig. 4) of it. It does this.\n\n    L = x\n\nDifferences from the paper (silent here):\n\n- none."
    )
    assert (said.title, said.body) == ("Row: after Fig. 4) of it", "It does this.\n\n    L = x")
    assert said.differences == "Silent here:\n\n- none."


class Wide(MethodSettings):
    """For the test below."""

    width: int = 2
    """Channels."""
    steps: int = 5


def test_meanings_of_settings_come_from_the_nearest_class_that_says_any() -> None:
    assert attributes(Wide) == {
        "width": "Channels.",
        "steps": "Number of training steps; 0 for a method that is not trained.",
        "batch_size": "Images per domain and step.",
    }


def test_suites_and_seeds_without_a_folder_of_recordings_are_refused(tmp_path: Path) -> None:
    asked = CliRunner().invoke(app, ["docs", "--to", str(tmp_path), "--seeds", "0-2"])
    assert isinstance(asked.exception, UserError)
    assert "--runs FOLDER" in str(asked.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_recordings_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    page = tmp_path / "dtn-dtn.md"
    page.write_text("kept")
    asked = CliRunner().invoke(app, ["docs", "--to", str(tmp_path), "--runs", str(tmp_path / "gone")])
    assert isinstance(asked.exception, UserError)
    assert "gone" in str(asked.exception)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["kept"]
