"""A path reaches every verb as somebody meant it, though no shell expanded its ``~``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
from typer.testing import CliRunner

from retable.benchmarks.cli.app import app, name_or_path, user_path
from retable.benchmarks.cli.main import VERBS
from retable.benchmarks.errors import UserError

MAY_BE_PATHS = {"run": {"suite"}, "gate": {"suite", "against", "head"}, "report": {"suite"}, "data": {"what"}}
MAY_BE_PATHS |= {"translate": {"from_", "suite"}, "sample": {"from_", "suite"}}


@pytest.mark.parametrize("verb", VERBS)
def test_every_path_of_every_verb_may_begin_with_a_tilde(verb: str) -> None:
    (command,) = (one for one in app.registered_commands if one.name == verb)
    named = MAY_BE_PATHS.get(verb, set())
    for name, hint in get_type_hints(command.callback, include_extras=True).items():
        if get_origin(hint) is Annotated:
            kind, info = get_args(hint)[:2]
            expected = user_path if "Path" in str(kind) else name_or_path if name in named else None
            assert info.parser is expected, name


@pytest.mark.parametrize("how", [["--out=~/x"], ["--out", "~/x"], []])
def test_the_folder_of_all_runs_is_below_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RETABLE_RUNS", "~/x")
    done = CliRunner().invoke(app, ["sync", *how])
    assert str(done.exception) == f"nothing to sync: {tmp_path}/x/cells holds no cells"


def test_names_stay_and_an_unknown_persons_home_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert (name_or_path("smoke"), name_or_path("~/s.toml"), name_or_path("~")) == ("smoke", "/home/me/s.toml", "~")
    assert (user_path("a/~/b"), user_path("~")) == (Path("a/~/b"), Path("/home/me"))
    with pytest.raises(UserError, match=r"~nobody-here/x: .*; write the whole path"):
        user_path("~nobody-here/x")


def test_an_empty_path_is_no_folder() -> None:
    with pytest.raises(UserError, match="an empty path"):
        user_path("")
