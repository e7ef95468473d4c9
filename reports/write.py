"""Writes a report: one page, tables for papers and for Markdown, figures, and every score as CSV."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

from retable.reports.compute.runs import Runs
from retable.reports.errors import ReportError
from retable.reports.records.files import is_inside, write_atomically
from retable.reports.render import html_page, latex, markdown
from retable.reports.render.content import Content
from retable.reports.render.pictures import PageSize, compose
from retable.reports.render.results_csv import results_csv

POINTS = 60
"""Points of a training curve on the small page."""
SMALL = PageSize(quality=75, lossless_up_to=0, grids=(1,))
LEFT_OUT = (
    f"A small copy: pictures are WebP with loss (quality {SMALL.quality}), every row shows the last sample grid of its "
    f"first seed, curves are thinned to {POINTS} points. Left out: the list of every score (results.csv), and tables "
    "and figures as files of their own, which a report without --compact has."
)


def write_report(runs: Runs, out: Path) -> Path:
    """Write ``index.html``, ``tables/*.md``, ``tables/*.tex``, ``figures/*`` and ``results.csv`` below ``out``.

    Every file is replaced in one step, the page last, so that a reader never meets half a report.

    Returns:
        The path of the page.

    Raises:
        ReportError: the folder cannot be written, or a file of published tables is bad.
    """
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
    content = Content(runs)
    files: dict[str, str | bytes] = {}
    for table in content.all_tables:
        name = table.anchor.removeprefix("table-")
        files[f"tables/{name}.md"] = markdown.render(table, level=1)
        files[f"tables/{name}.tex"] = latex.render(table)
    for paper in content.claims:
        files[f"tables/{paper.paper}-claims.md"] = markdown.render_claims(paper, level=1)
        files[f"tables/{paper.paper}-claims.tex"] = latex.render_claims(paper)
    for drawing in (*content.curves.values(), *content.plots.values()):
        files[f"figures/{drawing.name}.svg"] = drawing.svg
        files[f"figures/{drawing.name}.png"] = drawing.png
    for anchor, shown in content.figures.items():
        if (picture := compose(shown.rows)) is not None:
            buffer = io.BytesIO()
            picture.save(buffer, format="PNG", compress_level=6)
            files[f"figures/{anchor.removeprefix('table-')}-outputs.png"] = buffer.getvalue()
    files["results.csv"] = results_csv(runs)
    files["index.html"] = html_page.render(content)
    for name, data in files.items():
        if not is_inside(out / name, out):
            raise ReportError(f"{out / name}: a link leads out of {out}; remove it")
        write(out / name, data)
    return out / "index.html"


def refuse_link_out(out: Path, root: Path) -> None:
    """Raise a :class:`ReportError` where the way to a report in a folder of runs leads out of it."""
    if not is_inside(out, root):
        raise ReportError(f"{out}: a link leads out of {root}; remove it, or name the report's folder with --to")


def write_small_report(runs: Runs, out: Path) -> Path:
    """Write ``index.html`` alone, which says at its top what it leaves out; see :func:`write_report`."""
    write(out / "index.html", html_page.render(Content(runs, points=POINTS), SMALL, LEFT_OUT))
    return out / "index.html"


def write(path: Path, content: str | bytes) -> None:
    """Replace a file in one step, and make its folder.

    Raises:
        ReportError: that is not possible.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        problem = f"{path}: cannot be written ({why}); choose another folder or mend its permissions"
        raise ReportError(problem) from error
