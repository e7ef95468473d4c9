"""The documented workflow is one that the command understands, and the page that explains it names what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, cast

import pytest
import typer.main
import yaml

from retable.benchmarks.cli.main import app
from retable.benchmarks.environment import REPOSITORY
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.suites import load_suite

WORKFLOW = REPOSITORY / "docs" / "ci" / "github-actions.yml"
PAGE = REPOSITORY / "docs" / "gate.md"
USAGE: Any = typer.BadParameter.__base__
"""What an unknown option raises: Typer brings a parser of its own in some versions and another package's in others."""


def workflow() -> dict[str, Any]:
    loaded = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def steps() -> list[dict[str, Any]]:
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


def commands(text: str) -> list[str]:
    """Every ``retable ...`` at the start of a line, without its comment."""
    lines = (line.strip() for line in text.splitlines())
    return [line.partition("   #")[0].strip() for line in lines if line.startswith("retable ")]


def check(command: str) -> None:
    """Parse a command as the command line does, without running it."""
    words = shlex.split(command)[1:]
    name, *rest = words
    known = cast(Any, typer.main.get_command(app)).commands
    assert name in known, f"{command}: there is no `retable {name}`"
    with known[name].make_context(name, rest) as context:
        load_suite(context.params["suite"])


IN_WORKFLOW = [command for step in steps() for command in commands(step.get("run", ""))]
ON_PAGE = [
    command
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for command in commands(block)
]


@pytest.mark.parametrize("command", [*IN_WORKFLOW, *ON_PAGE])
def test_every_command_is_one_that_the_command_line_takes(command: str) -> None:
    check(command)


@pytest.mark.parametrize(
    "wrong", ["retable gate --agianst abc", "retable smoke", "retable gate --suite smokke", "retable run"]
)
def test_a_command_that_is_none_would_be_found(wrong: str) -> None:
    with pytest.raises((USAGE, AssertionError, UserError)):
        check(wrong)


def test_the_workflow_runs_smoke_and_both_gates_and_publishes_what_they_say() -> None:
    assert [command.split()[:2] for command in IN_WORKFLOW] == [["retable", word] for word in ("run", "gate", "gate")]
    assert "--against" in IN_WORKFLOW[2]
    written = {word for command in IN_WORKFLOW for word in shlex.split(command) if word.startswith("gate-out/")}
    assert {Path(name).suffix for name in written} == {".xml", ".md"}
    assert len(written) == 4
    scripts = "\n".join(step.get("run", "") for step in steps())
    assert 'cat gate-out/*.md >> "$GITHUB_STEP_SUMMARY"' in scripts
    uploads = [step["with"]["path"] for step in steps() if str(step.get("uses", "")).startswith("actions/upload")]
    assert any("gate-out/" in path for path in uploads)


def test_only_a_green_run_on_main_becomes_the_next_base() -> None:
    saving = [step for step in steps() if step.get("uses") == "actions/cache/save@v5"]
    naming = [step for step in steps() if "tracking/main-commit" in step.get("run", "") and ">" in step["run"]]
    naming = [step for step in naming if "rev-parse" in step["run"]]
    assert len(saving) == len(naming) == 1
    for step in (*saving, *naming):
        # Without a status function GitHub puts success() in front.
        assert step["if"] == "github.event_name == 'push'"
    # YAML 1.1 reads the bare word "on" as a truth value.
    triggers = workflow()[True]
    assert triggers["push"] == {"branches": ["main"]}
    restore = next(step for step in steps() if step.get("uses") == "actions/cache/restore@v5")
    assert restore["if"] == "github.event_name == 'pull_request'", "what a push saves holds its own run alone"
    assert restore["with"]["path"] == saving[0]["with"]["path"] == "tracking"
    assert saving[0]["with"]["key"].startswith(restore["with"]["restore-keys"])


def test_the_database_is_where_the_cache_keeps_it_and_the_paths_exist() -> None:
    (job,) = workflow()["jobs"].values()
    assert job["env"]["MLFLOW_TRACKING_URI"].endswith("/tracking/mlflow.db")
    assert (REPOSITORY / "constraints.txt").is_file()
    assert ".github" not in str(WORKFLOW.relative_to(REPOSITORY)), "an example, not this project's own workflow"
    for name in re.findall(r"\]\(([^)#]+)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / name).exists(), f"docs/gate.md links to {name}"
    for name in re.findall(r"`((?:tests|benchmarks)/[\w/]+\.\w+)`", PAGE.read_text(encoding="utf-8")):
        assert (REPOSITORY / name).exists(), f"docs/gate.md names {name}"
