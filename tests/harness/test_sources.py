"""What counts as the sources of a cell, and what is said of a result that other sources made."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

from retable.benchmarks import environment as sources
from retable.benchmarks.environment import MIXED, changed_since, code_digest, environment, made_elsewhere, run_elsewhere
from retable.reports.records.journal import now_ms


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of somebody's own: ``mine.method`` uses ``mine.loss``, and nothing uses ``mine.other``."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "loss.py").write_text("def loss(x):\n    return x\n")
    (folder / "method.py").write_text("from .loss import loss\n")
    (folder / "other.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    sources._top_folders.cache_clear()
    return folder


def test_a_change_in_what_a_method_imports_shows_and_no_other(package: Path) -> None:
    before = code_digest(["mine.method"])
    (package / "other.py").write_text("x = 1\n")
    assert code_digest(["mine.method"]) == before
    (package / "loss.py").write_text("def loss(x):\n    return -x\n")
    assert code_digest(["mine.method"]) != before


def test_a_module_that_is_gone_shows(package: Path) -> None:
    before = code_digest(["mine.method"])
    (package / "loss.py").unlink()
    assert code_digest(["mine.method"]) != before


def test_what_was_written_meanwhile_shows_even_if_it_was_changed_back(package: Path) -> None:
    before, loss = code_digest(["mine.method"]), package / "loss.py"
    now = now_ms()
    os.utime(loss, (now / 1000 - 60, now / 1000 - 60))
    os.utime(package / "method.py", (now / 1000 - 60, now / 1000 - 60))
    os.utime(package / "__init__.py", (now / 1000 - 60, now / 1000 - 60))
    assert not changed_since(now - 30_000, ["mine.method"], before)
    loss.write_text(loss.read_text())
    assert changed_since(now - 30_000, ["mine.method"], before)
    assert changed_since(now + 60_000, ["mine.method"], "0" * 16)


def test_equal_sources_have_equal_digests_wherever_they_lie(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_digest(["mine.method"])
    elsewhere = package.parent / "moved"
    elsewhere.mkdir()
    package.rename(elsewhere / "mine")
    monkeypatch.syspath_prepend(str(elsewhere))
    sources._top_folders.cache_clear()
    assert code_digest(["mine.method"]) == before


def test_training_and_a_methods_own_losses_count_and_another_papers_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    monkeypatch.setattr(sources, "_module", lambda name, real=sources._module: (seen.add(name), real(name))[1])
    code_digest(["retable.methods.dtn.dtn"])
    assert all(sources._path(name) for name in sources.COMMON)
    assert {
        "retable.benchmarks.run.training",
        "retable.benchmarks.run.answers",
        "retable.methods.dtn.losses",
        "retable.methods.dtn.networks",
    } <= seen
    assert not [name for name in seen if name.startswith(("retable.methods.stargan", "retable.reports"))]


def test_a_result_says_what_else_made_it() -> None:
    here = environment("cpu", 1, ["retable.methods.dtn.dtn"])
    assert made_elsewhere(here) == run_elsewhere(here) == ""
    assert made_elsewhere({**here, "code": "0" * 16}) == "other sources"
    assert made_elsewhere({**here, "code": MIXED}) == "sources that changed meanwhile"
    assert made_elsewhere({}).startswith("other sources, torch unknown (now ")
    assert made_elsewhere({**here, "python": "3.0.0"}) == f"Python 3.0.0 (now {platform.python_version()})"
    older = {**here, "torch": "1.0.0+cpu", "cpu": "another"}
    assert made_elsewhere(older).startswith("torch 1.0.0+cpu (now ")
    assert run_elsewhere(older).endswith(f"another (now {here['cpu']})")


def test_what_scores_the_parameters_and_the_way_from_top_to_bottom_count_for_every_cell() -> None:
    closure = sources._closure(["retable.benchmarks.plan.dummy"])
    wanted = ("cell", "metrics.own_scores", "metrics.parameters", "run.training", "run.answers", "run.checkpoint")
    assert {f"retable.benchmarks.{name}" for name in wanted} <= closure.keys()


def test_a_copy_within_somebody_elses_repository_has_no_commit_and_runs_none_of_its_programs(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "-m", "theirs")
    told, program = tmp_path / "told", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {told}\n")
    program.chmod(0o755)
    git("config", "core.fsmonitor", str(program))
    (tmp_path / "site" / "benchmarks").mkdir(parents=True)
    (tmp_path / "site" / "benchmarks" / "environment.py").touch()
    assert sources.git_state(tmp_path / "site") == ("unknown", "unknown")
    git("-c", "core.fsmonitor=false", "add", "site")
    git("-c", "core.fsmonitor=false", "commit", "-m", "now it is theirs")
    told.unlink(missing_ok=True)
    commit, dirty = sources.git_state(tmp_path / "site")
    assert (len(commit), dirty) == (40, "false")
    assert not told.exists()
