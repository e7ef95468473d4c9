"""Docstrings as Markdown: a module's, a class's, and those of attributes, which Python itself does not keep."""

from __future__ import annotations

import ast
import functools
import inspect
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""
_DIFFERENCES = re.compile(r"^Differences from the papers?", re.MULTILINE)
_ROLE = re.compile(r":(?:mod|class|func|meth|attr|data|obj):`~?([^`]+)`")
_SENTENCE = re.compile(r"\.(?=\s+[A-Z]|\s*\Z)")


@dataclass(frozen=True)
class Text:
    """A docstring in the parts that a page has."""

    title: str
    """Its first sentence, without the full stop."""
    body: str
    """What follows, up to the differences."""
    differences: str
    """What stands after "Differences from the paper"; empty where there is nothing."""


def split(docstring: str | None) -> Text:
    """The parts of a docstring, its indentation removed; a missing one gives empty parts."""
    text = inspect.cleandoc(docstring or "")
    found = _DIFFERENCES.search(text)
    before, after = (text[: found.start()], text[found.end() :]) if found else (text, "")
    end = _SENTENCE.search(before)
    title, body = (before[: end.start()], before[end.end() :]) if end else (before, "")
    after = re.sub(r"^ \(([^)]*)\)", r"\1", after).lstrip(" ,:.\n")
    return Text(" ".join(title.split()), body.strip(), after[:1].upper() + after[1:].rstrip())


@dataclass(frozen=True)
class Links:
    """Where names in docstrings lead from a page."""

    folder: Path
    """The folder of the pages."""
    pages: Mapping[str, str]
    """Module -> name of its page."""

    def to(self, path: Path) -> str:
        """A file of the checkout as seen from the pages."""
        return Path(os.path.relpath(path, self.folder.resolve())).as_posix()

    def markdown(self, text: str) -> str:
        """reStructuredText's roles and double backticks as Markdown; modules become links."""
        return re.sub(r"``(.+?)``", r"`\1`", _ROLE.sub(self._role, text))

    def _role(self, found: re.Match[str]) -> str:
        name = found[1]
        if name in self.pages:
            return f"[`{name}`]({self.pages[name]})"
        file = ROOT / (name.replace(".", "/") + ".py")
        return f"[`{name}`]({self.to(file)})" if file.is_file() else f"`{name.rpartition('.')[2]}`"


def line(text: str) -> str:
    """Text for a cell of a table: one line, without a character that ends the cell."""
    return " ".join(text.split()).replace("|", "\\|")


def attributes(cls: type) -> dict[str, str]:
    """Docstrings of a class's attributes by name, those of its bases included; the nearest class wins."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__ not in ("builtins", "abc") and not base.__module__.startswith(("pydantic", "typing")):
            found |= _of_module(base.__module__).get(base.__qualname__, {})
    return found


@functools.cache
def _of_module(module: str) -> Mapping[str, Mapping[str, str]]:
    """Class -> attribute -> docstring, read from the source."""
    tree = ast.parse(inspect.getsource(import_module(module)))
    return {node.name: _of_class(node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for declared, after in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(declared, ast.AnnAssign)
            and isinstance(declared.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[declared.target.id] = inspect.cleandoc(after.value.value)
    return found
