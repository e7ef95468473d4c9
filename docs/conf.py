"""The documentation site: these pages and the docstrings. ``tox -e docs`` builds it into ``build/docs``, offline.

The source folder is the repository's root, so that the links of README.md and CONTRIBUTING.md hold on the site as well.
"""

from __future__ import annotations

import re
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.ext.napoleon import GoogleDocstring

project = "Retable"
author = "the authors of Retable"
release = version = installed_version("retable")

root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "RESULTS.md", "docs/**"]
exclude_patterns = [".*", "benchmarks", "build", "datasets", "docs/_templates", "docs/ci", "methods"]
exclude_patterns += ["reports", "retable", "runs", "recorded", "tests", "practice"]
templates_path = [str(Path(__file__).parent / "_templates")]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinxcontrib.typer"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "ignore-module-all": True,  # what a package re-exports is documented where it is defined
    "exclude-members": "model_config",
}
smartquotes = False  # "--strict" has two hyphens
highlight_language = "none"  # for equations; code blocks name their language
python_maximum_signature_line_length = 88  # longer ones, such as settings with their defaults, take a line per argument
toc_object_entries_show_parents = "hide"

# Every role in a docstring has to find its target. The exceptions: names of other projects have none, because the build
# is offline, and private base classes and type variables have no entry of their own.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!retable\.).*"), ("py:(class|obj)", r".*\.(_\w+|\w+T|Found|Part)")]
suppress_warnings = ["ref.python"]  # Python's ``slice`` is also the name of a field, and so has several targets

html_theme = "pydata_sphinx_theme"
html_title = "Retable"
html_copy_source = False
html_sidebars = dict.fromkeys(["README", "CONTRIBUTING", "CHANGELOG", "docs/index", "docs/tutorial"], ())
html_additional_pages = {"index": "index.html"}  # the root of the site leads to docs/index.html
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": {"**": ["page-toc"], "docs/command": []},  # its help texts are wide
}

BAR = re.compile(r"(^    .*|``.*?``)|\|")


def literal_equations(lines: list[str]) -> list[str]:
    """Mark every indented block below a paragraph as literal: in our docstrings these are equations."""
    out: list[str] = []
    for line in lines:
        before = out[-2] if len(out) > 1 and not out[-1] else ""
        if line.startswith("    ") and re.match(r"[^\s.-]", before) and not before.endswith("::"):
            out += ["::", ""]
        out.append(line)
    return out


def prepare(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Turn a docstring of ours into reStructuredText: equations stay as they are, and ``|`` is an absolute value."""
    lines[:] = literal_equations([BAR.sub(lambda found: found[1] or r"\|", line) for line in lines])
    if what not in {"attribute", "data", "property"}:  # there napoleon takes the words before a colon for a type
        lines[:] = GoogleDocstring(lines, what=what, name=name, obj=obj, options=options).lines()


def setup(app: Sphinx) -> None:
    """Connect what has to happen to docstrings."""
    app.connect("autodoc-process-docstring", prepare)
