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
from retable.benchmarks.plan.suites import load_suite

WORKFLOW = yaml.safe_load((REPOSITORY / "docs" / "ci" / "github-actions.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
PAGE = (REPOSITORY / "docs" / "gate.md").read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """Every ``retable ...`` at the start of a line, without its comment."""
    lines = (line.strip() for line in text.splitlines())
    return [line.partition("   #")[0].strip() for line in lines if line.startswith("retable ")]


IN_WORKFLOW = [command for step in STEPS for command in commands(step.get("run", ""))]
ON_PAGE = [command for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for command in commands(block)]


@pytest.mark.parametrize("command", [*IN_WORKFLOW, *ON_PAGE])
def test_every_command_is_one_that_the_command_line_takes(command: str) -> None:
    _, name, *rest = shlex.split(command)
    verb = cast(Any, typer.main.get_command(app)).commands[name]
    with verb.make_context(name, rest) as context:
        load_suite(context.params["suite"])


def test_the_workflow_runs_smoke_and_both_gates_and_publishes_what_they_say() -> None:
    assert [command.split()[:2] for command in IN_WORKFLOW] == [["retable", word] for word in ("run", "gate", "gate")]
    assert "--against" in IN_WORKFLOW[2]
    written = [word for command in IN_WORKFLOW for word in shlex.split(command) if word.startswith("gate-out/")]
    assert sorted(Path(name).suffix for name in written) == [".md", ".md", ".xml", ".xml"]
    scripts = "\n".join(step.get("run", "") for step in STEPS)
    assert 'cat gate-out/*.md >> "$GITHUB_STEP_SUMMARY"' in scripts
    uploads = [step["with"]["path"] for step in STEPS if str(step.get("uses", "")).startswith("actions/upload")]
    assert any("gate-out/" in path for path in uploads)


def test_only_a_green_run_on_main_becomes_the_next_base() -> None:
    (saving,) = (step for step in STEPS if step.get("uses") == "actions/cache/save@v5")
    (naming,) = (step for step in STEPS if re.search("rev-parse.*> *tracking/main-commit", step.get("run", "")))
    for step in (saving, naming):
        # Without a status function GitHub puts success() in front.
        assert step["if"] == "github.event_name == 'push'"
    # YAML 1.1 reads the bare word "on" as a truth value.
    assert WORKFLOW[True]["push"] == {"branches": ["main"]}
    restore = next(step for step in STEPS if step.get("uses") == "actions/cache/restore@v5")
    assert restore["if"] == "github.event_name == 'pull_request'", "what a push saves holds its own run alone"
    assert restore["with"]["path"] == saving["with"]["path"] == "tracking"
    assert saving["with"]["key"].startswith(restore["with"]["restore-keys"])


def test_the_database_is_where_the_cache_keeps_it_and_the_paths_exist() -> None:
    (job,) = WORKFLOW["jobs"].values()
    assert job["env"]["MLFLOW_TRACKING_URI"].endswith("/tracking/mlflow.db")
    assert (REPOSITORY / "constraints.txt").is_file()
    for name in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (REPOSITORY / "docs" / name).exists(), f"docs/gate.md links to {name}"
    for name in re.findall(r"`((?:tests|benchmarks)/[\w/]+\.\w+)`", PAGE):
        assert (REPOSITORY / name).exists(), f"docs/gate.md names {name}"
